//! The metrics, their names and labels, in a registry of their own.
//!
//! *Invariant:* label values come from closed enums and configured names, never from a request.
//! Handles are resolved when routes are compiled; recording is one atomic add.

use crate::cors::{ActualOutcome, Outcome, PreflightOutcome, Reason, Rule};
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use std::time::Duration;

/// Upper bounds in seconds: preflights end in the first ones, slow backends in the last.
const DURATION_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// All metrics of one gateway.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    preflights: IntCounterVec,
    cors_requests: IntCounterVec,
    requests: IntCounterVec,
    duration: HistogramVec,
    connections: ConnectionMetrics,
    reloads: IntCounterVec,
    last_reload_successful: IntGauge,
    config_info: IntGaugeVec,
}

/// The handles for client connections.
#[derive(Debug, Clone)]
pub struct ConnectionMetrics {
    open: IntGauge,
    refused: IntCounter,
}

/// The handles of one route.
#[derive(Debug)]
pub struct RouteMetrics {
    /// By reason: under one rule a reason has one outcome.
    preflights: [Option<IntCounter>; Reason::ALL.len()],
    allowed: IntCounter,
    denied: IntCounter,
    passed_through: IntCounter,
    requests: [IntCounter; CODE_CLASSES.len()],
    duration: Histogram,
}

/// The values of `result`.
const APPLIED: &str = "applied";
const REJECTED: &str = "rejected";

/// `none`: the client was gone before there was a status.
const CODE_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

// === impl Metrics ===

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    ///
    /// Only if two metrics had the same name, which a test rules out.
    pub fn new() -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let metrics = Self {
            registry: Registry::new(),
            preflights: counter(
                "corsgate_preflights_total",
                "CORS preflights by what became of them.",
                &["route", "outcome", "reason"],
            )?,
            cors_requests: counter(
                "corsgate_cors_requests_total",
                "CORS requests that are no preflights.",
                &["route", "outcome"],
            )?,
            requests: counter(
                "corsgate_requests_total",
                "All requests by the class of the status they were answered with.",
                &["route", "code"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "corsgate_request_duration_seconds",
                    "Time from a request's header to the end of its response.",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &["route"],
            )?,
            connections: ConnectionMetrics {
                open: IntGauge::new(
                    "corsgate_downstream_connections",
                    "Open client connections.",
                )?,
                refused: IntCounter::new(
                    "corsgate_downstream_connections_refused_total",
                    "Client connections over `limits.max_connections`, answered with 503.",
                )?,
            },
            reloads: counter(
                "corsgate_config_reloads_total",
                "Attempts to take a new configuration, by what became of them.",
                &["result"],
            )?,
            last_reload_successful: IntGauge::new(
                "corsgate_config_last_reload_successful",
                "Whether the configuration that was read last is the one that is served.",
            )?,
            config_info: IntGaugeVec::new(
                Opts::new(
                    "corsgate_config_info",
                    "Always 1; the label names the content of the configuration that is served.",
                ),
                &["hash"],
            )?,
        };
        let Self {
            registry,
            preflights,
            cors_requests,
            requests,
            duration,
            connections: ConnectionMetrics { open, refused },
            reloads,
            last_reload_successful,
            config_info,
        } = &metrics;
        registry.register(Box::new(preflights.clone()))?;
        registry.register(Box::new(cors_requests.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(reloads.clone()))?;
        registry.register(Box::new(last_reload_successful.clone()))?;
        registry.register(Box::new(config_info.clone()))?;
        for result in [APPLIED, REJECTED] {
            reloads.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    /// The handles for client connections.
    pub fn connections(&self) -> ConnectionMetrics {
        self.connections.clone()
    }

    /// The configuration with this hash is served from now on.
    pub fn serves(&self, hash: &str) {
        self.config_info.reset();
        self.config_info.with_label_values(&[hash]).set(1);
        self.last_reload_successful.set(1);
    }

    /// A new configuration is served.
    pub fn reload_applied(&self, hash: &str) {
        self.reloads.with_label_values(&[APPLIED]).inc();
        self.serves(hash);
    }

    /// A new configuration can't be served.
    pub fn reload_rejected(&self) {
        self.reloads.with_label_values(&[REJECTED]).inc();
        self.last_reload_successful.set(0);
    }

    /// Removes the series of a route that there is no more. Requests that are still on it count on
    /// and are seen by nobody.
    pub fn forget_route(&self, name: &str) {
        for outcome in PreflightOutcome::ALL {
            for reason in Reason::ALL {
                // What was never counted can't be removed, which is as well.
                let labels = [name, outcome.as_str(), reason.as_str()];
                let _ = self.preflights.remove_label_values(&labels);
            }
        }
        for outcome in [
            ActualOutcome::Allowed,
            ActualOutcome::Denied,
            ActualOutcome::PassedThrough,
        ] {
            let _ = self
                .cors_requests
                .remove_label_values(&[name, outcome.as_str()]);
        }
        for class in CODE_CLASSES {
            let _ = self.requests.remove_label_values(&[name, class]);
        }
        let _ = self.duration.remove_label_values(&[name]);
    }

    /// The handles for the route `name` with this rule.
    pub fn route(&self, name: &str, rule: &Rule) -> RouteMetrics {
        let cors = |outcome: ActualOutcome| {
            self.cors_requests
                .with_label_values(&[name, outcome.as_str()])
        };
        RouteMetrics {
            preflights: Reason::ALL.map(|reason| {
                let outcome = rule.preflight_outcome(reason)?.as_str();
                let labels = [name, outcome, reason.as_str()];
                Some(self.preflights.with_label_values(&labels))
            }),
            allowed: cors(ActualOutcome::Allowed),
            denied: cors(ActualOutcome::Denied),
            passed_through: cors(ActualOutcome::PassedThrough),
            requests: CODE_CLASSES.map(|class| self.requests.with_label_values(&[name, class])),
            duration: self.duration.with_label_values(&[name]),
        }
    }

    /// What [`Metrics::page`] is, as an HTTP content type.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// The page for Prometheus.
    ///
    /// # Errors
    ///
    /// If a metric can't be written as text; then nothing is.
    pub fn page(&self) -> prometheus::Result<Vec<u8>> {
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

// === impl ConnectionMetrics ===

impl ConnectionMetrics {
    pub fn opened(&self) {
        self.open.inc();
    }

    pub fn closed(&self) {
        self.open.dec();
    }

    /// One more than there may be.
    pub fn refused(&self) {
        self.refused.inc();
    }
}

// === impl RouteMetrics ===

impl RouteMetrics {
    /// Counts a finished request. `status` is `None` where no response was sent.
    pub fn finished(&self, outcome: Outcome, status: Option<u16>, elapsed: Duration) {
        match outcome {
            Outcome::Preflight(_, reason) => {
                if let Some(counter) = &self.preflights[reason as usize] {
                    counter.inc();
                }
            }
            Outcome::Actual(ActualOutcome::NotCors) => {}
            Outcome::Actual(ActualOutcome::Allowed) => self.allowed.inc(),
            Outcome::Actual(ActualOutcome::Denied) => self.denied.inc(),
            Outcome::Actual(ActualOutcome::PassedThrough) => self.passed_through.inc(),
        }
        let class = usize::from(status.unwrap_or(0) / 100);
        self.requests[if class < CODE_CLASSES.len() { class } else { 0 }].inc();
        self.duration.observe(elapsed.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_on_the_page_and_counts_under_its_labels() {
        let metrics = Metrics::new().expect("names differ");
        let route = metrics.route("r", &Rule::NoRoute(None));
        let preflight = Outcome::Preflight(PreflightOutcome::Rejected, Reason::NoRoute);
        route.finished(preflight, Some(204), Duration::from_millis(3));
        route.finished(Outcome::Actual(ActualOutcome::Denied), None, Duration::ZERO);
        let page = String::from_utf8(metrics.page().expect("encodes")).expect("text");
        assert!(Metrics::CONTENT_TYPE.starts_with(TextEncoder::new().format_type()));
        for line in [
            r#"corsgate_preflights_total{outcome="rejected",reason="no_route",route="r"} 1"#,
            r#"corsgate_cors_requests_total{outcome="denied",route="r"} 1"#,
            r#"corsgate_cors_requests_total{outcome="allowed",route="r"} 0"#,
            r#"corsgate_requests_total{code="2xx",route="r"} 1"#,
            r#"corsgate_requests_total{code="none",route="r"} 1"#,
            r#"corsgate_request_duration_seconds_count{route="r"} 2"#,
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn reasons_index_their_handles() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
