//! The preflight's steps, in the order in which the Fetch standard has a browser check the answer,
//! so that the first thing that is wrong here is the first thing a browser would name.
//!
//! The checks happen here, on the server, as well: a browser is never told yes to something that
//! the policy forbids, and whoever is not a browser learns nothing.

use super::fetch_lists::is_token;
use super::outcome::Reason;
use super::policy::{Allowance, Policy};
use super::request::{CorsRequest, SingleValue};
use super::response_fields::{FieldName, FieldValue};

/// Permission for one preflight: the answer's fields, not yet bytes.
#[derive(Debug, Clone, Copy)]
pub struct PreflightGrant<'a> {
    policy: &'a Policy,
    request: &'a CorsRequest<'a>,
    origin: &'a [u8],
    method: &'a [u8],
}

/// A field's value in the answer to an allowed preflight.
#[derive(Debug, Clone, Copy)]
pub enum AnswerValue<'a> {
    /// The same for every request.
    Fixed(FieldValue<'a>),
    OfRequest(RequestValue),
}

/// A value that is made of the request's.
#[derive(Debug, Clone, Copy)]
pub enum RequestValue {
    Origin,
    Method,
    Names,
    PrivateNetwork,
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
        self.policy
            .for_each_preflight_field(|name, value| match value {
                AnswerValue::Fixed(value) => each(name, value),
                AnswerValue::OfRequest(value) => {
                    if let Some(value) = self.value(value) {
                        each(name, value);
                    }
                }
            });
    }

    /// What a value is made of in the request; `None`: the answer is without the field.
    pub fn value(&self, value: RequestValue) -> Option<FieldValue<'a>> {
        let names = &self.request.request_headers;
        match value {
            RequestValue::Origin => Some(FieldValue::Echo(self.origin)),
            RequestValue::Method => Some(FieldValue::Echo(self.method)),
            RequestValue::Names => {
                let has_any = names.elements().next().is_some();
                has_any.then_some(FieldValue::EchoNames(names))
            }
            RequestValue::PrivateNetwork => {
                let is_asked = self.request.request_private_network == SingleValue::One(b"true");
                is_asked.then_some(FieldValue::Static("true"))
            }
        }
    }
}

// === impl Policy ===

impl Policy {
    /// Calls `each` with every field of the answer to a preflight that the policy allows, in the
    /// order in which they are sent, as far as it is known without the request.
    pub fn for_each_preflight_field<'a>(
        &'a self,
        mut each: impl FnMut(FieldName, AnswerValue<'a>),
    ) {
        use AnswerValue::{Fixed, OfRequest};
        match self.is_constant_any() {
            true => each(FieldName::AllowOrigin, Fixed(FieldValue::Static("*"))),
            false => each(FieldName::AllowOrigin, OfRequest(RequestValue::Origin)),
        }
        if self.allows_credentials() {
            let value = FieldValue::Static("true");
            each(FieldName::AllowCredentials, Fixed(value));
        }
        for (name, allowance, echo) in [
            (
                FieldName::AllowMethods,
                self.methods(),
                RequestValue::Method,
            ),
            (FieldName::AllowHeaders, self.headers(), RequestValue::Names),
        ] {
            match allowance {
                Allowance::None => {}
                Allowance::List(list) => each(name, Fixed(FieldValue::Rendered(list))),
                Allowance::Echo => each(name, OfRequest(echo)),
            }
        }
        if let Some(list) = self.expose_headers() {
            each(FieldName::ExposeHeaders, Fixed(FieldValue::Rendered(list)));
        }
        if let Some(seconds) = self.max_age() {
            each(FieldName::MaxAge, Fixed(FieldValue::Rendered(seconds)));
        }
        // https://wicg.github.io/private-network-access/#headers, which browsers have given up.
        if self.allows_private_network() {
            let value = OfRequest(RequestValue::PrivateNetwork);
            each(FieldName::AllowPrivateNetwork, value);
        }
        let vary = FieldValue::Static(self.preflight_vary().as_str());
        each(FieldName::Vary, Fixed(vary));
    }
}
