//! Assembly: a configuration becomes a running gateway, which signals reload and end.
//!
//! All configured listeners are bound before anything runs, so that a taken port is an error with
//! nothing half-started. Traffic has a runtime of its own; admin, echo and name resolution share a
//! small one, so that neither can starve the other.

mod background;
mod bind;
mod console;
mod descriptors;
mod echo;
mod fixed;
mod handover;
mod open_logs;
mod process;
mod reload;
mod served;
mod signals;
mod start_line;
mod supervisor;
mod watcher;

pub use handover::HandoverError;
pub use process::Process;
pub use signals::HeldSignals;

use crate::admin::{Admin, Readiness};
use crate::config::{self, Config, ConfigSource, Diagnostic, ListenAddress};
use crate::metrics::Metrics;
use crate::pages::{PageLimits, Pages};
use crate::proxy::{Bound, Connections, Edge, listen, listen_pages};
use background::Background;
use bind::bind;
use console::GatewayConsole;
use descriptors::Descriptors;
use echo::EchoServer;
use handover::{Kind, Sockets, Use};
use parking_lot::Mutex;
use reload::Reloader;
use start_line::StartLine;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// The limits of the listeners beside traffic. Two of them, and the connections to traffic that are being
/// refused, have their share of file descriptors: see `descriptors`.
const PAGE_LIMITS: PageLimits = PageLimits {
    max_connections: 64,
    max_header_bytes: 16 << 10,
    max_headers: 100,
};

/// Minimum time after a hand-over in which a connection without a request stays open: a client may be sending
/// its next one.
const HANDOVER_DELAY: Duration = Duration::from_secs(2);

/// A running gateway.
pub struct Server {
    traffic: Runtime,
    control: Runtime,
    /// Tells connections that the process is leaving, and each answer is to be the last.
    leave: watch::Sender<bool>,
    /// Tells the traffic listeners to take no more connections.
    close_listeners: watch::Sender<bool>,
    /// Tells connections without a request to end.
    stop_traffic: watch::Sender<bool>,
    /// Tells the listeners of pages, which serve until the end, so that operators can watch the draining, or until
    /// another process has them.
    stop_pages: watch::Sender<bool>,
    /// Tells the built-in upstream, which requests need to the last.
    stop_echo: watch::Sender<bool>,
    readiness: Readiness,
    connections: Connections,
    reloader: Arc<Reloader>,
    addresses: Addresses,
    /// The sockets that can be handed over; none once the listeners are closed.
    sockets: Mutex<Arc<Sockets>>,
    run_directory: Option<PathBuf>,
    shutdown_delay: Duration,
    grace_period: Duration,
    shutdown_timeout: Duration,
}

/// The addresses that a gateway listens on: port 0 is resolved.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// In the order of the configuration.
    pub listeners: Vec<SocketAddr>,
    pub admin: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}

/// Error that keeps a valid configuration from being started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that can't be listened on, or a log that can't be opened.
    #[error("{0}")]
    Configured(Box<Diagnostic>),
    #[error("can't take over: {0}")]
    Handover(#[from] HandoverError),
    #[error("can't start: {0}")]
    Io(#[from] io::Error),
    #[error("can't register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

// === impl Server ===

impl Server {
    /// Binds everything, then starts everything. `file` is the configuration's name in messages.
    ///
    /// # Errors
    ///
    /// Where an address can't be listened on, or a log can't be opened. Nothing keeps running then.
    pub fn start(config: Config, file: &Path) -> Result<Self, StartError> {
        let source = ConfigSource::file(file);
        let inherited = Sockets::default();
        Self::start_on(
            runtime("control", 1)?,
            Metrics::new()?,
            config,
            source,
            inherited,
        )
    }

    fn start_on(
        control: Runtime,
        metrics: Metrics,
        config: Config,
        source: ConfigSource,
        mut inherited: Sockets,
    ) -> Result<Self, StartError> {
        let file = source.name().to_owned();
        let mut sockets = Sockets::default();
        let mut bind = |kind, listen: &ListenAddress| {
            let wanted = Use {
                kind,
                address: listen.address,
            };
            let bound = match inherited.take(wanted) {
                Some(socket) => Bound::of(socket)?,
                None => bind(listen, &file)?,
            };
            sockets.keep(wanted, &bound.socket)?;
            Ok::<_, StartError>(bound)
        };
        let listeners = config
            .listeners
            .iter()
            .map(|listener| bind(Kind::Listener, &listener.listen))
            .collect::<Result<Vec<_>, _>>()?;
        let admin = config.admin.clone();
        let admin_bound = admin
            .as_ref()
            .map(|admin| bind(Kind::Admin, &admin.listener));
        let admin_bound = admin_bound.transpose()?;
        let metrics_bound = config.metrics.as_ref();
        let metrics_bound = metrics_bound.map(|listen| bind(Kind::Metrics, listen));
        let metrics_bound = metrics_bound.transpose()?;
        let addresses = Addresses {
            listeners: listeners.iter().map(|bound| bound.address).collect(),
            admin: admin_bound.as_ref().map(|bound| bound.address),
            metrics: metrics_bound.as_ref().map(|bound| bound.address),
        };

        let start_line = StartLine::of(&config);
        let config::Server {
            threads,
            express_lane: _,
            shutdown_delay,
            grace_period,
            shutdown_timeout,
            run_directory,
        } = config.server.clone();
        let threads = match threads {
            0 => available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let descriptors = Descriptors::provide(threads);
        let traffic = runtime("traffic", threads)?;
        let readiness = Readiness::default();
        let connections = Connections::new(metrics.connections());
        let (leave, leaving) = watch::channel(false);
        let (close_listeners, closing) = watch::channel(false);
        let (stop_traffic, traffic_stopped) = watch::channel(false);
        let (stop_pages, pages_stopped) = watch::channel(false);
        let (stop_echo, echo_stopped) = watch::channel(false);
        let reloader = {
            let _on_control = control.enter();
            let (bound, metrics) = (&addresses.listeners, metrics.clone());
            let echo = EchoServer::new(&echo_stopped);
            let background = Background::start("reload")?;
            Reloader::new(
                config,
                bound,
                source,
                metrics,
                echo,
                background,
                descriptors,
            )
        };
        let reloader = Arc::new(reloader?);
        let snapshot = Arc::clone(reloader.snapshot());
        let pooled = descriptors.pooled_per_thread;
        let tls = metrics.tls().clone();
        let edge = Edge::new(
            threads,
            pooled,
            snapshot,
            connections.clone(),
            tls,
            leaving,
            traffic_stopped,
        );
        let handle = traffic.handle();
        listen("traffic", handle, &edge, listeners, &closing)?;
        let handle = control.handle();
        if let Some((bound, admin)) = admin_bound.zip(admin) {
            let (metrics, readiness) = (metrics.clone(), readiness.clone());
            let console = Arc::new(GatewayConsole {
                reloader: Arc::clone(&reloader),
                explaining: Background::start("explain")?,
            });
            let app = Admin::new(metrics, readiness, console, admin.hosts);
            listen_pages("admin", handle, app, PAGE_LIMITS, bound, &pages_stopped)?;
        }
        if let Some(bound) = metrics_bound {
            let app = Admin::for_metrics(metrics, readiness.clone());
            listen_pages("metrics", handle, app, PAGE_LIMITS, bound, &pages_stopped)?;
        }
        if reloader.has_files() {
            control.spawn(watcher::watch(Arc::clone(&reloader)));
        }
        control.spawn(supervisor::watch(traffic.handle().clone()));
        readiness.set(true);
        start_line.log(&addresses, &file);
        Ok(Self {
            traffic,
            control,
            leave,
            close_listeners,
            stop_traffic,
            stop_pages,
            stop_echo,
            readiness,
            connections,
            reloader,
            addresses,
            sockets: Mutex::new(Arc::new(sockets)),
            run_directory,
            shutdown_delay,
            grace_period,
            shutdown_timeout,
        })
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Starts a server of pages beside the gateway, on a socket that is bound already.
    ///
    /// # Errors
    ///
    /// If the socket cannot be used.
    pub fn add_pages(
        &self,
        name: &str,
        pages: impl Pages + 'static,
        socket: TcpListener,
    ) -> io::Result<()> {
        let bound = Bound::of(socket)?;
        let handle = self.control.handle();
        let stopped = self.stop_pages.subscribe();
        listen_pages(name, handle, pages, PAGE_LIMITS, bound, &stopped)
    }

    /// Says that it is not ready, closes its listeners after `server.shutdown_delay`, lets requests under way
    /// finish, and ends as soon as they have.
    pub fn drain(self) {
        self.control.block_on(self.drained());
        self.stop();
    }

    async fn drained(&self) {
        self.readiness.set(false);
        self.leave.send_replace(true);
        if !self.shutdown_delay.is_zero() {
            // Load balancers need a while to see that it is not ready; until then, they send clients here.
            let delay = self.shutdown_delay;
            info!(
                "listeners stay open for server.shutdown_delay, {delay:?}, while /readyz says 503"
            );
            sleep(delay).await;
        }
        self.close_listeners();
        self.end_connections().await;
    }

    /// Closes the listeners.
    fn close_listeners(&self) {
        *self.sockets.lock() = Arc::default();
        self.close_listeners.send_replace(true);
    }

    /// Gives the listeners to the process that waits for them. Returns when that one serves, and this one takes
    /// no more connections.
    async fn hand_over(&self) -> Result<(), HandoverError> {
        let folder = handover::folder(self.run_directory.as_deref())?;
        let sockets = Arc::clone(&self.sockets.lock());
        let handed = spawn_blocking(move || sockets.hand_over(&folder)).await;
        handed.map_err(|error| HandoverError::Broken(error.to_string()))??;
        self.leave.send_replace(true);
        self.close_listeners();
        // The other one answers there, too.
        self.stop_pages.send_replace(true);
        Ok(())
    }

    /// Drains after the listeners were handed over: connections that are in use end with their next answer.
    async fn drained_after_handover(&self) {
        sleep(self.shutdown_delay.max(HANDOVER_DELAY)).await;
        self.end_connections().await;
    }

    /// Ends idle connections, and waits for the others.
    async fn end_connections(&self) {
        self.stop_traffic.send_replace(true);
        let closed = self.connections.all_closed();
        tokio::pin!(closed);
        if timeout(self.grace_period, &mut closed).await.is_ok() {
            return;
        }
        let (open, patience) = (self.connections.count(), self.shutdown_timeout);
        warn!(
            "{open} connections are still open after server.grace_period; \
             they are cut off in {patience:?}"
        );
        if timeout(patience, closed).await.is_err() {
            let open = self.connections.count();
            warn!("{open} connections are cut off after server.shutdown_timeout");
        }
    }

    /// Ends at once: connections are cut off.
    pub fn stop(self) {
        self.readiness.set(false);
        self.leave.send_replace(true);
        self.close_listeners();
        self.stop_traffic.send_replace(true);
        self.stop_pages.send_replace(true);
        self.stop_echo.send_replace(true);
        self.reloader.flush_logs();
        self.traffic.shutdown_background();
        self.control.shutdown_background();
    }
}

fn runtime(name: &str, threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(format!("corsgate-{name}"))
        .worker_threads(threads)
        .enable_all()
        .build()
}
