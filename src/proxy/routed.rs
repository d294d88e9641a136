//! What is decided about one request, by whichever lane it came: its route, the decision, and what
//! is counted.
//!
//! *Invariant:* every lane asks here, so that none can decide, answer or count differently.

use super::answer::Answer;
use super::snapshot::{Route, RouteId, Snapshot};
use crate::cors::{CorsRequest, Decision, HeaderPlan, PreflightDecision, Reason, decide};
use crate::routing::RouteRequest;
use http::StatusCode;
use tracing::debug;

/// The decision about one request, and the route under whose rule it was made.
pub(crate) struct Routed<'a> {
    pub route_id: RouteId,
    route: &'a Route,
    request: &'a CorsRequest<'a>,
    decision: Decision<'a>,
}

// === impl Routed ===

impl<'a> Routed<'a> {
    /// Finds the route and decides. Counts nothing: a lane may still leave the request to another.
    pub(crate) fn on(snapshot: &'a Snapshot, request: &RouteRequest<'a>) -> Self {
        let route_id = snapshot.find(request);
        let route = snapshot.route(route_id);
        Self {
            route_id,
            route,
            request: request.cors,
            decision: decide(&route.rule, request.cors),
        }
    }

    /// What becomes of the response's CORS headers, whoever makes it.
    pub(crate) fn plan(&self) -> HeaderPlan {
        self.decision.plan()
    }

    /// What became of the request, and why, as metrics have it.
    pub(crate) fn outcome(&self) -> &'static str {
        self.decision.outcome()
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.decision.reason()
    }

    /// The answer to a request that is refused before CORS has a say.
    pub(crate) fn refusal(&self, status: StatusCode) -> Answer<'a> {
        Answer::refusal(status, self.route, self.plan(), self.request.origin.one())
    }

    /// Counts the decision. Once for each request, by the lane that acts on it.
    pub(crate) fn count(&self) {
        debug!(
            route = self.route.name,
            outcome = self.outcome(),
            reason = self.reason()
        );
        match &self.decision {
            Decision::Preflight(preflight) => self.route.metrics.preflight(preflight.reason()),
            Decision::Actual(actual) => self.route.metrics.cors_request(actual.outcome),
        }
    }

    /// The gateway's own answer; `None` where the upstream has to be asked.
    pub(crate) fn answer(&self) -> Option<Answer<'a>> {
        let status = match &self.decision {
            Decision::Preflight(PreflightDecision::Handled(grant)) => {
                return Some(Answer::handled(*grant, &self.route.preflight));
            }
            Decision::Preflight(PreflightDecision::Rejected(Reason::NoRoute, _)) => {
                StatusCode::NOT_FOUND
            }
            Decision::Preflight(PreflightDecision::Rejected(..)) => StatusCode::FORBIDDEN,
            Decision::Preflight(PreflightDecision::PassedThrough(..)) => return None,
            Decision::Actual(_) if self.route.cluster.is_some() => return None,
            Decision::Actual(_) => StatusCode::NOT_FOUND,
        };
        Some(self.refusal(status))
    }
}
