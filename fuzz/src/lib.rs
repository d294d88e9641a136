//! The bodies of the fuzz targets: one plain function per target, which panics where something
//! is wrong. `fuzz_targets/` hands them to libFuzzer; `tests/it/fuzz.rs` includes this very file and
//! runs them over the seeds, on stable and in every `make test`.
//!
//! *Invariant:* nothing in `naive` calls what it is the twin of. It is written from the standards and
//! from the tables of the README, and slow and plain on purpose.

pub mod bytes;
pub mod client_hello;
pub mod config;
pub mod content;
pub mod decision;
pub mod frames;
pub mod framing;
pub mod grammar;
pub mod grpc_web;
pub mod naive;
pub mod origin;
pub mod pattern;
pub mod proxy_protocol;
pub mod seeds;

/// The body of a target, called with one input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("client_hello", client_hello::run),
    ("config", config::run),
    ("content", content::run),
    ("decision", decision::run),
    ("frames", frames::run),
    ("framing", framing::run),
    ("grpc_web", grpc_web::run),
    ("origin", origin::run),
    ("pattern", pattern::run),
    ("proxy_protocol", proxy_protocol::run),
];
