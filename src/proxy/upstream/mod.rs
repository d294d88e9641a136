//! Backends while the gateway runs, and the built-in one.

mod cluster;
mod echo;
pub(super) mod exchange;
pub(super) mod retry;

pub(super) use cluster::{Cluster, NoPeer, Try};
pub use echo::Echo;
