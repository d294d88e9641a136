//! A backend while the gateway runs: the addresses that its endpoints' names have now, in turn.
//!
//! Names are resolved by a task of their own, never by a request, and again later; while a name
//! can't be resolved, the last addresses are kept.

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

/// How often names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// How soon again while a name has no address yet.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a WebSocket may be silent in both directions.
pub(in crate::proxy) const TUNNEL_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long an idle connection to a backend is kept.
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
    /// The second of the last logged failure, counted from one.
    logged: AtomicU64,
}

/// What is known of the endpoints' names.
#[derive(Debug)]
struct Resolution {
    /// The addresses that each endpoint had last, which are kept until there are better ones.
    known: Vec<Vec<SocketAddr>>,
    is_complete: bool,
    /// When to ask again.
    next: Instant,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster with the addresses that are written as such; names follow.
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

    /// Whether it is what these would make: then it is kept, with what it has learned.
    pub(in crate::proxy) fn is_of(&self, upstream: &Upstream, endpoints: &[Endpoint]) -> bool {
        self.upstream == *upstream && self.endpoints == endpoints
    }

    pub(crate) fn name(&self) -> &str {
        &self.upstream.name
    }

    /// How many addresses there are now: as often it makes sense to try.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.addresses.load().len()
    }

    /// Whose turn it is. A request keeps its turn and counts on from it when it has to try again:
    /// the next turn of all may be the endpoint that just failed.
    pub(in crate::proxy) fn take_turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The peer of a turn; `None` while no name has an address.
    ///
    /// `is_upgrade`: a tunnel may be silent for long.
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
            // Without TLS there is no negotiation: HTTP/2 at least is HTTP/2 at once.
            peer.options.alpn = ALPN::H2;
            peer.options.max_h2_streams = 100;
        }
        Some(Box::new(peer))
    }

    /// Resolves the names now and again, for ever. Ends at once where there are none.
    pub(in crate::proxy) async fn keep_resolved(&self) {
        while !self.is_literal() {
            let next = self.resolution.lock().next;
            sleep_until(next.into()).await;
            self.resolve().await;
        }
    }

    /// Resolves the names if there is no address yet, so that a request would find none.
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
        // A failure is worth a line in the log once.
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

    /// Says that a request failed here, once a second at the most: a backend that is down fails all.
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
