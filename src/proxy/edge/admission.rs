//! Admission of client connections: the number of open ones, and its limit.

use crate::metrics::ConnectionMetrics;
use crate::proxy::room::{Place, Room, one_more};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The open client connections of a gateway.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: AtomicUsize,
    /// Refusals in flight.
    refused: Room,
    all_closed: Notify,
    metrics: ConnectionMetrics,
}

/// The result of asking for one more connection.
pub(super) enum Admission {
    Open(OpenConnection),
    /// Over the limit: answered with 503, and closed.
    Refused(Place),
    /// Over the limit with too many refusals in flight: closed without an answer.
    Dropped,
}

/// A connection that counts as open for as long as the value lives.
pub(super) struct OpenConnection(Connections);

/// Maximum number of refusals in flight, each of which takes a descriptor until the client has closed;
/// beyond it, connections are closed without an answer.
const MAX_REFUSED: usize = 64;

// === impl Connections ===

impl Connections {
    pub fn new(metrics: ConnectionMetrics) -> Self {
        Self(Arc::new(Shared {
            open: AtomicUsize::new(0),
            refused: Room::default(),
            all_closed: Notify::new(),
            metrics,
        }))
    }

    /// Admits one more connection if fewer than `max` are open.
    pub(super) fn admit(&self, max: usize) -> Admission {
        let Shared {
            open,
            refused,
            metrics,
            ..
        } = &*self.0;
        if one_more(open, max) {
            metrics.opened();
            return Admission::Open(OpenConnection(self.clone()));
        }
        metrics.refused();
        refused
            .take(MAX_REFUSED)
            .map_or(Admission::Dropped, Admission::Refused)
    }

    /// Returns how many connections are open.
    pub fn count(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Waits until no connection is open.
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
            ..
        } = &*self.0.0;
        metrics.closed();
        if open.fetch_sub(1, Ordering::AcqRel) == 1 {
            all_closed.notify_waiters();
        }
    }
}
