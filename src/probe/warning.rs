//! Warnings: facts that no browser reports, and an engineer wants to know.

use super::{Answer, Judged, ProbeReport, ProbeRequest, RequestOutcome};
use crate::cors::browser::is_redirect;
use crate::cors::{FieldName, is_cors_response_field};
use http::HeaderName;
use std::fmt;

/// A remark beside the verdict, which it does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The answer lacks `Vary: Origin`: a cache could hand it to another origin.
    NoVaryOrigin(Stage),
    /// No browser remembers the preflight for so many seconds.
    MaxAgeOverAll(u64),
    /// Some browsers don't remember it for so many seconds.
    MaxAgeOverSome(u64),
    /// Browsers ask for permission again after 5 s.
    NoMaxAge,
    MaxAgeUnreadable(String),
    /// A redirect, which `probe` does not follow.
    Redirect {
        stage: Stage,
        location: String,
    },
    /// A page with TLS fetches a URL without.
    MixedContent,
    /// `*` exposes nothing to a request with credentials: it is the name of a header there.
    ExposeStarWithCredentials,
    /// The script may read the response, which reports an error.
    ErrorStatus(u16),
    /// The script sets a header of responses, which allows nothing.
    ResponseHeader(String),
}

/// The request that an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Preflight,
    Response,
}

/// Maximum time that a browser remembers a preflight, in seconds; a larger max-age has no more effect.
const CHROMIUM_CAP: u64 = 7200;
const FIREFOX_CAP: u64 = 86_400;

/// Returns all warnings about a question and its answers.
pub(super) fn all(question: &ProbeRequest, report: &ProbeReport) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let is_loopback = matches!(question.target.host(), "localhost" | "127.0.0.1" | "[::1]");
    if question.origin.starts_with("https://") && !question.target.is_https() && !is_loopback {
        warnings.push(Warning::MixedContent);
    }
    let names = question
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase());
    let of_responses = names.filter(|name| is_cors_response_field(name));
    warnings.extend(of_responses.map(Warning::ResponseHeader));
    if let Some(preflight) = &report.preflight {
        of_answer(Stage::Preflight, &preflight.answer, &mut warnings);
        of_max_age(preflight, &mut warnings);
    }
    if let RequestOutcome::Answered(response) = &report.request {
        of_answer(Stage::Response, &response.answer, &mut warnings);
        let status = response.answer.status;
        if response.verdict.is_ok() && (status.is_client_error() || status.is_server_error()) {
            warnings.push(Warning::ErrorStatus(status.as_u16()));
        }
        if question.credentials && has_element(&response.answer, FieldName::ExposeHeaders, "*") {
            warnings.push(Warning::ExposeStarWithCredentials);
        }
    }
    warnings
}

fn of_answer(stage: Stage, answer: &Answer, warnings: &mut Vec<Warning>) {
    if is_redirect(answer.status)
        && let Some(location) = answer.location()
    {
        warnings.push(Warning::Redirect { stage, location });
    }
    if lacks_vary(answer) {
        warnings.push(Warning::NoVaryOrigin(stage));
    }
}

fn of_max_age<P>(preflight: &Judged<P>, warnings: &mut Vec<Warning>) {
    if preflight.verdict.is_err() {
        return;
    }
    let name = HeaderName::from(FieldName::MaxAge);
    let Some(value) = preflight.answer.fields.get(&name) else {
        warnings.push(Warning::NoMaxAge);
        return;
    };
    match value.to_str().unwrap_or_default().trim().parse::<u64>() {
        Ok(seconds) if seconds > FIREFOX_CAP => warnings.push(Warning::MaxAgeOverAll(seconds)),
        Ok(seconds) if seconds > CHROMIUM_CAP => warnings.push(Warning::MaxAgeOverSome(seconds)),
        Ok(_) => {}
        Err(_) => {
            let value = value.as_bytes().escape_ascii().to_string();
            warnings.push(Warning::MaxAgeUnreadable(value));
        }
    }
}

/// Whether an answer names an origin but lacks `Vary: Origin`.
pub(super) fn lacks_vary(answer: &Answer) -> bool {
    let allowed = answer.fields.get(HeaderName::from(FieldName::AllowOrigin));
    allowed.is_some_and(|origin| origin.as_bytes() != b"*")
        && !has_element(answer, FieldName::Vary, "Origin")
        && !has_element(answer, FieldName::Vary, "*")
}

/// Whether a list field has the element, on any of its lines.
fn has_element(answer: &Answer, field: FieldName, element: &str) -> bool {
    let lines = answer.fields.get_all(HeaderName::from(field)).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .any(|found| found.trim_ascii().eq_ignore_ascii_case(element.as_bytes()))
}

// === impl Warning ===

impl Warning {
    /// Returns a name for programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoVaryOrigin(_) => "no_vary_origin",
            Self::MaxAgeOverAll(_) | Self::MaxAgeOverSome(_) => "max_age_over_cap",
            Self::NoMaxAge => "no_max_age",
            Self::MaxAgeUnreadable(_) => "max_age_unreadable",
            Self::Redirect { .. } => "redirect",
            Self::MixedContent => "mixed_content",
            Self::ExposeStarWithCredentials => "expose_star_with_credentials",
            Self::ErrorStatus(_) => "error_status",
            Self::ResponseHeader(_) => "response_header_on_request",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVaryOrigin(stage) => write!(
                f,
                "{stage} names an origin without `Vary: Origin`: a cache can hand it to another \
                 origin, unless the server sends this origin in every response"
            ),
            Self::MaxAgeOverAll(seconds) => write!(
                f,
                "a preflight is remembered for {CHROMIUM_CAP} s by Chromium and {FIREFOX_CAP} s by \
                 Firefox, not for {seconds} s"
            ),
            Self::MaxAgeOverSome(seconds) => write!(
                f,
                "a preflight is remembered for {CHROMIUM_CAP} s by Chromium, not for {seconds} s"
            ),
            Self::NoMaxAge => write!(
                f,
                "there is no {}: a browser asks again after 5 s",
                FieldName::MaxAge.as_str()
            ),
            Self::MaxAgeUnreadable(value) => write!(
                f,
                "{} is `{value}`, which is not a number of seconds: a browser asks again after 5 s",
                FieldName::MaxAge.as_str()
            ),
            Self::Redirect {
                stage: Stage::Preflight,
                location,
            } => {
                write!(f, "the preflight is redirected to `{location}`")
            }
            Self::Redirect {
                stage: Stage::Response,
                location,
            } => write!(
                f,
                "the response is a redirect to `{location}`, which a browser follows and judges by \
                 the same rules: probe that URL, too"
            ),
            Self::MixedContent => f.write_str(
                "a page with https can't fetch http: browsers block that before CORS is looked at",
            ),
            Self::ExposeStarWithCredentials => write!(
                f,
                "{} is `*`, which exposes nothing to a request with credentials: write the names",
                FieldName::ExposeHeaders.as_str()
            ),
            Self::ResponseHeader(name) => write!(
                f,
                "`{name}` is a header of responses, which the server sends: on a request it allows nothing, and only \
                 causes a preflight"
            ),
            Self::ErrorStatus(status) => {
                write!(
                    f,
                    "the response is {status}: the script can read it and must handle it"
                )
            }
        }
    }
}

// === impl Stage ===

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preflight => "the answer to the preflight",
            Self::Response => "the response",
        })
    }
}
