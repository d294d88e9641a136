//! Routes: the rules by which they take requests, and the search for the one that takes a request.
//!
//! *Invariant:* this room is pure, like [`crate::cors`], the only one it imports. Nothing here
//! knows the configuration's text, pingora, clocks or logs.

mod facts;
mod host;
mod matches;
mod path;
mod router;
mod why;

pub use facts::{RequestFields, RouteRequest};
pub use host::authority;
pub use matches::{HostMatch, PathMatch, RouteMatch};
pub use path::{has_dot_segment, normalized, normalized_path};
pub use router::Router;
pub use why::Predicates;
