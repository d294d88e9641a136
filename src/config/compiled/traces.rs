//! Where traces go, and of how many requests.

use crate::config::error::Place;

/// The spans of forwarded requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// The URL that spans are sent to, by OTLP over HTTP.
    pub endpoint: String,
    /// The part, from 0 to 1, of the requests without a trace context that are sampled.
    pub sample_ratio: f64,
    pub service_name: String,
    /// The place of the endpoint in the file.
    pub place: Option<Place>,
}
