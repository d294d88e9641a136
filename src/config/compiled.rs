//! A configuration that can be served: the compiled types, which mirror the raw ones.

use super::error::{Diagnostic, Place};
use super::sources::Sources;
use crate::cors::{Policy, Rule};
use crate::routing::RouteMatch;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A configuration that can be served.
#[derive(Debug)]
pub struct Config {
    pub listeners: Vec<Listener>,
    pub admin: Option<Admin>,
    pub metrics: Option<Listener>,
    pub server: Server,
    pub limits: Limits,
    pub upstreams: Vec<Upstream>,
    pub routes: Vec<Route>,
    /// For responses to what no route matches.
    pub default_policy: Option<Arc<Policy>>,
    pub warnings: Vec<Diagnostic>,
    /// What is not worth a warning, for who asks.
    pub notes: Vec<Diagnostic>,
    /// The file as it was understood: aliases, merge keys and variables resolved.
    pub document: String,
    /// A short name for the content: the same content has the same one in every process.
    pub hash: String,
    pub sources: Sources,
}

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub listener: Listener,
    /// Host names that it is asked by, beside addresses and `localhost`; in lower case.
    pub hosts: Vec<String>,
}

/// Where to listen, and where the file says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub address: SocketAddr,
    /// The path in the file, such as `listeners[0].address`, and its place.
    pub path: String,
    pub place: Option<Place>,
}

/// How the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Threads for traffic; 0 takes one a core.
    pub threads: usize,
    /// Whether plain preflights are answered before a proxy session is made for them.
    pub express_lane: bool,
    /// How long requests may go on after SIGTERM before the log says which hold up the end.
    pub grace_period: Duration,
    /// How long after that they are cut off.
    pub shutdown_timeout: Duration,
}

/// What a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open client connections. One more is answered with 503 and closed.
    pub max_connections: usize,
    /// Request line and header fields together. More is answered with 431.
    pub max_request_header_bytes: u64,
    /// From a request's first byte to the end of its header. More is answered with 408.
    pub header_timeout: Duration,
    /// How long an idle connection is kept between two requests.
    pub keepalive_timeout: Duration,
}

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub kind: UpstreamKind,
    pub protocol: Protocol,
    pub connect_timeout: Duration,
    /// Between two reads, not for the whole response.
    pub read_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamKind {
    /// The built-in one, which answers with what it was sent.
    Echo,
    /// Used in turn.
    Endpoints(Vec<Endpoint>),
}

/// A host and a port. Names are resolved while the gateway runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address, an IPv6 address without brackets.
    pub host: String,
    pub port: u16,
}

/// What the gateway speaks to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    H2c,
}

/// Which requests go where, under which rule.
#[derive(Debug)]
pub struct Route {
    /// Unique, and a metric label.
    pub name: String,
    pub matches: RouteMatch,
    /// An index into [`Config::upstreams`].
    pub upstream: usize,
    pub rule: Rule,
}

/// The `route` label of requests that no route matches. No route may have this name.
pub const UNMATCHED: &str = "unmatched";

// === impl Default ===

impl Default for Server {
    fn default() -> Self {
        Self {
            threads: 0,
            express_lane: true,
            grace_period: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_request_header_bytes: 64 << 10,
            header_timeout: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(60),
        }
    }
}
