//! The configuration file as it is written: a mirror without logic.
//!
//! Everything is optional here, and elements may be null, so that one mistake hides no other: what
//! is missing or senseless is found by `compile`, all of it in one pass. What `schemars` says here is
//! for the JSON Schema: it is what is required, and the doc comments are its descriptions.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The form of an address to listen on, or a variable in its place.
const ADDRESS: &str = r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$|\$\{";
/// The form of a path, or a variable in its place.
const PATH: &str = r"^/|\$\{";

/// Separates message and hint in an error of this file: serde hands on one text.
pub(super) const HINT: &str = "\nhint: ";

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
    /// Where clients are listened to: HTTP/1.1, and HTTP/2 with prior knowledge.
    #[schemars(length(min = 1))]
    pub listeners: Option<Seq<RawListener>>,
    /// The admin listener, for people and machines you trust. Default: none.
    pub admin: Option<RawAdmin>,
    /// `/metrics`, `/livez` and `/readyz` alone on an address of their own, for Prometheus. Default: none.
    pub metrics: Option<RawListener>,
    /// How the process runs.
    pub server: RawServer,
    /// What clients may take.
    pub limits: RawLimits,
    /// Backends, by a name of your choice.
    #[schemars(extend("minProperties" = 1))]
    pub upstreams: Option<BTreeMap<String, Option<RawUpstream>>>,
    /// CORS policies by name, for routes to refer to.
    pub policies: BTreeMap<String, Option<RawPolicy>>,
    /// Which requests go where, under which policy. The most specific match wins, whatever the order.
    #[schemars(length(min = 1))]
    pub routes: Option<Seq<RawRoute>>,
    /// The policy of responses to what no route matches. Default: none, and no CORS headers.
    pub default_policy: Option<String>,
}

/// A socket to listen on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:8080 }`"
)]
#[schemars(rename = "Listener", extend("required" = ["address"]))]
pub(super) struct RawListener {
    /// IP:PORT, an IPv6 address in brackets. Port 0 takes a free one.
    #[schemars(regex(pattern = ADDRESS))]
    pub address: Option<String>,
}

/// `/metrics`, `/livez`, `/readyz`, `/config`, `/explain` and `POST /reload`.
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
    /// Names that it is asked by, beside addresses and `localhost`. Default: none.
    pub hosts: Option<Seq<String>>,
}

/// How the process runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ threads: 0 }`"
)]
#[schemars(rename = "Server")]
pub(super) struct RawServer {
    /// Threads for traffic; 0, the default, takes one a core.
    #[schemars(range(max = 1024))]
    pub threads: Option<usize>,
    /// Whether plain preflights are answered before a proxy session is made for them. Default true.
    pub express_lane: Option<bool>,
    /// How long requests may go on after SIGTERM before the log says so. Default 5s.
    pub grace_period: Option<RawDuration>,
    /// How long after that they are cut off. Default 30s.
    pub shutdown_timeout: Option<RawDuration>,
}

/// What clients may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ keepalive_timeout: 60s }`"
)]
#[schemars(rename = "Limits")]
pub(super) struct RawLimits {
    /// Open client connections; one more is answered with 503. Default 20000.
    #[schemars(range(min = 1))]
    pub max_connections: Option<usize>,
    /// Request line and header fields together, from 256B to 1MiB; more is answered with 431. Default 64KiB.
    pub max_request_header_bytes: Option<RawSize>,
    /// From a request's first byte to the end of its header; more is answered with 408. Default 10s.
    pub header_timeout: Option<RawDuration>,
    /// How long an idle client connection is kept. Default 60s.
    pub keepalive_timeout: Option<RawDuration>,
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
    /// HOST:PORT of each, used in turn. Names are resolved again every 30 s.
    #[schemars(length(min = 1))]
    pub endpoints: Option<Seq<String>>,
    /// The built-in backend that answers with what it was sent. Default false.
    pub echo: Option<bool>,
    /// What is spoken to it. Default http1.
    pub protocol: Option<RawProtocol>,
    /// How endpoints are chosen. Default round_robin.
    pub load_balancing: Option<RawLoadBalancing>,
    /// Past it the answer is 504. Default 1s.
    pub connect_timeout: Option<RawDuration>,
    /// Between two reads, not for the whole response. Default 30s.
    pub read_timeout: Option<RawDuration>,
}

/// What is spoken to an upstream.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Protocol")]
pub(super) enum RawProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, with prior knowledge.
    H2c,
}

/// How endpoints are chosen.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LoadBalancing")]
pub(super) enum RawLoadBalancing {
    /// In turn.
    RoundRobin,
}

/// What scripts of which origins may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ allow_origins: [https://app.example.com] }`"
)]
#[schemars(rename = "Policy", extend("required" = ["allow_origins"]))]
pub(super) struct RawPolicy {
    /// Who may read responses: origins, `https://*.example.com`, `http://localhost:*`, `"null"`, a regex, a file; or `*` alone.
    pub allow_origins: Option<OneOrMany<RawOrigin>>,
    /// Methods beside GET, HEAD and POST, with case; or `*`. Default: none.
    pub allow_methods: Option<OneOrMany<String>>,
    /// Request headers that scripts may set, or `*`, which does not cover `authorization`. Default: none.
    pub allow_headers: Option<OneOrMany<String>>,
    /// Response headers that scripts may read; or `*`, without credentials only. Default: none.
    pub expose_headers: Option<OneOrMany<String>>,
    /// Whether browsers may send cookies, client certificates and HTTP authentication. Default false.
    pub allow_credentials: Option<bool>,
    /// How long browsers may remember a preflight's answer, in whole seconds. Default: not sent, and browsers take 5 s.
    pub max_age: Option<RawDuration>,
    /// The status of an allowed preflight: 204, or 200 for old clients. Default 204.
    #[schemars(extend("enum" = [200, 204]))]
    pub preflight_status: Option<u16>,
    /// Who answers a preflight that this policy refuses. Default respond.
    pub on_rejected_preflight: Option<RawOnRejectedPreflight>,
    /// What becomes of the upstream's own Access-Control-* headers. Default strip.
    pub upstream_cors_headers: Option<RawUpstreamCorsHeaders>,
    /// Whether `Access-Control-Request-Private-Network` is answered. Default false.
    pub allow_private_network: Option<bool>,
    /// Whether refusals say why, in `x-corsgate-reason`. Default: false.
    pub debug_header: Option<bool>,
    /// Permits `*`, and a regex that matches anything, with credentials: any site may act as its visitors.
    pub dangerously_allow_any_origin_with_credentials: Option<bool>,
    /// Permits `"null"` with credentials: any site can have that origin.
    pub dangerously_allow_null_with_credentials: Option<bool>,
    /// Permits origins without https, with credentials: whoever is on the network's path may act as the users.
    pub dangerously_allow_insecure_origins: Option<bool>,
    /// Permits a wildcard directly below a public suffix, with credentials: anybody can register a name there.
    pub dangerously_allow_public_suffix_wildcards: Option<bool>,
}

/// Who answers a preflight that a policy refuses.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OnRejectedPreflight")]
pub(super) enum RawOnRejectedPreflight {
    /// The gateway, with 403.
    Respond,
    /// The upstream, less its Access-Control-* headers.
    Forward,
}

/// What becomes of the upstream's own Access-Control-* headers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UpstreamCorsHeaders")]
pub(super) enum RawUpstreamCorsHeaders {
    /// They are removed.
    Strip,
    /// They stay where the policy does not allow the origin, and are replaced where it does.
    Keep,
    /// They stay, and what is missing is added.
    Fill,
}

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
    expecting = "an origin pattern, `regex: …` or `file: …`"
)]
#[schemars(rename = "OriginEntry")]
#[schemars(extend("oneOf" = [{ "required": ["regex"] }, { "required": ["file"] }]))]
pub(super) struct RawOriginEntry {
    /// Matches the whole origin, always. In single quotes, which leave backslashes alone.
    pub regex: Option<String>,
    /// A file of patterns, one a line, `#` comments; relative to the configuration.
    pub file: Option<String>,
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
    /// A metric label, unique. Default: `routes[0]`, by its place.
    pub name: Option<String>,
    /// All parts must match. Default: every request.
    #[serde(rename = "match")]
    pub matches: RawMatch,
    /// An upstream's name.
    pub upstream: Option<String>,
    /// A policy's name, a policy, `passthrough` (the backend does CORS itself) or `off`. Default off.
    pub cors: Option<RawCors>,
}

/// What a request must be like.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ path_prefix: /v1 }`"
)]
#[schemars(rename = "Match")]
#[schemars(extend("not" = { "required": ["path", "path_prefix"] }))]
pub(super) struct RawMatch {
    /// Any of these, without case or port; `*.example.com` is one or more labels.
    #[schemars(with = "Option<NotEmpty>")]
    pub hosts: Option<OneOrMany<String>>,
    /// This path exactly. Not beside `path_prefix`.
    #[schemars(regex(pattern = PATH))]
    pub path: Option<String>,
    /// Whole segments of the path: `/v1` is `/v1` and `/v1/…`, not `/v10`.
    #[schemars(regex(pattern = PATH))]
    pub path_prefix: Option<String>,
    /// Any of these, with case. A preflight is matched by the method that it announces.
    #[schemars(with = "Option<NotEmpty>")]
    pub methods: Option<OneOrMany<String>>,
    /// Headers with their exact values. A preflight is matched by the names that it announces.
    pub headers: Option<BTreeMap<String, RawScalar>>,
}

#[derive(Debug)]
pub(super) enum RawCors {
    /// A policy's name, `passthrough` or `off`.
    Name(String),
    Inline(Box<RawPolicy>),
}

/// One value or a list of them: `"*"` and `["*"]` are the same.
#[derive(Debug)]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Seq<T>),
}

/// The schema of names of which there must be one if the key is there: an empty list would match
/// nothing.
pub(super) enum NotEmpty {}

/// A duration with its unit, as in `2h`, `10s`, `500ms`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawDuration(pub Duration);

/// What is longer is a mistake, and no clock could be set to it.
const MAX_DURATION: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A size with its unit, as in `64KiB`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawSize(pub u64);

/// A string, or a number or truth value taken for the string that it was written as.
#[derive(Debug)]
pub(super) struct RawScalar(pub String);

// === impl Deserialize ===

impl<'de> Deserialize<'de> for RawOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OriginVisitor;
        impl<'de> Visitor<'de> for OriginVisitor {
            type Value = RawOrigin;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin pattern, `regex: …` or `file: …`")
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

impl<'de> Deserialize<'de> for RawCors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CorsVisitor;
        impl<'de> Visitor<'de> for CorsVisitor {
            type Value = RawCors;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a policy's name, a policy, `passthrough` or `off`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<RawCors, E> {
                Ok(RawCors::Name(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawCors, A::Error> {
                let policy = RawPolicy::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RawCors::Inline(Box::new(policy)))
            }
        }
        deserializer.deserialize_any(CorsVisitor)
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

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationVisitor;
        impl Visitor<'_> for DurationVisitor {
            type Value = RawDuration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, such as `10s` or `2h`")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawDuration, E> {
                Err(E::custom(format_args!(
                    "{number} lacks its unit{HINT}write `{number}s`"
                )))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawDuration, E> {
                if text.trim_start().starts_with('-') {
                    return Err(E::custom(format_args!(
                        "`{text}`: a duration is not negative"
                    )));
                }
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(E::custom(format_args!(
                        "`{text}` lacks its unit{HINT}write `{text}s`"
                    )));
                }
                let duration = humantime::parse_duration(text).map_err(|error| {
                    E::custom(format_args!(
                        "`{text}` is not a duration such as `10s` or `2h`: {error}"
                    ))
                })?;
                match duration > MAX_DURATION {
                    true => Err(E::custom(format_args!(
                        "`{text}` is longer than a hundred years"
                    ))),
                    false => Ok(RawDuration(duration)),
                }
            }
        }
        deserializer.deserialize_any(DurationVisitor)
    }
}

impl<'de> Deserialize<'de> for RawSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = RawSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size with its unit, such as `64KiB`")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawSize, E> {
                Err(E::custom(format_args!(
                    "{number} lacks its unit{HINT}write `{number}B` for bytes"
                )))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawSize, E> {
                match text.parse::<bytesize::ByteSize>() {
                    Ok(size) => Ok(RawSize(size.as_u64())),
                    Err(_) => Err(E::custom(format_args!(
                        "`{text}` is not a size such as `64KiB`"
                    ))),
                }
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl<'de> Deserialize<'de> for RawScalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl Visitor<'_> for ScalarVisitor {
            type Value = RawScalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<RawScalar, E> {
                Ok(RawScalar(text.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawScalar, E> {
                Ok(RawScalar(number.to_string()))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<RawScalar, E> {
                Ok(RawScalar(number.to_string()))
            }
            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<RawScalar, E> {
                Ok(RawScalar(truth.to_string()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}
