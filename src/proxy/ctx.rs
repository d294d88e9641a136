//! What one request carries from its header to its log line.

use super::snapshot::{Route, RouteId, Snapshot};
use crate::cors::HeaderPlan;
use std::sync::Arc;
use std::time::Instant;

/// A request's context. Nothing in it is allocated for the request.
pub struct Ctx {
    /// Pinned here once, so that a reload never mixes two configurations in one request.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) route: RouteId,
    /// What becomes of the response's CORS headers, whoever makes the response.
    pub(super) plan: HeaderPlan,
    pub(super) started: Instant,
    /// The upstream's turn that the request took.
    pub(super) turn: Option<usize>,
    /// How many endpoints could not be connected to.
    pub(super) failed_connects: usize,
}

// === impl Ctx ===

impl Ctx {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            route: snapshot.unmatched(),
            snapshot,
            plan: HeaderPlan::Untouched,
            started: Instant::now(),
            turn: None,
            failed_connects: 0,
        }
    }

    pub(super) fn route(&self) -> &Route {
        self.snapshot.route(self.route)
    }
}
