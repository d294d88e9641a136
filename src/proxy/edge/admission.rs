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
    refused: AtomicUsize,
    all_closed: Notify,
    metrics: ConnectionMetrics,
}

/// What becomes of one more connection.
pub(super) enum Admission {
    Open(OpenConnection),
    /// One too many; it is told so.
    Refused(RefusedConnection),
    /// One too many, and so many are being told already that it isn't.
    Dropped,
}

/// One open connection. It is closed with the value.
pub(super) struct OpenConnection(Connections);

/// One that is being told that there is no room for it.
pub(super) struct RefusedConnection(Connections);

/// Telling takes until the client has closed, and a descriptor for as long.
const MAX_REFUSED: usize = 128;

// === impl Connections ===

impl Connections {
    pub fn new(metrics: ConnectionMetrics) -> Self {
        Self(Arc::new(Shared {
            open: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            all_closed: Notify::new(),
            metrics,
        }))
    }

    /// Counts one more, where there are fewer than `max`.
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
        match one_more(refused, MAX_REFUSED) {
            true => Admission::Refused(RefusedConnection(self.clone())),
            false => Admission::Dropped,
        }
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

fn one_more(count: &AtomicUsize, max: usize) -> bool {
    let one_more = |count| (count < max).then_some(count + 1);
    count
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
        .is_ok()
}

impl Drop for RefusedConnection {
    fn drop(&mut self) {
        self.0.0.refused.fetch_sub(1, Ordering::AcqRel);
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
