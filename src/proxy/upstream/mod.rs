//! Backends while the gateway runs, and the built-in one.

mod cluster;
mod echo;

pub(super) use cluster::{Cluster, TUNNEL_TIMEOUT};
pub use echo::Echo;
