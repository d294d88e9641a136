//! `explain`: what the gateway does with a request, and why, without a request being made.
//!
//! *Invariant:* the route, the decision and the answer are those of `Routed`, which traffic asks.
//! What is told beside them decides nothing.

mod question;
mod report;

pub use question::{Flags, Format, Question, QuestionError};
pub use report::{
    Author, Browser, Exchange, NearestRoute, Report, Response, RouteReport, Ruling, StepOutcome,
    StepReport,
};

use crate::cors::browser::{Refusal, ScriptRequest};
use crate::cors::{
    self, CorsRequest, Grant, HeaderPlan, Origin, RequestKind, Step, StepResult,
    UpstreamCorsHeaders, default_port, host_and_port,
};
use crate::proxy::answer::{self, has_length};
use crate::proxy::check;
use crate::proxy::respond;
use crate::proxy::routed::Routed;
use crate::proxy::snapshot::{Route, Snapshot};
use crate::routing::normalized_path;
use crate::routing::{Predicates, RouteRequest};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pingora_http::RequestHeader;

/// A response as a browser sees it, as far as it is known without the upstream.
struct Seen {
    status: StatusCode,
    fields: HeaderMap,
}

/// The step before all others: whether the request can be trusted to mean one thing.
const REQUEST: &str = "request";

/// A report, written.
pub struct Explained {
    pub content_type: &'static str,
    pub text: String,
}

/// What a browser says to a response; `None` where the upstream decides.
type Judgement = Option<Result<(), Refusal>>;

/// Answers a query, and what is pasted with it, as text or, with `format=json`, as JSON. The error is
/// what to tell who asked.
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

/// Explains what becomes of a request under `snapshot`.
///
/// # Errors
///
/// Where the question is no request: a method that is none, or a field that can't be sent.
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
            "no Origin: a browser sends one with every request of a script to another origin"
                .clone_into(&mut report.why);
            report.request = Some(exchange);
        }
        RequestKind::Actual => return explain_actual(snapshot, question, report),
    }
    Ok(report)
}

/// What is asked about is the browser's own question.
fn explain_preflight(
    snapshot: &Snapshot,
    question: &Question,
    header: &RequestHeader,
    report: &mut Report,
) {
    let (mut exchange, seen) = exchange(snapshot, header, question);
    let asked = question.values("access-control-request-headers");
    let names = asked.flat_map(|line| line.split(',')).map(str::trim);
    // No value is safelisted where the name was asked for.
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
        let note =
            "a preflight does not show whether its request has credentials; here it has none";
        report.notes.push(note.to_owned());
    }
    let judgement = judge_preflight(&script, seen.as_ref(), &mut exchange.browser);
    (report.verdict, report.why) = ruling(&[(&exchange, &judgement)]);
    report.preflight = Some(exchange);
}

/// What a script asks for, and what its browser asks before.
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
    // What the browser sends is not always what its script has written.
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
        let note = format!("the method `{written}` is sent as `{sent}`");
        report.notes.push(note);
    }
    let (mut exchange_itself, seen) = exchange(snapshot, &sent.header()?, &sent);
    if question.is_same_origin(&origin) {
        exchange_itself.browser.says = "makes no CORS check".to_owned();
        "the page and the URL have the same origin: a browser asks nothing and checks nothing"
            .clone_into(&mut report.why);
        report.request = Some(exchange_itself);
        return Ok(report);
    }
    if let Err(error) = script.check() {
        report.verdict = Ruling::Blocked;
        report.why = format!("nothing is sent: {error}");
        return Ok(report);
    }
    for name in dropped {
        let note =
            format!("no script may set `{name}`: a browser leaves it out, or sets it itself");
        report.notes.push(note);
    }
    let causes = script.preflight_causes();
    let judgement = judge_response(&script, seen.as_ref(), &mut exchange_itself.browser);
    if causes.is_empty() {
        report
            .notes
            .push("no preflight: method and headers need none".to_owned());
        (report.verdict, report.why) = ruling(&[(&exchange_itself, &judgement)]);
        report.request = Some(exchange_itself);
        return Ok(report);
    }
    let causes: Vec<String> = causes.iter().map(ToString::to_string).collect();
    report
        .notes
        .push(format!("a preflight: {}", causes.join(", ")));
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
            says: "never sends it: the preflight was refused".to_owned(),
        };
    }
    let both = [(&preflight, &asked), (&exchange_itself, &judgement)];
    (report.verdict, report.why) = ruling(&both);
    report.preflight = Some(preflight);
    report.request = Some(exchange_itself);
    Ok(report)
}

/// What is said of an Origin that no browser sends, whatever becomes of it.
fn odd_origin(question: &Question) -> Option<String> {
    let origin = question.values("origin").next()?;
    let why = Origin::parse(origin.as_bytes()).err()?;
    Some(format!("no browser sends the origin `{origin}`: {why}"))
}

fn is_origin(name: &str) -> bool {
    name.eq_ignore_ascii_case("origin")
}

/// What becomes of one request, and what a browser will see of it.
fn exchange(
    snapshot: &Snapshot,
    header: &RequestHeader,
    question: &Question,
) -> (Exchange, Option<Seen>) {
    let request = CorsRequest::new(&header.method, &header.headers);
    let path = normalized_path(header.uri.path());
    let route_request = check::route_request(header, &path, &request);
    let routed = Routed::on(snapshot, &route_request);
    let route = snapshot.route(routed.route_id);
    let bytes = check::decoded_header_bytes(header);
    let alone = check::answer_alone(header, bytes, &request, &snapshot.limits);
    let steps = cors::explain(&route.rule, &request);
    let mut steps: Vec<StepReport> = steps.into_iter().map(StepReport::from).collect();
    let answer = match alone {
        Some(status) => {
            steps.insert(0, refused_alone(status));
            Some(routed.refusal(status))
        }
        None => routed.answer(),
    };
    let plan = routed.plan();
    let (response, seen) = match answer {
        Some(answer) => own_response(&answer),
        None => upstreams_response(route, plan, header),
    };
    let (outcome, reason) = match alone {
        Some(_) => ("none", None),
        None => (routed.outcome(), routed.reason()),
    };
    let mut headers = vec![("Host".to_owned(), question.authority.clone())];
    headers.extend(question.shown_headers());
    let exchange = Exchange {
        method: question.method.clone(),
        target: question.target.clone(),
        headers,
        route: route_report(snapshot, route, &route_request),
        steps,
        outcome,
        reason,
        response,
        browser: Browser {
            permits: None,
            code: None,
            says: String::new(),
        },
    };
    (exchange, seen)
}

fn refused_alone(status: StatusCode) -> StepReport {
    let finding = match status {
        StatusCode::NO_CONTENT => "`OPTIONS *` is about the server: answered, whatever CORS says",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the header is longer than `limits.max_request_header_bytes`"
        }
        _ => "the target is no path, or has dot segments, which a browser resolves before it sends",
    };
    let result = match status {
        StatusCode::NO_CONTENT => StepOutcome::Yes,
        _ => StepOutcome::No,
    };
    StepReport {
        step: REQUEST,
        result,
        reason: None,
        finding: finding.to_owned(),
        near_miss: None,
    }
}

fn own_response(answer: &answer::Answer<'_>) -> (Response, Option<Seen>) {
    let fields = answer.fields();
    let mut headers = Vec::new();
    if has_length(answer.status) {
        headers.push(("Content-Length".to_owned(), "0".to_owned()));
    }
    headers.extend(shown(&fields));
    let response = Response {
        from: Author::Gateway,
        status: Some(answer.status.as_u16()),
        headers,
        upstream_cors_headers: None,
    };
    let seen = Seen {
        status: answer.status,
        fields,
    };
    (response, Some(seen))
}

fn upstreams_response(
    route: &Route,
    plan: HeaderPlan,
    request: &RequestHeader,
) -> (Response, Option<Seen>) {
    let added = respond::added_to_upstreams(route, plan, request);
    let (is_known, words) = match plan {
        HeaderPlan::Untouched | HeaderPlan::Vary(_) => (false, "are left alone"),
        HeaderPlan::Policy {
            upstream, grant, ..
        } => match (upstream, grant) {
            (UpstreamCorsHeaders::Strip, _) => (true, "are removed"),
            (UpstreamCorsHeaders::Keep, Grant::Nothing) => (false, "are left as they are"),
            (UpstreamCorsHeaders::Keep, _) => (true, "are replaced"),
            (UpstreamCorsHeaders::Fill, _) => (false, "stay, and what is missing is added"),
        },
    };
    let response = Response {
        from: Author::Upstream,
        status: None,
        headers: shown(&added),
        upstream_cors_headers: Some(words),
    };
    let seen = Seen {
        // As good an answer as there can be.
        status: StatusCode::OK,
        fields: added,
    };
    (response, is_known.then_some(seen))
}

/// Fields as HTTP/1.1 programs write them.
fn shown(fields: &HeaderMap) -> Vec<(String, String)> {
    let name_of = |name: &HeaderName| {
        let words = name
            .as_str()
            .split('-')
            .map(|word| match word.split_at_checked(1) {
                Some((first, rest)) => first.to_ascii_uppercase() + rest,
                None => word.to_owned(),
            });
        words.collect::<Vec<_>>().join("-")
    };
    let lines = fields.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name_of(name), value)
    });
    lines.collect()
}

fn route_report(snapshot: &Snapshot, route: &Route, request: &RouteRequest<'_>) -> RouteReport {
    let name = route.name.clone();
    if let Some(matches) = &route.matches {
        return RouteReport {
            name,
            upstream: route.cluster.as_ref().map(|c| c.name().to_owned()),
            because: Predicates::of(matches, request, question::browser_headers::shown).met,
            nearest: None,
        };
    }
    let others = snapshot.routes().filter_map(|other| {
        let predicates = Predicates::of(
            other.matches.as_ref()?,
            request,
            question::browser_headers::shown,
        );
        let nearness = predicates.nearness();
        let route = NearestRoute {
            name: other.name.clone(),
            unmet: predicates.unmet,
        };
        Some((nearness, route))
    });
    RouteReport {
        name,
        upstream: None,
        because: Vec::new(),
        // Of equally near ones the first.
        nearest: others
            .reduce(|a, b| if b.0 > a.0 { b } else { a })
            .map(|(_, route)| route),
    }
}

fn judge_preflight(
    script: &ScriptRequest<'_>,
    seen: Option<&Seen>,
    browser: &mut Browser,
) -> Judgement {
    let permit = seen.map(|seen| script.judge_preflight(seen.status, &seen.fields));
    let says = match &permit {
        Some(Ok(permit)) => format!(
            "permits the request, and remembers that for {} s",
            permit.max_age
        ),
        Some(Err(refusal)) => format!("refuses: {refusal}"),
        None => "does what the upstream's answer says".to_owned(),
    };
    *browser = Browser::new(permit.as_ref().map(|p| p.as_ref().map(|_| ())), says);
    permit.map(|permit| permit.map(|_| ()))
}

fn judge_response(
    script: &ScriptRequest<'_>,
    seen: Option<&Seen>,
    browser: &mut Browser,
) -> Judgement {
    let permit = seen.map(|seen| script.judge_response(&seen.fields));
    let says = match &permit {
        Some(Ok(_)) => "lets the script read the response".to_owned(),
        Some(Err(refusal)) => format!("keeps the response from the script: {refusal}"),
        None => "does what the upstream's response says".to_owned(),
    };
    *browser = Browser::new(permit.as_ref().map(|p| p.as_ref().map(|_| ())), says);
    permit.map(|permit| permit.map(|_| ()))
}

/// What all judgements come to, and why.
fn ruling(judged: &[(&Exchange, &Judgement)]) -> (Ruling, String) {
    for (exchange, judgement) in judged {
        if let Some(Err(refusal)) = judgement {
            // What the gateway says is nearer to the cause than what a browser makes of it.
            let cause = exchange.cause();
            return (
                Ruling::Blocked,
                cause.unwrap_or_else(|| refusal.to_string()),
            );
        }
    }
    if judged.iter().any(|(_, judgement)| judgement.is_none()) {
        let why = "what the upstream answers reaches the browser".to_owned();
        return (Ruling::DependsOnUpstream, why);
    }
    // An error with the right headers is still an error.
    if let Some((exchange, _)) = judged.last()
        && let Some(status @ 400..) = exchange.response.status
    {
        let cause = exchange.cause().unwrap_or_default();
        let why = format!("{cause}; the script may read the {status} that the gateway answers");
        return (Ruling::Fails, why);
    }
    let why = match judged {
        [(exchange, _)] if exchange.method == "OPTIONS" => {
            "the preflight is answered with permission"
        }
        [_] => "the script may read the response",
        _ => "the preflight is answered with permission, and the script may read the response",
    };
    (Ruling::Allowed, why.to_owned())
}

// === impl Exchange ===

impl Exchange {
    /// Why the gateway says no, where it is the gateway that does.
    fn cause(&self) -> Option<String> {
        let mut noes = self
            .steps
            .iter()
            .filter(|step| step.result == StepOutcome::No);
        let first = noes.next();
        // What can't be trusted to mean one thing has no route, either.
        if let Some(step) = first.filter(|step| step.step == REQUEST) {
            return Some(step.finding.clone());
        }
        if self.route.upstream.is_none() {
            let nearest = self.route.nearest.as_ref();
            let nearest = nearest.map(|route| {
                let (name, unmet) = (&route.name, route.unmet.join("; "));
                format!("; the nearest is `{name}`, but {unmet}")
            });
            return Some(format!("no route matches{}", nearest.unwrap_or_default()));
        }
        first.map(|step| {
            let near_miss = step.near_miss.as_ref().map(|miss| format!("; {miss}"));
            format!("{}{}", step.finding, near_miss.unwrap_or_default())
        })
    }
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
                "no listener has the port {port}: something in front of {} must have it",
                all.join(", ")
            ));
        }
    }
}

// === impl Question ===

impl Question {
    fn header(&self) -> Result<RequestHeader, QuestionError> {
        let method = self.method.as_bytes();
        let wrong = |what: &str, value: &str| {
            QuestionError::new(format!("`{}` is no {what}", value.escape_default()))
        };
        if !cors::is_token(method) {
            return Err(wrong("method", &self.method));
        }
        let mut header = RequestHeader::build(method, self.target.as_bytes(), None)
            .map_err(|_| wrong("target", &self.target))?;
        let host = [("Host".to_owned(), self.authority.clone())];
        for (name, value) in host.iter().chain(&self.headers) {
            let value = HeaderValue::from_str(value).map_err(|_| wrong("field value", value))?;
            header
                .append_header(name.clone(), value)
                .map_err(|_| wrong("field name", name))?;
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
        let (host, _) = host_and_port(&self.authority);
        let scheme = &self.scheme;
        let own = match self.port() {
            port if Some(port) == default_port(scheme) => format!("{scheme}://{host}"),
            port => format!("{scheme}://{host}:{port}"),
        };
        own == origin
    }
}

// === impl Browser ===

impl Browser {
    fn new(permit: Option<Result<(), &Refusal>>, says: String) -> Self {
        Self {
            permits: permit.as_ref().map(Result::is_ok),
            code: permit.and_then(Result::err).map(Refusal::as_str),
            says,
        }
    }
}

impl From<Step> for StepReport {
    fn from(step: Step) -> Self {
        let (result, reason) = match step.result {
            StepResult::Yes => (StepOutcome::Yes, None),
            StepResult::No(reason) => (StepOutcome::No, Some(reason.as_str())),
            StepResult::WouldBeNo(reason) => (StepOutcome::WouldBeNo, Some(reason.as_str())),
        };
        Self {
            step: step.name.as_str(),
            result,
            reason,
            finding: step.finding,
            near_miss: step.near_miss,
        }
    }
}
