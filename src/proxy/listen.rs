//! Sockets that listen, and applications that accept on them.

use super::edge::{Edge, PageEdge};
use crate::pages::{PageLimits, Pages};
use parking_lot::Mutex;
use pingora_core::apps::ServerApp;
use pingora_core::listeners::{L4BufferSettings, ListenerConfig};
use pingora_core::server::Fds;
use pingora_core::services::Service as _;
use pingora_core::services::listening::Service;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::{debug, info};

/// Bytes that pingora reserves to read, per connection: none, where its default is 64 KiB. The
/// applications bring a buffer of their own.
const READ_BUFFER: usize = 0;
/// Bytes that pingora collects before it writes, per connection: its default.
const WRITE_BUFFER: usize = 1460;

/// Time after which the connection of a vanished client is closed: two minutes, in a tunnel too. Until
/// then it counts as open. Accepted sockets have it from the one that listens, which saves five system calls
/// for each.
fn tcp_keepalive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4)
}

/// A socket that listens, before an application accepts on it.
pub struct Bound {
    pub address: SocketAddr,
    pub socket: TcpListener,
}

/// Starts a gateway's edge on these sockets, which are those of its listeners in their order. They take no more
/// connections once `closing` is set.
pub fn listen(
    name: &str,
    runtime: &Handle,
    edge: &Edge,
    sockets: Vec<Bound>,
    closing: &watch::Receiver<bool>,
) {
    for (listener, socket) in sockets.into_iter().enumerate() {
        start(name, runtime, edge.behind(listener), socket, closing);
    }
}

/// Starts a server of pages on a socket.
pub fn listen_pages(
    name: &str,
    runtime: &Handle,
    pages: impl Pages + 'static,
    limits: PageLimits,
    socket: Bound,
    stopped: &watch::Receiver<bool>,
) {
    let edge = PageEdge::new(pages, limits);
    start(name, runtime, edge, socket, stopped);
}

/// Starts an application that accepts on a socket. It is handed to pingora in its table of inherited
/// sockets, because it would bind its own.
fn start<A>(
    name: &str,
    runtime: &Handle,
    app: A,
    Bound { address, socket }: Bound,
    stopped: &watch::Receiver<bool>,
) where
    A: ServerApp + Send + Sync + 'static,
{
    let mut service = Service::new(name.to_owned(), app);
    let mut fds = Fds::new();
    // At info level even though the file has the address, because its port may be 0. The address of the
    // built-in upstream is of no use to an operator.
    match name {
        "echo" => debug!("{name}: listening on {address}"),
        _ => info!("{name}: listening on {address}"),
    }
    let address = address.to_string();
    let buffers = L4BufferSettings::new(READ_BUFFER, WRITE_BUFFER);
    service.add_listener(ListenerConfig::tcp(address.clone()).l4_buffer(buffers));
    fds.add(address, socket.into_raw_fd());
    let fds = Arc::new(Mutex::new(fds));
    let stopped = stopped.clone();
    runtime.spawn(async move { service.start_service(Some(fds), stopped, 1).await });
}

// === impl Bound ===

impl Bound {
    /// Binds an address.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address).and_then(Self::of)
    }

    /// Binds a free port of the loopback address.
    ///
    /// # Errors
    ///
    /// As [`Bound::new`].
    pub fn loopback() -> io::Result<Self> {
        Self::new((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Takes a socket that is bound already.
    ///
    /// # Errors
    ///
    /// As [`Bound::new`].
    pub fn of(socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        SockRef::from(&socket).set_tcp_keepalive(&tcp_keepalive())?;
        let address = socket.local_addr()?;
        Ok(Self { address, socket })
    }
}
