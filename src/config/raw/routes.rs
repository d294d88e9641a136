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

/// The search for the routes of requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ preflight_method: options }`"
)]
#[schemars(rename = "Routing")]
pub(in crate::config) struct RawRouting {
    /// The method by which a preflight finds its route: the one that it announces, or its own. Default announced.
    pub preflight_method: Option<RawPreflightMethod>,
    /// The syntax of every `path_template` in the file. Default standard.
    pub path_templates: Option<RawPathTemplates>,
}

/// The method by which a preflight finds its route.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PreflightMethod")]
pub(in crate::config) enum RawPreflightMethod {
    /// The one that it announces: it takes the route of the request to come.
    Announced,
    /// OPTIONS: it takes the route that any other request with its method and fields takes.
    Options,
}

/// The syntax of path templates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PathTemplates")]
pub(in crate::config) enum RawPathTemplates {
    /// The one of google.api.http: a template says exactly which slashes a path has.
    #[default]
    Standard,
    /// The one of Google's ESPv2: a path may have one slash more at its end, and literal segments may follow `**`.
    Espv2,
    /// The same, where wildcards match no colon.
    Espv2WithoutColons,
}

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
    /// Whether it takes a request only if no route without this does, whatever the host and the path. Default false.
    pub fallback: Option<bool>,
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
    /// Whether requests in gRPC-Web, binary or text, become gRPC for the upstream, which has to speak HTTP/2, and responses gRPC-Web. Default false.
    pub grpc_web: Option<bool>,
    /// The path and the host that the upstream is asked for. Default: those that the client asked for.
    pub rewrite: Option<RawRewrite>,
    /// Edits of the fields of requests to the upstream. Default: none.
    pub request_headers: Option<RawHeaderEdits>,
    /// Edits of the fields of the upstream's responses. Default: none.
    pub response_headers: Option<RawHeaderEdits>,
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
    /// The whole path by segments, as in google.api.http: `/shelves/{shelf}/books/*`. `*` and `{shelf}` are one segment, `**` at the end is everything behind it. `routing.path_templates` can change the syntax.
    #[schemars(regex(pattern = PATH))]
    pub path_template: Option<String>,
    /// Methods, any of which matches, compared with case. A preflight is matched by the method that it announces, unless `routing.preflight_method` says otherwise.
    #[schemars(with = "Option<NotEmpty>")]
    pub methods: Option<OneOrMany<String>>,
    /// Headers with their exact values. A preflight is matched by the names that it announces, unless `routing.preflight_method` says otherwise.
    pub headers: Option<BTreeMap<String, RawScalar>>,
}

/// The path and the host that the upstream is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ path_prefix: /books }`"
)]
#[schemars(rename = "Rewrite")]
#[schemars(extend("minProperties" = 1, "not" = { "anyOf": [
    { "required": ["path", "path_prefix"] },
    { "required": ["path", "prepend"] },
    { "required": ["path_prefix", "prepend"] },
] }, "dependentRequired" = { "append_variables": ["path"] }))]
pub(in crate::config) struct RawRewrite {
    /// The path in place of the match's `path_prefix`, or of the whole path if the match has a `path`. The rest of the path and the query stay.
    #[schemars(regex(pattern = PATH))]
    pub path_prefix: Option<String>,
    /// The path in place of the whole path; the query stays. It can't stand beside `path_prefix` or `prepend`.
    #[schemars(regex(pattern = PATH))]
    pub path: Option<String>,
    /// The path in front of the client's, which stays whole. It can't stand beside `path` or `path_prefix`.
    #[schemars(regex(pattern = PATH))]
    pub prepend: Option<String>,
    /// Whether the variables of the match's `path_template` are appended to the query, as `name=value`, beside `path`. Default false.
    pub append_variables: Option<bool>,
    /// The host that the upstream is asked for: the client's, or its own. Default client.
    pub host: Option<RawHost>,
}

/// The host that an upstream is asked for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Host")]
pub(in crate::config) enum RawHost {
    /// The one that the client asked for.
    Client,
    /// The endpoint's, as it is configured, without the default port.
    Upstream,
}

/// Edits of the fields of a header: what is removed, then set, then added.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ set: { x-edge: a }, remove: [x-debug] }`"
)]
#[schemars(rename = "HeaderEdits", extend("minProperties" = 1))]
pub(in crate::config) struct RawHeaderEdits {
    /// Names of fields of which all lines are removed.
    #[schemars(with = "Option<NotEmpty>")]
    pub remove: Option<OneOrMany<String>>,
    /// Fields, by their names, of which all lines are replaced by this value.
    pub set: Option<BTreeMap<String, RawScalar>>,
    /// Fields, by their names, that get another line with this value.
    pub add: Option<BTreeMap<String, RawScalar>>,
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
