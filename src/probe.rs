//! Asking a live server what a browser would ask, and judging its answers as a browser would.
//!
//! ```text
//! Question ── ask / scan ── Exchange (a socket, or a test) ── Report
//! ```
//!
//! *Invariant:* what decides is [`cors::browser`](crate::cors::browser), the standard alone. What is
//! said beyond it is a [`Warning`], and never changes the verdict.

mod client;
mod exchange;
mod scan;
mod target;
mod warning;

pub use client::{Client, ClientOptions, Roots, RootsError};
pub use exchange::{Answer, Exchange, ExchangeError};
pub use scan::{Access, Finding, ScanReport, Severity, scan};
pub use target::{Target, TargetError};
pub use warning::{Place, Warning};

use crate::cors::browser::{
    PreflightCause, PreflightPermit, Refusal, ResponsePermit, ScriptRequest,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

/// What a script does, and how much of it is really to be done.
#[derive(Debug, Clone)]
pub struct Question {
    pub target: Target,
    pub method: String,
    pub origin: String,
    pub headers: Vec<(String, String)>,
    pub credentials: bool,
    /// Ask for permission, and leave it at that.
    pub preflight_only: bool,
    /// Send the request itself whatever its method; otherwise only GET and HEAD are sent.
    pub send: bool,
}

/// What was asked and answered.
#[derive(Debug)]
pub struct Report {
    /// The page is of the URL's own origin: a browser needs no permission, and nothing was sent.
    pub same_origin: bool,
    /// Why a browser asks first; empty where it doesn't.
    pub causes: Vec<PreflightCause>,
    /// Headers of the script that a browser drops.
    pub dropped: Vec<String>,
    /// `None`: a browser sends none.
    pub preflight: Option<Judged<PreflightPermit>>,
    pub request: Outcome,
    pub warnings: Vec<Warning>,
}

/// An answer, and what a browser makes of it.
#[derive(Debug)]
pub struct Judged<P> {
    /// The CORS fields that were sent.
    pub asked: Vec<(&'static str, String)>,
    pub answer: Answer,
    pub verdict: Result<P, Refusal>,
}

/// What became of the request itself.
#[derive(Debug)]
pub enum Outcome {
    Answered(Judged<ResponsePermit>),
    /// The preflight forbids it, so that a browser sends nothing either.
    Forbidden,
    /// It wasn't to be sent.
    NotSent,
    /// It may change something, and nobody said to send it all the same.
    MayChangeSomething,
}

/// Whose answer is missing.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", match .place {
    Place::Preflight => "preflight",
    Place::Response => "request",
})]
pub struct AskError {
    pub place: Place,
    pub error: ExchangeError,
}

/// Asks, and judges.
///
/// # Errors
///
/// Where the server gives no answer at all.
pub fn ask(question: &Question, exchange: &impl Exchange) -> Result<Report, AskError> {
    let script = question.script();
    let mut report = Report {
        same_origin: question.is_same_origin(),
        causes: script.preflight_causes(),
        dropped: script.dropped_headers(),
        preflight: None,
        request: Outcome::NotSent,
        warnings: Vec::new(),
    };
    if report.same_origin {
        report.causes.clear();
        return Ok(report);
    }
    if !report.causes.is_empty() {
        let asked = script.preflight_fields();
        let request = cors_request(&question.target, Method::OPTIONS, &asked, []);
        let answer = exchange.exchange(request).map_err(|error| AskError {
            place: Place::Preflight,
            error,
        })?;
        let verdict = script.judge_preflight(answer.status, &answer.fields);
        report.preflight = Some(Judged {
            asked,
            answer,
            verdict,
        });
    }
    report.request = request(question, &report, exchange)?;
    report.warnings = warning::all(question, &report);
    Ok(report)
}

/// The request itself, where it is to be sent.
fn request(
    question: &Question,
    report: &Report,
    exchange: &impl Exchange,
) -> Result<Outcome, AskError> {
    if report.refusal().is_some() {
        return Ok(Outcome::Forbidden);
    }
    if question.preflight_only {
        return Ok(Outcome::NotSent);
    }
    let script = question.script();
    if !question.is_harmless() && !question.send {
        return Ok(Outcome::MayChangeSomething);
    }
    // `check` has refused what is no token, so that the other arm is never taken.
    let Ok(method) = Method::from_bytes(script.method().as_bytes()) else {
        return Ok(Outcome::NotSent);
    };
    let asked = vec![("Origin", question.origin.clone())];
    let request = cors_request(&question.target, method, &asked, script.sent_headers());
    let answer = exchange.exchange(request).map_err(|error| AskError {
        place: Place::Response,
        error,
    })?;
    let verdict = script.judge_response(&answer.fields);
    Ok(Outcome::Answered(Judged {
        asked,
        answer,
        verdict,
    }))
}

/// A request with the browser's fields and the script's.
fn cors_request<'a>(
    target: &Target,
    method: Method,
    fields: &[(&'static str, String)],
    script: impl IntoIterator<Item = (String, &'a str)>,
) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target.uri().clone();
    let headers = request.headers_mut();
    let browser = fields.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in browser {
        append(headers, name, value);
    }
    for (name, value) in script {
        append(headers, &name, value);
    }
    if !headers.contains_key(header::ACCEPT) {
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    }
    request
}

/// Names and values have been checked: what isn't one is left out rather than to panic.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    // One byte a character, as in JavaScript.
    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
    if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
        headers.append(name, value);
    }
}

// === impl Question ===

impl Question {
    pub fn script(&self) -> ScriptRequest<'_> {
        ScriptRequest {
            method: &self.method,
            origin: &self.origin,
            headers: &self.headers,
            credentials: self.credentials,
        }
    }

    /// Whether page and URL are of the same origin, so that CORS has nothing to say.
    pub fn is_same_origin(&self) -> bool {
        self.target.origin() == self.origin
    }

    /// Whether asking would send anything.
    pub fn sends_anything(&self) -> bool {
        let asks_first = !self.script().preflight_causes().is_empty();
        let sends = !self.preflight_only && (self.send || self.is_harmless());
        self.is_same_origin() || asks_first || sends
    }

    fn is_harmless(&self) -> bool {
        matches!(self.script().method(), "GET" | "HEAD")
    }
}

// === impl Report ===

impl Report {
    /// Why a browser says no; `None` where it says yes to all that was asked.
    pub fn refusal(&self) -> Option<&Refusal> {
        let preflight = self.preflight.as_ref().map(|p| p.verdict.as_ref().err());
        let response = match &self.request {
            Outcome::Answered(response) => response.verdict.as_ref().err(),
            Outcome::Forbidden | Outcome::NotSent | Outcome::MayChangeSomething => None,
        };
        preflight.flatten().or(response)
    }
}

#[cfg(test)]
mod tests;
