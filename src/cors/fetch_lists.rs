//! The Fetch standard's lists of method and header names.
//!
//! Sources: <https://fetch.spec.whatwg.org/#methods> and
//! <https://fetch.spec.whatwg.org/#forbidden-request-header>.

use super::byte_set::ByteSet;

/// Methods that a preflight never has to list:
/// <https://fetch.spec.whatwg.org/#cors-safelisted-method>.
const SAFELISTED_METHODS: [&[u8]; 3] = [b"GET", b"HEAD", b"POST"];

/// Methods that `fetch()` turns to upper case, in whatever case the script wrote them:
/// <https://fetch.spec.whatwg.org/#concept-method-normalize>. `PATCH` is not among them.
pub const NORMALIZED_METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// Forbidden request-header names that are common in other gateways' configurations and harmless in
/// ours. They cause a warning instead of an error.
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

/// The bytes of a token. A table, because every byte of every requested header name is looked up.
static TOKEN_BYTES: ByteSet = ByteSet::of(&[
    ByteSet::LOWER,
    ByteSet::UPPER,
    ByteSet::DIGITS,
    b"!#$%&'*+-.^_`|~",
]);

pub(super) fn is_safelisted_method(method: &[u8]) -> bool {
    SAFELISTED_METHODS.contains(&method)
}

/// Whether browsers refuse the method to scripts:
/// <https://fetch.spec.whatwg.org/#forbidden-method>. The comparison ignores case, as the
/// standard's does.
pub fn is_forbidden_method(method: &[u8]) -> bool {
    [b"CONNECT".as_slice(), b"TRACE", b"TRACK"]
        .iter()
        .any(|forbidden| method.eq_ignore_ascii_case(forbidden))
}

/// Whether browsers refuse to let scripts set the header:
/// <https://fetch.spec.whatwg.org/#forbidden-request-header>. `name` is in lower case.
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

/// Whether the name is a field of a CORS response, which means nothing on a request. `name` is in lower
/// case.
pub fn is_cors_response_field(name: &str) -> bool {
    is_cors_field(name) && !name.starts_with("access-control-request-")
}

/// The prefix, in lower case, of all fields of the CORS protocol but Origin and Vary.
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
