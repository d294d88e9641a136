//! The decision about a request that is not a preflight: whether its origin may read the response.

use super::header_plan::HeaderPlan;
use super::outcome::ActualOutcome;
use super::policy::Policy;
use super::preflight::check_origin;
use super::request::{CorsRequest, RequestKind};

/// The decision about a request that is not a preflight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actual {
    pub outcome: ActualOutcome,
    /// The edits of the response's headers.
    pub plan: HeaderPlan,
}

/// Decides under `policy`. If the answer is `*` for every origin, the Origin is not looked at, so
/// that a cache may serve one response to all.
pub(super) fn decide(policy: &Policy, kind: RequestKind, request: &CorsRequest<'_>) -> Actual {
    let refusal = match policy.is_constant_any() {
        true => None,
        false => check_origin(policy, request).err(),
    };
    let outcome = match refusal {
        None => ActualOutcome::Allowed,
        Some(_) => ActualOutcome::Denied,
    };
    Actual {
        outcome: ActualOutcome::of_cors(kind, outcome),
        plan: HeaderPlan::Actual {
            is_granted: refusal.is_none(),
            reason: refusal.filter(|_| kind != RequestKind::NotCors),
        },
    }
}
