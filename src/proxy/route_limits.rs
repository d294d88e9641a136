//! The limits of a route's requests: those of its own, or else those of all routes.

use super::facts::Facts;
use super::forward::client_address;
use crate::buckets::{Buckets, Owner, Rate, Scope, Wait};
use crate::config::RateLimit;
use crate::cors::RequestKind;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

/// The limits of a route's requests. Each is `None` where there is no limit.
#[derive(Debug, Default)]
pub(crate) struct RouteLimits {
    /// Maximum size of a body.
    pub max_request_body_bytes: Option<u64>,
    pub rate: Option<ClientRate>,
}

/// The rate at which each client may send requests.
#[derive(Debug)]
pub(crate) struct ClientRate {
    /// As it is configured.
    pub limit: RateLimit,
    /// Whether the route shares its buckets with others.
    pub is_shared: bool,
    rate: Rate,
    scope: Scope,
    buckets: Arc<Buckets>,
}

// === impl ClientRate ===

impl ClientRate {
    /// Makes the rate of a route with a limit of its own, or of the routes that share one.
    pub(super) fn new(limit: RateLimit, route: Option<&str>, buckets: &Arc<Buckets>) -> Self {
        Self {
            limit,
            is_shared: route.is_none(),
            rate: Rate::new(limit.requests, limit.period, limit.burst),
            scope: route.map_or_else(
                || buckets.shared_scope(),
                |name| buckets.scope_of_route(name),
            ),
            buckets: Arc::clone(buckets),
        }
    }

    /// Takes a token for a request, or says when its client will have one.
    pub(super) fn take(
        &self,
        facts: &Facts<'_>,
        trusted: &[IpNet],
        now: Instant,
    ) -> Result<(), Wait> {
        // Without an address, the client's end of the connection is gone.
        let peer = facts
            .client
            .peer
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let owner = Owner {
            scope: self.scope,
            client: client_address(peer, facts.fields, trusted),
            is_preflight: facts.cors.kind() == RequestKind::Preflight,
        };
        self.buckets.take(owner, self.rate, now)
    }
}
