//! The signals that a gateway listens to.

use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// What a signal asks for.
pub(super) enum Signal {
    /// SIGTERM
    Drain,
    /// SIGINT
    Quit,
    /// SIGHUP
    Reload,
}

pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

// === impl Signals ===

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Drain,
            _ = self.interrupt.recv() => Signal::Quit,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
