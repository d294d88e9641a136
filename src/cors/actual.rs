//! Every response but a handled preflight: what becomes of its headers.
//!
//! <https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches> is why Vary is on responses to
//! requests without an Origin too, and why a constant `*` is sent to everybody, without Vary.

use super::fetch_lists::ACCESS_CONTROL;
use super::outcome::{ActualOutcome, Reason};
use super::policy::{Policy, UpstreamCorsHeaders};
use super::preflight::check_origin;
use super::request::{CorsRequest, RequestKind};
use super::response_fields::{FieldName, FieldValue, VarySet};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What CORS says about a request that is no preflight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actual {
    pub outcome: ActualOutcome,
    /// What becomes of the response's headers.
    pub plan: HeaderPlan,
}

/// What becomes of a response's CORS headers. Small and free of borrows, so that it can wait in a
/// request's context until the response is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderPlan {
    /// The response is the backend's own business.
    Untouched,
    /// Nothing but Vary is merged in.
    Vary(VarySet),
    /// The upstream's fields go as `upstream` says, ours are added as `grant` says.
    Policy {
        upstream: UpstreamCorsHeaders,
        grant: Grant,
        vary: VarySet,
        /// What the policy's debug header says; `None` where there is nothing to say, or no such header.
        reason: Option<Reason>,
    },
}

/// Which of a policy's fields a response gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// None: the origin is not allowed, or there is none.
    Nothing,
    /// `Access-Control-Allow-Origin: *`.
    Any,
    /// The request's own origin, which was matched and is safe to echo.
    RequestOrigin,
}

/// A response whose fields can be edited: pingora's header, or a plain map.
pub trait ResponseFields {
    fn map(&self) -> &HeaderMap;
    /// Replaces all lines of `name`.
    fn set(&mut self, name: &'static str, value: HeaderValue);
    fn remove(&mut self, name: &HeaderName);
}

pub(super) fn decide(policy: &Policy, kind: RequestKind, request: &CorsRequest<'_>) -> Actual {
    // A constant is the same for everybody, so that a cache may serve one response to all.
    let is_constant = policy.is_constant_any();
    let denial = match is_constant {
        true => None,
        false => check_origin(policy, request).err(),
    };
    let grant = match denial {
        None => Grant::of_allowed(policy),
        Some(_) => Grant::Nothing,
    };
    let vary = match is_constant {
        true => VarySet::Nothing,
        false => VarySet::Origin,
    };
    let outcome = match grant {
        Grant::Nothing => ActualOutcome::Denied,
        Grant::Any | Grant::RequestOrigin => ActualOutcome::Allowed,
    };
    Actual {
        outcome: ActualOutcome::of_cors(kind, outcome),
        plan: HeaderPlan::Policy {
            upstream: policy.upstream_cors_headers(),
            grant,
            vary,
            // Without an Origin nothing was denied.
            reason: denial.filter(|_| policy.has_debug_header() && kind != RequestKind::NotCors),
        },
    }
}

// === impl HeaderPlan ===

impl HeaderPlan {
    /// An answer other than permission to a preflight that `policy` would have allowed: an error.
    pub(super) fn allowed_preflight(policy: &Policy) -> Self {
        Self::Policy {
            upstream: UpstreamCorsHeaders::Strip,
            grant: Grant::of_allowed(policy),
            vary: policy.preflight_vary(),
            reason: None,
        }
    }

    /// The answer to a preflight that `policy` refuses for `reason`, whoever gives it.
    pub(super) fn denied_preflight(policy: &Policy, reason: Reason) -> Self {
        Self::Policy {
            // `keep` is for responses to actual requests: an upstream's yes to a preflight that
            // the policy refuses must not get out.
            upstream: UpstreamCorsHeaders::Strip,
            grant: Grant::Nothing,
            vary: policy.preflight_vary(),
            reason: policy.has_debug_header().then_some(reason),
        }
    }

    /// The answer to a preflight that no route matches, with what `policy` says to its origin: it
    /// can't succeed on a 404, but with these headers the browser's console shows that it was one.
    pub(super) fn unrouted_preflight(policy: &Policy, request: &CorsRequest<'_>) -> Self {
        match decide(policy, RequestKind::Actual, request).plan {
            Self::Policy {
                upstream, grant, ..
            } => Self::Policy {
                upstream,
                grant,
                vary: policy.preflight_vary(),
                reason: policy.has_debug_header().then_some(Reason::NoRoute),
            },
            other @ (Self::Vary(_) | Self::Untouched) => other,
        }
    }

    /// Calls `each` with every CORS field of a response that has none of its own: what
    /// [`HeaderPlan::apply`] makes of an empty one, in the same order. `policy` is the one that made
    /// the plan, `origin` the request's.
    pub fn for_each_field<'a>(
        self,
        policy: Option<&'a Policy>,
        origin: Option<&'a [u8]>,
        mut each: impl FnMut(FieldName, FieldValue<'a>),
    ) {
        let vary = match (self, policy) {
            (Self::Untouched, _) => return,
            (Self::Vary(vary), _) | (Self::Policy { vary, .. }, None) => vary,
            (
                Self::Policy {
                    grant,
                    vary,
                    reason,
                    ..
                },
                Some(policy),
            ) => {
                let allow_origin = match grant {
                    Grant::Nothing => None,
                    Grant::Any => Some(FieldValue::Static("*")),
                    Grant::RequestOrigin => origin.map(FieldValue::Echo),
                };
                if let Some(value) = allow_origin {
                    each(FieldName::AllowOrigin, value);
                    if policy.allows_credentials() {
                        each(FieldName::AllowCredentials, FieldValue::Static("true"));
                    }
                    if let Some(list) = policy.expose_headers() {
                        each(FieldName::ExposeHeaders, FieldValue::Rendered(list));
                    }
                }
                if let Some(reason) = reason {
                    each(FieldName::Reason, FieldValue::Static(reason.as_str()));
                }
                vary
            }
        };
        if vary != VarySet::Nothing {
            each(FieldName::Vary, FieldValue::Static(vary.as_str()));
        }
    }

    /// Edits `response`. `policy` is the one that made the plan, `origin` the request's.
    pub fn apply(
        self,
        policy: Option<&Policy>,
        origin: Option<&HeaderValue>,
        response: &mut impl ResponseFields,
    ) {
        match (self, policy) {
            (Self::Untouched, _) => {}
            (Self::Vary(vary), _) => merge_vary(vary, response),
            (
                Self::Policy {
                    upstream,
                    grant,
                    vary,
                    reason,
                },
                Some(policy),
            ) => {
                strip(upstream, grant, response);
                grant.apply(policy, origin, response);
                if let Some(reason) = reason {
                    let value = HeaderValue::from_static(reason.as_str());
                    response.set(FieldName::Reason.as_str(), value);
                }
                // With `fill` an upstream may have named one origin where ours is the same for all.
                let is_constant = || {
                    let mut lines = response
                        .map()
                        .get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                        .iter();
                    lines.all(|value| value == "*")
                };
                match vary {
                    VarySet::Nothing if !is_constant() => merge_vary(VarySet::Origin, response),
                    vary => merge_vary(vary, response),
                }
            }
            // No policy made this plan. Without one nothing is granted.
            (Self::Policy { vary, .. }, None) => {
                strip(UpstreamCorsHeaders::Strip, Grant::Nothing, response);
                merge_vary(vary, response);
            }
        }
    }
}

impl Grant {
    /// What an allowed origin gets.
    fn of_allowed(policy: &Policy) -> Self {
        match policy.is_constant_any() {
            true => Self::Any,
            false => Self::RequestOrigin,
        }
    }

    fn apply(
        self,
        policy: &Policy,
        origin: Option<&HeaderValue>,
        response: &mut impl ResponseFields,
    ) {
        let allow_origin = match self {
            Self::Nothing => return,
            Self::Any => HeaderValue::from_static("*"),
            Self::RequestOrigin => match origin {
                Some(origin) => origin.clone(),
                None => return,
            },
        };
        // The two belong together: credentials go to the origin that allowed them, nowhere else.
        // Only `fill` leaves an upstream's own here to be found.
        match response.map().get(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            None => {
                response.remove(&header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
                response.set(FieldName::AllowOrigin.as_str(), allow_origin);
                self.allow_credentials(policy, response);
            }
            Some(theirs) if *theirs == allow_origin => self.allow_credentials(policy, response),
            Some(_) => {}
        }
        if let Some(list) = policy.expose_headers() {
            set_missing(FieldName::ExposeHeaders, list.clone(), response);
        }
    }

    fn allow_credentials(self, policy: &Policy, response: &mut impl ResponseFields) {
        if policy.allows_credentials() {
            let value = HeaderValue::from_static("true");
            set_missing(FieldName::AllowCredentials, value, response);
        }
    }
}

fn set_missing(name: FieldName, value: HeaderValue, response: &mut impl ResponseFields) {
    if !response.map().contains_key(name.as_str()) {
        response.set(name.as_str(), value);
    }
}

/// Takes away the upstream's own `Access-Control-*`, as far as the policy says so.
fn strip(upstream: UpstreamCorsHeaders, grant: Grant, response: &mut impl ResponseFields) {
    let keeps = match upstream {
        UpstreamCorsHeaders::Strip => false,
        UpstreamCorsHeaders::Keep => grant == Grant::Nothing,
        UpstreamCorsHeaders::Fill => true,
    };
    // Two of them contradict each other or repeat themselves; a browser takes neither.
    let twice = || {
        let mut lines = response
            .map()
            .get_all(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            .iter();
        lines.nth(1).is_some()
    };
    if keeps && !twice() {
        return;
    }
    while let Some(name) = next_cors_field(response.map()) {
        response.remove(&name);
    }
}

fn next_cors_field(map: &HeaderMap) -> Option<HeaderName> {
    map.keys()
        .find(|name| name.as_str().starts_with(ACCESS_CONTROL))
        .cloned()
}

/// Merges `vary` into what is there, token by token: an upstream's own Vary must survive.
fn merge_vary(vary: VarySet, response: &mut impl ResponseFields) {
    if vary == VarySet::Nothing {
        return;
    }
    if !response.map().contains_key(header::VARY) {
        let value = HeaderValue::from_static(vary.as_str());
        return response.set(FieldName::Vary.as_str(), value);
    }
    let lines = || response.map().get_all(header::VARY).iter();
    let tokens = || {
        lines()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
    };
    let has = |name: &str| tokens().any(|token| token.eq_ignore_ascii_case(name.as_bytes()));
    if has("*") || vary.names().iter().all(|name| has(name)) {
        return;
    }
    // One allocation, and only where an upstream varies on something of its own.
    let missing = vary.names().iter().filter(|name| !has(name));
    let kept = lines().map(HeaderValue::as_bytes);
    let kept = kept.filter(|line| !line.trim_ascii().is_empty());
    let all: Vec<&[u8]> = kept.chain(missing.map(|name| name.as_bytes())).collect();
    if let Ok(value) = HeaderValue::try_from(all.join(b", ".as_slice())) {
        response.set(FieldName::Vary.as_str(), value);
    }
}

// === impl ResponseFields ===

impl ResponseFields for HeaderMap {
    fn map(&self) -> &HeaderMap {
        self
    }

    fn set(&mut self, name: &'static str, value: HeaderValue) {
        // The names are the constants of `FieldName`, which are header names.
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove(name);
    }
}
