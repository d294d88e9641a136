//! The edits of a route: what it changes of its requests for the upstream, and of the responses.

use crate::routing::Variables;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// The edits of a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    pub path: PathRewrite,
    pub host: HostRewrite,
    /// `None` where requests keep their fields.
    pub request: Option<Box<HeaderEdits>>,
    /// `None` where responses keep their fields.
    pub response: Option<Box<HeaderEdits>>,
}

/// The path that an upstream is asked for. The query stays, or gets longer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PathRewrite {
    #[default]
    Untouched,
    /// The text in place of the match's prefix, without a slash at the end: empty for `/`.
    Prefix(String),
    /// The path in place of the whole path.
    Whole(String),
    /// The path in place of the whole path. The variables of the match's template are appended to the query.
    WithVariables(String, Variables),
    /// The path in front of the whole path, without a slash at the end.
    Prepended(String),
}

/// The host that an upstream is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostRewrite {
    /// The one that the client asked for.
    #[default]
    Client,
    /// The endpoint's, as it is configured.
    Upstream,
}

/// The edits of the fields of a header, in the order in which they are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// All lines of these are removed.
    pub remove: Vec<HeaderName>,
    /// All lines of these are replaced.
    pub set: Vec<FieldEdit>,
    /// A line is added behind those that are there.
    pub add: Vec<FieldEdit>,
}

/// A field line with a fixed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    pub name: HeaderName,
    /// The name in the letter case in which it is written, for HTTP/1.
    pub written: Bytes,
    pub value: HeaderValue,
}
