//! A backend while the gateway runs: its endpoints, their state, and the tasks that keep both up to date.
//!
//! The tasks run beside traffic: names are resolved, endpoints are checked, and ejections end. Requests
//! read the list of endpoints that is there, and never wait for another one.

use super::checks::{Checker, MAX_AT_ONCE};
use super::endpoint::Endpoint;
use super::health::may_eject;
use super::idle::{Connection, News};
use super::members::{Choice, Members, NoPeer, listed};
use super::peer::{KnownAuthorities, Needs, Way};
use super::resolver::{Resolution, Resolved};
use super::tasks;
use crate::config;
use crate::config::{HashKey, HealthCheck, LoadBalancing, Upstream, escaped};
use crate::metrics::{EndpointState, UpstreamMetrics};
use crate::once_per_second::OncePerSecond;
use crate::proxy::room::{Place, Room};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use pingora_core::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until};
use tracing::{info, warn};

/// Minimum time between two looks at the connections that wait for a request.
const MIN_SWEEP: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Cluster {
    upstream: Upstream,
    configured: Vec<config::Endpoint>,
    way: Way,
    metrics: UpstreamMetrics,
    members: ArcSwap<Members>,
    /// Held while the list is made anew.
    changing: Mutex<()>,
    resolution: Mutex<Resolution>,
    /// The time of the next round of checks.
    next_check: Mutex<Instant>,
    /// Says that an endpoint was ejected.
    ejected: Notify,
    /// Says that something has come on an idle connection.
    news: News,
    /// The tasks that keep it up to date: one, or two for a moment, and none once a reload has replaced it.
    keepers: Room,
    next: AtomicUsize,
    /// The lines about requests that failed.
    log_lines: OncePerSecond,
}

// === impl Cluster ===

impl Cluster {
    /// Makes a cluster that knows the endpoints written as addresses; names are resolved later. Endpoints that
    /// `previous`, the cluster of that name before a reload, has under the same settings keep their state.
    pub(in crate::proxy) fn new(
        upstream: Upstream,
        configured: Vec<config::Endpoint>,
        metrics: UpstreamMetrics,
        authorities: &mut KnownAuthorities,
        previous: Option<&Self>,
    ) -> Self {
        let now = Instant::now();
        let resolution = match previous {
            Some(previous) => previous
                .resolution
                .lock()
                .taken_over(&previous.configured, &configured),
            None => Resolution::new(&configured, now),
        };
        let known = previous.filter(|previous| is_checked_alike(&previous.upstream, &upstream));
        // Copies: requests of before, which may last for long, go on to judge those that they know.
        let known = known.map(Self::endpoints).unwrap_or_default();
        let known: Vec<Arc<Endpoint>> = known.iter().map(|one| Arc::new(one.copy())).collect();
        let way = Way::new(&upstream, authorities);
        let all = endpoints(
            &resolution.addresses(&configured),
            &known,
            way.scheme(),
            now,
        );
        let members = Members::new(listed(all), upstream.has_keys());
        Self {
            way,
            metrics,
            members: ArcSwap::from_pointee(members),
            changing: Mutex::new(()),
            resolution: Mutex::new(resolution),
            next_check: Mutex::new(now),
            ejected: Notify::new(),
            news: News::new(),
            keepers: Room::default(),
            next: AtomicUsize::new(0),
            log_lines: OncePerSecond::since(now),
            upstream,
            configured,
        }
    }

    /// Whether this cluster was made from the same parts, so that a reload can keep it as it is.
    pub(in crate::proxy) fn is_of(
        &self,
        upstream: &Upstream,
        configured: &[config::Endpoint],
    ) -> bool {
        self.upstream == *upstream && self.configured == configured
    }

    pub(crate) fn name(&self) -> &str {
        &self.upstream.name
    }

    /// Whether each request is to be one of HTTP/2.
    pub(in crate::proxy) fn is_http2(&self) -> bool {
        self.way.is_http2()
    }

    pub(super) fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// Returns the maximum number of further tries of a request.
    pub(super) fn retries(&self) -> usize {
        self.upstream.retries
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Returns the endpoints as requests choose among them now.
    pub(super) fn members(&self) -> Arc<Members> {
        self.members.load_full()
    }

    fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.members.load().all().to_vec()
    }

    /// Takes the next turn of the rotation.
    pub(super) fn take_turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether requests go to an endpoint that is not among these.
    pub(super) fn has_other(&self, tried: &[SocketAddr]) -> bool {
        self.members.load().has_other(tried)
    }

    /// Chooses an endpoint and takes a place there. `key` returns the request's bytes for `consistent_hash`.
    pub(super) fn choose<K: AsRef<[u8]>>(
        &self,
        turn: usize,
        key: impl FnOnce(&HashKey) -> K,
        tried: &[SocketAddr],
    ) -> Result<(Arc<Endpoint>, Place), NoPeer> {
        let max = self.upstream.max_connections;
        let max = max.map_or(usize::MAX, |max| self.way.capacity(max));
        let members = self.members.load();
        let bytes;
        let choice = match &self.upstream.load_balancing {
            LoadBalancing::RoundRobin => Choice::Turn(turn),
            LoadBalancing::Random => Choice::Random(scattered(turn)),
            LoadBalancing::ConsistentHash(of) => {
                bytes = key(of);
                Choice::Key(bytes.as_ref())
            }
        };
        let (endpoint, place) = members.choose(choice, tried, max)?;
        Ok((Arc::clone(endpoint), place))
    }

    /// Returns the peer for a request to an endpoint.
    pub(in crate::proxy) fn peer(&self, endpoint: &Endpoint, needs: Needs) -> Box<HttpPeer> {
        self.way.peer(endpoint.address, needs)
    }

    /// Takes an idle connection to an endpoint, if there is one.
    pub(in crate::proxy) fn take_idle(
        &self,
        endpoint: &Endpoint,
        now: Instant,
    ) -> Option<Connection> {
        endpoint.idle.take(now, self.upstream.idle_timeout)
    }

    /// Keeps a connection to an endpoint for the next request.
    pub(in crate::proxy) fn keep_idle(
        &self,
        endpoint: &Endpoint,
        connection: Connection,
        now: Instant,
    ) {
        endpoint.idle.put(connection, now, &self.news);
    }

    /// Notes that a request to an endpoint failed, and ejects it if that is one too many.
    pub(super) fn note_failure(&self, endpoint: &Endpoint, reason: impl FnOnce() -> String) {
        let Some(rule) = &self.upstream.outlier_detection else {
            return;
        };
        if !endpoint.note_failure(rule.consecutive_failures) {
            return;
        }
        let _changing = self.changing.lock();
        let members = self.members.load();
        let [_, _, ejected] = members.counts();
        // It may have left in the meantime.
        let is_member = members
            .all()
            .iter()
            .any(|one| one.address == endpoint.address);
        if !is_member || !may_eject(ejected, members.all().len(), rule) {
            return;
        }
        let reason = format!(
            "{} requests in a row failed: {}",
            rule.consecutive_failures,
            reason()
        );
        let has_changed = endpoint.health.lock().eject(reason, rule, Instant::now());
        if has_changed {
            self.metrics.ejected();
            self.tell(endpoint);
            self.publish(members.again());
        }
        self.ejected.notify_one();
    }

    /// Keeps the cluster up to date, without end. Returns at once if there is nothing to keep.
    pub(in crate::proxy) async fn keep(&self) {
        let _keeper = self.keepers.take(usize::MAX);
        self.metrics.shows(self.members.load().counts());
        tokio::join!(
            self.keep_resolved(),
            self.keep_checked(),
            self.keep_readmitted(),
            self.keep_swept()
        );
    }

    /// Resolves the names if the cluster has no address yet.
    pub(in crate::proxy) async fn resolve_first(&self) {
        if self.members.load().all().is_empty() {
            self.resolve().await;
        }
    }

    /// Closes idle connections when their time is over, or the endpoint has closed them.
    async fn keep_swept(&self) {
        let timeout = self.upstream.idle_timeout;
        while !self.is_http2() && !self.configured.is_empty() {
            tokio::select! {
                () = self.news.come() => {}
                () = sleep((timeout / 4).max(MIN_SWEEP)) => {}
            }
            let now = Instant::now();
            for endpoint in self.members.load().all() {
                endpoint.idle.sweep(now, timeout, &self.news);
            }
        }
    }

    async fn keep_resolved(&self) {
        while self.configured.iter().any(|one| one.literal().is_none()) {
            let next = self.resolution.lock().next();
            sleep_until(next.into()).await;
            self.resolve().await;
        }
    }

    async fn resolve(&self) {
        let found = super::resolver::look_up(&self.configured).await;
        let _changing = self.changing.lock();
        let mut resolution = self.resolution.lock();
        let now = Instant::now();
        resolution.take(&self.upstream, &self.configured, found, now);
        let addresses = resolution.addresses(&self.configured);
        drop(resolution);
        let members = self.members.load();
        let all = listed(endpoints(&addresses, members.all(), self.way.scheme(), now));
        // Endpoints that stay are the same ones.
        let is_same = members.all().len() == all.len()
            && members
                .all()
                .iter()
                .zip(&all)
                .all(|(a, b)| Arc::ptr_eq(a, b));
        if !is_same {
            let addresses: Vec<SocketAddr> = all.iter().map(|one| one.address).collect();
            info!(upstream = self.name(), ?addresses, "resolved");
            self.publish(Members::new(all, self.upstream.has_keys()));
        }
    }

    async fn keep_checked(&self) {
        let Some(rule) = &self.upstream.health_check else {
            return;
        };
        let checker = Arc::new(Checker::new(rule));
        loop {
            let next = *self.next_check.lock();
            sleep_until(next.into()).await;
            let started = Instant::now();
            self.check_all(rule, &checker).await;
            // Not before: a reload ends the round, and the next one then begins at once.
            *self.next_check.lock() = started + rule.interval;
        }
    }

    /// Checks all endpoints once.
    async fn check_all(&self, rule: &HealthCheck, checker: &Arc<Checker>) {
        let checks = self.endpoints().into_iter().map(|endpoint| {
            let (checker, way) = (Arc::clone(checker), self.way.clone());
            async move {
                let result = checker.check(&endpoint, &way).await;
                (endpoint, result)
            }
        });
        let checked = |(endpoint, result): (Arc<Endpoint>, _)| {
            self.checked(&endpoint, result, rule);
        };
        tasks::run(checks, MAX_AT_ONCE, checked).await;
    }

    fn checked(&self, endpoint: &Endpoint, result: Result<(), String>, rule: &HealthCheck) {
        let _changing = self.changing.lock();
        let has_changed = endpoint.health.lock().checked(result, rule, Instant::now());
        if has_changed {
            self.tell(endpoint);
            self.publish(self.members.load().again());
        }
    }

    /// Ends ejections when their time is over.
    async fn keep_readmitted(&self) {
        if self.upstream.outlier_detection.is_none() {
            return;
        }
        loop {
            let ends = self.endpoints().into_iter();
            let end = ends
                .filter_map(|one| one.health.lock().ejected_until())
                .min();
            match end {
                None => self.ejected.notified().await,
                Some(end) => tokio::select! {
                    () = self.ejected.notified() => {}
                    () = sleep_until(end.into()) => self.readmit(),
                },
            }
        }
    }

    fn readmit(&self) {
        let _changing = self.changing.lock();
        let now = Instant::now();
        let members = self.members.load();
        let mut has_changed = false;
        for endpoint in members.all() {
            if endpoint.health.lock().readmit(now) {
                has_changed = true;
                self.tell(endpoint);
            }
        }
        if has_changed {
            self.publish(members.again());
        }
    }

    fn publish(&self, members: Members) {
        // The cluster that has replaced this one shows its own.
        if self.keepers.taken() > 0 {
            self.metrics.shows(members.counts());
        }
        self.members.store(Arc::new(members));
    }

    /// Logs the state that an endpoint has now.
    fn tell(&self, endpoint: &Endpoint) {
        let health = endpoint.health.lock();
        let (upstream, address) = (self.name(), endpoint.address);
        let reason = health.reason().unwrap_or_default();
        match health.state() {
            EndpointState::Healthy => info!(upstream, %address, "endpoint is used again"),
            EndpointState::Unhealthy => {
                warn!(upstream, %address, "endpoint is not used any more: {}", escaped(reason));
            }
            EndpointState::Ejected => {
                warn!(upstream, %address, "endpoint is left out for a while: {}", escaped(reason));
            }
        }
    }

    /// Logs that a request failed, at most once per second: a backend that is down fails all of them.
    pub(in crate::proxy) fn log_failure(&self, route: &str, reason: &str) {
        if self.log_lines.take(Instant::now()).is_some() {
            warn!(
                upstream = self.name(),
                route,
                "requests fail: {}",
                escaped(reason)
            );
        }
    }
}

/// Returns the endpoints at these addresses; those that are known are taken as they are.
fn endpoints(
    addresses: &[Resolved<'_>],
    known: &[Arc<Endpoint>],
    scheme: &str,
    now: Instant,
) -> Vec<Arc<Endpoint>> {
    let addresses = addresses.iter();
    let all = addresses.map(
        |Resolved {
             address,
             configured,
         }| {
            let is_it =
                |one: &&Arc<Endpoint>| one.address == *address && one.configured == **configured;
            match known.iter().find(is_it) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Endpoint::new(*address, (*configured).clone(), scheme, now)),
            }
        },
    );
    all.collect()
}

/// Whether the state of an endpoint under one upstream's settings says something under the other's.
fn is_checked_alike(one: &Upstream, other: &Upstream) -> bool {
    one.protocol == other.protocol
        && one.tls == other.tls
        && one.health_check == other.health_check
        && one.outlier_detection == other.outlier_detection
}

/// Returns a number that is as good as random for turns that follow one another: SplitMix64's.
fn scattered(turn: usize) -> u64 {
    let mut z = (turn as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
