//! The header of one HTTP/1 request, read where it lies: how long it is, how the request is framed,
//! and whether it is a preflight so plain that it needs no session.

use crate::cors::{ByteSet, CorsRequest, SingleValue};
use crate::framing::{Framing, FramingError, framing, is_framing_field};
use crate::proxy::client::Client;
use crate::proxy::facts::{Facts, HeaderLength, Target};
use crate::routing::{RequestFields, is_same_authority, normalized_path};
use bytes::BytesMut;
use http::Version;
use pingora_core::protocols::http::authority::validate_request_authority;
use pingora_http::RequestHeader;
use std::mem::MaybeUninit;

/// Maximum number of fields that are read; `limits.max_request_headers` allows as many at most.
pub(super) const MAX_FIELDS: usize = 256;

/// Maximum length of a field's name. The `http` crate, and with it pingora, takes a longer one for malformed.
pub(super) const MAX_NAME: usize = u16::MAX as usize;

/// Maximum length of a plain request's target; beyond it, pingora judges the request.
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
    /// Bytes that are not a header. pingora's parser would mend some of them, such as a blank in a
    /// target; an upstream could see another request in them.
    Unreadable,
}

/// The whole header of a request.
pub(super) struct WholeHead<'h, 'b> {
    bytes: &'b [u8],
    method: &'b str,
    target: &'b str,
    version: Version,
    fields: &'h [httparse::Header<'b>],
}

/// The parts of a request with nothing in it that two readers could understand differently.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain<'b> {
    pub host: &'b [u8],
    /// The target's path, as it was sent.
    pub path: &'b str,
    /// The target's query, behind the question mark.
    pub query: Option<&'b str>,
    /// Whether the client lets the connection be kept. If not, it sends nothing more on it: RFC 9112 §9.6 holds it
    /// to that.
    pub keep_alive: bool,
    /// Whether a field says that there is a body.
    states_body: bool,
}

// === impl Head ===

impl<'h, 'b> Head<'h, 'b> {
    pub(super) fn parse(bytes: &'b [u8], slots: &'h mut Slots<'b>) -> Self {
        if bytes.starts_with(b"\n") {
            // httparse would skip it.
            return Self::Unreadable;
        }
        let mut request = httparse::Request::new(&mut []);
        let len = match request.parse_with_uninit_headers(bytes, slots) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Self::Partial,
            Err(httparse::Error::TooManyHeaders) => return Self::TooManyFields,
            Err(_) => return Self::Unreadable,
        };
        let head = WholeHead {
            bytes: &bytes[..len],
            method: request.method.unwrap_or_default(),
            target: request.path.unwrap_or_default(),
            version: match request.version {
                Some(0) => Version::HTTP_10,
                _ => Version::HTTP_11,
            },
            fields: request.headers,
        };
        match head.has_crlf_only() {
            true => Self::Whole(head),
            false => Self::Unreadable,
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

    /// Returns the header for pingora, with [`Self::host_of_target`].
    pub(super) fn to_bytes(&self) -> BytesMut {
        let Some((host, authority)) = self.host_of_target() else {
            return BytesMut::from(self.bytes);
        };
        let start = host.as_ptr().addr() - self.bytes.as_ptr().addr();
        let (before, rest) = self.bytes.split_at(start);
        let parts = [before, authority.as_bytes(), &rest[host.len()..]];
        BytesMut::from(parts.concat().as_slice())
    }

    /// Returns the value of Host and the text that pingora is to find there.
    ///
    /// A target in absolute form has the host itself, and RFC 9112 §3.2.2 has servers go by it. pingora
    /// refuses the request unless Host repeats it byte for byte; here Host does so if it names the same
    /// host and port in another spelling, such as without the default port.
    fn host_of_target(&self) -> Option<(&'b [u8], &'b str)> {
        let (authority, port) = absolute_authority(self.target)?;
        let is_host = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("host");
        let mut hosts = self.fields.iter().filter(is_host);
        let (host, None) = (hosts.next()?.value, hosts.next()) else {
            return None;
        };
        let is_other = host != authority.as_bytes();
        (is_other && is_same_authority(host, authority.as_bytes(), port))
            .then_some((host, authority))
    }

    pub(super) fn method(&self) -> &'b str {
        self.method
    }

    pub(super) fn target(&self) -> &'b str {
        self.target
    }

    /// Decides where the request's body ends.
    pub(super) fn framing(&self) -> Result<Framing, FramingError> {
        let fields = self.fields.iter();
        framing(
            self.version,
            fields.map(|field| (field.name.as_bytes(), field.value)),
        )
    }

    /// Whether target and host are so plain that pingora has nothing against them.
    pub(super) fn is_plain(&self) -> bool {
        let mut host = SingleValue::Absent;
        for field in self.fields {
            if field.name.eq_ignore_ascii_case("host") {
                host.push(field.value);
            }
        }
        host.one().is_some_and(is_plain_host) && plain_target(self.target).is_some()
    }

    /// Reads the header as pingora would; returns `None` if pingora would refuse it.
    pub(super) fn to_request(&self) -> Option<RequestHeader> {
        let target = self.target.as_bytes();
        let mut request =
            RequestHeader::build(self.method, target, Some(self.fields.len())).ok()?;
        request.set_version(self.version);
        let host_of_target = self.host_of_target();
        for field in self.fields {
            let value = match host_of_target {
                Some((host, authority)) if field.name.eq_ignore_ascii_case("host") => {
                    debug_assert_eq!(field.value, host, "there is one");
                    authority.as_bytes()
                }
                _ => field.value,
            };
            request.append_header(field.name.to_owned(), value).ok()?;
        }
        validate_request_authority(&request).ok()?;
        Some(request)
    }

    /// Returns the parts of a plain preflight: a plain request without a body. Fills `cors` with the facts that CORS looks at. All others go through a session, where
    /// pingora and `check` judge them.
    pub(super) fn plain_preflight(&self, cors: &mut CorsRequest<'b>) -> Option<Plain<'b>> {
        if self.method != "OPTIONS" {
            return None;
        }
        let plain = self.plain(cors)?;
        let is_preflight = matches!(cors.origin, SingleValue::One(_))
            && cors.request_method != SingleValue::Absent;
        (is_preflight && !plain.states_body).then_some(plain)
    }

    /// Returns the parts of a plain request: of HTTP/1.1, with one Host, a target that is a path, and a
    /// Connection field that says keep-alive or close at most. None of its other fields is about the connection,
    /// or asks for more than a response. Fills `cors` with the facts that CORS looks at.
    pub(super) fn plain(&self, cors: &mut CorsRequest<'b>) -> Option<Plain<'b>> {
        if self.version != Version::HTTP_11 {
            return None;
        }
        let mut host = SingleValue::Absent;
        let (mut connection, mut states_body) = (SingleValue::Absent, false);
        let is_options = self.method == "OPTIONS";
        cors.method = self.method.as_bytes();
        for field in self.fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By length first: a browser sends a dozen fields, and few have these.
            match field.name.len() {
                4 if is("host") => host.push(field.value),
                6 if is("origin") => cors.origin.push(field.value),
                29 if is_options && is("access-control-request-method") => {
                    cors.request_method.push(field.value);
                }
                30 if is_options && is("access-control-request-headers") => {
                    cors.request_headers.push(field.value);
                }
                38 if is_options && is("access-control-request-private-network") => {
                    cors.request_private_network.push(field.value);
                }
                10 if is("connection") => connection.push(field.value),
                // Over HTTP/2, it says no more than that trailers are welcome.
                2 if is("te") => return None,
                _ if is_for_pingora(field.name) => return None,
                14 | 17 => states_body |= is_framing_field(field.name.as_bytes()),
                _ => {}
            }
        }
        let keep_alive = match connection {
            SingleValue::Absent => true,
            SingleValue::One(option) if option.eq_ignore_ascii_case(b"keep-alive") => true,
            SingleValue::One(option) if option.eq_ignore_ascii_case(b"close") => false,
            _ => return None,
        };
        let host = host.one().filter(|host| is_plain_host(host))?;
        let (path, query) = plain_target(self.target)?;
        cors.authority = host;
        Some(Plain {
            host,
            path,
            query,
            keep_alive,
            states_body,
        })
    }

    /// Returns whether every line ends with CRLF. httparse, like pingora, takes a bare LF as well, which
    /// RFC 9112 §2.2 allows; to another reader it is a part of the line.
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

/// Whether a field asks for more than a response, or is about the connection, whatever version of HTTP it came by: a
/// request with one is pingora's.
pub(super) fn is_for_pingora(name: &str) -> bool {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    match name.len() {
        6 => is("expect"),
        7 => is("upgrade"),
        10 => is("keep-alive"),
        14 => is("http2-settings"),
        16 => is("proxy-connection"),
        18 => is("proxy-authenticate"),
        19 => is("proxy-authorization"),
        length => length > MAX_NAME,
    }
}

/// Reads the facts of a plain request with this body.
pub(super) fn plain_facts<'a>(
    client: &'a Client,
    head: &WholeHead<'_, 'a>,
    plain: &Plain<'a>,
    fields: &'a &[httparse::Header<'a>],
    cors: &'a CorsRequest<'a>,
    framing: Framing,
) -> Facts<'a> {
    Facts {
        client,
        target: Target::Path(plain.path),
        host: plain.host,
        query: plain.query,
        path: normalized_path(plain.path),
        fields,
        cors,
        version: Version::HTTP_11,
        framing: Ok(framing),
        has_body: framing.has_body(),
        // HTTP/1.1 cuts blanks off.
        has_padding: false,
        header: head.length(),
    }
}

/// Returns whether there is an empty line: the end of a header.
pub(super) fn has_empty_line(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| {
        let next = &bytes[at + 1..];
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    })
}

/// Returns the authority of a target in absolute form, and its scheme's default port.
fn absolute_authority(target: &str) -> Option<(&str, u16)> {
    let http = target.strip_prefix("http://").map(|rest| (rest, 80));
    let https = || target.strip_prefix("https://").map(|rest| (rest, 443));
    let (rest, port) = http.or_else(https)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some((&rest[..end], port))
}

/// Returns whether a host is a name or an address, perhaps with a port: nothing that another reader
/// could understand differently.
pub(super) fn is_plain_host(host: &[u8]) -> bool {
    static PLAIN: ByteSet =
        ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b".-_:"]);
    !host.is_empty() && PLAIN.contains_all(host)
}

/// Returns the path and the query of a target in origin form, if all its bytes are those that RFC 3986 gives
/// to paths and queries.
pub(super) fn plain_target(target: &str) -> Option<(&str, Option<&str>)> {
    static PLAIN: ByteSet = ByteSet::of(&[
        ByteSet::LOWER,
        ByteSet::UPPER,
        ByteSet::DIGITS,
        b"/-._~!$&'()*+,;=:@%?",
    ]);
    let is_plain = target.len() <= MAX_TARGET && PLAIN.contains_all(target.as_bytes());
    let (path, query) = match memchr::memchr(b'?', target.as_bytes()) {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    (is_plain && path.starts_with('/')).then_some((path, query))
}

// === impl RequestFields ===

impl RequestFields for &[httparse::Header<'_>] {
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        for field in *self {
            each(field.name.as_bytes(), field.value);
        }
    }

    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) {
        let lines = self.iter().rev();
        let mut lines = lines.filter(|field| field.name.eq_ignore_ascii_case(name));
        while lines.next().is_some_and(|field| each(field.value)) {}
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
            let Plain { host, path, .. } = head.plain_preflight(&mut cors).expect("it is plain");
            assert_eq!(host, b"api.example.com:8080");
            assert_eq!(path, "/v1/books");
            assert_eq!(cors.origin, SingleValue::One(b"https://app.example.com"));
            assert_eq!(cors.request_method, SingleValue::One(b"PUT"));
        });
        for also in [
            "connection: Keep-Alive",
            "CONNECTION: Close",
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
            "Content_Length: 0",
            "transfer_encoding: chunked",
            "Expect: 100-continue",
            "Upgrade: websocket",
            "Connection: close, x-other",
            "Connection: keep-alive, x-other",
            "Connection: keep-alive\r\nConnection: keep-alive",
            "Connection: keep-alive\r\nConnection: close",
            "Connection:",
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
            ("q=1", &"q".repeat(MAX_TARGET)),
        ] {
            let request = PREFLIGHT.replacen(this, instead, 1);
            assert_ne!(request, PREFLIGHT, "{this} was replaced");
            assert!(!is_plain(&request), "{instead:?} for {this:?}");
        }
    }

    #[test]
    fn a_header_has_crlf_after_each_line_and_no_blank_in_its_target() {
        let parse = |bytes: &str| {
            let mut slots = slots();
            match Head::parse(bytes.as_bytes(), &mut slots) {
                Head::Whole(_) => "whole",
                Head::Partial => "partial",
                Head::TooManyFields | Head::Unreadable => "unreadable",
            }
        };
        for (bytes, expected) in [
            ("GET / HTTP/1.1\r\n\r\n", "whole"),
            ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "whole"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("GET / HTTP/1.1\nHost: a\r\n", "partial"),
            ("GET / HTTP/1.1\nHost: a\n\n", "unreadable"),
            ("GET / HTTP/1.1\n\n", "unreadable"),
            ("GET / HTTP/1.1\n\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\n\n", "unreadable"),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", "unreadable"),
            ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "unreadable"),
            ("GET /a b HTTP/1.1\r\n", "unreadable"),
            ("GET /a\"b HTTP/1.1\r\nHost: a\r\n\r\n", "whole"),
            ("GET / HTTP/1.1\r\nbad name: a\r\n", "unreadable"),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "unreadable"),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "unreadable"),
            ("\u{16}\u{3}\u{1} TLS", "unreadable"),
        ] {
            assert_eq!(parse(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_plain_request_is_one_that_pingora_takes() {
        let mut plain = 0;
        for target in [
            "/",
            "/a?b=c",
            "/a%20b",
            "/a|b",
            "/a`b",
            "/a^b",
            "/a\\b",
            "/a{b}",
            "/a\"b",
            "/\u{fc}",
            "*",
            "?",
            "a",
            "http://a/",
            "http://a",
            "http://b/",
            "http:///",
            "http://u@a/",
            "http:/a",
            "ws:a",
            "/a#b",
        ] {
            for hosts in [
                "",
                "Host:\r\n",
                "Host: a\r\n",
                "Host: a:80\r\n",
                "Host: u@a\r\n",
                "Host: a\r\nHost: a\r\n",
                "Host: \u{fc}\r\n",
                "Host: [::1]\r\n",
                "Host: a, b\r\n",
            ] {
                let request = format!("GET {target} HTTP/1.1\r\n{hosts}\r\n");
                let (is_plain, is_taken) = with_head(&request, |head| {
                    (head.is_plain(), head.to_request().is_some())
                });
                assert!(!is_plain || is_taken, "{request:?}");
                plain += usize::from(is_plain);
            }
        }
        assert_eq!(plain, 3 * 2, "three targets, two hosts");
    }
}
