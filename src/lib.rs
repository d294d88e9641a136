//! corsgate: an edge gateway that answers CORS preflights, puts the right CORS headers on every
//! response, and can say why.
//!
//! | module      | responsible for                                                        |
//! |-------------|------------------------------------------------------------------------|
//! | [`cors`]    | what CORS says about a request: pure                                    |
//! | [`framing`] | where the body of a request ends: pure                                  |
//! | [`compat`]  | other gateways' flags and descriptions → a configuration: pure         |
//! | [`config`]  | a file's text → a validated, compiled configuration, or all its errors |
//! | [`routing`] | which route a request takes: pure                                       |
//! | [`metrics`] | the counters, their names and labels                                   |
//!
//! With the default feature `gateway` also `proxy` (the pingora adapter), `explain`, `admin`, `server` (which
//! starts things), `rejections` (who is being rejected), `access_log` and `lines` (the logs on their way), `traces` (spans for a collector), `buckets` (who asks too often), `lasting` and `once_per_second` (which keep the log short), `probe` (which asks other servers) and `cli`. Imports run downwards only:
//! `cli → server → explain → proxy → {config, metrics} → routing → cors`, `proxy → framing → cors`, `server → admin`
//! and `cli → probe`.

#[cfg(feature = "gateway")]
pub mod access_log;
#[cfg(feature = "gateway")]
pub mod admin;
#[cfg(feature = "gateway")]
pub mod buckets;
#[cfg(feature = "gateway")]
pub mod cli;
pub mod compat;
pub mod config;
pub mod cors;
#[cfg(test)]
#[path = "../tests/expect/mod.rs"]
mod expect;
#[cfg(feature = "gateway")]
pub mod explain;
pub mod framing;
#[cfg(feature = "gateway")]
mod lasting;
#[cfg(feature = "gateway")]
mod lines;
pub mod metrics;
#[cfg(feature = "gateway")]
mod once_per_second;
#[cfg(feature = "gateway")]
pub mod pages;
#[cfg(feature = "gateway")]
pub mod probe;
#[cfg(feature = "gateway")]
pub mod proxy;
#[cfg(feature = "gateway")]
pub mod rejections;
pub mod routing;
#[cfg(feature = "gateway")]
pub mod server;
pub mod tls;
#[cfg(feature = "gateway")]
pub mod traces;
