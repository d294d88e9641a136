//! The end of the process, as a connection learns of it, in two stages: first the process is leaving, and
//! each answer is its connection's last; then idle connections end. Between the two, or at the second, the
//! listeners are closed.

use pingora_core::server::ShutdownWatch;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::unconstrained;

/// The watches that announce the two stages.
#[derive(Clone, Copy)]
pub(super) struct Ends<'e> {
    pub leaving: &'e ShutdownWatch,
    pub stopped: &'e ShutdownWatch,
}

/// A connection's view of the process's end.
pub(super) struct Draining {
    /// Answers say that they are the last.
    pub leaving: Stage,
    /// Connections without a request end.
    pub stopped: Stage,
}

/// A stage of the end, which comes once, if ever. It is asked with every request and has to cost next to
/// nothing: it looks at a flag, and asks for the wake-up once.
pub(super) struct Stage {
    watch: ShutdownWatch,
    is_set: bool,
    /// Present once the connection's task will be woken. A connection has the same task all its life.
    wake_up: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

// === impl Draining ===

impl Draining {
    pub(super) fn new(ends: Ends<'_>) -> Self {
        Self {
            leaving: Stage::new(ends.leaving),
            stopped: Stage::new(ends.stopped),
        }
    }

    /// Waits until a connection has to end, at the latest when its requests are answered: one that is
    /// used when the process is leaving, any other at the second stage.
    pub(super) fn poll(&mut self, is_used: bool, cx: &mut Context<'_>) -> Poll<()> {
        match is_used && self.leaving.poll(cx).is_ready() {
            true => Poll::Ready(()),
            false => self.stopped.poll(cx),
        }
    }
}

// === impl Stage ===

impl Stage {
    fn new(watch: &ShutdownWatch) -> Self {
        let mut watch = watch.clone();
        let is_set = *watch.borrow_and_update();
        Self {
            watch,
            is_set,
            wake_up: None,
        }
    }

    /// Returns whether the stage has come.
    pub(super) fn is_set(&mut self) -> bool {
        if !self.is_set && !matches!(self.watch.has_changed(), Ok(false)) {
            self.is_set = true;
        }
        self.is_set
    }

    /// Waits for the stage.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set() {
            return Poll::Ready(());
        }
        if self.wake_up.is_some() {
            return Poll::Pending;
        }
        let mut changes = self.watch.clone();
        // Polled only once, and so whatever is left of the task's budget then.
        let wake_up = unconstrained(async move {
            // An error means that the server is gone, and with it the process.
            let _ = changes.wait_for(|&is_set| is_set).await;
        });
        self.wake_up.insert(Box::pin(wake_up)).as_mut().poll(cx)
    }
}
