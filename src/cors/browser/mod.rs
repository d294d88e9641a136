//! The browser's side of CORS: the preflight before a script's request, and the checks of a
//! server's answers.
//!
//! It is the other side of `cors/preflight.rs` and `cors/header_plan.rs`, and written from the text
//! of the Fetch standard alone, so that the two sides can be compared:
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>.
//!
//! `tests/it/browser.rs` compares it with a real Chromium, which departs from the standard in these
//! points:
//!
//! - Without credentials, `Access-Control-Allow-Headers: *` covers `authorization`. Chromium warns of
//!   it in its console.
//! - A script's `user-agent` is dropped, and client hints such as `dpr` and `save-data` are safelisted:
//!   they cause no preflight.
//! - Lines of one name are joined before they are looked at: two `content-type`s are never safe, and
//!   the limit of 128 holds for both together. A range of 2^63-1 or more is not safe either.
//! - A negative Access-Control-Max-Age is 0, not 5. Preflights for opaque origins are never remembered.
//! - A response of 407 that was not sent by a proxy is an error, whatever its fields say.
//!
//! This module follows the standard in all of them: Chromium is mostly the more lenient of the two,
//! and other browsers exist.
//!
//! *Invariant:* nothing here knows a policy. A server is judged by its response, not by its
//! intention.

mod fields;
mod near_miss;
mod refusal;
mod safelist;

pub use fields::text;
pub use near_miss::{MethodMiss, OriginMiss, Star};
pub use refusal::{Refusal, ScriptError};

use super::fetch_lists::{
    NORMALIZED_METHODS, is_cors_field, is_forbidden_method, is_forbidden_request_header,
    is_safelisted_method, is_token,
};
use super::response_fields::FieldName;
use fields::{Tokens, combined, lines, max_age};
use http::{HeaderMap, HeaderName, StatusCode};
use std::collections::BTreeSet;
use std::fmt;

/// A script's request to its browser: `fetch(url, { method, headers, credentials })`.
#[derive(Debug, Clone, Copy)]
pub struct ScriptRequest<'a> {
    /// The method as the script wrote it; [`ScriptRequest::method`] returns the one that is sent.
    pub method: &'a str,
    /// The page's serialized origin, or `null`.
    pub origin: &'a str,
    /// The headers that the script sets. A character is a byte, as in JavaScript's `ByteString`.
    pub headers: &'a [(String, String)],
    /// Whether the credentials mode is `include`.
    pub credentials: bool,
}

/// A reason for a preflight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreflightCause {
    /// The method, as it is sent, is not safelisted.
    Method(String),
    /// The header, in lower case, is not safelisted: its name, its value, or all values together.
    Header(String),
}

/// Permission to send the actual request, as the browser remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightPermit {
    /// Access-Control-Allow-Methods.
    pub methods: Vec<String>,
    /// Access-Control-Allow-Headers.
    pub headers: Vec<String>,
    /// Seconds for which the browser remembers it; most browsers cap them.
    pub max_age: u64,
}

/// Permission to read a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsePermit {
    /// The names of the response's fields that the script can read, in lower case and sorted.
    pub readable: Vec<String>,
    /// The names of those that it can't read, sorted.
    pub hidden: Vec<String>,
}

/// Seconds for which a browser remembers a preflight whose answer has no Access-Control-Max-Age:
/// <https://fetch.spec.whatwg.org/#http-access-control-max-age>.
pub const DEFAULT_MAX_AGE: u64 = 5;

/// <https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name>
const SAFELISTED_RESPONSE_HEADERS: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// <https://fetch.spec.whatwg.org/#forbidden-response-header-name>
const FORBIDDEN_RESPONSE_HEADERS: [&str; 2] = ["set-cookie", "set-cookie2"];

/// <https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name>
const NON_WILDCARD_HEADER: &str = "authorization";

// === impl ScriptRequest ===

impl<'a> ScriptRequest<'a> {
    /// Checks that `fetch()` accepts the arguments.
    ///
    /// # Errors
    ///
    /// Fails if it would throw a `TypeError`: <https://fetch.spec.whatwg.org/#dom-request> and
    /// <https://fetch.spec.whatwg.org/#concept-headers-append>.
    pub fn check(&self) -> Result<(), ScriptError> {
        if !is_token(self.method.as_bytes()) {
            return Err(ScriptError::NoMethod(self.method.to_owned()));
        }
        if is_forbidden_method(self.method.as_bytes()) {
            return Err(ScriptError::ForbiddenMethod(self.method.to_owned()));
        }
        for (name, value) in self.headers {
            if !is_token(name.as_bytes()) {
                return Err(ScriptError::NoHeaderName(name.clone()));
            }
            if !is_header_value(normalized(value)) {
                return Err(ScriptError::NoHeaderValue {
                    name: name.clone(),
                    value: value.clone(),
                });
            }
        }
        Ok(())
    }

    /// Returns the method as it is sent: <https://fetch.spec.whatwg.org/#concept-method-normalize>.
    pub fn method(&self) -> &'a str {
        NORMALIZED_METHODS
            .into_iter()
            .find(|method| method.eq_ignore_ascii_case(self.method))
            .unwrap_or(self.method)
    }

    /// Returns the script's headers as they are sent: names in lower case, values without white
    /// space around them, and without the headers that the browser drops.
    pub fn sent_headers(&self) -> impl Iterator<Item = (String, &'a str)> {
        self.headers()
            .filter(|(name, value)| !is_dropped(name, value))
    }

    /// Returns the names, in lower case, of headers that the browser drops without telling the
    /// script.
    pub fn dropped_headers(&self) -> Vec<String> {
        self.headers()
            .filter(|(name, value)| is_dropped(name, value))
            .map(|(name, _)| name)
            .collect()
    }

    /// Returns the reasons for a preflight; empty if the browser sends none.
    ///
    /// The condition is in step 5 of "main fetch":
    /// <https://fetch.spec.whatwg.org/#concept-main-fetch>.
    pub fn preflight_causes(&self) -> Vec<PreflightCause> {
        let method = self.method();
        let unsafe_method = (!is_safelisted_method(method.as_bytes()))
            .then(|| PreflightCause::Method(method.to_owned()));
        let names = self.unsafe_names().into_iter().map(PreflightCause::Header);
        unsafe_method.into_iter().chain(names).collect()
    }

    /// Returns the preflight's own fields: steps 2 to 5 of CORS-preflight fetch,
    /// <https://fetch.spec.whatwg.org/#cors-preflight-fetch>.
    pub fn preflight_fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("Origin", self.origin.to_owned()),
            ("Access-Control-Request-Method", self.method().to_owned()),
        ];
        let names: Vec<String> = self.unsafe_names().into_iter().collect();
        if !names.is_empty() {
            // All browsers write the commas without a space.
            fields.push(("Access-Control-Request-Headers", names.join(",")));
        }
        fields
    }

    /// Judges the answer to the preflight: CORS-preflight fetch, from step 7.
    ///
    /// # Errors
    ///
    /// The refusal is the first mistake that a browser would find. The standard has the CORS check
    /// and the status in one condition; the status comes first here, because an answer of 404 or
    /// 500 mostly lacks CORS headers for that reason.
    pub fn judge_preflight(
        &self,
        status: StatusCode,
        fields: &HeaderMap,
    ) -> Result<PreflightPermit, Refusal> {
        if is_redirect(status) {
            return Err(Refusal::PreflightRedirected {
                status: status.as_u16(),
            });
        }
        // An "ok status": https://fetch.spec.whatwg.org/#ok-status
        if !status.is_success() {
            return Err(Refusal::PreflightStatus {
                status: status.as_u16(),
            });
        }
        self.cors_check(fields)?;
        let methods = Tokens::of(fields, FieldName::AllowMethods)
            .map_err(|value| Refusal::AllowMethodsUnreadable { value })?;
        let headers = Tokens::of(fields, FieldName::AllowHeaders)
            .map_err(|value| Refusal::AllowHeadersUnreadable { value })?;
        self.check_method(&methods)?;
        self.check_headers(&headers)?;
        Ok(PreflightPermit {
            methods: methods.0,
            headers: headers.0,
            max_age: max_age(fields).unwrap_or(DEFAULT_MAX_AGE),
        })
    }

    /// Judges the response to the actual request, and returns the fields that the script may read:
    /// a [CORS check](https://fetch.spec.whatwg.org/#cors-check) and a [CORS filtered
    /// response](https://fetch.spec.whatwg.org/#concept-filtered-response-cors).
    ///
    /// # Errors
    ///
    /// The refusal is the first mistake that a browser would find.
    pub fn judge_response(&self, fields: &HeaderMap) -> Result<ResponsePermit, Refusal> {
        self.cors_check(fields)?;
        // A list that can't be parsed exposes nothing and causes no error.
        let exposed = Tokens::of(fields, FieldName::ExposeHeaders).unwrap_or_default();
        let exposes_all = !self.credentials && exposed.has_star();
        let names: BTreeSet<&str> = fields.keys().map(HeaderName::as_str).collect();
        let (readable, hidden) = names.into_iter().partition::<Vec<_>, _>(|name| {
            !FORBIDDEN_RESPONSE_HEADERS.contains(name)
                && (exposes_all
                    || SAFELISTED_RESPONSE_HEADERS.contains(name)
                    || exposed.has_name(name))
        });
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(ResponsePermit {
            readable: owned(readable),
            hidden: owned(hidden),
        })
    }

    /// Does the CORS check: <https://fetch.spec.whatwg.org/#cors-check>.
    fn cors_check(&self, fields: &HeaderMap) -> Result<(), Refusal> {
        let origin = self.origin.to_owned();
        let Some(allowed) = combined(fields, FieldName::AllowOrigin) else {
            return Err(Refusal::AllowOriginMissing { origin });
        };
        match allowed.as_slice() {
            b"*" if !self.credentials => return Ok(()),
            b"*" => return Err(Refusal::AnyOriginWithCredentials { origin }),
            allowed if allowed == self.origin.as_bytes() => {}
            allowed => {
                let value = text(allowed);
                return Err(match value.contains([',', ' ', ';']) {
                    true => Refusal::AllowOriginSeveral {
                        lines: lines(fields, FieldName::AllowOrigin),
                        value,
                        origin,
                    },
                    false => Refusal::AllowOriginOther {
                        miss: OriginMiss::between(&value, self.origin),
                        value,
                        origin,
                    },
                });
            }
        }
        if !self.credentials {
            return Ok(());
        }
        match combined(fields, FieldName::AllowCredentials) {
            None => Err(Refusal::AllowCredentialsMissing),
            Some(value) if value == b"true" => Ok(()),
            Some(value) => Err(Refusal::AllowCredentialsNotTrue {
                value: text(&value),
            }),
        }
    }

    /// Checks the method: step 7.5 of CORS-preflight fetch.
    fn check_method(&self, allowed: &Tokens) -> Result<(), Refusal> {
        let method = self.method();
        let is_allowed = allowed.0.iter().any(|m| m == method)
            || is_safelisted_method(method.as_bytes())
            || (!self.credentials && allowed.has_star());
        match is_allowed {
            true => Ok(()),
            false => Err(Refusal::MethodNotAllowed {
                miss: MethodMiss::between(&allowed.0, method, self.credentials),
                method: method.to_owned(),
                allowed: allowed.0.join(", "),
            }),
        }
    }

    /// Checks the header names: steps 7.6 and 7.7 of CORS-preflight fetch.
    fn check_headers(&self, allowed: &Tokens) -> Result<(), Refusal> {
        let names = self.unsafe_names();
        // The standard looks for the name that `*` does not cover before the others.
        let (fixed, others): (Vec<&String>, Vec<&String>) =
            names.iter().partition(|name| *name == NON_WILDCARD_HEADER);
        for name in fixed.into_iter().chain(others) {
            let star = match allowed.has_star() {
                false => Star::Absent,
                true if name == NON_WILDCARD_HEADER => Star::NeverAuthorization,
                true if self.credentials => Star::LiteralWithCredentials,
                true => continue,
            };
            if !allowed.has_name(name) {
                return Err(Refusal::HeaderNotAllowed {
                    header: name.clone(),
                    allowed: allowed.0.join(", "),
                    star,
                });
            }
        }
        Ok(())
    }

    /// Returns the names that need permission:
    /// <https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names>.
    fn unsafe_names(&self) -> BTreeSet<String> {
        /// Maximum bytes of all safelisted values together; beyond it, none of them is safe.
        const MAX_SAFELISTED: usize = 1024;
        let (safe, mut names): (Vec<_>, Vec<_>) = self
            .sent_headers()
            .partition(|(name, value)| safelist::is_safelisted(name, value));
        let size: usize = safe.iter().map(|(_, value)| value.chars().count()).sum();
        if size > MAX_SAFELISTED {
            names.extend(safe);
        }
        names.into_iter().map(|(name, _)| name).collect()
    }

    fn headers(&self) -> impl Iterator<Item = (String, &'a str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (name.to_ascii_lowercase(), normalized(value)))
    }
}

/// Whether the status is a redirect: <https://fetch.spec.whatwg.org/#redirect-status>.
pub fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Normalizes a value: <https://fetch.spec.whatwg.org/#concept-header-value-normalize>.
fn normalized(value: &str) -> &str {
    value.trim_matches(['\t', '\n', '\r', ' '])
}

/// Whether it is a header value (<https://fetch.spec.whatwg.org/#header-value>) in which every
/// character is a byte.
fn is_header_value(value: &str) -> bool {
    value
        .chars()
        .all(|c| !matches!(c, '\0' | '\n' | '\r') && c <= '\u{ff}')
}

/// Whether the browser drops the header: <https://fetch.spec.whatwg.org/#forbidden-request-header>.
/// `name` is in lower case.
fn is_dropped(name: &str, value: &str) -> bool {
    match name {
        "access-control-request-headers" | "access-control-request-method" => true,
        // The check of an operator's list is stricter: it refuses CORS's response fields as well.
        _ if is_cors_field(name) => false,
        "x-http-method" | "x-http-method-override" | "x-method-override" => value
            .split(',')
            .any(|method| is_forbidden_method(method.trim_matches(['\t', ' ']).as_bytes())),
        _ => is_forbidden_request_header(name),
    }
}

// === impl PreflightCause ===

impl fmt::Display for PreflightCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => {
                write!(f, "the method `{method}` is not GET, HEAD or POST")
            }
            Self::Header(name) if safelist::has_name(name) => {
                write!(f, "`{name}` has a value that needs permission")
            }
            Self::Header(name) => write!(f, "the header `{name}` needs permission"),
        }
    }
}

#[cfg(test)]
mod tests;
