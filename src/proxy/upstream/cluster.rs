//! The current addresses of a backend's endpoints, used in turn.
//!
//! A background task resolves names, now and at an interval; requests never wait for it. While a name
//! cannot be resolved, its last addresses are kept.

use super::exchange::Silence;
use crate::config::{Endpoint, Protocol, Upstream};
use crate::proxy::room::{Place, Room};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep_until;
use tracing::{info, warn};

/// Interval at which names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// Interval while resolving fails.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum time that an idle connection to a backend is kept in the pool.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of requests under way on one HTTP/2 connection; beyond it, another one is opened.
const MAX_STREAMS: usize = 100;
/// The key of connections that are not shared; all others have pingora's default, 0.
const FRESH: u64 = 1;

/// A backend's endpoints.
#[derive(Debug)]
pub(crate) struct Cluster {
    upstream: Upstream,
    endpoints: Vec<Endpoint>,
    targets: ArcSwap<Vec<Target>>,
    resolution: Mutex<Resolution>,
    next: AtomicUsize,
    started: Instant,
    /// The second, counted from 1, in which a failure was logged last; 0 if none was.
    logged: AtomicU64,
}

/// One address of an endpoint.
#[derive(Debug, Clone)]
struct Target {
    address: SocketAddr,
    room: Room,
}

/// One try of a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::proxy) struct Try {
    /// The place in the rotation that it counts on from.
    pub turn: usize,
    /// Maximum time to connect.
    pub connect_timeout: Duration,
    /// The waits of the exchange, which pingora is told once.
    pub silence: Silence,
    /// Whether the connection may become a tunnel.
    pub is_websocket: bool,
    /// Whether the connection must not be one that has served a request before.
    pub is_fresh: bool,
}

/// The reason for which no endpoint can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum NoPeer {
    #[error("the upstream has no address yet")]
    NoAddress,
    #[error("each endpoint has as many requests under way as `max_connections` allows")]
    NoRoom,
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
        let addresses = endpoints.iter().filter_map(literal_address);
        let targets = addresses.map(Target::new).collect();
        let resolution = Resolution {
            known: vec![Vec::new(); endpoints.len()],
            is_complete: true,
            next: Instant::now(),
        };
        Self {
            upstream,
            endpoints,
            targets: ArcSwap::from_pointee(targets),
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

    /// Whether it is spoken to in HTTP/2.
    pub(in crate::proxy) fn speaks_http2(&self) -> bool {
        self.upstream.protocol != Protocol::Http1
    }

    /// Number of current addresses, and so of useful tries.
    pub(in crate::proxy) fn len(&self) -> usize {
        self.targets.load().len()
    }

    /// Takes the next turn of the rotation. A request that has to try again counts on from its own
    /// turn: the rotation's next one may be the endpoint that just failed.
    pub(in crate::proxy) fn take_turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the peer for a try, from its turn on the first that has room for a request, and the place
    /// that it takes there.
    pub(in crate::proxy) fn peer(
        &self,
        attempt: Try,
    ) -> Result<(Box<HttpPeer>, Option<Place>), NoPeer> {
        let targets = self.targets.load();
        let first = attempt.turn.checked_rem(targets.len());
        let (ahead, from_first) = targets.split_at(first.ok_or(NoPeer::NoAddress)?);
        let Some(max) = self.upstream.max_connections else {
            let target = from_first.first().ok_or(NoPeer::NoAddress)?;
            return Ok((self.peer_at(target.address, attempt), None));
        };
        let max = match self.upstream.protocol {
            Protocol::Http1 => max,
            Protocol::H2c => max.saturating_mul(MAX_STREAMS),
        };
        let mut in_turn = from_first.iter().chain(ahead);
        let found = in_turn.find_map(|target| Some((target.address, target.room.take(max)?)));
        let (address, place) = found.ok_or(NoPeer::NoRoom)?;
        Ok((self.peer_at(address, attempt), Some(place)))
    }

    fn peer_at(&self, address: SocketAddr, attempt: Try) -> Box<HttpPeer> {
        let mut peer = HttpPeer::new(address, false, String::new());
        let options = &mut peer.options;
        options.connection_timeout = Some(attempt.connect_timeout);
        options.total_connection_timeout = Some(attempt.connect_timeout);
        options.read_timeout = Some(attempt.silence.read);
        options.write_timeout = Some(attempt.silence.write);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        if !attempt.is_websocket {
            options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        }
        if self.upstream.protocol == Protocol::H2c {
            // Without TLS there is no negotiation: pingora then starts with HTTP/2 at once.
            options.alpn = ALPN::H2;
            options.max_h2_streams = MAX_STREAMS;
        }
        if attempt.is_fresh {
            // A pool of its own, in which nothing stays.
            peer.group_key = FRESH;
            peer.options.idle_timeout = Some(Duration::ZERO);
        }
        Box::new(peer)
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
        let current = self.targets.load();
        if !current.iter().map(|target| &target.address).eq(&addresses) {
            info!(upstream = self.name(), ?addresses, "resolved");
            let known = |address| current.iter().find(|target| target.address == address);
            let targets = addresses.into_iter();
            let targets = targets.map(|a| known(a).cloned().unwrap_or_else(|| Target::new(a)));
            self.targets.store(Arc::new(targets.collect()));
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

// === impl Target ===

impl Target {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            room: Room::default(),
        }
    }
}

fn literal_address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let ip = endpoint.host.parse().ok()?;
    Some(SocketAddr::new(ip, endpoint.port))
}
