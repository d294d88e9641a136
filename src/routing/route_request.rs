//! The facts by which a route is found, borrowed from the request.

use crate::cors::{CorsRequest, RequestKind};
use http::HeaderMap;

/// The facts by which a request's route is found.
pub struct RouteRequest<'a> {
    /// The host, with or without a port; empty if the request has none.
    pub host: &'a [u8],
    /// The path in RFC 3986's normal form: [`super::normalized_path`].
    pub path: &'a [u8],
    pub fields: &'a dyn RequestFields,
    pub cors: &'a CorsRequest<'a>,
}

/// The fields of a request, in whatever form a lane holds them.
pub trait RequestFields {
    /// Whether there is a line of `name`, which is in lower case, with exactly this value.
    fn has(&self, name: &str, value: &[u8]) -> bool;
}

/// Returns the method by which a route is found; a preflight's is the one that it asks for.
pub(super) fn requested_method<'a>(cors: &CorsRequest<'a>) -> &'a [u8] {
    match cors.kind() {
        RequestKind::Preflight => cors.requested_method().unwrap_or_default(),
        RequestKind::NotCors | RequestKind::Actual => cors.method,
    }
}

/// Whether a header predicate is met. A preflight meets it if it asks for the header.
pub(super) fn is_header(name: &str, value: &[u8], request: &RouteRequest<'_>) -> bool {
    match request.cors.kind() {
        RequestKind::Preflight if request.cors.requests_header(name.as_bytes()) => true,
        // A preflight has the headers themselves that a proxy in front adds to every request.
        _ => request.fields.has(name, value),
    }
}

// === impl RequestFields ===

impl RequestFields for HeaderMap {
    fn has(&self, name: &str, value: &[u8]) -> bool {
        let mut lines = self.get_all(name).iter();
        lines.any(|line| line.as_bytes() == value)
    }
}
