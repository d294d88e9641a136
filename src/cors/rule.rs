//! The rule of a route for CORS: a policy, or one of three ways to do without.

use super::outcome::{PreflightOutcome, Reason};
use super::policy::{OnRejectedPreflight, Policy};
use std::sync::Arc;

/// A route's rule for CORS.
#[derive(Debug, Clone)]
pub enum Rule {
    /// The gateway answers for CORS.
    Policy(Arc<Policy>),
    /// The backend does its own CORS; the gateway counts and touches nothing.
    Passthrough,
    /// CORS is switched off; the gateway touches nothing and counts nothing.
    Off,
    /// No route matched. The policy, if any, is for the gateway's own 404.
    NoRoute(Option<Arc<Policy>>),
}

// === impl Rule ===

impl Rule {
    pub fn policy(policy: Policy) -> Self {
        Self::Policy(Arc::new(policy))
    }

    /// Whether both are one and the same rule. Two policies are not, even if they say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Policy(one), Self::Policy(other)) => Arc::ptr_eq(one, other),
            (Self::Passthrough, Self::Passthrough)
            | (Self::Off, Self::Off)
            | (Self::NoRoute(_), Self::NoRoute(_)) => true,
            (Self::Policy(_) | Self::Passthrough | Self::Off | Self::NoRoute(_), _) => false,
        }
    }

    /// Returns the policy that responses under this rule take their header values from.
    pub fn responding_policy(&self) -> Option<&Policy> {
        match self {
            Self::Policy(policy) | Self::NoRoute(Some(policy)) => Some(policy),
            Self::Passthrough | Self::Off | Self::NoRoute(None) => None,
        }
    }

    /// Returns the outcome of a preflight that ends for `reason` under this rule; `None` if none
    /// can.
    pub fn preflight_outcome(&self, reason: Reason) -> Option<PreflightOutcome> {
        match (self, reason) {
            (Self::Policy(_), Reason::NoRoute | Reason::RoutePassthrough) => None,
            (Self::Policy(_), Reason::Allowed) => Some(PreflightOutcome::Handled),
            (Self::Policy(policy), _) => Some(match policy.on_rejected_preflight() {
                OnRejectedPreflight::Respond => PreflightOutcome::Rejected,
                OnRejectedPreflight::Forward => PreflightOutcome::PassedThrough,
            }),
            (Self::Passthrough, Reason::RoutePassthrough) => Some(PreflightOutcome::PassedThrough),
            (Self::NoRoute(_), Reason::NoRoute) => Some(PreflightOutcome::Rejected),
            (Self::Passthrough | Self::NoRoute(_) | Self::Off, _) => None,
        }
    }
}
