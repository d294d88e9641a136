//! `decide`, and every field of what it says, beside a twin made from the README's tables. The bytes
//! choose a policy, a request that comes near it, and what the upstream answers.

use super::bytes::Bytes;
use super::naive::decision::{self as naive, Answer, Fields, How, Request, Written, WrittenOrigin};
use super::origin::assert_safe_to_echo;
use corsgate::cors::{
    AsWritten, CorsRequest, Dangers, Decision, FieldName, FieldValue, ListSpec, LiteralPattern,
    NameList, OnRejectedPreflight, OriginPattern, OtherOptionsRequests, Policy, PolicyList,
    PolicySpec, PreflightAnswer, PreflightDecision, PreflightStatus, Reason, RegexPattern,
    Rejection, Rule, UpstreamCorsHeaders, VerbatimList, WrittenAnswer, decide,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let choices = &mut Bytes::new(data);
    let Some((rule, twin)) = rule(choices) else {
        return;
    };
    let none = Written::default();
    let request = match &twin {
        naive::Rule::Policies(policies) | naive::Rule::NoRoute(policies)
            if !policies.is_empty() =>
        {
            let near = choices.below(policies.len());
            request(choices, &policies[near])
        }
        _ => request(choices, &none),
    };
    let upstream = upstream(choices, &request);
    let asked = borrowed(&request);
    check_invariants(&rule, &asked);
    let answer = answer(&rule, &asked, &upstream);
    let expected = naive::decide(&twin, &request, &fields(&upstream));
    assert_eq!(
        answer, expected,
        "under {twin:?}\nfor {request:?}\nbefore {upstream:?}"
    );
}

// --- what is chosen

const SCHEMES: [&str; 5] = ["https", "http", "capacitor", "wss", "ftp"];
const HOSTS: [&str; 14] = [
    "example.com",
    "a.example.com",
    "localhost",
    "app.test",
    "internal",
    "com",
    "co.uk",
    "github.io",
    "dev",
    "127.0.0.1",
    "[::1]",
    "example.com.",
    "x.localhost",
    "evil.test",
];
const PORTS: [&str; 7] = ["", ":*", ":8443", ":443", ":80", ":1", ":65535"];
const REGEXES: [&str; 8] = [
    r"https://pr-[0-9]+\.example\.com",
    r"https://[a-z]+\.example\.com(:[0-9]+)?",
    r"https?://.*",
    r".*example.com",
    r"https://a|https://b\.example",
    r"null",
    r"https://([a-z]+\.)*app\.test",
    r"http://localhost(:\d+)?",
];
const LITERALS: [&str; 5] = [
    "app://.",
    "file://",
    "https://a.example:443",
    "App://X",
    "https://a",
];
const METHODS: [&str; 12] = [
    "PUT", "DELETE", "PATCH", "patch", "put", "GET", "OPTIONS", "QUERY", "TRACE", "connect", "P*",
    "a b",
];
const HEADERS: [&str; 16] = [
    "x-a",
    "X-A",
    "x-b",
    "authorization",
    "Authorization",
    "content-type",
    "dnt",
    "etag",
    "sec-x",
    "origin",
    "access-control-x",
    "x-*",
    "a b",
    "set-cookie",
    "x'y",
    "cookie",
];

/// Texts that are sent as they are, lists or not.
const VERBATIM: [&str; 8] = [
    "",
    "*",
    "PUT",
    "put,PUT , PUT",
    "X-A,\tx-b, Authorization",
    "PUT x-a",
    "\"PUT\"",
    ",,",
];

/// A rule, and what it is made of. `None` where the policy is refused, as the twin says it must be.
fn rule(choices: &mut Bytes<'_>) -> Option<(Rule, naive::Rule)> {
    Some(match choices.below(16) {
        12 => (Rule::Passthrough, naive::Rule::Passthrough),
        13 => (Rule::Off, naive::Rule::Off),
        14 => (Rule::NoRoute(None), naive::Rule::NoRoute(Vec::new())),
        15 => {
            let (policy, written) = policy(choices)?;
            let rule = Rule::NoRoute(Some(Arc::new(PolicyList::from(Arc::new(policy)))));
            (rule, naive::Rule::NoRoute(vec![written]))
        }
        9..12 => {
            let count = 2 + choices.below(2);
            let all: Option<Vec<_>> = (0..count).map(|_| policy(choices)).collect();
            let (policies, written): (Vec<Policy>, Vec<Written>) = all?.into_iter().unzip();
            let mut policies: Vec<Arc<Policy>> = policies.into_iter().map(Arc::new).collect();
            let last = policies.pop()?;
            let list = PolicyList::new(policies, last).ok()?;
            (
                Rule::Policies(Arc::new(list)),
                naive::Rule::Policies(written),
            )
        }
        _ => {
            let (policy, written) = policy(choices)?;
            (Rule::policy(policy), naive::Rule::Policies(vec![written]))
        }
    })
}

fn policy(choices: &mut Bytes<'_>) -> Option<(Policy, Written)> {
    let methods = names(choices, &METHODS, 8);
    let mut headers = names(choices, &HEADERS, 8);
    // Unlike methods, names beside a `*` mean something.
    if headers.any && choices.flag() {
        headers.names.push("authorization".to_owned());
    }
    let expose_headers = names(choices, &HEADERS, 8);
    let credentials = choices.flag() && (!expose_headers.any || choices.below(8) == 7);
    let mut list = |names: NameList| match choices.below(8) {
        7 => {
            let text = choices.pick(&VERBATIM).to_owned();
            ListSpec::Verbatim(VerbatimList::parse(&text).expect("a value"))
        }
        _ => ListSpec::Names(names),
    };
    let (methods, headers) = (list(methods), list(headers));
    let expose_headers = list(expose_headers);
    let mut written = Written {
        origins: Vec::new(),
        spec: PolicySpec {
            methods,
            headers,
            credentials,
            expose_headers,
            max_age: choices.pick(&[None, Some(0), Some(600), Some(u64::MAX)]),
            preflight_status: choices.pick(&[PreflightStatus::NoContent, PreflightStatus::Ok]),
            on_rejected_preflight: match choices.below(8) {
                0..4 => OnRejectedPreflight::Answer,
                4 => OnRejectedPreflight::Deny,
                5 => OnRejectedPreflight::Respond(WrittenAnswer {
                    status: StatusCode::IM_A_TEAPOT,
                    body: "{}".into(),
                }),
                _ => OnRejectedPreflight::Forward,
            },
            other_options_requests: match choices.below(4) {
                3 => OtherOptionsRequests::Reject,
                _ => OtherOptionsRequests::Forward,
            },
            upstream_cors_headers: choices.pick(&[
                UpstreamCorsHeaders::Strip,
                UpstreamCorsHeaders::Keep,
                UpstreamCorsHeaders::Fill,
            ]),
            private_network: choices.flag(),
            dangers: dangers(choices),
            ..PolicySpec::default()
        },
    };
    let mut origins = Vec::new();
    let count = choices.pick(&[1, 2, 1, 3, 1, 5, 1, 0]);
    for _ in 0..count {
        let mut origin = written_origin(choices);
        // Beside others it makes a policy none.
        if count > 1 && is_any(&origin) && choices.below(8) < 7 {
            origin = WrittenOrigin::Text("https://*.example.com".to_owned());
        }
        // Text that is not a pattern is for the other target.
        let parsed = match &origin {
            WrittenOrigin::Text(text) => OriginPattern::parse(text).ok(),
            WrittenOrigin::Regex(text) => RegexPattern::parse(text).ok().map(OriginPattern::Regex),
            WrittenOrigin::Literal(text) => {
                LiteralPattern::parse(text).ok().map(OriginPattern::Literal)
            }
        };
        if let Some(pattern) = parsed {
            origins.push(pattern);
            written.origins.push(origin);
        }
    }
    let compiled = Policy::new(PolicySpec {
        origins,
        ..written.spec.clone()
    });
    match (&compiled, naive::is_refused(&written)) {
        (Ok(_), Some(true)) => panic!("the twin refuses {written:?}"),
        (Err(errors), Some(false)) => panic!("the twin takes {written:?}, but {errors:?}"),
        _ => {}
    }
    Some((compiled.ok()?, written))
}

/// Mostly all of them, so that most policies load.
fn dangers(choices: &mut Bytes<'_>) -> Dangers {
    let bits = match choices.below(4) {
        0 => choices.next(),
        _ => u8::MAX,
    };
    Dangers {
        any_origin_with_credentials: bits & 1 != 0,
        null_with_credentials: bits & 2 != 0,
        insecure_origins: bits & 4 != 0,
        public_suffix_wildcards: bits & 8 != 0,
        app_schemes: bits & 16 != 0,
    }
}

/// Of the first `good` names as a rule, for the others make a policy none.
fn names(choices: &mut Bytes<'_>, all: &[&str], good: usize) -> NameList {
    let (any, count, known) = match choices.below(32) {
        0..6 => (false, 0, all),
        6..16 => (true, 0, all),
        16..22 => (false, 1, &all[..good]),
        22..26 => (false, 2, &all[..good]),
        26..30 => (false, 3, &all[..good]),
        30 => (true, 1, all),
        _ => (false, 1, all),
    };
    let names = (0..count).map(|_| choices.pick(known).to_owned());
    NameList {
        any,
        names: names.collect(),
    }
}

fn written_origin(choices: &mut Bytes<'_>) -> WrittenOrigin {
    let text = match choices.below(16) {
        0..2 => format!("https://{}", choices.pick(&HOSTS)),
        2..6 => format!("https://*.{}", choices.pick(&HOSTS)),
        6..9 => "*".to_owned(),
        9 => "null".to_owned(),
        10 => return WrittenOrigin::Regex(choices.pick(&REGEXES).to_owned()),
        11 => return WrittenOrigin::Literal(choices.pick(&LITERALS).to_owned()),
        12 => String::from_utf8_lossy(choices.chunk()).into_owned(),
        _ => {
            let (scheme, star) = (choices.pick(&SCHEMES), choices.pick(&["", "*."]));
            let (host, port) = (choices.pick(&HOSTS), choices.pick(&PORTS));
            format!("{scheme}://{star}{host}{port}")
        }
    };
    WrittenOrigin::Text(text)
}

fn is_any(origin: &WrittenOrigin) -> bool {
    matches!(origin, WrittenOrigin::Text(text) if text == "*")
}

/// Mostly what the policy allows.
fn request(choices: &mut Bytes<'_>, policy: &Written) -> Request {
    let methods = ["OPTIONS", "OPTIONS", "OPTIONS", "GET", "PUT", "options"];
    let mut request = Request {
        method: choices.pick(&methods).into(),
        ..Request::default()
    };
    let lines = |choices: &mut Bytes<'_>| match choices.below(16) {
        14 => 0,
        15 => 2,
        _ => 1,
    };
    for _ in 0..lines(choices) {
        request.origin.push(asking_origin(choices, &policy.origins));
    }
    for _ in 0..lines(choices) {
        request.request_method.push(match choices.below(16) {
            0..8 => one_of(choices, names_of(&policy.spec.methods), "PUT").into(),
            8 => choices.pick(&METHODS).into(),
            9 => choices
                .pick(&["TRACE", "connect", "Track", "OPTIONS", "get"])
                .into(),
            13 => choices.chunk().to_vec(),
            14 => b"*".to_vec(),
            15 => Vec::new(),
            _ => b"GET".to_vec(),
        });
    }
    let lines = choices.pick(&[0, 1, 0, 1, 0, 1, 2, 3, 0, 1, 0, 1, 1, 2, 32, 33]);
    let one = requested_names(choices, policy);
    for index in 0..lines {
        let is_fresh = matches!((index, lines), (1.., 2..4));
        let names = is_fresh.then(|| requested_names(choices, policy));
        request
            .request_headers
            .push(names.unwrap_or_else(|| one.clone()));
    }
    for _ in 0..choices.pick(&[0, 1, 1, 2]) {
        let value = choices.pick(&["true", "true", "true", "false", "TRUE", ""]);
        request.request_private_network.push(value.into());
    }
    request.authority = authority(choices, &request);
    request
}

/// Mostly another host than the origin's.
fn authority(choices: &mut Bytes<'_>, request: &Request) -> Vec<u8> {
    let origin = request.origin.first().cloned().unwrap_or_default();
    let host = origin.windows(3).position(|part| part == b"://");
    let own = host.map_or(&[][..], |at| &origin[at + 3..]);
    match choices.below(16) {
        0 => own.to_vec(),
        1 => own.to_ascii_uppercase(),
        2 => [own, b":443"].concat(),
        3 => [own, b":80"].concat(),
        4 => [own, b":"].concat(),
        5 => Vec::new(),
        _ => b"api.example.com".to_vec(),
    }
}

/// Mostly an origin of one of the patterns, else one that is nearly.
fn asking_origin(choices: &mut Bytes<'_>, origins: &[WrittenOrigin]) -> Vec<u8> {
    const WHOLE: [&str; 5] = [
        "https://pr-7.example.com",
        "https://x.app.test",
        "https://a",
        "https://b.example",
        "http://localhost:3000",
    ];
    let mut origin = match (choices.below(16), origins) {
        (12, _) => "null".to_owned(),
        (13, _) => return choices.chunk().to_vec(),
        (14, _) => format!("https://{}", choices.pick(&HOSTS)),
        (15, _) | (_, []) => choices.pick(&WHOLE).to_owned(),
        (_, [first, ..]) => {
            let one = origins.get(choices.below(origins.len())).unwrap_or(first);
            match one {
                WrittenOrigin::Text(text) if text != "*" => text.clone(),
                WrittenOrigin::Literal(text) => text.clone(),
                _ => choices.pick(&WHOLE).to_owned(),
            }
        }
    };
    let label = choices.pick(&["x.", "a.b.", "x.", "x.", "", "*.", "evil-", "1."]);
    let port = choices.pick(&["", ":8443", "", ":3000", ":443", ":80", ":0", ":065"]);
    origin = origin.replacen("*.", label, 1).replace(":*", port);
    match choices.below(48) {
        1 => origin.push_str(".evil.test"),
        2 => origin.push('/'),
        3 => origin.push('.'),
        4 => origin.push_str(":8443"),
        5 => origin.push_str(":443"),
        6 => origin = origin.to_uppercase(),
        7 => origin = origin.replacen("://", "://evil", 1),
        8 => origin = origin.replacen("://", "://x.", 1),
        9 => origin = origin.replacen("https", "http", 1),
        10 => origin = origin.replacen("http:", "https:", 1),
        11 => origin = origin.replacen('.', "x", 1),
        12 => origin.insert(0, ' '),
        13 => _ = origin.pop(),
        14 => origin = origin.replacen("://", &format!("://{}", "a.".repeat(130)), 1),
        15 => origin = format!("{origin},{origin}"),
        _ => {}
    }
    origin.into_bytes()
}

fn names_of(list: &ListSpec) -> &[String] {
    list.names().map_or(&[], |list| &list.names)
}

fn one_of<'a>(choices: &mut Bytes<'_>, names: &'a [String], or: &'a str) -> &'a str {
    let index = choices.below(names.len().max(1));
    names.get(index).map_or(or, String::as_str)
}

fn requested_names(choices: &mut Bytes<'_>, policy: &Written) -> Vec<u8> {
    match choices.below(32) {
        28 => return choices.chunk().to_vec(),
        29 => return Vec::new(),
        // As many bytes as are looked at, and one more.
        30 => return b"x-a,".repeat(2048),
        31 => return [b"x-a,".repeat(2048), b",".to_vec()].concat(),
        _ => {}
    }
    let comma = choices.pick(&[",", ", ", " ,\t", ",,"]);
    let mut names: Vec<&str> = Vec::new();
    for _ in 0..choices.pick(&[1, 1, 2, 1, 3, 0]) {
        names.push(match choices.below(16) {
            0..8 => one_of(choices, names_of(&policy.spec.headers), "x-a"),
            8..10 => choices.pick(&HEADERS),
            10..13 => choices.pick(&["authorization", "AUTHORIZATION"]),
            13 => "*",
            14 => "a b",
            _ => "X-b",
        });
    }
    names.join(comma).into_bytes()
}

/// A header map with what the upstream answers, which must be values that HTTP can carry.
fn upstream(choices: &mut Bytes<'_>, request: &Request) -> HeaderMap {
    let own = request
        .origin
        .first()
        .and_then(|origin| HeaderValue::from_bytes(origin).ok());
    let own = own.unwrap_or_else(|| HeaderValue::from_static("https://x.example.com"));
    let mut map = HeaderMap::new();
    for _ in 0..choices.pick(&[0, 1, 1, 1, 2, 2, 3, 6]) {
        let name = choices.pick(&[
            "access-control-allow-origin",
            "access-control-allow-origin",
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "access-control-expose-headers",
            "access-control-allow-methods",
            "access-control-x",
            "vary",
            "vary",
            "content-type",
        ]);
        let value = match name {
            "access-control-allow-origin" => match choices.below(4) {
                0 => HeaderValue::from_static("*"),
                1 => HeaderValue::from_static("https://evil.test"),
                2 => HeaderValue::from_static(choices.pick(&[
                    "",
                    "*, *",
                    "https://a/",
                    "null",
                    "https://a:443",
                ])),
                _ => own.clone(),
            },
            "access-control-allow-credentials" => {
                HeaderValue::from_static(choices.pick(&["true", "false", ""]))
            }
            "vary" => HeaderValue::from_static(choices.pick(&[
                "Accept-Encoding",
                "origin",
                "Origin,Accept",
                "*",
                "Accept , *",
                "",
                ",",
                "access-control-request-method, Origin",
                "X-Origin",
            ])),
            _ => HeaderValue::from_static(choices.pick(&["x", "PUT", "*", "x-a, x-b"])),
        };
        map.append(name, value);
    }
    map
}

// --- what is decided

fn borrowed(request: &Request) -> CorsRequest<'_> {
    CorsRequest {
        method: &request.method,
        origin: request.origin.iter().map(Vec::as_slice).collect(),
        request_method: request.request_method.iter().map(Vec::as_slice).collect(),
        request_headers: request.request_headers.iter().map(Vec::as_slice).collect(),
        request_private_network: request
            .request_private_network
            .iter()
            .map(Vec::as_slice)
            .collect(),
        authority: &request.authority,
        is_websocket: false,
    }
}

/// The engine's answer, in the twin's terms.
fn answer(rule: &Rule, request: &CorsRequest<'_>, upstream: &HeaderMap) -> Answer {
    let decision = decide(rule, request);
    let (outcome, reason) = (decision.outcome().as_str(), decision.outcome().reason());
    let (how, before) = match &decision {
        Decision::Preflight(PreflightDecision::Handled(answer, _)) => {
            return Answer {
                outcome,
                reason,
                how: How::Answered(answer.status().as_u16()),
                fields: fields(&answered(answer)),
            };
        }
        Decision::Preflight(PreflightDecision::Rejected(_, Rejection::Answer(answer), _)) => {
            return Answer {
                outcome,
                reason,
                how: How::Rejected(answer.status().as_u16()),
                fields: fields(&answered(answer)),
            };
        }
        // The gateway's own response.
        Decision::Preflight(PreflightDecision::Rejected(reason, rejection, _)) => {
            let status = match (reason, rejection) {
                (Reason::NoRoute, _) => 404,
                (_, Rejection::Respond(written)) => written.status.as_u16(),
                (_, Rejection::Answer(_) | Rejection::Deny) => 403,
            };
            (How::Rejected(status), HeaderMap::new())
        }
        Decision::Preflight(PreflightDecision::PassedThrough(..)) => {
            (How::Forwarded, upstream.clone())
        }
        Decision::Actual(_) => (How::Actual, upstream.clone()),
    };
    Answer {
        outcome,
        reason,
        how,
        fields: fields(&after_plan(&decision, rule, request, before)),
    }
}

fn after_plan(
    decision: &Decision<'_>,
    rule: &Rule,
    request: &CorsRequest<'_>,
    mut before: HeaderMap,
) -> HeaderMap {
    rule.edit(decision.plan(), request.origin.one(), &mut before);
    before
}

fn answered(answer: &PreflightAnswer<'_>) -> HeaderMap {
    let mut map = HeaderMap::new();
    answer.for_each_field(|name, value| append(&mut map, name, value, answer.request()));
    map
}

fn append(map: &mut HeaderMap, name: FieldName, value: &FieldValue, request: &CorsRequest<'_>) {
    let header = value.to_header_value(request);
    let mut written = Vec::new();
    let is_written = value.write_to(request, &mut written);
    assert_eq!(
        header.as_ref().map(HeaderValue::as_bytes),
        is_written.then_some(written.as_slice()),
        "a value is the same in both forms"
    );
    if let Some(header) = header {
        map.append(HeaderName::from(name), header);
    }
}

/// The fields of a map, Vary as its elements.
fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for name in map.keys() {
        let lines: Vec<Vec<u8>> = map
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect();
        let lines = match name.as_str() {
            "vary" => naive::list(&lines)
                .iter()
                .map(|e| e.to_ascii_lowercase())
                .collect(),
            _ => lines,
        };
        fields.insert(name.as_str().to_owned(), lines);
    }
    fields
}

/// Asserts what holds under every rule.
pub fn check_invariants(rule: &Rule, request: &CorsRequest<'_>) {
    let decision = decide(rule, request);
    let answer = match &decision {
        Decision::Preflight(preflight) => preflight.answer(),
        Decision::Actual(_) => None,
    };
    let own = match answer {
        Some(answer) => {
            let map = answered(answer);
            assert!(map.contains_key("access-control-allow-origin"));
            map
        }
        None => after_plan(&decision, rule, request, HeaderMap::new()),
    };
    let reason = decision.outcome().reason();
    match (reason, answer) {
        (Some("method_not_allowed" | "headers_not_allowed"), Some(_)) => {
            check_refusal(request, &own);
        }
        (Some("allowed"), answer) => assert!(answer.is_some()),
        (reason, answer) => {
            assert!(answer.is_none());
            assert!(!own.contains_key("access-control-allow-methods"));
            assert!(!own.contains_key("access-control-allow-headers"));
            if reason.is_some_and(|reason| reason != "no_route") {
                let is_cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
                assert!(!own.keys().any(is_cors), "a no is silent: {own:?}");
            }
        }
    }
    let has_credentials = own.contains_key("access-control-allow-credentials");
    let mut origins = own.get_all("access-control-allow-origin").iter();
    match origins.next().map(HeaderValue::as_bytes) {
        None => assert!(!has_credentials, "credentials for nobody"),
        Some(b"*") => assert!(!has_credentials, "credentials for everybody"),
        Some(origin) => {
            assert_eq!(
                request.origin.one(),
                Some(origin),
                "an origin that nobody sent"
            );
            assert_safe_to_echo(origin);
            let vary = fields(&own).remove("vary").unwrap_or_default();
            assert!(
                vary.iter().any(|name| name == b"origin"),
                "an echo without Vary"
            );
        }
    }
    assert!(origins.next().is_none(), "two origins");
    let values = own.iter().map(|(_, value)| value.as_bytes());
    for value in values {
        assert!(
            value.iter().all(|byte| matches!(byte, b'\t' | 0x20..0x7f)),
            "{own:?}"
        );
    }
    if has_credentials {
        // The operator's own text may be a `*`.
        let is_text = |of: fn(AsWritten) -> bool| {
            let policies = rule.policies().into_iter().flat_map(PolicyList::policies);
            policies.map(Policy::as_written).any(of)
        };
        let stars = [
            ("allow-methods", is_text(|list| list.methods)),
            ("allow-headers", is_text(|list| list.headers)),
            ("expose-headers", is_text(|list| list.exposed)),
        ];
        for (name, is_text) in stars {
            let value = own.get(format!("access-control-{name}"));
            assert!(
                is_text || value.is_none_or(|value| value != "*"),
                "{name} with credentials"
            );
        }
    }
    check_both_ways(&decision, rule, request);
}

/// Asserts that no browser takes the answer to a refused preflight for permission, whatever it takes `*`
/// for.
fn check_refusal(request: &CorsRequest<'_>, own: &HeaderMap) {
    let lists = |name: &str, asked: &[u8]| {
        let value = own.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        let mut listed = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        listed.any(|listed| listed == b"*" || listed == asked)
    };
    let method = request.requested_method().expect("it was refused");
    let is_safe = [b"GET".as_slice(), b"HEAD", b"POST"].contains(&method);
    let refuses_method = !is_safe && !lists("access-control-allow-methods", method);
    let mut names = request.requested_names();
    let refuses_header =
        names.any(|name| !lists("access-control-allow-headers", &name.to_ascii_lowercase()));
    assert!(refuses_method || refuses_header, "{request:?} {own:?}");
}

/// Asserts that a plan gives the same fields in both forms.
fn check_both_ways(decision: &Decision<'_>, rule: &Rule, request: &CorsRequest<'_>) {
    let applied = after_plan(decision, rule, request, HeaderMap::new());
    let mut told = HeaderMap::new();
    for (name, value) in rule.fields(decision.plan()) {
        append(&mut told, name, &value, request);
    }
    assert_eq!(fields(&applied), fields(&told));
}
