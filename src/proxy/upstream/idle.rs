//! The connections to one endpoint that wait for the express lane's next request.
//!
//! pingora's pool starts a task for each connection that comes back, and asks the system for its address
//! whenever it is taken. Here it is a list: the last connection that came back is the first to be taken. One task
//! for all of a cluster's closes those whose time is over, and those that the endpoint has closed.

use crate::proxy::room::Place;
use parking_lot::Mutex;
use pingora_core::protocols::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::sync::Notify;

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

/// Says that something has come on an idle connection: most probably its end.
#[derive(Debug)]
pub(super) struct News {
    notify: Arc<Notice>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct Notice(Notify);

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
            if idle.may_be_used(now, timeout, Waker::noop()) {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection, unless it has no place, or has ended. Its end will be told.
    pub(super) fn put(&self, connection: Connection, now: Instant, news: &News) {
        if connection.place.is_none() {
            return;
        }
        let mut idle = Idle {
            connection,
            since: now,
        };
        if idle.is_quiet(&news.waker) {
            self.0.lock().push_back(idle);
        }
    }

    /// Closes those that have been idle for `timeout`, and those that the endpoint has closed.
    pub(super) fn sweep(&self, now: Instant, timeout: Duration, news: &News) {
        let mut closed = Vec::new();
        let mut all = self.0.lock();
        for _ in 0..all.len() {
            let Some(mut idle) = all.pop_front() else {
                break;
            };
            match idle.may_be_used(now, timeout, &news.waker) {
                true => all.push_back(idle),
                false => closed.push(idle),
            }
        }
        drop(all);
        // They are closed here, and not while others wait for the list.
        drop(closed);
    }
}

// === impl News ===

impl News {
    pub(super) fn new() -> Self {
        let notify = Arc::<Notice>::default();
        Self {
            waker: Waker::from(Arc::clone(&notify)),
            notify,
        }
    }

    /// Waits for news.
    pub(super) async fn come(&self) {
        self.notify.0.notified().await;
    }
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

// === impl Idle ===

impl Idle {
    fn may_be_used(&mut self, now: Instant, timeout: Duration, waker: &Waker) -> bool {
        now.saturating_duration_since(self.since) < timeout && self.is_quiet(waker)
    }

    /// Whether nothing has come on the connection: neither its end, nor bytes that no request asked for, which would
    /// be taken for the next response. `waker` is woken when something comes.
    fn is_quiet(&mut self, waker: &Waker) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(waker);
        let stream = Pin::new(&mut self.connection.stream);
        stream.poll_read(&mut context, &mut byte).is_pending()
    }
}
