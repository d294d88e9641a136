//! `upstreams`: the backends.

use super::{RawDuration, RawWrittenAnswer, Seq};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use std::fmt;

/// A backend: one of `endpoints`, `echo: true` and `respond`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ endpoints: [127.0.0.1:9000] }`"
)]
#[schemars(rename = "Upstream")]
#[schemars(extend("anyOf" = [{ "required": ["endpoints"] }, { "required": ["echo"] }, { "required": ["respond"] }]))]
#[schemars(extend("dependentRequired" = { "hash_key": ["load_balancing"] }))]
pub(in crate::config) struct RawUpstream {
    /// HOST:PORT of each server. Each address of a name is a server of its own.
    #[schemars(length(min = 1))]
    pub endpoints: Option<Seq<String>>,
    /// Whether it is the built-in backend, which answers with the request that it was sent. Default false.
    pub echo: Option<bool>,
    /// The answer to every request, which the gateway gives itself, with the route's CORS headers. No server is asked, and no other key can stand beside it.
    pub respond: Option<RawWrittenAnswer>,
    /// Time after which names are resolved again. Default 30s.
    pub resolve_interval: Option<RawDuration>,
    /// The protocol that the gateway speaks to it. Default http1.
    pub protocol: Option<RawProtocol>,
    /// TLS to the upstream. Default: none.
    pub tls: Option<RawUpstreamTls>,
    /// The way to choose an endpoint. Default round_robin.
    pub load_balancing: Option<RawLoadBalancing>,
    /// The part of a request that `consistent_hash` goes by: `client_address`, `path`, `{ header: NAME }` or `{ cookie: NAME }`. Default client_address.
    pub hash_key: Option<RawHashKey>,
    /// Maximum time to connect, TLS included; beyond it, the answer is 504. Default 1s.
    pub connect_timeout: Option<RawDuration>,
    /// Maximum time to the end of the response's header, and then between two reads; beyond it, the answer is 504. Default 30s.
    pub read_timeout: Option<RawDuration>,
    /// Maximum time in which it takes nothing of a request; beyond it, the answer is 504. Default 30s.
    pub write_timeout: Option<RawDuration>,
    /// Maximum time in which an event stream (`text/event-stream`) is quiet; beyond it, the stream is cut off. Default 5m.
    pub stream_timeout: Option<RawDuration>,
    /// Maximum time in which a WebSocket is silent in both directions; beyond it, it is cut off. Default 1h.
    pub tunnel_timeout: Option<RawDuration>,
    /// Maximum time that an unused connection is kept for the next request. Default 60s.
    pub idle_timeout: Option<RawDuration>,
    /// Maximum number of requests under way to each endpoint; beyond it, another endpoint is used, then the answer is 503. Default: none.
    #[schemars(range(min = 1))]
    pub max_connections: Option<usize>,
    /// Maximum number of further tries of a request, from 0 to 10. Default 2.
    #[schemars(range(max = 10))]
    pub retries: Option<usize>,
    /// Active checks of each endpoint. Default: none.
    pub health_check: Option<RawHealthCheck>,
    /// Leaves endpoints out whose requests fail. Default: none.
    pub outlier_detection: Option<RawOutlierDetection>,
}

/// TLS to an upstream. It is read again when its files change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ server_name: books.internal }`"
)]
#[schemars(rename = "UpstreamTls", extend("required" = ["server_name"], "dependentRequired" = { "certificate": ["private_key"], "private_key": ["certificate"] }))]
pub(in crate::config) struct RawUpstreamTls {
    /// The name that is sent (SNI) and that the upstream's certificate must have.
    pub server_name: Option<String>,
    /// A PEM file with the authorities that have signed the upstream's certificate. Default: those that the machine trusts.
    pub ca: Option<String>,
    /// A PEM file with the gateway's own certificate first, then its issuers'. It needs `private_key`. Default: none.
    pub certificate: Option<String>,
    /// A PEM file with the key of that certificate.
    pub private_key: Option<String>,
    /// Permits any certificate: an attacker on the network's path can read and change requests and responses.
    pub dangerously_skip_verify: Option<bool>,
}

/// The protocol that the gateway speaks to an upstream.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Protocol")]
pub(in crate::config) enum RawProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 over TLS, by ALPN.
    H2,
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
    /// Of two endpoints taken at random, the one with fewer requests under way.
    Random,
    /// The same endpoint for the same `hash_key`, for as long as it is there.
    ConsistentHash,
}

/// The part of a request that `consistent_hash` goes by.
#[derive(Debug)]
pub(in crate::config) enum RawHashKey {
    Word(RawHashKeyWord),
    Field(RawHashKeyField),
}

/// The part of a request that `consistent_hash` goes by, where it needs no name.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "HashKeyWord")]
pub(in crate::config) enum RawHashKeyWord {
    /// The client's address.
    ClientAddress,
    /// The path, without the query.
    Path,
}

/// A field that `consistent_hash` goes by. A request without it is hashed by its client's address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ header: x-tenant }`"
)]
#[schemars(rename = "HashKeyField", extend("oneOf" = [{ "required": ["header"] }, { "required": ["cookie"] }]))]
pub(in crate::config) struct RawHashKeyField {
    /// A request header.
    pub header: Option<String>,
    /// A cookie.
    pub cookie: Option<String>,
}

/// Active checks of each endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ path: /healthz, interval: 5s }`"
)]
#[schemars(rename = "HealthCheck", extend("dependentRequired" = { "host": ["path"] }))]
pub(in crate::config) struct RawHealthCheck {
    /// The path of a GET; an answer of 2xx is healthy. Default: a TCP connection will do.
    pub path: Option<String>,
    /// The host that is asked for. Default: the endpoint.
    pub host: Option<String>,
    /// Time from one check of an endpoint to the next, from 100ms. Default 5s.
    pub interval: Option<RawDuration>,
    /// Maximum time of a check; beyond it, it has failed. Default 1s.
    pub timeout: Option<RawDuration>,
    /// Number of checks in a row that make an endpoint healthy. Default 2.
    #[schemars(range(min = 1, max = 100))]
    pub healthy_threshold: Option<u32>,
    /// Number of failed checks in a row that make an endpoint unhealthy. Default 3.
    #[schemars(range(min = 1, max = 100))]
    pub unhealthy_threshold: Option<u32>,
}

/// Leaves endpoints out whose requests fail: by connection, by time-out, by broken answers, or with 502, 503 and 504.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ consecutive_failures: 5 }`"
)]
#[schemars(rename = "OutlierDetection")]
pub(in crate::config) struct RawOutlierDetection {
    /// Number of failed requests in a row after which an endpoint is ejected. Default 5.
    #[schemars(range(min = 1, max = 1000))]
    pub consecutive_failures: Option<u32>,
    /// Time for which it is ejected. Default 30s.
    pub ejection_time: Option<RawDuration>,
    /// Maximum share of the endpoints that are ejected at once; of two or more, one may always be. Default 50.
    #[schemars(range(min = 1, max = 100))]
    pub max_ejection_percent: Option<u32>,
}

// === impl Deserialize ===

impl<'de> Deserialize<'de> for RawHashKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HashKeyVisitor;
        impl<'de> Visitor<'de> for HashKeyVisitor {
            type Value = RawHashKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`client_address`, `path`, `{ header: NAME }` or `{ cookie: NAME }`")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                RawHashKeyWord::deserialize(de::value::StrDeserializer::new(word))
                    .map(RawHashKey::Word)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawHashKeyField::deserialize(MapAccessDeserializer::new(map)).map(RawHashKey::Field)
            }
        }
        deserializer.deserialize_any(HashKeyVisitor)
    }
}
