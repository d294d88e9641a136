//! The log of a gateway, on stderr. Lines wait in a bounded queue for the thread that writes them: a reader
//! that is slow, or has gone, costs lines, and never a request.
//!
//! The tracing-appender crate does not fit: its queue is bounded in lines of any length, lines that can't be
//! written are not counted, and it prints to stdout when it can't end in time.

use super::CommandError;
use crate::metrics::{LogMetrics, Metrics};
use crate::server::{HeldHangups, Process};
use parking_lot::{Condvar, Mutex};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, ErrorKind, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;

/// Maximum length of the lines that wait for stderr, 1 MiB; beyond it, new ones are dropped.
const MAX_WAITING: usize = 1 << 20;

/// Maximum length of a line; a longer one is cut, and ends with [`CUT`].
const MAX_LINE: usize = 64 << 10;
const CUT: &[u8] = " … (cut)\n".as_bytes();

/// Maximum time to wait at the end for stderr to take what is left; beyond it, those lines are lost.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two tries to write to a stderr that another program has made non-blocking.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The log of the process. Dropping it waits, for a while, until stderr has taken all lines.
pub(super) struct Log(Arc<Queue>);

/// The lines on their way to stderr.
struct Queue {
    state: Mutex<State>,
    /// Tells the writer that lines have come.
    filled: Condvar,
    /// Tells that the writer has nothing left to write.
    emptied: Condvar,
    metrics: LogMetrics,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
}

/// Runs a command that serves. The log gets the error that ends it, too, so that a stderr without a reader
/// can't hold up the end.
pub(super) fn run_logged(
    held: HeldHangups,
    run: impl FnOnce(Process, &Log) -> Result<(), CommandError>,
) -> Result<ExitCode, CommandError> {
    let process = Process::start(held)?;
    let log = Log::start(process.metrics())?;
    Ok(match run(process, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.say(&format!("{error}\n"));
            ExitCode::FAILURE
        }
    })
}

// === impl Log ===

impl Log {
    /// Starts the thread that writes. Panics are written by it, too: the standard library's hook would
    /// wait for stderr in the thread that panicked.
    fn start(metrics: &Metrics) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(metrics.log().clone()));
        thread::Builder::new()
            .name("corsgate-log".to_owned())
            .spawn({
                let queue = Arc::clone(&queue);
                move || queue.write_all_to(&mut io::stderr())
            })?;
        panic::set_hook(Box::new({
            let queue = Arc::clone(&queue);
            move |panicked| queue.say(&panic_message(panicked))
        }));
        Ok(Self(queue))
    }

    /// Writes lines that are not the program's log.
    fn say(&self, lines: &str) {
        self.0.say(lines);
    }

    /// Takes what the program logs from now on. It leaves out pingora's lines about clients and upstreams
    /// and notify's about folders, unless RUST_LOG asks for them.
    ///
    /// # Errors
    ///
    /// Where RUST_LOG is not a valid filter.
    pub(super) fn subscribe(&self) -> Result<(), CommandError> {
        let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
            Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
                format!("RUST_LOG is `{filter}`, which is not a valid filter: {error}")
            })?,
            _ => EnvFilter::new(format!(
                "warn,corsgate=info,notify=error,{}",
                crate::proxy::LOG_FILTER
            )),
        };
        let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(Arc::clone(&self.0))
            // They would be printed to stderr, past the queue.
            .log_internal_errors(false)
            .with_ansi(is_terminal)
            .init();
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.wait_until_empty(Instant::now() + FLUSH_TIMEOUT);
    }
}

/// Describes a panic as the standard library does.
fn panic_message(panicked: &panic::PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("<unnamed>");
    let message = format!("\nthread '{thread}' {panicked}\n");
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => format!("{message}stack backtrace:\n{backtrace}\n"),
        _ => message,
    }
}

// === impl Queue ===

impl Queue {
    fn new(metrics: LogMetrics) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            metrics,
        }
    }

    /// Queues lines, each if there is room for it.
    fn say(&self, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.push(line.as_bytes());
        }
    }

    /// Queues a line, cut if it is too long. If there is no room for it, it is counted.
    fn push(&self, line: &[u8]) {
        let (line, end) = match line.len() <= MAX_LINE {
            true => (line, [].as_slice()),
            false => (whole_characters(&line[..MAX_LINE - CUT.len()]), CUT),
        };
        let mut state = self.state.lock();
        if state.waiting.len() + line.len() + end.len() > MAX_WAITING {
            return self.metrics.dropped(1);
        }
        state.waiting.extend_from_slice(line);
        state.waiting.extend_from_slice(end);
        self.filled.notify_one();
    }

    /// Writes lines as they come, without end. Lines that can't be written are counted.
    fn write_all_to(&self, out: &mut impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.state.lock();
            state.is_writing = false;
            while state.waiting.is_empty() {
                self.emptied.notify_all();
                self.filled.wait(&mut state);
            }
            std::mem::swap(&mut state.waiting, &mut lines);
            state.is_writing = true;
            drop(state);
            let unwritten = write(out, &lines);
            self.metrics
                .dropped(memchr::memchr_iter(b'\n', unwritten).count());
            lines.clear();
        }
    }

    fn wait_until_empty(&self, deadline: Instant) {
        let mut state = self.state.lock();
        while state.is_writing || !state.waiting.is_empty() {
            if self.emptied.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }
}

/// Takes the lines of the subscriber, each whole.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// Returns the text up to its last whole character.
fn whole_characters(text: &[u8]) -> &[u8] {
    let is_start = |byte: &u8| !matches!(byte, 0x80..=0xbf);
    let last = text.iter().rposition(is_start).unwrap_or_default();
    match std::str::from_utf8(&text[last..]) {
        Ok(_) => text,
        Err(_) => &text[..last],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, pipe};

    fn queue() -> (Arc<Queue>, Metrics) {
        let metrics = Metrics::new().expect("names differ");
        (Arc::new(Queue::new(metrics.log().clone())), metrics)
    }

    fn dropped(metrics: &Metrics) -> usize {
        let page = String::from_utf8(metrics.page().expect("encodes")).expect("text");
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix("corsgate_log_dropped_total "));
        line.expect("it is there").parse().expect("a number")
    }

    /// Has a thread of its own write to `out`, as long as the tests run.
    fn start(queue: &Arc<Queue>, mut out: impl Write + Send + 'static) {
        let queue = Arc::clone(queue);
        thread::spawn(move || queue.write_all_to(&mut out));
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn lines_that_are_not_taken_wait_and_then_are_dropped_and_counted() {
        let (queue, metrics) = queue();
        let (reader, writer) = pipe().expect("a pipe");
        start(&queue, writer);
        let line = [b"x".repeat(1022).as_slice(), b"\r\n"].concat();
        let sent = 4 * MAX_WAITING / line.len();
        for _ in 0..sent {
            queue.push(&line);
        }
        let lost = dropped(&metrics);
        assert!(lost > sent / 4 && lost < sent, "{lost} of {sent}");
        queue.wait_until_empty(Instant::now() + RETRY_INTERVAL);
        // All others come, as soon as there is a reader.
        let reading = thread::spawn(move || {
            let lines = BufReader::new(reader).lines().map_while(Result::ok);
            lines.take_while(|line| line != "end").count()
        });
        queue.wait_until_empty(in_a_minute());
        queue.push(b"end\n");
        assert_eq!(reading.join().expect("no panic") + lost, sent);
        assert_eq!(dropped(&metrics), lost);
    }

    #[test]
    fn lines_that_can_not_be_written_are_counted_and_the_next_are_tried() {
        struct Failing;
        impl Write for Failing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (queue, metrics) = queue();
        start(&queue, Failing);
        for lines in 1..10 {
            queue.push(b"a line\n");
            queue.wait_until_empty(in_a_minute());
            assert_eq!(dropped(&metrics), lines);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_two_characters() {
        for shift in ["", "x", "xx", "xxx"] {
            let (queue, _metrics) = queue();
            let (mut reader, writer) = pipe().expect("a pipe");
            start(&queue, writer);
            let line = format!("{shift}{}\n", "\u{1f600}".repeat(MAX_LINE / 4));
            let reading = thread::spawn(move || {
                let mut read = vec![0; MAX_LINE];
                let mut length = 0;
                while !read[..length].ends_with(CUT) {
                    length += reader.read(&mut read[length..]).expect("readable");
                }
                String::from_utf8(read[..length].to_vec())
            });
            queue.push(line.as_bytes());
            let read = reading.join().expect("no panic").expect("whole characters");
            assert!(read.len() > MAX_LINE - 4, "{}", read.len());
        }
    }
}
