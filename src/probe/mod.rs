//! Asking a live server what a browser would ask, and judging its answers as a browser would.
//!
//! ```text
//! ProbeRequest ── ask / scan ── Transport (a socket, or a test) ── ProbeReport
//! ```
//!
//! *Invariant:* the verdict is that of [`cors::browser`](crate::cors::browser), which knows the Fetch
//! standard alone. Everything beyond it is a [`Warning`], which never changes the verdict.

mod client;
mod exchange;
mod objection;
mod resolve;
mod scan;
mod target;
mod warning;

pub use client::{Client, ClientOptions, Roots, RootsError, exchange_error, tls};
pub use exchange::{Answer, ExchangeError, Transport};
pub use objection::Objection;
pub use resolve::{Resolve, ResolveError};
pub use scan::{Access, Finding, LeakSeverity, ScanReport, scan};
pub use target::{Target, TargetError};
pub use warning::{Stage, Warning};

use crate::cors::browser::{
    PreflightCause, PreflightPermit, Refusal, ResponsePermit, ScriptRequest,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

/// A script's request, and how much of it to send.
#[derive(Debug, Clone)]
pub struct ProbeRequest {
    pub target: Target,
    pub method: String,
    pub origin: String,
    pub headers: Vec<(String, String)>,
    pub credentials: bool,
    /// Send the preflight and nothing else.
    pub preflight_only: bool,
    /// Send the request itself whatever its method. Without it, only GET and HEAD are sent.
    pub send: bool,
}

/// The requests that were sent, the answers, and a browser's verdict on each.
#[derive(Debug)]
pub struct ProbeReport {
    /// Whether the page has the URL's own origin: a browser needs no permission then, and nothing was
    /// sent.
    pub same_origin: bool,
    /// Reasons for a preflight; empty if a browser sends none.
    pub causes: Vec<PreflightCause>,
    /// Headers of the script that a browser drops.
    pub dropped: Vec<String>,
    /// `None` if a browser sends none.
    pub preflight: Option<Judged<PreflightPermit>>,
    pub request: RequestOutcome,
    pub warnings: Vec<Warning>,
}

/// An answer, and a browser's verdict on it.
#[derive(Debug)]
pub struct Judged<P> {
    /// The CORS fields that were sent.
    pub asked: Vec<(&'static str, String)>,
    pub answer: Answer,
    pub verdict: Result<P, Refusal>,
}

/// Fate of the request itself.
#[derive(Debug)]
pub enum RequestOutcome {
    Answered(Judged<ResponsePermit>),
    /// Not sent: the preflight forbids it, and a browser would not send it either.
    Forbidden,
    /// Not sent, as [`ProbeRequest::preflight_only`] says.
    NotSent,
    /// Not sent: it may change something on the server, and [`ProbeRequest::send`] is not set.
    MayChangeSomething,
}

/// A missing answer.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", match .stage {
    Stage::Preflight => "preflight",
    Stage::Response => "request",
})]
pub struct AskError {
    pub stage: Stage,
    pub error: ExchangeError,
}

/// Sends what a browser would send, and judges the answers as it would.
///
/// # Errors
///
/// Where the server gives no answer at all.
pub fn ask(question: &ProbeRequest, transport: &impl Transport) -> Result<ProbeReport, AskError> {
    let script = question.script();
    let mut report = ProbeReport {
        same_origin: question.is_same_origin(),
        causes: script.preflight_causes(),
        dropped: script.dropped_headers(),
        preflight: None,
        request: RequestOutcome::NotSent,
        warnings: Vec::new(),
    };
    if report.same_origin {
        report.causes.clear();
        return Ok(report);
    }
    if !report.causes.is_empty() {
        let asked = script.preflight_fields();
        let request = cors_request(&question.target, Method::OPTIONS, &asked, []);
        let answer = transport.exchange(request).map_err(|error| AskError {
            stage: Stage::Preflight,
            error,
        })?;
        let verdict = script.judge_preflight(answer.status, &answer.fields);
        report.preflight = Some(Judged {
            asked,
            answer,
            verdict,
        });
    }
    report.request = request(question, &report, transport)?;
    report.warnings = warning::all(question, &report);
    Ok(report)
}

/// Sends the request itself, unless a reason says not to.
fn request(
    question: &ProbeRequest,
    report: &ProbeReport,
    transport: &impl Transport,
) -> Result<RequestOutcome, AskError> {
    if report.refusal().is_some() {
        return Ok(RequestOutcome::Forbidden);
    }
    if question.preflight_only {
        return Ok(RequestOutcome::NotSent);
    }
    let script = question.script();
    if !question.is_harmless() && !question.send {
        return Ok(RequestOutcome::MayChangeSomething);
    }
    // `check` has refused every method that is not a token, so that the other arm is never taken.
    let Ok(method) = Method::from_bytes(script.method().as_bytes()) else {
        return Ok(RequestOutcome::NotSent);
    };
    let asked = vec![("Origin", question.origin.clone())];
    let request = cors_request(&question.target, method, &asked, script.sent_headers());
    let answer = transport.exchange(request).map_err(|error| AskError {
        stage: Stage::Response,
        error,
    })?;
    let verdict = script.judge_response(&answer.fields);
    Ok(RequestOutcome::Answered(Judged {
        asked,
        answer,
        verdict,
    }))
}

/// Makes a request with the browser's fields and the script's.
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

/// Appends a field. Names and values are checked before; an invalid one is left out rather than to
/// panic.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    // Each character is one byte, as in the Headers object of a script.
    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
    if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
        headers.append(name, value);
    }
}

// === impl ProbeRequest ===

impl ProbeRequest {
    pub fn script(&self) -> ScriptRequest<'_> {
        ScriptRequest {
            method: &self.method,
            origin: &self.origin,
            headers: &self.headers,
            credentials: self.credentials,
        }
    }

    /// Whether page and URL have the same origin, so that CORS has nothing to say.
    pub fn is_same_origin(&self) -> bool {
        self.target.origin() == self.origin
    }

    /// Whether asking sends anything.
    pub fn sends_anything(&self) -> bool {
        let asks_first = !self.script().preflight_causes().is_empty();
        let sends = !self.preflight_only && (self.send || self.is_harmless());
        self.is_same_origin() || asks_first || sends
    }

    fn is_harmless(&self) -> bool {
        matches!(self.script().method(), "GET" | "HEAD")
    }
}

// === impl ProbeReport ===

impl ProbeReport {
    /// Returns the first refusal of the browser; `None` if it permits everything that was sent.
    pub fn refusal(&self) -> Option<&Refusal> {
        let preflight = self.preflight.as_ref().map(|p| p.verdict.as_ref().err());
        let response = match &self.request {
            RequestOutcome::Answered(response) => response.verdict.as_ref().err(),
            RequestOutcome::Forbidden
            | RequestOutcome::NotSent
            | RequestOutcome::MayChangeSomething => None,
        };
        preflight.flatten().or(response)
    }
}

#[cfg(test)]
mod tests;
