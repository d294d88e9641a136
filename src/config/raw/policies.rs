//! `policies`: who may read responses, and what else they may do.

use super::{OneOrMany, RawDuration, Seq};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The form of a literal origin; a variable may stand in it.
const LITERAL: &str = r#"^[^\s,;"'`<>*\\]+$|\$\{"#;

/// The origins whose scripts may read responses, and what else these scripts may do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ allow_origins: [https://app.example.com] }`"
)]
#[schemars(rename = "Policy", extend("required" = ["allow_origins"]))]
pub(in crate::config) struct RawPolicy {
    /// Origins whose scripts may read responses, as patterns: an origin, `https://*.example.com`, `http://localhost:*`, `"null"`, a regex, a literal, a file, a list in one string; or `*` alone.
    pub allow_origins: Option<OneOrMany<RawOrigin>>,
    /// Methods beside GET, HEAD and POST, with case; or `*`; or `{ verbatim: … }`, which is sent as written and compared by browsers alone. Default: none.
    pub allow_methods: Option<RawNameList>,
    /// Request headers that scripts may set, or `*`, which does not cover `authorization`; or `{ verbatim: … }`, which is sent as written and compared by browsers alone. Default: none.
    pub allow_headers: Option<RawNameList>,
    /// Response headers that scripts may read; or `*`, without credentials only; or `{ verbatim: … }`, which is sent as written. Default: none.
    pub expose_headers: Option<RawNameList>,
    /// Protocols whose headers are added to `allow_headers` and `expose_headers`. Default: none.
    pub presets: Option<OneOrMany<RawPreset>>,
    /// Whether browsers may send cookies, client certificates and HTTP authentication. Default false.
    pub allow_credentials: Option<bool>,
    /// Time that browsers may remember a preflight's answer, in whole seconds. Default: not sent, and browsers take 5 s.
    pub max_age: Option<RawDuration>,
    /// The status of an allowed preflight: 204, or 200 for old clients. Default 204.
    #[schemars(extend("enum" = [200, 204]))]
    pub preflight_status: Option<u16>,
    /// The answer to a preflight which this policy refuses: answer, deny, forward, or one of your own. Default answer.
    pub on_rejected_preflight: Option<RawOnRejectedPreflight>,
    /// The treatment of OPTIONS requests that are not preflights, because Origin or Access-Control-Request-Method is missing. Default forward.
    pub other_options_requests: Option<RawOtherOptionsRequests>,
    /// The treatment of the upstream's own Access-Control-* headers. Default strip.
    pub upstream_cors_headers: Option<RawUpstreamCorsHeaders>,
    /// The requests that get 403 if their Origin is neither allowed nor their own (scheme, host, port). Default never.
    pub block_disallowed_origins: Option<RawBlockDisallowedOrigins>,
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

/// A list of methods or headers.
#[derive(Debug)]
pub(in crate::config) enum RawNameList {
    Names(OneOrMany<String>),
    Verbatim(RawVerbatimList),
}

/// A list that is sent as it is written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ verbatim: \"GET, PUT\" }`"
)]
#[schemars(rename = "VerbatimList", extend("required" = ["verbatim"]))]
pub(in crate::config) struct RawVerbatimList {
    /// The header's value, of up to 8192 bytes; sent byte for byte. Empty: the header is not sent.
    pub verbatim: Option<String>,
}

/// A protocol whose headers a policy allows and exposes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Preset")]
pub(in crate::config) enum RawPreset {
    /// gRPC-Web: allows content-type, x-grpc-web, x-user-agent and grpc-timeout; exposes grpc-status, grpc-message and grpc-status-details-bin.
    GrpcWeb,
}

/// The answer to a preflight which a policy refuses.
#[derive(Debug)]
pub(in crate::config) enum RawOnRejectedPreflight {
    Word(RawRejection),
    Written(RawWrittenAnswer),
}

/// The answer to a preflight which a policy refuses, as one word.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Rejection")]
pub(in crate::config) enum RawRejection {
    /// An allowed origin learns what the policy allows, so that the browser names what is refused; 403 otherwise.
    Answer,
    /// 403, without CORS headers.
    Deny,
    /// The upstream answers, and its Access-Control-* headers are removed.
    Forward,
}

/// An answer of your own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ status: 403, body: '{\"error\": \"cors\"}' }`"
)]
#[schemars(rename = "WrittenAnswer", extend("required" = ["status"]))]
pub(in crate::config) struct RawWrittenAnswer {
    /// A status from 200 to 599 with which a response may have a body, redirects aside.
    pub status: Option<u16>,
    /// JSON, sent as application/json. Default: no body.
    pub body: Option<String>,
}

/// The treatment of OPTIONS requests that are not preflights.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OtherOptionsRequests")]
pub(in crate::config) enum RawOtherOptionsRequests {
    /// They are treated as any other request.
    Forward,
    /// They get the answer of `on_rejected_preflight`, which can't be `forward` then: 403, or your own.
    Reject,
}

/// The treatment of the upstream's own Access-Control-* headers.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UpstreamCorsHeaders")]
pub(in crate::config) enum RawUpstreamCorsHeaders {
    /// They are removed.
    Strip,
    /// They stay if the policy does not allow the origin, and are replaced if it does.
    Keep,
    /// They stay, and missing ones are added.
    Fill,
}

/// The requests that get 403 if their Origin is neither allowed nor their own. One without an Origin never does.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "BlockDisallowedOrigins")]
pub(in crate::config) enum RawBlockDisallowedOrigins {
    /// None: browsers withhold responses by themselves.
    Never,
    /// Handshakes of WebSockets, which CORS does not guard.
    Websocket,
    /// Every request that is not a preflight.
    All,
}

/// An element of `allow_origins`.
#[derive(Debug)]
pub(in crate::config) enum RawOrigin {
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
pub(in crate::config) struct RawOriginEntry {
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

impl<'de> Deserialize<'de> for RawNameList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = RawNameList;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(RawNameList::Names(OneOrMany::One(name.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                let names = Seq::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(RawNameList::Names(OneOrMany::Many(names)))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RawVerbatimList::deserialize(MapAccessDeserializer::new(map))
                    .map(RawNameList::Verbatim)
            }
        }
        deserializer.deserialize_any(ListVisitor)
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
