//! The open connections of a server of pages: a bounded number. A new client is never refused: the
//! connection whose last request is the longest ago makes room for it. A client that fills the server with
//! connections loses them again, and a scraper or an orchestrator that asks at once gets its answer.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct PageConnections {
    max: usize,
    open: Mutex<Open>,
}

/// The open connections in the order of their last requests. A number is given once, to a new connection
/// or a request.
#[derive(Debug, Default)]
struct Open {
    last: u64,
    /// Dropping the sender closes the connection.
    by_number: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A connection that counts as open for as long as the value lives.
#[derive(Debug)]
pub(in crate::proxy) struct PageConnection {
    all: Arc<PageConnections>,
    /// Changed by the connection's own task alone.
    number: AtomicU64,
}

// === impl PageConnections ===

impl PageConnections {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            open: Mutex::default(),
        })
    }

    /// Takes one more connection. It has to be closed when the receiver is ready.
    pub(super) fn open(self: &Arc<Self>) -> (PageConnection, oneshot::Receiver<()>) {
        let (close, closed) = oneshot::channel();
        let mut open = self.open.lock();
        if open.by_number.len() >= self.max {
            open.by_number.pop_first();
        }
        let number = open.insert(close);
        let connection = PageConnection {
            all: Arc::clone(self),
            number: number.into(),
        };
        (connection, closed)
    }
}

// === impl Open ===

impl Open {
    fn insert(&mut self, close: oneshot::Sender<()>) -> u64 {
        self.last += 1;
        self.by_number.insert(self.last, close);
        self.last
    }
}

// === impl PageConnection ===

impl PageConnection {
    /// Notes that a request has come: all others are to make room before this connection.
    pub(in crate::proxy) fn renew(&self) {
        let mut open = self.all.open.lock();
        // It is missing if it is about to be closed.
        if let Some(close) = open.by_number.remove(&self.number.load(Ordering::Relaxed)) {
            self.number.store(open.insert(close), Ordering::Relaxed);
        }
    }
}

impl Drop for PageConnection {
    fn drop(&mut self) {
        let number = self.number.load(Ordering::Relaxed);
        self.all.open.lock().by_number.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_whose_last_request_is_the_longest_ago_makes_room() {
        let all = PageConnections::new(3);
        let mut open: Vec<_> = (0..3).map(|_| all.open()).collect();
        open[0].0.renew();
        open[2].0.renew();
        open[1].0.renew();
        for expected in [
            &[0][..],
            &[0, 2],
            // Those that are to be closed are not renewed.
            &[0, 2, 1],
        ] {
            open.push(all.open());
            open[0].0.renew();
            let mut closed = Vec::new();
            for (at, (_, closing)) in open.iter_mut().enumerate() {
                if closing.try_recv() == Err(oneshot::error::TryRecvError::Closed) {
                    closed.push(at);
                }
            }
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(closed, expected);
        }
    }

    #[test]
    fn a_connection_that_ends_leaves_its_place() {
        let all = PageConnections::new(2);
        let (_first, mut closing) = all.open();
        for _ in 0..10 {
            drop(all.open());
        }
        assert_eq!(closing.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert_eq!(all.open.lock().by_number.len(), 1);
    }
}
