//! The program's own log and the access log: the lines that are missing from them.

use super::register;
use prometheus::{IntCounter, Registry};

/// The handle for a log.
#[derive(Debug, Clone)]
pub struct LogMetrics {
    dropped: IntCounter,
}

// === impl LogMetrics ===

impl LogMetrics {
    pub(super) fn register(
        registry: &Registry,
        name: &str,
        help: &str,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            dropped: register(registry, IntCounter::new(name, help))?,
        })
    }

    /// Counts lines that are missing from the log.
    pub fn dropped(&self, lines: usize) {
        self.dropped.inc_by(lines as u64);
    }
}
