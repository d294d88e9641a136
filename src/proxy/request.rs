//! What must be right about a request before anybody else looks at it, and what backends are told
//! about it.

use crate::config::{Limits, has_dot_segment};
use crate::cors::{CorsRequest, RequestKind};
use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::ServerSession;
use pingora_http::RequestHeader;

/// Where the request says it goes: the authority of its target, else its Host field. May have a
/// port; empty where there is none.
pub(super) fn authority(request: &RequestHeader) -> &[u8] {
    match request.uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => request
            .headers
            .get(header::HOST)
            .map_or(b"", HeaderValue::as_bytes),
    }
}

/// Whether the request is about the server as a whole: RFC 9110 §9.3.7.
fn is_asterisk(request: &RequestHeader) -> bool {
    request.raw_path() == b"*"
}

/// The status of requests that are answered before any route is looked for: those that can't be
/// trusted to mean one thing, and `OPTIONS *`.
pub(super) fn answer_alone(
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
pub(super) fn header_bytes(session: &ServerSession) -> usize {
    match session.as_http1() {
        Some(http1) => http1.get_headers_raw_bytes().len(),
        None => decoded_header_bytes(session.req_header()),
    }
}

pub(super) fn decoded_header_bytes(request: &RequestHeader) -> usize {
    let fields = request.headers.iter();
    let fields: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    fields + request.raw_path().len()
}

/// Tells the backend who asked, how, and for which host; and makes the target a path.
///
/// X-Forwarded-For is continued, its last entry being ours; the others are ours to say.
pub(super) fn forward(
    session: &ServerSession,
    upstream: &mut RequestHeader,
) -> pingora_core::Result<()> {
    let request = session.req_header();
    if let Some(client) = session.client_addr().and_then(|address| address.as_inet()) {
        let client = client.ip().to_string();
        let chain = upstream.headers.get_all("x-forwarded-for").iter();
        let mut chain: Vec<&[u8]> = chain.map(HeaderValue::as_bytes).collect();
        chain.push(client.as_bytes());
        let chain = chain.join(b", ".as_slice());
        upstream.insert_header("X-Forwarded-For", chain)?;
    }
    upstream.insert_header("X-Forwarded-Proto", "http")?;
    if authority(request).is_empty() {
        // HTTP/1.0 without a Host. The upstream is spoken to in HTTP/1.1, where there has to be one.
        upstream.insert_header("Host", "")?;
        upstream.remove_header("X-Forwarded-Host");
    } else {
        upstream.insert_header("X-Forwarded-Host", authority(request))?;
    }
    if request.version < Version::HTTP_2 && !request.raw_path().starts_with(b"/") {
        // Absolute form is for proxies. pingora keeps it beside the URI, which has the path alone;
        // its authority is in Host, or the request was refused.
        upstream.set_uri(request.uri.clone());
    }
    Ok(())
}
