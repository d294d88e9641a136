//! Messages to a service manager: systemd's notify protocol. Without `$NOTIFY_SOCKET` none of it does anything.

use sd_notify::NotifyState;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{interval, timeout};
use tracing::{debug, warn};

/// A state of the process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    /// It serves.
    Ready,
    /// It reads its configuration again; [`Phase::Ready`] ends this.
    Reloading,
    /// It drains.
    Stopping,
}

/// Tells the phase. A service manager that does not listen changes nothing.
pub(super) fn tell(phase: Phase) {
    let told = match phase {
        Phase::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Phase::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        Phase::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    };
    if let Err(error) = told {
        debug!(?phase, %error, "the service manager was not told");
    }
}

/// Tells the watchdog that traffic is served, for as long as it is: twice in the time that it waits. A runtime
/// that does not get round to a task within that time gets no line, and the service manager restarts the
/// process.
pub(super) async fn watch(traffic: Handle) {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else {
        return;
    };
    let mut ticks = interval(patience / 2);
    loop {
        ticks.tick().await;
        if is_alive(&traffic, patience).await {
            // The next line comes in time, whatever became of this one.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        } else {
            warn!("traffic has not been served for {patience:?}: the watchdog is not told");
        }
    }
}

async fn is_alive(traffic: &Handle, patience: Duration) -> bool {
    matches!(timeout(patience, traffic.spawn(async {})).await, Ok(Ok(())))
}
