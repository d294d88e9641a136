//! The program's own log: the lines that are missing from it.

use super::register;
use prometheus::{IntCounter, Registry};

/// The handle for the program's own log.
#[derive(Debug, Clone)]
pub struct LogMetrics {
    dropped: IntCounter,
}

// === impl LogMetrics ===

impl LogMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let dropped = IntCounter::new(
            "corsgate_log_dropped_total",
            "Lines of the log that were dropped: stderr took them too slowly, or not at all.",
        );
        Ok(Self {
            dropped: register(registry, dropped)?,
        })
    }

    /// Counts lines that are missing from the log.
    pub fn dropped(&self, lines: usize) {
        self.dropped.inc_by(lines as u64);
    }
}
