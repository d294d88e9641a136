//! Near misses: the difference between a server's value and the one that a browser compares with.

use crate::cors::near_miss::OWN_HOSTS;
use crate::cors::origins::origin::{default_port, host_and_port};
use std::fmt;

/// The difference between a value of Access-Control-Allow-Origin and the origin, if it is plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginMiss {
    Empty,
    /// One of the two is `null`.
    Null,
    Quotes,
    Case,
    TrailingSlash,
    Path,
    /// `https://*.example.com`.
    Wildcard,
    MissingScheme,
    Scheme,
    /// `:443` or `:80`, which browsers leave out.
    DefaultPort,
    Port,
    /// Both are names of the machine itself.
    OwnHost,
    /// One is a subdomain of the other.
    Subdomain,
}

/// The reason why a method is not listed although it seems to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MethodMiss {
    /// The list has it in this other case.
    Case(String),
    /// With credentials `*` is the name of a method.
    LiteralStar,
}

/// The meaning of a `*` in Access-Control-Allow-Headers for a name that isn't allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Star {
    Absent,
    /// With credentials `*` is the name of a header.
    LiteralWithCredentials,
    /// `*` stands for every name but `authorization`.
    NeverAuthorization,
}

// === impl OriginMiss ===

impl OriginMiss {
    /// Compares `value` with `origin`; `None` if it is another origin altogether.
    pub(super) fn between(value: &str, origin: &str) -> Option<Self> {
        let is_quoted = |quote: char| value.trim_matches(quote) == origin;
        Some(match value {
            "" => Self::Empty,
            "null" => Self::Null,
            _ if origin == "null" => Self::Null,
            _ if is_quoted('"') || is_quoted('\'') => Self::Quotes,
            _ if value.eq_ignore_ascii_case(origin) => Self::Case,
            _ if value.trim_end_matches('/') == origin => Self::TrailingSlash,
            _ if value
                .strip_prefix(origin)
                .is_some_and(|rest| rest.starts_with('/')) =>
            {
                Self::Path
            }
            _ if value.contains('*') => Self::Wildcard,
            _ => return Self::between_parts(value, origin),
        })
    }

    fn between_parts(value: &str, origin: &str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let (host, port) = host_and_port(authority);
        let Some((value_scheme, value_authority)) = value.split_once("://") else {
            let names_host = value == authority || value == host;
            return names_host.then_some(Self::MissingScheme);
        };
        let (value_host, value_port) = host_and_port(value_authority);
        if value_host == host {
            return Some(match value_scheme == scheme {
                false => Self::Scheme,
                true if port.is_none() && is_default(value_port, scheme) => Self::DefaultPort,
                true => Self::Port,
            });
        }
        if OWN_HOSTS.contains(&host) && OWN_HOSTS.contains(&value_host) {
            return Some(Self::OwnHost);
        }
        let below = |name: &str, parent: &str| {
            name.strip_suffix(parent)
                .is_some_and(|labels| labels.ends_with('.'))
        };
        (below(value_host, host) || below(host, value_host)).then_some(Self::Subdomain)
    }
}

fn is_default(port: Option<&str>, scheme: &str) -> bool {
    let port = port.and_then(|port| port.parse().ok());
    port.is_some() && port == default_port(scheme)
}

impl fmt::Display for OriginMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Null => "`null` matches only pages with an opaque origin",
            Self::Quotes => "it is in quotes",
            Self::Case => "upper and lower case differ",
            Self::TrailingSlash => "an origin has no slash at its end",
            Self::Path => "an origin has no path",
            Self::Wildcard => "browsers do not read `*` inside an origin as a wildcard",
            Self::MissingScheme => "the scheme is missing",
            Self::Scheme => "the schemes differ",
            Self::DefaultPort => "a browser leaves the default port out",
            Self::Port => "the ports differ",
            Self::OwnHost => {
                "`localhost`, `127.0.0.1` and `[::1]` are different hosts to a browser"
            }
            Self::Subdomain => "one host is a subdomain of the other",
        })
    }
}

// === impl MethodMiss ===

impl MethodMiss {
    pub(super) fn between(allowed: &[String], method: &str, credentials: bool) -> Option<Self> {
        let other_case = allowed.iter().find(|m| m.eq_ignore_ascii_case(method));
        let has_star = allowed.iter().any(|m| m == "*");
        match other_case {
            Some(spelling) => Some(Self::Case(spelling.clone())),
            None => (credentials && has_star).then_some(Self::LiteralStar),
        }
    }
}

impl fmt::Display for MethodMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(spelling) => write!(f, "`{spelling}` is another method"),
            Self::LiteralStar => {
                f.write_str("with credentials `*` is read as a method's name, not as a wildcard")
            }
        }
    }
}

// === impl Star ===

impl Star {
    /// Returns the reason why the list's `*` does not help.
    pub(super) fn why(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::LiteralWithCredentials => {
                Some("with credentials `*` is read as a header's name, not as a wildcard")
            }
            Self::NeverAuthorization => Some("`*` never covers `authorization`"),
        }
    }
}
