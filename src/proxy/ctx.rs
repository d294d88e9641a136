//! What one request carries from its header to its log line.

use super::record::Record;
use super::snapshot::{Route, Snapshot};
use crate::cors::HeaderPlan;
use std::sync::Arc;
use std::time::Instant;

/// A request's context. Nothing in it is allocated for the request.
pub struct Ctx {
    /// Pinned here once, so that a reload never mixes two configurations in one request.
    pub(super) snapshot: Arc<Snapshot>,
    /// Waits for the end of the request.
    pub(super) record: Record,
    /// The plan for the response's CORS headers, whoever makes the response.
    pub(super) plan: HeaderPlan,
    /// The upstream's turn that the request took.
    pub(super) turn: Option<usize>,
    /// How many endpoints could not be connected to.
    pub(super) failed_connects: usize,
}

// === impl Ctx ===

impl Ctx {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            record: Record::unrouted(&snapshot, None, Instant::now()),
            snapshot,
            plan: HeaderPlan::Untouched,
            turn: None,
            failed_connects: 0,
        }
    }

    pub(super) fn route(&self) -> &Route {
        self.snapshot.route(self.record.route)
    }
}
