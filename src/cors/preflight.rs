//! The steps of a preflight, in the order in which the Fetch standard has a browser check the
//! answer: the first step that fails here is the first that the browser would name.
//!
//! CORS would be satisfied by an answer that lists all that is allowed, because the browser checks
//! it. The gateway checks as well: it never permits what the policy forbids, and its refusal does
//! not tell the sender what the policy allows.

use super::fetch_lists::is_token;
use super::outcome::Reason;
use super::policy::Policy;
use super::request::{CorsRequest, SingleValue};
use super::response_fields::{FieldName, FieldValue};

/// Permission for one preflight, with the parts of its answer. Only `check` makes one, so that
/// every part of the request that the answer repeats has been checked.
#[derive(Debug, Clone, Copy)]
pub struct PreflightGrant<'a> {
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
}

/// Runs the steps.
///
/// # Errors
///
/// The reason is the first step that fails.
pub(super) fn check<'a>(
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
) -> Result<PreflightGrant<'a>, Reason> {
    // CORS-preflight fetch, step 7, "if a CORS check for request and response returns success":
    // https://fetch.spec.whatwg.org/#cors-preflight-fetch
    check_origin(policy, request)?;
    // Step 7.5: "if request's method is not in methods, request's method is not a CORS-safelisted
    // method, and request's credentials mode is "include" or methods does not contain `*`".
    check_method(policy, request)?;
    // Steps 7.6 and 7.7: a CORS non-wildcard request-header name must be listed by name, every
    // other unsafe one by name or by `*`.
    check_headers(policy, request)?;
    Ok(PreflightGrant { policy, request })
}

/// Checks the origin, as a browser's CORS check does: <https://fetch.spec.whatwg.org/#cors-check>.
pub(super) fn check_origin<'a>(
    policy: &Policy,
    request: &CorsRequest<'a>,
) -> Result<&'a [u8], Reason> {
    let SingleValue::One(origin) = request.origin else {
        return Err(Reason::MalformedOrigin);
    };
    match policy.origins().find(origin) {
        Ok(Some(_)) => Ok(origin),
        Ok(None) => Err(Reason::OriginNotAllowed),
        Err(_) => Err(Reason::MalformedOrigin),
    }
}

pub(super) fn check_method<'a>(
    policy: &Policy,
    request: &CorsRequest<'a>,
) -> Result<&'a [u8], Reason> {
    let method = request.requested_method().ok_or(Reason::MalformedMethod)?;
    match policy.allows_method(method) {
        true => Ok(method),
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

// === impl PreflightGrant ===

impl<'a> PreflightGrant<'a> {
    /// Returns the status of the answer: 204 or 200.
    pub fn status(&self) -> http::StatusCode {
        self.policy.preflight_status()
    }

    /// Returns the fields of the answer, in the order in which they are sent. Their values may
    /// repeat parts of [`PreflightGrant::request`].
    pub fn fields(&self) -> &'a [(FieldName, FieldValue)] {
        self.policy.preflight_fields()
    }

    /// Returns the preflight that is permitted.
    pub fn request(&self) -> &'a CorsRequest<'a> {
        self.request
    }
}
