//! The state of one request between pingora's phases, from its header to its log line.

use super::edge::admission::UnderWay;
use super::record::Record;
use super::snapshot::{Route, Snapshot};
use crate::cors::HeaderPlan;
use std::sync::Arc;
use std::time::Instant;

/// A request's context. None of its fields allocates per request.
pub struct Ctx {
    /// Loaded once per request, so that a reload never mixes two configurations in one request.
    pub(super) snapshot: Arc<Snapshot>,
    /// Finished at the end of the request.
    pub(super) record: Record,
    /// The plan for the response's CORS headers, whether the upstream or the gateway responds.
    pub(super) plan: HeaderPlan,
    /// Counts the request as under way, from the time it needs an upstream.
    pub(super) under_way: Option<UnderWay>,
    /// The turn that the request took in its upstream's rotation.
    pub(super) turn: Option<usize>,
    /// Number of endpoints that could not be connected to.
    pub(super) failed_connects: usize,
}

// === impl Ctx ===

impl Ctx {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            record: Record::unrouted(&snapshot, None, Instant::now()),
            snapshot,
            plan: HeaderPlan::Untouched,
            under_way: None,
            turn: None,
            failed_connects: 0,
        }
    }

    pub(super) fn route(&self) -> &Route {
        self.snapshot.route(self.record.route)
    }
}
