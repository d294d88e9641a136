//! The end of the process, as a connection learns of it.

use pingora_core::server::ShutdownWatch;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::unconstrained;

/// A connection's view of the process's end. It is asked with every request and has to cost next to
/// nothing: it looks at a flag, and asks for the wake-up once.
pub(super) struct Draining {
    /// Changes once, if ever.
    watch: ShutdownWatch,
    is_set: bool,
    wake_up: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether the connection's task will be woken. A connection has the same task all its life.
    is_registered: bool,
}

// === impl Draining ===

impl Draining {
    pub(super) fn new(shutdown: &ShutdownWatch) -> Self {
        let mut changes = shutdown.clone();
        // Polled only once, and so whatever is left of the task's budget then.
        let wake_up = unconstrained(async move {
            // An error means that the server is gone, and with it the process.
            let _ = changes.wait_for(|&stopping| stopping).await;
        });
        let mut watch = shutdown.clone();
        let is_set = *watch.borrow_and_update();
        Self {
            watch,
            is_set,
            wake_up: Box::pin(wake_up),
            is_registered: false,
        }
    }

    /// Returns whether the process is about to end.
    pub(super) fn is_set(&mut self) -> bool {
        if !self.is_set && !matches!(self.watch.has_changed(), Ok(false)) {
            self.is_set = true;
        }
        self.is_set
    }

    /// Waits until the process is about to end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set() {
            return Poll::Ready(());
        }
        if self.is_registered {
            return Poll::Pending;
        }
        self.is_registered = true;
        self.wake_up.as_mut().poll(cx)
    }
}
