//! The connections to one endpoint that wait for the express lane's next request.
//!
//! pingora's pool starts a task for each connection that comes back, and asks the system for its address
//! whenever it is taken. Here it is a list: the last connection that came back is the first to be taken, and
//! those that the others leave over are closed when their time is over.

use crate::proxy::room::Place;
use parking_lot::Mutex;
use pingora_core::protocols::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead as _, ReadBuf};

/// A connection of HTTP/1.1 to an endpoint.
#[derive(Debug)]
pub(in crate::proxy) struct Connection {
    pub stream: Stream,
    /// Its place among those that may be kept; `None` if it ends with its request.
    pub place: Option<Place>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct IdleConnections(Mutex<VecDeque<Idle>>);

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

// === impl IdleConnections ===

impl IdleConnections {
    /// Takes a connection that has been idle for less than `timeout`, and that the endpoint has not closed.
    pub(super) fn take(&self, now: Instant, timeout: Duration) -> Option<Connection> {
        loop {
            let mut idle = self.0.lock().pop_back()?;
            if idle.may_be_used(now, timeout) {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection, unless it has no place.
    pub(super) fn put(&self, connection: Connection, now: Instant) {
        if connection.place.is_some() {
            let idle = Idle {
                connection,
                since: now,
            };
            self.0.lock().push_back(idle);
        }
    }

    /// Closes those that have been idle for `timeout`, and those that the endpoint has closed.
    pub(super) fn sweep(&self, now: Instant, timeout: Duration) {
        let mut closed = Vec::new();
        let mut all = self.0.lock();
        for _ in 0..all.len() {
            let Some(mut idle) = all.pop_front() else {
                break;
            };
            match idle.may_be_used(now, timeout) {
                true => all.push_back(idle),
                false => closed.push(idle),
            }
        }
        drop(all);
        // Closing is left to here, where nobody waits for the list.
        drop(closed);
    }
}

// === impl Idle ===

impl Idle {
    /// Whether the connection has time left, and nothing has come on it: neither its end, nor bytes that
    /// nobody asked for, which would be taken for the next response.
    fn may_be_used(&mut self, now: Instant, timeout: Duration) -> bool {
        if now.saturating_duration_since(self.since) >= timeout {
            return false;
        }
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        let stream = Pin::new(&mut self.connection.stream);
        stream.poll_read(&mut context, &mut byte).is_pending()
    }
}
