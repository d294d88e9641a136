//! One compiled configuration as traffic sees it: immutable, and pinned by each request.

use super::client::Via;
use super::route_limits::{ClientRate, RouteLimits};
use super::upstream::{self, Cluster, KnownAuthorities};
use crate::access_log::AccessLog;
use crate::buckets::Buckets;
use crate::config::{
    Config, Edits, Endpoint, Limits, Listener, RateLimit, Timeouts, UNMATCHED, UpstreamKind,
    Written,
};
use crate::cors::{Rule, WrittenAnswer};
use crate::metrics::{Metrics, RouteMetrics};
use crate::pages::{PageForm, WrittenPage};
use crate::rejections::Rejections;
use crate::routing::{PreflightMethod, RouteMatch, RouteRequest, Router, Search};
use crate::traces::Traces;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The routes, policies, upstreams and limits that requests are served by.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) limits: Limits,
    pub(crate) express_lane: bool,
    /// Takes a line for each request.
    pub(crate) access_log: Option<AccessLog>,
    /// Takes a span for each sampled request that is forwarded.
    pub(crate) traces: Option<Traces>,
    /// Peers whose word about the client is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The traffic listeners, in the order in which they were bound.
    pub listeners: Vec<Listener>,
    /// The file that it was compiled from, for explain.
    pub(crate) written: Written,
    has_one_rule: bool,
    pub(super) preflight_method: PreflightMethod,
    /// Kept from one snapshot to the next.
    pub(super) rejections: Arc<Rejections>,
    /// Kept likewise, once there is a rate limit.
    buckets: Option<Arc<Buckets>>,
    router: Router,
    /// The configured routes in their order, then the one for requests that none of them matches.
    routes: Vec<Route>,
    clusters: Vec<Arc<Cluster>>,
}

/// A configured route, or the stand-in for requests that no route matches.
#[derive(Debug)]
pub(crate) struct Route {
    pub name: String,
    pub rule: Rule,
    /// `None` for the stand-in.
    pub upstream: Option<RouteUpstream>,
    /// The longest waits of its requests for the upstream.
    pub timeouts: Timeouts,
    pub limits: RouteLimits,
    pub edits: Edits,
    /// Whether requests in gRPC-Web become gRPC.
    pub grpc_web: bool,
    /// `None` for the stand-in. The router has its own form of it; this one is for explain.
    pub matches: Option<RouteMatch>,
    pub metrics: RouteMetrics,
}

/// The upstream of a route.
#[derive(Debug, Clone)]
pub(crate) enum RouteUpstream {
    Cluster(Arc<Cluster>),
    /// The gateway itself, with an answer that the operator wrote. It has neither endpoints nor metrics.
    Written(Arc<WrittenUpstream>),
}

/// An upstream that is only an answer.
#[derive(Debug)]
pub(crate) struct WrittenUpstream {
    name: String,
    answer: WrittenAnswer,
}

/// The index of a route in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteId(usize);

// === impl Snapshot ===

impl Snapshot {
    /// Compiles a configuration for traffic. `echo` is the address of the built-in upstream. Upstreams
    /// that `previous` has in the same form are taken from it, with their endpoints and the state of these.
    pub fn new(
        config: Config,
        metrics: &Metrics,
        echo: Option<SocketAddr>,
        previous: Option<&Self>,
    ) -> Self {
        let rejections = previous.map(|previous| Arc::clone(&previous.rejections));
        let mut buckets = previous.and_then(|previous| previous.buckets.clone());
        let mut limits_of = |name: &str, body: Option<u64>, rate: Option<RateLimit>| {
            let own_name = rate.map(|_| name);
            RouteLimits {
                max_request_body_bytes: body.or(config.limits.max_request_body_bytes),
                rate: rate
                    .or(config.limits.rate_limit)
                    .map(|limit| ClientRate::new(limit, own_name, buckets.get_or_insert_default())),
            }
        };
        let previous = previous.map_or([].as_slice(), |previous| &previous.clusters);
        let previous: HashMap<&str, &Arc<Cluster>> =
            previous.iter().map(|known| (known.name(), known)).collect();
        let mut authorities = KnownAuthorities::default();
        let upstreams: Vec<RouteUpstream> = config
            .upstreams
            .into_iter()
            .map(|upstream| {
                let endpoints = match upstream.kind {
                    UpstreamKind::Endpoints(ref endpoints) => endpoints.clone(),
                    UpstreamKind::Echo => echo.map(Endpoint::from).into_iter().collect(),
                    UpstreamKind::Respond(answer) => {
                        let name = upstream.name;
                        return RouteUpstream::Written(Arc::new(WrittenUpstream { name, answer }));
                    }
                };
                RouteUpstream::Cluster(match previous.get(upstream.name.as_str()) {
                    Some(known) if known.is_of(&upstream, &endpoints) => Arc::clone(known),
                    known => {
                        let metrics = metrics.upstream(&upstream.name);
                        let known = known.map(|known| known.as_ref());
                        let authorities = &mut authorities;
                        Arc::new(Cluster::new(
                            upstream,
                            endpoints,
                            metrics,
                            authorities,
                            known,
                        ))
                    }
                })
            })
            .collect();
        let clusters = upstreams.iter().filter_map(RouteUpstream::cluster);
        let clusters = clusters.cloned().collect();
        let router = Router::new(config.routes.iter().map(|route| &route.matches));
        let mut routes: Vec<Route> = config
            .routes
            .into_iter()
            .map(|route| Route {
                upstream: Some(upstreams[route.upstream].clone()),
                timeouts: route.timeouts,
                limits: limits_of(&route.name, route.max_request_body_bytes, route.rate_limit),
                edits: route.edits,
                grpc_web: route.grpc_web,
                matches: Some(route.matches),
                ..Route::new(route.name, route.rule, metrics)
            })
            .collect();
        let has_one_rule = routes
            .windows(2)
            .all(|pair| pair[0].rule.is_same(&pair[1].rule));
        let no_route = Rule::NoRoute(config.default_policy);
        routes.push(Route {
            limits: limits_of(UNMATCHED, None, None),
            ..Route::new(UNMATCHED.to_owned(), no_route, metrics)
        });
        Self {
            limits: config.limits,
            express_lane: config.server.express_lane,
            access_log: None,
            traces: None,
            trusted_proxies: config.trusted_proxies,
            listeners: config.listeners,
            written: config.written,
            has_one_rule,
            preflight_method: config.preflight_method,
            rejections: rejections.unwrap_or_default(),
            buckets,
            router,
            routes,
            clusters,
        }
    }

    /// Writes a line for each request to the log, and tells the spans of requests.
    pub fn telling(self, access_log: Option<AccessLog>, traces: Option<Traces>) -> Self {
        Self {
            access_log,
            traces,
            ..self
        }
    }

    /// Returns the log that takes a line for each request.
    pub fn access_log(&self) -> Option<&AccessLog> {
        self.access_log.as_ref()
    }

    /// Returns the traces that spans are told to.
    pub fn traces(&self) -> Option<&Traces> {
        self.traces.as_ref()
    }

    /// Returns the listener that a client came by, if it is one of these.
    pub(crate) fn listener(&self, via: Via) -> Option<&Listener> {
        match via {
            Via::Listener(index) => self.listeners.get(index),
            Via::Proxy | Via::Unknown => None,
        }
    }

    /// Returns the stand-in for requests that no route matches.
    pub(crate) fn unmatched(&self) -> RouteId {
        RouteId(self.routes.len() - 1)
    }

    /// Begins the search for the routes of a request.
    pub(crate) fn search<'r>(&'r self, request: &'r RouteRequest<'r>) -> Search<'r> {
        self.router.search(request)
    }

    /// Returns the route that the router has found, or the stand-in.
    pub(crate) fn found(&self, route: Option<usize>) -> RouteId {
        route.map_or(self.unmatched(), RouteId)
    }

    /// Whether all configured routes have the same rule.
    pub(crate) fn has_one_rule(&self) -> bool {
        self.has_one_rule
    }

    pub(crate) fn route(&self, RouteId(index): RouteId) -> &Route {
        &self.routes[index]
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The names of all routes, as in metrics.
    pub fn route_names(&self) -> impl Iterator<Item = &str> {
        self.routes().map(|route| route.name.as_str())
    }

    /// Shows the certificates of the listeners in the metrics.
    pub fn show_certificates(&self, metrics: &Metrics) {
        let tls = self.listeners.iter().filter_map(|l| l.tls.as_ref());
        let certificates = tls.flat_map(|tls| &tls.certificates);
        let ends = certificates.map(|one| (one.path.as_str(), one.not_after));
        metrics.tls().serves(ends);
    }

    /// Writes the page about rejected requests.
    pub fn rejections(&self, form: PageForm) -> WrittenPage {
        self.rejections.page(form)
    }

    /// Writes the page about the upstreams that have endpoints.
    pub fn upstreams(&self, form: PageForm) -> WrittenPage {
        upstream::page(&self.clusters, form)
    }

    /// The names of the upstreams that have metrics.
    pub fn upstream_names(&self) -> impl Iterator<Item = &str> {
        self.clusters.iter().map(|cluster| cluster.name())
    }

    /// Forgets the rejected requests of a route that there is no more.
    pub fn forget_rejections(&self, route: &str) {
        self.rejections.forget_route(route);
    }

    /// Resolves the names of upstreams that have no address yet.
    pub async fn resolve_first(&self) {
        let clusters = self.clusters.iter().cloned();
        let tasks = clusters.map(|cluster| async move { cluster.resolve_first().await });
        tasks.collect::<JoinSet<()>>().join_all().await;
    }

    /// Keeps the upstreams up to date until it is dropped: their names, and the state of their endpoints. The
    /// future does not hold the snapshot.
    pub fn keep_upstreams(&self) -> impl Future<Output = ()> + Send + use<> {
        let clusters = self.clusters.clone().into_iter();
        let tasks = clusters.map(|cluster| async move { cluster.keep().await });
        async move {
            tasks.collect::<JoinSet<()>>().join_all().await;
        }
    }
}

// === impl Route ===

impl Route {
    /// Returns the servers that its requests go to, if they go to any.
    pub(crate) fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.upstream.as_ref()?.cluster()
    }

    /// Returns the answer that its upstream is, if it is one.
    pub(crate) fn written(&self) -> Option<&WrittenAnswer> {
        match self.upstream.as_ref()? {
            RouteUpstream::Cluster(_) => None,
            RouteUpstream::Written(upstream) => Some(&upstream.answer),
        }
    }

    /// Makes a route without an upstream.
    fn new(name: String, rule: Rule, metrics: &Metrics) -> Self {
        Self {
            metrics: metrics.route(&name, &rule),
            name,
            rule,
            upstream: None,
            timeouts: Timeouts::default(),
            limits: RouteLimits::default(),
            edits: Edits::default(),
            grpc_web: false,
            matches: None,
        }
    }
}

// === impl RouteUpstream ===

impl RouteUpstream {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Cluster(cluster) => cluster.name(),
            Self::Written(upstream) => &upstream.name,
        }
    }

    fn cluster(&self) -> Option<&Arc<Cluster>> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::Written(_) => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}
