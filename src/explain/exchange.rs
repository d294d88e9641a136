//! One request, the gateway's answer to it, and the part of the answer that a browser sees.
//!
//! *Invariant:* the route, the decision and the answer are those of [`Routed`], which traffic asks.

use super::client;
use super::forwarded::{FieldEdits, Forwarded};
use super::question::{Question, browser_headers};
use super::report::{
    Author, Browser, Exchange, GrpcWebReport, NearestRoute, ReadingReport, Response, RouteReport,
    StepOutcome, StepReport,
};
use crate::cors::{
    self, BlockDisallowedOrigins, CorsRequest, HeaderPlan, Policy, Rule, StepResult,
    UpstreamCorsHeaders,
};
use crate::proxy::answer::{Answer, CONTENT_TYPE, has_length};
use crate::proxy::facts::{Facts, HeaderLength, cors_request};
use crate::proxy::respond;
use crate::proxy::routed::{Routed, Step, readings, route_request};
use crate::proxy::snapshot::{Route, Snapshot};
use crate::routing::{Predicates, RouteMatch, RouteRequest};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The part of a response that a browser sees and that is known without asking the upstream.
pub(super) struct Seen {
    pub status: StatusCode,
    pub fields: HeaderMap,
}

/// The name of the step before all others: whether the request can be trusted to mean one thing.
pub(super) const REQUEST: &str = "request";

/// The name of the step behind all others, of a request that is blocked.
const BLOCK: &str = "block";

/// The name of the step behind all others, of a request whose upstream is an answer that the operator wrote.
const ANSWER: &str = "answer";

/// Explains one request, and returns the response that a browser sees; `None` if the upstream makes it.
pub(super) fn exchange(
    snapshot: &Snapshot,
    header: &Parts,
    question: &Question,
) -> (Exchange, Option<Seen>) {
    let request = cors_request(header);
    let client = client::assumed(snapshot, question, request.kind());
    let target = question.target.as_bytes();
    let facts = Facts::of(
        &client,
        header,
        target,
        &request,
        HeaderLength::decoded(header, target),
    );
    let routed = Routed::of(snapshot, &facts);
    let route = routed.route();
    let steps = cors::explain(&route.rule, &request, routed.is_blocked());
    let steps = before_cors(&routed, &facts)
        .into_iter()
        .chain(steps.into_iter().map(StepReport::from))
        .chain(blocked(&routed, &request))
        .chain(written(&routed));
    let (response, seen) = match routed.step() {
        Step::Answer(answer) => own_response(&answer),
        Step::Forward(plan) => upstreams_response(route, plan, routed.vary().as_ref(), header),
    };
    let is_forwarded = response.from == Author::Upstream;
    let outcome = routed.outcome();
    let mut headers = vec![("Host".to_owned(), question.authority.clone())];
    headers.extend(question.shown_headers());
    let exchange = Exchange {
        method: question.method.clone(),
        target: question.target.clone(),
        headers,
        route: route_report(snapshot, route, &route_request(snapshot, &facts)),
        readings: readings(snapshot, &facts)
            .into_iter()
            .map(|(path, route)| ReadingReport::new(path, route))
            .collect(),
        steps: steps.collect(),
        grpc_web: is_forwarded.then(|| grpc_web(&routed, header)).flatten(),
        outcome: outcome.as_str(),
        reason: outcome.reason(),
        forwarded: match response.from {
            Author::Upstream => Forwarded::of(route, &question.method, &question.target),
            Author::Gateway => None,
        },
        response,
        browser: Browser {
            permits: None,
            code: None,
            says: String::new(),
        },
    };
    (exchange, seen)
}

/// Reports the step before all others: what is settled about the request before CORS has a say.
fn before_cors(routed: &Routed<'_>, facts: &Facts<'_>) -> Option<StepReport> {
    let (result, finding) = match routed.error() {
        Some(_) if routed.is_blocked() => return None,
        Some(error) => (StepOutcome::No, error.to_string()),
        None if routed.is_redirected() => {
            let finding = "the listener sends everything but preflights to https";
            (StepOutcome::Yes, finding.to_owned())
        }
        None if facts.is_about_the_server() => {
            let finding = "`OPTIONS *` is about the server: answered, whatever CORS says";
            (StepOutcome::Yes, finding.to_owned())
        }
        None => return None,
    };
    Some(StepReport {
        step: REQUEST,
        result,
        reason: None,
        finding,
        near_miss: None,
    })
}

/// Reports the last step of a request that is blocked.
fn blocked(routed: &Routed<'_>, request: &CorsRequest<'_>) -> Option<StepReport> {
    if !routed.is_blocked() {
        return None;
    }
    let policy = routed.route().rule.policies()?.policies().last()?;
    let word = match policy.block_disallowed_origins() {
        BlockDisallowedOrigins::WebSocket => "websocket",
        BlockDisallowedOrigins::All | BlockDisallowedOrigins::Never => "all",
    };
    let own = routed.own_scheme();
    let near_miss = request.scheme_of_own_origin().map(|scheme| {
        let hint = match scheme {
            "https" => {
                ": a proxy that ends TLS must be in `trusted_proxies`, and send X-Forwarded-Proto"
            }
            _ => "",
        };
        format!(
            "host and port are the request's own, but its scheme is `{own}`, not `{scheme}`{hint}"
        )
    });
    Some(StepReport {
        step: BLOCK,
        result: StepOutcome::Yes,
        reason: None,
        finding: format!(
            "`block_disallowed_origins: {word}`: the gateway answers 403, and no upstream is asked"
        ),
        near_miss,
    })
}

/// Reports the last step of a request that the gateway answers in place of a server.
fn written(routed: &Routed<'_>) -> Option<StepReport> {
    let status = routed.written()?.status;
    let upstream = routed.route().upstream.as_ref()?;
    Some(StepReport {
        step: ANSWER,
        result: StepOutcome::Yes,
        reason: None,
        finding: format!(
            "the upstream `{}` has `respond`: the gateway answers {} itself, and no server is asked",
            upstream.name(),
            status.as_str()
        ),
        near_miss: None,
    })
}

/// Reports on a request in gRPC-Web; `None` for any other.
fn grpc_web(routed: &Routed<'_>, header: &Parts) -> Option<GrpcWebReport> {
    let web = routed.asks_in_grpc_web()?;
    let content_type = header.headers.get(header::CONTENT_TYPE)?;
    let native = web.native_type(content_type.as_bytes());
    Some(GrpcWebReport {
        is_translated: routed.grpc_web().is_some(),
        response_type: web.web_type(native.as_bytes()),
        request_type: native,
    })
}

fn own_response(answer: &Answer<'_>) -> (Response, Option<Seen>) {
    let fields = answer.fields();
    let mut headers = Vec::new();
    if has_length(answer.status) {
        headers.push(("Content-Length".to_owned(), answer.length().to_string()));
    }
    if answer.body.is_some() {
        headers.push((CONTENT_TYPE.0.to_owned(), CONTENT_TYPE.1.to_owned()));
    }
    if let Some((name, value)) = answer.own_field() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.push(((*name).to_owned(), value));
    }
    headers.extend(shown(&fields));
    let response = Response {
        from: Author::Gateway,
        status: Some(answer.status.as_u16()),
        headers,
        edits: None,
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
    vary: Option<&HeaderValue>,
    request: &Parts,
) -> (Response, Option<Seen>) {
    let added = respond::added_to_upstreams(route, plan, vary, request);
    let (is_known, words) = match (route.rule.upstream_cors_headers(plan), plan.is_granted()) {
        (None, _) => (false, "are left alone"),
        (Some(UpstreamCorsHeaders::Strip), _) => (true, "are removed"),
        (Some(UpstreamCorsHeaders::Keep), false) => (false, "are left as they are"),
        (Some(UpstreamCorsHeaders::Keep), true) => (true, "are replaced"),
        (Some(UpstreamCorsHeaders::Fill), _) => (false, "stay; missing ones are added"),
    };
    let response = Response {
        from: Author::Upstream,
        status: None,
        headers: shown(&added),
        edits: route.edits.response.as_deref().map(FieldEdits::of),
        upstream_cors_headers: Some(words),
    };
    let seen = Seen {
        // The best answer that the upstream can give.
        status: StatusCode::OK,
        fields: added,
    };
    (response, is_known.then_some(seen))
}

/// Writes fields with their names in HTTP/1.1's usual case.
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
    let predicates = |matches| Predicates::of(matches, request, browser_headers::shown);
    let because = route
        .matches
        .as_ref()
        .map(|matches| predicates(matches).met);
    let is_fallback = route.matches.as_ref().is_some_and(|m| m.is_fallback);
    // Of a fallback, the routes are of interest that it stands in for.
    let is_other = |matches: &&RouteMatch| !(is_fallback && matches.is_fallback);
    let others = snapshot.routes().filter_map(|other| {
        let predicates = predicates(other.matches.as_ref().filter(is_other)?);
        let nearness = predicates.nearness();
        let route = NearestRoute {
            name: other.name.clone(),
            unmet: predicates.unmet,
        };
        Some((nearness, route))
    });
    // The first of several that are equally near.
    let nearest = || others.reduce(|a, b| if b.0 > a.0 { b } else { a });
    let is_known = because.is_some() && !is_fallback;
    RouteReport {
        name: route.name.clone(),
        upstream: route.upstream.as_ref().map(|u| u.name().to_owned()),
        is_fallback,
        because: because.unwrap_or_default(),
        nearest: (!is_known).then(nearest).flatten().map(|(_, route)| route),
    }
}

// === impl Exchange ===

impl Exchange {
    /// Returns the step that says that the gateway answers in place of a server; `None` for any other request.
    pub(super) fn written(&self) -> Option<&StepReport> {
        self.steps.iter().find(|step| step.step == ANSWER)
    }
}

// === impl ReadingReport ===

impl ReadingReport {
    fn new(path: String, route: &Route) -> Self {
        let cors = match &route.rule {
            Rule::Policies(policies) => {
                let names: Vec<&str> = policies.policies().map(Policy::name).collect();
                Some(names.join(", "))
            }
            Rule::Passthrough => Some("passthrough".to_owned()),
            Rule::Off => Some("off".to_owned()),
            Rule::NoRoute(_) => None,
        };
        Self {
            path,
            route: route.name.clone(),
            cors,
        }
    }
}

// === impl StepReport ===

impl From<cors::Step> for StepReport {
    fn from(step: cors::Step) -> Self {
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
