//! A policy as the operator wrote it.

use super::verbatim::VerbatimList;
use crate::cors::origins::pattern::OriginPattern;
use bytes::Bytes;
use http::StatusCode;
use std::collections::HashSet;

/// A policy as it is written, its origin patterns parsed.
#[derive(Debug, Clone, Default)]
pub struct PolicySpec {
    /// The policy's name in the configuration; may be empty.
    pub name: String,
    pub origins: Vec<OriginPattern>,
    /// Methods in addition to the safelisted GET, HEAD and POST, which are always allowed.
    pub methods: ListSpec,
    pub headers: ListSpec,
    pub expose_headers: ListSpec,
    pub credentials: bool,
    /// Seconds for which browsers may remember a preflight's answer. `None`: the field is not sent,
    /// and browsers take 5 s.
    pub max_age: Option<u64>,
    pub preflight_status: PreflightStatus,
    pub on_rejected_preflight: OnRejectedPreflight,
    pub other_options_requests: OtherOptionsRequests,
    pub upstream_cors_headers: UpstreamCorsHeaders,
    pub block_disallowed_origins: BlockDisallowedOrigins,
    pub private_network: bool,
    /// Whether refusals give their reason, in a field of our own.
    pub debug_header: bool,
    pub dangers: Dangers,
}

/// A list of methods or headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSpec {
    /// Names, which the gateway compares with those that are asked for, and sends as one list.
    Names(NameList),
    /// The header's value. The gateway compares nothing with it; the browser does.
    Verbatim(VerbatimList),
}

/// Names of methods or headers, and whether `*` is among them.
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
    /// For old clients that take 204 for an error.
    Ok,
}

/// The answer to a preflight that the policy refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OnRejectedPreflight {
    /// The policy's CORS fields if it allows the origin, so that the browser names the method or the header
    /// that is refused; 403 without CORS fields otherwise.
    #[default]
    Answer,
    /// 403 without CORS fields.
    Deny,
    /// The upstream's; its `Access-Control-*` fields are removed.
    Forward,
    /// One that the operator wrote, without CORS fields.
    Respond(WrittenAnswer),
}

/// The treatment of OPTIONS requests that are not preflights, because Origin or
/// Access-Control-Request-Method is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OtherOptionsRequests {
    /// They are treated as any other request: APIs use OPTIONS themselves.
    #[default]
    Forward,
    /// The answer to a preflight that is rejected.
    Reject,
}

/// An answer that the operator wrote, for rejected preflights or for all requests of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenAnswer {
    pub status: StatusCode,
    /// JSON, or empty.
    pub body: Bytes,
}

/// The treatment of the `Access-Control-*` fields that the upstream sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamCorsHeaders {
    /// They are removed.
    #[default]
    Strip,
    /// They are replaced if the policy allows the origin, and stay if it does not.
    Keep,
    /// They stay, and only missing fields are added.
    Fill,
}

/// The requests that are refused if their origin is neither allowed nor their own. A request without an
/// Origin never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockDisallowedOrigins {
    #[default]
    Never,
    /// Handshakes of WebSockets, which browsers make from any page and with cookies.
    WebSocket,
    All,
}

/// Dangers that the operator accepted, each by a key that names it.
/// [`Policy::new`](crate::cors::Policy::new) refuses all others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dangers {
    pub any_origin_with_credentials: bool,
    pub null_with_credentials: bool,
    /// Origins without https, those of apps among them.
    pub insecure_origins: bool,
    /// Origins of apps and browser extensions, and literals.
    pub app_schemes: bool,
    pub public_suffix_wildcards: bool,
}

// === impl ListSpec ===

impl Default for ListSpec {
    fn default() -> Self {
        Self::Names(NameList::default())
    }
}

impl From<NameList> for ListSpec {
    fn from(names: NameList) -> Self {
        Self::Names(names)
    }
}

impl ListSpec {
    /// Returns the names, if they are a list of names.
    pub fn names(&self) -> Option<&NameList> {
        match self {
            Self::Names(names) => Some(names),
            Self::Verbatim(_) => None,
        }
    }

    /// Applies `change` to a list of names. A text stays as it is.
    pub(super) fn map_names(self, change: impl FnOnce(NameList) -> NameList) -> Self {
        match self {
            Self::Names(names) => Self::Names(change(names)),
            Self::Verbatim(_) => self,
        }
    }

    /// Returns the list as browsers read it. They take a `*` with credentials for a name, and a value that is
    /// not a list allows nothing.
    pub(super) fn read(&self, credentials: bool) -> NameList {
        let list = match self {
            Self::Names(names) => return names.clone(),
            Self::Verbatim(list) => list.names().unwrap_or_default(),
        };
        let has_star = !credentials && list.contains(&"*");
        let names = list.into_iter().filter(|name| !has_star || *name != "*");
        NameList {
            any: has_star,
            names: names.map(str::to_owned).collect(),
        }
    }
}

// === impl NameList ===

impl NameList {
    pub(super) fn lower_case(self) -> Self {
        let names = self.names.iter().map(|name| name.to_ascii_lowercase());
        Self {
            names: names.collect(),
            ..self
        }
    }

    pub(super) fn without_duplicates(self) -> Self {
        let mut known = HashSet::with_capacity(self.names.len());
        let is_first: Vec<bool> = self.names.iter().map(|name| known.insert(name)).collect();
        let mut is_first = is_first.into_iter();
        let mut names = self.names;
        names.retain(|_| is_first.next().unwrap_or(true));
        Self { names, ..self }
    }
}
