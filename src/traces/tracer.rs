//! The way of a request's span: from the decision whether it is sampled to the queue.

use super::otlp::Collector;
use super::queue::Queue;
use super::{Span, span_data};
use crate::access_log::Entry;
use crate::config;
use crate::lines::FLUSH_TIMEOUT;
use crate::metrics::TraceMetrics;
use crate::routing::RequestFields;
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample as _};
use std::io;
use std::sync::Arc;

/// The traces that a configuration asks for. Clones go to the same collector.
#[derive(Debug, Clone)]
pub struct Traces(Arc<Tracer>);

#[derive(Debug)]
struct Tracer {
    config: config::Traces,
    sampler: Sampler,
    queue: Queue,
}

// === impl Traces ===

impl Traces {
    /// Begins to take spans, or goes on with `previous` if nothing has changed.
    ///
    /// # Errors
    ///
    /// Where the collector's URL is one of https and the machine trusts no authority, or the system has no thread
    /// left.
    pub fn open(
        config: config::Traces,
        metrics: &TraceMetrics,
        previous: Option<&Self>,
    ) -> io::Result<Self> {
        if let Some(previous) = previous.filter(|previous| previous.0.config.is_same(&config)) {
            return Ok(previous.clone());
        }
        let collector = Collector::of(&config)?;
        Ok(Self(Arc::new(Tracer {
            sampler: Sampler::TraceIdRatioBased(config.sample_ratio),
            queue: Queue::start(move |spans| collector.send(spans), metrics.clone())?,
            config,
        })))
    }

    /// Begins the span of a request with these fields; `None` if its trace goes on without one.
    pub(crate) fn begin(&self, fields: &dyn RequestFields, scheme: &'static str) -> Option<Span> {
        Span::begin(fields, scheme, |trace_id| self.samples(trace_id.into()))
    }

    /// Whether a trace that begins here is sampled.
    fn samples(&self, trace_id: TraceId) -> bool {
        let sampler = &self.0.sampler;
        let result = sampler.should_sample(None, trace_id, "", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    /// Queues the span of a request at its end, if it is sampled.
    pub(crate) fn end(&self, span: &Span, entry: &Entry<'_>) {
        if span.context.is_sampled() {
            self.0.queue.push(|| span_data::of(span, entry));
        }
    }

    /// Waits, for a while, until the collector has all spans.
    pub fn flush(&self) {
        self.0.queue.flush(FLUSH_TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place;
    use crate::metrics::Metrics;

    #[test]
    fn the_same_traces_go_on_wherever_they_stand_in_the_file() {
        let metrics = Metrics::new().expect("metrics");
        let metrics = metrics.traces();
        let config = |endpoint: &str, sample_ratio, line| config::Traces {
            endpoint: endpoint.to_owned(),
            sample_ratio,
            service_name: "corsgate".to_owned(),
            place: Some(Place { line, column: 1 }),
        };
        let (here, there) = (
            "http://127.0.0.1:1/v1/traces",
            "http://127.0.0.1:2/v1/traces",
        );
        let first = Traces::open(config(here, 0.5, 1), metrics, None).expect("a thread");
        for (next, goes_on) in [
            (config(here, 0.5, 7), true),
            (config(here, 0.6, 1), false),
            (config(there, 0.5, 1), false),
        ] {
            let next = Traces::open(next, metrics, Some(&first)).expect("a thread");
            assert_eq!(
                Arc::ptr_eq(&first.0, &next.0),
                goes_on,
                "{:?}",
                next.0.config
            );
        }
    }
}
