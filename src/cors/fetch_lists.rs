//! The Fetch standard's lists of method and header names.
//!
//! Sources: <https://fetch.spec.whatwg.org/#methods> and
//! <https://fetch.spec.whatwg.org/#forbidden-request-header>.

use super::byte_set::ByteSet;

/// Methods that a preflight never has to list:
/// <https://fetch.spec.whatwg.org/#cors-safelisted-method>.
const SAFELISTED_METHODS: [&[u8]; 3] = [b"GET", b"HEAD", b"POST"];

/// The methods that `fetch()` turns to upper case whatever the script wrote:
/// <https://fetch.spec.whatwg.org/#concept-method-normalize>. `PATCH` is not among them.
pub const NORMALIZED_METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// Forbidden request-header names that are so common in other gateways' lists, and so harmless in
/// ours, that they are warned of rather than refused.
pub const HEADERS_FORBIDDEN_BUT_HARMLESS: [&str; 6] = [
    "accept-encoding",
    "content-length",
    "dnt",
    "keep-alive",
    "origin",
    "referer",
];

/// Whether `bytes` is a token: RFC 9110 §5.6.2.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && TOKEN_BYTES.contains_all(bytes)
}

/// The bytes of a token. A table, because every byte of every requested header's name is looked up.
static TOKEN_BYTES: ByteSet = ByteSet::of(&[
    ByteSet::LOWER,
    ByteSet::UPPER,
    ByteSet::DIGITS,
    b"!#$%&'*+-.^_`|~",
]);

pub(super) fn is_safelisted_method(method: &[u8]) -> bool {
    SAFELISTED_METHODS.contains(&method)
}

/// Whether no script may use the method: <https://fetch.spec.whatwg.org/#forbidden-method>.
/// Compared without case, as the standard does.
pub fn is_forbidden_method(method: &[u8]) -> bool {
    [b"CONNECT".as_slice(), b"TRACE", b"TRACK"]
        .iter()
        .any(|forbidden| method.eq_ignore_ascii_case(forbidden))
}

/// Whether no script may set the header: <https://fetch.spec.whatwg.org/#forbidden-request-header>.
/// `name` is in lower case.
pub fn is_forbidden_request_header(name: &str) -> bool {
    matches!(
        name,
        "accept-charset"
            | "accept-encoding"
            | "connection"
            | "content-length"
            | "cookie"
            | "cookie2"
            | "date"
            | "dnt"
            | "expect"
            | "host"
            | "keep-alive"
            | "origin"
            | "referer"
            | "set-cookie"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "via"
    ) || name.starts_with("proxy-")
        || name.starts_with("sec-")
        || is_cors_field(name)
}

/// Whether the name is one of the CORS protocol's own fields. `name` is in lower case.
pub(super) fn is_cors_field(name: &str) -> bool {
    name.starts_with(ACCESS_CONTROL)
}

/// What every field of the CORS protocol but Origin and Vary starts with, in lower case.
pub(super) const ACCESS_CONTROL: &str = "access-control-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_rfc_9110_says() {
        for token in ["GET", "x-a", "!#$%&'*+-.^_`|~09azAZ"] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in [
            "", "a b", "a,b", "a:b", "a\"", "(a)", "a/b", "\u{e9}", "a\u{7f}",
        ] {
            assert!(!is_token(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn forbidden_names_cover_prefixes_and_cors_own_fields() {
        for name in [
            "sec-fetch-site",
            "proxy-authorization",
            "cookie",
            "access-control-allow-origin",
        ] {
            assert!(is_forbidden_request_header(name), "{name}");
        }
        for name in [
            "authorization",
            "content-type",
            "secure",
            "proxy",
            "x-requested-with",
        ] {
            assert!(!is_forbidden_request_header(name), "{name}");
        }
    }
}
