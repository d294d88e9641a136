//! The host of a request, as routes compare it.

use super::matches::HostMatch;
use crate::cors::ByteSet;
use http::{HeaderMap, HeaderValue, Uri, header};
use std::net::Ipv6Addr;

/// Returns the authority that a request is sent to: its target's, else its Host field. It may have
/// a port; it is empty if the request has neither.
pub fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> &'a [u8] {
    match uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => headers.get(header::HOST).map_or(b"", HeaderValue::as_bytes),
    }
}

/// Whether `authority` is a host, perhaps with a port: a name of letters, digits, hyphens, underscores
/// and dots, an IPv4 address, or an IPv6 address in brackets.
///
/// RFC 3986 allows more characters, but no host has them, and servers cut them off at different
/// places: what is `api;x` to one is `api` to the next.
pub fn is_authority(authority: &[u8]) -> bool {
    let (host, port) = split_port(authority);
    let is_port = |port: &[u8]| match std::str::from_utf8(port) {
        // An empty port is the default one: RFC 3986 §3.2.3.
        Ok(port) => port.is_empty() || port.parse::<u16>().is_ok(),
        Err(_) => false,
    };
    port.is_none_or(is_port) && (is_name(host) || ipv6(host).is_some())
}

/// Whether two authorities are the same where no port means `default_port`.
pub fn is_same_authority(one: &[u8], other: &[u8], default_port: u16) -> bool {
    let parts = |authority| {
        let (host, port) = split_port(authority);
        let port = port.filter(|port| !port.is_empty());
        let port = port.and_then(|port| std::str::from_utf8(port).ok()?.parse::<u16>().ok());
        (host, port.unwrap_or(default_port))
    };
    let ((one, one_port), (other, other_port)) = (parts(one), parts(other));
    one.eq_ignore_ascii_case(other) && one_port == other_port
}

/// Splits off a colon and the digits behind it.
fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    match authority.iter().rposition(|&byte| byte == b':') {
        Some(at) if authority[at + 1..].iter().all(u8::is_ascii_digit) => {
            (&authority[..at], Some(&authority[at + 1..]))
        }
        _ => (authority, None),
    }
}

fn is_name(host: &[u8]) -> bool {
    static IN_LABELS: ByteSet =
        ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b"-_"]);
    let host = host.strip_suffix(b".").unwrap_or(host);
    let is_label = |label: &[u8]| (1..=63).contains(&label.len()) && IN_LABELS.contains_all(label);
    host.len() <= 253 && host.split(|&byte| byte == b'.').all(is_label)
}

/// Reads an IPv6 address in brackets. One with a zone is not a host: zones have a meaning on one
/// machine only.
fn ipv6(host: &[u8]) -> Option<Ipv6Addr> {
    let address = host.strip_prefix(b"[")?.strip_suffix(b"]")?;
    std::str::from_utf8(address).ok()?.parse().ok()
}

/// Maximum bytes of a host that routes can name; a longer one matches no route's.
pub(super) const MAX_HOST_LEN: usize = 256;

/// Writes the host in lower case, without its port and without a final dot, into `buffer`. Returns
/// `None` if it is too long.
pub(super) fn host_name<'a>(host: &[u8], buffer: &'a mut [u8; MAX_HOST_LEN]) -> Option<&'a [u8]> {
    let (name, _) = split_port(host);
    let name = name.strip_suffix(b".").unwrap_or(name);
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(lower)
}

// === impl HostMatch ===

impl HostMatch {
    /// Whether the rule takes `host`, which is in the form of [`host_name`].
    pub(super) fn is_match(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(name) => name.as_bytes() == host,
            Self::Subdomains(name) => host
                .strip_suffix(name.as_bytes())
                .is_some_and(|labels| labels.ends_with(b".") && labels.len() > 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for host in [
            "api",
            "API.example.com.",
            "api:8080",
            "api:",
            "api:0",
            "api:65535",
            "_sip.example.com",
            "xn--bcher-kva.example",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "[::1]:",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
        let long = "a.".repeat(126) + "ab";
        for host in [
            "",
            ".",
            ":80",
            ".api",
            "api..x",
            "api, evil",
            "api,evil",
            "api evil",
            "api/evil",
            "api\\evil",
            "api;x",
            "api?x",
            "api#x",
            "user@api",
            "api:99999",
            "api:65536",
            "api:080808",
            "api:+80",
            "api:80a",
            "api:-1",
            "a:b:80",
            "api:80:80",
            "[api]",
            "[::1",
            "::1",
            "::1]",
            "[::1]x",
            "[::1%25lo]",
            "[v1.x]",
            "[]",
            "[127.0.0.1]",
            "api%00",
            "api%2e",
            "<b>",
            "\"api\"",
            "*",
            "*.example.com",
            "b\u{fc}cher.example",
            "a\tb",
            &long,
            &"a".repeat(64),
        ] {
            assert!(!is_authority(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn authorities_are_the_same_with_and_without_the_default_port() {
        for (one, other, is_same) in [
            ("h", "h:80", true),
            ("h:80", "h", true),
            ("h:", "h", true),
            ("H", "h:080", true),
            ("[::1]:80", "[::1]", true),
            ("h", "h:81", false),
            ("h:8080", "h", false),
            ("h", "i", false),
            ("h:80", "h.:80", false),
        ] {
            assert_eq!(
                is_same_authority(one.as_bytes(), other.as_bytes(), 80),
                is_same
            );
        }
    }
}
