//! Timers of a connection: the deadline of its next request, and countdowns.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// A deadline that is moved with every request. The timer itself is left to run, and looks at the
/// deadline when it ends: nearly always it has been moved on, and moving a timer costs more than a
/// request's worth of counting.
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    at: Instant,
}

/// A time-out that runs only while there is something to wait for.
#[derive(Debug, Default)]
pub(super) struct Countdown(Option<Pin<Box<Sleep>>>);

// === impl Deadline ===

impl Deadline {
    pub(super) fn new(at: Instant) -> Self {
        Self {
            timer: Box::pin(sleep_until(at)),
            at,
        }
    }

    pub(super) fn set(&mut self, at: Instant) {
        self.at = at;
        if at < self.timer.deadline() {
            self.timer.as_mut().reset(at);
        }
    }

    /// Ready when the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.timer.deadline() >= self.at {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
    }
}

// === impl Countdown ===

impl Countdown {
    /// Ready when `timeout` has passed since this was first asked.
    pub(super) fn poll(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep(timeout)));
        timer.as_mut().poll(cx)
    }

    /// Nothing is waited for any more.
    pub(super) fn stop(&mut self) {
        self.0 = None;
    }
}
