//! The pingora adapter, thin: the only folder that names pingora's types. CORS is decided in
//! [`crate::cors`], routes are found in [`crate::routing`]; here requests come in and answers go out.

mod adapt;
pub(crate) mod answer;
mod check;
pub(crate) mod client;
mod ctx;
mod edge;
pub(crate) mod facts;
mod forward;
mod gateway;
mod grpc_web;
pub(crate) mod header_edits;
mod listen;
mod noted;
mod page_server;
mod record;
mod request_id;
pub(crate) mod respond;
pub(crate) mod rewrite;
mod room;
pub(crate) mod route_limits;
pub(crate) mod routed;
pub(crate) mod snapshot;
mod stages;
mod upstream;

pub use ctx::Ctx;
pub use edge::{Connections, Edge};
pub use gateway::Gateway;
pub use listen::{Bound, listen, listen_pages};
pub use snapshot::Snapshot;
pub use upstream::Echo;

/// The log filter for pingora's lines about single requests, which clients and upstreams cause as often as
/// they like. The gateway counts those requests, and logs failing upstreams itself, once per second.
pub const LOG_FILTER: &str = "pingora_proxy=off,pingora_core::apps=off,\
     pingora_core::connectors=off,pingora_core::protocols=off";
