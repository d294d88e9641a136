//! An origin pattern: an element of `allow_origins`, checked.
//!
//! *Invariant:* an [`OriginPattern`] matches only origins that a reader of its text would expect: a
//! `*` stands for whole labels or for the whole port, never for a part of either.

mod elsewhere;
mod hint;

use super::literal::LiteralPattern;
use super::origin::{OriginError, TupleOrigin};
use super::punycode;
use super::regex::RegexPattern;
use hint::{hint, path_at};
use std::net::Ipv6Addr;

/// A validated origin pattern.
///
/// | pattern                   | matches                         | does not match             |
/// |---------------------------|---------------------------------|----------------------------|
/// | `https://a.example`       | itself, byte for byte           | `https://a.example:8443`   |
/// | `https://*.a.example`     | one or more labels below        | `https://a.example`        |
/// | `http://localhost:*`      | any port, or none               | another host               |
/// | `*`                       | any origin                      |                            |
/// | `null`                    | opaque origins                  | anything else              |
#[derive(Debug, Clone)]
pub enum OriginPattern {
    Any,
    Null,
    Tuple(TuplePattern),
    Regex(RegexPattern),
    Literal(LiteralPattern),
}

/// A pattern made of a scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TuplePattern {
    pub(super) scheme: String,
    /// Without the `*.` of a wildcard.
    pub(super) host: String,
    pub(super) host_pattern: HostPattern,
    pub(super) port: PortPattern,
}

/// The hosts that a [`TuplePattern`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// The host itself.
    Exact,
    /// `*.host`: one or more labels below it, never itself.
    Subdomains,
}

/// The ports that a [`TuplePattern`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortPattern {
    /// No port is written: the scheme's default.
    Default,
    Number(u16),
    /// `:*`: any port, or none.
    Any,
}

/// A string that is not an origin pattern, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not an origin pattern: {}", self.reason())]
pub struct PatternError {
    pub value: String,
    pub kind: PatternErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternErrorKind {
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("a `*` may stand for the first labels of the host or for the whole port only")]
    MisplacedWildcard,
    #[error("an IP address has no subdomains")]
    WildcardAddress,
    #[error(
        "a label of the host begins with `xn--` and is not the Punycode of a name, so that no browser sends it"
    )]
    BadPunycode,
    #[error("an IPv4-mapped IPv6 address is another spelling of an IPv4 address")]
    Ipv4Mapped,
    #[error("it is written like a regex")]
    Regex,
    #[error("it is several origins in one string")]
    Several,
}

// === impl PatternError ===

impl PatternError {
    /// Returns the reason that helps most: for a text in the spelling of other software, which it is. It is
    /// looked for only where it is shown, because a file may have millions of bad lines.
    pub fn reason(&self) -> PatternErrorKind {
        match self.kind {
            _ if elsewhere::is_regex(&self.value) => PatternErrorKind::Regex,
            _ if elsewhere::several(&self.value).is_some() => PatternErrorKind::Several,
            kind => kind,
        }
    }

    /// Returns the pattern that the author most likely meant, or a description of how patterns are
    /// written.
    pub fn hint(&self) -> Option<String> {
        hint(&self.value, self.reason())
    }
}

// === impl OriginPattern ===

impl OriginPattern {
    /// Parses a pattern that is written as one string: any but a regex or a literal.
    ///
    /// # Errors
    ///
    /// Refuses a text that no origin could ever equal (with a path, in upper case, without a scheme
    /// …), so that operators notice it when they write it and not when a user complains.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match text {
            "*" => Ok(Self::Any),
            "null" => Ok(Self::Null),
            _ => TuplePattern::parse(text)
                .map(Self::Tuple)
                .map_err(|kind| PatternError {
                    value: text.to_owned(),
                    kind,
                }),
        }
    }

    /// Returns the regex that `text` is in the spelling of other software, as `regex:` takes it.
    pub fn regex_of(text: &str) -> Option<String> {
        elsewhere::as_regex(text)
    }

    /// Whether the pattern has a `*`, and so stands for many origins.
    pub fn is_wildcard(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Tuple(tuple) => {
                tuple.host_pattern == HostPattern::Subdomains || tuple.port == PortPattern::Any
            }
            Self::Null | Self::Regex(_) | Self::Literal(_) => false,
        }
    }

    /// Returns an origin of every kind that the pattern matches; none for a regex, for `*`
    /// and for what is not a serialized origin.
    pub fn examples(&self) -> Vec<String> {
        let Self::Tuple(tuple) = self else {
            return Vec::new();
        };
        let text = tuple.text().replace("*.", "x.");
        match text.strip_suffix(":*") {
            // Without a port, and with one that no other pattern is likely to have.
            Some(origin) => vec![origin.to_owned(), format!("{origin}:49151")],
            None => vec![text],
        }
    }

    /// Returns the pattern's text in its normal form.
    pub fn text(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Tuple(tuple) => tuple.text(),
            Self::Regex(regex) => regex.text().to_owned(),
            Self::Literal(literal) => literal.text().to_owned(),
        }
    }
}

// === impl TuplePattern ===

impl TuplePattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternErrorKind> {
        let (origin, any_port) = match text.strip_suffix(":*") {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (text, false),
        };
        // Without the wildcard label the text must be an origin, so that patterns and origins can't
        // disagree about the syntax of hosts.
        let (origin, host_pattern) = match origin.split_once("://*.") {
            Some((scheme, host)) => (format!("{scheme}://{host}"), HostPattern::Subdomains),
            None => (origin.to_owned(), HostPattern::Exact),
        };
        if origin.contains('*') {
            return Err(match path_at(text) {
                Some(_) => OriginError::Path.into(),
                None => PatternErrorKind::MisplacedWildcard,
            });
        }
        let parsed = TupleOrigin::parse(origin.as_bytes())?;
        if is_ipv4_mapped(parsed.host()) {
            return Err(PatternErrorKind::Ipv4Mapped);
        }
        if punycode::bad_label(parsed.scheme(), parsed.host()).is_some() {
            return Err(PatternErrorKind::BadPunycode);
        }
        if host_pattern == HostPattern::Subdomains && parsed.is_ip() {
            return Err(PatternErrorKind::WildcardAddress);
        }
        let port = match (any_port, parsed.port()) {
            // `https://a.example:8443:*`
            (true, Some(_)) => return Err(OriginError::BadPort.into()),
            (true, None) => PortPattern::Any,
            (false, Some(port)) if parsed.without_default_port() == parsed.as_str() => {
                PortPattern::Number(port)
            }
            (false, _) => PortPattern::Default,
        };
        Ok(Self {
            scheme: parsed.scheme().to_owned(),
            host: parsed.host().to_owned(),
            host_pattern,
            port,
        })
    }

    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns the host, without the `*.` of a wildcard.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn host_pattern(&self) -> HostPattern {
        self.host_pattern
    }

    pub fn port(&self) -> PortPattern {
        self.port
    }

    pub fn text(&self) -> String {
        let star = match self.host_pattern {
            HostPattern::Exact => "",
            HostPattern::Subdomains => "*.",
        };
        let (scheme, host) = (&self.scheme, &self.host);
        match self.port {
            PortPattern::Default => format!("{scheme}://{star}{host}"),
            PortPattern::Number(port) => format!("{scheme}://{star}{host}:{port}"),
            PortPattern::Any => format!("{scheme}://{star}{host}:*"),
        }
    }

    /// Whether every matching origin is served by the visitor's own machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

/// Whether the host is a loopback name or address, which browsers trust like https:
/// <https://w3c.github.io/webappsec-secure-contexts/#localhost>.
pub(in crate::cors) fn is_loopback_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_ipv4_mapped(host: &str) -> bool {
    ipv6(host).is_some_and(|address| address.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests;
