//! Explains what the gateway would do with a request, and why, without sending one.
//!
//! *Invariant:* the route, the decision and the answer are those of `Routed`, which traffic asks.
//! This room judges them as a browser does and lays out the report; the steps are worded in
//! [`crate::cors::explain`], the predicates of routes in [`crate::routing`].

mod changes;
mod client;
mod exchange;
mod forwarded;
mod judgement;
mod listener;
mod notes;
mod question;
mod report;
mod script;
mod unasked;

pub use forwarded::{FieldEdits, Forwarded};
pub use question::{Flags, Format, Message, Question, QuestionError, Source};
pub use report::{
    Author, Browser, Change, Exchange, GrpcWebReport, NearestRoute, ReadingReport, Report,
    Response, RouteReport, Ruling, StepOutcome, StepReport,
};

use crate::cors::browser::ScriptRequest;
use crate::cors::{RequestKind, default_port, host_and_port, origin_of};
use crate::proxy::Snapshot;
use crate::proxy::facts::cors_request;
use changes::Changes;
use exchange::exchange;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use judgement::{judge_preflight, ruling};
use script::explain_script;
use unasked::{explain_options, explain_websocket, rule_on_rejected_options};

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
    let mut report = judge(snapshot, question)?;
    if let Some(open) = notes::open_points(snapshot, question, &report)? {
        report
            .why
            .push_str("; other headers or credentials can change that, see the notes");
        report.notes.insert(0, open);
    }
    report
        .notes
        .extend(listener::notes(snapshot, question, &report));
    report.notes.extend(notes::of_request(question, &report));
    report.notes.extend(notes::of_rate_limit(snapshot, &report));
    if let Source::Message(message) = &question.source {
        notes::of_message(message, &mut report);
    }
    Ok(report)
}

/// Explains a request, and nothing beside it.
fn judge(snapshot: &Snapshot, question: &Question) -> Result<Report, QuestionError> {
    let header = question.header()?;
    let kind = cors_request(&header).kind();
    let mut report = Report {
        method: question.method.clone(),
        url: question.url(),
        origin: question.values("origin").next().map(str::to_owned),
        credentials: question.credentials,
        listener: None,
        verdict: Ruling::NoCors,
        why: String::new(),
        changes: Vec::new(),
        notes: Vec::new(),
        preflight: None,
        request: None,
    };
    report.take_listener(snapshot, question);
    match kind {
        _ if question.is_websocket() => explain_websocket(snapshot, question, &mut report)?,
        RequestKind::Preflight => explain_preflight(snapshot, question, &header, &mut report),
        RequestKind::NotCors => {
            let (mut exchange, _) = exchange(snapshot, &header, question);
            exchange.browser.says = "makes no CORS check".to_owned();
            "the request has no Origin: a browser sends one with every cross-origin request of a script"
                .clone_into(&mut report.why);
            rule_on_rejected_options(snapshot, question, &header, &exchange, &mut report);
            report.request = Some(exchange);
        }
        // A script's own OPTIONS is asked for by a preflight first; a tool's is not.
        RequestKind::Actual if header.method == Method::OPTIONS && question.is_as_sent() => {
            explain_options(snapshot, question, &header, &mut report);
        }
        RequestKind::Actual => explain_script(snapshot, question, &mut report)?,
    }
    listener::rule(snapshot, question, &mut report);
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
    report.take_changes(snapshot, question, &[(&exchange, header)], &[]);
    report.preflight = Some(exchange);
}

// === impl Report ===

impl Report {
    /// Takes the changes that would let these requests through, each once, if they are refused. `hidden` has
    /// the names of response fields that the script reads and may not.
    fn take_changes(
        &mut self,
        snapshot: &Snapshot,
        question: &Question,
        requests: &[(&Exchange, &Parts)],
        hidden: &[String],
    ) {
        if matches!(self.verdict, Ruling::Allowed | Ruling::NoCors) {
            return;
        }
        let changes = Changes::of(snapshot);
        for (exchange, header) in requests {
            let request = cors_request(header);
            for change in changes.for_request(exchange, &request, question.credentials, hidden) {
                if !self.changes.contains(&change) {
                    self.changes.push(change);
                }
            }
        }
    }

    fn take_listener(&mut self, snapshot: &Snapshot, question: &Question) {
        let found = client::listener(snapshot, question);
        self.listener = found.map(|(_, listener)| listener.listen.address.to_string());
        if found.is_none() {
            let port = question.port();
            let listeners = snapshot.listeners.iter();
            let all: Vec<String> = listeners
                .map(|listener| listener.listen.address.to_string())
                .collect();
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

    /// Whether it is a request as it was sent, and not what a script asks its browser for.
    fn is_as_sent(&self) -> bool {
        self.source == Source::Request
    }

    fn is_same_origin(&self, origin: &str) -> bool {
        origin_of(&self.scheme, &self.authority) == origin
    }
}
