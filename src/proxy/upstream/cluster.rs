//! The current addresses of a backend's endpoints, used in turn.
//!
//! A background task resolves names, now and at an interval; requests never wait for it. While a name
//! cannot be resolved, its last addresses are kept.

use crate::config::{Endpoint, Protocol, Upstream};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep_until;
use tracing::{info, warn};

/// Interval at which names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// Interval while resolving fails.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum time in which a WebSocket is silent in both directions; beyond it, the tunnel ends.
pub(in crate::proxy) const TUNNEL_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Maximum time that an idle connection to a backend is kept in the pool.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A backend's endpoints.
#[derive(Debug)]
pub(crate) struct Cluster {
    upstream: Upstream,
    endpoints: Vec<Endpoint>,
    addresses: ArcSwap<Vec<SocketAddr>>,
    resolution: Mutex<Resolution>,
    next: AtomicUsize,
    started: Instant,
    /// The second, counted from 1, in which a failure was logged last; 0 if none was.
    logged: AtomicU64,
}

/// The addresses that the endpoints' names resolved to.
#[derive(Debug)]
struct Resolution {
    /// The last addresses of each endpoint, kept until resolving succeeds again.
    known: Vec<Vec<SocketAddr>>,
    is_complete: bool,
    /// The time of the next resolution.
    next: Instant,
}

// === impl Cluster ===

impl Cluster {
    /// Makes a cluster that knows the endpoints written as addresses; names are resolved later.
    pub(in crate::proxy) fn new(upstream: Upstream, endpoints: Vec<Endpoint>) -> Self {
        let addresses = endpoints.iter().filter_map(literal_address).collect();
        let resolution = Resolution {
            known: vec![Vec::new(); endpoints.len()],
            is_complete: true,
            next: Instant::now(),
        };
        Self {
            upstream,
            endpoints,
            addresses: ArcSwap::from_pointee(addresses),
            resolution: Mutex::new(resolution),
            next: AtomicUsize::new(0),
            started: Instant::now(),
            logged: AtomicU64::new(0),
        }
    }

    /// Whether this cluster was made from the same parts, so that a reload can keep it with the
    /// addresses it resolved.
    pub(in crate::proxy) fn is_of(&self, upstream: &Upstream, endpoints: &[Endpoint]) -> bool {
        self.upstream == *upstream && self.endpoints == endpoints
    }

    pub(crate) fn name(&self) -> &str {
        &self.upstream.name
    }

    /// Number of current addresses, and so of useful tries.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.addresses.load().len()
    }

    /// Takes the next turn of the rotation. A request that has to try again counts on from its own
    /// turn: the rotation's next one may be the endpoint that just failed.
    pub(in crate::proxy) fn take_turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the peer of a turn; `None` while the cluster has no address.
    ///
    /// `is_upgrade` lets the connection be silent for as long as a tunnel may.
    pub(in crate::proxy) fn peer(&self, turn: usize, is_upgrade: bool) -> Option<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let address = addresses.get(turn.checked_rem(addresses.len())?)?;
        let mut peer = HttpPeer::new(*address, false, String::new());
        peer.options.connection_timeout = Some(self.upstream.connect_timeout);
        peer.options.total_connection_timeout = Some(self.upstream.connect_timeout);
        peer.options.read_timeout = Some(match is_upgrade {
            true => TUNNEL_TIMEOUT,
            false => self.upstream.read_timeout,
        });
        peer.options.idle_timeout = Some(IDLE_TIMEOUT);
        if self.upstream.protocol == Protocol::H2c {
            // Without TLS there is no negotiation: pingora then starts with HTTP/2 at once.
            peer.options.alpn = ALPN::H2;
            peer.options.max_h2_streams = 100;
        }
        Some(Box::new(peer))
    }

    /// Resolves the names at their intervals, without end. Returns at once if there are no names.
    pub(in crate::proxy) async fn keep_resolved(&self) {
        while !self.is_literal() {
            let next = self.resolution.lock().next;
            sleep_until(next.into()).await;
            self.resolve().await;
        }
    }

    /// Resolves the names if the cluster has no address yet.
    pub(in crate::proxy) async fn resolve_first(&self) {
        if self.len() == 0 {
            self.resolve().await;
        }
    }

    fn is_literal(&self) -> bool {
        self.endpoints.iter().all(|e| literal_address(e).is_some())
    }

    async fn resolve(&self) {
        let mut found = Vec::with_capacity(self.endpoints.len());
        for Endpoint { host, port } in &self.endpoints {
            found.push(tokio::net::lookup_host((host.as_str(), *port)).await);
        }
        let mut resolution = self.resolution.lock();
        // One log line per failure, not one per try.
        let is_news = resolution.is_complete;
        let Resolution {
            known, is_complete, ..
        } = &mut *resolution;
        *is_complete = true;
        for ((endpoint, known), found) in self.endpoints.iter().zip(known).zip(found) {
            match found {
                Ok(found) => *known = found.collect(),
                Err(error) => {
                    *is_complete = false;
                    if is_news {
                        let (upstream, host) = (self.name(), &endpoint.host);
                        warn!(upstream, host, %error, "can't resolve; trying on");
                    }
                }
            }
        }
        resolution.next = Instant::now()
            + match resolution.is_complete {
                true => RESOLVE_INTERVAL,
                false => RETRY_INTERVAL,
            };
        let mut addresses: Vec<SocketAddr> = resolution.known.iter().flatten().copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses != **self.addresses.load() {
            info!(upstream = self.name(), ?addresses, "resolved");
            self.addresses.store(addresses.into());
        }
    }

    /// Logs that a request failed, at most once per second: a backend that is down fails all of them.
    pub(in crate::proxy) fn log_failure(&self, route: &str, error: &pingora_core::Error) {
        let second = self.started.elapsed().as_secs() + 1;
        if self.logged.swap(second, Ordering::Relaxed) != second {
            let reason = error.etype().as_str();
            warn!(upstream = self.name(), route, "requests fail: {reason}");
        }
    }
}

fn literal_address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let ip = endpoint.host.parse().ok()?;
    Some(SocketAddr::new(ip, endpoint.port))
}
