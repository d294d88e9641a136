//! The facts by which a route is found, borrowed from the request.

use crate::cors::{CorsRequest, RequestKind};
use http::HeaderMap;

/// The facts by which a request's route is found.
#[derive(Clone, Copy)]
pub struct RouteRequest<'a> {
    /// The host, with or without a port; empty if the request has none.
    pub host: &'a [u8],
    /// The path in RFC 3986's normal form: [`super::normalized_path`].
    pub path: &'a [u8],
    /// `None` for a header past its bounds: neither its fields nor the names that it asks for are
    /// read, and it meets no header predicate.
    pub fields: Option<&'a dyn RequestFields>,
    pub cors: &'a CorsRequest<'a>,
}

/// The fields of a request, in whatever form a lane holds them.
pub trait RequestFields {
    /// Calls `each` with the name, in any case, and the value of every line.
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8]));

    /// Calls `each` with the value of every line of the field `name`, the last one first, for as long as it
    /// returns `true`.
    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool);
}

/// Returns the method by which a route is found; a preflight's is the one that it asks for.
pub(super) fn requested_method<'a>(cors: &CorsRequest<'a>) -> &'a [u8] {
    match cors.kind() {
        RequestKind::Preflight => cors.requested_method().unwrap_or_default(),
        RequestKind::NotCors | RequestKind::Actual => cors.method,
    }
}

// === impl RequestFields ===

impl RequestFields for HeaderMap {
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, value) in self {
            each(name.as_str().as_bytes(), value.as_bytes());
        }
    }

    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) {
        let mut lines = self.get_all(name).iter().rev();
        while lines.next().is_some_and(|line| each(line.as_bytes())) {}
    }
}
