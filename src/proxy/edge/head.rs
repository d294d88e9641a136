//! The header of one HTTP/1.1 request, read where it lies: how long it is, how the request is
//! framed, and whether it is a preflight so plain that it needs no session.

use crate::cors::{ByteSet, CorsRequest, SingleValue};
use crate::proxy::facts::HeaderLength;
use crate::routing::RequestFields;
use std::mem::MaybeUninit;

/// Maximum number of fields that are read; `limits.max_request_headers` allows as many at most.
pub(super) const MAX_FIELDS: usize = 256;

/// Maximum length of a plain preflight's target; beyond it, pingora judges the request.
const MAX_TARGET: usize = 8 << 10;

/// Room for the fields of one header. Not initialized: most of it is never used.
pub(super) type Slots<'b> = [MaybeUninit<httparse::Header<'b>>; MAX_FIELDS];

pub(super) const fn slots<'b>() -> Slots<'b> {
    [const { MaybeUninit::uninit() }; MAX_FIELDS]
}

/// The header at the beginning of a connection's bytes.
pub(super) enum Head<'h, 'b> {
    Partial,
    Whole(WholeHead<'h, 'b>),
    /// More fields than any header may have.
    TooManyFields,
    /// Bytes that can't be read as a header here. pingora mends some of them, and answers the others.
    Unreadable,
}

/// The whole header of a request.
pub(super) struct WholeHead<'h, 'b> {
    bytes: &'b [u8],
    method: &'b str,
    target: &'b str,
    version: u8,
    fields: &'h [httparse::Header<'b>],
}

/// The part of a request that follows its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// A body of so many bytes; 0 if there is none.
    Length(u64),
    /// A body in chunks. pingora finds its end.
    Chunked,
    /// A body of which neither its presence nor its end is certain.
    Unframed,
}

/// A preflight with nothing in it that two readers could understand differently.
pub(super) struct PlainPreflight<'b> {
    pub host: &'b [u8],
    pub path: &'b str,
}

// === impl Head ===

impl<'h, 'b> Head<'h, 'b> {
    pub(super) fn parse(bytes: &'b [u8], slots: &'h mut Slots<'b>) -> Self {
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, slots) {
            Ok(httparse::Status::Partial) => Self::Partial,
            Ok(httparse::Status::Complete(len)) => Self::Whole(WholeHead {
                bytes: &bytes[..len],
                method: request.method.unwrap_or_default(),
                target: request.path.unwrap_or_default(),
                version: request.version.unwrap_or_default(),
                fields: request.headers,
            }),
            Err(httparse::Error::TooManyHeaders) => Self::TooManyFields,
            // pingora mends targets, but would wait for the rest of the header without a deadline.
            Err(httparse::Error::Token | httparse::Error::Version)
                if bytes.first().is_some_and(u8::is_ascii_graphic) && !has_empty_line(bytes) =>
            {
                Self::Partial
            }
            Err(_) => Self::Unreadable,
        }
    }
}

// === impl WholeHead ===

impl<'h, 'b> WholeHead<'h, 'b> {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn length(&self) -> HeaderLength {
        HeaderLength {
            bytes: self.bytes.len(),
            fields: self.fields.len(),
        }
    }

    pub(super) fn fields(&self) -> &'h [httparse::Header<'b>] {
        self.fields
    }

    /// Returns the request's body by RFC 9112 §6.3. Doubtful framing is not guessed at.
    pub(super) fn body(&self) -> Body {
        let mut length = None;
        let mut is_chunked = false;
        for field in self.fields {
            if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if is_chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Body::Unframed;
                }
                is_chunked = true;
            } else if field.name.eq_ignore_ascii_case("content-length") {
                match digits(field.value) {
                    Some(digits) if length.is_none() => length = Some(digits),
                    _ => return Body::Unframed,
                }
            }
        }
        match (length, is_chunked) {
            (Some(_), true) => Body::Unframed,
            (None, true) => Body::Chunked,
            (length, false) => Body::Length(length.unwrap_or(0)),
        }
    }

    /// Returns the preflight if the request is a plain one: one Host, one Origin, a target that is a
    /// path, CRLF after each line, no body, and a Connection field that says keep-alive at most. Fills
    /// `cors` with the facts that CORS looks at. All other requests go through a session, where
    /// pingora and `check` judge them.
    pub(super) fn plain_preflight(&self, cors: &mut CorsRequest<'b>) -> Option<PlainPreflight<'b>> {
        if self.method != "OPTIONS" || self.version != 1 || !self.has_crlf_only() {
            return None;
        }
        let mut host = SingleValue::Absent;
        let mut has_connection = false;
        cors.method = b"OPTIONS";
        for field in self.fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By length first: a browser sends a dozen fields, and few have these.
            match field.name.len() {
                4 if is("host") => host.push(field.value),
                6 if is("origin") => cors.origin.push(field.value),
                29 if is("access-control-request-method") => cors.request_method.push(field.value),
                30 if is("access-control-request-headers") => {
                    cors.request_headers.push(field.value);
                }
                38 if is("access-control-request-private-network") => {
                    cors.request_private_network.push(field.value);
                }
                10 if is("connection") => {
                    if has_connection || !field.value.eq_ignore_ascii_case(b"keep-alive") {
                        return None;
                    }
                    has_connection = true;
                }
                6 if is("expect") => return None,
                7 if is("upgrade") => return None,
                14 if is("content-length") => return None,
                17 if is("transfer-encoding") => return None,
                _ => {}
            }
        }
        let host = host.one().filter(|host| is_plain_host(host))?;
        let is_preflight = matches!(cors.origin, SingleValue::One(_))
            && cors.request_method != SingleValue::Absent;
        let path = plain_path(self.target)?;
        is_preflight.then_some(PlainPreflight { host, path })
    }

    /// Returns whether every line ends with CRLF. httparse, like pingora, takes a bare LF as well.
    fn has_crlf_only(&self) -> bool {
        let start = self.bytes.as_ptr().addr();
        let follows_crlf = |at: usize| matches!(self.bytes[..at], [.., b'\r', b'\n']);
        self.bytes.ends_with(b"\r\n\r\n")
            && self
                .fields
                .iter()
                .all(|field| follows_crlf(field.name.as_ptr().addr() - start))
    }
}

/// Returns whether there is an empty line: the end of a header.
pub(super) fn has_empty_line(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| {
        let next = &bytes[at + 1..];
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    })
}

fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Returns whether a host is a name or an address, perhaps with a port: nothing that another reader
/// could understand differently.
fn is_plain_host(host: &[u8]) -> bool {
    static PLAIN: ByteSet =
        ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b".-_:"]);
    !host.is_empty() && PLAIN.contains_all(host)
}

/// Returns the path of a target in origin form, if all its bytes are those that RFC 3986 gives to
/// paths and queries.
fn plain_path(target: &str) -> Option<&str> {
    static PLAIN: ByteSet = ByteSet::of(&[
        ByteSet::LOWER,
        ByteSet::UPPER,
        ByteSet::DIGITS,
        b"/-._~!$&'()*+,;=:@%?",
    ]);
    let is_plain = target.len() <= MAX_TARGET && PLAIN.contains_all(target.as_bytes());
    let path = match memchr::memchr(b'?', target.as_bytes()) {
        Some(at) => &target[..at],
        None => target,
    };
    (is_plain && path.starts_with('/')).then_some(path)
}

// === impl RequestFields ===

impl RequestFields for &[httparse::Header<'_>] {
    fn has(&self, name: &str, value: &[u8]) -> bool {
        self.iter()
            .any(|field| field.name.eq_ignore_ascii_case(name) && field.value == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFLIGHT: &str = "OPTIONS /v1/books?q=1 HTTP/1.1\r\nHost: api.example.com:8080\r\n\
        Origin: https://app.example.com\r\nAccess-Control-Request-Method: PUT\r\n\r\n";

    fn with_head<T>(request: &str, then: impl FnOnce(&WholeHead<'_, '_>) -> T) -> T {
        let mut slots = slots();
        match Head::parse(request.as_bytes(), &mut slots) {
            Head::Whole(head) => then(&head),
            Head::Partial => panic!("{request:?} is not whole"),
            Head::TooManyFields | Head::Unreadable => panic!("{request:?} can't be read"),
        }
    }

    fn is_plain(request: &str) -> bool {
        let plain = |head: &WholeHead<'_, '_>| {
            let mut cors = CorsRequest::default();
            head.plain_preflight(&mut cors).is_some()
        };
        with_head(request, plain)
    }

    #[test]
    fn a_browsers_preflight_is_plain() {
        with_head(PREFLIGHT, |head| {
            let mut cors = CorsRequest::default();
            let PlainPreflight { host, path } =
                head.plain_preflight(&mut cors).expect("it is plain");
            assert_eq!(host, b"api.example.com:8080");
            assert_eq!(path, "/v1/books");
            assert_eq!(cors.origin, SingleValue::One(b"https://app.example.com"));
            assert_eq!(cors.request_method, SingleValue::One(b"PUT"));
        });
        for also in [
            "connection: Keep-Alive",
            "X-Other: a, b",
            "Access-Control-Request-Method: PUT",
            "ACCESS-CONTROL-REQUEST-HEADERS: a",
            "X-Empty:",
        ] {
            let request = PREFLIGHT.replace("\r\n\r\n", &format!("\r\n{also}\r\n\r\n"));
            assert!(is_plain(&request), "{also}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_plain() {
        for field in [
            "Host: other.example.com",
            "Origin: https://app.example.com",
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Upgrade: websocket",
            "Connection: close",
            "Connection: keep-alive, x-other",
            "Connection: keep-alive\r\nConnection: keep-alive",
        ] {
            let request = PREFLIGHT.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"));
            assert!(!is_plain(&request), "{field}");
        }
        for (this, instead) in [
            ("OPTIONS", "GET"),
            ("OPTIONS", "options"),
            ("/v1/books?q=1", "*"),
            ("/v1/books?q=1", "http://api.example.com/v1/books"),
            ("/v1/books", "/v1/b|ooks"),
            ("q=1", "q=#1"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("Host: api.example.com:8080\r\n", ""),
            ("Host: api.example.com:8080", "Host:"),
            ("Host: api.example.com:8080", "Host: a@api.example.com"),
            ("Origin: https://app.example.com\r\n", ""),
            ("Access-Control-Request-Method: PUT\r\n", ""),
            ("HTTP/1.1\r\n", "HTTP/1.1\n"),
            ("example.com\r\n", "example.com\n"),
            ("PUT\r\n\r\n", "PUT\n\r\n"),
            ("PUT\r\n\r\n", "PUT\r\n\n"),
            ("q=1", &"q".repeat(MAX_TARGET)),
        ] {
            let request = PREFLIGHT.replacen(this, instead, 1);
            assert_ne!(request, PREFLIGHT, "{this} was replaced");
            assert!(!is_plain(&request), "{instead:?} for {this:?}");
        }
    }

    #[test]
    fn a_body_ends_where_its_length_says_or_is_not_guessed_at() {
        for (fields, body) in [
            ("", Body::Length(0)),
            ("Content-Length: 5\r\n", Body::Length(5)),
            ("content-length: 005\r\n", Body::Length(5)),
            ("Content-Length: +5\r\n", Body::Unframed),
            ("Content-Length: 5, 5\r\n", Body::Unframed),
            ("Content-Length:\r\n", Body::Unframed),
            ("Content-Length: 99999999999999999999\r\n", Body::Unframed),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Body::Unframed),
            ("Transfer-Encoding: Chunked\r\n", Body::Chunked),
            ("Transfer-Encoding: gzip, chunked\r\n", Body::Unframed),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Body::Unframed,
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Body::Unframed,
            ),
        ] {
            let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            assert_eq!(with_head(&request, |head| head.body()), body, "{fields:?}");
        }
    }

    #[test]
    fn a_target_that_pingora_mends_is_waited_for_and_no_other_garbage() {
        let parse = |bytes: &str| {
            let mut slots = slots();
            match Head::parse(bytes.as_bytes(), &mut slots) {
                Head::Whole(_) => "whole",
                Head::Partial => "partial",
                Head::TooManyFields | Head::Unreadable => "unreadable",
            }
        };
        for (bytes, expected) in [
            ("GET /a b HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("_X /a b HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "unreadable"),
            ("\u{16}\u{3}\u{1} TLS", "unreadable"),
            ("GET / HTTP/1.1\r\nbad name: a\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("GET / HTTP/1.1\nHost: a\n\n", "whole"),
        ] {
            assert_eq!(parse(bytes), expected, "{bytes:?}");
        }
    }
}
