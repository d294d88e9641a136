//! Spans of traces: what has become of them.

use super::register;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The handles for spans.
#[derive(Debug, Clone)]
pub struct TraceMetrics {
    exported: IntCounter,
    failed: IntCounter,
    dropped: IntCounter,
}

// === impl TraceMetrics ===

impl TraceMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let spans = Opts::new(
            "corsgate_trace_spans_total",
            "Spans of sampled requests: exported, failed because the collector did not take them, or dropped because too \
             many were waiting.",
        );
        let spans = register(registry, IntCounterVec::new(spans, &["result"]))?;
        Ok(Self {
            exported: spans.with_label_values(&["exported"]),
            failed: spans.with_label_values(&["failed"]),
            dropped: spans.with_label_values(&["dropped"]),
        })
    }

    pub fn exported(&self, spans: usize) {
        self.exported.inc_by(spans as u64);
    }

    pub fn failed(&self, spans: usize) {
        self.failed.inc_by(spans as u64);
    }

    pub fn dropped(&self) {
        self.dropped.inc();
    }
}
