//! The facts about a request that decisions are made on, borrowed from wherever the request lies.

use super::client::Client;
use crate::cors::{CorsRequest, MessageFields, RequestKind};
use crate::framing::{Framing, FramingError, framing};
use crate::routing::{PreflightMethod, RequestFields, RouteRequest, authority, normalized_path};
use http::request::Parts;
use http::{HeaderValue, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::HttpSession;
use std::borrow::Cow;

/// One request, as every lane and explain can describe it.
pub(crate) struct Facts<'a> {
    pub client: &'a Client,
    pub target: Target<'a>,
    /// Where the request says it goes, with or without a port; empty where it does not say.
    pub host: &'a [u8],
    /// The target's query, behind the question mark.
    pub query: Option<&'a str>,
    /// The target's path in RFC 3986's normal form, by which routes are found.
    pub path: Cow<'a, [u8]>,
    pub fields: &'a dyn RequestFields,
    pub cors: &'a CorsRequest<'a>,
    pub version: Version,
    /// Where the body ends, if that is certain.
    pub framing: Result<Framing, FramingError>,
    /// Whether there is a body, or may be one: on HTTP/2 no field has to state it.
    pub has_body: bool,
    /// Whether a value begins or ends with a blank, which HTTP/1.1 cuts off and HTTP/2 does not.
    pub has_padding: bool,
    pub header: HeaderLength,
}

/// The length of a request's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeaderLength {
    /// Bytes of the request line and the fields: as they came on HTTP/1, decoded on HTTP/2.
    pub bytes: usize,
    /// Number of field lines.
    pub fields: usize,
}

/// Bytes that each field counts for beside its own: what it takes in memory, by RFC 9113 §6.5.2.
const FIELD_OVERHEAD: usize = 32;

/// The target of a request: RFC 9112 §3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Origin form, or absolute form of `http` or `https`: a path as it was sent.
    Path(&'a str),
    /// `*`, the server as a whole.
    Asterisk,
    /// Any other form, which no route is for.
    Other,
}

/// Reads the facts that CORS depends on out of a parsed header.
pub(crate) fn cors_request(request: &Parts) -> CorsRequest<'_> {
    CorsRequest::new(&request.method, &request.headers)
        .at(authority(&request.uri, &request.headers))
}

/// Returns the length that a request states for its body, if it states one.
pub(super) fn content_length(fields: &impl MessageFields) -> Option<u64> {
    let length = fields.first(&header::CONTENT_LENGTH)?;
    str::from_utf8(length).ok()?.parse().ok()
}

/// Whether a value begins or ends with a blank: RFC 9113 §8.2.1.
fn is_padded(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    is_blank(bytes.first()) || is_blank(bytes.last())
}

// === impl Facts ===

impl<'a> Facts<'a> {
    /// Reads the facts of a parsed header, whose target came as `raw_target`.
    pub(crate) fn of(
        client: &'a Client,
        request: &'a Parts,
        raw_target: &[u8],
        cors: &'a CorsRequest<'a>,
        header: HeaderLength,
    ) -> Self {
        let path = request.uri.path();
        let fields = request.headers.iter();
        let fields = fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let framing = framing(request.version, fields);
        Self {
            client,
            target: Target::of(raw_target, path),
            host: cors.authority,
            query: request.uri.query(),
            path: normalized_path(path),
            fields: &request.headers,
            cors,
            version: request.version,
            framing,
            has_body: framing.map_or(true, Framing::has_body),
            has_padding: request.version == Version::HTTP_2
                && request.headers.values().any(is_padded),
            header,
        }
    }

    /// Reads the facts of a stream of HTTP/2.
    pub(crate) fn of_stream(
        client: &'a Client,
        session: &'a HttpSession,
        cors: &'a CorsRequest<'a>,
    ) -> Self {
        let request = session.req_header();
        let raw_target = request.raw_path();
        let length = HeaderLength::decoded(request, raw_target);
        let mut facts = Self::of(client, request, raw_target, cors, length);
        facts.has_body |= !session.is_body_empty();
        facts
    }

    /// The facts that a route is found by. The fields are left out if the header is past its bounds.
    pub(crate) fn route_request(
        &self,
        is_within_bounds: bool,
        preflight_method: PreflightMethod,
    ) -> RouteRequest<'_> {
        RouteRequest {
            host: self.host,
            path: &self.path,
            fields: is_within_bounds.then_some(self.fields),
            cors: self.cors,
            preflight_method,
        }
    }

    /// Whether this is a preflight as browsers send it: without a body.
    pub(crate) fn is_bare_preflight(&self) -> bool {
        self.cors.kind() == RequestKind::Preflight && !self.has_body
    }

    /// Whether this is `OPTIONS *`, which asks about the server and not about a resource. A preflight
    /// never does: it takes a route, and finds none.
    pub(crate) fn is_about_the_server(&self) -> bool {
        self.target == Target::Asterisk && self.cors.kind() != RequestKind::Preflight
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    fn of(raw: &[u8], path: &'a str) -> Self {
        let has_path = [b"/".as_slice(), b"http://", b"https://"];
        match raw {
            b"*" => Self::Asterisk,
            _ if has_path.iter().any(|start| raw.starts_with(start)) => Self::Path(path),
            _ => Self::Other,
        }
    }
}

// === impl HeaderLength ===

impl HeaderLength {
    /// Measures the header of a session's request.
    pub(super) fn of(session: &ServerSession) -> Self {
        let request = session.req_header();
        match session.as_http1() {
            Some(http1) => Self {
                bytes: http1.get_headers_raw_bytes().len(),
                fields: request.headers.len(),
            },
            None => Self::decoded(request, request.raw_path()),
        }
    }

    /// Measures a header that has no bytes of its own any more: HTTP/2's, decoded.
    pub(crate) fn decoded(request: &Parts, raw_target: &[u8]) -> Self {
        let fields = request.headers.iter();
        let bytes: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        Self {
            bytes: bytes + raw_target.len(),
            fields: request.headers.len(),
        }
    }

    /// Returns the size that `limits.max_request_header_bytes` bounds.
    pub(crate) fn size(self) -> usize {
        self.bytes + self.fields * FIELD_OVERHEAD
    }
}
