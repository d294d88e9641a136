//! `access_log` and `log`, as they are written.

use super::Seq;
use schemars::JsonSchema;
use serde::Deserialize;

/// A line for every request, preflights too.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ format: json, path: stdout }`"
)]
#[schemars(rename = "AccessLog")]
pub(in crate::config) struct RawAccessLog {
    /// The form of the lines. Default json.
    pub format: Option<RawAccessLogFormat>,
    /// `stdout`, `stderr`, or a file, relative to the configuration. Default stdout.
    #[schemars(length(min = 1))]
    pub path: Option<String>,
    /// The fields of each line; only with `format: json`. Default: all of them.
    #[schemars(length(min = 1))]
    pub fields: Option<Seq<RawLogField>>,
}

/// The form of the access log's lines.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AccessLogFormat")]
pub(in crate::config) enum RawAccessLogFormat {
    /// A JSON object per line.
    Json,
    /// Apache's combined format.
    Combined,
}

/// A field of the access log.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LogField")]
pub(in crate::config) enum RawLogField {
    /// The time at which the request's header had come: RFC 3339, UTC, with milliseconds.
    Time,
    /// The client's address: the peer's, or the one that trusted proxies name.
    Client,
    /// The listener's address.
    Listener,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    Protocol,
    /// TLSv1.2 or TLSv1.3.
    TlsVersion,
    /// The request's method.
    Method,
    /// The host that the request is for.
    Host,
    /// The path, without the query, which may have secrets.
    Path,
    /// The status that was sent; `null` if the client had gone.
    Status,
    /// Milliseconds from the request's header to the end of the response.
    DurationMs,
    /// Bytes of the request's body that were passed on.
    RequestBytes,
    /// Bytes of the response's body.
    ResponseBytes,
    /// The route's name, or `unmatched`.
    Route,
    /// The name of the route's policy.
    Policy,
    /// The result of CORS: handled, rejected, allowed, denied, blocked or passed_through.
    Outcome,
    /// The reason for the outcome, or for refusing the request before CORS.
    Reason,
    /// The request's Origin.
    Origin,
    /// The upstream's name, if it was asked.
    Upstream,
    /// The address of the endpoint that was asked last.
    Endpoint,
    /// Milliseconds until that one's response header.
    UpstreamDurationMs,
    /// Number of tries after the first.
    Retries,
    /// The request's x-request-id.
    RequestId,
    /// The trace's id, from a valid traceparent.
    TraceId,
    /// The User-Agent field.
    UserAgent,
    /// The Referer field, without the query.
    Referer,
}

/// The program's own log, on stderr.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ format: json }`"
)]
#[schemars(rename = "Log")]
pub(in crate::config) struct RawLog {
    /// The form of the lines. RUST_LOG sets what is in them. Default text.
    pub format: Option<RawLogFormat>,
}

/// The form of the program's own log.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LogFormat")]
pub(in crate::config) enum RawLogFormat {
    /// For people.
    Text,
    /// A JSON object per line.
    Json,
}
