//! The facts that a route is found by, borrowed from wherever the request lies.

use crate::cors::{CorsRequest, RequestKind};
use http::HeaderMap;

/// What routes are chosen by.
pub struct RouteRequest<'a> {
    /// With or without a port; empty where there is none.
    pub host: &'a [u8],
    /// In RFC 3986's normal form: [`super::normalized_path`].
    pub path: &'a [u8],
    pub fields: &'a dyn RequestFields,
    pub cors: &'a CorsRequest<'a>,
}

/// The fields of a request, wherever they lie.
pub trait RequestFields {
    /// Whether there is a line of `name`, which is in lower case, with exactly this value.
    fn has(&self, name: &str, value: &[u8]) -> bool;
}

/// The method that a route is found by; of a preflight it is the one it asks for.
pub(super) fn requested_method<'a>(cors: &CorsRequest<'a>) -> &'a [u8] {
    match cors.kind() {
        RequestKind::Preflight => cors.requested_method().unwrap_or_default(),
        RequestKind::NotCors | RequestKind::Actual => cors.method,
    }
}

/// Whether a header predicate is met; by a preflight, where it asks for the header.
pub(super) fn is_header(name: &str, value: &[u8], request: &RouteRequest<'_>) -> bool {
    match request.cors.kind() {
        RequestKind::Preflight if request.cors.requests_header(name.as_bytes()) => true,
        // What a proxy in front adds is on the preflight too, without being announced.
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
