//! Client connections: how many are open, and how many were refused.

use super::register;
use prometheus::{IntCounter, IntGauge, Registry};

/// The handles for client connections.
#[derive(Debug, Clone)]
pub struct ConnectionMetrics {
    open: IntGauge,
    refused: IntCounter,
}

// === impl ConnectionMetrics ===

impl ConnectionMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let open = IntGauge::new(
            "corsgate_downstream_connections",
            "Open client connections.",
        );
        let refused = IntCounter::new(
            "corsgate_downstream_connections_refused_total",
            "Client connections over `limits.max_connections`, answered with 503.",
        );
        Ok(Self {
            open: register(registry, open)?,
            refused: register(registry, refused)?,
        })
    }

    pub fn opened(&self) {
        self.open.inc();
    }

    pub fn closed(&self) {
        self.open.dec();
    }

    /// Counts a connection over the limit.
    pub fn refused(&self) {
        self.refused.inc();
    }
}
