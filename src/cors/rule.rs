//! The rule of a route for CORS: policies, or what there is without any.

use super::header_plan::HeaderPlan;
use super::outcome::{PreflightOutcome, Reason};
use super::policy::{OnRejectedPreflight, Policy};
use super::policy_list::PolicyList;
use super::request::CorsRequest;
use std::sync::Arc;

/// A route's rule for CORS.
#[derive(Debug, Clone)]
pub enum Rule {
    /// The gateway answers for CORS.
    Policies(Arc<PolicyList>),
    /// The backend does its own CORS; the gateway counts and touches nothing.
    Passthrough,
    /// CORS is switched off; the gateway touches nothing and counts nothing.
    Off,
    /// No route matched. The policies, if any, are for the gateway's own 404.
    NoRoute(Option<Arc<PolicyList>>),
}

// === impl Rule ===

impl Rule {
    pub fn policy(policy: Policy) -> Self {
        Self::Policies(Arc::new(PolicyList::from(Arc::new(policy))))
    }

    /// Whether both are one and the same rule. Two lists of policies are not, even if they say
    /// the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Policies(one), Self::Policies(other)) => Arc::ptr_eq(one, other),
            (Self::Passthrough, Self::Passthrough)
            | (Self::Off, Self::Off)
            | (Self::NoRoute(_), Self::NoRoute(_)) => true,
            (Self::Policies(_) | Self::Passthrough | Self::Off | Self::NoRoute(_), _) => false,
        }
    }

    /// Whether a browser gets permission for the same requests by both rules.
    pub fn permits_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Policies(one), Self::Policies(other)) => {
                let are_as_many = one.policies().count() == other.policies().count();
                let mut both = one.policies().zip(other.policies());
                are_as_many
                    && both
                        .all(|(one, other)| std::ptr::eq(one, other) || one.permits_the_same(other))
            }
            _ => self.is_same(other),
        }
    }

    /// Returns the policies that responses under this rule take their header values from.
    pub fn policies(&self) -> Option<&PolicyList> {
        match self {
            Self::Policies(policies) | Self::NoRoute(Some(policies)) => Some(policies),
            Self::Passthrough | Self::Off | Self::NoRoute(None) => None,
        }
    }

    /// Returns the names in Access-Control-Request-Headers that the policy of a plan does not allow.
    pub fn refused_names<'a>(
        &'a self,
        plan: HeaderPlan,
        request: &'a CorsRequest<'_>,
    ) -> impl Iterator<Item = &'a [u8]> + Clone {
        let policy = self.deciding_policy(plan);
        let names = request.requested_names();
        names.filter(move |name| policy.is_some_and(|policy| !policy.allows_header(name)))
    }

    /// Whether a preflight can end with this outcome for this reason under this rule.
    pub fn has_preflight_outcome(&self, outcome: PreflightOutcome, reason: Reason) -> bool {
        use PreflightOutcome::{Handled, PassedThrough, Rejected};
        match (self, reason) {
            (Self::Policies(_), Reason::NoRoute | Reason::RoutePassthrough) => false,
            (Self::Policies(_), Reason::Allowed) => outcome == Handled,
            (Self::Policies(policies), Reason::NotAPreflight) => {
                outcome == Rejected && policies.rejects_other_options()
            }
            (Self::Policies(policies), _) => policies.policies().any(|policy| {
                outcome
                    == match policy.on_rejected_preflight() {
                        OnRejectedPreflight::Forward => PassedThrough,
                        OnRejectedPreflight::Answer
                        | OnRejectedPreflight::Deny
                        | OnRejectedPreflight::Respond(_) => Rejected,
                    }
            }),
            (Self::Passthrough, Reason::RoutePassthrough) => outcome == PassedThrough,
            (Self::NoRoute(_), Reason::NoRoute) => outcome == Rejected,
            (Self::Passthrough | Self::NoRoute(_) | Self::Off, _) => false,
        }
    }
}
