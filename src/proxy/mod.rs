//! The pingora adapter, thin: the only folder that names pingora's types. CORS is decided in
//! [`crate::cors`], routes are found in [`crate::routing`]; here requests come in and answers go out.

mod ctx;
pub mod explain;
mod edge;
mod gateway;
mod answer;
mod check;
mod forward;
mod respond;
mod router;
mod snapshot;
mod upstream;
mod routed;

pub use ctx::Ctx;
pub use edge::{Connections, Edge};
pub use gateway::Gateway;
pub use snapshot::Snapshot;
pub use upstream::Echo;
