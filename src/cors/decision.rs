//! The one decision: a route's rule and a request in, the answer of CORS out.
//!
//! *Invariant:* every lane that answers a request calls [`decide`], and nothing else decides.

use super::actual::{self, Actual};
use super::header_plan::HeaderPlan;
use super::outcome::{ActualOutcome, Outcome, PreflightOutcome, Reason};
use super::policy::{OnRejectedPreflight, Policy};
use super::preflight::{self, PreflightGrant};
use super::request::{CorsRequest, RequestKind};
use super::rule::Rule;

/// The decision about one request.
#[derive(Debug)]
pub enum Decision<'a> {
    Preflight(PreflightDecision<'a>),
    /// Any other request. It is forwarded even if it is denied: the browser withholds the response.
    Actual(Actual),
}

/// The decision about a preflight.
#[derive(Debug)]
pub enum PreflightDecision<'a> {
    /// Answered here, with permission.
    Handled(PreflightGrant<'a>),
    /// Answered here, without permission.
    Rejected(Reason, HeaderPlan),
    /// Forwarded to the upstream, which answers.
    PassedThrough(Reason, HeaderPlan),
}

/// Decides about a request. Total: it can't fail, block, allocate or log.
pub fn decide<'a>(rule: &'a Rule, request: &'a CorsRequest<'a>) -> Decision<'a> {
    match (rule, request.kind()) {
        (Rule::Policy(policy), RequestKind::Preflight) => {
            Decision::Preflight(decide_preflight(policy, request))
        }
        (Rule::Passthrough, RequestKind::Preflight) => Decision::Preflight(
            PreflightDecision::PassedThrough(Reason::RoutePassthrough, HeaderPlan::Untouched),
        ),
        (Rule::NoRoute(policy), RequestKind::Preflight) => Decision::Preflight(
            PreflightDecision::Rejected(Reason::NoRoute, unrouted(policy.as_deref(), request)),
        ),
        (Rule::Policy(policy) | Rule::NoRoute(Some(policy)), kind) => {
            Decision::Actual(actual::decide(policy, kind, request))
        }
        (Rule::Passthrough, kind) => Decision::Actual(Actual {
            outcome: ActualOutcome::of_cors(kind, ActualOutcome::PassedThrough),
            plan: HeaderPlan::Untouched,
        }),
        (Rule::NoRoute(None), kind) => Decision::Actual(Actual {
            outcome: ActualOutcome::of_cors(kind, ActualOutcome::Denied),
            plan: HeaderPlan::Untouched,
        }),
        (Rule::Off, _) => Decision::Actual(Actual {
            outcome: ActualOutcome::NotCors,
            plan: HeaderPlan::Untouched,
        }),
    }
}

fn decide_preflight<'a>(policy: &'a Policy, request: &'a CorsRequest<'a>) -> PreflightDecision<'a> {
    let reason = match preflight::check(policy, request) {
        Ok(grant) => return PreflightDecision::Handled(grant),
        Err(reason) => reason,
    };
    let plan = HeaderPlan::Preflight {
        is_granted: false,
        reason: Some(reason),
    };
    match policy.on_rejected_preflight() {
        OnRejectedPreflight::Respond => PreflightDecision::Rejected(reason, plan),
        OnRejectedPreflight::Forward => PreflightDecision::PassedThrough(reason, plan),
    }
}

/// Plans the answer to a preflight that no route matches. It can't succeed on a 404, but if the
/// policy allows its origin, the browser's console shows the 404 as the cause.
fn unrouted(policy: Option<&Policy>, request: &CorsRequest<'_>) -> HeaderPlan {
    let actual = policy.map(|policy| actual::decide(policy, RequestKind::Actual, request));
    HeaderPlan::Preflight {
        is_granted: actual.is_some_and(|actual| actual.plan.is_granted()),
        reason: Some(Reason::NoRoute),
    }
}

// === impl Decision ===

impl Decision<'_> {
    /// Returns the outcome, as metrics and logs name it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Preflight(preflight) => {
                Outcome::Preflight(preflight.outcome(), preflight.reason())
            }
            Self::Actual(actual) => Outcome::Actual(actual.outcome),
        }
    }

    /// Returns the plan for the response's CORS headers. For an allowed preflight it is the plan
    /// for an error that is sent in place of permission.
    pub fn plan(&self) -> HeaderPlan {
        match self {
            Self::Preflight(PreflightDecision::Handled(_)) => HeaderPlan::Preflight {
                is_granted: true,
                reason: None,
            },
            Self::Preflight(
                PreflightDecision::Rejected(_, plan) | PreflightDecision::PassedThrough(_, plan),
            ) => *plan,
            Self::Actual(actual) => actual.plan,
        }
    }
}

// === impl PreflightDecision ===

impl PreflightDecision<'_> {
    pub fn reason(&self) -> Reason {
        match self {
            Self::Handled(_) => Reason::Allowed,
            Self::Rejected(reason, _) | Self::PassedThrough(reason, _) => *reason,
        }
    }

    pub fn outcome(&self) -> PreflightOutcome {
        match self {
            Self::Handled(_) => PreflightOutcome::Handled,
            Self::Rejected(..) => PreflightOutcome::Rejected,
            Self::PassedThrough(..) => PreflightOutcome::PassedThrough,
        }
    }
}
