//! Assembly: a configuration becomes a running gateway. The only file that starts things.
//!
//! All listeners are bound before anything runs, so that a taken port is an error with nothing
//! half-started. Traffic has a runtime of its own; admin, echo and name resolution share a small
//! one, so that neither can starve the other.

use crate::admin::{Admin, Readiness};
use crate::config::{Config, Diagnostic, Listener, Severity, UpstreamKind};
use crate::metrics::Metrics;
use crate::proxy::{Connections, Echo, Edge, Snapshot};
use arc_swap::ArcSwap;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use parking_lot::Mutex;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig, TcpSocketOptions};
use pingora_core::protocols::TcpKeepalive;
use pingora_core::server::Fds;
use pingora_core::server::configuration::ServerConf;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZero;
use std::os::fd::IntoRawFd;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, info, warn};

/// What pingora would reserve for every connection is 64 KiB. Whoever reads has a buffer already.
const READ_BUFFER: usize = 0;
const WRITE_BUFFER: usize = 1460;

/// A client that vanished without a word is found out within two minutes, in a tunnel as well.
const TCP_KEEPALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(60),
    interval: Duration::from_secs(15),
    count: 4,
    #[cfg(target_os = "linux")]
    user_timeout: Duration::ZERO,
};

/// How often a request is sent again after its upstream failed: see `Gateway::fail_to_connect`.
const MAX_RETRIES: usize = 3;

/// A running gateway.
pub struct Server {
    traffic: Runtime,
    control: Runtime,
    /// Tells the traffic listeners to take no more.
    stop_traffic: watch::Sender<bool>,
    /// Tells the others, which serve until the end: draining is watched through them.
    stop_control: watch::Sender<bool>,
    readiness: Readiness,
    connections: Connections,
    addresses: Addresses,
    grace_period: Duration,
    shutdown_timeout: Duration,
}

/// Where a gateway really listens, port 0 resolved.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// In the order of the configuration.
    pub listeners: Vec<SocketAddr>,
    pub admin: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
}

/// Why a valid configuration can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Listen(Box<Diagnostic>),
    #[error("can't start: {0}")]
    Io(#[from] io::Error),
    #[error("can't register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What ends a server.
enum Signal {
    Drain,
    Quit,
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

/// A socket that listens, before anybody accepts on it.
struct Bound {
    address: SocketAddr,
    socket: TcpListener,
}

// === impl Server ===

impl Server {
    /// Binds everything, then starts everything. `file` is what messages call the configuration.
    ///
    /// # Errors
    ///
    /// Where an address can't be listened on. Nothing is left behind then.
    pub fn start(config: Config, file: &Path) -> Result<Self, StartError> {
        Self::start_on(runtime("control", 1)?, config, file)
    }

    fn start_on(control: Runtime, config: Config, file: &Path) -> Result<Self, StartError> {
        let bind = |listener: &Listener| Bound::new(listener, file);
        let listeners = config
            .listeners
            .iter()
            .map(bind)
            .collect::<Result<Vec<_>, _>>()?;
        let admin = config.admin.as_ref().map(bind).transpose()?;
        let metrics_listener = config.metrics.as_ref().map(bind).transpose()?;
        let has_echo = config
            .upstreams
            .iter()
            .any(|u| matches!(u.kind, UpstreamKind::Echo));
        let echo = has_echo.then(Bound::loopback).transpose()?;
        let addresses = Addresses {
            listeners: listeners.iter().map(|bound| bound.address).collect(),
            admin: admin.as_ref().map(|bound| bound.address),
            metrics: metrics_listener.as_ref().map(|bound| bound.address),
        };

        let metrics = Metrics::new()?;
        let threads = match config.server.threads {
            0 => available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        };
        let traffic = runtime("traffic", threads)?;
        let readiness = Readiness::default();
        let connections = Connections::new(metrics.connections());
        let (stop_traffic, traffic_stopped) = watch::channel(false);
        let (stop_control, control_stopped) = watch::channel(false);
        let conf = ServerConf {
            threads,
            max_retries: MAX_RETRIES,
            ..ServerConf::default()
        };
        let config_server = config.server;
        let echo_address = echo.as_ref().map(|bound| bound.address);
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::new(
            config,
            &metrics,
            echo_address,
        )));

        let edge = Edge::new(&Arc::new(conf), Arc::clone(&snapshot), connections.clone());
        listen(
            "traffic",
            traffic.handle(),
            edge,
            listeners,
            &traffic_stopped,
        );
        for (name, bound) in [("admin", admin), ("metrics", metrics_listener)] {
            let app = Admin::new(metrics.clone(), readiness.clone());
            let sockets = bound.into_iter().collect();
            listen(name, control.handle(), app, sockets, &control_stopped);
        }
        let sockets = echo.into_iter().collect();
        listen("echo", control.handle(), Echo, sockets, &control_stopped);
        control.spawn(async move { snapshot.load_full().keep_resolved().await });
        readiness.set(true);
        Ok(Self {
            traffic,
            control,
            stop_traffic,
            stop_control,
            readiness,
            connections,
            addresses,
            grace_period: config_server.grace_period,
            shutdown_timeout: config_server.shutdown_timeout,
        })
    }

    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Starts another application beside the gateway, on a loopback address.
    ///
    /// # Errors
    ///
    /// Where the address can't be listened on.
    pub fn add_app<A>(&self, name: &str, app: A, socket: TcpListener) -> io::Result<()>
    where
        A: ServerApp + Send + Sync + 'static,
    {
        let bound = Bound::of(socket)?;
        let handle = self.control.handle();
        listen(
            name,
            handle,
            app,
            vec![bound],
            &self.stop_control.subscribe(),
        );
        Ok(())
    }

    /// Starts, calls `started`, and serves until SIGTERM, which drains, or SIGINT or a second signal,
    /// which end it at once.
    ///
    /// # Errors
    ///
    /// Those of [`Server::start`] and of `started`.
    pub fn serve<E: From<StartError>>(
        config: Config,
        file: &Path,
        started: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let control = runtime("control", 1).map_err(StartError::from)?;
        // First of all, so that no signal meets a process that serves and has no answer to it.
        let signals = control.block_on(async { Signals::new() });
        let mut signals = signals.map_err(StartError::from)?;
        provide_descriptors(config.limits.max_connections);
        let server = Self::start_on(control, config, file)?;
        let result = started(&server);
        if result.is_ok() {
            server.control.block_on(server.ended(&mut signals));
        }
        server.stop();
        result
    }

    async fn ended(&self, signals: &mut Signals) {
        match signals.next().await {
            Signal::Quit => info!("SIGINT: stopping"),
            Signal::Drain => {
                info!("SIGTERM: draining {} connections", self.connections.count());
                tokio::select! {
                    () = self.drained() => {}
                    _ = signals.next() => info!("a second signal: stopping"),
                }
            }
        }
    }

    /// Takes no new connections, lets requests under way finish, and ends as soon as they have.
    pub fn drain(self) {
        self.control.block_on(self.drained());
        self.stop();
    }

    async fn drained(&self) {
        self.readiness.set(false);
        self.stop_traffic.send_replace(true);
        let closed = self.connections.all_closed();
        tokio::pin!(closed);
        if timeout(self.grace_period, &mut closed).await.is_ok() {
            return;
        }
        let (open, patience) = (self.connections.count(), self.shutdown_timeout);
        warn!("{open} connections are still open; they are cut off after {patience:?}");
        if timeout(patience, closed).await.is_err() {
            warn!("{} connections were cut off", self.connections.count());
        }
    }

    /// Ends at once.
    pub fn stop(self) {
        self.readiness.set(false);
        self.stop_traffic.send_replace(true);
        self.stop_control.send_replace(true);
        self.traffic.shutdown_background();
        self.control.shutdown_background();
    }
}

// === impl Signals ===

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Signal::Drain,
                _ = self.interrupt.recv() => return Signal::Quit,
                _ = self.hangup.recv() => {
                    warn!("SIGHUP: this version does not reload; restart it for a new configuration");
                }
            }
        }
    }
}

/// Takes as many file descriptors as the process may have, and says so where they are too few for
/// `connections`. Many systems start a process with 1024.
fn provide_descriptors(connections: usize) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    if limit < connections as u64 {
        warn!(
            "the process may have {limit} file descriptors, fewer than limits.max_connections: \
             {connections}; raise the one (`ulimit -n`, LimitNOFILE=) or lower the other"
        );
    }
}

fn runtime(name: &str, threads: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(format!("corsgate-{name}"))
        .worker_threads(threads)
        .enable_all()
        .build()
}

/// Accepts on sockets that listen already. pingora finds them in its table of inherited ones.
fn listen<A>(
    name: &str,
    runtime: &Handle,
    app: A,
    sockets: Vec<Bound>,
    stopped: &watch::Receiver<bool>,
) where
    A: ServerApp + Send + Sync + 'static,
{
    if sockets.is_empty() {
        return;
    }
    let mut service = Service::new(name.to_owned(), app);
    let mut fds = Fds::new();
    for Bound { address, socket } in sockets {
        // The port is news where the configuration says 0; nobody configured the echo upstream.
        match name {
            "echo" => debug!("{name}: listening on {address}"),
            _ => info!("{name}: listening on {address}"),
        }
        let address = address.to_string();
        let buffers = L4BufferSettings::new(READ_BUFFER, WRITE_BUFFER);
        let mut options = TcpSocketOptions::default();
        options.tcp_keepalive = Some(TCP_KEEPALIVE);
        service.add_listener(
            ListenerConfig::tcp(address.clone())
                .l4_buffer(buffers)
                .tcp_socket_options(options),
        );
        fds.add(address, socket.into_raw_fd());
    }
    let fds = Arc::new(Mutex::new(fds));
    let stopped = stopped.clone();
    runtime.spawn(async move { service.start_service(Some(fds), stopped, 1).await });
}

// === impl Bound ===

impl Bound {
    fn new(listener: &Listener, file: &Path) -> Result<Self, StartError> {
        let address = listener.address;
        TcpListener::bind(address)
            .and_then(Self::of)
            .map_err(|error| {
                let hint = match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        "another program listens there: choose another port"
                    }
                    io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
                    io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE",
                    _ => "see the reason above",
                };
                StartError::Listen(Box::new(Diagnostic {
                    severity: Severity::Error,
                    file: file.to_owned(),
                    place: listener.place,
                    path: listener.path.clone(),
                    message: format!("can't listen on {address}: {error}"),
                    hint: Some(hint.to_owned()),
                }))
            })
    }

    fn loopback() -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(Self::of)
    }

    fn of(socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { address, socket })
    }
}
