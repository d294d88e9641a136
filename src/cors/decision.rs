//! The one decision: a route's rule and a request in, the answer of CORS out.
//!
//! *Invariant:* every lane that answers a request calls [`decide`], and nothing else decides.

use super::actual::{self, Actual};
use super::header_plan::HeaderPlan;
use super::outcome::{ActualOutcome, Outcome, PreflightOutcome, Reason};
use super::policy::{OnRejectedPreflight, WrittenAnswer};
use super::policy_list::{PolicyIndex, PolicyList};
use super::preflight::{self, PreflightAnswer};
use super::request::{CorsRequest, RequestKind};
use super::rule::Rule;

/// The decision about one request.
#[derive(Debug)]
pub enum Decision<'a> {
    /// A preflight, or OPTIONS that is rejected because it is not one.
    Preflight(PreflightDecision<'a>),
    /// Any other request. It is forwarded even if it is denied, unless the policy blocks it: the browser
    /// withholds the response.
    Actual(Actual),
}

/// The decision about a preflight, or about OPTIONS that is rejected because it is not one.
#[derive(Debug)]
pub enum PreflightDecision<'a> {
    /// Answered here, with permission; the plan is for an error that is sent in place of it.
    Handled(PreflightAnswer<'a>, HeaderPlan),
    /// Answered here, without permission.
    Rejected(Reason, Rejection<'a>, HeaderPlan),
    /// Forwarded to the upstream, which answers.
    PassedThrough(Reason, HeaderPlan),
}

/// The answer to a preflight that is rejected.
#[derive(Debug)]
pub enum Rejection<'a> {
    /// The answer to an allowed one: it lists what is allowed, and the browser says what is missing.
    Answer(PreflightAnswer<'a>),
    /// An error without a body, with the fields of the plan.
    Deny,
    /// The operator's status and body, with the fields of the plan.
    Respond(&'a WrittenAnswer),
}

/// Decides about a request. Total: it can't fail, block, allocate or log.
pub fn decide<'a>(rule: &'a Rule, request: &'a CorsRequest<'a>) -> Decision<'a> {
    match (rule, request.kind()) {
        (Rule::Policies(policies), RequestKind::Preflight) => {
            Decision::Preflight(decide_preflight(policies, request))
        }
        (Rule::Passthrough, RequestKind::Preflight) => Decision::Preflight(
            PreflightDecision::PassedThrough(Reason::RoutePassthrough, HeaderPlan::Untouched),
        ),
        (Rule::NoRoute(policies), RequestKind::Preflight) => {
            let plan = unrouted(policies.as_deref(), request);
            let rejected = PreflightDecision::Rejected(Reason::NoRoute, Rejection::Deny, plan);
            Decision::Preflight(rejected)
        }
        (Rule::Policies(policies), _) if policies.rejects_as_other_options(request) => {
            Decision::Preflight(reject_other_options(policies))
        }
        (Rule::Policies(policies), kind) => {
            Decision::Actual(actual::decide(policies, kind, request))
        }
        // There is no upstream to keep it from: the answer is 404.
        (Rule::NoRoute(Some(policies)), kind) => Decision::Actual(Actual {
            blocks_others: false,
            ..actual::decide(policies, kind, request)
        }),
        (Rule::Passthrough, _) => Decision::Actual(Actual {
            outcome: ActualOutcome::of_cors(request, ActualOutcome::PassedThrough),
            plan: HeaderPlan::Untouched,
            blocks_others: false,
        }),
        (Rule::NoRoute(None), _) => Decision::Actual(Actual {
            outcome: ActualOutcome::of_cors(request, ActualOutcome::Denied),
            plan: HeaderPlan::Untouched,
            blocks_others: false,
        }),
        (Rule::Off, _) => Decision::Actual(Actual {
            outcome: ActualOutcome::NotCors,
            plan: HeaderPlan::Untouched,
            blocks_others: false,
        }),
    }
}

fn decide_preflight<'a>(
    policies: &'a PolicyList,
    request: &'a CorsRequest<'a>,
) -> PreflightDecision<'a> {
    let plan_of = |policy, reason, is_granted| HeaderPlan::Preflight {
        policy,
        is_granted,
        reason,
    };
    let refusal = match preflight::check(policies, request) {
        Ok((policy, answer)) => {
            return PreflightDecision::Handled(answer, plan_of(policy, None, true));
        }
        Err(refusal) => refusal,
    };
    let (reason, policy) = (refusal.reason, refusal.policy);
    let denied = plan_of(policy, Some(reason), false);
    match (
        policies.policy(policy).on_rejected_preflight(),
        refusal.answer,
    ) {
        (OnRejectedPreflight::Answer, Some(answer)) => PreflightDecision::Rejected(
            reason,
            Rejection::Answer(answer),
            plan_of(policy, Some(reason), true),
        ),
        (OnRejectedPreflight::Answer, None) | (OnRejectedPreflight::Deny, _) => {
            PreflightDecision::Rejected(reason, Rejection::Deny, denied)
        }
        (OnRejectedPreflight::Respond(written), _) => {
            PreflightDecision::Rejected(reason, Rejection::Respond(written), denied)
        }
        (OnRejectedPreflight::Forward, _) => PreflightDecision::PassedThrough(reason, denied),
    }
}

/// Rejects OPTIONS that is not a preflight by the last policy, which says no. Whether its origin is allowed is
/// not looked at: there is nothing to permit.
fn reject_other_options(policies: &PolicyList) -> PreflightDecision<'_> {
    let policy = policies.last_index();
    let plan = HeaderPlan::Preflight {
        policy,
        is_granted: false,
        reason: Some(Reason::NotAPreflight),
    };
    let rejection = match policies.policy(policy).on_rejected_preflight() {
        OnRejectedPreflight::Respond(written) => Rejection::Respond(written),
        // No policy forwards what it rejects like this.
        OnRejectedPreflight::Answer | OnRejectedPreflight::Deny | OnRejectedPreflight::Forward => {
            Rejection::Deny
        }
    };
    PreflightDecision::Rejected(Reason::NotAPreflight, rejection, plan)
}

/// Plans the answer to a preflight that no route matches. It can't succeed on a 404, but if the
/// policy allows its origin, the browser's console shows the 404 as the cause.
fn unrouted(policies: Option<&PolicyList>, request: &CorsRequest<'_>) -> HeaderPlan {
    let actual = policies.map(|policies| actual::decide(policies, RequestKind::Actual, request));
    let plan = actual.map(|actual| actual.plan);
    HeaderPlan::Preflight {
        policy: plan.map_or(PolicyIndex::FIRST, HeaderPlan::policy),
        is_granted: plan.is_some_and(HeaderPlan::is_granted),
        reason: Some(Reason::NoRoute),
    }
}

// === impl Decision ===

impl Decision<'_> {
    /// Whether the request is to be blocked ([`Decision::block`]), unless its origin is its own. That is the
    /// caller's to find out: the scheme of the request's URL may be known to a proxy in front alone.
    pub fn blocks_others(&self) -> bool {
        matches!(self, Self::Actual(actual) if actual.blocks_others)
    }

    /// Makes of the decision that the request is answered with 403, by the same plan as any other request of
    /// an origin that is not allowed.
    pub fn block(&mut self) {
        if let Self::Actual(actual) = self {
            actual.outcome = ActualOutcome::Blocked;
        }
    }

    /// Returns the outcome, as metrics and logs name it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Preflight(preflight) => {
                Outcome::Preflight(preflight.outcome(), preflight.reason())
            }
            Self::Actual(actual) => Outcome::Actual(actual.outcome),
        }
    }

    /// Returns the plan for the response's CORS headers. For a preflight that has an answer of its own it
    /// is the plan for an error that is sent in its place.
    pub fn plan(&self) -> HeaderPlan {
        match self {
            Self::Preflight(
                PreflightDecision::Handled(_, plan)
                | PreflightDecision::Rejected(_, _, plan)
                | PreflightDecision::PassedThrough(_, plan),
            ) => *plan,
            Self::Actual(actual) => actual.plan,
        }
    }
}

// === impl PreflightDecision ===

impl<'a> PreflightDecision<'a> {
    /// Returns the answer that lists what the policy allows, be it permission or not.
    pub fn answer(&self) -> Option<&PreflightAnswer<'a>> {
        match self {
            Self::Handled(answer, _) | Self::Rejected(_, Rejection::Answer(answer), _) => {
                Some(answer)
            }
            Self::Rejected(..) | Self::PassedThrough(..) => None,
        }
    }

    pub fn reason(&self) -> Reason {
        match self {
            Self::Handled(..) => Reason::Allowed,
            Self::Rejected(reason, ..) | Self::PassedThrough(reason, _) => *reason,
        }
    }

    pub fn outcome(&self) -> PreflightOutcome {
        match self {
            Self::Handled(..) => PreflightOutcome::Handled,
            Self::Rejected(..) => PreflightOutcome::Rejected,
            Self::PassedThrough(..) => PreflightOutcome::PassedThrough,
        }
    }
}
