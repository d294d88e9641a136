//! The address of a backend, as flags and descriptions of services have it.
//!
//! *Invariant:* host and path can be written into a configuration as they are: no character in them has
//! a meaning there.

use crate::config::{Problem, bracketed};
use crate::routing::has_dot_segment;
use std::fmt;
use std::net::Ipv6Addr;

/// Maximum bytes of an address; beyond it, it is refused.
const MAX_BYTES: usize = 2_000;

/// The protocol of a backend, and whether it is within TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
    Grpc,
    Grpcs,
}

/// The address of a backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    pub scheme: Scheme,
    /// A name or an address; one of IPv6 is without its brackets.
    pub host: String,
    pub port: u16,
    /// The path, without the slash at its end: empty for the root.
    pub path: String,
}

// === impl Scheme ===

impl Scheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Grpc, Self::Grpcs];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
        }
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }

    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }

    /// Returns the port of an address that names none.
    pub fn default_port(self) -> u16 {
        match self.is_tls() {
            true => 443,
            false => 80,
        }
    }
}

// === impl Address ===

impl Address {
    /// Reads an address. One without a scheme has `default`; a query is ignored.
    ///
    /// # Errors
    ///
    /// Fails if the scheme is another one, or host, port or path are not valid.
    pub fn parse(text: &str, default: Scheme) -> Result<Self, Problem> {
        if text.len() > MAX_BYTES {
            let message = format!("the address is longer than {MAX_BYTES} bytes");
            return Err(Problem::new(message, "write a shorter one"));
        }
        let (scheme, rest) = match text.split_once("://") {
            None => (default, text),
            Some((scheme, rest)) => (scheme_of(scheme)?, rest),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None => scheme.default_port(),
            Some(port) => port_of(port)?,
        };
        if let Some(bad) = path.chars().find(|c| !is_of_path(*c)) {
            let message = format!("no path has {bad:?} in it");
            return Err(Problem::new(message, "write it as in a URL, such as `%20`"));
        }
        if path.contains("//") || has_dot_segment(path) {
            let message = format!("servers read the path `{path}` in several ways");
            return Err(Problem::new(message, "write it without `//`, `.` and `..`"));
        }
        Ok(Self {
            scheme,
            host,
            port,
            path: path.strip_suffix('/').unwrap_or(path).to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheme,
            host,
            port,
            path,
        } = self;
        write!(f, "{}://{}:{port}{path}", scheme.as_str(), bracketed(host))
    }
}

fn scheme_of(text: &str) -> Result<Scheme, Problem> {
    let mut all = Scheme::ALL.into_iter();
    let scheme = all.find(|scheme| scheme.as_str().eq_ignore_ascii_case(text));
    scheme.ok_or_else(|| {
        let message = format!("`{text}` is not the scheme of a backend");
        Problem::new(message, "write `http`, `https`, `grpc` or `grpcs`")
    })
}

fn port_of(text: &str) -> Result<u16, Problem> {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_digits && *port != 0);
    port.ok_or_else(|| {
        let message = format!("`{text}` is not a port");
        Problem::new(message, "write a number from 1 to 65535")
    })
}

/// Splits an authority into host and port, and checks the host.
fn host_and_port(authority: &str) -> Result<(String, Option<&str>), Problem> {
    if authority.contains('@') {
        return Err(Problem::new(
            "the address has a user's name in it",
            "write `HOST:PORT` alone",
        ));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').unwrap_or((rest, ""));
            let is_address = host.parse::<Ipv6Addr>().is_ok() && authority.contains(']');
            let port = match port.strip_prefix(':') {
                _ if !is_address => return Err(bad_host(authority)),
                Some(port) => Some(port),
                None if port.is_empty() => None,
                None => return Err(bad_host(authority)),
            };
            return Ok((host.to_owned(), port));
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err(Problem::new(
            "the address has no host",
            "write it as `https://HOST:PORT/PATH`",
        ));
    }
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match host.len() <= 253 && host.chars().all(is_of_name) {
        true => Ok((host.to_owned(), port)),
        false => Err(bad_host(host)),
    }
}

fn bad_host(text: &str) -> Problem {
    let message = format!("`{text}` is not a host");
    Problem::new(
        message,
        "write a name or an IP address, one of IPv6 within `[ ]`",
    )
}

/// Whether a path may have this character as it is: those of RFC 3986, and the percent sign.
fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_espv2_reads_it() {
        for (text, expected) in [
            ("http://a", "http://a:80"),
            ("https://a/", "https://a:443"),
            ("grpc://a", "grpc://a:80"),
            ("grpcs://a", "grpcs://a:443"),
            ("HTTP://a", "http://a:80"),
            ("a.example", "https://a.example:443"),
            ("a.example:8443/v1", "https://a.example:8443/v1"),
            ("http://127.0.0.1:8082/a/b/", "http://127.0.0.1:8082/a/b"),
            ("http://[::1]:90/x", "http://[::1]:90/x"),
            ("http://[::1]", "http://[::1]:80"),
            ("https://a//", "servers read the path `//` in several ways"),
            (
                "https://a/b/../c",
                "servers read the path `/b/../c` in several ways",
            ),
            ("https://a/b?c=d#e", "https://a:443/b"),
            ("https://a?c=d", "https://a:443"),
            ("ftp://a", "`ftp` is not the scheme of a backend"),
            ("://a", "`` is not the scheme of a backend"),
            ("", "the address has no host"),
            ("http://", "the address has no host"),
            ("http://:80", "the address has no host"),
            ("http://a:", "`` is not a port"),
            ("http://a:0", "`0` is not a port"),
            ("http://a:65536", "`65536` is not a port"),
            ("http://a:+1", "`+1` is not a port"),
            ("http://a:1:2", "`1:2` is not a port"),
            ("http://u:p@a", "the address has a user's name in it"),
            ("http://u@a", "the address has a user's name in it"),
            ("http://a b", "`a b` is not a host"),
            ("http://é", "`é` is not a host"),
            ("http://[::1", "`[::1` is not a host"),
            ("http://[a]", "`[a]` is not a host"),
            ("http://[::1]x", "`[::1]x` is not a host"),
            ("http://a/b c", "no path has ' ' in it"),
            ("http://a/\"", "no path has '\"' in it"),
            ("http://a/\n", "no path has '\\n' in it"),
        ] {
            let actual = match Address::parse(text, Scheme::Https) {
                Ok(address) => address.to_string(),
                Err(problem) => problem.message,
            };
            assert_eq!(actual, expected, "{text}");
        }
        let long = format!("http://a/{}", "b".repeat(MAX_BYTES));
        assert!(Address::parse(&long, Scheme::Https).is_err());
        assert!(Address::parse(&"a".repeat(254), Scheme::Https).is_err());
    }
}
