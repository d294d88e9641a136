//! The configuration file as it is written: a mirror without logic.
//!
//! Everything is optional here, and elements may be null, so that one mistake hides no other: what
//! is missing or senseless is found by `compile`, all of it in one pass.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A sequence. An element that was refused by itself is `None`.
pub(super) type Seq<T> = Vec<Option<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "the configuration: a mapping with `listeners`, `upstreams` and `routes`"
)]
pub(super) struct RawConfig {
    pub listeners: Option<Seq<RawListener>>,
    pub admin: Option<RawAdmin>,
    pub metrics: Option<RawListener>,
    pub server: RawServer,
    pub limits: RawLimits,
    pub upstreams: Option<BTreeMap<String, Option<RawUpstream>>>,
    pub policies: BTreeMap<String, Option<RawPolicy>>,
    pub routes: Option<Seq<RawRoute>>,
    pub default_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:8080 }`"
)]
pub(super) struct RawListener {
    pub address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping such as `{ address: 127.0.0.1:9901 }`"
)]
pub(super) struct RawAdmin {
    pub address: Option<String>,
    pub hosts: Option<Seq<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ threads: 0 }`"
)]
pub(super) struct RawServer {
    pub threads: Option<usize>,
    pub express_lane: Option<bool>,
    pub grace_period: Option<RawDuration>,
    pub shutdown_timeout: Option<RawDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ keepalive_timeout: 60s }`"
)]
pub(super) struct RawLimits {
    pub max_connections: Option<usize>,
    pub max_request_header_bytes: Option<RawSize>,
    pub header_timeout: Option<RawDuration>,
    pub keepalive_timeout: Option<RawDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ endpoints: [127.0.0.1:9000] }`"
)]
pub(super) struct RawUpstream {
    pub endpoints: Option<Seq<String>>,
    pub echo: Option<bool>,
    pub protocol: Option<RawProtocol>,
    pub load_balancing: Option<RawLoadBalancing>,
    pub connect_timeout: Option<RawDuration>,
    pub read_timeout: Option<RawDuration>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawProtocol {
    Http1,
    H2c,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawLoadBalancing {
    RoundRobin,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ allow_origins: [https://app.example.com] }`"
)]
pub(super) struct RawPolicy {
    pub allow_origins: Option<OneOrMany<RawOrigin>>,
    pub allow_methods: Option<OneOrMany<String>>,
    pub allow_headers: Option<OneOrMany<String>>,
    pub expose_headers: Option<OneOrMany<String>>,
    pub allow_credentials: Option<bool>,
    pub max_age: Option<RawDuration>,
    pub preflight_status: Option<u16>,
    pub on_rejected_preflight: Option<RawOnRejectedPreflight>,
    pub upstream_cors_headers: Option<RawUpstreamCorsHeaders>,
    pub allow_private_network: Option<bool>,
    pub debug_header: Option<bool>,
    pub dangerously_allow_any_origin_with_credentials: Option<bool>,
    pub dangerously_allow_null_with_credentials: Option<bool>,
    pub dangerously_allow_insecure_origins: Option<bool>,
    pub dangerously_allow_public_suffix_wildcards: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOnRejectedPreflight {
    Respond,
    Forward,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawUpstreamCorsHeaders {
    Strip,
    Keep,
    Fill,
}

#[derive(Debug)]
pub(super) enum RawOrigin {
    Text(String),
    Entry(RawOriginEntry),
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "an origin pattern, `regex: …` or `file: …`"
)]
pub(super) struct RawOriginEntry {
    pub regex: Option<String>,
    pub file: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ upstream: api, cors: web-app }`"
)]
pub(super) struct RawRoute {
    pub name: Option<String>,
    #[serde(rename = "match")]
    pub matches: RawMatch,
    pub upstream: Option<String>,
    pub cors: Option<RawCors>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ path_prefix: /v1 }`"
)]
pub(super) struct RawMatch {
    pub hosts: Option<OneOrMany<String>>,
    pub path: Option<String>,
    pub path_prefix: Option<String>,
    pub methods: Option<OneOrMany<String>>,
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
                    "{number} lacks its unit, as in `{number}s`"
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
                        "`{text}` lacks its unit, as in `{text}s`"
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
                    "{number} lacks its unit: write `{number}B` for bytes"
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
