//! Backends.

use crate::cors::WrittenAnswer;
use crate::tls::ClientTls;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub name: String,
    pub kind: UpstreamKind,
    /// Time after which names are resolved again.
    pub resolve_interval: Duration,
    pub protocol: Protocol,
    /// `None` for clear text.
    pub tls: Option<ClientTls>,
    pub load_balancing: LoadBalancing,
    /// The time-outs of routes that have none of their own.
    pub timeouts: Timeouts,
    /// Maximum time that an unused connection is kept.
    pub idle_timeout: Duration,
    /// Maximum number of requests under way to each endpoint; `None` without a limit.
    pub max_connections: Option<usize>,
    /// Maximum number of further tries of a request.
    pub retries: usize,
    pub health_check: Option<HealthCheck>,
    pub outlier_detection: Option<OutlierDetection>,
}

/// The longest waits for an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Maximum time to connect; beyond it, the answer is 504.
    pub connect: Duration,
    /// Maximum time to the end of the response's header, and then between two reads; beyond it, the
    /// answer is 504.
    pub read: Duration,
    /// Maximum time in which the upstream takes nothing of a request; beyond it, the answer is 504.
    pub write: Duration,
    /// Maximum time between two reads of an event stream; beyond it, the stream is cut off.
    pub stream: Duration,
    /// Maximum time in which a WebSocket is silent in both directions; beyond it, it is cut off.
    pub tunnel: Duration,
}

/// The servers behind an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamKind {
    /// The built-in upstream, which answers with the request that it was sent.
    Echo,
    /// Servers; each address of a name is one.
    Endpoints(Vec<Endpoint>),
    /// The gateway itself, with an answer that the operator wrote. All other settings are without effect.
    Respond(WrittenAnswer),
}

/// A host and a port. The gateway resolves names while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address; an IPv6 address has no brackets.
    pub host: String,
    pub port: u16,
}

/// The protocol that the gateway speaks to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    /// HTTP/2 over TLS.
    H2,
    /// HTTP/2 without TLS, with prior knowledge.
    H2c,
}

/// The way to choose an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadBalancing {
    RoundRobin,
    /// The less busy one of two that are taken at random.
    Random,
    ConsistentHash(HashKey),
}

/// The part of a request by which its endpoint is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    ClientAddress,
    /// Without the query.
    Path,
    /// A request header, in lower case.
    Header(String),
    Cookie(String),
}

/// Active checks of each endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `None` where a TCP connection is enough.
    pub path: Option<String>,
    /// The host that is asked for; `None` for the endpoint.
    pub host: Option<String>,
    pub interval: Duration,
    /// Maximum time of a check; beyond it, it has failed.
    pub timeout: Duration,
    /// Number of checks in a row that make an endpoint healthy.
    pub healthy_threshold: u32,
    /// Number of failed checks in a row that make an endpoint unhealthy.
    pub unhealthy_threshold: u32,
}

/// The rule by which endpoints are left out whose requests fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlierDetection {
    /// Number of failed requests in a row after which an endpoint is ejected.
    pub consecutive_failures: u32,
    pub ejection_time: Duration,
    /// Maximum share of the endpoints that are ejected at once.
    pub max_ejection_percent: u32,
}

// === impl Upstream ===

impl Upstream {
    /// Whether the gateway answers its requests itself, with an answer that the operator wrote.
    pub fn answers_itself(&self) -> bool {
        matches!(self.kind, UpstreamKind::Respond(_))
    }

    /// Whether requests are told apart by a key.
    pub fn has_keys(&self) -> bool {
        matches!(self.load_balancing, LoadBalancing::ConsistentHash(_))
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Returns the address that it is written as; `None` for a name.
    pub fn literal(&self) -> Option<SocketAddr> {
        let ip = self.host.parse().ok()?;
        Some(SocketAddr::new(ip, self.port))
    }

    /// Returns it as a Host field has it, which does not name the `default_port`.
    pub fn authority(&self, default_port: u16) -> String {
        let host = bracketed(&self.host);
        match self.port == default_port {
            true => host.into_owned(),
            false => format!("{host}:{}", self.port),
        }
    }
}

// === impl Protocol ===

impl Protocol {
    pub fn is_http2(self) -> bool {
        match self {
            Self::Http1 => false,
            Self::H2 | Self::H2c => true,
        }
    }
}

// === impl Default ===

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            read: Duration::from_secs(30),
            write: Duration::from_secs(30),
            stream: Duration::from_secs(5 * 60),
            tunnel: Duration::from_secs(60 * 60),
        }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: None,
            host: None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            healthy_threshold: 2,
            unhealthy_threshold: 3,
        }
    }
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            ejection_time: Duration::from_secs(30),
            max_ejection_percent: 50,
        }
    }
}

/// Returns a host as URLs have it: an address of IPv6 in brackets.
pub fn bracketed(host: &str) -> Cow<'_, str> {
    match host.contains(':') {
        true => Cow::Owned(format!("[{host}]")),
        false => Cow::Borrowed(host),
    }
}
