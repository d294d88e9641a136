//! Which route a request takes: pure, like [`crate::cors`], the only room it imports.
//!
//! *Invariant:* nothing here knows the configuration's text, pingora, clocks or logs.

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
