//! The configuration file as it is written: a mirror without logic.
//!
//! Everything is optional here, and elements may be null, so that one mistake hides no other: `compile`
//! finds everything that is missing or senseless in one pass. The `schemars` attributes are for the JSON
//! Schema and say what is required; the doc comments are its descriptions.

mod logs;
mod policies;
mod routes;
mod scalars;
mod tls;
mod traces;
mod upstreams;

pub(super) use logs::{RawAccessLog, RawAccessLogFormat, RawLog, RawLogField, RawLogFormat};
pub(super) use policies::{
    RawBlockDisallowedOrigins, RawNameList, RawOnRejectedPreflight, RawOrigin, RawOriginEntry,
    RawOtherOptionsRequests, RawPolicy, RawPreset, RawRejection, RawUpstreamCorsHeaders,
    RawVerbatimList, RawWrittenAnswer,
};
pub(super) use routes::{
    RawCors, RawHeaderEdits, RawHost, RawMatch, RawPathTemplates, RawPolicyRef, RawPreflightMethod,
    RawRewrite, RawRoute, RawRouting,
};
pub(super) use scalars::{RawDuration, RawScalar, RawSize};
pub(super) use tls::{RawAlpn, RawCertificate, RawClientCertificate, RawTls, RawTlsVersion};
pub(super) use traces::RawTraces;
pub(super) use upstreams::{
    RawHashKey, RawHashKeyField, RawHashKeyWord, RawHealthCheck, RawLoadBalancing,
    RawOutlierDetection, RawProtocol, RawUpstream, RawUpstreamTls,
};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The form of an address to listen on; a variable may stand in it.
const ADDRESS: &str = r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$|\$\{";
/// The form of an address, with or without the length of a prefix; a variable may stand in it.
const NETWORK: &str = r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$|\$\{";

/// The separator of message and hint in an error of this file: serde hands on one text.
pub(super) const HINT: &str = "\nhint: ";

/// The end of the message about a negative duration.
pub(super) const NEGATIVE: &str = ": a duration is not negative";

/// A sequence. An element that was refused by itself is `None`.
pub(super) type Seq<T> = Vec<Option<T>>;

/// The configuration of corsgate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "the configuration: a mapping with `listeners`, `upstreams` and `routes`"
)]
#[schemars(rename = "corsgate", extend("required" = ["listeners", "upstreams", "routes"]))]
pub(super) struct RawConfig {
    /// Addresses that clients connect to: HTTP/1.1 and HTTP/2, with TLS or without.
    #[schemars(length(min = 1))]
    pub listeners: Option<Seq<RawListener>>,
    /// The admin listener, for people and machines you trust. Default: none.
    pub admin: Option<RawAdmin>,
    /// `/metrics`, `/livez` and `/readyz` alone on an address of their own, for Prometheus. Default: none.
    pub metrics: Option<RawMetrics>,
    /// Addresses and networks (CIDR) of proxies whose X-Forwarded-*, Forwarded and X-Real-IP are believed. Default: none.
    #[schemars(inner(regex(pattern = NETWORK)))]
    pub trusted_proxies: Option<Seq<String>>,
    /// Threads, the express lane, and the end of the process.
    pub server: RawServer,
    /// Limits on what clients may take.
    pub limits: RawLimits,
    /// The program's own log.
    pub log: RawLog,
    /// A line for every request. Default: none.
    pub access_log: Option<RawAccessLog>,
    /// Spans of forwarded requests, for a collector of OpenTelemetry. Default: none.
    pub traces: Option<RawTraces>,
    /// The search for the routes of requests.
    pub routing: RawRouting,
    /// Backends, by a name of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub upstreams: Option<BTreeMap<String, Option<RawUpstream>>>,
    /// CORS policies by name, for routes to refer to.
    pub policies: BTreeMap<String, Option<RawPolicy>>,
    /// Requests, the upstream that they go to, and their policy. The most specific match wins, whatever the order.
    #[schemars(length(min = 1))]
    pub routes: Option<Seq<RawRoute>>,
    /// The policy of responses to requests that no route matches. Default: none, and no CORS headers.
    pub default_policy: Option<String>,
    /// Names of warnings that are meant, anywhere in the file: `check --strict` takes them for notes. Default: none.
    pub acknowledged_warnings: Option<OneOrMany<String>>,
}

/// A socket to listen on, and what is spoken there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:8080 }`"
)]
#[schemars(rename = "Listener", extend("required" = ["address"], "not" = { "required": ["tls", "https_redirect_port"] }))]
pub(super) struct RawListener {
    /// IP:PORT, an IPv6 address in brackets. Port 0 takes a free one.
    #[schemars(regex(pattern = ADDRESS))]
    pub address: Option<String>,
    /// The port of https that everything but preflights is sent to, with 308. It can't stand beside `tls`. Default: no redirect.
    #[schemars(range(min = 1))]
    pub https_redirect_port: Option<u16>,
    /// Whether every connection begins with a header of the PROXY protocol, version 1 or 2, which says who the client is. Default false.
    pub proxy_protocol: Option<bool>,
    /// TLS, version 1.2 or 1.3. Default: none.
    pub tls: Option<RawTls>,
}

/// `/metrics`, `/livez` and `/readyz`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:9902 }`"
)]
#[schemars(rename = "Metrics", extend("required" = ["address"]))]
pub(super) struct RawMetrics {
    /// IP:PORT, an IPv6 address in brackets. Port 0 takes a free one.
    #[schemars(regex(pattern = ADDRESS))]
    pub address: Option<String>,
}

/// `/metrics`, `/livez`, `/readyz`, `/config`, `/explain`, `/rejections` and `POST /reload`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:9901 }`"
)]
#[schemars(rename = "Admin", extend("required" = ["address"]))]
pub(super) struct RawAdmin {
    /// IP:PORT, on loopback if you can.
    #[schemars(regex(pattern = ADDRESS))]
    pub address: Option<String>,
    /// Host names that its clients may use beside addresses and `localhost`. Default: none.
    pub hosts: Option<Seq<String>>,
}

/// Threads, the express lane, and the end of the process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ threads: 0 }`"
)]
#[schemars(rename = "Server")]
pub(super) struct RawServer {
    /// Threads for traffic; 0, the default, means one per core.
    #[schemars(range(max = 1024))]
    pub threads: Option<usize>,
    /// Whether the gateway answers plain preflights, and forwards plain requests, before it makes a proxy session for them. Default true.
    pub express_lane: Option<bool>,
    /// Time after SIGTERM in which `/readyz` says 503, the listeners stay open, and answers end their connections. Default 0s.
    pub shutdown_delay: Option<RawDuration>,
    /// Time that requests may take after that before the log names those that hold up the end. Default 5s.
    pub grace_period: Option<RawDuration>,
    /// Time after the grace period until they are cut off. Default 30s.
    pub shutdown_timeout: Option<RawDuration>,
    /// The folder of the socket by which `serve --upgrade` takes over the listeners; made with mode 0700 where it is missing. Default: `$RUNTIME_DIRECTORY`, as systemd sets it, or none.
    #[schemars(length(min = 1))]
    pub run_directory: Option<String>,
}

/// Limits on what clients may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ keepalive_timeout: 60s }`"
)]
#[schemars(rename = "Limits")]
pub(super) struct RawLimits {
    /// Maximum number of open client connections; one more is answered with 503. Default 20000.
    #[schemars(range(min = 1))]
    pub max_connections: Option<usize>,
    /// Maximum number of requests with an upstream at once, those of all clients together; one more is answered with 503. Default 10000.
    #[schemars(range(min = 1))]
    pub max_requests: Option<usize>,
    /// Maximum size of request line and header fields together, from 256B to 1MiB; a larger header is answered with 431. Each field counts for 32 bytes more than it has. Default 64KiB.
    pub max_request_header_bytes: Option<RawSize>,
    /// Maximum number of header fields, from 1 to 256; a header with more is answered with 431. Default 100.
    #[schemars(range(min = 1, max = 256))]
    pub max_request_headers: Option<usize>,
    /// Maximum time from a request's first byte to the end of its header; beyond it, the answer is 408. Default 10s.
    pub header_timeout: Option<RawDuration>,
    /// Maximum pause while a request's body is sent to the gateway; beyond it, the answer is 408, or the end of the request. Default 60s.
    pub body_timeout: Option<RawDuration>,
    /// Maximum time that a client connection stays idle; beyond it, it is closed. Default 60s.
    pub keepalive_timeout: Option<RawDuration>,
    /// Maximum time that a client takes nothing of a response; beyond it, it is cut off. Default 60s.
    pub write_timeout: Option<RawDuration>,
    /// Maximum number of requests that an HTTP/2 connection has open at once, from 1 to 1000; one more is refused, and its client may send it again. Default 100.
    #[schemars(range(min = 1, max = 1000))]
    pub max_concurrent_streams: Option<u32>,
    /// Maximum size of a request's body; beyond it, the answer is 413. Default: none.
    pub max_request_body_bytes: Option<RawSize>,
    /// Requests that each client may send in a time; beyond it, the answer is 429. Preflights count apart. Default: none.
    pub rate_limit: Option<RawRateLimit>,
}

/// Requests that each client may send in a time. A client is an address; of IPv6, a /64.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ requests: 50, period: 1s, burst: 100 }`"
)]
#[schemars(rename = "RateLimit", extend("required" = ["requests"]))]
pub(super) struct RawRateLimit {
    /// Number of requests per period, from 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub requests: Option<u32>,
    /// The period, from 1s to 1day. Default 1s.
    pub period: Option<RawDuration>,
    /// Number of requests that a client which has waited may send at once, from 1 to 100000. Default: `requests`.
    #[schemars(range(min = 1, max = 100_000))]
    pub burst: Option<u32>,
}

/// One value or a list of them: `"*"` and `["*"]` are the same.
#[derive(Debug)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Seq<T>),
}

/// The schema of a list of names that must not be empty, because it would match nothing then.
pub(super) enum NotEmpty {}

// === impl Deserialize ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(OneOrMany::One)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(OneOrMany::Many(elements))
            }
        }
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}
