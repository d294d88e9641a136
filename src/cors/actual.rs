//! The decision about a request that is not a preflight: whether its origin may read the response.

use super::header_plan::HeaderPlan;
use super::outcome::ActualOutcome;
use super::policy_list::{PolicyIndex, PolicyList};
use super::preflight::check_origin;
use super::request::{CorsRequest, RequestKind};

/// The decision about a request that is not a preflight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actual {
    pub outcome: ActualOutcome,
    /// The edits of the response's headers.
    pub plan: HeaderPlan,
    /// Whether the policy has the request refused, if its origin is not its own.
    pub blocks_others: bool,
}

/// Decides under `policies`. If the answer is `*` for every origin, the Origin is not looked at, so
/// that a cache may serve one response to all.
pub(super) fn decide(
    policies: &PolicyList,
    kind: RequestKind,
    request: &CorsRequest<'_>,
) -> Actual {
    let found = match policies.is_constant_any() {
        true => Ok(PolicyIndex::FIRST),
        false => check_origin(policies, request),
    };
    let outcome = match found {
        Ok(_) => ActualOutcome::Allowed,
        Err(_) => ActualOutcome::Denied,
    };
    Actual {
        outcome: ActualOutcome::of_cors(request, outcome),
        plan: HeaderPlan::Actual {
            policy: found.unwrap_or(policies.last_index()),
            is_granted: found.is_ok(),
            reason: found.err().filter(|_| kind != RequestKind::NotCors),
        },
        blocks_others: found.is_err()
            && kind == RequestKind::Actual
            && policies.policy(policies.last_index()).blocks(request),
    }
}
