//! Backends while the gateway runs, and the built-in one.

mod cluster;
mod echo;
pub(super) mod exchange;
pub(super) mod retry;
mod room;

pub(super) use cluster::{Cluster, NoPeer, TUNNEL_TIMEOUT, Try};
pub use echo::Echo;
pub(super) use room::Place;
