//! A process that serves a gateway: its life from before the configuration is read to its last signal.

use super::reload::Trigger;
use super::signals::{Hangups, HeldHangups, Signal, Signals};
use super::handover::{self, Heir, Sockets, Testator};
use super::supervisor::{self, Phase};
use super::{Server, StartError, runtime};
use crate::config::{Config, ConfigSource};
use crate::metrics::Metrics;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

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

    /// Starts a gateway, calls `started`, and serves until a signal: SIGTERM drains; SIGQUIT hands the listeners
    /// over, and drains; SIGINT, or a second signal, ends at once. With `takes_over`, the listeners are those of
    /// the process that hands them over.
    ///
    /// # Errors
    ///
    /// Those of [`Server::start`] and of `started`, and where no process hands its listeners over.
    pub fn serve<E: From<StartError>>(
        self,
        config: Config,
        source: ConfigSource,
        takes_over: bool,
        started: impl FnOnce(&Server) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self {
            control,
            hangups,
            metrics,
        } = self;
        // While it waits, SIGTERM and SIGINT still end it.
        let inherited = takes_over.then(|| inherit(&config)).transpose()?;
        let (inherited, testator) = inherited.unzip();
        // Before anything serves, so that no signal reaches a serving process without a handler.
        let signals = control.block_on(async { Signals::new(hangups) });
        let mut signals = signals.map_err(StartError::from)?;
        let inherited = inherited.unwrap_or_default();
        let server = Server::start_on(control, metrics, config, source, inherited)?;
        if let Some(testator) = testator {
            testator.release().map_err(StartError::from)?;
            info!("listeners taken over: the old process drains");
        }
        let result = started(&server);
        if result.is_ok() {
            supervisor::tell(Phase::Ready);
            if std::process::id() == 1 {
                server.control.spawn(reap_orphans());
            }
            server.control.block_on(ended(&server, &mut signals));
        }
        server.stop();
        result
    }
}

/// Waits for the old process, and takes its listeners.
fn inherit(config: &Config) -> Result<(Sockets, Testator), StartError> {
    let folder = handover::folder(config.server.run_directory.as_deref())?;
    let heir = Heir::wait_in(&folder)?;
    info!(
        "waiting for the old process at {}: send it SIGQUIT",
        heir.path().display()
    );
    Ok(heir.receive()?)
}

/// Serves until the signal that ends the process, and drains if it says so.
async fn ended(server: &Server, signals: &mut Signals) {
    let is_handed_over = loop {
        match signals.next().await {
            Signal::Reload => reload(server),
            Signal::ReopenLog => server.reloader.reopen_access_log(),
            Signal::Quit => return info!("gateway stopping: SIGINT"),
            Signal::Drain => break false,
            Signal::HandOver => match server.hand_over().await {
                Ok(()) => break true,
                Err(error) => warn!("SIGQUIT: listeners not handed over, still serving: {error}"),
            },
        }
    };
    supervisor::tell(Phase::Stopping);
    let open = server.connections.count();
    match is_handed_over {
        true => info!("listeners handed over; gateway draining {open} connections: SIGQUIT"),
        false => info!("gateway draining {open} connections: SIGTERM"),
    }
    let drained = async {
        match is_handed_over {
            true => server.drained_after_handover().await,
            false => server.drained().await,
        }
    };
    tokio::select! {
        () = drained => {}
        () = stop_signal(signals) => info!("gateway stopping: second signal"),
    }
}

/// Reads the configuration again in a task, so that the next signal does not have to wait.
fn reload(server: &Server) {
    let reloader = Arc::clone(&server.reloader);
    server.control.spawn(async move {
        supervisor::tell(Phase::Reloading);
        // The result is in the log; a signal has no answer. If too many reloads are waiting, one of
        // them does what this one would.
        let _ = reloader.reload(Trigger::Signal).await;
        supervisor::tell(Phase::Ready);
    });
}

/// Waits for a signal that ends the process.
async fn stop_signal(signals: &mut Signals) {
    loop {
        match signals.next().await {
            Signal::Drain | Signal::Quit => return,
            Signal::Reload | Signal::ReopenLog | Signal::HandOver => {}
        }
    }
}

/// Takes the exit statuses of processes that a container's other processes leave behind: they are the first
/// process's, and would stay for ever. The gateway starts none itself.
async fn reap_orphans() {
    let Ok(mut children) = signal(SignalKind::child()) else {
        return;
    };
    loop {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            if status == WaitStatus::StillAlive {
                break;
            }
        }
        if children.recv().await.is_none() {
            return;
        }
    }
}
