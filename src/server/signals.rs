//! The signals that a gateway handles.

use nix::sys::signal::{SIGHUP, SIGUSR1, SigSet};
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
    /// SIGUSR1.
    ReopenLog,
    /// SIGQUIT.
    HandOver,
}

/// SIGHUP and SIGUSR1, held back for as long as the value lives: one that comes waits, where it would end a process
/// that has no handler yet.
#[must_use]
pub struct HeldSignals(SigSet);

/// SIGHUP and SIGUSR1, which must not end a process that has not read its configuration yet: programs send them
/// without looking.
pub(super) struct EarlySignals {
    hangup: tokio::signal::unix::Signal,
    user1: tokio::signal::unix::Signal,
}

pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    user1: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
}

// === impl HeldSignals ===

impl HeldSignals {
    /// Holds them back, in this thread and in those that it starts.
    pub fn hold() -> Self {
        let mut held = SigSet::empty();
        held.add(SIGHUP);
        held.add(SIGUSR1);
        // Fails only for a wrong argument; the process then starts as any other.
        let _ = held.thread_block();
        Self(held)
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        let _ = self.0.thread_unblock();
    }
}

// === impl EarlySignals ===

impl EarlySignals {
    /// Installs the handlers. A signal that comes from now on is kept until it is asked for.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }
}

// === impl Signals ===

impl Signals {
    /// Installs the other handlers; without them, each of these signals ends the process.
    pub(super) fn new(early: EarlySignals) -> io::Result<Self> {
        let EarlySignals { hangup, user1 } = early;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
            user1,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Drain,
            _ = self.interrupt.recv() => Signal::Quit,
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.user1.recv() => Signal::ReopenLog,
            _ = self.quit.recv() => Signal::HandOver,
        }
    }
}
