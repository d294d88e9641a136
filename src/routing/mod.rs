//! Routes: the rules by which they take requests, and the search for the one that takes a request.
//!
//! *Invariant:* this room is pure, like [`crate::cors`], the only one it imports. Nothing here
//! knows the configuration's text, pingora, clocks or logs.

mod espv2_template;
mod espv2_templates;
mod headers;
mod host;
mod indistinct;
mod matches;
#[cfg(test)]
mod naive;
mod overlap;
mod path;
mod paths;
mod readings;
mod route_request;
mod router;
mod segment_tree;
mod template;
mod templates;
mod variables;
mod why;

pub use espv2_template::Espv2Template;
pub use host::{authority, is_authority, is_same_authority};
pub use indistinct::{TooManyPlaces, indistinct};
pub use matches::{HostMatch, PathMatch, RouteMatch};
pub use path::{
    encoded_bare, has_dot_segment, is_plain, normalized, normalized_path, strip_normal_prefix,
};
pub use readings::{TooManyReadings, each_reading};
pub use route_request::{PreflightMethod, RequestFields, RouteRequest, single_line};
pub use router::{Found, Router, Search};
pub use template::{MAX_SEGMENTS, Segment, Template, TooManySegments};
pub use variables::{Bound, Variable, Variables};
pub use why::Predicates;
