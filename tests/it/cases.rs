//! The case files: policy, request, expected outcome and *all* CORS headers. Each case runs through
//! the pure engine and through a running gateway before an upstream that records what reaches it.

pub(crate) mod form;

use crate::support::{
    Answer, Client, Gateway, Upstream, WITH_LANE, WITHOUT_LANE, http2, is_cors_field, label, run,
};
use corsgate::config::{Config, UNMATCHED, UpstreamKind};
use corsgate::cors::{
    ActualOutcome, CorsRequest, Decision, PreflightDecision, Reason, Rejection, RequestKind, Rule,
    add_vary, decide,
};
use corsgate::explain::{self, Author, Flags, Question};
use corsgate::metrics::Metrics;
use corsgate::proxy::Snapshot;
use corsgate::routing::{RouteRequest, Router, normalized_path};
use form::{Case, Expectation, Request, all_cases};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// Runs all cases and reports all failures, not the first.
fn check_all(run: impl Fn(&Case) -> Expectation + Sync) {
    let cases = all_cases();
    let failures: Vec<String> = std::thread::scope(|scope| {
        let chunks = cases.chunks(cases.len().div_ceil(4));
        let threads: Vec<_> = chunks
            .map(|chunk| {
                scope.spawn(|| {
                    chunk
                        .iter()
                        .filter_map(|c| check(c, &run))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("a case panicked"))
            .collect()
    });
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn check(case: &Case, run: &(impl Fn(&Case) -> Expectation + Sync)) -> Option<String> {
    let mut expected = case.expect.clone();
    let actual = run(case);
    expected.route = expected.route.or_else(|| actual.route.clone());
    (actual != expected)
        .then(|| format!("- {case}\n  expected {expected:?}\n  actual   {actual:?}"))
}

impl Case {
    /// The routes and policies of the case, before an upstream at `address`.
    fn config(&self, address: &str) -> String {
        let json = |value: &Value| serde_json::to_string(value).expect("YAML of this kind is JSON");
        let mut upstreams = Mapping::new();
        let mut config = match (&self.policy, &self.cors, &self.config) {
            (Some(policy), None, None) => format!(
                "routes: [{{ name: r, upstream: u, cors: {} }}]\n",
                json(policy)
            ),
            (None, Some(cors), None) => {
                format!("routes: [{{ name: r, upstream: u, cors: '{cors}' }}]\n")
            }
            (None, None, Some(config)) => {
                let mut config = config.clone();
                for route in config["routes"].as_sequence_mut().expect("routes") {
                    let route = route.as_mapping_mut().expect("a route");
                    route.entry("upstream".into()).or_insert_with(|| "u".into());
                }
                let sections = config.as_mapping_mut().expect("sections");
                if let Some(Value::Mapping(own)) = sections.remove("upstreams") {
                    upstreams = own;
                }
                sections
                    .iter()
                    .map(|(key, value)| {
                        format!("{}: {}\n", key.as_str().expect("a key"), json(value))
                    })
                    .collect()
            }
            _ => panic!("{self}: one of policy, cors and config"),
        };
        let endpoints = Value::from(vec![address]);
        let server = Mapping::from_iter([("endpoints".into(), endpoints)]);
        upstreams.insert("u".into(), server.into());
        config.push_str(&format!("upstreams: {}\n", json(&upstreams.into())));
        config
    }

    /// The route that the case's expectation is about.
    fn route(&self) -> &str {
        let default = if self.config.is_some() {
            UNMATCHED
        } else {
            "r"
        };
        self.expect.route.as_deref().unwrap_or(default)
    }
}

// === The pure engine ===

#[test]
fn every_case_holds_in_the_engine() {
    check_all(run_engine);
}

fn run_engine(case: &Case) -> Expectation {
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:1' }}]\n{}",
        case.config("127.0.0.1:2")
    );
    let config = Config::parse(&text, Path::new("case.yaml"))
        .unwrap_or_else(|e| panic!("{case}: {e}\n{text}"));
    let unmatched = Rule::NoRoute(config.default_policy.clone());
    let mut routes = config.routes.iter();
    let route = routes.find(|route| route.name == case.route());
    let rule = route.map_or(&unmatched, |route| &route.rule);
    let written = route.and_then(|route| match &config.upstreams[route.upstream].kind {
        UpstreamKind::Respond(answer) => Some(answer.status.as_u16()),
        UpstreamKind::Echo | UpstreamKind::Endpoints(_) => None,
    });
    let method: Method = case.request.method.parse().expect("a method");
    let headers: HeaderMap = map(&case.request.headers);
    let host = headers
        .get(header::HOST)
        .map_or("api.example.com".as_bytes(), |h| h.as_bytes());
    let cors = CorsRequest::new(&method, &headers).at(host);
    let mut decision = decide(rule, &cors);
    // The running gateways of the cases have no TLS, and no proxies in front.
    if decision.blocks_others() && !cors.is_from_own_origin("http") {
        decision.block();
    }
    let (outcome, reason) = match &decision {
        Decision::Preflight(p) => (p.outcome().as_str(), Some(p.reason())),
        Decision::Actual(actual) => (actual.outcome.as_str(), None),
    };
    let is_unmatched = matches!(rule, Rule::NoRoute(_));
    let mut response = HeaderMap::new();
    let (status, upstream_called) = match &decision {
        Decision::Preflight(preflight) if preflight.answer().is_some() => {
            let answer = preflight.answer().expect("there is one");
            answer.for_each_field(|name, value| {
                if value.write_to(answer.request(), &mut Vec::new()) {
                    let value = value.to_header_value(answer.request()).expect("validated");
                    response.append(HeaderName::from(name), value);
                }
            });
            (answer.status().as_u16(), false)
        }
        Decision::Preflight(PreflightDecision::Rejected(Reason::NoRoute, ..)) => (404, false),
        Decision::Preflight(PreflightDecision::Rejected(_, Rejection::Respond(written), _)) => {
            (written.status.as_u16(), false)
        }
        Decision::Preflight(PreflightDecision::Rejected(..)) => (403, false),
        Decision::Actual(actual) if actual.outcome == ActualOutcome::Blocked => (403, false),
        _ if is_unmatched => (404, false),
        _ => match written {
            Some(status) => (status, false),
            None => {
                response = map(&case.upstream.headers);
                (case.upstream.status, true)
            }
        },
    };
    let is_answered = matches!(&decision, Decision::Preflight(p) if p.answer().is_some());
    if !is_answered {
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        rule.edit(decision.plan(), origin, &mut response);
    }
    if cors.kind() != RequestKind::Preflight {
        let path = case.request.path.split('?').next().expect("a path");
        let found =
            Router::new(config.routes.iter().map(|route| &route.matches)).find(&RouteRequest {
                host,
                path: &normalized_path(path),
                fields: Some(&headers),
                cors: &cors,
                preflight_method: config.preflight_method,
            });
        if let Some(vary) = found.vary {
            add_vary(&vary, &mut response);
        }
    }
    Expectation {
        outcome: outcome.to_owned(),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        // The engine is told the rule; the router is for the running gateway to prove.
        route: case.expect.route.clone(),
        status,
        upstream_called,
        headers: cors_fields(&response),
    }
}

fn map(lines: &[(String, String)]) -> HeaderMap {
    let line = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    let mut map = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        map.append(name, value);
    }
    map
}

fn cors_fields(map: &HeaderMap) -> BTreeMap<String, String> {
    let names = map.keys().map(HeaderName::as_str);
    names
        .filter(|name| is_cors_field(name))
        .map(|name| {
            let lines: Vec<&str> = map
                .get_all(name)
                .iter()
                .map(|v| v.to_str().expect("text"))
                .collect();
            (name.to_owned(), lines.join(", "))
        })
        .collect()
}

// === Explained ===

#[test]
fn every_case_is_explained_as_it_is_decided() {
    check_all(run_explain);
}

/// Explains the case's request, pasted as a raw request.
fn run_explain(case: &Case) -> Expectation {
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:1' }}]\n{}",
        case.config("127.0.0.1:2")
    );
    let config = Config::parse(&text, Path::new("case.yaml")).expect("it loads");
    let metrics = Metrics::new().expect("names differ");
    let snapshot = Snapshot::new(config, &metrics, None, None);
    let question = Question::of_text(&raw_request(&case.request), Flags::default());
    let question = question.unwrap_or_else(|e| panic!("{case}: {e}"));
    let report = explain::explain(&snapshot, &question).unwrap_or_else(|e| panic!("{case}: {e}"));
    // A preflight is what is asked about, or what would be asked first.
    let Some(exchange) = report.request.or(report.preflight) else {
        panic!("{case}: nothing is explained: {}", report.why);
    };
    // The first step that says no has the reason, and there is none where the answer is yes.
    let no = exchange.steps.iter().find_map(|step| match step.result {
        explain::StepOutcome::No => Some(step.reason),
        explain::StepOutcome::Yes | explain::StepOutcome::WouldBeNo => None,
    });
    let expected = match (exchange.outcome, exchange.reason) {
        ("rejected" | "passed_through", Some("route_passthrough")) => None,
        ("rejected" | "passed_through", reason @ Some(_)) => Some(reason),
        ("denied", _) if exchange.steps.iter().all(|step| step.step != "origin") => no,
        ("denied" | "blocked", _) => Some(no.unwrap_or_else(|| panic!("{case}: no step says no"))),
        ("none", _) => no.filter(|reason| reason.is_none()),
        _ => None,
    };
    assert_eq!(no, expected, "{case}: {exchange}");
    let upstream_called = exchange.response.from == Author::Upstream;
    let names = exchange.response.headers.iter();
    let headers = names
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| is_cors_field(name));
    Expectation {
        outcome: exchange.outcome.to_owned(),
        reason: exchange.reason.map(str::to_owned),
        route: Some(exchange.route.name.clone()),
        status: exchange.response.status.unwrap_or(case.upstream.status),
        upstream_called,
        // What an upstream sends of its own is not known here.
        headers: match upstream_called && !case.upstream.headers.is_empty() {
            true => case.expect.headers.clone(),
            false => headers.collect(),
        },
    }
}

// === A running gateway ===

#[test]
fn every_case_holds_in_a_running_gateway() {
    check_all(|case| run_gateway(case, WITH_LANE, ask_http1));
}

#[test]
fn every_case_holds_over_http_2() {
    check_all(|case| run_gateway(case, WITH_LANE, ask_http2));
}

#[test]
fn and_without_the_express_lane() {
    check_all(|case| run_gateway(case, WITHOUT_LANE, ask_http1));
}

#[test]
fn and_without_it_over_http_2() {
    check_all(|case| run_gateway(case, WITHOUT_LANE, ask_http2));
}

/// Asks once, and notes the answer, what reached the upstream, and what was counted.
fn run_gateway(
    case: &Case,
    server: &str,
    ask: impl FnOnce(&Case, &Gateway) -> (u16, BTreeMap<String, String>),
) -> Expectation {
    let upstream = Upstream::start(Answer::new(case.upstream.status, &case.upstream.headers));
    let gateway = Gateway::start_with(server, &case.config(&upstream.address.to_string()));
    let (status, headers) = ask(case, &gateway);
    let upstream_called = !upstream.received().is_empty();
    let route = gateway.wait_for_request();
    let (outcome, reason) = counted(&gateway.metrics(), &route);
    Expectation {
        outcome,
        reason,
        route: Some(route),
        status,
        upstream_called,
        headers,
    }
}

fn ask_http1(case: &Case, gateway: &Gateway) -> (u16, BTreeMap<String, String>) {
    let text = raw_request(&case.request);
    let response = Client::connect(gateway.address).exchange(&text);
    assert!(
        response.lines("access-control-allow-origin") <= 1 || case.cors.is_some(),
        "{case}"
    );
    (response.status, response.cors_fields())
}

/// The request as it is on the wire.
fn raw_request(request: &Request) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    if !request
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        text.push_str("Host: api.example.com\r\n");
    }
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

fn ask_http2(case: &Case, gateway: &Gateway) -> (u16, BTreeMap<String, String>) {
    // HTTP/2 has no upgrades: RFC 9113 §8.6.
    let mut names = case.request.headers.iter();
    if names.any(|(name, _)| name == "upgrade") {
        return ask_http1(case, gateway);
    }
    let response = run(send_http2(case, gateway));
    (response.status().as_u16(), cors_fields(response.headers()))
}

async fn send_http2(case: &Case, gateway: &Gateway) -> http::Response<h2::RecvStream> {
    let mut client = http2(gateway.address).await;
    let is_host = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("host");
    let host = case.request.headers.iter().find(is_host);
    let host = host.map_or("api.example.com", |(_, value)| value.as_str());
    let mut request = http::Request::builder()
        .method(case.request.method.as_str())
        .uri(format!("http://{host}{}", case.request.path));
    for (name, value) in case.request.headers.iter().filter(|line| !is_host(line)) {
        request = request.header(name, value);
    }
    let request = request.body(()).expect("a request");
    let (response, _) = client.send_request(request, true).expect("a stream");
    response
        .await
        .unwrap_or_else(|error| panic!("{case}: {error}"))
}

/// Reads the outcome and reason that the one request, of `route`, was counted as.
fn counted(page: &str, route: &str) -> (String, Option<String>) {
    let counters: Vec<&str> = page
        .lines()
        .filter(|line| {
            line.starts_with("corsgate_preflights_total{")
                || line.starts_with("corsgate_cors_requests_total{")
        })
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    match counters.as_slice() {
        [] => ("none".to_owned(), None),
        [line] => {
            assert!(line.ends_with(" 1"), "counted once: {line}");
            assert_eq!(label(line, "route").as_deref(), Some(route), "{line}");
            (
                label(line, "outcome").expect("a label"),
                label(line, "reason"),
            )
        }
        lines => panic!("one request was counted as {lines:?}"),
    }
}
