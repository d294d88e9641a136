//! The facts by which a route is found, borrowed from the request.

use crate::cors::{CorsRequest, RequestKind};
use http::HeaderMap;

/// The method by which preflights find their routes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PreflightMethod {
    /// The one that a preflight announces: it takes the route of the request to come.
    #[default]
    Announced,
    /// Its own, OPTIONS: it takes the route that any other request of the kind takes.
    Options,
}

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
    pub preflight_method: PreflightMethod,
}

/// The fields of a request, in whatever form a lane holds them.
pub trait RequestFields {
    /// Calls `each` with the name, in any case, and the value of every line.
    fn for_each(&self, each: &mut dyn FnMut(&[u8], &[u8]));

    /// Calls `each` with the value of every line of the field `name`, the last one first, for as long as it
    /// returns `true`.
    fn for_each_line_reversed(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool);
}

/// Reads the value of a field that may have one line; `None` if it has none, or several.
pub fn single_line<T>(
    fields: &dyn RequestFields,
    name: &str,
    read: impl Fn(&[u8]) -> T,
) -> Option<T> {
    let (mut value, mut has_several) = (None, false);
    fields.for_each_line_reversed(name, &mut |line| {
        has_several = value.replace(read(line)).is_some();
        !has_several
    });
    value.filter(|_| !has_several)
}

// === impl RouteRequest ===

impl<'a> RouteRequest<'a> {
    /// Whether the route is that of another request, which this one, a preflight, announces.
    pub(super) fn stands_for_another(&self) -> bool {
        self.preflight_method == PreflightMethod::Announced
            && self.cors.kind() == RequestKind::Preflight
    }

    /// Returns the method by which the route is found.
    pub(super) fn method(&self) -> &'a [u8] {
        match self.stands_for_another() {
            true => self.cors.requested_method().unwrap_or_default(),
            false => self.cors.method,
        }
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
