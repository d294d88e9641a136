//! The access log: a line for every request, in JSON or in Apache's combined format.
//!
//! *Invariant:* nothing that a client sends reaches a line unescaped or without a bound, and no request waits
//! for one.

mod combined;
mod escape;
mod file;
mod json;
mod line;
mod time;

use crate::config::{self, AccessLogFormat, LogFields, LogPath};
use crate::lines::{FLUSH_TIMEOUT, LineBounds, Lines, start_of};
use crate::metrics::LogMetrics;
use file::LogFile;
use line::{Line, MAX_LINE};
use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

/// Maximum number of bytes of a value; beyond it, the value is cut.
pub const MAX_VALUE: usize = 512;

/// The bounds of the queue: 8 MiB is what a busy gateway writes in a tenth of a second. No line is as long as
/// the bound on lines, because its values have one.
const BOUNDS: LineBounds = LineBounds {
    waiting: 8 << 20,
    line: MAX_LINE,
    linger: Duration::from_millis(50),
};

thread_local! {
    /// The line that the thread writes.
    static LINE: RefCell<Line> = RefCell::new(Line::new());
}

/// A log that takes entries. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct AccessLog {
    config: config::AccessLog,
    form: Form,
    lines: Lines,
}

/// The way in which lines are written.
#[derive(Debug, Clone)]
enum Form {
    Json(json::Keys),
    Combined,
}

/// A request at its end, as the log tells it. Texts are as the client sent them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry<'a> {
    /// The time at which the header had come, since 1970.
    pub time: Duration,
    /// Time from there to the end of the response.
    pub duration: Duration,
    pub client: Option<IpAddr>,
    pub listener: Option<SocketAddr>,
    pub protocol: Option<&'static str>,
    pub tls_version: Option<&'static str>,
    pub method: Option<&'a [u8]>,
    pub host: Option<&'a [u8]>,
    /// Without the query.
    pub path: Option<&'a [u8]>,
    pub origin: Option<&'a [u8]>,
    pub user_agent: Option<&'a [u8]>,
    /// Without the query.
    pub referer: Option<&'a [u8]>,
    pub request_id: Option<&'a [u8]>,
    pub trace_id: Option<&'a [u8]>,
    /// `None` if the client had gone.
    pub status: Option<u16>,
    /// Bytes of the bodies.
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub route: &'a str,
    pub policy: Option<&'a str>,
    pub outcome: Option<&'static str>,
    pub reason: Option<&'static str>,
    /// `None` if no upstream was asked.
    pub upstream: Option<UpstreamEntry<'a>>,
}

/// The part of an entry that is about the upstream.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamEntry<'a> {
    pub name: &'a str,
    /// The endpoint that was asked last; `None` if there was none to ask.
    pub endpoint: Option<SocketAddr>,
    /// Time until its response header; `None` if there was none.
    pub duration: Option<Duration>,
    /// Number of tries after the first.
    pub retries: usize,
}

// === impl AccessLog ===

impl AccessLog {
    /// Opens the log, or goes on with `previous` if it goes to the same place.
    ///
    /// # Errors
    ///
    /// Where the file can't be opened, or the system has no thread left.
    pub fn open(
        config: config::AccessLog,
        metrics: &LogMetrics,
        previous: Option<&Self>,
    ) -> io::Result<Self> {
        let lines = match previous.filter(|previous| previous.config.path == config.path) {
            Some(previous) => previous.lines.clone(),
            None => {
                let (name, metrics) = ("corsgate-access", metrics.clone());
                match &config.path {
                    LogPath::Stdout => {
                        // Not `io::stdout()`, which keeps the end of a line that was written in part.
                        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
                        Lines::start(name, BOUNDS, metrics, File::from(stdout))?
                    }
                    LogPath::Stderr => Lines::start(name, BOUNDS, metrics, io::stderr())?,
                    LogPath::File(path) => {
                        Lines::start(name, BOUNDS, metrics, LogFile::open(path.clone())?)?
                    }
                }
            }
        };
        let form = match config.format {
            AccessLogFormat::Json(fields) => Form::Json(json::Keys::of(fields)),
            AccessLogFormat::Combined => Form::Combined,
        };
        Ok(Self {
            config,
            form,
            lines,
        })
    }

    /// Returns the fields that lines have, so that no others are collected.
    pub fn fields(&self) -> LogFields {
        self.config.format.fields()
    }

    /// Queues the line of a request.
    pub fn log(&self, entry: &Entry<'_>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            match &self.form {
                Form::Json(keys) => json::write(entry, keys, line),
                Form::Combined => combined::write(entry, line),
            }
            line.push(b'\n');
            self.lines.push(line.as_bytes());
        });
    }

    /// Has the file opened again: another one may be in its place by now.
    pub fn reopen(&self) {
        self.lines.reopen();
    }

    /// Waits, for a while, until all lines are written.
    pub fn flush(&self) {
        self.lines.flush(Instant::now() + FLUSH_TIMEOUT);
    }
}

/// Cuts a value to its bound.
pub(crate) fn bounded(value: &[u8]) -> &[u8] {
    start_of(value, MAX_VALUE)
}

#[cfg(test)]
mod tests;
