//! Reload: a new snapshot is compiled beside the running one, and swapped in one step.
//!
//! *Invariant:* a configuration that can't be served changes nothing that traffic sees: only two metrics,
//! a line in the log, the errors on the page `/config`, and the list of watched files. Requests keep
//! the snapshot they began with; the next ones see the new one, whole.

use super::StartError;
use super::background::Background;
use super::descriptors::Descriptors;
use super::echo::EchoServer;
use super::fixed::FixedSections;
use super::open_logs::WantedLogs;
use super::served::Served;
use crate::admin::ReloadError;
use crate::config::{Config, ConfigError, ConfigSource, Diagnostic, Sources};
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

/// Maximum time to resolve the names of new upstreams before the configuration is served; beyond it,
/// their requests fail until a name has an address.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);

/// Maximum number of reloads that wait for another one to end; beyond it, they are refused. Nothing is
/// lost with them, because those that wait read the files later.
const MAX_WAITING: usize = 8;

/// The running configuration, and the way to another one.
pub(super) struct Reloader {
    source: ConfigSource,
    metrics: Metrics,
    snapshot: Arc<ArcSwap<Snapshot>>,
    fixed: FixedSections,
    descriptors: Descriptors,
    served: Mutex<Served>,
    /// Held by a reload from its beginning to its end.
    work: tokio::sync::Mutex<Work>,
    /// The files to watch; empty where the configuration came from no file.
    files: watch::Sender<Vec<PathBuf>>,
    background: Background,
    /// Places for reloads that wait for another one to end.
    waiting: Semaphore,
}

/// State that only a reload changes.
struct Work {
    /// The files that the last attempt read.
    sources: Sources,
    echo: EchoServer,
    /// The task that keeps the upstreams up to date.
    keeper: Option<AbortHandle>,
}

/// A configuration that is ready to be served.
struct Next {
    snapshot: Snapshot,
    served: Served,
    sources: Sources,
    /// The diagnostics for the log.
    logged: Vec<Diagnostic>,
}

/// Cause of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Signal,
    File,
    Admin,
}

// === impl Reloader ===

impl Reloader {
    /// Makes the first snapshot, from the `config` that was read from `source`. `bound` has the address
    /// of each traffic listener. Tasks run on the current runtime.
    ///
    /// # Errors
    ///
    /// Where the built-in upstream can't listen, or the access log can't be opened.
    pub(super) fn new(
        mut config: Config,
        bound: &[SocketAddr],
        source: ConfigSource,
        metrics: Metrics,
        mut echo: EchoServer,
        background: Background,
        descriptors: Descriptors,
    ) -> Result<Self, StartError> {
        let fixed = FixedSections::new(&config, bound);
        let needs_restart = fixed.restore(&mut config, &[]);
        descriptors.report(&config.limits);
        let configured = config.limits;
        config.limits = descriptors.bound(&configured);
        let served = Served::new(&config, needs_restart);
        let sources = config.sources.clone();
        metrics.config().serves(&config.hash);
        let echo_address = echo.address_for(&config.upstreams)?;
        let logs = WantedLogs::of(&config).open(source.name(), &metrics, None);
        let (log, traces) = logs.map_err(StartError::Configured)?;
        let snapshot = Snapshot::new(config, &metrics, echo_address, None).telling(log, traces);
        snapshot.show_certificates(&metrics);
        let keeper = tokio::spawn(snapshot.keep_upstreams()).abort_handle();
        Ok(Self {
            metrics,
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            fixed,
            descriptors,
            served: Mutex::new(served),
            files: watch::Sender::new(source.files(&sources)),
            source,
            work: tokio::sync::Mutex::new(Work {
                sources,
                echo,
                keeper: Some(keeper),
            }),
            background,
            waiting: Semaphore::new(MAX_WAITING),
        })
    }

    /// Returns the snapshot that traffic is served by, now and after each reload.
    pub(super) fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// Has the access log's file opened again.
    pub(super) fn reopen_access_log(&self) {
        if let Some(log) = self.snapshot.load().access_log() {
            log.reopen();
        }
    }

    /// Waits, for a while, until the access log is written.
    pub(super) fn flush_logs(&self) {
        let snapshot = self.snapshot.load();
        if let Some(log) = snapshot.access_log() {
            log.flush();
        }
        if let Some(traces) = snapshot.traces() {
            traces.flush();
        }
    }

    /// Writes the configuration that is served, with its state, as the admin listener shows it.
    pub(super) fn page(&self) -> String {
        self.served.lock().page(self.source.name())
    }

    /// Returns the files to watch, now and whenever a reload changes them.
    pub(super) fn files(&self) -> watch::Receiver<Vec<PathBuf>> {
        self.files.subscribe()
    }

    /// Whether the configuration came from a file, which can be read again.
    pub(super) fn has_files(&self) -> bool {
        !self.files.borrow().is_empty()
    }

    /// Reads the configuration again if one of its files has changed. Returns whether it did.
    pub(super) async fn reload_if_changed(&self) -> bool {
        let mut work = self.work.lock().await;
        let sources = work.sources.clone();
        // The watcher asks again later, so that a look that failed can count as unchanged.
        let has_changed = self.background.run(move || sources.have_changed()).await;
        let has_changed = has_changed.unwrap_or(false);
        if has_changed {
            // The errors are in the log; the watcher has no use for them.
            let _ = self.reload_with(&mut work, Trigger::File).await;
        }
        has_changed
    }

    /// Reads the configuration again, whether or not it has changed, and serves it from now on.
    pub(super) async fn reload(&self, trigger: Trigger) -> Result<String, ReloadError> {
        if !self.has_files() {
            let trigger = trigger.to_string();
            warn!(
                trigger,
                "configuration not reloaded: it was not read from a file"
            );
            return Err(ReloadError::NoFile);
        }
        let Ok(waiting) = self.waiting.try_acquire() else {
            return Err(ReloadError::Busy);
        };
        let mut work = self.work.lock().await;
        drop(waiting);
        self.reload_with(&mut work, trigger).await
    }

    async fn reload_with(&self, work: &mut Work, trigger: Trigger) -> Result<String, ReloadError> {
        let started = Instant::now();
        let next = match self.prepare(work).await {
            Ok(next) => next,
            Err(error) => return Err(self.reject(work, trigger, error)),
        };
        for warning in &next.logged {
            warn!("{}", warning.one_line());
        }
        let hash = next.served.hash.clone();
        let needs_restart = next.served.needs_restart.clone();
        self.apply(work, next);
        let took = started.elapsed();
        let (file, trigger) = (self.source.name().display(), trigger.to_string());
        info!(trigger, hash, ?took, "configuration reloaded from {file}");
        for section in &needs_restart {
            warn!("`{section}` has changed: restart to apply it; everything else is applied");
        }
        Ok(match needs_restart.as_slice() {
            [] => format!("reloaded: {hash}"),
            sections => {
                let sections = sections.join(", ");
                format!("reloaded: {hash}; restart to apply: {sections}")
            }
        })
    }

    /// Does everything that can fail and everything that takes time.
    async fn prepare(&self, work: &mut Work) -> Result<Next, ConfigError> {
        let source = self.source.clone();
        let loaded = self.background.run(move || source.load()).await;
        let mut config = loaded.map_err(|error| {
            // A file that makes the reader panic is not read again before it changes.
            let sources = work.sources.as_they_are();
            self.failed(&sources, format!("can't be read: {error}"))
        })??;
        let sources = config.sources.clone();
        let logged = config.logged().cloned().collect();
        let echo_address = work.echo.address_for(&config.upstreams).map_err(|error| {
            let message = format!("the built-in upstream can't listen: {error}");
            self.failed(&sources, message)
        })?;
        let serving = self.snapshot.load();
        let needs_restart = self.fixed.restore(&mut config, &serving.listeners);
        drop(serving);
        let configured = config.limits;
        config.limits = self.descriptors.bound(&configured);
        if config.limits != self.snapshot.load().limits {
            self.descriptors.report(&configured);
        }
        let served = Served::new(&config, needs_restart);
        let (metrics, previous) = (self.metrics.clone(), self.snapshot.load_full());
        let file = self.source.name().to_owned();
        let compile = move || {
            // First, because it can fail.
            let logs = WantedLogs::of(&config).open(&file, &metrics, Some(&previous));
            let (log, traces) = logs?;
            let snapshot = Snapshot::new(config, &metrics, echo_address, Some(&previous));
            Ok(snapshot.telling(log, traces))
        };
        let compiled = self.background.run(compile).await;
        let compiled = compiled
            .map_err(|error| self.failed(&sources, format!("can't be compiled: {error}")))?;
        let snapshot = compiled.map_err(|diagnostic: Box<Diagnostic>| ConfigError {
            diagnostics: vec![*diagnostic],
            sources: sources.clone(),
        })?;
        let resolved = timeout(RESOLVE_PATIENCE, snapshot.resolve_first()).await;
        if resolved.is_err() {
            warn!("new upstreams have no address yet; until they have, their requests get a 503");
        }
        Ok(Next {
            snapshot,
            served,
            sources,
            logged,
        })
    }

    fn failed(&self, sources: &Sources, message: String) -> ConfigError {
        ConfigError {
            diagnostics: vec![Diagnostic::of_file(self.source.name(), message)],
            sources: sources.clone(),
        }
    }

    /// Serves the prepared configuration from now on. Nothing here can fail.
    fn apply(&self, work: &mut Work, next: Next) {
        let Next {
            snapshot,
            served,
            sources,
            logged: _,
        } = next;
        let keeper = tokio::spawn(snapshot.keep_upstreams()).abort_handle();
        if let Some(previous) = work.keeper.replace(keeper) {
            previous.abort();
        }
        let snapshot = Arc::new(snapshot);
        let previous = self.snapshot.swap(Arc::clone(&snapshot));
        self.metrics.config().applied(&served.hash);
        snapshot.show_certificates(&self.metrics);
        *self.served.lock() = served;
        let names: HashSet<&str> = snapshot.route_names().collect();
        for gone in previous.route_names().filter(|name| !names.contains(name)) {
            self.metrics.forget_route(gone);
            snapshot.forget_rejections(gone);
        }
        let names: HashSet<&str> = snapshot.upstream_names().collect();
        for gone in previous
            .upstream_names()
            .filter(|name| !names.contains(name))
        {
            self.metrics.forget_upstream(gone);
        }
        self.remember(work, sources);
    }

    /// Counts and logs that a configuration can't be served. Nothing else changes.
    fn reject(&self, work: &mut Work, trigger: Trigger, error: ConfigError) -> ReloadError {
        self.metrics.config().rejected();
        let all: Vec<String> = error.errors().map(Diagnostic::one_line).collect();
        let count = match all.len() {
            1 => "1 error".to_owned(),
            count => format!("{count} errors"),
        };
        let trigger = trigger.to_string();
        error!(
            trigger,
            "configuration rejected, still serving the previous one; {count}: {}",
            all.join(" | ")
        );
        let errors = error.to_string();
        self.served.lock().reject(errors.clone());
        self.remember(work, error.sources);
        ReloadError::Rejected(errors)
    }

    /// Remembers the files of the last attempt, and tells the watcher if they are other ones.
    fn remember(&self, work: &mut Work, sources: Sources) {
        let files = self.source.files(&sources);
        work.sources = sources;
        self.files.send_if_modified(|known| {
            let is_new = *known != files;
            *known = files;
            is_new
        });
    }
}

// === impl Trigger ===

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "SIGHUP",
            Self::File => "a file has changed",
            Self::Admin => "POST /reload",
        })
    }
}
