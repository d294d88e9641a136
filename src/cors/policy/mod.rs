//! A policy: what the operator wrote ([`PolicySpec`]), and what requests are decided on
//! ([`Policy`]).
//!
//! *Invariant:* a policy that would be unsafe or useless has no constructor. [`Policy::new`] is the
//! only one, it reports every problem at once, and what it returns can't change.

mod check;
mod fields;

pub use check::UNRELATED_ORIGINS;

use super::fetch_lists::{is_forbidden_method, is_safelisted_method, is_token};
use super::origins::matcher::{MatcherError, OriginMatcher};
use super::origins::pattern::OriginPattern;
use super::response_fields::{FieldName, FieldValue, VarySet};
use http::StatusCode;

/// A policy as it is written, its origin patterns parsed.
#[derive(Debug, Clone, Default)]
pub struct PolicySpec {
    /// What people call it; may be empty.
    pub name: String,
    pub origins: Vec<OriginPattern>,
    /// Methods beside the safelisted GET, HEAD and POST, which are always allowed.
    pub methods: NameList,
    pub headers: NameList,
    pub expose_headers: NameList,
    pub credentials: bool,
    /// In seconds. `None`: the field is not sent, and browsers take 5 s.
    pub max_age: Option<u64>,
    pub preflight_status: PreflightStatus,
    pub on_rejected_preflight: OnRejectedPreflight,
    pub upstream_cors_headers: UpstreamCorsHeaders,
    pub private_network: bool,
    /// Whether refusals say why, in a field of our own.
    pub debug_header: bool,
    pub dangers: Dangers,
}

/// Names of methods or headers, and whether `*` stands among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameList {
    pub any: bool,
    pub names: Vec<String>,
}

/// The status of an allowed preflight's answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreflightStatus {
    #[default]
    NoContent,
    /// For old clients that choke on 204.
    Ok,
}

/// Who answers a preflight that the policy refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnRejectedPreflight {
    /// The gateway, with 403.
    #[default]
    Respond,
    /// The upstream, less its `Access-Control-*`.
    Forward,
}

/// What becomes of the `Access-Control-*` fields that the upstream sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamCorsHeaders {
    /// They are removed.
    #[default]
    Strip,
    /// They stay where the policy does not allow the origin, and are replaced where it does.
    Keep,
    /// They stay, and only what is missing is added.
    Fill,
}

/// The keys that name a danger. Each permits what is refused without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dangers {
    pub any_origin_with_credentials: bool,
    pub null_with_credentials: bool,
    pub insecure_origins: bool,
    pub public_suffix_wildcards: bool,
}

/// A compiled policy: immutable, its header values rendered once.
#[derive(Debug)]
pub struct Policy {
    name: Box<str>,
    origins: OriginMatcher,
    constant_any: bool,
    any_method: bool,
    method_names: Box<[Box<[u8]>]>,
    any_header: bool,
    /// In lower case, sorted by length and then by bytes.
    header_names: Box<[Box<[u8]>]>,
    /// Of the answer to a preflight that is allowed, in the order in which they are sent.
    preflight_fields: Box<[(FieldName, FieldValue)]>,
    preflight_status: StatusCode,
    on_rejected_preflight: OnRejectedPreflight,
    upstream_cors_headers: UpstreamCorsHeaders,
    private_network: bool,
    debug_header: bool,
}

/// One reason why a [`PolicySpec`] is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    pub field: SpecField,
    pub kind: PolicyErrorKind,
}

/// The place in a [`PolicySpec`] that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecField {
    Origins,
    Origin(usize),
    Methods,
    Method(usize),
    Header(usize),
    ExposeHeaders,
    ExposeHeader(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyErrorKind {
    #[error("no origin is allowed: the list is empty")]
    NoOrigins,
    #[error("`*` allows every origin, so that the patterns beside it mean nothing")]
    AnyBesideOthers,
    #[error("`*` allows every method, so that the names beside it mean nothing")]
    AnyMethodBesideOthers,
    #[error("{0}")]
    Matcher(#[from] MatcherError),
    #[error("`{0}` is not a method: RFC 9110 has no such token")]
    NotAMethod(String),
    #[error("`{0}` is a name to browsers, not a pattern")]
    NameWithStar(String),
    #[error("no script may use the method `{0}`")]
    ForbiddenMethod(String),
    #[error("`{0}` is not a header name: RFC 9110 has no such token")]
    NotAHeader(String),
    #[error("no script may set the header `{0}`")]
    ForbiddenHeader(String),
    #[error("`{0}` is a field of the CORS protocol itself")]
    CorsField(String),
    #[error("no script may read the header `{0}`")]
    UnreadableHeader(String),
    #[error("with credentials a browser takes the `*` for a header's name")]
    AnyExposedWithCredentials,
    #[error(
        "any site could act as its visitors: `{0}` matches unrelated origins, with credentials"
    )]
    AnyOriginWithCredentials(String),
    #[error("any site can have the origin `null`, and credentials would go to it")]
    NullWithCredentials,
    #[error("`{0}` is not https, so that whoever is on the network's path could act as its users")]
    InsecureOrigin(String),
    #[error("anybody can register a name under `{suffix}`, and `{pattern}` gives it credentials")]
    PublicSuffix { pattern: String, suffix: String },
}

// === impl PolicyErrorKind ===

impl PolicyErrorKind {
    /// What to write instead, or which key says that the danger is wanted.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoOrigins => "list the origins, or write `*` for all of them",
            Self::AnyBesideOthers => "remove the `*` or the other patterns",
            Self::AnyMethodBesideOthers => "remove the `*` or the names",
            Self::ForbiddenMethod(_) | Self::ForbiddenHeader(_) => {
                "remove it: browsers never ask for it"
            }
            Self::UnreadableHeader(_) => "remove it: browsers hide it from scripts",
            Self::CorsField(_) => "remove it: it is CORS's own, and no script's",
            Self::NotAMethod(name) | Self::NotAHeader(name) if name.contains([',', ' ']) => {
                "write a list, with one name an element"
            }
            Self::NameWithStar(_) => "list the names, or write `*` for all of them",
            Self::AnyExposedWithCredentials => "list the headers by name",
            Self::AnyOriginWithCredentials(_) => {
                "list the origins, or set `dangerously_allow_any_origin_with_credentials: true`"
            }
            Self::NullWithCredentials => {
                "remove it, or set `dangerously_allow_null_with_credentials: true`"
            }
            Self::InsecureOrigin(_) => {
                "write https, or set `dangerously_allow_insecure_origins: true`"
            }
            Self::PublicSuffix { .. } => {
                "name the domain that is yours, or set \
                 `dangerously_allow_public_suffix_wildcards: true`"
            }
            Self::NotAMethod(_) => "write a method such as `PUT`",
            Self::NotAHeader(_) => "write a name such as `x-request-id`",
            Self::Matcher(_) => return None,
        })
    }
}

// === impl Policy ===

impl Policy {
    /// Compiles `spec`. Reports every problem at once.
    ///
    /// | origins                   | credentials | result                                        |
    /// |---------------------------|-------------|-----------------------------------------------|
    /// | none                      |             | error                                         |
    /// | `*`, `https://a.example`  |             | error                                         |
    /// | `*`                       | yes         | error unless `any_origin_with_credentials`    |
    /// | `http://a.example`        | yes         | error unless `insecure_origins`               |
    /// | `https://*.github.io`     | yes         | error unless `public_suffix_wildcards`        |
    pub fn new(spec: PolicySpec) -> Result<Self, Vec<PolicyError>> {
        let mut errors = check::problems(&spec);
        let any = spec.origins.iter().any(|p| matches!(p, OriginPattern::Any));
        let any_matches_null = !spec.credentials || spec.dangers.null_with_credentials;
        let origins = match OriginMatcher::new(&spec.origins, any_matches_null) {
            Ok(origins) if errors.is_empty() => origins,
            Ok(_) => return Err(errors),
            Err(error) => {
                errors.push(PolicyError {
                    field: SpecField::Origins,
                    kind: error.into(),
                });
                return Err(errors);
            }
        };
        Ok(Self::compile(spec, origins, any))
    }

    fn compile(spec: PolicySpec, origins: OriginMatcher, any: bool) -> Self {
        let spec = PolicySpec {
            methods: spec.methods.without_duplicates(),
            headers: spec.headers.lower_case().without_duplicates(),
            expose_headers: spec.expose_headers.lower_case().without_duplicates(),
            ..spec
        };
        let constant_any = any && !spec.credentials;
        let bytes = |name: &String| -> Box<[u8]> { name.as_bytes().into() };
        let mut header_names: Vec<Box<[u8]>> = spec.headers.names.iter().map(bytes).collect();
        header_names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        Self {
            origins,
            constant_any,
            any_method: spec.methods.any,
            method_names: spec.methods.names.iter().map(bytes).collect(),
            any_header: spec.headers.any,
            header_names: header_names.into_boxed_slice(),
            preflight_fields: fields::preflight(&spec, constant_any),
            preflight_status: match spec.preflight_status {
                PreflightStatus::NoContent => StatusCode::NO_CONTENT,
                PreflightStatus::Ok => StatusCode::OK,
            },
            on_rejected_preflight: spec.on_rejected_preflight,
            upstream_cors_headers: spec.upstream_cors_headers,
            private_network: spec.private_network,
            debug_header: spec.debug_header,
            name: spec.name.into(),
        }
    }

    /// What people call it; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The origins that may read responses.
    pub fn origins(&self) -> &OriginMatcher {
        &self.origins
    }

    /// Whether Access-Control-Allow-Origin is `*` on every response.
    pub(super) fn is_constant_any(&self) -> bool {
        self.constant_any
    }

    pub(super) fn allows_method(&self, method: &[u8]) -> bool {
        is_safelisted_method(method)
            || self.method_names.iter().any(|name| **name == *method)
            // A method called `*` would have to be answered with a `*` that means something else.
            || (self.any_method && !is_forbidden_method(method) && method != b"*")
    }

    /// Whether a script may set the header; what is no token is nobody's. `*` never covers `authorization`:
    /// <https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name>.
    pub(super) fn allows_header(&self, name: &[u8]) -> bool {
        let first = self
            .header_names
            .partition_point(|known| known.len() < name.len());
        self.header_names[first..]
            .iter()
            .take_while(|known| known.len() == name.len())
            .any(|known| known.eq_ignore_ascii_case(name))
            || (self.any_header
                && !name.eq_ignore_ascii_case(b"authorization")
                && name != b"*"
                && is_token(name))
    }

    pub(super) fn allows_any_header(&self) -> bool {
        self.any_header
    }

    /// The methods that are listed.
    pub(super) fn method_names(&self) -> impl Iterator<Item = &[u8]> {
        self.method_names.iter().map(|name| &**name)
    }

    /// The headers that are listed, in lower case.
    pub(super) fn header_names(&self) -> impl Iterator<Item = &[u8]> {
        self.header_names.iter().map(|name| &**name)
    }

    /// The fields of the answer to a preflight that is allowed, in the order in which they are sent.
    pub(super) fn preflight_fields(&self) -> &[(FieldName, FieldValue)] {
        &self.preflight_fields
    }

    /// The fields of every other response that an allowed origin may read, its Vary aside.
    pub(super) fn actual_fields(&self) -> impl Iterator<Item = &(FieldName, FieldValue)> {
        let is_of_actual = |name| {
            use FieldName::{AllowCredentials, AllowOrigin, ExposeHeaders};
            matches!(name, AllowOrigin | AllowCredentials | ExposeHeaders)
        };
        let fields = self.preflight_fields.iter();
        fields.filter(move |(name, _)| is_of_actual(*name))
    }

    /// The status of the answer to a preflight that the policy allows.
    pub fn preflight_status(&self) -> StatusCode {
        self.preflight_status
    }

    pub(super) fn on_rejected_preflight(&self) -> OnRejectedPreflight {
        self.on_rejected_preflight
    }

    pub(super) fn upstream_cors_headers(&self) -> UpstreamCorsHeaders {
        self.upstream_cors_headers
    }

    pub(super) fn has_debug_header(&self) -> bool {
        self.debug_header
    }

    /// The Vary of a response; a constant `*` is the same for every origin.
    pub(super) fn vary(&self) -> VarySet {
        match self.constant_any {
            true => VarySet::Nothing,
            false => VarySet::Origin,
        }
    }

    /// The Vary of every answer to a preflight.
    pub(super) fn preflight_vary(&self) -> VarySet {
        VarySet::of_preflight(self.private_network)
    }
}

// === impl NameList ===

impl NameList {
    fn lower_case(self) -> Self {
        let names = self.names.iter().map(|name| name.to_ascii_lowercase());
        Self {
            names: names.collect(),
            ..self
        }
    }

    fn without_duplicates(self) -> Self {
        let mut names: Vec<String> = Vec::with_capacity(self.names.len());
        for name in self.names {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Self { names, ..self }
    }
}
