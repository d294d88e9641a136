//! Upstreams: the tries of requests on their endpoints, and the state of these.

use super::register;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use std::time::Duration;

/// The metrics of all upstreams.
#[derive(Debug, Clone)]
pub(super) struct UpstreamFamilies {
    requests: IntCounterVec,
    duration: HistogramVec,
    failures: IntCounterVec,
    retries: IntCounterVec,
    endpoints: IntGaugeVec,
    ejections: IntCounterVec,
}

/// The handles of one upstream.
#[derive(Debug)]
pub struct UpstreamMetrics {
    requests: [IntCounter; super::CODE_CLASSES.len()],
    duration: Histogram,
    failures: [IntCounter; UpstreamFailure::ALL.len()],
    retries: IntCounter,
    endpoints: [IntGauge; EndpointState::ALL.len()],
    ejections: IntCounter,
}

/// The way in which a try of a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamFailure {
    /// There was no connection.
    Connect,
    /// The handshake failed: a certificate that is not believed, for one.
    Tls,
    /// It took too long to connect, or to say or to take something.
    Timeout,
    /// The connection, or the stream, ended before the response did.
    Reset,
    /// The response was not one of HTTP, or not one that can be passed on.
    Protocol,
    /// There was no endpoint to ask.
    Unavailable,
}

/// The state of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    Healthy,
    /// Its checks fail.
    Unhealthy,
    /// Its requests failed.
    Ejected,
}

// === impl UpstreamFailure ===

impl UpstreamFailure {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 6] = [
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Reset,
        Self::Protocol,
        Self::Unavailable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Unavailable => "unavailable",
        }
    }
}

// === impl EndpointState ===

impl EndpointState {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Unhealthy, Self::Ejected];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Ejected => "ejected",
        }
    }
}

// === impl UpstreamFamilies ===

impl UpstreamFamilies {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let duration = HistogramOpts::new(
            "corsgate_upstream_request_duration_seconds",
            "Time from the choice of an endpoint to the header of its response.",
        )
        .buckets(super::DURATION_BUCKETS.to_vec());
        let endpoints = Opts::new(
            "corsgate_upstream_endpoints",
            "Addresses of an upstream by their state.",
        );
        Ok(Self {
            requests: counter(
                "corsgate_upstream_requests_total",
                "Tries of requests on an upstream by the class of the status that it answered with.",
                &["upstream", "code"],
            )?,
            duration: register(registry, HistogramVec::new(duration, &["upstream"]))?,
            failures: counter(
                "corsgate_upstream_failures_total",
                "Tries of requests on an upstream that failed, by the reason.",
                &["upstream", "reason"],
            )?,
            retries: counter(
                "corsgate_upstream_retries_total",
                "Further tries of requests.",
                &["upstream"],
            )?,
            endpoints: register(
                registry,
                IntGaugeVec::new(endpoints, &["upstream", "state"]),
            )?,
            ejections: counter(
                "corsgate_upstream_ejections_total",
                "Times that an endpoint was ejected because its requests failed.",
                &["upstream"],
            )?,
        })
    }

    pub(super) fn upstream(&self, name: &str) -> UpstreamMetrics {
        UpstreamMetrics {
            requests: super::CODE_CLASSES
                .map(|class| self.requests.with_label_values(&[name, class])),
            duration: self.duration.with_label_values(&[name]),
            failures: UpstreamFailure::ALL
                .map(|reason| self.failures.with_label_values(&[name, reason.as_str()])),
            retries: self.retries.with_label_values(&[name]),
            endpoints: EndpointState::ALL
                .map(|state| self.endpoints.with_label_values(&[name, state.as_str()])),
            ejections: self.ejections.with_label_values(&[name]),
        }
    }

    /// Removes the series of an upstream. Removing one that was never made fails, which changes nothing.
    pub(super) fn forget(&self, name: &str) {
        for class in super::CODE_CLASSES {
            let _ = self.requests.remove_label_values(&[name, class]);
        }
        let _ = self.duration.remove_label_values(&[name]);
        for reason in UpstreamFailure::ALL {
            let _ = self.failures.remove_label_values(&[name, reason.as_str()]);
        }
        let _ = self.retries.remove_label_values(&[name]);
        for state in EndpointState::ALL {
            let _ = self.endpoints.remove_label_values(&[name, state.as_str()]);
        }
        let _ = self.ejections.remove_label_values(&[name]);
    }
}

// === impl UpstreamMetrics ===

impl UpstreamMetrics {
    /// Counts a try that was answered with this status, whose header took so long.
    pub fn answered(&self, status: u16, elapsed: Duration) {
        self.requests[super::code_class(Some(status))].inc();
        self.duration.observe(elapsed.as_secs_f64());
    }

    /// Counts a try that failed. It `was_answered` if the header of a response had come before.
    pub fn failed(&self, failure: UpstreamFailure, was_answered: bool) {
        if !was_answered {
            self.abandoned();
        }
        self.failures[failure as usize].inc();
    }

    /// Counts a try that was given up before it was answered, because its client went away.
    pub fn abandoned(&self) {
        self.requests[super::code_class(None)].inc();
    }

    /// Counts a further try.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// Counts an ejection.
    pub fn ejected(&self) {
        self.ejections.inc();
    }

    /// Shows the number of endpoints in each state, in the order of [`EndpointState::ALL`].
    pub fn shows(&self, counts: [usize; EndpointState::ALL.len()]) {
        for (gauge, count) in self.endpoints.iter().zip(counts) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_states_index_their_handles() {
        for (index, failure) in UpstreamFailure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, index);
        }
        for (index, state) in EndpointState::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, index);
        }
    }
}
