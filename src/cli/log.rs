//! The log of a gateway, on stderr.

use super::CommandError;
use crate::config::LogFormat;
use crate::lines::{FLUSH_TIMEOUT, LineBounds, Lines};
use crate::metrics::Metrics;
use crate::server::{HeldSignals, Process};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing_subscriber::EnvFilter;

/// The bounds of the log: 1 MiB waits for stderr, and a line has at most 64 KiB.
const BOUNDS: LineBounds = LineBounds {
    waiting: 1 << 20,
    line: 64 << 10,
    linger: Duration::ZERO,
};

/// The log of the process. Dropping it waits, for a while, until stderr has taken all lines.
pub(super) struct Log {
    lines: Lines,
    /// Whether lines are JSON by now: those before the configuration is read are not.
    is_json: Arc<AtomicBool>,
}

/// Runs a command that serves. The log gets the error that ends it, too, so that a stderr without a reader
/// can't hold up the end.
pub(super) fn run_logged(
    held: HeldSignals,
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
        let metrics = metrics.log().clone();
        let lines = Lines::start("corsgate-log", BOUNDS, metrics, io::stderr())?;
        let log = Self {
            lines,
            is_json: Arc::default(),
        };
        panic::set_hook(Box::new({
            let (lines, is_json) = (log.lines.clone(), Arc::clone(&log.is_json));
            move |panicked| say(&lines, &is_json, &panic_message(panicked))
        }));
        Ok(log)
    }

    /// Writes lines that are not the program's log.
    fn say(&self, text: &str) {
        say(&self.lines, &self.is_json, text);
    }

    /// Takes what the program logs from now on, in this form. It leaves out the lines of pingora and rustls about clients
    /// and upstreams and notify's about folders, unless RUST_LOG asks for them.
    ///
    /// # Errors
    ///
    /// Where RUST_LOG is not a valid filter.
    pub(super) fn subscribe(&self, format: LogFormat) -> Result<(), CommandError> {
        let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
            Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
                format!("RUST_LOG is `{filter}`, which is not a valid filter: {error}")
            })?,
            _ => EnvFilter::new(format!(
                "warn,corsgate=info,notify=error,rustls=error,{}",
                crate::proxy::LOG_FILTER
            )),
        };
        let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
        let lines = self.lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(move || lines.clone())
            // They would be printed to stderr, past the queue.
            .log_internal_errors(false);
        match format {
            LogFormat::Text => subscriber.with_ansi(is_terminal).init(),
            LogFormat::Json => {
                self.is_json.store(true, Ordering::Relaxed);
                subscriber.json().flatten_event(true).init();
            }
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.flush(Instant::now() + FLUSH_TIMEOUT);
    }
}

/// Writes a text that is not the subscriber's; with `is_json`, as an event of the same form.
fn say(lines: &Lines, is_json: &AtomicBool, text: &str) {
    if !is_json.load(Ordering::Relaxed) {
        return lines.say(text);
    }
    // A time before 1970 can't be written: that would be a panic about a panic, which ends the process.
    let now = SystemTime::now().max(UNIX_EPOCH);
    let event = serde_json::json!({
        "timestamp": humantime::format_rfc3339_micros(now).to_string(),
        "level": "ERROR",
        "message": text.trim(),
        "target": env!("CARGO_PKG_NAME"),
    });
    lines.say(&format!("{event}\n"));
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
