//! The steps of a preflight, in the order in which the Fetch standard has a browser check the
//! answer: the first step that fails here is the first that the browser would name.
//!
//! CORS would be satisfied by an answer that lists all that is allowed, because the browser checks
//! it. The gateway checks as well: it never permits what the policy forbids. Its refusal of a method or a
//! header lists what the policy does allow, so that the browser's console names what is missing; it tells
//! an allowed origin nothing that an allowed preflight would not have told it.

use super::fetch_lists::is_token;
use super::outcome::Reason;
use super::policy::Policy;
use super::policy_list::{PolicyIndex, PolicyList};
use super::request::{CorsRequest, SingleValue};
use super::response_fields::{FieldName, FieldValue};
use http::{HeaderValue, StatusCode};

/// The answer to a preflight of an allowed origin: permission, or what the policy allows in its place.
/// Only `check` makes one, so that every part of the request that the answer repeats has been checked.
#[derive(Debug, Clone, Copy)]
pub struct PreflightAnswer<'a> {
    policies: &'a PolicyList,
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
    refusal: Option<Reason>,
}

/// The result of the steps that refuse a preflight.
pub(super) struct Refusal<'a> {
    pub reason: Reason,
    /// The policy that refuses.
    pub policy: PolicyIndex,
    /// The answer that lists what is allowed; `None` unless a method or header of an allowed origin is
    /// all that is wrong.
    pub answer: Option<PreflightAnswer<'a>>,
}

/// Runs the steps.
///
/// # Errors
///
/// The refusal has the first step that fails.
pub(super) fn check<'a>(
    policies: &'a PolicyList,
    request: &'a CorsRequest<'a>,
) -> Result<(PolicyIndex, PreflightAnswer<'a>), Refusal<'a>> {
    // CORS-preflight fetch, step 7, "if a CORS check for request and response returns success":
    // https://fetch.spec.whatwg.org/#cors-preflight-fetch
    let index = check_origin(policies, request).map_err(|reason| Refusal {
        reason,
        policy: policies.last_index(),
        answer: None,
    })?;
    let policy = policies.policy(index);
    // Step 7.5: "if request's method is not in methods, request's method is not a CORS-safelisted
    // method, and request's credentials mode is "include" or methods does not contain `*`".
    let method = check_method(policy, request);
    // Steps 7.6 and 7.7: a CORS non-wildcard request-header name must be listed by name, every
    // other unsafe one by name or by `*`.
    let headers = check_headers(policy, request);
    let refusal = method.and(headers).err();
    let answer = PreflightAnswer {
        policies,
        policy,
        request,
        refusal,
    };
    let Some(reason) = refusal else {
        return Ok((index, answer));
    };
    let is_malformed =
        |reason| matches!(reason, Reason::MalformedMethod | Reason::MalformedHeaders);
    let is_well_formed = ![method.err(), headers.err()]
        .into_iter()
        .flatten()
        .any(is_malformed);
    Err(Refusal {
        reason,
        policy: index,
        answer: is_well_formed.then_some(answer),
    })
}

/// Checks the origin, as a browser's CORS check does: <https://fetch.spec.whatwg.org/#cors-check>.
/// Returns the policy that allows it.
pub(super) fn check_origin(
    policies: &PolicyList,
    request: &CorsRequest<'_>,
) -> Result<PolicyIndex, Reason> {
    let SingleValue::One(origin) = request.origin else {
        return Err(Reason::MalformedOrigin);
    };
    match policies.find(origin) {
        Ok(Some((policy, _))) => Ok(policy),
        Ok(None) => Err(Reason::OriginNotAllowed),
        Err(_) => Err(Reason::MalformedOrigin),
    }
}

pub(super) fn check_method(policy: &Policy, request: &CorsRequest<'_>) -> Result<(), Reason> {
    let method = request.requested_method().ok_or(Reason::MalformedMethod)?;
    match policy.allows_method(method) {
        true => Ok(()),
        false => Err(Reason::MethodNotAllowed),
    }
}

pub(super) fn check_headers(policy: &Policy, request: &CorsRequest<'_>) -> Result<(), Reason> {
    let headers = &request.request_headers;
    if !headers.is_within_bounds() {
        return Err(Reason::MalformedHeaders);
    }
    // An allowed name is a token. Only from the first refused name on must the rest be looked at,
    // to tell a list of names that are refused from a malformed one.
    let mut names = headers.elements();
    match names.find(|name| !policy.allows_header(name)) {
        None => Ok(()),
        Some(name) if is_token(name) && names.all(is_token) => Err(Reason::HeadersNotAllowed),
        Some(_) => Err(Reason::MalformedHeaders),
    }
}

// === impl PreflightAnswer ===

impl PreflightAnswer<'_> {
    /// Returns the status of the answer: 204 or 200.
    pub fn status(&self) -> StatusCode {
        self.policy.preflight_status()
    }

    /// Returns the preflight that is answered, whose parts the fields may repeat.
    pub fn request(&self) -> &CorsRequest<'_> {
        self.request
    }

    /// Calls `each` with the fields of the answer, in the order in which they are sent.
    pub fn for_each_field(&self, mut each: impl FnMut(FieldName, &FieldValue)) {
        for (name, value) in self.policy.preflight_fields() {
            match self.written_out(*name) {
                None => each(*name, value),
                Some(names) => {
                    if let Some(value) = list_of(&names) {
                        each(*name, &FieldValue::Fixed(value));
                    }
                }
            }
        }
        if let Some(reason) = self.refusal.filter(|_| self.policy.has_debug_header()) {
            let value = HeaderValue::from_static(reason.as_str());
            each(FieldName::Reason, &FieldValue::Fixed(value));
        }
        each(FieldName::Vary, self.policies.preflight_vary_value());
    }

    /// Returns the names for a field of a refusal whose value would cover the refused name: the value of a
    /// policy with `*`. Chromium, for one, takes `*` for `authorization` as well. They are those that are
    /// asked for and allowed.
    fn written_out(&self, name: FieldName) -> Option<Vec<&[u8]>> {
        let reason = self.refusal?;
        let policy = self.policy;
        match name {
            FieldName::AllowMethods
                if policy.allows_any_method() && reason == Reason::MethodNotAllowed =>
            {
                Some(Vec::new())
            }
            FieldName::AllowHeaders if policy.allows_any_header() => {
                let (allowed, refused): (Vec<&[u8]>, Vec<&[u8]>) = self
                    .request
                    .requested_names()
                    .partition(|name| policy.allows_header(name));
                (!refused.is_empty()).then_some(allowed)
            }
            _ => None,
        }
    }
}

/// Returns the value of a list of names in lower case; `None` if there are none.
fn list_of(names: &[&[u8]]) -> Option<HeaderValue> {
    let value = names.join(b", ".as_slice()).to_ascii_lowercase();
    HeaderValue::try_from(value)
        .ok()
        .filter(|_| !names.is_empty())
}
