//! `upstreams`: the backends.

use super::{RawDuration, Seq};
use schemars::JsonSchema;
use serde::Deserialize;

/// A backend: either `endpoints`, or `echo: true`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ endpoints: [127.0.0.1:9000] }`"
)]
#[schemars(rename = "Upstream")]
#[schemars(extend("anyOf" = [{ "required": ["endpoints"] }, { "required": ["echo"] }]))]
pub(in crate::config) struct RawUpstream {
    /// HOST:PORT of each server, used in turn. The gateway resolves names again every 30 s.
    #[schemars(length(min = 1))]
    pub endpoints: Option<Seq<String>>,
    /// Whether it is the built-in backend, which answers with the request that it was sent. Default false.
    pub echo: Option<bool>,
    /// The protocol that the gateway speaks to it. Default http1.
    pub protocol: Option<RawProtocol>,
    /// The way to choose an endpoint. Default round_robin.
    pub load_balancing: Option<RawLoadBalancing>,
    /// Maximum time to connect; beyond it, the answer is 504. Default 1s.
    pub connect_timeout: Option<RawDuration>,
    /// Maximum time to the end of the response's header, and then between two reads; beyond it, the answer is 504. Default 30s.
    pub read_timeout: Option<RawDuration>,
    /// Maximum time in which it takes nothing of a request; beyond it, the answer is 504. Default 30s.
    pub write_timeout: Option<RawDuration>,
    /// Maximum time in which an event stream (`text/event-stream`) is quiet; beyond it, the stream is cut off. Default 5m.
    pub stream_timeout: Option<RawDuration>,
    /// Maximum time in which a WebSocket is silent in both directions; beyond it, it is cut off. Default 1h.
    pub tunnel_timeout: Option<RawDuration>,
    /// Maximum number of requests under way to each endpoint; beyond it, another endpoint is used, then the answer is 503. Default: none.
    #[schemars(range(min = 1))]
    pub max_connections: Option<usize>,
}

/// The protocol that the gateway speaks to an upstream.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Protocol")]
pub(in crate::config) enum RawProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    H2c,
}

/// The way to choose an endpoint.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LoadBalancing")]
pub(in crate::config) enum RawLoadBalancing {
    /// In turn.
    RoundRobin,
}
