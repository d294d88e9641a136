//! Every reason for which a browser refuses, in words, and advice what to change on the server.

use super::super::fetch_lists::is_cors_response_field;
use super::super::near_miss::OPAQUE_ORIGINS;
use super::super::response_fields::FieldName;
use super::near_miss::{MethodMiss, OriginMiss, Star};

const ALLOW_ORIGIN: &str = FieldName::AllowOrigin.as_str();
const ALLOW_CREDENTIALS: &str = FieldName::AllowCredentials.as_str();
const ALLOW_METHODS: &str = FieldName::AllowMethods.as_str();
const ALLOW_HEADERS: &str = FieldName::AllowHeaders.as_str();

/// A reason why `fetch()` throws a `TypeError` before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    #[error("`{0}` is not a method: write letters, such as `PUT`")]
    NoMethod(String),
    #[error("no script may use the method `{0}`: the browser throws a TypeError and sends nothing")]
    ForbiddenMethod(String),
    #[error("`{0}` is not a header's name: write letters, digits and `-`")]
    NoHeaderName(String),
    #[error("`{}` is not a value for the header `{name}`: it has a line break, or a character \
             that is no byte", .value.escape_debug())]
    NoHeaderValue { name: String, value: String },
}

/// A reason why a browser doesn't send a request, or doesn't let its script read the response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the preflight is answered with {status}, a redirect, which browsers do not follow")]
    PreflightRedirected { status: u16 },
    #[error("the preflight is answered with {status}; a browser requires 200 to 299")]
    PreflightStatus { status: u16 },
    #[error("there is no {name} in the answer", name = ALLOW_ORIGIN)]
    AllowOriginMissing { origin: String },
    #[error("{name} has several values, `{value}`, {place}; a browser requires one",
        name = ALLOW_ORIGIN, place = in_lines(*.lines))]
    AllowOriginSeveral {
        /// All values, joined as a browser joins them.
        value: String,
        /// The number of header lines that contain them.
        lines: usize,
        origin: String,
    },
    #[error("{name} is `{value}`, not `{origin}`{}", because(.miss.as_ref()), name = ALLOW_ORIGIN)]
    AllowOriginOther {
        value: String,
        origin: String,
        miss: Option<OriginMiss>,
    },
    #[error("{name} is `*`, which allows no request with credentials", name = ALLOW_ORIGIN)]
    AnyOriginWithCredentials { origin: String },
    #[error("there is no {name} in the answer, and the request has credentials",
        name = ALLOW_CREDENTIALS)]
    AllowCredentialsMissing,
    #[error("{name} is `{value}`; a browser accepts only `true`", name = ALLOW_CREDENTIALS)]
    AllowCredentialsNotTrue { value: String },
    #[error("{name} is `{value}`, which is not a list of methods", name = ALLOW_METHODS)]
    AllowMethodsUnreadable { value: String },
    #[error("{name} is `{value}`, which is not a list of header names", name = ALLOW_HEADERS)]
    AllowHeadersUnreadable { value: String },
    #[error("the method `{method}` is not allowed: {list}{}",
        because(.miss.as_ref()), list = list(ALLOW_METHODS, .allowed))]
    MethodNotAllowed {
        method: String,
        /// The list that was sent; empty if there is none.
        allowed: String,
        miss: Option<MethodMiss>,
    },
    #[error("the header `{header}` is not allowed: {list}{}",
        because(.star.why()), list = list(ALLOW_HEADERS, .allowed))]
    HeaderNotAllowed {
        header: String,
        /// The list that was sent; empty if there is none.
        allowed: String,
        star: Star,
    },
}

// === impl Refusal ===

impl Refusal {
    /// Returns a name for programs, which stays the same when the words change.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PreflightRedirected { .. } => "preflight_redirected",
            Self::PreflightStatus { .. } => "preflight_status",
            Self::AllowOriginMissing { .. } => "allow_origin_missing",
            Self::AllowOriginSeveral { .. } => "allow_origin_several",
            Self::AllowOriginOther { .. } => "allow_origin_other",
            Self::AnyOriginWithCredentials { .. } => "any_origin_with_credentials",
            Self::AllowCredentialsMissing => "allow_credentials_missing",
            Self::AllowCredentialsNotTrue { .. } => "allow_credentials_not_true",
            Self::AllowMethodsUnreadable { .. } => "allow_methods_unreadable",
            Self::AllowHeadersUnreadable { .. } => "allow_headers_unreadable",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::HeaderNotAllowed { .. } => "header_not_allowed",
        }
    }

    /// Returns advice what to change, on one line.
    pub fn hint(&self) -> String {
        match self {
            Self::PreflightRedirected { .. } => {
                "answer the preflight without a redirect, or let the script request the final URL"
                    .into()
            }
            Self::PreflightStatus { status } => match status {
                401 | 407 => "answer OPTIONS before anything asks for credentials: \
                              a preflight never has any"
                    .into(),
                403 => "403 does not say whether the origin, the method or a header is refused: ask again \
                        without the headers, then with a method that needs no permission"
                    .into(),
                _ => "answer OPTIONS on this path with 204".into(),
            },
            Self::AllowOriginMissing { origin } | Self::AllowOriginOther { origin, .. }
                if origin == "null" =>
            {
                format!(
                    "serve the page from a URL with an origin, and allow that one: {OPAQUE_ORIGINS}"
                )
            }
            Self::AllowOriginMissing { origin } => {
                format!("allow the origin: `{ALLOW_ORIGIN}: {origin}`, on errors too")
            }
            Self::AllowOriginSeveral { origin, lines, .. } => match lines {
                1 => format!("send the request's origin alone: `{ALLOW_ORIGIN}: {origin}`"),
                _ => format!(
                    "let one server alone write it, once: `{ALLOW_ORIGIN}: {origin}`"
                ),
            },
            Self::AllowOriginOther { value, origin, .. } if value == "null" => {
                format!("allow the origin by its name: `{ALLOW_ORIGIN}: {origin}`")
            }
            Self::AllowOriginOther { origin, .. } => format!(
                "compare the request's origin with a list, and send it back: \
                 `{ALLOW_ORIGIN}: {origin}` and `Vary: Origin`"
            ),
            Self::AnyOriginWithCredentials { origin } => format!(
                "name the origin, and send `Vary: Origin`: `{ALLOW_ORIGIN}: {origin}`; \
                 or let the script go without credentials"
            ),
            Self::AllowCredentialsMissing | Self::AllowCredentialsNotTrue { .. } => {
                format!("send `{ALLOW_CREDENTIALS}: true`, once and in lower case")
            }
            Self::AllowMethodsUnreadable { .. } => {
                "write methods and commas, without quotes or brackets: `PUT, DELETE`".into()
            }
            Self::AllowHeadersUnreadable { .. } => {
                "write names and commas, without quotes or brackets: `authorization, x-id`".into()
            }
            Self::MethodNotAllowed { method, miss, .. } => {
                let upper = method.to_ascii_uppercase();
                let is_listed = *miss == Some(MethodMiss::Case(upper.clone()));
                match (*method == upper, is_listed) {
                    (true, _) => format!("add it to the list: `{ALLOW_METHODS}: {method}`"),
                    (false, true) => format!(
                        "write `{upper}` in the script: a browser does not change the case of `{method}`"
                    ),
                    (false, false) => format!(
                        "write `{upper}` in the script, and add it to the list: \
                         `{ALLOW_METHODS}: {upper}`"
                    ),
                }
            }
            Self::HeaderNotAllowed { header, .. } if is_cors_response_field(header) => format!(
                "take `{header}` out of the script: it is a field of responses, and allows nothing on a request"
            ),
            Self::HeaderNotAllowed { header, .. } => {
                format!("add it to the list by its name: `{ALLOW_HEADERS}: {header}`")
            }
        }
    }
}

fn in_lines(lines: usize) -> String {
    match lines {
        1 => "in one line".to_owned(),
        _ => format!("in {lines} lines"),
    }
}

fn list(name: &str, allowed: &str) -> String {
    match allowed {
        "" => format!("{name} lists nothing"),
        _ => format!("{name} is `{allowed}`"),
    }
}

/// Returns the reason in brackets, to stand behind a message; empty if there is none.
fn because(reason: Option<impl std::fmt::Display>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}
