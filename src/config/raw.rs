//! The configuration file as it is written: a mirror without logic.
//!
//! Everything is optional here, and elements may be null, so that one mistake hides no other: `compile`
//! finds everything that is missing or senseless in one pass. The `schemars` attributes are for the JSON
//! Schema and say what is required; the doc comments are its descriptions.

mod scalars;
mod tls;

pub(super) use scalars::{RawDuration, RawScalar, RawSize};
pub(super) use tls::{RawAlpn, RawCertificate, RawClientCertificate, RawTls, RawTlsVersion};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The form of an address to listen on; a variable may stand in it.
const ADDRESS: &str = r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$|\$\{";
/// The form of a path; a variable may stand in it.
const PATH: &str = r"^/|\$\{";
/// The form of an address, with or without the length of a prefix; a variable may stand in it.
const NETWORK: &str = r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$|\$\{";

/// The form of a literal origin; a variable may stand in it.
const LITERAL: &str = r#"^[^\s,;"'`<>*\\]+$|\$\{"#;

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
    /// Whether the gateway answers plain preflights before it makes a proxy session for them. Default true.
    pub express_lane: Option<bool>,
    /// Time after SIGTERM in which `/readyz` says 503, the listeners stay open, and answers end their connections. Default 0s.
    pub shutdown_delay: Option<RawDuration>,
    /// Time that requests may take after that before the log names those that hold up the end. Default 5s.
    pub grace_period: Option<RawDuration>,
    /// Time after the grace period until they are cut off. Default 30s.
    pub shutdown_timeout: Option<RawDuration>,
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

/// A backend: either `endpoints`, or `echo: true`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ endpoints: [127.0.0.1:9000] }`"
)]
#[schemars(rename = "Upstream")]
#[schemars(extend("anyOf" = [{ "required": ["endpoints"] }, { "required": ["echo"] }]))]
pub(super) struct RawUpstream {
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
pub(super) enum RawProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    H2c,
}

/// The way to choose an endpoint.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LoadBalancing")]
pub(super) enum RawLoadBalancing {
    /// In turn.
    RoundRobin,
}

/// The origins whose scripts may read responses, and what else these scripts may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ allow_origins: [https://app.example.com] }`"
)]
#[schemars(rename = "Policy", extend("required" = ["allow_origins"]))]
pub(super) struct RawPolicy {
    /// Origins whose scripts may read responses, as patterns: an origin, `https://*.example.com`, `http://localhost:*`, `"null"`, a regex, a literal, a file, a list in one string; or `*` alone.
    pub allow_origins: Option<OneOrMany<RawOrigin>>,
    /// Methods beside GET, HEAD and POST, with case; or `*`. Default: none.
    pub allow_methods: Option<OneOrMany<String>>,
    /// Request headers that scripts may set, or `*`, which does not cover `authorization`. Default: none.
    pub allow_headers: Option<OneOrMany<String>>,
    /// Response headers that scripts may read; or `*`, without credentials only. Default: none.
    pub expose_headers: Option<OneOrMany<String>>,
    /// Whether browsers may send cookies, client certificates and HTTP authentication. Default false.
    pub allow_credentials: Option<bool>,
    /// Time that browsers may remember a preflight's answer, in whole seconds. Default: not sent, and browsers take 5 s.
    pub max_age: Option<RawDuration>,
    /// The status of an allowed preflight: 204, or 200 for old clients. Default 204.
    #[schemars(extend("enum" = [200, 204]))]
    pub preflight_status: Option<u16>,
    /// The answer to a preflight which this policy refuses: answer, deny, forward, or one of your own. Default answer.
    pub on_rejected_preflight: Option<RawOnRejectedPreflight>,
    /// The treatment of the upstream's own Access-Control-* headers. Default strip.
    pub upstream_cors_headers: Option<RawUpstreamCorsHeaders>,
    /// Whether the gateway answers `Access-Control-Request-Private-Network`. Default false.
    pub allow_private_network: Option<bool>,
    /// Whether refusals say why, in `x-corsgate-reason`. Default: false.
    pub debug_header: Option<bool>,
    /// Permits `*`, and a regex that matches anything, with credentials: any site may act as its visitors.
    pub dangerously_allow_any_origin_with_credentials: Option<bool>,
    /// Permits `"null"` with credentials: any site can have that origin.
    pub dangerously_allow_null_with_credentials: Option<bool>,
    /// Permits origins without https, with credentials: an attacker on the network's path may act as the users. Covers the next key.
    pub dangerously_allow_insecure_origins: Option<bool>,
    /// Permits origins of apps and browser extensions (any scheme that is not a network's, and literals), with credentials: any that calls itself so may act as the users.
    pub dangerously_allow_app_schemes: Option<bool>,
    /// Permits a wildcard directly below a public suffix, with credentials: attackers can register a name there.
    pub dangerously_allow_public_suffix_wildcards: Option<bool>,
    /// Names of warnings about this policy that are meant: `check --strict` takes them for notes. Default: none.
    pub acknowledged_warnings: Option<OneOrMany<String>>,
}

/// The answer to a preflight which a policy refuses.
#[derive(Debug)]
pub(super) enum RawOnRejectedPreflight {
    Word(RawRejection),
    Written(RawWrittenAnswer),
}

/// The answer to a preflight which a policy refuses, as one word.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Rejection")]
pub(super) enum RawRejection {
    /// An allowed origin learns what the policy allows, so that the browser names what is refused; 403 otherwise.
    Answer,
    /// 403, without CORS headers.
    Deny,
    /// The upstream answers, and its Access-Control-* headers are removed.
    Forward,
}

/// An answer of your own to rejected preflights, without CORS headers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ status: 403, body: '{\"error\": \"cors\"}' }`"
)]
#[schemars(rename = "WrittenAnswer", extend("required" = ["status"]))]
pub(super) struct RawWrittenAnswer {
    /// A status from 200 to 599 with which a response may have a body, redirects aside.
    pub status: Option<u16>,
    /// JSON, sent as application/json. Default: no body.
    pub body: Option<String>,
}

/// The treatment of the upstream's own Access-Control-* headers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UpstreamCorsHeaders")]
pub(super) enum RawUpstreamCorsHeaders {
    /// They are removed.
    Strip,
    /// They stay if the policy does not allow the origin, and are replaced if it does.
    Keep,
    /// They stay, and missing ones are added.
    Fill,
}

/// An element of `allow_origins`.
#[derive(Debug)]
pub(super) enum RawOrigin {
    Text(String),
    Entry(RawOriginEntry),
}

/// Origins that are not written as one pattern.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an origin pattern, `regex: …`, `literal: …`, `file: …` or `list: …`"
)]
#[schemars(rename = "OriginEntry")]
#[schemars(extend("oneOf" = [{ "required": ["regex"] }, { "required": ["literal"] }, { "required": ["file"] }, { "required": ["list"] }]))]
pub(super) struct RawOriginEntry {
    /// A regex that matches the whole origin, always. Write it in single quotes, which leave backslashes alone.
    pub regex: Option<String>,
    /// A value of the Origin field that is not a serialized origin, compared byte by byte: what an app's web view sends, such as `app://.` or `file://`.
    #[schemars(regex(pattern = LITERAL))]
    pub literal: Option<String>,
    /// A file of patterns, one per line, with `#` comments; its path is relative to the configuration.
    pub file: Option<String>,
    /// Patterns in one string, with commas or white space between them, for a variable: `"${ORIGINS}"`.
    pub list: Option<String>,
}

/// Requests, where they go, and under which policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ upstream: api, cors: web-app }`"
)]
#[schemars(rename = "Route", extend("required" = ["upstream"]))]
pub(super) struct RawRoute {
    /// A unique name, which is a metric label. Default: `routes[0]`, by its place.
    pub name: Option<String>,
    /// Requests that take this route; all parts must match. Default: every request.
    #[serde(rename = "match")]
    pub matches: RawMatch,
    /// An upstream's name.
    pub upstream: Option<String>,
    /// A policy's name, a policy, or a list of them, of which the first that allows the origin decides; `passthrough` (the backend does CORS itself) or `off`. Default off.
    pub cors: Option<RawCors>,
    /// Maximum time to connect, instead of the upstream's.
    pub connect_timeout: Option<RawDuration>,
    /// Maximum time to the end of the response's header, and then between two reads, instead of the upstream's.
    pub read_timeout: Option<RawDuration>,
    /// Maximum time in which the upstream takes nothing of a request, instead of the upstream's.
    pub write_timeout: Option<RawDuration>,
    /// Maximum time in which an event stream is quiet, instead of the upstream's.
    pub stream_timeout: Option<RawDuration>,
    /// Maximum time in which a WebSocket is silent in both directions, instead of the upstream's.
    pub tunnel_timeout: Option<RawDuration>,
    /// Maximum size of a request's body, instead of the one in `limits`, larger or smaller.
    pub max_request_body_bytes: Option<RawSize>,
    /// Requests that each client may send to this route in a time, instead of those in `limits`.
    pub rate_limit: Option<RawRateLimit>,
    /// Names of warnings about this route that are meant: `check --strict` takes them for notes. Default: none.
    pub acknowledged_warnings: Option<OneOrMany<String>>,
}

/// Conditions on a request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ path_prefix: /v1 }`"
)]
#[schemars(rename = "Match")]
#[schemars(extend("not" = { "required": ["path", "path_prefix"] }))]
pub(super) struct RawMatch {
    /// Hosts, any of which matches, compared without case or port; `*` in `*.example.com` is one or more labels.
    #[schemars(with = "Option<NotEmpty>")]
    pub hosts: Option<OneOrMany<String>>,
    /// The whole path. It can't stand beside `path_prefix`.
    #[schemars(regex(pattern = PATH))]
    pub path: Option<String>,
    /// Whole segments at the start of the path: `/v1` matches `/v1` and `/v1/…`, not `/v10`.
    #[schemars(regex(pattern = PATH))]
    pub path_prefix: Option<String>,
    /// Methods, any of which matches, compared with case. A preflight is matched by the method that it announces.
    #[schemars(with = "Option<NotEmpty>")]
    pub methods: Option<OneOrMany<String>>,
    /// Headers with their exact values. A preflight is matched by the names that it announces.
    pub headers: Option<BTreeMap<String, RawScalar>>,
}

/// The CORS rule of a route.
#[derive(Debug)]
pub(super) enum RawCors {
    /// A policy, `passthrough` or `off`.
    One(RawPolicyRef),
    Several(Seq<RawPolicyRef>),
}

/// A policy of a route.
#[derive(Debug)]
pub(super) enum RawPolicyRef {
    Name(String),
    Inline(Box<RawPolicy>),
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

impl<'de> Deserialize<'de> for RawOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OriginVisitor;
        impl<'de> Visitor<'de> for OriginVisitor {
            type Value = RawOrigin;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin pattern, `regex: …`, `literal: …`, `file: …` or `list: …`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawOrigin, E> {
                Ok(RawOrigin::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawOrigin, A::Error> {
                RawOriginEntry::deserialize(MapAccessDeserializer::new(map)).map(RawOrigin::Entry)
            }
        }
        deserializer.deserialize_any(OriginVisitor)
    }
}

impl<'de> Deserialize<'de> for RawOnRejectedPreflight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnswerVisitor;
        impl<'de> Visitor<'de> for AnswerVisitor {
            type Value = RawOnRejectedPreflight;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`answer`, `deny`, `forward` or `{ status: …, body: … }`")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                RawRejection::deserialize(de::value::StrDeserializer::new(word))
                    .map(RawOnRejectedPreflight::Word)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawWrittenAnswer::deserialize(MapAccessDeserializer::new(map))
                    .map(RawOnRejectedPreflight::Written)
            }
        }
        deserializer.deserialize_any(AnswerVisitor)
    }
}

impl<'de> Deserialize<'de> for RawCors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CorsVisitor;
        impl<'de> Visitor<'de> for CorsVisitor {
            type Value = RawCors;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a policy's name, a policy, a list of them, `passthrough` or `off`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<RawCors, E> {
                PolicyRefVisitor.visit_str(name).map(RawCors::One)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawCors, A::Error> {
                PolicyRefVisitor.visit_map(map).map(RawCors::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<RawCors, A::Error> {
                Seq::deserialize(SeqAccessDeserializer::new(seq)).map(RawCors::Several)
            }
        }
        deserializer.deserialize_any(CorsVisitor)
    }
}

struct PolicyRefVisitor;

impl<'de> Visitor<'de> for PolicyRefVisitor {
    type Value = RawPolicyRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy's name or a policy")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<RawPolicyRef, E> {
        Ok(RawPolicyRef::Name(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawPolicyRef, A::Error> {
        let policy = RawPolicy::deserialize(MapAccessDeserializer::new(map))?;
        Ok(RawPolicyRef::Inline(Box::new(policy)))
    }
}

impl<'de> Deserialize<'de> for RawPolicyRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PolicyRefVisitor)
    }
}

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
