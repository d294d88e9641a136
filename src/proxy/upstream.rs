//! A backend while the gateway runs: the addresses that its endpoints' names have now, in turn.
//!
//! Names are resolved by a task of their own, never by a request, and again later; while a name
//! can't be resolved, the last addresses are kept.

use crate::config::{Endpoint, Protocol, Upstream};
use arc_swap::ArcSwap;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How often names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// How soon again while a name has no address yet.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// How long a WebSocket may be silent in both directions.
pub(super) const TUNNEL_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long an idle connection to a backend is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A backend's endpoints.
#[derive(Debug)]
pub(super) struct Cluster {
    name: String,
    endpoints: Vec<Endpoint>,
    protocol: Protocol,
    connect_timeout: Duration,
    read_timeout: Duration,
    addresses: ArcSwap<Vec<SocketAddr>>,
    next: AtomicUsize,
    started: Instant,
    /// The second of the last logged failure, counted from one.
    logged: AtomicU64,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster with the addresses that are written as such; names follow.
    pub(super) fn new(upstream: &Upstream, endpoints: Vec<Endpoint>) -> Self {
        let addresses = endpoints.iter().filter_map(literal_address).collect();
        Self {
            name: upstream.name.clone(),
            endpoints,
            protocol: upstream.protocol,
            connect_timeout: upstream.connect_timeout,
            read_timeout: upstream.read_timeout,
            addresses: ArcSwap::from_pointee(addresses),
            next: AtomicUsize::new(0),
            started: Instant::now(),
            logged: AtomicU64::new(0),
        }
    }

    /// How many addresses there are now: as often it makes sense to try.
    pub(super) fn len(&self) -> usize {
        self.addresses.load().len()
    }

    /// Whose turn it is. A request keeps its turn and counts on from it when it has to try again:
    /// the next turn of all may be the endpoint that just failed.
    pub(super) fn take_turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The peer of a turn; `None` while no name has an address.
    ///
    /// `is_upgrade`: a tunnel may be silent for long.
    pub(super) fn peer(&self, turn: usize, is_upgrade: bool) -> Option<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let address = addresses.get(turn.checked_rem(addresses.len())?)?;
        let mut peer = HttpPeer::new(*address, false, String::new());
        peer.options.connection_timeout = Some(self.connect_timeout);
        peer.options.total_connection_timeout = Some(self.connect_timeout);
        peer.options.read_timeout = Some(match is_upgrade {
            true => TUNNEL_TIMEOUT,
            false => self.read_timeout,
        });
        peer.options.idle_timeout = Some(IDLE_TIMEOUT);
        if self.protocol == Protocol::H2c {
            // Without TLS there is no negotiation: HTTP/2 at least is HTTP/2 at once.
            peer.options.alpn = ALPN::H2;
            peer.options.max_h2_streams = 100;
        }
        Some(Box::new(peer))
    }

    /// Resolves the names now and again, for ever. Ends at once where there are none.
    pub(super) async fn keep_resolved(&self) {
        if self.endpoints.iter().all(|e| literal_address(e).is_some()) {
            return;
        }
        let mut known = vec![Vec::new(); self.endpoints.len()];
        let mut was_complete = true;
        loop {
            let is_complete = self.resolve(&mut known, was_complete).await;
            was_complete = is_complete;
            tokio::time::sleep(match is_complete {
                true => RESOLVE_INTERVAL,
                false => RETRY_INTERVAL,
            })
            .await;
        }
    }

    /// Resolves every endpoint once; `false` where one could not be. `known` has what each had last,
    /// which is kept until there is better. `is_news`: whether a failure is worth a line in the log,
    /// which it is once.
    async fn resolve(&self, known: &mut [Vec<SocketAddr>], is_news: bool) -> bool {
        let mut is_complete = true;
        for (endpoint, known) in self.endpoints.iter().zip(known.iter_mut()) {
            let Endpoint { host, port } = endpoint;
            match tokio::net::lookup_host((host.as_str(), *port)).await {
                Ok(found) => *known = found.collect(),
                Err(error) => {
                    is_complete = false;
                    if is_news {
                        warn!(upstream = self.name, host, %error, "can't resolve; trying on");
                    }
                }
            }
        }
        let mut addresses: Vec<SocketAddr> = known.iter().flatten().copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses != **self.addresses.load() {
            info!(upstream = self.name, ?addresses, "resolved");
            self.addresses.store(addresses.into());
        }
        is_complete
    }

    /// Says that a request failed here, once a second at the most: a backend that is down fails all.
    pub(super) fn log_failure(&self, route: &str, error: &pingora_core::Error) {
        let second = self.started.elapsed().as_secs() + 1;
        if self.logged.swap(second, Ordering::Relaxed) != second {
            let reason = error.etype().as_str();
            warn!(upstream = self.name, route, "requests fail: {reason}");
        }
    }
}

fn literal_address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let ip = endpoint.host.parse().ok()?;
    Some(SocketAddr::new(ip, endpoint.port))
}
