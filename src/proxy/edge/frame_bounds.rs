//! Bounds of HTTP/2's frames that the h2 crate does not have: a client that starts one, or a header
//! block of several, has to finish it in time; a header block has no more than so many fields; and
//! frames that carry no request have a budget.
//!
//! Only the outlines of frames are read for that: [`Frames`]. The h2 crate bounds the rest: the length of
//! a decoded header list and of its CONTINUATION frames, DATA frames that are empty or small, requests
//! that are taken back before they are looked at, and streams that it has to reset, for which
//! `http2` sets the number.

use super::head::MAX_FIELDS;
use super::timers::{Timer, Timers};
use crate::framing::Frames;
use crate::proxy::check::RequestError;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of fields of a header block: those that HTTP/1.1 may have, and the pseudo-header fields.
const MAX_BLOCK_FIELDS: usize = MAX_FIELDS + 6;

/// Maximum cost of the frames that a client sends beside its requests, above what makes up for it; beyond
/// it, the connection is ended. It is some milliseconds of work: ten thousand pings, or a thousand resets.
const MAX_COST: f64 = 10_000.0;

/// Cost that a second makes up for: enough for clients that ping, or cancel some requests, all day.
const CREDIT_PER_SECOND: f64 = 100.0;

/// Number of bytes written to the client that make up for a cost of 1: a client that reads opens windows.
const BYTES_PER_CREDIT: f64 = 64.0;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct FrameBounds {
    timeout: Duration,
    frames: Frames,
    budget: Budget,
    excess: Excess,
}

/// The cost of frames that nothing has made up for yet.
#[derive(Debug)]
struct Budget {
    spent: f64,
    /// The time up to which time has made up for it.
    at: Instant,
}

/// The bound that a client has gone beyond, if it has. Both the stream, which finds out, and the
/// connection above h2, which has to end it, have a copy.
#[derive(Debug, Clone, Default)]
pub(super) struct Excess(Arc<OnceLock<RequestError>>);

// === impl Excess ===

impl Excess {
    /// Returns the bound; `None` as long as there is no excess.
    pub(super) fn found(&self) -> Option<RequestError> {
        self.0.get().copied()
    }

    fn set(&self, error: RequestError) {
        // The first one counts.
        let _ = self.0.set(error);
    }
}

// === impl Budget ===

impl Budget {
    /// Spends the cost of frames; returns whether that is too much.
    fn spend(&mut self, cost: i64) -> bool {
        // Looking at the time costs more than most reads that have nothing to spend.
        if cost > 0 {
            let now = Instant::now();
            self.earn(now.duration_since(self.at).as_secs_f64() * CREDIT_PER_SECOND);
            self.at = now;
        }
        self.earn(-cost as f64);
        self.spent > MAX_COST
    }

    fn earn(&mut self, credit: f64) {
        self.spent = (self.spent - credit).max(0.0);
    }
}

// === impl FrameBounds ===

impl FrameBounds {
    /// Starts with a connection from which nothing has been read, not even the preface.
    pub(super) fn new(timeout: Duration, excess: Excess) -> Self {
        Self {
            timeout,
            frames: Frames::new(MAX_BLOCK_FIELDS),
            budget: Budget {
                spent: 0.0,
                at: Instant::now(),
            },
            excess,
        }
    }

    /// Notes that bytes were written to the client, for which it may have to open windows.
    pub(super) fn note_written(&mut self, bytes: usize) {
        self.budget.earn(bytes as f64 / BYTES_PER_CREDIT);
    }

    /// Passes on what was `polled`, `read` being its bytes, or an error if the client took too long.
    /// Never ready once there is an excess: its bytes must not be passed on.
    pub(super) fn poll(
        &mut self,
        timers: &mut Timers,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<()>>,
        read: &[u8],
    ) -> Poll<io::Result<()>> {
        if self.frames.advance(read) {
            timers.stop(Timer::Frame);
        }
        if self.frames.has_excess() {
            self.excess.set(RequestError::TooManyFields);
        } else if self.budget.spend(self.frames.take_cost()) {
            self.excess.set(RequestError::TooManyFrames);
        }
        if self.excess.found().is_some() {
            return Poll::Pending;
        }
        if polled.is_ready() || self.frames.is_idle() {
            return polled;
        }
        timers.start(Timer::Frame, self.timeout);
        match timers.poll(Timer::Frame, cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => polled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_spent_and_earned_again() {
        let mut budget = Budget {
            spent: 0.0,
            at: Instant::now(),
        };
        // What was not spent is not saved.
        advance(Duration::from_secs(3600)).await;
        assert!(!budget.spend(-1000));
        let mut left = 0;
        while !budget.spend(1) {
            left += 1;
        }
        assert_eq!(left, 10_000);
        // A second, a request, and what is written make up for some.
        for (name, made_up, earn) in [
            ("a second", 100, (1, 0, 0)),
            ("requests", 40, (0, -40, 0)),
            ("bytes", 10, (0, 0, 640)),
        ] {
            let (seconds, cost, bytes) = earn;
            advance(Duration::from_secs(seconds)).await;
            budget.earn(f64::from(bytes) / BYTES_PER_CREDIT);
            budget.spend(cost);
            let mut left = 0;
            while !budget.spend(1) {
                left += 1;
            }
            assert_eq!(left, made_up - 1, "{name}");
        }
        // A client that pings all day.
        advance(Duration::from_secs(100)).await;
        for _ in 0..86_400 {
            advance(Duration::from_secs(1)).await;
            assert!(!budget.spend(90));
        }
    }
}
