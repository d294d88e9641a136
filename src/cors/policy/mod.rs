//! A policy, as the operator wrote it ([`PolicySpec`]) and as it decides about requests
//! ([`Policy`]).
//!
//! *Invariant:* an unsafe or useless policy can't be constructed. [`Policy::new`] is the only
//! constructor, it reports every problem at once, and its result can't change.

mod check;
mod error;
mod fields;
mod same;
mod spec;
mod verbatim;

pub use check::UNRELATED_ORIGINS;
pub use error::{PolicyError, PolicyErrorKind, SpecField};
pub use spec::{
    BlockDisallowedOrigins, Dangers, ListSpec, NameList, OnRejectedPreflight, OtherOptionsRequests,
    PolicySpec, PreflightStatus, UpstreamCorsHeaders, WrittenAnswer,
};
pub use verbatim::{VerbatimError, VerbatimList};

use super::fetch_lists::{is_forbidden_method, is_safelisted_method, is_token};
use super::origins::matcher::OriginMatcher;
use super::origins::pattern::OriginPattern;
use super::request::CorsRequest;
use super::response_fields::{FieldName, FieldValue};
use http::StatusCode;
use std::collections::BTreeSet;

/// A compiled policy: immutable, its header values rendered once.
#[derive(Debug)]
pub struct Policy {
    name: Box<str>,
    origins: OriginMatcher,
    constant_any: bool,
    /// The lists that are sent as written. The names below are then those that a browser reads in them, and the
    /// gateway compares them with nothing.
    as_written: AsWritten,
    any_method: bool,
    method_names: Box<[Box<[u8]>]>,
    any_header: bool,
    /// In lower case, sorted by length and then by bytes.
    header_names: Box<[Box<[u8]>]>,
    /// The fields of the answer to an allowed preflight, in the order in which they are sent; Vary aside.
    preflight_fields: Box<[(FieldName, FieldValue)]>,
    preflight_status: StatusCode,
    on_rejected_preflight: OnRejectedPreflight,
    other_options_requests: OtherOptionsRequests,
    upstream_cors_headers: UpstreamCorsHeaders,
    block_disallowed_origins: BlockDisallowedOrigins,
    private_network: bool,
    debug_header: bool,
}

/// Whether each list of a policy is sent as it is written.
#[derive(Debug, Clone, Copy)]
pub struct AsWritten {
    pub methods: bool,
    pub headers: bool,
    pub exposed: bool,
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
    /// | `app://a`                 | yes         | error unless `app_schemes` or the one above   |
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
            methods: spec.methods.map_names(NameList::without_duplicates),
            headers: spec.headers.map_names(in_lower_case),
            expose_headers: spec.expose_headers.map_names(in_lower_case),
            ..spec
        };
        let is_text = |list: &ListSpec| matches!(list, ListSpec::Verbatim(_));
        let methods = spec.methods.read(spec.credentials);
        let headers = in_lower_case(spec.headers.read(spec.credentials));
        let constant_any = any && !spec.credentials;
        let bytes = |name: &String| -> Box<[u8]> { name.as_bytes().into() };
        let mut header_names: Vec<Box<[u8]>> = headers.names.iter().map(bytes).collect();
        header_names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        Self {
            origins,
            constant_any,
            as_written: AsWritten {
                methods: is_text(&spec.methods),
                headers: is_text(&spec.headers),
                exposed: is_text(&spec.expose_headers),
            },
            any_method: methods.any,
            method_names: methods.names.iter().map(bytes).collect(),
            any_header: headers.any,
            header_names: header_names.into_boxed_slice(),
            preflight_fields: fields::preflight(&spec, constant_any),
            preflight_status: match spec.preflight_status {
                PreflightStatus::NoContent => StatusCode::NO_CONTENT,
                PreflightStatus::Ok => StatusCode::OK,
            },
            on_rejected_preflight: spec.on_rejected_preflight,
            other_options_requests: spec.other_options_requests,
            upstream_cors_headers: spec.upstream_cors_headers,
            block_disallowed_origins: spec.block_disallowed_origins,
            private_network: spec.private_network,
            debug_header: spec.debug_header,
            name: spec.name.into(),
        }
    }

    /// Returns the policy's name in the configuration; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the origins that may read responses.
    pub fn origins(&self) -> &OriginMatcher {
        &self.origins
    }

    /// Whether Access-Control-Allow-Origin is `*` on every response.
    pub(super) fn is_constant_any(&self) -> bool {
        self.constant_any
    }

    /// Returns the lists that are sent as written: the gateway compares nothing with them.
    pub fn as_written(&self) -> AsWritten {
        self.as_written
    }

    /// Whether the gateway permits the method, which is a token.
    pub(super) fn allows_method(&self, method: &[u8]) -> bool {
        self.as_written.methods || self.lists_method(method)
    }

    /// Whether a browser finds the method in the list that is sent, or needs no list for it.
    pub(super) fn lists_method(&self, method: &[u8]) -> bool {
        is_safelisted_method(method)
            || self.method_names.iter().any(|name| **name == *method)
            // A method called `*` could not be allowed alone: the answer's `*` would mean every
            // method.
            || (self.any_method && !is_forbidden_method(method) && method != b"*")
    }

    /// Whether the gateway permits a script to set the header; always false for a name that is not a token.
    pub(super) fn allows_header(&self, name: &[u8]) -> bool {
        match self.as_written.headers {
            true => is_token(name),
            false => self.lists_header(name),
        }
    }

    /// Whether a browser finds the header in the list that is sent; always false for a name that is not a token.
    /// `*` never covers `authorization`:
    /// <https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name>.
    pub(super) fn lists_header(&self, name: &[u8]) -> bool {
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

    pub(super) fn allows_any_method(&self) -> bool {
        self.any_method
    }

    pub(super) fn allows_any_header(&self) -> bool {
        self.any_header
    }

    /// Returns the methods beside safelisted ones that a browser takes an answer for: those that are
    /// listed and, for a policy with `*`, those in `known`.
    pub fn answered_methods<'a>(
        &'a self,
        known: &'a BTreeSet<&'a [u8]>,
    ) -> impl Iterator<Item = &'a [u8]> {
        let any = known.iter().copied().filter(|_| self.any_method);
        let all = self.method_names().chain(any);
        all.filter(|method| !is_safelisted_method(method) && !is_forbidden_method(method))
    }

    /// Returns the listed methods.
    pub(super) fn method_names(&self) -> impl Iterator<Item = &[u8]> {
        self.method_names.iter().map(|name| &**name)
    }

    /// Returns the listed headers, in lower case.
    pub(super) fn header_names(&self) -> impl Iterator<Item = &[u8]> {
        self.header_names.iter().map(|name| &**name)
    }

    /// Returns the fields of the answer to an allowed preflight, in the order in which they are
    /// sent, without Vary.
    pub(super) fn preflight_fields(&self) -> &[(FieldName, FieldValue)] {
        &self.preflight_fields
    }

    /// Returns the fields of any other response that an allowed origin may read, without Vary.
    pub(super) fn actual_fields(&self) -> impl Iterator<Item = &(FieldName, FieldValue)> {
        let is_of_actual = |name| {
            use FieldName::{AllowCredentials, AllowOrigin, ExposeHeaders};
            matches!(name, AllowOrigin | AllowCredentials | ExposeHeaders)
        };
        let fields = self.preflight_fields.iter();
        fields.filter(move |(name, _)| is_of_actual(*name))
    }

    /// Returns the status of the answer to an allowed preflight.
    pub fn preflight_status(&self) -> StatusCode {
        self.preflight_status
    }

    pub(super) fn on_rejected_preflight(&self) -> &OnRejectedPreflight {
        &self.on_rejected_preflight
    }

    /// Returns the treatment of OPTIONS requests that are not preflights.
    pub fn other_options_requests(&self) -> OtherOptionsRequests {
        self.other_options_requests
    }

    pub(super) fn upstream_cors_headers(&self) -> UpstreamCorsHeaders {
        self.upstream_cors_headers
    }

    /// Returns the requests that are refused if their origin is neither allowed nor their own.
    pub fn block_disallowed_origins(&self) -> BlockDisallowedOrigins {
        self.block_disallowed_origins
    }

    /// Whether a request that this policy denies is refused, if its origin is not its own.
    pub(super) fn blocks(&self, request: &CorsRequest<'_>) -> bool {
        match self.block_disallowed_origins {
            BlockDisallowedOrigins::Never => false,
            BlockDisallowedOrigins::WebSocket => request.is_websocket,
            BlockDisallowedOrigins::All => true,
        }
    }

    pub(super) fn has_debug_header(&self) -> bool {
        self.debug_header
    }

    /// Whether the policy looks at Access-Control-Request-Private-Network.
    pub(super) fn has_private_network(&self) -> bool {
        self.private_network
    }
}

/// Returns the names of headers, which have no case, each once.
fn in_lower_case(names: NameList) -> NameList {
    names.lower_case().without_duplicates()
}
