//! The facts of a request that CORS depends on, borrowed, and the kind of request they make.

use super::fetch_lists::is_token;
use super::origins::origin::{default_port, host_and_port};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Maximum lines of one field; a list with more is malformed. Browsers send one line. A cloud
/// provider's gateway has been seen to split Access-Control-Request-Headers into one line per name.
pub const MAX_FIELD_LINES: usize = 32;

/// Maximum bytes of Access-Control-Request-Headers over all lines; a longer list is malformed.
const MAX_REQUESTED_NAMES_BYTES: usize = 8 * 1024;

/// The facts that a decision depends on, borrowed from the request.
#[derive(Debug, Clone, Default)]
pub struct CorsRequest<'a> {
    pub method: &'a [u8],
    pub origin: SingleValue<'a>,
    /// Access-Control-Request-Method.
    pub request_method: SingleValue<'a>,
    /// Access-Control-Request-Headers.
    pub request_headers: FieldLines<'a>,
    /// Access-Control-Request-Private-Network.
    pub request_private_network: SingleValue<'a>,
    /// The host that the request is sent to, with or without a port; empty if it is not known.
    pub authority: &'a [u8],
    /// Whether the request is a WebSocket's handshake.
    pub is_websocket: bool,
}

/// A field that a request may have once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SingleValue<'a> {
    #[default]
    Absent,
    One(&'a [u8]),
    /// Several lines. Browsers never send them, and none of them is believed.
    Many,
}

/// The lines of a list field, in order, borrowed.
///
/// An array, because an `ArrayVec` has a destructor: it would keep a request borrowed to the end of
/// the scope that looked at it. Nor is it faster to make.
#[derive(Debug, Clone, Default)]
pub struct FieldLines<'a> {
    lines: [&'a [u8]; MAX_FIELD_LINES],
    len: usize,
    overflow: bool,
}

/// The kinds of request that CORS knows: <https://fetch.spec.whatwg.org/#http-requests>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// No Origin field.
    NotCors,
    /// OPTIONS with Origin and Access-Control-Request-Method.
    Preflight,
    /// Any other request with an Origin field.
    Actual,
}

// === impl CorsRequest ===

impl<'a> CorsRequest<'a> {
    /// Reads the facts out of a header map; the authority is added with [`Self::at`].
    pub fn new(method: &'a http::Method, headers: &'a HeaderMap) -> Self {
        // A parsed name, because a look-up by text parses the text each time.
        const PRIVATE_NETWORK: HeaderName =
            HeaderName::from_static("access-control-request-private-network");
        let lines = |name: HeaderName| {
            let values = headers.get_all(name).into_iter();
            values.map(HeaderValue::as_bytes)
        };
        let mut request = Self {
            method: method.as_str().as_bytes(),
            origin: lines(header::ORIGIN).collect(),
            ..Self::default()
        };
        if request.origin != SingleValue::Absent {
            request.is_websocket = method == http::Method::GET
                && names_websocket(headers.get(header::UPGRADE).map(HeaderValue::as_bytes));
        }
        if method == http::Method::OPTIONS {
            request.request_method = lines(header::ACCESS_CONTROL_REQUEST_METHOD).collect();
            request.request_headers = lines(header::ACCESS_CONTROL_REQUEST_HEADERS).collect();
            request.request_private_network = lines(PRIVATE_NETWORK).collect();
        }
        request
    }

    /// Adds the authority that the request is sent to.
    pub fn at(self, authority: &'a [u8]) -> Self {
        Self { authority, ..self }
    }

    /// Whether a browser reads the response whatever CORS says: that of a WebSocket's handshake, or to a
    /// page of the same origin. The scheme is not compared, because a proxy in front may have ended TLS.
    pub fn is_beyond_cors(&self) -> bool {
        self.is_websocket || self.scheme_of_own_origin().is_some()
    }

    /// Whether the request comes from a page of its own origin, if its own URL has this scheme.
    pub fn is_from_own_origin(&self, scheme: &str) -> bool {
        self.scheme_of_own_origin() == Some(scheme)
    }

    /// Returns the scheme with which the request's own origin would be the one that it comes from; `None` if
    /// the host or the port is another one.
    pub fn scheme_of_own_origin(&self) -> Option<&'a str> {
        let origin = std::str::from_utf8(self.origin.one()?).ok()?;
        let (scheme, theirs) = origin.split_once("://")?;
        let own = std::str::from_utf8(self.authority).ok()?;
        let of = |authority| {
            let (host, port) = host_and_port(authority);
            let port = port.filter(|port| !port.is_empty());
            let port = port.map_or(Ok(default_port(scheme)), |port| port.parse().map(Some));
            Some((host, port.ok()?))
        };
        let ((host, port), (own_host, own_port)) = (of(theirs)?, of(own)?);
        let is_http = matches!(scheme, "http" | "https") && !host.is_empty();
        (is_http && host.eq_ignore_ascii_case(own_host) && port == own_port).then_some(scheme)
    }

    /// Returns the kind of request. An OPTIONS without Access-Control-Request-Method is an ordinary
    /// request, because APIs use OPTIONS themselves.
    pub fn kind(&self) -> RequestKind {
        if self.origin == SingleValue::Absent {
            RequestKind::NotCors
        } else if self.method == b"OPTIONS" && self.request_method != SingleValue::Absent {
            RequestKind::Preflight
        } else {
            RequestKind::Actual
        }
    }

    /// Whether this is OPTIONS, and not a preflight.
    pub fn is_other_options(&self) -> bool {
        self.method == b"OPTIONS" && self.kind() != RequestKind::Preflight
    }

    /// Returns the method that a preflight asks for, if it is a token.
    pub fn requested_method(&self) -> Option<&'a [u8]> {
        match self.request_method {
            SingleValue::One(method) if is_token(method) => Some(method),
            _ => None,
        }
    }

    /// Returns the names in Access-Control-Request-Headers, in any case; none of a list that is past
    /// its bounds, which no policy looks at either.
    pub fn requested_names(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let list = Some(&self.request_headers).filter(|list| list.is_within_bounds());
        list.into_iter().flat_map(FieldLines::elements)
    }
}

// === impl SingleValue ===

impl<'a> FromIterator<&'a [u8]> for SingleValue<'a> {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(lines: I) -> Self {
        let mut field = Self::Absent;
        for line in lines {
            field.push(line);
        }
        field
    }
}

impl<'a> SingleValue<'a> {
    /// Adds a line behind the others.
    pub fn push(&mut self, line: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::One(line),
            Self::One(_) | Self::Many => Self::Many,
        };
    }

    /// Returns the value, if there is exactly one line.
    pub fn one(self) -> Option<&'a [u8]> {
        match self {
            Self::One(line) => Some(line),
            Self::Absent | Self::Many => None,
        }
    }
}

// === impl FieldLines ===

impl<'a> FromIterator<&'a [u8]> for FieldLines<'a> {
    /// Keeps the first [`MAX_FIELD_LINES`] lines and remembers that there were more.
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(lines: I) -> Self {
        let mut field = Self::default();
        for line in lines {
            field.push(line);
        }
        field
    }
}

impl<'a> FieldLines<'a> {
    /// Adds a line behind the others.
    pub fn push(&mut self, line: &'a [u8]) {
        match self.lines.get_mut(self.len) {
            Some(free) => {
                *free = line;
                self.len += 1;
            }
            None => self.overflow = true,
        }
    }

    fn lines(&self) -> &[&'a [u8]] {
        &self.lines[..self.len]
    }

    /// Returns the elements of a comma-separated list over all lines, without white space around
    /// them and without empty ones: RFC 9110 §5.6.1.2.
    pub fn elements(&self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let mut lines = self.lines().iter();
        let mut rest: &[u8] = &[];
        // Written by hand, because chained adapters cost a short list several times as much.
        std::iter::from_fn(move || {
            loop {
                if rest.is_empty() {
                    rest = lines.next()?;
                }
                let end = rest.iter().position(|&byte| byte == b',');
                let (element, after) = match end {
                    Some(comma) => (&rest[..comma], &rest[comma + 1..]),
                    None => (rest, &[][..]),
                };
                rest = after;
                let element = trim_white_space(element);
                if !element.is_empty() {
                    return Some(element);
                }
            }
        })
    }

    /// Whether the list is short enough to be looked at.
    pub(super) fn is_within_bounds(&self) -> bool {
        let bytes: usize = self.lines().iter().map(|line| line.len()).sum();
        !self.overflow && bytes <= MAX_REQUESTED_NAMES_BYTES
    }
}

/// Whether an Upgrade field's line names WebSockets and nothing else.
pub fn names_websocket(protocol: Option<&[u8]>) -> bool {
    protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
}

/// Removes optional white space from both ends: RFC 9110 §5.6.3.
fn trim_white_space(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: &str, fields: &[&str]) -> RequestKind {
        let method = method.parse().unwrap();
        let headers = fields
            .iter()
            .map(|name| (name.parse().unwrap(), HeaderValue::from_static("")))
            .collect::<Vec<(HeaderName, _)>>();
        CorsRequest::new(&method, &headers.into_iter().collect()).kind()
    }

    #[test]
    fn a_preflight_has_all_three_marks() {
        let acrm = "access-control-request-method";
        assert_eq!(kind("OPTIONS", &["origin", acrm]), RequestKind::Preflight);
        assert_eq!(kind("OPTIONS", &["origin"]), RequestKind::Actual);
        assert_eq!(kind("OPTIONS", &[acrm]), RequestKind::NotCors);
        assert_eq!(kind("options", &["origin", acrm]), RequestKind::Actual);
        assert_eq!(kind("PUT", &["origin", acrm]), RequestKind::Actual);
        assert_eq!(kind("GET", &[]), RequestKind::NotCors);
    }

    #[test]
    fn list_elements_run_over_lines_and_skip_empty_ones() {
        let field: FieldLines<'_> = [b"a,,b ,\t c".as_slice(), b"", b" , d"]
            .into_iter()
            .collect();
        let elements: Vec<&[u8]> = field.elements().collect();
        assert_eq!(elements, [b"a", b"b", b"c", b"d"]);
    }

    #[test]
    fn a_list_past_its_bounds_is_not_looked_at() {
        let is_within = |lines: &[&[u8]]| {
            let field: FieldLines<'_> = lines.iter().copied().collect();
            field.is_within_bounds()
        };
        let longest = vec![b'a'; MAX_REQUESTED_NAMES_BYTES];
        assert!(is_within(&[&longest]));
        assert!(!is_within(&[&longest, b"a"]));
        assert!(is_within(&[b"a"; MAX_FIELD_LINES].map(<[u8; 1]>::as_slice)));
        assert!(!is_within(
            &[b"a"; MAX_FIELD_LINES + 1].map(<[u8; 1]>::as_slice)
        ));
    }
}
