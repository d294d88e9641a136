//! Where traces go, and of how many requests.

use crate::config::error::Place;

/// The spans of forwarded requests.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The URL that spans are sent to, by OTLP over HTTP.
    pub endpoint: String,
    /// The part, from 0 to 1, of the requests without a trace context that are sampled.
    pub sample_ratio: f64,
    pub service_name: String,
    /// The place of the endpoint in the file.
    pub place: Option<Place>,
}

// === impl Traces ===

impl Traces {
    /// Whether spans go the same way, wherever the two stand in their files.
    pub fn is_same(&self, other: &Self) -> bool {
        let Self {
            endpoint,
            sample_ratio,
            service_name,
            place: _,
        } = self;
        *endpoint == other.endpoint
            && *sample_ratio == other.sample_ratio
            && *service_name == other.service_name
    }
}
