//! Reload: a new snapshot is compiled beside the running one, and swapped in one step.
//!
//! *Invariant:* a configuration that can't be served changes nothing but two metrics and a line in
//! the log. Requests keep the snapshot they began with; the next ones see the new one, whole.

use super::background::Background;
use super::listen::{Bound, listen};
use crate::admin::{Console, ReloadError};
use crate::config::{self, Admin, Config, ConfigError, Diagnostic, Listener, Server, Sources};
use crate::config::{Upstream, UpstreamKind};
use crate::explain::{self, Explained};
use crate::metrics::Metrics;
use crate::proxy::{Echo, Snapshot};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

/// How long a new configuration waits for the names of its new upstreams: a request that came
/// before they have an address would fail.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);

/// The running configuration, and the way to another one.
pub(super) struct Reloader {
    file: PathBuf,
    metrics: Metrics,
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// What can't change while the process runs.
    fixed: Fixed,
    running: Mutex<Running>,
    /// Held by a reload from its beginning to its end.
    work: tokio::sync::Mutex<Work>,
    /// The files to watch. None where the configuration came from no file.
    files: watch::Sender<Vec<PathBuf>>,
    stopped: watch::Receiver<bool>,
    background: Background,
}

/// The sections that need a restart.
#[derive(Debug)]
struct Fixed {
    /// Where traffic is really taken, port 0 resolved.
    bound: Vec<Listener>,
    listeners: Vec<SocketAddr>,
    admin: Option<(SocketAddr, Vec<String>)>,
    metrics: Option<SocketAddr>,
    server: Server,
    /// The configuration as it was then.
    document: String,
}

/// What is served, and what was refused since.
struct Running {
    document: String,
    hash: String,
    /// The sections that are as they were at the start, and not as the file has them.
    restart: Vec<&'static str>,
    since: (SystemTime, Instant),
    /// When the last attempt was refused, and why; `None` where it was not.
    refused: Option<(Instant, String)>,
}

struct Work {
    /// What the last attempt read.
    sources: Sources,
    /// Where the built-in upstream listens, once one is configured.
    echo: Option<SocketAddr>,
    /// The task that keeps the upstreams' names resolved.
    resolver: Option<AbortHandle>,
}

/// A configuration that is ready to be served.
struct Next {
    snapshot: Snapshot,
    running: Running,
    sources: Sources,
    warnings: Vec<Diagnostic>,
    /// The sections that have changed and need a restart.
    restart: Vec<&'static str>,
}

/// What makes a gateway read its configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Signal,
    File,
    Admin,
}

// === impl Reloader ===

impl Reloader {
    /// What `config`, which was read from `file`, needs to run, and to be replaced. Runs on the
    /// runtime that tasks are to run on.
    ///
    /// # Errors
    ///
    /// Where there can be no thread for what takes time.
    pub(super) fn new(
        config: Config,
        bound: &[SocketAddr],
        file: &Path,
        metrics: Metrics,
        echo: Option<Bound>,
        stopped: &watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        let background = Background::start()?;
        let mut fixed = Fixed::of(&config);
        for (listener, address) in fixed.bound.iter_mut().zip(bound) {
            listener.address = *address;
        }
        let running = Running::of(&config);
        let sources = config.sources.clone();
        metrics.config().serves(&config.hash);
        let echo = echo.map(|bound| start_echo(bound, stopped));
        let config = Config {
            listeners: fixed.bound.clone(),
            ..config
        };
        let snapshot = Snapshot::new(config, &metrics, echo, None);
        let resolver = tokio::spawn(snapshot.keep_resolved()).abort_handle();
        Ok(Self {
            file: file.to_owned(),
            metrics,
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            fixed,
            running: Mutex::new(running),
            files: watch::Sender::new(watched(&sources, file)),
            work: tokio::sync::Mutex::new(Work {
                sources,
                echo,
                resolver: Some(resolver),
            }),
            stopped: stopped.clone(),
            background,
        })
    }

    /// What traffic is served by.
    pub(super) fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// The files that the configuration is made of, whenever there are others.
    pub(super) fn files(&self) -> watch::Receiver<Vec<PathBuf>> {
        self.files.subscribe()
    }

    /// Whether there is a file to read again.
    pub(super) fn has_files(&self) -> bool {
        !self.files.borrow().is_empty()
    }

    /// Reads the configuration again, if one of its files has changed. Says whether it did.
    pub(super) async fn reload_if_changed(&self) -> bool {
        let mut work = self.work.lock().await;
        let sources = work.sources.clone();
        // What can't be looked at is looked at again.
        let has_changed = self.background.run(move || sources.have_changed()).await;
        let has_changed = has_changed.unwrap_or(false);
        if has_changed {
            // What is wrong is in the log; nobody waits for it here.
            let _ = self.reload_with(&mut work, Trigger::File).await;
        }
        has_changed
    }

    /// Reads the configuration again, whether or not it has changed, and serves it from now on.
    pub(super) async fn reload(&self, trigger: Trigger) -> Result<String, ReloadError> {
        if !self.has_files() {
            warn!("{trigger}: the configuration came from no file: there is nothing to reload");
            return Err(ReloadError::NoFile);
        }
        let mut work = self.work.lock().await;
        self.reload_with(&mut work, trigger).await
    }

    async fn reload_with(&self, work: &mut Work, trigger: Trigger) -> Result<String, ReloadError> {
        let started = Instant::now();
        let next = match self.prepare(work).await {
            Ok(next) => next,
            Err(error) => return Err(self.refuse(work, trigger, error)),
        };
        for warning in &next.warnings {
            warn!("{}", warning.one_line());
        }
        let hash = next.running.hash.clone();
        let restart = next.restart.clone();
        self.apply(work, next);
        let took = started.elapsed();
        let (file, trigger) = (self.file.display(), trigger.to_string());
        info!(trigger, hash, ?took, "{file}: reloaded");
        for section in &restart {
            warn!("`{section}` has changed: restart to apply it; everything else is in force");
        }
        Ok(match restart.as_slice() {
            [] => format!("reloaded: {hash}"),
            sections => {
                let sections = sections.join(", ");
                format!("reloaded: {hash}; a restart is needed for: {sections}")
            }
        })
    }

    /// Everything that can fail, and everything that takes time.
    async fn prepare(&self, work: &mut Work) -> Result<Next, ConfigError> {
        let failed = |sources: &Sources, message: String| ConfigError {
            diagnostics: vec![Diagnostic::of_file(&self.file, message)],
            sources: sources.clone(),
        };
        let file = self.file.clone();
        let config = self
            .background
            .run(move || Config::load(&file))
            .await
            // A file that brings us down is not tried again before it changes.
            .map_err(|error| {
                failed(
                    &work.sources.as_they_are(),
                    format!("can't be read: {error}"),
                )
            })??;
        let sources = config.sources.clone();
        let echo = self.echo_for(work, &config.upstreams).map_err(|error| {
            let message = format!("the built-in upstream can't listen: {error}");
            failed(&sources, message)
        })?;
        let restart = self.fixed.differences(&config);
        let mut running = Running::of(&config);
        if !restart.is_empty() {
            let (new, old) = (&running.document, &self.fixed.document);
            running.document = config::with_sections(new, old, &restart);
            running.restart.clone_from(&restart);
        }
        let warnings = config.warnings.clone();
        let config = Config {
            server: self.fixed.server,
            listeners: self.fixed.bound.clone(),
            ..config
        };
        let (metrics, previous) = (self.metrics.clone(), self.snapshot.load_full());
        let compile = move || Snapshot::new(config, &metrics, echo, Some(&previous));
        let snapshot = self
            .background
            .run(compile)
            .await
            .map_err(|error| failed(&sources, format!("can't be compiled: {error}")))?;
        let resolved = timeout(RESOLVE_PATIENCE, snapshot.resolve_first()).await;
        if resolved.is_err() {
            warn!("new upstreams have no address yet: until then their requests get a 503");
        }
        Ok(Next {
            snapshot,
            running,
            sources,
            warnings,
            restart,
        })
    }

    /// Serves what was prepared, from now on. Nothing here can fail.
    fn apply(&self, work: &mut Work, next: Next) {
        let Next {
            snapshot,
            running,
            sources,
            warnings: _,
            restart: _,
        } = next;
        let resolver = tokio::spawn(snapshot.keep_resolved()).abort_handle();
        if let Some(previous) = work.resolver.replace(resolver) {
            previous.abort();
        }
        let snapshot = Arc::new(snapshot);
        let previous = self.snapshot.swap(Arc::clone(&snapshot));
        self.metrics.config().applied(&running.hash);
        *self.running.lock() = running;
        let names: HashSet<&str> = snapshot.route_names().collect();
        for gone in previous.route_names().filter(|name| !names.contains(name)) {
            self.metrics.forget_route(gone);
        }
        self.remember(work, sources);
    }

    /// Counts and tells that a configuration can't be served. Nothing else happens.
    fn refuse(&self, work: &mut Work, trigger: Trigger, error: ConfigError) -> ReloadError {
        self.metrics.config().rejected();
        let all: Vec<String> = error.diagnostics.iter().map(Diagnostic::one_line).collect();
        let (count, trigger) = (all.len(), trigger.to_string());
        error!(
            trigger,
            "the configuration is refused, the one before stays in force: {count} found: {}",
            all.join(" | ")
        );
        let text = error.to_string();
        self.running.lock().refused = Some((Instant::now(), text.clone()));
        self.remember(work, error.sources);
        ReloadError::Refused(text)
    }

    fn remember(&self, work: &mut Work, sources: Sources) {
        let files = watched(&sources, &self.file);
        work.sources = sources;
        self.files.send_if_modified(|known| {
            let is_new = *known != files;
            *known = files;
            is_new
        });
    }

    /// Where the built-in upstream listens, if there is one.
    fn echo_for(
        &self,
        work: &mut Work,
        upstreams: &[Upstream],
    ) -> std::io::Result<Option<SocketAddr>> {
        if work.echo.is_none() && has_echo(upstreams) {
            work.echo = Some(start_echo(Bound::loopback()?, &self.stopped));
        }
        Ok(work.echo)
    }
}

#[async_trait]
impl Console for Reloader {
    fn config(&self) -> String {
        let Running {
            document,
            hash,
            restart,
            since: (time, instant),
            refused,
        } = &*self.running.lock();
        let age = |instant: &Instant| {
            let seconds = Duration::from_secs(instant.elapsed().as_secs());
            humantime::format_duration(seconds).to_string()
        };
        let mut page = format!(
            "# file: {}\n# hash: {hash}\n# since: {}\n# age: {}\n",
            self.file.display(),
            humantime::format_rfc3339_seconds(*time),
            age(instant)
        );
        if !restart.is_empty() {
            let sections = restart.join(", ");
            page.push_str(&format!(
                "# changed in the file, and waiting for a restart: {sections}\n"
            ));
        }
        if let Some((when, why)) = refused {
            page.push_str(&format!("# refused {} ago:\n", age(when)));
            for line in why.lines() {
                page.push_str(&format!("#   {line}\n"));
            }
        }
        page + document
    }

    async fn explain(
        &self,
        query: String,
        pasted: String,
    ) -> Result<(&'static str, String), String> {
        // It may look at a hundred thousand patterns for the nearest.
        let snapshot = self.snapshot.load_full();
        let explained = self
            .background
            .run(move || explain::answer(&snapshot, &query, &pasted))
            .await;
        let explained = explained.map_err(|error| format!("can't explain: {error}"))?;
        let Explained { content_type, text } = explained.map_err(|error| error.to_string())?;
        Ok((content_type, text))
    }

    async fn reload(&self) -> Result<String, ReloadError> {
        Self::reload(self, Trigger::Admin).await
    }
}

/// Whether an upstream is the built-in one.
pub(super) fn has_echo(upstreams: &[Upstream]) -> bool {
    let is_echo = |upstream: &Upstream| matches!(upstream.kind, UpstreamKind::Echo);
    upstreams.iter().any(is_echo)
}

fn start_echo(bound: Bound, stopped: &watch::Receiver<bool>) -> SocketAddr {
    let address = bound.address;
    listen("echo", &Handle::current(), Echo, vec![bound], stopped);
    address
}

/// The files to watch: none where the configuration itself is not one of them.
fn watched(sources: &Sources, file: &Path) -> Vec<PathBuf> {
    match sources.contains(file) {
        true => sources.paths().map(Path::to_owned).collect(),
        false => Vec::new(),
    }
}

// === impl Fixed ===

impl Fixed {
    fn of(config: &Config) -> Self {
        let address = |listener: &Listener| listener.address;
        let admin = |admin: &Admin| (admin.listener.address, admin.hosts.clone());
        Self {
            bound: config.listeners.clone(),
            listeners: config.listeners.iter().map(address).collect(),
            admin: config.admin.as_ref().map(admin),
            metrics: config.metrics.as_ref().map(address),
            server: config.server,
            document: config.document.clone(),
        }
    }

    /// The sections that are not what they were when the process started.
    fn differences(&self, config: &Config) -> Vec<&'static str> {
        let Self {
            bound: _,
            listeners,
            admin,
            metrics,
            server,
            document: _,
        } = Self::of(config);
        [
            ("listeners", listeners != self.listeners),
            ("admin", admin != self.admin),
            ("metrics", metrics != self.metrics),
            ("server", server != self.server),
        ]
        .into_iter()
        .filter_map(|(section, is_different)| is_different.then_some(section))
        .collect()
    }
}

// === impl Running ===

impl Running {
    fn of(config: &Config) -> Self {
        Self {
            document: config.document.clone(),
            hash: config.hash.clone(),
            restart: Vec::new(),
            since: (SystemTime::now(), Instant::now()),
            refused: None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal => "SIGHUP",
            Self::File => "a file has changed",
            Self::Admin => "POST /reload",
        })
    }
}
