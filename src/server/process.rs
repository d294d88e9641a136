//! A process that serves a gateway: its life from before the configuration is read to its last signal.

use super::reload::Trigger;
use super::signals::{Hangups, HeldHangups, Signal, Signals};
use super::{Server, StartError, runtime};
use crate::config::{Config, ConfigSource};
use crate::metrics::Metrics;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tracing::info;

/// A process that is going to serve. SIGHUP no longer ends it: one that comes before the gateway serves
/// reloads the configuration as soon as it does.
pub struct Process {
    control: Runtime,
    hangups: Hangups,
    metrics: Metrics,
}

// === impl Process ===

impl Process {
    /// Takes over SIGHUP, which was `held` back until now. SIGTERM and SIGINT still end the process at
    /// once, because nothing is served yet.
    ///
    /// # Errors
    ///
    /// Where the system has no thread or no descriptor left.
    pub fn start(held: HeldHangups) -> Result<Self, StartError> {
        let control = runtime("control", 1)?;
        let hangups = control.block_on(async { Hangups::new() })?;
        drop(held);
        let metrics = Metrics::new()?;
        Ok(Self {
            control,
            hangups,
            metrics,
        })
    }

    /// Returns the metrics that the gateway will count in.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Starts a gateway, calls `started`, and serves until a signal: SIGTERM drains; SIGINT, or a second
    /// signal, ends at once.
    ///
    /// # Errors
    ///
    /// Those of [`Server::start`] and of `started`.
    pub fn serve<E: From<StartError>>(
        self,
        config: Config,
        source: ConfigSource,
        started: impl FnOnce(&Server) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            control,
            hangups,
            metrics,
        } = self;
        // Before anything serves, so that no signal reaches a serving process without a handler.
        let signals = control.block_on(async { Signals::new(hangups) });
        let mut signals = signals.map_err(StartError::from)?;
        let server = Server::start_on(control, metrics, config, source)?;
        let result = started(&server);
        if result.is_ok() {
            server.control.block_on(ended(&server, &mut signals));
        }
        server.stop();
        result
    }
}

/// Serves until the signal that ends the process, and drains if it says so.
async fn ended(server: &Server, signals: &mut Signals) {
    loop {
        match signals.next().await {
            Signal::Reload => reload(server),
            Signal::Quit => return info!("gateway stopping: SIGINT"),
            Signal::Drain => break,
        }
    }
    let open = server.connections.count();
    info!("gateway draining {open} connections: SIGTERM");
    tokio::select! {
        () = server.drained() => {}
        () = stop_signal(signals) => info!("gateway stopping: second signal"),
    }
}

/// Reads the configuration again in a task, so that the next signal does not have to wait.
fn reload(server: &Server) {
    let reloader = Arc::clone(&server.reloader);
    server.control.spawn(async move {
        // The result is in the log; a signal has no answer. If too many reloads are waiting, one of
        // them does what this one would.
        let _ = reloader.reload(Trigger::Signal).await;
    });
}

/// Waits for a signal that ends the process.
async fn stop_signal(signals: &mut Signals) {
    while matches!(signals.next().await, Signal::Reload) {}
}
