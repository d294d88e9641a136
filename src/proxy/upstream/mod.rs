//! Backends while the gateway runs, and the built-in one.
//!
//! pingora connects, and keeps the connections that requests leave. Which endpoint a request goes to, what
//! is tried again and what counts as a failure is decided here, in functions that no lane is known to.

mod checks;
mod cluster;
mod echo;
mod endpoint;
pub(super) mod exchange;
mod failure;
mod handshake;
mod hash_key;
mod health;
mod idle;
mod members;
mod page;
mod peer;
mod reason;
mod resolver;
mod retry;
mod tasks;
mod tries;

pub(super) use cluster::Cluster;
pub use echo::Echo;
pub(super) use endpoint::Endpoint;
pub(super) use failure::Failure;
pub(super) use handshake::Hold;
pub(super) use hash_key::hash_key;
pub(super) use idle::Connection;
pub(super) use members::NoPeer;
pub(super) use page::page;
pub(super) use peer::{KnownAuthorities, NO_AUTHORITIES, Needs, connector_options};
pub(super) use reason::reason;
pub(super) use retry::{Body, FailedTry};
pub(super) use tries::Tries;
