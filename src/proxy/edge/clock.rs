//! Time as a connection sees it: the deadline of its next request, countdowns, and the date.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
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

/// The time of day as a Date field's value, made once a second.
pub(super) struct Date {
    value: String,
    until: Instant,
}

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

// === impl Date ===

impl Date {
    /// One that has to be made before it is used.
    pub(super) fn new() -> Self {
        Self {
            value: String::new(),
            until: Instant::now(),
        }
    }

    /// RFC 9110 §6.6.1.
    pub(super) fn value(&mut self, now: Instant) -> &[u8] {
        if now >= self.until {
            let time = SystemTime::now();
            let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
            let into_second = since_epoch.map_or(0, |passed| passed.subsec_nanos());
            self.value = httpdate::fmt_http_date(time);
            self.until = now + Duration::from_secs(1) - Duration::from_nanos(into_second.into());
        }
        self.value.as_bytes()
    }
}
