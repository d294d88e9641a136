//! A backend while the gateway runs: the addresses that its endpoints' names have now, in turn.
//!
//! Names are resolved by a task of their own, never by a request, and again later; while a name
//! can't be resolved, the last addresses are kept.

use crate::config::{Endpoint, Protocol, Upstream};
use arc_swap::ArcSwap;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tracing::{info, warn};

/// How often names are resolved again.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// How soon again while a name has no address yet.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
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
        }
    }

    /// How many addresses there are now: as often it makes sense to try.
    pub(super) fn len(&self) -> usize {
        self.addresses.load().len()
    }

    /// The next peer in turn; `None` while no name has an address.
    ///
    /// `is_upgrade`: a tunnel may be silent for as long as it likes.
    pub(super) fn next_peer(&self, is_upgrade: bool) -> Option<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let address = addresses.get(turn.checked_rem(addresses.len())?)?;
        let mut peer = HttpPeer::new(*address, false, String::new());
        peer.options.connection_timeout = Some(self.connect_timeout);
        peer.options.total_connection_timeout = Some(self.connect_timeout);
        peer.options.read_timeout = (!is_upgrade).then_some(self.read_timeout);
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
        let mut was_complete = true;
        loop {
            let is_complete = self.resolve(was_complete).await;
            was_complete = is_complete;
            tokio::time::sleep(match is_complete {
                true => RESOLVE_INTERVAL,
                false => RETRY_INTERVAL,
            })
            .await;
        }
    }

    /// Resolves every endpoint once; `false` where one of them has no address. `is_news`: whether
    /// that is worth a line in the log, which it is once.
    async fn resolve(&self, is_news: bool) -> bool {
        let mut addresses = Vec::with_capacity(self.endpoints.len());
        let mut is_complete = true;
        for endpoint in &self.endpoints {
            let Endpoint { host, port } = endpoint;
            match tokio::net::lookup_host((host.as_str(), *port)).await {
                Ok(found) => addresses.extend(found),
                Err(error) => {
                    is_complete = false;
                    if is_news {
                        warn!(upstream = self.name, host, %error, "can't resolve; trying on");
                    }
                }
            }
        }
        let known = self.addresses.load();
        if !is_complete {
            // What a name had before it stopped resolving is better than nothing.
            addresses.extend(known.iter().copied());
        }
        addresses.sort_unstable();
        addresses.dedup();
        if addresses != **known {
            info!(upstream = self.name, ?addresses, "resolved");
            self.addresses.store(addresses.into());
        }
        is_complete
    }
}

fn literal_address(endpoint: &Endpoint) -> Option<SocketAddr> {
    let ip = endpoint.host.parse().ok()?;
    Some(SocketAddr::new(ip, endpoint.port))
}
