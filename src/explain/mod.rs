//! Explains what the gateway would do with a request, and why, without sending one.
//!
//! *Invariant:* the route, the decision and the answer are those of `Routed`, which traffic asks.
//! This room judges them as a browser does and lays out the report; the steps are worded in
//! [`crate::cors::explain`], the predicates of routes in [`crate::routing`].

mod exchange;
mod judgement;
mod question;
mod report;

pub use question::{Flags, Format, Question, QuestionError};
pub use report::{
    Author, Browser, Exchange, NearestRoute, ReadingReport, Report, Response, RouteReport, Ruling,
    StepOutcome, StepReport,
};

use crate::cors::browser::ScriptRequest;
use crate::cors::{CorsRequest, Origin, RequestKind, default_port, host_and_port, origin_of};
use crate::proxy::Snapshot;
use exchange::exchange;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use judgement::{judge_preflight, judge_response, ruling};

/// A report in the format that was asked for.
pub struct Explained {
    pub content_type: &'static str,
    pub text: String,
}

/// Answers a query and the request pasted with it, as text or, with `format=json`, as JSON. An error
/// is a message for the person who asked.
pub fn answer(snapshot: &Snapshot, query: &str, pasted: &str) -> Result<Explained, QuestionError> {
    let (flags, format) = Flags::of_query(query)?;
    let report = explain(snapshot, &Question::of_text(pasted, flags)?)?;
    Ok(match format {
        Format::Json => Explained {
            content_type: "application/json",
            text: report.to_json(),
        },
        Format::Text => Explained {
            content_type: "text/plain; charset=utf-8",
            text: report.to_string(),
        },
    })
}

/// Explains a request under `snapshot`.
///
/// # Errors
///
/// If the question is not a request: its method is not a token, or a field cannot be sent.
pub fn explain(snapshot: &Snapshot, question: &Question) -> Result<Report, QuestionError> {
    let header = question.header()?;
    let request = CorsRequest::new(&header.method, &header.headers);
    let kind = request.kind();
    let mut report = Report {
        method: question.method.clone(),
        url: question.url(),
        origin: question.values("origin").next().map(str::to_owned),
        credentials: question.credentials,
        listener: None,
        verdict: Ruling::NoCors,
        why: String::new(),
        notes: Vec::new(),
        preflight: None,
        request: None,
    };
    report.take_listener(snapshot, question);
    report.notes.extend(odd_origin(question));
    match kind {
        RequestKind::Preflight => explain_preflight(snapshot, question, &header, &mut report),
        RequestKind::NotCors => {
            let (mut exchange, _) = exchange(snapshot, &header, question);
            exchange.browser.says = "makes no CORS check".to_owned();
            "the request has no Origin: a browser sends one with every cross-origin request of a script"
                .clone_into(&mut report.why);
            report.request = Some(exchange);
        }
        RequestKind::Actual => return explain_actual(snapshot, question, report),
    }
    Ok(report)
}

/// Explains a question that is itself a preflight.
fn explain_preflight(
    snapshot: &Snapshot,
    question: &Question,
    header: &Parts,
    report: &mut Report,
) {
    let (mut exchange, seen) = exchange(snapshot, header, question);
    let asked = question.values("access-control-request-headers");
    let names = asked.flat_map(|line| line.split(',')).map(str::trim);
    // A browser asks for a name only if its value is not safelisted; this value never is.
    let headers: Vec<(String, String)> = names
        .filter(|name| !name.is_empty())
        .map(|name| (name.to_owned(), "\"".to_owned()))
        .collect();
    let method = question.values("access-control-request-method").next();
    let script = ScriptRequest {
        method: method.unwrap_or_default(),
        origin: report.origin.as_deref().unwrap_or_default(),
        headers: &headers,
        credentials: question.credentials,
    };
    if !question.credentials {
        let note = "a preflight does not show whether its request has credentials; this report assumes none";
        report.notes.push(note.to_owned());
    }
    let judgement = judge_preflight(&script, seen.as_ref(), &mut exchange.browser);
    (report.verdict, report.why) = ruling(&[(&exchange, &judgement)]);
    report.preflight = Some(exchange);
}

/// Explains a script's request, and the preflight that its browser sends first.
fn explain_actual(
    snapshot: &Snapshot,
    question: &Question,
    mut report: Report,
) -> Result<Report, QuestionError> {
    let origin = report.origin.clone().unwrap_or_default();
    let headers: Vec<(String, String)> = question
        .headers
        .iter()
        .filter(|(name, _)| !is_origin(name))
        .cloned()
        .collect();
    let script = ScriptRequest {
        method: &question.method,
        origin: &origin,
        headers: &headers,
        credentials: question.credentials,
    };
    // A browser does not always send what the script has written.
    let dropped = script.dropped_headers();
    let is_sent = |(name, _): &&(String, String)| {
        let mut dropped = dropped.iter();
        !dropped.any(|dropped| name.eq_ignore_ascii_case(dropped)) || is_origin(name)
    };
    let sent = Question {
        method: script.method().to_owned(),
        headers: question.headers.iter().filter(is_sent).cloned().collect(),
        ..question.clone()
    };
    if sent.method != question.method {
        let (written, sent) = (&question.method, &sent.method);
        let note = format!("the browser sends the method `{written}` as `{sent}`");
        report.notes.push(note);
    }
    let (mut exchange_itself, seen) = exchange(snapshot, &sent.header()?, &sent);
    if question.is_same_origin(&origin) {
        exchange_itself.browser.says = "makes no CORS check".to_owned();
        "the page and the URL have the same origin: a browser makes no CORS check"
            .clone_into(&mut report.why);
        report.request = Some(exchange_itself);
        return Ok(report);
    }
    if let Err(error) = script.check() {
        report.verdict = Ruling::Blocked;
        report.why = format!("the browser sends nothing: {error}");
        return Ok(report);
    }
    for name in dropped {
        let note = format!(
            "browsers ignore `{name}` when a script sets it: they leave it out, or set it themselves"
        );
        report.notes.push(note);
    }
    let causes = script.preflight_causes();
    let judgement = judge_response(&script, seen.as_ref(), &mut exchange_itself.browser);
    if causes.is_empty() {
        report
            .notes
            .push("no preflight: neither the method nor the headers need one".to_owned());
        (report.verdict, report.why) = ruling(&[(&exchange_itself, &judgement)]);
        report.request = Some(exchange_itself);
        return Ok(report);
    }
    let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
    report
        .notes
        .push(format!("preflight, because of: {}", causes.join(", ")));
    let asking = Question {
        method: "OPTIONS".to_owned(),
        headers: script
            .preflight_fields()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        ..question.clone()
    };
    let (mut preflight, seen) = exchange(snapshot, &asking.header()?, &asking);
    let asked = judge_preflight(&script, seen.as_ref(), &mut preflight.browser);
    if matches!(asked, Some(Err(_))) {
        exchange_itself.browser = Browser {
            permits: None,
            code: None,
            says: "does not send it: the preflight was refused".to_owned(),
        };
    }
    let both = [(&preflight, &asked), (&exchange_itself, &judgement)];
    (report.verdict, report.why) = ruling(&both);
    report.preflight = Some(preflight);
    report.request = Some(exchange_itself);
    Ok(report)
}

/// Notes an Origin that no browser sends.
fn odd_origin(question: &Question) -> Option<String> {
    let origin = question.values("origin").next()?;
    let why = Origin::parse(origin.as_bytes()).err()?;
    Some(format!("no browser sends the origin `{origin}`: {why}"))
}

fn is_origin(name: &str) -> bool {
    name.eq_ignore_ascii_case("origin")
}

// === impl Report ===

impl Report {
    fn take_listener(&mut self, snapshot: &Snapshot, question: &Question) {
        let port = question.port();
        let mut listeners = snapshot.listeners.iter();
        let found = listeners.find(|address| address.port() == port);
        self.listener = found.map(ToString::to_string);
        if found.is_none() {
            let all: Vec<String> = snapshot.listeners.iter().map(ToString::to_string).collect();
            self.notes.push(format!(
                "no listener has port {port}: a proxy in front must forward it to {}",
                all.join(", ")
            ));
        }
    }
}

// === impl Question ===

impl Question {
    /// Makes the header of the request as a client would send it.
    fn header(&self) -> Result<Parts, QuestionError> {
        let wrong = |what: &str, value: &str| {
            QuestionError::new(format!(
                "`{}` is not a valid {what}",
                value.escape_default()
            ))
        };
        let (mut header, ()) = Request::new(()).into_parts();
        header.method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| wrong("method", &self.method))?;
        let target = self.target.split('#').next().unwrap_or_default();
        let target = PathAndQuery::try_from(target).map_err(|_| wrong("target", &self.target))?;
        header.uri = Uri::from(target);
        let host = ("Host".to_owned(), self.authority.clone());
        for (name, value) in std::iter::once(&host).chain(&self.headers) {
            let value = HeaderValue::from_str(value).map_err(|_| wrong("field value", value))?;
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("field name", name))?;
            header.headers.append(name, value);
        }
        Ok(header)
    }

    fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority, self.target)
    }

    fn port(&self) -> u16 {
        let (_, written) = host_and_port(&self.authority);
        let written = written.and_then(|port| port.parse().ok());
        written
            .or_else(|| default_port(&self.scheme))
            .unwrap_or_default()
    }

    fn is_same_origin(&self, origin: &str) -> bool {
        origin_of(&self.scheme, &self.authority) == origin
    }
}
