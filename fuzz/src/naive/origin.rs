//! One serialized origin, from <https://fetch.spec.whatwg.org/#origin-header>,
//! <https://url.spec.whatwg.org/#host-serializing> and the bounds in the README. Host names are what
//! DNS and browsers have: labels of letters, digits, `-` and `_`, and perhaps a final dot.

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Null,
    Tuple(Tuple),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuple {
    pub scheme: String,
    pub host: String,
    pub port: Option<u16>,
}

pub fn parse(value: &[u8]) -> Option<Origin> {
    if value == b"null" {
        return Some(Origin::Null);
    }
    if value.len() > 326 {
        return None;
    }
    tuple(std::str::from_utf8(value).ok()?).map(Origin::Tuple)
}

fn tuple(text: &str) -> Option<Tuple> {
    let (scheme, authority) = text.split_once("://")?;
    if !is_scheme(scheme) {
        return None;
    }
    // The last colon outside of brackets is the port's.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(parse_port(port)?)),
        _ => (authority, None),
    };
    is_host(host).then(|| Tuple {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port,
    })
}

/// RFC 3986 §3.1, in lower case. The origin of a `file:` page is opaque.
fn is_scheme(scheme: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    scheme.len() <= 64
        && scheme != "file"
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(is_inner)
}

/// The shortest decimal number from 1 to 65535.
fn parse_port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port != 0 && port.to_string() == text).then_some(port)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(is_serialized_ipv6),
        None => is_serialized_ipv4(host) || (is_name(host) && !ends_in_a_number(host)),
    }
}

fn is_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_byte = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    name.len() <= 253
        && name
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(is_byte))
}

/// <https://url.spec.whatwg.org/#ends-in-a-number-checker>
pub fn ends_in_a_number(host: &str) -> bool {
    let mut parts: Vec<&str> = host.split('.').collect();
    if parts.last() == Some(&"") {
        if parts.len() == 1 {
            return false;
        }
        parts.pop();
    }
    let last = parts.last().copied().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    let hex = last.strip_prefix("0x");
    is_decimal || hex.is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()))
}

/// <https://url.spec.whatwg.org/#concept-ipv4-serializer>
pub fn is_serialized_ipv4(host: &str) -> bool {
    let is_part = |part: &str| part.parse::<u8>().is_ok_and(|n| n.to_string() == part);
    host.split('.').count() == 4 && host.split('.').all(is_part)
}

fn is_serialized_ipv6(text: &str) -> bool {
    ipv6_pieces(text).is_some_and(|pieces| serialized_ipv6(&pieces) == text)
}

/// The eight pieces of an address.
pub fn ipv6_pieces(text: &str) -> Option<Vec<u16>> {
    let pieces = |part: &str| -> Option<Vec<u16>> {
        if part.is_empty() {
            return Some(Vec::new());
        }
        let is_piece = |piece: &str| {
            matches!(piece.len(), 1..=4) && piece.chars().all(|c| c.is_ascii_hexdigit())
        };
        part.split(':')
            .map(|piece| {
                u16::from_str_radix(piece, 16)
                    .ok()
                    .filter(|_| is_piece(piece))
            })
            .collect()
    };
    let Some((before, after)) = text.split_once("::") else {
        return pieces(text).filter(|pieces| pieces.len() == 8);
    };
    let (before, after) = (pieces(before)?, pieces(after)?);
    let zeros = 8_usize.checked_sub(before.len() + after.len())?;
    Some([before, vec![0; zeros], after].concat())
}

/// <https://url.spec.whatwg.org/#concept-ipv6-serializer>
fn serialized_ipv6(pieces: &[u16]) -> String {
    let zeros_at = |at: usize| pieces[at..].iter().take_while(|piece| **piece == 0).count();
    // The first of the longest runs of zeros that are longer than one.
    let longest = (0..8).map(zeros_at).max().unwrap_or(0);
    let compressed = (0..8).find(|&at| longest > 1 && zeros_at(at) == longest);
    let hex = |pieces: &[u16]| -> String {
        let texts: Vec<String> = pieces.iter().map(|piece| format!("{piece:x}")).collect();
        texts.join(":")
    };
    match compressed {
        Some(at) => format!("{}::{}", hex(&pieces[..at]), hex(&pieces[at + longest..])),
        None => hex(pieces),
    }
}
