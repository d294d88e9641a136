//! `traces`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Spans of forwarded requests, for a collector of OpenTelemetry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a mapping such as `{ endpoint: \"http://127.0.0.1:4318\", sample_ratio: 0.01 }`"
)]
#[schemars(rename = "Traces", extend("required" = ["endpoint", "sample_ratio"]))]
pub(in crate::config) struct RawTraces {
    /// The URL of the collector, which takes OTLP over HTTP; `/v1/traces` is put behind it.
    #[schemars(regex(pattern = r"^https?://|\$\{"))]
    pub endpoint: Option<String>,
    /// The part, from 0 to 1, of the requests without a trace context that are sampled. The context decides for the others.
    #[schemars(range(min = 0, max = 1))]
    pub sample_ratio: Option<f64>,
    /// The name of this gateway in traces. Default corsgate.
    #[schemars(length(min = 1))]
    pub service_name: Option<String>,
}
