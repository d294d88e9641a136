//! That the process is about to end, as an idle connection gets to know it.

use pingora_core::server::ShutdownWatch;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::unconstrained;

/// Asked with every request, so that it has to cost next to nothing: a flag is looked at, and the
/// wake-up is asked for once.
pub(super) struct Draining {
    /// Changes once, if ever.
    watch: ShutdownWatch,
    is_set: bool,
    wake_up: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether the connection's task will be woken. It is one task for as long as it lives.
    is_registered: bool,
}

// === impl Draining ===

impl Draining {
    pub(super) fn new(shutdown: &ShutdownWatch) -> Self {
        let mut changes = shutdown.clone();
        // Whatever is left of the task's budget when it is polled, which is once.
        let wake_up = unconstrained(async move {
            // An error is the end of whoever could have said so.
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

    pub(super) fn is_set(&mut self) -> bool {
        if !self.is_set && !matches!(self.watch.has_changed(), Ok(false)) {
            self.is_set = true;
        }
        self.is_set
    }

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
