//! One compiled configuration as traffic sees it: immutable, and pinned by each request.

use super::respond::PreflightTemplate;
use super::router::{RouteRequest, Router};
use super::upstream::Cluster;
use crate::config::{Config, Endpoint, Limits, UNMATCHED, UpstreamKind};
use crate::cors::Rule;
use crate::metrics::{Metrics, RouteMetrics};
use std::net::SocketAddr;
use std::sync::Arc;

/// Everything a request is served by.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) limits: Limits,
    pub(super) express_lane: bool,
    router: Router,
    /// The configured ones in their order, and then the one for what none of them matches.
    routes: Vec<Route>,
    clusters: Vec<Arc<Cluster>>,
}

/// A route, or what is done where there is none.
#[derive(Debug)]
pub(super) struct Route {
    pub name: String,
    pub rule: Rule,
    /// `None` where no route matched.
    pub cluster: Option<Arc<Cluster>>,
    pub metrics: RouteMetrics,
    /// Empty where the rule answers no preflight with permission.
    pub preflight: PreflightTemplate,
}

/// A route's place in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RouteId(usize);

// === impl Snapshot ===

impl Snapshot {
    /// `echo` is where the built-in upstream listens.
    pub fn new(config: Config, metrics: &Metrics, echo: Option<SocketAddr>) -> Self {
        let clusters: Vec<Arc<Cluster>> = config
            .upstreams
            .iter()
            .map(|upstream| {
                let endpoints = match &upstream.kind {
                    UpstreamKind::Endpoints(endpoints) => endpoints.clone(),
                    UpstreamKind::Echo => echo.map(Endpoint::from).into_iter().collect(),
                };
                Arc::new(Cluster::new(upstream, endpoints))
            })
            .collect();
        let router = Router::new(config.routes.iter().map(|route| &route.matches));
        let mut routes: Vec<Route> = config
            .routes
            .into_iter()
            .map(|route| {
                let cluster = Arc::clone(&clusters[route.upstream]);
                Route::new(route.name, route.rule, Some(cluster), metrics)
            })
            .collect();
        let no_route = Rule::NoRoute(config.default_policy);
        routes.push(Route::new(UNMATCHED.to_owned(), no_route, None, metrics));
        Self {
            limits: config.limits,
            express_lane: config.server.express_lane,
            router,
            routes,
            clusters,
        }
    }

    /// The route for a request that none of the configured ones is for.
    pub(super) fn unmatched(&self) -> RouteId {
        RouteId(self.routes.len() - 1)
    }

    pub(super) fn find(&self, request: &RouteRequest<'_>) -> RouteId {
        let found = self.router.find(request);
        found.map_or(self.unmatched(), RouteId)
    }

    pub(super) fn route(&self, RouteId(index): RouteId) -> &Route {
        &self.routes[index]
    }

    /// Keeps the upstreams' names resolved, for ever.
    pub async fn keep_resolved(&self) {
        let mut tasks = tokio::task::JoinSet::new();
        for cluster in &self.clusters {
            let cluster = Arc::clone(cluster);
            tasks.spawn(async move { cluster.keep_resolved().await });
        }
        while tasks.join_next().await.is_some() {}
    }
}

// === impl Route ===

impl Route {
    fn new(name: String, rule: Rule, cluster: Option<Arc<Cluster>>, metrics: &Metrics) -> Self {
        let policy = rule.responding_policy();
        Self {
            metrics: metrics.route(&name, &rule),
            preflight: policy.map(PreflightTemplate::new).unwrap_or_default(),
            name,
            rule,
            cluster,
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
