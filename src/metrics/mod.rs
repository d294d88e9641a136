//! The metrics of a gateway, in a registry of their own: one file per family.
//!
//! *Invariant:* label values come from closed enums and configured names, never from a request.
//! Handles are resolved when routes are compiled; recording is one atomic add.

mod config;
mod connections;
mod log;
mod process;
mod requests;
mod tls;
mod traces;
mod upstreams;

pub use config::ConfigMetrics;
pub use connections::ConnectionMetrics;
pub use log::LogMetrics;
pub use requests::{RefusedFor, RouteMetrics};
pub use tls::{Handshake, TlsMetrics};
pub use traces::TraceMetrics;
pub use upstreams::{EndpointState, UpstreamFailure, UpstreamMetrics};

use crate::cors::Rule;
use prometheus::core::Collector;
use prometheus::{Encoder, Registry, TextEncoder};
use requests::RequestMetrics;
use upstreams::UpstreamFamilies;

/// Upper bounds in seconds: preflights fall into the first ones, slow upstreams into the last.
const DURATION_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The values of `code`. `none`: the client was gone before there was a status.
const CODE_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// All metrics of one gateway. Clones share their values.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: RequestMetrics,
    connections: ConnectionMetrics,
    config: ConfigMetrics,
    log: LogMetrics,
    access_log: LogMetrics,
    traces: TraceMetrics,
    tls: TlsMetrics,
    upstreams: UpstreamFamilies,
}

// === impl Metrics ===

impl Metrics {
    /// The HTTP content type of [`Metrics::page`].
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Makes all families and registers them.
    ///
    /// # Errors
    ///
    /// Only if two metrics have the same name, which a test rules out.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        process::register_all(&registry)?;
        Ok(Self {
            requests: RequestMetrics::register(&registry)?,
            connections: ConnectionMetrics::register(&registry)?,
            config: ConfigMetrics::register(&registry)?,
            log: LogMetrics::register(
                &registry,
                "corsgate_log_dropped_total",
                "Lines of the log that were dropped: stderr took them too slowly, or not at all.",
            )?,
            access_log: LogMetrics::register(
                &registry,
                "corsgate_access_log_dropped_total",
                "Lines of the access log that were dropped: its file took them too slowly, or not at all.",
            )?,
            traces: TraceMetrics::register(&registry)?,
            tls: TlsMetrics::register(&registry)?,
            upstreams: UpstreamFamilies::register(&registry)?,
            registry,
        })
    }

    /// Returns the handles for client connections.
    pub fn connections(&self) -> ConnectionMetrics {
        self.connections.clone()
    }

    /// Returns the handles for the configuration and its reloads.
    pub fn config(&self) -> &ConfigMetrics {
        &self.config
    }

    /// Returns the handle for the program's own log.
    pub fn log(&self) -> &LogMetrics {
        &self.log
    }

    /// Returns the handle for the access log.
    pub fn access_log(&self) -> &LogMetrics {
        &self.access_log
    }

    /// Returns the handles for spans.
    pub fn traces(&self) -> &TraceMetrics {
        &self.traces
    }

    /// Returns the handles for TLS of the listeners.
    pub fn tls(&self) -> &TlsMetrics {
        &self.tls
    }

    /// Returns the handles for the route `name` with this rule.
    pub fn route(&self, name: &str, rule: &Rule) -> RouteMetrics {
        self.requests.route(name, rule)
    }

    /// Removes the series of a route that the configuration no longer has. Requests that are still on
    /// it keep counting, but the page does not show them.
    pub fn forget_route(&self, name: &str) {
        self.requests.forget_route(name);
    }

    /// Returns the handles for the upstream `name`.
    pub fn upstream(&self, name: &str) -> UpstreamMetrics {
        self.upstreams.upstream(name)
    }

    /// Removes the series of an upstream that the configuration no longer has.
    pub fn forget_upstream(&self, name: &str) {
        self.upstreams.forget(name);
    }

    /// Writes the page that Prometheus scrapes.
    ///
    /// # Errors
    ///
    /// Where a metric can't be written as text; the whole page is missing then.
    pub fn page(&self) -> prometheus::Result<Vec<u8>> {
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

/// Returns the index of a status's class in [`CODE_CLASSES`].
fn code_class(status: Option<u16>) -> usize {
    let class = usize::from(status.unwrap_or(0) / 100);
    if class < CODE_CLASSES.len() { class } else { 0 }
}

/// Registers a metric where it is made, so that none can be missing from the page.
fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<M>,
) -> prometheus::Result<M> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cors::{ActualOutcome, Outcome, PreflightOutcome, Reason, RequestKind};
    use std::time::Duration;

    #[test]
    fn every_metric_is_on_the_page_and_counts_under_its_labels() {
        let metrics = Metrics::new().expect("names differ");
        let route = metrics.route("r", &Rule::NoRoute(None));
        let preflight = Outcome::Preflight(PreflightOutcome::Rejected, Reason::NoRoute);
        let kind = RequestKind::Preflight;
        route.finished(kind, preflight, None, Some(204), Duration::from_millis(3));
        let denied = Outcome::Actual(ActualOutcome::Denied);
        let malformed = Some(RefusedFor::Malformed);
        route.finished(RequestKind::Actual, denied, malformed, None, Duration::ZERO);
        let none = Outcome::NONE;
        route.finished(RequestKind::NotCors, none, None, Some(200), Duration::ZERO);
        metrics.connections().refused();
        metrics.config().applied("h");
        metrics.tls().handshake(Handshake::Completed);
        let ends = [("tls/a.crt", 3), ("tls/a.crt", 2)];
        metrics.tls().serves(ends.into_iter());
        let upstream = metrics.upstream("u");
        upstream.answered(204, Duration::from_millis(3));
        upstream.failed(UpstreamFailure::Reset, true);
        upstream.failed(UpstreamFailure::Connect, false);
        upstream.retried();
        upstream.ejected();
        upstream.shows([3, 0, 1]);
        let page = String::from_utf8(metrics.page().expect("encodes")).expect("text");
        assert!(Metrics::CONTENT_TYPE.starts_with(TextEncoder::new().format_type()));
        for line in [
            r#"corsgate_preflights_total{outcome="rejected",reason="no_route",route="r"} 1"#,
            r#"corsgate_cors_requests_total{outcome="denied",route="r"} 1"#,
            r#"corsgate_cors_requests_total{outcome="allowed",route="r"} 0"#,
            r#"corsgate_requests_total{code="2xx",kind="preflight",route="r"} 1"#,
            r#"corsgate_requests_total{code="2xx",kind="request",route="r"} 1"#,
            r#"corsgate_requests_total{code="none",kind="request",route="r"} 1"#,
            r#"corsgate_requests_total{code="none",kind="preflight",route="r"} 0"#,
            r#"corsgate_requests_refused_total{reason="malformed",route="r"} 1"#,
            r#"corsgate_requests_refused_total{reason="header_timeout",route="r"} 0"#,
            r#"corsgate_request_duration_seconds_count{kind="preflight",route="r"} 1"#,
            r#"corsgate_request_duration_seconds_count{kind="request",route="r"} 2"#,
            "corsgate_downstream_connections 0",
            "corsgate_downstream_connections_refused_total 1",
            r#"corsgate_config_reloads_total{result="applied"} 1"#,
            r#"corsgate_config_reloads_total{result="rejected"} 0"#,
            "corsgate_config_last_reload_successful 1",
            r#"corsgate_config_info{hash="h"} 1"#,
            "corsgate_log_dropped_total 0",
            "corsgate_access_log_dropped_total 0",
            r#"corsgate_tls_handshakes_total{result="completed"} 1"#,
            r#"corsgate_tls_handshakes_total{result="client_certificate_refused"} 0"#,
            r#"corsgate_tls_certificate_not_after_seconds{certificate="tls/a.crt"} 2"#,
            r#"corsgate_upstream_requests_total{code="2xx",upstream="u"} 1"#,
            r#"corsgate_upstream_requests_total{code="none",upstream="u"} 1"#,
            r#"corsgate_upstream_requests_total{code="5xx",upstream="u"} 0"#,
            r#"corsgate_upstream_request_duration_seconds_count{upstream="u"} 1"#,
            r#"corsgate_upstream_failures_total{reason="reset",upstream="u"} 1"#,
            r#"corsgate_upstream_failures_total{reason="connect",upstream="u"} 1"#,
            r#"corsgate_upstream_failures_total{reason="unavailable",upstream="u"} 0"#,
            r#"corsgate_upstream_retries_total{upstream="u"} 1"#,
            r#"corsgate_upstream_ejections_total{upstream="u"} 1"#,
            r#"corsgate_upstream_endpoints{state="healthy",upstream="u"} 3"#,
            r#"corsgate_upstream_endpoints{state="unhealthy",upstream="u"} 0"#,
            r#"corsgate_upstream_endpoints{state="ejected",upstream="u"} 1"#,
            concat!(
                "corsgate_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(page.lines().any(|l| l == line), "{line} is not in\n{page}");
        }
        metrics.tls().serves([("tls/b.crt", 9)].into_iter());
        metrics.forget_route("r");
        metrics.forget_upstream("u");
        let page = String::from_utf8(metrics.page().expect("encodes")).expect("text");
        assert!(!page.contains(r#"route="r""#), "{page}");
        assert!(!page.contains(r#"upstream="u""#), "{page}");
        assert!(!page.contains("tls/a.crt") && page.contains("tls/b.crt"));
    }
}
