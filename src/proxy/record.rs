//! The end of every request: what is counted and logged of it, once.
//!
//! *Invariant:* [`Record::finish`] is the only caller of a route's metrics.

use super::check::RequestError;
use super::snapshot::{RouteId, Snapshot};
use crate::cors::{Outcome, RequestKind};
use http::StatusCode;
use std::time::Instant;
use tracing::debug;

/// A request as metrics and the log see it. Small and free of borrows, so that it can wait until the
/// response has been sent.
#[derive(Debug, Clone, Copy)]
#[must_use = "a request that is not finished is not counted"]
pub(crate) struct Record {
    pub route: RouteId,
    pub kind: RequestKind,
    pub outcome: Outcome,
    /// The reason for refusing the request before its route counted.
    pub error: Option<RequestError>,
    /// When its header had come.
    pub started: Instant,
}

// === impl Record ===

impl Record {
    /// Makes the record of a request that no route is known for: its header was not read to its end,
    /// or not yet.
    pub(crate) fn unrouted(
        snapshot: &Snapshot,
        error: Option<RequestError>,
        started: Instant,
    ) -> Self {
        Self {
            route: snapshot.unmatched(),
            kind: RequestKind::NotCors,
            outcome: Outcome::NONE,
            error,
            started,
        }
    }

    /// Counts a request that is refused before a route is known, with this status.
    pub(crate) fn refused(
        snapshot: &Snapshot,
        error: RequestError,
        started: Instant,
        status: Option<StatusCode>,
    ) {
        Self::unrouted(snapshot, Some(error), started).finish(snapshot, status);
    }

    /// Notes that the request was refused after all, for what came behind its header.
    pub(crate) fn refuse(&mut self, error: RequestError) {
        self.outcome = Outcome::NONE;
        self.error = Some(error);
    }

    /// Counts the request and says at debug level how it ended. `status` is `None` where no response
    /// was sent: the client had gone.
    pub(crate) fn finish(self, snapshot: &Snapshot, status: Option<StatusCode>) {
        let Self {
            route,
            kind,
            outcome,
            error,
            started,
        } = self;
        let route = snapshot.route(route);
        let refused = error.map(RequestError::label);
        let code = status.map(|status| status.as_u16());
        route
            .metrics
            .finished(kind, outcome, refused, code, started.elapsed());
        debug!(
            route = route.name,
            outcome = outcome.as_str(),
            reason = outcome.reason(),
            status = code,
            error = error.map(tracing::field::display),
        );
    }
}
