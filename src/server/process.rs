//! A process that serves a gateway: its life from before the configuration is read to its last signal.

use super::handover::{self, Heir, Sockets, Testator};
use super::reload::Trigger;
use super::signals::{EarlySignals, HeldSignals, Signal, Signals};
use super::supervisor::{self, Phase};
use super::{Server, StartError, runtime};
use crate::config::{Config, ConfigSource};
use crate::metrics::Metrics;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// A process that is going to serve. SIGHUP and SIGUSR1 no longer end it: one that comes before the gateway
/// serves is obeyed as soon as it does.
pub struct Process {
    control: Runtime,
    early: EarlySignals,
    metrics: Metrics,
}

// === impl Process ===

impl Process {
    /// Takes over SIGHUP and SIGUSR1, which were `held` back until now. SIGTERM and SIGINT still end the process at
    /// once, because nothing is served yet.
    ///
    /// # Errors
    ///
    /// Where the system has no thread or no descriptor left.
    pub fn start(held: HeldSignals) -> Result<Self, StartError> {
        let control = runtime("control", 1)?;
        let early = control.block_on(async { EarlySignals::new() })?;
        drop(held);
        let metrics = Metrics::new()?;
        Ok(Self {
            control,
            early,
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
            early,
            metrics,
        } = self;
        // While it waits, SIGTERM and SIGINT still end it.
        let inherited = takes_over.then(|| inherit(&config)).transpose()?;
        let (inherited, testator) = inherited.unzip();
        // Before anything serves, so that no signal reaches a serving process without a handler.
        let signals = control.block_on(async { Signals::new(early) });
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

/// An end that waits for the requests under way.
#[derive(Debug, Clone, Copy)]
enum Drain {
    /// SIGTERM.
    Terminated,
    /// Another process has the listeners.
    HandedOver,
}

/// Serves until the signal that ends the process, and drains if it says so.
async fn ended(server: &Server, signals: &mut Signals) {
    let Some(drain) = end_signal(server, signals).await else {
        return info!("gateway stopping: SIGINT");
    };
    supervisor::tell(Phase::Stopping);
    let open = server.connections.count();
    match drain {
        Drain::Terminated => info!("gateway draining {open} connections: SIGTERM"),
        Drain::HandedOver => {
            info!("listeners handed over; gateway draining {open} connections: SIGQUIT");
        }
    }
    let drained = async {
        match drain {
            Drain::Terminated => server.drained().await,
            Drain::HandedOver => server.drained_after_handover().await,
        }
    };
    tokio::select! {
        () = drained => {}
        () = stop_signal(signals) => info!("gateway stopping: second signal"),
    }
}

/// Does what signals ask for until one ends the process; `None` if that is to end at once. A hand-over waits for
/// another process, and no signal waits for it.
async fn end_signal(server: &Server, signals: &mut Signals) -> Option<Drain> {
    let mut handing_over = None;
    loop {
        let handed_over = async {
            match &mut handing_over {
                Some(handing_over) => Pin::new(handing_over).await,
                None => pending().await,
            }
        };
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Reload => reload(server),
                Signal::ReopenLog => server.reloader.reopen_access_log(),
                Signal::Quit => return None,
                Signal::Drain => return Some(Drain::Terminated),
                Signal::HandOver => {
                    handing_over.get_or_insert_with(|| Box::pin(server.hand_over()));
                }
            },
            handed_over = handed_over => {
                handing_over = None;
                match handed_over {
                    Ok(()) => return Some(Drain::HandedOver),
                    Err(error) => {
                        warn!("SIGQUIT: listeners not handed over, still serving: {error}");
                    }
                }
            }
        }
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
