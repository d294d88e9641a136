//! A configuration that can be served: the compiled types, which mirror the raw ones.

mod logs;
mod traces;
mod upstreams;

pub use logs::{AccessLog, AccessLogFormat, LogField, LogFields, LogFormat, LogPath};
pub use traces::Traces;
pub use upstreams::{
    Endpoint, HashKey, HealthCheck, LoadBalancing, OutlierDetection, Protocol, Timeouts, Upstream,
    UpstreamKind, bracketed,
};

use super::edits::Edits;
use super::error::{Diagnostic, Place};
use super::sources::Sources;
use super::warning::WarningName;
use super::written::Written;
use crate::cors::{PolicyList, Rule};
use crate::routing::{PreflightMethod, RouteMatch};
use crate::tls::{ClientCertificate, Names, ServerTls};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A configuration that can be served.
#[derive(Debug)]
pub struct Config {
    pub listeners: Vec<Listener>,
    pub admin: Option<Admin>,
    pub metrics: Option<ListenAddress>,
    /// Peers whose word about the client is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub server: Server,
    pub limits: Limits,
    pub log: LogFormat,
    /// `None` without one.
    pub access_log: Option<AccessLog>,
    /// `None` without them.
    pub traces: Option<Traces>,
    pub upstreams: Vec<Upstream>,
    pub routes: Vec<Route>,
    /// The method by which preflights find their routes.
    pub preflight_method: PreflightMethod,
    /// Number of policies, those that are written in a route included.
    pub policies: usize,
    /// For responses to requests that no route matches.
    pub default_policy: Option<Arc<PolicyList>>,
    pub warnings: Vec<Diagnostic>,
    /// Remarks that are not worth a warning, and acknowledged warnings; `corsgate check` shows them.
    pub notes: Vec<Diagnostic>,
    /// The file as the gateway understood it: aliases, merge keys and variables resolved.
    pub document: String,
    /// A short name for the content: the same content has the same name in every process.
    pub hash: String,
    pub sources: Sources,
    /// The file as it was read, for explain.
    pub written: Written,
}

/// The admin listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub listener: ListenAddress,
    /// Host names that its clients may use beside addresses and `localhost`; in lower case.
    pub hosts: Vec<String>,
}

/// An address that clients connect to, and what is spoken there.
#[derive(Debug, Clone)]
pub struct Listener {
    pub listen: ListenAddress,
    /// The port of https that everything but preflights is redirected to.
    pub https_redirect_port: Option<u16>,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    pub tls: Option<ListenerTls>,
}

/// TLS of a listener.
#[derive(Debug, Clone)]
pub struct ListenerTls {
    pub server: ServerTls,
    pub client_certificate: ClientCertificate,
    /// Whether upstreams are told the client's certificate.
    pub forward_client_certificate: bool,
    pub certificates: Vec<ServedCertificate>,
}

/// A certificate of a listener, as metrics and explain see it.
#[derive(Debug, Clone)]
pub struct ServedCertificate {
    /// The path of its file, as it is written in the configuration.
    pub path: String,
    pub names: Names,
    /// The end of its validity, in seconds since 1970.
    pub not_after: i64,
}

/// An address to listen on, and its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    pub address: SocketAddr,
    /// The path in the file, such as `listeners[0].address`, and its place.
    pub path: String,
    pub place: Option<Place>,
}

/// Threads, the express lane, and the end of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Threads for traffic; 0 means one per core.
    pub threads: usize,
    /// Whether the gateway answers plain preflights before it makes a proxy session for them.
    pub express_lane: bool,
    /// Time after SIGTERM in which `/readyz` says 503 and the listeners stay open.
    pub shutdown_delay: Duration,
    /// Time that requests may take after that before the log names those that hold up the end.
    pub grace_period: Duration,
    /// Time after the grace period until they are cut off.
    pub shutdown_timeout: Duration,
    /// The folder of the socket for the hand-over; `None` where the file names none.
    pub run_directory: Option<PathBuf>,
}

/// Limits on what clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of open client connections; one more is answered with 503 and closed.
    pub max_connections: usize,
    /// Maximum number of requests with an upstream at once; one more is answered with 503.
    pub max_requests: usize,
    /// Maximum size of request line and header fields together, with 32 bytes more per field; a
    /// larger header is answered with 431.
    pub max_request_header_bytes: u64,
    /// Maximum number of header fields; a header with more is answered with 431.
    pub max_request_headers: usize,
    /// Maximum time from a request's first byte to the end of its header; beyond it, the answer is
    /// 408.
    pub header_timeout: Duration,
    /// Maximum pause while a request's body is sent; beyond it, the answer is 408, or the end of the
    /// request.
    pub body_timeout: Duration,
    /// Maximum time that a connection stays idle between two requests; beyond it, it is closed.
    pub keepalive_timeout: Duration,
    /// Maximum time that a client takes none of the bytes written to it; beyond it, it is cut off.
    pub write_timeout: Duration,
    /// Maximum number of streams that an HTTP/2 connection has open at once; one more is refused.
    pub max_concurrent_streams: u32,
    /// Maximum size of the body of a request whose route has none; `None` without a limit.
    pub max_request_body_bytes: Option<u64>,
    /// The limit of each client on all routes together that have none of their own.
    pub rate_limit: Option<RateLimit>,
}

/// The requests that each client may send in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Number of requests per period.
    pub requests: u32,
    pub period: Duration,
    /// Number of requests that a client which has waited may send at once.
    pub burst: u32,
}

/// Requests, the upstream that they go to, and the CORS rule that they are under.
#[derive(Debug)]
pub struct Route {
    /// Unique among routes, and a metric label.
    pub name: String,
    pub matches: RouteMatch,
    /// An index into [`Config::upstreams`].
    pub upstream: usize,
    pub rule: Rule,
    /// The upstream's time-outs, but for those that the route has itself.
    pub timeouts: Timeouts,
    /// Instead of the limit of all routes; `None` if the route has none of its own.
    pub max_request_body_bytes: Option<u64>,
    /// Instead of the limit of all routes; `None` if the route has none of its own.
    pub rate_limit: Option<RateLimit>,
    pub edits: Edits,
    /// Whether requests in gRPC-Web become gRPC; then the upstream speaks HTTP/2.
    pub grpc_web: bool,
}

/// The `route` label of requests that no route matches; a route can't have this name.
pub const UNMATCHED: &str = "unmatched";

// === impl Config ===

impl Config {
    /// Returns what the log says when the configuration is loaded: the warnings, and each
    /// `dangerously_` key, also where it is acknowledged.
    pub fn logged(&self) -> impl Iterator<Item = &Diagnostic> {
        let is_danger = |note: &&Diagnostic| note.name == Some(WarningName::DangerousKey);
        self.warnings
            .iter()
            .chain(self.notes.iter().filter(is_danger))
    }
}

// === impl Default ===

impl Default for Server {
    fn default() -> Self {
        Self {
            threads: 0,
            express_lane: true,
            shutdown_delay: Duration::ZERO,
            grace_period: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(30),
            run_directory: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            max_requests: 10_000,
            max_request_header_bytes: 64 << 10,
            max_request_headers: 100,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(60),
            max_concurrent_streams: 100,
            max_request_body_bytes: None,
            rate_limit: None,
        }
    }
}
