//! Refuses requests that cannot be trusted to mean one thing, before a route is looked for.

use crate::config::Limits;
use crate::cors::{CorsRequest, RequestKind};
use crate::routing::{RouteRequest, has_dot_segment};
use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

/// Where the request says it goes: the authority of its target, else its Host field. May have a
/// port; empty where there is none.
pub(crate) fn authority(request: &RequestHeader) -> &[u8] {
    match request.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => request
            .headers
            .get(header::HOST)
            .map_or(b"", HeaderValue::as_bytes),
    }
}

/// The facts that a parsed header has about its route; `path` is its own in normal form.
pub(crate) fn route_request<'a>(
    request: &'a RequestHeader,
    path: &'a [u8],
    cors: &'a CorsRequest<'a>,
) -> RouteRequest<'a> {
    RouteRequest {
        host: authority(request),
        path,
        fields: &request.headers,
        cors,
    }
}

/// Whether the request is about the server as a whole: RFC 9110 §9.3.7.
fn is_asterisk(request: &RequestHeader) -> bool {
    request.raw_path() == b"*"
}

/// The status of requests that are answered before any route is looked for: those that can't be
/// trusted to mean one thing, and `OPTIONS *`.
pub(crate) fn answer_alone(
    request: &RequestHeader,
    header_bytes: usize,
    cors: &CorsRequest<'_>,
    limits: &Limits,
) -> Option<StatusCode> {
    match check(request, header_bytes, limits) {
        Err(status) => Some(status),
        // The answer of RFC 9110 §9.3.7 for "a no-op type of method". A preflight is never about
        // the server as a whole: it finds no route.
        Ok(()) if is_asterisk(request) && cors.kind() != RequestKind::Preflight => {
            Some(StatusCode::NO_CONTENT)
        }
        Ok(()) => None,
    }
}

fn check(request: &RequestHeader, header_bytes: usize, limits: &Limits) -> Result<(), StatusCode> {
    if header_bytes as u64 > limits.max_request_header_bytes {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    // request message that lacks a Host header field". pingora checks that there are not two.
    if authority(request).is_empty() && request.version >= Version::HTTP_11 {
        return Err(StatusCode::BAD_REQUEST);
    }
    if is_asterisk(request) && request.method != http::Method::OPTIONS {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !is_target(request.raw_path()) || has_dot_segment(request.uri.path()) {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// Whether the target has one of the forms of RFC 9112 §3.2 that a route can be found for.
fn is_target(target: &[u8]) -> bool {
    let is_absolute = || {
        [b"http://".as_slice(), b"https://"]
            .iter()
            .any(|s| target.starts_with(s))
    };
    target.starts_with(b"/") || target == b"*" || is_absolute()
}

/// How long the request line and the fields are: as they came on HTTP/1, decoded on HTTP/2.
pub(crate) fn header_bytes(session: &ServerSession) -> usize {
    match session.as_http1() {
        Some(http1) => http1.get_headers_raw_bytes().len(),
        None => decoded_header_bytes(session.req_header()),
    }
}

pub(crate) fn decoded_header_bytes(request: &RequestHeader) -> usize {
    let fields = request.headers.iter();
    let fields: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    fields + request.raw_path().len()
}
