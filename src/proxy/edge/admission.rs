//! Admission of client connections and of requests with an upstream: how many there are, and may be.

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

/// The result of asking for one more connection.
pub(super) enum Admission {
    Open(OpenConnection),
    /// Over the limit: answered with 503, and closed.
    Refused(RefusedConnection),
    /// Over the limit with too many refusals in flight: closed without an answer.
    Dropped,
}

/// A connection that counts as open for as long as the value lives.
pub(super) struct OpenConnection(Connections);

/// The requests of all clients that an upstream is asked for.
#[derive(Debug, Clone, Default)]
pub(in crate::proxy) struct Requests(Arc<AtomicUsize>);

/// A request that counts as under way for as long as the value lives.
#[derive(Debug)]
pub(in crate::proxy) struct UnderWay(Requests);

/// A refusal that counts as in flight for as long as the value lives.
pub(super) struct RefusedConnection(Connections);

/// Maximum number of refusals in flight, each of which takes a descriptor until the client has closed;
/// beyond it, connections are closed without an answer.
const MAX_REFUSED: usize = 64;

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
        match one_more(refused, MAX_REFUSED) {
            true => Admission::Refused(RefusedConnection(self.clone())),
            false => Admission::Dropped,
        }
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

// === impl Requests ===

impl Requests {
    /// Admits one more request if fewer than `max` are under way.
    pub(in crate::proxy) fn admit(&self, max: usize) -> Option<UnderWay> {
        one_more(&self.0, max).then(|| UnderWay(self.clone()))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts one more if there are fewer than `max`; returns whether there were.
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
