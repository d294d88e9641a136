//! The integration tests: one binary, everything over real sockets where a user would.

mod alloc;
mod architecture;
mod bodies;
mod bombs;
mod browser;
mod cases;
mod cli;
mod config;
#[path = "../expect/mod.rs"]
mod expect;
mod expected;
mod explain;
mod floods;
mod forwarded;
mod framing;
mod fuzz;
mod http;
mod lanes;
mod limits;
mod metrics;
mod odd_clients;
mod odd_upstreams;
mod pages;
mod probe;
mod process;
mod rate_limits;
mod rejections;
mod reload;
mod routes;
mod schema;
mod shutdown;
mod support;
mod timeouts;
mod tls;
mod upstreams;
