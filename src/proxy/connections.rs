//! How many client connections are open, and how many may be.

use crate::metrics::ConnectionMetrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The open client connections of a gateway.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: AtomicUsize,
    all_closed: Notify,
    metrics: ConnectionMetrics,
}

/// One open connection. It is closed with the value.
pub(super) struct OpenConnection(Connections);

// === impl Connections ===

impl Connections {
    pub fn new(metrics: ConnectionMetrics) -> Self {
        Self(Arc::new(Shared {
            open: AtomicUsize::new(0),
            all_closed: Notify::new(),
            metrics,
        }))
    }

    /// Counts one more; `None` where there are `max` already.
    pub(super) fn open(&self, max: usize) -> Option<OpenConnection> {
        let Shared { open, metrics, .. } = &*self.0;
        let one_more = |open| (open < max).then_some(open + 1);
        if open
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .is_err()
        {
            metrics.refused();
            return None;
        }
        metrics.opened();
        Some(OpenConnection(self.clone()))
    }

    pub fn count(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Waits until none is open.
    pub async fn all_closed(&self) {
        loop {
            let notified = self.0.all_closed.notified();
            tokio::pin!(notified);
            // Registered before the count is read, so that no close is missed in between.
            notified.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let Shared {
            open,
            all_closed,
            metrics,
        } = &*self.0.0;
        metrics.closed();
        if open.fetch_sub(1, Ordering::AcqRel) == 1 {
            all_closed.notify_waiters();
        }
    }
}
