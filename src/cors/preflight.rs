//! The preflight's steps, in the order in which the Fetch standard has a browser check the answer,
//! so that the first thing that is wrong here is the first thing a browser would name.
//!
//! The checks happen here, on the server, as well: a browser is never told yes to something that
//! the policy forbids, and whoever is not a browser learns nothing.

use super::field::{FieldName, FieldValue};
use super::names::is_token;
use super::outcome::Reason;
use super::policy::{Allowance, Policy};
use super::request::{CorsRequest, Field};

/// Permission for one preflight: the answer's fields, not yet bytes.
#[derive(Debug, Clone, Copy)]
pub struct PreflightGrant<'a> {
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
    origin: &'a [u8],
    method: &'a [u8],
}

/// Runs the steps. The first that fails is the reason.
pub(super) fn check<'a>(
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
) -> Result<PreflightGrant<'a>, Reason> {
    // CORS-preflight fetch, step 7, "if a CORS check for request and response returns success":
    // https://fetch.spec.whatwg.org/#cors-preflight-fetch
    let origin = check_origin(policy, request)?;
    // Step 7.5: "if request's method is not in methods, request's method is not a CORS-safelisted
    // method, and request's credentials mode is "include" or methods does not contain `*`".
    let method = check_method(policy, request)?;
    // Steps 7.6 and 7.7: a CORS non-wildcard request-header name must be listed by name, every
    // other unsafe one by name or by `*`.
    check_headers(policy, request)?;
    Ok(PreflightGrant {
        policy,
        request,
        origin,
        method,
    })
}

/// CORS check: <https://fetch.spec.whatwg.org/#cors-check>.
fn check_origin<'a>(policy: &Policy, request: &CorsRequest<'a>) -> Result<&'a [u8], Reason> {
    let Field::One(origin) = request.origin else {
        return Err(Reason::MalformedOrigin);
    };
    match policy.origins().find(origin) {
        Ok(Some(_)) => Ok(origin),
        Ok(None) => Err(Reason::OriginNotAllowed),
        Err(_) => Err(Reason::MalformedOrigin),
    }
}

fn check_method<'a>(policy: &Policy, request: &CorsRequest<'a>) -> Result<&'a [u8], Reason> {
    let method = request.requested_method().ok_or(Reason::MalformedMethod)?;
    match policy.allows_method(method) {
        true => Ok(method),
        false => Err(Reason::MethodNotAllowed),
    }
}

fn check_headers(policy: &Policy, request: &CorsRequest<'_>) -> Result<(), Reason> {
    let headers = &request.request_headers;
    if !headers.is_within_bounds() {
        return Err(Reason::MalformedHeaders);
    }
    // An allowed name is a token, so that only a name that isn't allowed has to be looked at again:
    // to tell a list that is refused from one that is none.
    let mut names = headers.elements();
    match names.find(|name| !policy.allows_header(name)) {
        None => Ok(()),
        Some(name) if is_token(name) && names.all(is_token) => Err(Reason::HeadersNotAllowed),
        Some(_) => Err(Reason::MalformedHeaders),
    }
}

// === impl PreflightGrant ===

impl<'a> PreflightGrant<'a> {
    pub(super) fn policy(&self) -> &'a Policy {
        self.policy
    }

    /// The status of the answer: 204 or 200.
    pub fn status(&self) -> http::StatusCode {
        self.policy.preflight_status()
    }

    /// Calls `each` with every field of the answer, in the order in which they are sent.
    pub fn for_each_field(&self, mut each: impl FnMut(FieldName, FieldValue<'a>)) {
        let policy = self.policy;
        match policy.is_constant_any() {
            true => each(FieldName::AllowOrigin, FieldValue::Static("*")),
            false => each(FieldName::AllowOrigin, FieldValue::Echo(self.origin)),
        }
        if policy.allows_credentials() {
            each(FieldName::AllowCredentials, FieldValue::Static("true"));
        }
        match policy.methods() {
            Allowance::None => {}
            Allowance::List(list) => each(FieldName::AllowMethods, FieldValue::Rendered(list)),
            Allowance::Echo => each(FieldName::AllowMethods, FieldValue::Echo(self.method)),
        }
        let headers = &self.request.request_headers;
        match policy.headers() {
            Allowance::None => {}
            Allowance::List(list) => each(FieldName::AllowHeaders, FieldValue::Rendered(list)),
            Allowance::Echo if headers.elements().next().is_none() => {}
            Allowance::Echo => each(FieldName::AllowHeaders, FieldValue::EchoNames(headers)),
        }
        if let Some(list) = policy.expose_headers() {
            each(FieldName::ExposeHeaders, FieldValue::Rendered(list));
        }
        if let Some(seconds) = policy.max_age() {
            each(FieldName::MaxAge, FieldValue::Rendered(seconds));
        }
        // https://wicg.github.io/private-network-access/#headers, which browsers have given up.
        if policy.allows_private_network()
            && self.request.request_private_network == Field::One(b"true")
        {
            each(FieldName::AllowPrivateNetwork, FieldValue::Static("true"));
        }
        each(
            FieldName::Vary,
            FieldValue::Static(policy.preflight_vary().as_str()),
        );
    }
}
