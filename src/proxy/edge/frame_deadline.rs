//! A deadline for HTTP/2's frames: a client that starts one, or a header block of several, has to
//! finish it.
//!
//! The h2 crate waits for ever. Only the frames' outlines are read here: RFC 9113 §4.1.

use super::timers::{Timer, Timers};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

/// Length of the connection preface: RFC 9113 §3.4.
const PREFACE: u32 = 24;
const FRAME_HEADER: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct FrameDeadline {
    timeout: Duration,
    outline: Outline,
}

/// The place of a connection in its sequence of frames.
#[derive(Debug)]
struct Outline {
    /// Received bytes of the next frame's header.
    header: [u8; FRAME_HEADER],
    header_len: usize,
    /// Bytes still to come of the frame, or at first of the preface.
    payload: u32,
    is_data: bool,
    /// Whether a header block is to be continued in another frame.
    in_header_block: bool,
}

// === impl FrameDeadline ===

impl FrameDeadline {
    /// Starts with a connection from which nothing has been read, not even the preface.
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            outline: Outline::new(),
        }
    }

    /// Passes on what was `polled`, `read` being its bytes, or an error if the client took too long.
    pub(super) fn poll(
        &mut self,
        timers: &mut Timers,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<()>>,
        read: &[u8],
    ) -> Poll<io::Result<()>> {
        if self.outline.advance(read) {
            timers.stop(Timer::Frame);
        }
        if polled.is_ready() || self.outline.is_idle() {
            return polled;
        }
        timers.start(Timer::Frame, self.timeout);
        match timers.poll(Timer::Frame, cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => polled,
        }
    }
}

// === impl Outline ===

impl Outline {
    fn new() -> Self {
        Self {
            header: [0; FRAME_HEADER],
            header_len: 0,
            payload: PREFACE,
            is_data: false,
            in_header_block: false,
        }
    }

    /// Returns whether nothing is unfinished that has to be finished in time. A body may take its
    /// time.
    fn is_idle(&self) -> bool {
        let is_between_frames = self.header_len == 0 && (self.payload == 0 || self.is_data);
        is_between_frames && !self.in_header_block
    }

    /// Goes on by `bytes`; returns whether something was finished on the way.
    fn advance(&mut self, mut bytes: &[u8]) -> bool {
        let mut has_finished = false;
        while !bytes.is_empty() {
            if self.payload > 0 {
                let n = bytes.len().min(self.payload as usize);
                bytes = &bytes[n..];
                // No more than `payload`, which is a u32.
                self.payload -= n as u32;
            } else {
                let n = bytes.len().min(FRAME_HEADER - self.header_len);
                self.header[self.header_len..][..n].copy_from_slice(&bytes[..n]);
                self.header_len += n;
                bytes = &bytes[n..];
                if self.header_len == FRAME_HEADER {
                    self.start_frame();
                }
            }
            has_finished |= self.is_idle();
        }
        has_finished
    }

    fn start_frame(&mut self) {
        let [a, b, c, kind, flags, ..] = self.header;
        self.header_len = 0;
        self.payload = u32::from_be_bytes([0, a, b, c]);
        self.is_data = kind == DATA;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_header_block = flags & END_HEADERS == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(vec![0; payload]);
        frame
    }

    /// Returns whether the connection is idle after each byte.
    fn idle(bytes: &[u8]) -> Vec<bool> {
        let mut outline = Outline::new();
        let idle = |byte: &u8| {
            outline.advance(&[*byte]);
            outline.is_idle()
        };
        bytes.iter().map(idle).collect()
    }

    #[test]
    fn a_connection_is_idle_between_frames_and_within_a_body() {
        let preface = vec![0; PREFACE as usize];
        for (name, frames, busy) in [
            ("nothing", vec![], 23),
            ("settings", frame(0x4, 0, 6), 23 + 14),
            ("headers", frame(HEADERS, END_HEADERS, 5), 23 + 13),
            ("empty settings", frame(0x4, 1, 0), 23 + 8),
            ("data", frame(DATA, 0, 100), 23 + 8),
            (
                "a header block in three frames",
                [
                    frame(HEADERS, 0, 3),
                    frame(CONTINUATION, 0, 3),
                    frame(CONTINUATION, END_HEADERS, 3),
                ]
                .concat(),
                23 + 12 + 12 + 11,
            ),
        ] {
            let bytes = [preface.clone(), frames].concat();
            let states = idle(&bytes);
            assert_eq!(states.iter().filter(|idle| !**idle).count(), busy, "{name}");
            assert_eq!(states.last(), Some(&true), "{name}");
            // However the bytes are cut, the end is the same.
            for cut in 0..bytes.len() {
                let mut outline = Outline::new();
                outline.advance(&bytes[..cut]);
                outline.advance(&bytes[cut..]);
                assert!(outline.is_idle(), "{name}, cut at {cut}");
            }
        }
    }
}
