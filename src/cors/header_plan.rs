//! The CORS headers of every response but the answer to an allowed preflight: a plan, which waits
//! until there is a response, and the edits that follow from it.
//!
//! A cache may hold one response for many origins. The response therefore says `Vary: Origin` even
//! if the request had no Origin, and a policy whose answer is `*` for every origin sends `*` with
//! every response and leaves Vary alone:
//! <https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches>.

use super::fetch_lists::ACCESS_CONTROL;
use super::message_fields::MessageFields;
use super::origins::origin::Origin;
use super::outcome::Reason;
use super::policy::{Policy, UpstreamCorsHeaders};
use super::policy_list::PolicyIndex;
use super::response_fields::{FieldName, FieldValue, VarySet};
use super::rule::Rule;
use http::{HeaderName, HeaderValue, header};

/// The part of a decision that the response's headers depend on. Small and free of borrows, so that
/// it can wait in a request's context until the response is there.
///
/// A plan contains no fields. It is read under the rule that made the decision, which adds its own
/// fields ([`Rule::edit`], [`Rule::fields`]): no plan makes a rule send a field of another policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPlan {
    /// The response stays as it is.
    Untouched,
    /// The answer to a preflight, if it is not permission: a refusal, or an error.
    Preflight {
        /// The policy that decided, of those of the rule.
        policy: PolicyIndex,
        /// Whether the origin may read responses.
        is_granted: bool,
        /// The reason of a refusal.
        reason: Option<Reason>,
    },
    /// The response to any other request.
    Actual {
        /// The policy that decided, of those of the rule.
        policy: PolicyIndex,
        /// Whether the origin may read the response.
        is_granted: bool,
        /// The reason of a refusal; `None` for a request without an Origin, which is never refused.
        reason: Option<Reason>,
    },
}

// === impl Rule ===

impl Rule {
    /// Edits the CORS headers of `response` by the plan that this rule's decision made for the
    /// request, whose Origin is `origin`.
    pub fn edit(&self, plan: HeaderPlan, origin: Option<&[u8]>, response: &mut impl MessageFields) {
        let upstream = self.upstream_cors_headers(plan);
        if let Some(upstream) = upstream {
            strip(upstream, plan.is_granted(), origin, response);
        }
        if let Some(policy) = self.granting_policy(plan) {
            grant(policy, origin, response);
        }
        if let Some(reason) = self.shown_reason(plan) {
            let value = HeaderValue::from_static(reason.as_str());
            response.set(FieldName::Reason.as_str(), value);
        }
        let allows_one = || {
            let name = &header::ACCESS_CONTROL_ALLOW_ORIGIN;
            response.any_line(name, |value| value != b"*")
        };
        let vary = match self.vary(plan) {
            // The upstream may have named one origin where our `*` is the same for all.
            VarySet::Nothing if upstream == Some(UpstreamCorsHeaders::Fill) && allows_one() => {
                VarySet::Origin
            }
            vary => vary,
        };
        merge_vary(vary, response);
    }

    /// Returns the CORS fields of a response that has none of its own, in the order in which they
    /// are sent: those that [`Rule::edit`] adds to an empty one.
    pub fn fields(&self, plan: HeaderPlan) -> impl Iterator<Item = (FieldName, FieldValue)> {
        let fixed = |text| FieldValue::Fixed(HeaderValue::from_static(text));
        let granted = self.granting_policy(plan).into_iter();
        let granted = granted.flat_map(Policy::actual_fields).cloned();
        let reason = self.shown_reason(plan);
        let reason = reason.map(|reason| (FieldName::Reason, fixed(reason.as_str())));
        let vary = Some(self.vary(plan)).filter(|&vary| vary != VarySet::Nothing);
        let vary = vary.map(|vary| (FieldName::Vary, fixed(vary.as_str())));
        granted.chain(reason).chain(vary)
    }

    /// Returns the treatment of the upstream's own `Access-Control-*`; `None` if they are left
    /// alone.
    pub fn upstream_cors_headers(&self, plan: HeaderPlan) -> Option<UpstreamCorsHeaders> {
        let policy = self.deciding_policy(plan)?;
        match plan {
            HeaderPlan::Untouched => None,
            // `keep` and `fill` are for responses to actual requests: an upstream must not allow a
            // preflight that the policy refuses.
            HeaderPlan::Preflight { .. } => Some(UpstreamCorsHeaders::Strip),
            HeaderPlan::Actual { .. } => Some(policy.upstream_cors_headers()),
        }
    }

    /// Returns the policy that made the decision of `plan`.
    pub fn deciding_policy(&self, plan: HeaderPlan) -> Option<&Policy> {
        Some(self.policies()?.policy(plan.policy()))
    }

    fn granting_policy(&self, plan: HeaderPlan) -> Option<&Policy> {
        self.deciding_policy(plan).filter(|_| plan.is_granted())
    }

    /// Returns the reason for the policy's debug header, if the policy has one.
    fn shown_reason(&self, plan: HeaderPlan) -> Option<Reason> {
        let policy = self.deciding_policy(plan)?;
        plan.reason().filter(|_| policy.has_debug_header())
    }

    fn vary(&self, plan: HeaderPlan) -> VarySet {
        match (self, plan) {
            (_, HeaderPlan::Untouched) | (Self::Passthrough | Self::Off, _) => VarySet::Nothing,
            (
                Self::Policies(policies) | Self::NoRoute(Some(policies)),
                HeaderPlan::Preflight { .. },
            ) => policies.preflight_vary(),
            (
                Self::Policies(policies) | Self::NoRoute(Some(policies)),
                HeaderPlan::Actual { .. },
            ) => policies.vary(),
            (Self::NoRoute(None), HeaderPlan::Preflight { .. }) => VarySet::Preflight,
            (Self::NoRoute(None), HeaderPlan::Actual { .. }) => VarySet::Nothing,
        }
    }
}

// === impl HeaderPlan ===

impl HeaderPlan {
    /// Whether the origin may read the response.
    pub fn is_granted(self) -> bool {
        match self {
            Self::Untouched => false,
            Self::Preflight { is_granted, .. } | Self::Actual { is_granted, .. } => is_granted,
        }
    }

    /// Returns the place of the policy that decided.
    pub(super) fn policy(self) -> PolicyIndex {
        match self {
            Self::Untouched => PolicyIndex::FIRST,
            Self::Preflight { policy, .. } | Self::Actual { policy, .. } => policy,
        }
    }

    /// Returns the reason of a refusal.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Untouched => None,
            Self::Preflight { reason, .. } | Self::Actual { reason, .. } => reason,
        }
    }
}

/// Adds the fields that let an allowed origin read `response`.
fn grant(policy: &Policy, origin: Option<&[u8]>, response: &mut impl MessageFields) {
    let mut allows_ours = false;
    for (name, field) in policy.actual_fields() {
        let value = match (field, origin) {
            (FieldValue::Fixed(value), _) => value.as_bytes(),
            (FieldValue::Echo(_), Some(origin)) => origin,
            (FieldValue::Echo(_), None) => return,
        };
        let set = |response: &mut _| set(*name, field, value, response);
        let theirs = response.first(&header::ACCESS_CONTROL_ALLOW_ORIGIN);
        // Credentials are allowed for our origin only, never for one that the upstream named. Only
        // `fill` leaves upstream fields in place up to here.
        match (name, theirs) {
            (FieldName::AllowOrigin, None) => {
                response.remove(&header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
                set(response);
                allows_ours = true;
            }
            (FieldName::AllowOrigin, Some(theirs)) => allows_ours = theirs == value,
            (FieldName::AllowCredentials, _) if !allows_ours => {}
            _ if response.has(&HeaderName::from(*name)) => {}
            _ => set(response),
        }
    }
}

/// Sets a field to its value, which is `value` in bytes.
fn set(name: FieldName, field: &FieldValue, value: &[u8], response: &mut impl MessageFields) {
    match field {
        FieldValue::Fixed(value) => response.set(name.as_str(), value.clone()),
        FieldValue::Echo(_) => response.set_text(name.as_str(), value),
    }
}

/// Removes the upstream's own `Access-Control-*`, as far as the policy says so. Those that no browser
/// accepts count as missing.
fn strip(
    upstream: UpstreamCorsHeaders,
    is_granted: bool,
    origin: Option<&[u8]>,
    response: &mut impl MessageFields,
) {
    let keeps = match upstream {
        UpstreamCorsHeaders::Strip => false,
        UpstreamCorsHeaders::Keep => !is_granted,
        UpstreamCorsHeaders::Fill => true,
    };
    let is_usable = || {
        let name = &header::ACCESS_CONTROL_ALLOW_ORIGIN;
        match response.only(name) {
            Some(value) => origin == Some(value) || can_allow_a_page(value),
            // A browser refuses several values, even if they are equal.
            None => !response.has(name),
        }
    };
    if keeps && is_usable() {
        return;
    }
    response.remove_where(|_, name| is_cors_field(name));
}

/// Whether some browser's page can be allowed by this Access-Control-Allow-Origin: `*`, `null`, or one
/// origin as browsers write it.
fn can_allow_a_page(value: &[u8]) -> bool {
    value == b"*"
        || match Origin::parse(value) {
            Ok(Origin::Null) => true,
            Ok(Origin::Tuple(origin)) => origin.without_default_port() == origin.as_str(),
            Err(_) => false,
        }
}

fn is_cors_field(name: &str) -> bool {
    let start = name.as_bytes().get(..ACCESS_CONTROL.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(ACCESS_CONTROL.as_bytes()))
}

/// Merges `vary` into the response's Vary, token by token: the upstream's own tokens must survive.
fn merge_vary(vary: VarySet, response: &mut impl MessageFields) {
    if vary != VarySet::Nothing {
        let whole = || HeaderValue::from_static(vary.as_str());
        merge_names(vary.names().iter().copied(), whole, response);
    }
}

/// Merges the names in `vary`, which is the value of a Vary, into the response's.
pub fn add_vary(vary: &HeaderValue, response: &mut impl MessageFields) {
    merge_names(names_of(vary), || vary.clone(), response);
}

/// Returns the value that has the names of both; `vary` comes first.
pub fn joined_vary(vary: &HeaderValue, more: &HeaderValue) -> HeaderValue {
    let joined = joined(|each| each(vary.as_bytes()), names_of(more));
    joined.unwrap_or_else(|| vary.clone())
}

fn names_of(vary: &HeaderValue) -> impl Iterator<Item = &str> + Clone {
    let names = vary.to_str().unwrap_or_default().split(',');
    names.map(str::trim_ascii).filter(|name| !name.is_empty())
}

/// Merges names into the response's Vary; `whole` is the value of all of them.
fn merge_names<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    whole: impl FnOnce() -> HeaderValue,
    response: &mut impl MessageFields,
) {
    let value = match response.has(&header::VARY) {
        true => joined(|each| response.for_each_line(&header::VARY, each), names),
        false => Some(whole()),
    };
    if let Some(value) = value {
        response.set(FieldName::Vary.as_str(), value);
    }
}

/// Returns the lines of a Vary as one, and behind them the names that are missing; `None` if none is.
/// This allocates only if there is a Vary already.
fn joined<'l, 'n>(
    lines: impl Fn(&mut dyn FnMut(&'l [u8])),
    names: impl Iterator<Item = &'n str> + Clone,
) -> Option<HeaderValue> {
    let has = |name: &str| {
        let mut has = false;
        lines(&mut |line| {
            let mut tokens = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            has = has || tokens.any(|token| token.eq_ignore_ascii_case(name.as_bytes()));
        });
        has
    };
    if has("*") || names.clone().all(has) {
        return None;
    }
    let mut value = Vec::new();
    let mut add = |part: &[u8]| {
        if !value.is_empty() {
            value.extend_from_slice(b", ");
        }
        value.extend_from_slice(part);
    };
    lines(&mut |line| {
        if !line.trim_ascii().is_empty() {
            add(line);
        }
    });
    let missing = names.filter(|name| !has(name)).map(str::as_bytes);
    missing.for_each(add);
    HeaderValue::try_from(value).ok()
}
