//! The reasons for which a [`PolicySpec`](super::PolicySpec) is refused.

use crate::cors::origins::matcher::MatcherError;

/// One reason why a [`PolicySpec`](super::PolicySpec) is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PolicyError {
    pub field: SpecField,
    pub kind: PolicyErrorKind,
}

/// The place of an error in a [`PolicySpec`](super::PolicySpec).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecField {
    Origins,
    Origin(usize),
    Methods,
    Method(usize),
    Header(usize),
    ExposeHeaders,
    ExposeHeader(usize),
    OtherOptionsRequests,
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
    #[error("`on_rejected_preflight: forward` sends to the upstream what this rejects")]
    RejectsWhatIsForwarded,
    #[error(
        "any site could act as its visitors: `{0}` matches unrelated origins, with credentials"
    )]
    AnyOriginWithCredentials(String),
    #[error("any site can have the origin `null`, and credentials would go to it")]
    NullWithCredentials,
    #[error("`{0}` is not https, so an attacker on the network's path could act as its users")]
    InsecureOrigin(String),
    #[error(
        "`{0}` is the origin of an app or a browser extension, not of a site, and no certificate proves \
         which one has it: any that calls itself so could act as its users"
    )]
    AppOrigin(String),
    #[error("anyone can register a name under `{suffix}`, and `{pattern}` gives it credentials")]
    PublicSuffix { pattern: String, suffix: String },
}

// === impl PolicyErrorKind ===

impl PolicyErrorKind {
    /// Returns advice: what to write instead, or the key that accepts the danger.
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
                "write a list, with one name per element"
            }
            Self::NameWithStar(_) => "list the names, or write `*` for all of them",
            Self::AnyExposedWithCredentials => "list the headers by name",
            Self::RejectsWhatIsForwarded => {
                "remove it, or write `answer`, `deny` or an answer of your own under `on_rejected_preflight`"
            }
            Self::AnyOriginWithCredentials(_) => {
                "list the origins, or set `dangerously_allow_any_origin_with_credentials: true`"
            }
            Self::NullWithCredentials => {
                "remove it, or set `dangerously_allow_null_with_credentials: true`"
            }
            Self::InsecureOrigin(_) => {
                "write https, or set `dangerously_allow_insecure_origins: true`"
            }
            Self::AppOrigin(_) => {
                "set `dangerously_allow_app_schemes: true`, if any app with this origin may act as the users"
            }
            Self::PublicSuffix { .. } => {
                "name the domain that is yours, or set \
                 `dangerously_allow_public_suffix_wildcards: true`"
            }
            Self::NotAMethod(_) => "write a method such as `PUT`",
            Self::NotAHeader(_) => "write a name such as `x-request-id`",
            Self::Matcher(_) => {
                "write plain patterns such as `https://*.example.com` where they will do"
            }
        })
    }
}
