//! `routes`: requests, and where they go.

use super::{NotEmpty, OneOrMany, RawDuration, RawPolicy, RawRateLimit, RawScalar, RawSize, Seq};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// The form of a path; a variable may stand in it.
const PATH: &str = r"^/|\$\{";

/// Requests, where they go, and under which policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ upstream: api, cors: web-app }`"
)]
#[schemars(rename = "Route", extend("required" = ["upstream"]))]
pub(in crate::config) struct RawRoute {
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
#[schemars(extend("not" = { "anyOf": [
    { "required": ["path", "path_prefix"] },
    { "required": ["path", "path_template"] },
    { "required": ["path_prefix", "path_template"] },
] }))]
pub(in crate::config) struct RawMatch {
    /// Hosts, any of which matches, compared without case or port; `*` in `*.example.com` is one or more labels.
    #[schemars(with = "Option<NotEmpty>")]
    pub hosts: Option<OneOrMany<String>>,
    /// The whole path. It can't stand beside `path_prefix` or `path_template`.
    #[schemars(regex(pattern = PATH))]
    pub path: Option<String>,
    /// Whole segments at the start of the path: `/v1` matches `/v1` and `/v1/…`, not `/v10`.
    #[schemars(regex(pattern = PATH))]
    pub path_prefix: Option<String>,
    /// The whole path by segments, as in google.api.http: `/shelves/{shelf}/books/*`. `*` and `{shelf}` are one segment, `**` at the end is everything behind it.
    #[schemars(regex(pattern = PATH))]
    pub path_template: Option<String>,
    /// Methods, any of which matches, compared with case. A preflight is matched by the method that it announces.
    #[schemars(with = "Option<NotEmpty>")]
    pub methods: Option<OneOrMany<String>>,
    /// Headers with their exact values. A preflight is matched by the names that it announces.
    pub headers: Option<BTreeMap<String, RawScalar>>,
}

/// The CORS rule of a route.
#[derive(Debug)]
pub(in crate::config) enum RawCors {
    /// A policy, `passthrough` or `off`.
    One(RawPolicyRef),
    Several(Seq<RawPolicyRef>),
}

/// A policy of a route.
#[derive(Debug)]
pub(in crate::config) enum RawPolicyRef {
    Name(String),
    Inline(Box<RawPolicy>),
}

// === impl Deserialize ===

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
