//! Lines on their way to a log: they wait in a bounded queue for the thread that writes them. A reader that is
//! slow, or a disk that is full, costs lines, and never a request.
//!
//! The tracing-appender crate does not fit: its queue is bounded in lines of any length, lines that can't be
//! written are not counted, and it prints to stdout when it can't end in time.

use crate::metrics::LogMetrics;
use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The end of a line that was cut.
const CUT: &[u8] = " … (cut)\n".as_bytes();

/// Maximum length of the lines that wait for others: as much as stays in a core's cache until it is written.
const BATCH: usize = 128 << 10;

/// Time between two tries to write to a stream that another program has made non-blocking.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Maximum time to wait at the end of the process for a stream to take what is left; beyond it, those lines are
/// lost.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The bounds of a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineBounds {
    /// Maximum length of the lines that wait; beyond it, new ones are dropped and counted. As much again may
    /// be on its way to the stream.
    pub(crate) waiting: usize,
    /// Maximum length of a line; a longer one is cut.
    pub(crate) line: usize,
    /// Time for which the first line waits for others, so that many are written at once.
    pub(crate) linger: Duration,
}

/// Lines for one stream. When the last clone is dropped, the thread writes what is left, and ends.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Queue>);

/// The lines on their way to the stream.
#[derive(Debug)]
struct Queue {
    state: Mutex<State>,
    /// Tells the writer that there is something to do.
    filled: Condvar,
    /// Tells that the writer has nothing left to write.
    emptied: Condvar,
    bounds: LineBounds,
    metrics: LogMetrics,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    /// Whether the lines are waited for, so that none lingers.
    is_urgent: bool,
    /// Whether the stream is to be opened again.
    is_stale: bool,
    /// Whether there will be no more lines.
    is_closed: bool,
}

/// A stream that takes lines.
pub(crate) trait LineSink: Write {
    /// Opens the stream again, if it is one that can be.
    fn reopen(&mut self) {}
}

impl LineSink for File {}
impl LineSink for io::Stderr {}

// === impl LineBounds ===

impl LineBounds {
    /// Returns the length of the lines that are written without lingering.
    fn batch(&self) -> usize {
        BATCH.min(self.waiting / 2)
    }
}

// === impl Lines ===

impl Lines {
    /// Starts the thread `name`, which writes to `out`.
    ///
    /// # Errors
    ///
    /// Where the system has no thread left.
    pub(crate) fn start(
        name: &str,
        bounds: LineBounds,
        metrics: LogMetrics,
        mut out: impl LineSink + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(bounds, metrics));
        let theirs = Arc::clone(&queue);
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || theirs.write_all_to(&mut out))?;
        Ok(Self(Arc::new(Handle(queue))))
    }

    /// Queues a line, cut if it is too long. If there is no room for it, it is counted.
    pub(crate) fn push(&self, line: &[u8]) {
        self.0.0.push(line);
    }

    /// Queues each line of a text.
    pub(crate) fn say(&self, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.push(line.as_bytes());
        }
    }

    /// Has the writer open its stream again.
    pub(crate) fn reopen(&self) {
        let queue = &self.0.0;
        queue.state.lock().is_stale = true;
        queue.filled.notify_one();
    }

    /// Waits until all lines are written, or until the time is up.
    pub(crate) fn flush(&self, deadline: Instant) {
        self.0.0.wait_until_empty(deadline);
    }
}

/// Takes the lines of a subscriber, each whole.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.state.lock().is_closed = true;
        self.0.filled.notify_one();
    }
}

// === impl Queue ===

impl Queue {
    fn new(bounds: LineBounds, metrics: LogMetrics) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            bounds,
            metrics,
        }
    }

    fn push(&self, line: &[u8]) {
        let LineBounds {
            waiting, line: max, ..
        } = self.bounds;
        let (line, end) = match line.len() <= max {
            true => (line, [].as_slice()),
            false => (start_of(line, max - CUT.len()), CUT),
        };
        let mut state = self.state.lock();
        let before = state.waiting.len();
        let after = before + line.len() + end.len();
        if after > waiting {
            return self.metrics.dropped(1);
        }
        state.waiting.extend_from_slice(line);
        state.waiting.extend_from_slice(end);
        drop(state);
        // The writer wakes for the first line, and lingers until there is a batch.
        let batch = self.bounds.batch();
        if before == 0 || (before < batch && after >= batch) {
            self.filled.notify_one();
        }
    }

    /// Writes lines as they come, until there will be no more. Lines that can't be written are counted.
    fn write_all_to(&self, out: &mut impl LineSink) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.state.lock();
            state.is_writing = false;
            while state.waiting.is_empty() && !state.is_stale {
                self.emptied.notify_all();
                if state.is_closed {
                    return;
                }
                self.filled.wait(&mut state);
            }
            let until = Instant::now() + self.bounds.linger;
            let is_worth_it = |state: &State| {
                let is_awaited = state.is_urgent || state.is_closed || state.is_stale;
                is_awaited || state.waiting.len() >= self.bounds.batch()
            };
            while !is_worth_it(&state) && !self.filled.wait_until(&mut state, until).timed_out() {}
            std::mem::swap(&mut state.waiting, &mut lines);
            let is_stale = std::mem::take(&mut state.is_stale);
            state.is_urgent = false;
            state.is_writing = true;
            drop(state);
            if is_stale {
                out.reopen();
            }
            let unwritten = write(out, &lines);
            self.metrics
                .dropped(memchr::memchr_iter(b'\n', unwritten).count());
            lines.clear();
        }
    }

    fn wait_until_empty(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.is_writing || !state.waiting.is_empty() {
            state.is_urgent = true;
            self.filled.notify_one();
            if self.emptied.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }
}

/// Writes to a stream that may fail; returns what it did not take.
fn write<'l>(out: &mut impl Write, mut lines: &'l [u8]) -> &'l [u8] {
    while !lines.is_empty() {
        match out.write(lines) {
            Ok(0) => break,
            Ok(n) => lines = &lines[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::park_timeout(RETRY_INTERVAL);
            }
            Err(_) => break,
        }
    }
    lines
}

/// Returns the start of a text that has at most `max` bytes, cut between two characters. Where that would take more
/// than a character has, it is not text, and cut anywhere.
pub(crate) fn start_of(text: &[u8], max: usize) -> &[u8] {
    if text.len() <= max {
        return text;
    }
    let is_start = |end: &usize| !matches!(text[*end], 0x80..=0xbf);
    let end = (max.saturating_sub(3)..=max).rev().find(is_start);
    &text[..end.unwrap_or(max)]
}

#[cfg(test)]
mod tests;
