//! One compiled configuration as traffic sees it: immutable, and pinned by each request.

use super::answer::PreflightTemplate;
use super::upstream::Cluster;
use crate::config::{Config, Endpoint, Limits, UNMATCHED, UpstreamKind};
use crate::cors::Rule;
use crate::metrics::{Metrics, RouteMetrics};
use crate::routing::{RouteMatch, RouteRequest, Router};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Everything a request is served by.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) limits: Limits,
    pub(crate) express_lane: bool,
    /// Where traffic is taken, for those who ask.
    pub(crate) listeners: Vec<SocketAddr>,
    router: Router,
    /// The configured ones in their order, and then the one for what none of them matches.
    routes: Vec<Route>,
    clusters: Vec<Arc<Cluster>>,
}

/// A route, or what is done where there is none.
#[derive(Debug)]
pub(crate) struct Route {
    pub name: String,
    pub rule: Rule,
    /// `None` where no route matched.
    pub cluster: Option<Arc<Cluster>>,
    /// `None` where no route matched. The router has its own form of it.
    pub matches: Option<RouteMatch>,
    pub metrics: RouteMetrics,
    /// Empty where the rule answers no preflight with permission.
    pub preflight: PreflightTemplate,
}

/// A route's place in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteId(usize);

// === impl Snapshot ===

impl Snapshot {
    /// `echo` is where the built-in upstream listens. Upstreams that are the same in `previous` are
    /// taken from there, with what has been learned of them.
    pub fn new(
        config: Config,
        metrics: &Metrics,
        echo: Option<SocketAddr>,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.map_or([].as_slice(), |previous| &previous.clusters);
        let clusters: Vec<Arc<Cluster>> = config
            .upstreams
            .into_iter()
            .map(|upstream| {
                let endpoints = match &upstream.kind {
                    UpstreamKind::Endpoints(endpoints) => endpoints.clone(),
                    UpstreamKind::Echo => echo.map(Endpoint::from).into_iter().collect(),
                };
                let is_same = |known: &&Arc<Cluster>| known.is_of(&upstream, &endpoints);
                match previous.iter().find(is_same) {
                    Some(known) => Arc::clone(known),
                    None => Arc::new(Cluster::new(upstream, endpoints)),
                }
            })
            .collect();
        let router = Router::new(config.routes.iter().map(|route| &route.matches));
        let mut routes: Vec<Route> = config
            .routes
            .into_iter()
            .map(|route| Route {
                cluster: Some(Arc::clone(&clusters[route.upstream])),
                matches: Some(route.matches),
                ..Route::new(route.name, route.rule, metrics)
            })
            .collect();
        let no_route = Rule::NoRoute(config.default_policy);
        routes.push(Route::new(UNMATCHED.to_owned(), no_route, metrics));
        Self {
            limits: config.limits,
            express_lane: config.server.express_lane,
            listeners: config.listeners.iter().map(|l| l.address).collect(),
            router,
            routes,
            clusters,
        }
    }

    /// The route for a request that none of the configured ones is for.
    pub(crate) fn unmatched(&self) -> RouteId {
        RouteId(self.routes.len() - 1)
    }

    pub(crate) fn find(&self, request: &RouteRequest<'_>) -> RouteId {
        let found = self.router.find(request);
        found.map_or(self.unmatched(), RouteId)
    }

    pub(crate) fn route(&self, RouteId(index): RouteId) -> &Route {
        &self.routes[index]
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The names of all routes, as metrics have them.
    pub fn route_names(&self) -> impl Iterator<Item = &str> {
        self.routes().map(|route| route.name.as_str())
    }

    /// Resolves the names of upstreams that have no address yet.
    pub async fn resolve_first(&self) {
        let clusters = self.clusters.iter().cloned();
        let tasks = clusters.map(|cluster| async move { cluster.resolve_first().await });
        tasks.collect::<JoinSet<()>>().join_all().await;
    }

    /// Keeps the upstreams' names resolved, for ever. The task does not keep the snapshot.
    pub fn keep_resolved(&self) -> impl Future<Output = ()> + Send + use<> {
        let clusters = self.clusters.clone().into_iter();
        let tasks = clusters.map(|cluster| async move { cluster.keep_resolved().await });
        async move {
            tasks.collect::<JoinSet<()>>().join_all().await;
        }
    }
}

// === impl Route ===

impl Route {
    /// A route that leads nowhere yet.
    fn new(name: String, rule: Rule, metrics: &Metrics) -> Self {
        let policy = rule.responding_policy();
        Self {
            metrics: metrics.route(&name, &rule),
            preflight: policy.map(PreflightTemplate::new).unwrap_or_default(),
            name,
            rule,
            cluster: None,
            matches: None,
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
