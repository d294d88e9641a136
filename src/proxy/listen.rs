//! Sockets that listen, and applications that accept on them.

use super::edge::{Application, Edge, PageEdge, Tcp};
use crate::pages::{PageLimits, Pages};
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{debug, error, info};

/// Maximum number of connections that are accepted before those are served that came first.
const ACCEPTED_AT_ONCE: usize = 32;

/// Time for which nothing is accepted when that has failed for want of descriptors or memory, so that other
/// connections can end.
const RECOVERY: Duration = Duration::from_secs(1);

/// Time after which the connection of a vanished client is closed: two minutes, in a tunnel too. Until
/// then it counts as open.
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
///
/// # Errors
///
/// If a socket can't be watched.
pub fn listen(
    name: &str,
    runtime: &Handle,
    edge: &Edge,
    sockets: Vec<Bound>,
    closing: &watch::Receiver<bool>,
) -> io::Result<()> {
    let mut sockets = sockets.into_iter().enumerate();
    sockets.try_for_each(|(listener, socket)| {
        start(name, runtime, edge.behind(listener), socket, closing)
    })
}

/// Starts a server of pages on a socket.
///
/// # Errors
///
/// As [`listen`].
pub fn listen_pages(
    name: &str,
    runtime: &Handle,
    pages: impl Pages + 'static,
    limits: PageLimits,
    socket: Bound,
    stopped: &watch::Receiver<bool>,
) -> io::Result<()> {
    let edge = PageEdge::new(pages, limits, stopped.clone());
    start(name, runtime, edge, socket, stopped)
}

/// Starts an application that accepts on a socket.
fn start(
    name: &str,
    runtime: &Handle,
    app: impl Application,
    Bound { address, socket }: Bound,
    stopped: &watch::Receiver<bool>,
) -> io::Result<()> {
    let _runtime = runtime.enter();
    // tokio's own listener would have every accepted socket watched before it is read from.
    #[expect(
        deprecated,
        reason = "the function in its place is unsafe; what it asks for holds of a TcpListener, which has \
                  one descriptor all its life"
    )]
    let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
    // At info level even though the file has the address, because its port may be 0. The address of the
    // built-in upstream is of no use to an operator.
    match name {
        "echo" => debug!("{name}: listening on {address}"),
        _ => info!("{name}: listening on {address}"),
    }
    let (app, mut stopped) = (Arc::new(app), stopped.clone());
    runtime.spawn(async move {
        let stopped = stopped.wait_for(|&is_stopped| is_stopped);
        accept_all(&app, &socket, pin!(stopped)).await;
        debug!("no longer listening on {address}");
        drop(socket);
        app.cleanup().await;
    });
    Ok(())
}

/// Has the application serve each connection that comes, in a task of its own, until it is `stopped`.
async fn accept_all<T>(
    app: &Arc<impl Application>,
    socket: &AsyncFd<TcpListener>,
    mut stopped: Pin<&mut impl Future<Output = T>>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stopped => return,
            accepted = accept_some(app, socket) => accepted,
        };
        let Err(error) = accepted else {
            // Those that were accepted have their turn before others.
            tokio::task::yield_now().await;
            continue;
        };
        error!("a connection can't be accepted: {error}");
        // A client that has gone concerns no other. What the process or the machine has run out of fails
        // again at once.
        if !has_gone(&error) && timeout(RECOVERY, &mut stopped).await.is_ok() {
            return;
        }
    }
}

/// Waits for connections, and takes those that are there, but not too many at once.
async fn accept_some(app: &Arc<impl Application>, socket: &AsyncFd<TcpListener>) -> io::Result<()> {
    let mut ready = socket.readable().await?;
    for _ in 0..ACCEPTED_AT_ONCE {
        let Ok(accepted) = ready.try_io(|socket| accept(socket.get_ref())) else {
            break;
        };
        // In memory of its own: the runtime moves what it is given several times.
        tokio::spawn(Box::pin(Arc::clone(app).serve(accepted?)));
    }
    Ok(())
}

/// Accepts a connection.
fn accept(socket: &TcpListener) -> io::Result<Tcp> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (accepted, peer) = acceptfrom_with(socket, flags)?;
    let peer = match peer {
        Some(SocketAddrAny::V4(peer)) => Some(peer.into()),
        Some(SocketAddrAny::V6(peer)) => Some(peer.into()),
        _ => None,
    };
    Ok(Tcp::new(accepted.into(), peer))
}

/// Returns whether accepting failed because of the client that connected.
fn has_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
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
        // Accepted sockets have the options of the one that listens, which saves a system call for each.
        let options = SockRef::from(&socket);
        options.set_tcp_nodelay(true)?;
        options.set_tcp_keepalive(&tcp_keepalive())?;
        let address = socket.local_addr()?;
        Ok(Self { address, socket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv6Addr, TcpStream};
    use std::os::fd::OwnedFd;

    /// Listens in each of the ways that there are, the sockets of another process among them.
    fn all_bound() -> Vec<Bound> {
        let inherited = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let inherited = TcpListener::from(OwnedFd::from(inherited));
        let both = Bound::new((Ipv6Addr::UNSPECIFIED, 0).into());
        let mut all = vec![
            Bound::loopback().expect("a port is free"),
            Bound::of(inherited).expect("it listens"),
        ];
        // Not every machine has IPv6.
        all.extend(both);
        all
    }

    #[test]
    fn accepted_sockets_have_the_options_of_the_one_that_listens() {
        for Bound { address, socket } in all_bound() {
            let client = TcpStream::connect((Ipv4Addr::LOCALHOST, address.port()));
            let client = client.expect("it listens");
            let accepted = loop {
                match accept(&socket) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    accepted => break accepted.expect("a client"),
                }
            };
            let peer = accepted.peer().expect("it has an address");
            let ours = client.local_addr().expect("it is connected");
            assert_eq!(peer.ip().to_canonical(), ours.ip(), "{address}");
            assert_eq!(peer.port(), ours.port());
            let descriptor = accepted.descriptor().expect("it is open");
            let options = SockRef::from(&descriptor);
            assert!(options.nonblocking().expect("an option"), "{address}");
            assert!(options.tcp_nodelay().expect("an option"), "{address}");
            assert!(options.keepalive().expect("an option"), "{address}");
            let time = options.tcp_keepalive_time().expect("an option");
            assert_eq!(time, Duration::from_secs(60));
            let interval = options.tcp_keepalive_interval().expect("an option");
            assert_eq!(interval, Duration::from_secs(15));
            assert_eq!(options.tcp_keepalive_retries().expect("an option"), 4);
        }
    }

    /// An application that says which connections it got.
    struct Seen(tokio::sync::mpsc::UnboundedSender<SocketAddr>);

    impl Application for Seen {
        async fn serve(self: Arc<Self>, tcp: Tcp) {
            let peer = tcp.peer().expect("it has an address");
            self.0.send(peer).expect("the test listens");
        }
    }

    #[tokio::test]
    async fn all_connections_are_accepted_until_the_listener_is_stopped() {
        let (seen, mut peers) = tokio::sync::mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let bound = Bound::loopback().expect("a port is free");
        let address = bound.address;
        // More than are accepted at once, and all of them before the first is.
        let clients = (0..3 * ACCEPTED_AT_ONCE).map(|_| TcpStream::connect(address));
        let clients: io::Result<Vec<_>> = clients.collect();
        let clients = clients.expect("it listens");
        start("test", &Handle::current(), Seen(seen), bound, &stopped).expect("it is watched");
        for client in &clients {
            let peer = peers.recv().await.expect("it accepts");
            assert_eq!(peer, client.local_addr().expect("it is connected"));
        }
        let later = tokio::net::TcpStream::connect(address).await;
        let later = later.expect("it listens").local_addr();
        assert_eq!(peers.recv().await, later.ok());
        stop.send_replace(true);
        // The application goes with the task that accepts.
        assert_eq!(peers.recv().await, None);
        let refused = tokio::net::TcpStream::connect(address).await;
        let refused = refused.expect_err("nothing listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
