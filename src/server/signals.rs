//! The signals that a gateway handles.

use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// A request of the operator, sent as a signal.
pub(super) enum Signal {
    /// SIGTERM.
    Drain,
    /// SIGINT.
    Quit,
    /// SIGHUP.
    Reload,
}

pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

// === impl Signals ===

impl Signals {
    /// Installs the handlers; without them, each of these signals ends the process.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Drain,
            _ = self.interrupt.recv() => Signal::Quit,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
