//! Bounds of HTTP/2's frames that the h2 crate does not have: a client that starts one, or a header
//! block of several, has to finish it in time, and a header block has no more than so many fields.
//!
//! Only the outlines of frames are read for that: [`Frames`].

use super::head::MAX_FIELDS;
use super::timers::{Timer, Timers};
use crate::framing::Frames;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// Maximum number of fields of a header block: those that HTTP/1.1 may have, and the pseudo-header fields.
const MAX_BLOCK_FIELDS: usize = MAX_FIELDS + 6;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct FrameBounds {
    timeout: Duration,
    frames: Frames,
    excess: Excess,
}

/// Whether a client has sent a header block of too many fields. Both the stream, which finds out, and
/// the connection above h2, which has to end it, have a copy.
#[derive(Debug, Clone, Default)]
pub(super) struct Excess(Arc<AtomicBool>);

// === impl Excess ===

impl Excess {
    /// Returns whether there was one.
    pub(super) fn is_found(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl FrameBounds ===

impl FrameBounds {
    /// Starts with a connection from which nothing has been read, not even the preface.
    pub(super) fn new(timeout: Duration, excess: Excess) -> Self {
        Self {
            timeout,
            frames: Frames::new(MAX_BLOCK_FIELDS),
            excess,
        }
    }

    /// Passes on what was `polled`, `read` being its bytes, or an error if the client took too long.
    /// Never ready once there was a header block of too many fields: its bytes must not be passed on.
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
            self.excess.0.store(true, Ordering::Relaxed);
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
