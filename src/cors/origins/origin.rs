//! A serialized origin: the value of an Origin field, checked and taken apart without a copy.
//!
//! The grammar is the Fetch standard's `origin-or-null`
//! (<https://fetch.spec.whatwg.org/#origin-header>), widened by what browsers really send: labels
//! with `_`, and a host that ends with a dot. Both are syntactically fine and simply other hosts.
//!
//! *Invariant:* whatever parses here is safe to echo: lower-case ASCII without white space,
//! quotes, commas or control characters.

use crate::cors::byte_set::ByteSet;
use arrayvec::ArrayString;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Maximum bytes of a scheme; an origin with a longer one is malformed. The longest registered
/// scheme has 36 bytes.
const MAX_SCHEME_LEN: usize = 64;
/// Maximum bytes of a host name: RFC 1035 §2.3.4. The final dot that browsers keep is not counted.
const MAX_NAME_LEN: usize = 253;

/// Maximum bytes of an origin (scheme, `://`, host, `:`, port); a longer one is malformed.
pub const MAX_ORIGIN_LEN: usize = MAX_SCHEME_LEN + 3 + MAX_NAME_LEN + 1 + 5;

/// A serialized origin, borrowed from the request that carried it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// `null`: an opaque origin (sandboxed frames, `file:`, `data:`, redirects across origins).
    Null,
    /// Scheme, host and port.
    Tuple(TupleOrigin<'a>),
}

/// A [tuple origin](https://html.spec.whatwg.org/multipage/browsers.html#concept-origin-tuple).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TupleOrigin<'a> {
    text: &'a str,
    scheme_len: usize,
    host_end: usize,
    port: Option<u16>,
    host_kind: HostKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostKind {
    Domain,
    Ipv4,
    Ipv6,
}

/// A reason why a string is not a serialized origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("it is longer than {MAX_ORIGIN_LEN} bytes")]
    TooLong,
    #[error("it is empty")]
    Empty,
    #[error("the scheme is missing")]
    MissingScheme,
    #[error("the scheme is not a lower-case letter followed by letters, digits, `+`, `-` or `.`")]
    BadScheme,
    #[error("`file:` pages have the opaque origin `null`")]
    FileScheme,
    #[error("the host is missing")]
    MissingHost,
    #[error("an origin has no upper-case letters")]
    UpperCase,
    #[error("an origin is ASCII")]
    NotAscii,
    #[error("an origin has no white space or control characters")]
    WhiteSpace,
    #[error("an origin has no user name or password")]
    UserInfo,
    #[error("an origin has no path, query or fragment")]
    Path,
    #[error("the host has a character that no host name has")]
    BadHostCharacter,
    #[error("the host has an empty label, or is longer than a name can be")]
    BadLabel,
    #[error("the host ends in a number but is not an IPv4 address of four decimal parts")]
    BadIpv4,
    #[error("the host is not an IPv6 address in its shortest form")]
    BadIpv6,
    #[error("the port is not a number from 1 to 65535 without leading zeros")]
    BadPort,
}

// === impl Origin ===

impl<'a> Origin<'a> {
    /// Parses the value of an Origin field.
    ///
    /// | value                         | result                                   |
    /// |-------------------------------|------------------------------------------|
    /// | `https://app.example.com`     | a tuple origin                           |
    /// | `https://app.example.com:443` | a tuple origin, unequal to the one above |
    /// | `null`                        | the opaque origin                        |
    /// | `https://app.example.com/`    | [`OriginError::Path`]                    |
    /// | `https://APP.example.com`     | [`OriginError::UpperCase`]               |
    /// | `https://127.1`               | [`OriginError::BadIpv4`]                 |
    pub fn parse(value: &'a [u8]) -> Result<Self, OriginError> {
        if value == b"null" {
            return Ok(Self::Null);
        }
        TupleOrigin::parse(value).map(Self::Tuple)
    }
}

// === impl TupleOrigin ===

impl<'a> TupleOrigin<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, OriginError> {
        // The length comes first, so that nothing below reads more than a few hundred bytes.
        if value.len() > MAX_ORIGIN_LEN {
            return Err(OriginError::TooLong);
        }
        if value.is_empty() {
            return Err(OriginError::Empty);
        }
        let text = ascii_text(value)?;
        let scheme_len = scheme_len(value)?;
        let authority_at = scheme_len + "://".len();
        let authority = &text[authority_at..];
        let (host_len, host_kind) = host_len(authority)?;
        let port = match authority.as_bytes().get(host_len) {
            None => None,
            Some(b':') => Some(parse_port(&authority[host_len + 1..])?),
            Some(b'/' | b'?' | b'#' | b'\\') => return Err(OriginError::Path),
            Some(_) => return Err(OriginError::BadHostCharacter),
        };
        Ok(Self {
            text,
            scheme_len,
            host_end: authority_at + host_len,
            port,
            host_kind,
        })
    }

    /// Returns the whole origin, as it was sent.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    pub fn scheme(&self) -> &'a str {
        &self.text[..self.scheme_len]
    }

    /// Returns the host; an IPv6 address has its brackets.
    pub fn host(&self) -> &'a str {
        &self.text[self.scheme_len + "://".len()..self.host_end]
    }

    /// Returns the port; `None` is the scheme's default, which is not written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is the origin of an app or a browser extension, not of a server on a network.
    pub fn is_of_an_app(&self) -> bool {
        is_app_scheme(self.scheme())
    }

    pub(in crate::cors) fn is_ip(&self) -> bool {
        self.host_kind != HostKind::Domain
    }

    /// Returns the origin without a redundant default port, which browsers leave out.
    pub(in crate::cors) fn without_default_port(&self) -> &'a str {
        match self.port {
            Some(port) if Some(port) == default_port(self.scheme()) => &self.text[..self.host_end],
            _ => self.text,
        }
    }
}

/// Splits an authority into its host (an IPv6 address has its brackets) and its port, as written.
pub fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Returns the port of an authority if it is not one. A client would otherwise silently use the
/// scheme's default port.
pub fn invalid_port(authority: &str) -> Option<&str> {
    let (_, port) = host_and_port(authority);
    let is_valid = |port: &&str| {
        port.is_empty() || (port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
    };
    port.filter(|port| !is_valid(port))
}

/// Returns the origin of a URL with this scheme and authority, as a browser serializes it: in lower
/// case, and without the scheme's default port.
pub fn origin_of(scheme: &str, authority: &str) -> String {
    let (host, port) = host_and_port(authority);
    let host = host.to_ascii_lowercase();
    let port = port.and_then(|port| port.parse().ok());
    match port.filter(|&port| Some(port) != default_port(scheme)) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

/// Returns the default port of a special scheme: <https://url.spec.whatwg.org/#default-port>.
pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        _ => None,
    }
}

/// Whether origins with this scheme belong to apps and browser extensions, not to servers on a
/// network: any scheme but those with a default port.
pub(in crate::cors) fn is_app_scheme(scheme: &str) -> bool {
    default_port(&scheme.to_ascii_lowercase()).is_none()
}

/// Whether `text` begins with such a scheme.
pub(in crate::cors) fn is_of_an_app(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(is_app_scheme)
}

fn ascii_text(value: &[u8]) -> Result<&str, OriginError> {
    // Nearly every value passes, and one table look-up is faster than three comparisons of ranges.
    if let Some(&byte) = value.iter().find(|byte| !GRAPHIC.contains(**byte)) {
        return Err(match byte {
            b'A'..=b'Z' => OriginError::UpperCase,
            0x80.. => OriginError::NotAscii,
            _ => OriginError::WhiteSpace,
        });
    }
    // ASCII is UTF-8, so that this never fails; the error keeps the function total.
    std::str::from_utf8(value).map_err(|_| OriginError::NotAscii)
}

/// Visible ASCII without upper-case letters.
static GRAPHIC: ByteSet = ByteSet::of(&[
    ByteSet::LOWER,
    ByteSet::DIGITS,
    br##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##,
]);

fn scheme_len(value: &[u8]) -> Result<usize, OriginError> {
    let is_end = |byte: &u8| *byte == b':';
    let len = value
        .iter()
        .position(is_end)
        .ok_or(OriginError::MissingScheme)?;
    // A colon without `//` precedes a port: `localhost:3000` lacks its scheme.
    if !value[len..].starts_with(b"://") {
        return Err(OriginError::MissingScheme);
    }
    match &value[..len] {
        [] => Err(OriginError::MissingScheme),
        b"https" | b"http" => Ok(len),
        b"file" => Err(OriginError::FileScheme),
        [b'a'..=b'z', rest @ ..]
            if rest.len() < MAX_SCHEME_LEN && rest.iter().all(is_scheme_byte) =>
        {
            Ok(len)
        }
        _ => Err(OriginError::BadScheme),
    }
}

fn is_scheme_byte(byte: &u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.')
}

/// Returns the length of the host that `authority` starts with, and its kind.
fn host_len(authority: &str) -> Result<(usize, HostKind), OriginError> {
    let bytes = authority.as_bytes();
    if let Some(rest) = authority.strip_prefix('[') {
        let len = rest.find(']').ok_or(OriginError::BadIpv6)?;
        if !is_shortest_ipv6(&rest[..len]) {
            return Err(OriginError::BadIpv6);
        }
        return Ok((len + 2, HostKind::Ipv6));
    }
    let len = bytes.iter().position(|byte| !HOST.contains(*byte));
    let len = len.unwrap_or(bytes.len());
    // A user name is the best explanation for anything but a port behind the host.
    if len < bytes.len() && bytes[len..].contains(&b'@') {
        return Err(OriginError::UserInfo);
    }
    let host = &authority[..len];
    if host.is_empty() {
        return match bytes.first() {
            None | Some(b':' | b'/' | b'?' | b'#') => Err(OriginError::MissingHost),
            Some(_) => Err(OriginError::BadHostCharacter),
        };
    }
    // A final dot makes a fully qualified name, which is a valid host but another one.
    let labels = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let has_empty_label = labels.split(|&byte| byte == b'.').any(<[u8]>::is_empty);
    if labels.len() > MAX_NAME_LEN || has_empty_label {
        return Err(OriginError::BadLabel);
    }
    if !ends_in_a_number(labels) {
        return Ok((len, HostKind::Domain));
    }
    // `Ipv4Addr`'s parser accepts only four decimal parts without leading zeros.
    match host.parse::<Ipv4Addr>() {
        Ok(_) => Ok((len, HostKind::Ipv4)),
        Err(_) => Err(OriginError::BadIpv4),
    }
}

/// The bytes of names and IPv4 addresses.
static HOST: ByteSet = ByteSet::of(&[ByteSet::LOWER, ByteSet::DIGITS, b"-_."]);

/// Whether the host ends in a number. If so, it must be an IPv4 address, so that `127.1` and
/// `0x7f000001` never pass for names: <https://url.spec.whatwg.org/#ends-in-a-number-checker>.
fn ends_in_a_number(host: &[u8]) -> bool {
    let last = host.rsplit(|&byte| byte == b'.').next().unwrap_or(host);
    match last {
        [b'0', b'x', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        _ => last.iter().all(u8::is_ascii_digit),
    }
}

/// Whether `text` is an IPv6 address in the form that browsers send:
/// <https://url.spec.whatwg.org/#concept-ipv6-serializer>.
fn is_shortest_ipv6(text: &str) -> bool {
    /// Maximum bytes of an IPv6 address as text, rounded up; a longer text would not be an address.
    const MAX_LEN: usize = 48;
    let Ok(address) = text.parse::<Ipv6Addr>() else {
        return false;
    };
    // On the stack: deciding must not allocate.
    let mut shortest = ArrayString::<MAX_LEN>::new();
    // Rust writes an IPv4-mapped address with dots; URLs write it in hexadecimal.
    let written = match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => write!(shortest, "::ffff:{high:x}:{low:x}"),
        _ => write!(shortest, "{address}"),
    };
    written.is_ok() && shortest.as_str() == text
}

pub(super) fn parse_port(text: &str) -> Result<u16, OriginError> {
    let digits = text.as_bytes();
    let shaped =
        matches!(digits.len(), 1..=5) && digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    if !shaped {
        // The mistake in `https://a.example:443/` is the slash, not the port.
        return match text.find(['/', '?', '#', '\\']) {
            Some(at) if parse_port(&text[..at]).is_ok() => Err(OriginError::Path),
            _ => Err(OriginError::BadPort),
        };
    }
    text.parse().map_err(|_| OriginError::BadPort)
}

#[cfg(test)]
mod tests;
