//! Backends while the gateway runs, and the built-in one.

mod cluster;
mod echo;
pub(super) mod exchange;
pub(super) mod retry;

pub(super) use cluster::{Cluster, NoPeer, TUNNEL_TIMEOUT, Try};
pub use echo::Echo;
