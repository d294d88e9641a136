//! The policies of a route, in their order: the first whose origins match decides, and where none does,
//! the last says no.
//!
//! With them one resource is readable by any page without credentials, and by the operator's own pages
//! with them: `cors: [web-app, anyone]`.

use super::origins::matcher::{MatcherError, OriginMatcher, PatternId};
use super::origins::origin::OriginError;
use super::policy::{OtherOptionsRequests, Policy};
use super::preflight::check_origin;
use super::request::CorsRequest;
use super::response_fields::{FieldValue, VarySet};
use http::HeaderValue;
use std::sync::Arc;

/// The policies of a route; there is at least one.
#[derive(Debug)]
pub struct PolicyList {
    /// All but the last.
    first: Box<[Arc<Policy>]>,
    last: Arc<Policy>,
    /// The patterns of all policies together, if there are several: one look-up finds pattern and policy.
    merged: Option<OriginMatcher>,
    /// The first policy that answers `*` without looking at the origin.
    constant: Option<PolicyIndex>,
    preflight_vary: VarySet,
    /// The same, as a field's value.
    preflight_vary_value: FieldValue,
}

/// The place of a policy in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyIndex(u8);

/// A reason why policies can't be one list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyListError {
    #[error("a route has at most {} policies", PolicyList::MAX)]
    TooMany,
    #[error(transparent)]
    Matcher(#[from] MatcherError),
}

// === impl PolicyIndex ===

impl PolicyIndex {
    pub(super) const FIRST: Self = Self(0);
}

// === impl PolicyList ===

impl PolicyList {
    /// Maximum number of policies in a list; more are refused.
    pub const MAX: usize = 16;

    /// Makes a list of policies; `last` says no where none matches.
    ///
    /// # Errors
    ///
    /// Fails if there are more than [`PolicyList::MAX`], or if their patterns are too many together.
    pub fn new(first: Vec<Arc<Policy>>, last: Arc<Policy>) -> Result<Self, PolicyListError> {
        if first.len() >= Self::MAX {
            return Err(PolicyListError::TooMany);
        }
        let merged = match first.is_empty() {
            true => None,
            false => {
                let all = first.iter().chain([&last]);
                Some(OriginMatcher::merged(all.map(|policy| policy.origins()))?)
            }
        };
        Ok(Self::of(first, last, merged))
    }

    fn of(first: Vec<Arc<Policy>>, last: Arc<Policy>, merged: Option<OriginMatcher>) -> Self {
        let all = || first.iter().chain([&last]);
        let constant = all().zip(0..).find_map(|(policy, at)| {
            let is_constant = policy.is_constant_any();
            is_constant.then_some(PolicyIndex(at))
        });
        let looks_at_network = all().any(|policy| policy.has_private_network());
        let vary = VarySet::of_preflight(looks_at_network);
        Self {
            merged,
            constant,
            preflight_vary: vary,
            preflight_vary_value: FieldValue::Fixed(HeaderValue::from_static(vary.as_str())),
            first: first.into(),
            last,
        }
    }

    /// Returns the policies in their order.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let all = self.first.iter().chain([&self.last]);
        all.map(|policy| &**policy)
    }

    /// Whether there is more than one policy.
    pub fn has_several(&self) -> bool {
        !self.first.is_empty()
    }

    /// Returns the patterns of all policies.
    pub fn origins(&self) -> &OriginMatcher {
        self.merged.as_ref().unwrap_or_else(|| self.last.origins())
    }

    /// Returns the policy at a place of this list.
    pub fn policy(&self, PolicyIndex(at): PolicyIndex) -> &Policy {
        self.first.get(usize::from(at)).unwrap_or(&self.last)
    }

    /// Returns the place of the last policy, which says no where no origin matches.
    pub(super) fn last_index(&self) -> PolicyIndex {
        PolicyIndex(self.first.len() as u8)
    }

    /// Whether the request is rejected because it is OPTIONS and not a preflight. The last policy says so, as
    /// it says no where no origin matches.
    pub(super) fn rejects_as_other_options(&self, request: &CorsRequest<'_>) -> bool {
        self.rejects_other_options() && request.is_other_options()
    }

    /// Whether OPTIONS requests that are not preflights are rejected.
    pub(super) fn rejects_other_options(&self) -> bool {
        self.last.other_options_requests() == OtherOptionsRequests::Reject
    }

    /// Returns the policy that decides about the request.
    pub fn deciding(&self, request: &CorsRequest<'_>) -> &Policy {
        self.policy(check_origin(self, request).unwrap_or(self.last_index()))
    }

    /// Finds the policy that decides about an origin, and the pattern that matches. A policy that answers
    /// `*` whatever the origin is also does so for one that is malformed, which no pattern matches.
    ///
    /// # Errors
    ///
    /// Fails if `origin` is not a serialized origin, and no policy answers `*` to all.
    pub fn find(
        &self,
        origin: &[u8],
    ) -> Result<Option<(PolicyIndex, Option<PatternId>)>, OriginError> {
        let origins = self.origins();
        let found = origins.find(origin).map(|found| {
            let id = found?;
            Some((PolicyIndex(origins.list_of(id) as u8), Some(id)))
        });
        match (found, self.constant) {
            (Ok(Some((policy, id))), constant) if constant.is_none_or(|first| policy <= first) => {
                Ok(Some((policy, id)))
            }
            (_, Some(constant)) => Ok(Some((constant, None))),
            (found, None) => found,
        }
    }

    /// Whether some policy allows every origin, and values that are not origins, too.
    pub fn allows_any(&self) -> bool {
        self.constant.is_some()
    }

    /// Whether Access-Control-Allow-Origin is `*` on every response.
    pub(super) fn is_constant_any(&self) -> bool {
        self.constant == Some(PolicyIndex::FIRST)
    }

    /// Returns the Vary of a response to an actual request. If every response says `*`, there is none.
    pub(super) fn vary(&self) -> VarySet {
        match self.is_constant_any() {
            true => VarySet::Nothing,
            false => VarySet::Origin,
        }
    }

    /// Returns the Vary of every answer to a preflight.
    pub(super) fn preflight_vary(&self) -> VarySet {
        self.preflight_vary
    }

    pub(super) fn preflight_vary_value(&self) -> &FieldValue {
        &self.preflight_vary_value
    }
}

impl From<Arc<Policy>> for PolicyList {
    fn from(policy: Arc<Policy>) -> Self {
        Self::of(Vec::new(), policy, None)
    }
}
