//! `decide`, and every field of what it says, beside a twin made from the README's tables. The bytes
//! choose a policy, a request that comes near it, and what the upstream answers.

use super::bytes::Bytes;
use super::naive::decision::{self as naive, Answer, Fields, How, Request, Written, WrittenOrigin};
use super::origin::assert_safe_to_echo;
use corsgate::cors::{
    CorsRequest, Dangers, Decision, FieldName, FieldValue, NameList, OnRejectedPreflight,
    OriginPattern, Policy, PolicySpec, PreflightDecision, PreflightStatus, RegexPattern,
    ResponseFields, Rule, UpstreamCorsHeaders, decide,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;

pub fn run(data: &[u8]) {
    let choices = &mut Bytes::new(data);
    let Some((rule, twin)) = rule(choices) else {
        return;
    };
    let origins = match &twin {
        naive::Rule::Policy(policy) | naive::Rule::NoRoute(Some(policy)) => &policy.origins[..],
        _ => &[],
    };
    let request = request(choices, origins);
    let upstream = upstream(choices, &request);
    let asked = borrowed(&request);
    check_invariants(&rule, &asked);
    let answer = answer(&rule, &asked, &upstream);
    let expected = naive::decide(&twin, &request, &fields(&upstream));
    assert_eq!(answer, expected, "under {twin:?}\nfor {request:?}\nbefore {upstream:?}");
}

// --- what is chosen

const SCHEMES: [&str; 5] = ["https", "http", "capacitor", "wss", "ftp"];
const HOSTS: [&str; 14] = [
    "example.com", "a.example.com", "localhost", "app.test", "internal", "com", "co.uk",
    "github.io", "dev", "127.0.0.1", "[::1]", "example.com.", "x.localhost", "evil.test",
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
const METHODS: [&str; 12] = [
    "PUT", "DELETE", "PATCH", "patch", "put", "GET", "OPTIONS", "QUERY", "TRACE", "connect", "P*",
    "a b",
];
const HEADERS: [&str; 16] = [
    "x-a", "X-A", "x-b", "authorization", "Authorization", "content-type", "dnt", "cookie",
    "sec-x", "origin", "access-control-x", "x-*", "a b", "set-cookie", "x'y", "etag",
];

/// A rule, and what it is made of. `None` where the policy is refused, as the twin says it must be.
fn rule(choices: &mut Bytes<'_>) -> Option<(Rule, naive::Rule)> {
    Some(match choices.below(8) {
        5 => (Rule::Passthrough, naive::Rule::Passthrough),
        6 => (Rule::Off, naive::Rule::Off),
        7 => match choices.flag() {
            false => (Rule::NoRoute(None), naive::Rule::NoRoute(None)),
            true => {
                let (policy, written) = policy(choices)?;
                let policy = Some(Arc::new(policy));
                (Rule::NoRoute(policy), naive::Rule::NoRoute(Some(written)))
            }
        },
        _ => {
            let (policy, written) = policy(choices)?;
            (Rule::policy(policy), naive::Rule::Policy(written))
        }
    })
}

fn policy(choices: &mut Bytes<'_>) -> Option<(Policy, Written)> {
    let mut written = Written {
        origins: Vec::new(),
        spec: PolicySpec {
            methods: names(choices, &METHODS),
            headers: names(choices, &HEADERS),
            expose_headers: names(choices, &HEADERS),
            credentials: choices.flag(),
            max_age: choices.flag().then(|| choices.pick(&[0, 5, 600, 86_400, u64::MAX])),
            preflight_status: choices.pick(&[PreflightStatus::NoContent, PreflightStatus::Ok]),
            on_rejected_preflight: choices
                .pick(&[OnRejectedPreflight::Respond, OnRejectedPreflight::Forward]),
            upstream_cors_headers: choices.pick(&[
                UpstreamCorsHeaders::Strip,
                UpstreamCorsHeaders::Keep,
                UpstreamCorsHeaders::Fill,
            ]),
            private_network: choices.flag(),
            dangers: dangers(choices.next()),
            ..PolicySpec::default()
        },
    };
    let mut origins = Vec::new();
    for _ in 0..choices.below(6) {
        let origin = written_origin(choices);
        // What is no pattern is the other target's.
        let parsed = match &origin {
            WrittenOrigin::Text(text) => OriginPattern::parse(text).ok(),
            WrittenOrigin::Regex(text) => RegexPattern::parse(text).ok().map(OriginPattern::Regex),
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

fn dangers(bits: u8) -> Dangers {
    Dangers {
        any_origin_with_credentials: bits & 1 != 0,
        null_with_credentials: bits & 2 != 0,
        insecure_origins: bits & 4 != 0,
        public_suffix_wildcards: bits & 8 != 0,
    }
}

fn names(choices: &mut Bytes<'_>, all: &[&str]) -> NameList {
    // Mostly names that are none of the wrong ones.
    let (any, count, known) = match choices.below(8) {
        0 => (false, 0, all),
        1 => (true, 0, all),
        2 => (true, 1, all),
        3 => (false, 2, all),
        4 => (false, 3, &all[..6]),
        5 => (true, 2, &all[..6]),
        _ => (false, 1, &all[..6]),
    };
    let names = (0..count).map(|_| choices.pick(known).to_owned()).collect();
    NameList { any, names }
}

fn written_origin(choices: &mut Bytes<'_>) -> WrittenOrigin {
    let star = ["", "", "*."];
    WrittenOrigin::Text(match choices.below(16) {
        0 => "*".to_owned(),
        1 => "null".to_owned(),
        2 | 3 => return WrittenOrigin::Regex(choices.pick(&REGEXES).to_owned()),
        4 => String::from_utf8_lossy(choices.chunk()).into_owned(),
        5..9 => format!("https://*.{}", choices.pick(&HOSTS)),
        9 => format!("https://{}", choices.pick(&HOSTS)),
        _ => {
            let (scheme, star) = (choices.pick(&SCHEMES), choices.pick(&star));
            let (host, port) = (choices.pick(&HOSTS), choices.pick(&PORTS));
            format!("{scheme}://{star}{host}{port}")
        }
    })
}

fn request(choices: &mut Bytes<'_>, origins: &[WrittenOrigin]) -> Request {
    let mut request = Request {
        method: choices.pick(&["OPTIONS", "OPTIONS", "OPTIONS", "GET", "PUT", "options"]).into(),
        ..Request::default()
    };
    let few = |choices: &mut Bytes<'_>| match choices.below(16) {
        0 => 0,
        1 => 2,
        _ => 1,
    };
    for _ in 0..few(choices) {
        request.origin.push(asking_origin(choices, origins));
    }
    for _ in 0..few(choices) {
        request.request_method.push(match choices.below(16) {
            0 => choices.chunk().to_vec(),
            1 => b"*".to_vec(),
            2 => Vec::new(),
            _ => choices.pick(&METHODS).into(),
        });
    }
    let lines = match choices.below(16) {
        0..6 => 0,
        6..12 => 1,
        12..14 => 2,
        14 => 32,
        _ => 33,
    };
    let one = requested_names(choices);
    for index in 0..lines {
        let fresh = index > 0 && lines == 2;
        request.request_headers.push(if fresh { requested_names(choices) } else { one.clone() });
    }
    for _ in 0..choices.below(3) {
        let value = choices.pick(&["true", "true", "false", "TRUE", ""]);
        request.request_private_network.push(value.into());
    }
    request
}

/// Mostly an origin of one of the patterns, or one that is nearly.
fn asking_origin(choices: &mut Bytes<'_>, origins: &[WrittenOrigin]) -> Vec<u8> {
    let mut origin = match choices.below(16) {
        0 => "null".to_owned(),
        1 => return choices.chunk().to_vec(),
        2 => format!("https://{}", choices.pick(&HOSTS)),
        3 => choices
            .pick(&["https://pr-7.example.com", "https://x.app.test", "https://a", "https://b"])
            .to_owned(),
        _ => match origins {
            [] => "https://app.example.com".to_owned(),
            _ => match &origins[choices.below(origins.len())] {
                WrittenOrigin::Text(text) | WrittenOrigin::Regex(text) => text.clone(),
            },
        },
    };
    let (label, port) = (
        choices.pick(&["x.", "a.b.", "x.", "", "*.", "evil-"]),
        choices.pick(&["", ":8443", "", ":443", ":80", ":0", ":065"]),
    );
    origin = origin.replacen("*.", label, 1).replace(":*", port);
    match choices.below(24) {
        0 => origin.push_str(".evil.test"),
        1 => origin.push('/'),
        2 => origin.push('.'),
        3 => origin.push_str(":8443"),
        4 => origin.push_str(":443"),
        5 => origin = origin.to_uppercase(),
        6 => origin = origin.replacen("://", "://evil", 1),
        7 => origin = origin.replacen("://", "://x.", 1),
        8 => origin = origin.replacen("https", "http", 1),
        9 => origin = origin.replacen("http:", "https:", 1),
        10 => origin = origin.replacen('.', "x", 1),
        11 => origin.insert(0, ' '),
        12 => _ = origin.pop(),
        13 => origin = origin.replacen("://", &format!("://{}.", "a.".repeat(130)), 1),
        14 => origin = format!("{origin},{origin}"),
        _ => {}
    }
    origin.into_bytes()
}

fn requested_names(choices: &mut Bytes<'_>) -> Vec<u8> {
    match choices.below(16) {
        0 => return choices.chunk().to_vec(),
        1 => return Vec::new(),
        2 => return b"x-a,".repeat(2048),
        3 => return [b"x-a,".repeat(2048), b",".to_vec()].concat(),
        _ => {}
    }
    let comma = choices.pick(&[",", ", ", " ,\t", ",,"]);
    let mut names: Vec<&str> = Vec::new();
    for _ in 0..choices.below(5) {
        names.push(match choices.below(16) {
            0 => "*",
            1..4 => choices.pick(&HEADERS),
            _ => choices.pick(&HEADERS[..6]),
        });
    }
    names.join(comma).into_bytes()
}

/// A header map with what the upstream answers, which must be values that HTTP can carry.
fn upstream(choices: &mut Bytes<'_>, request: &Request) -> HeaderMap {
    let own = request.origin.first().and_then(|origin| HeaderValue::from_bytes(origin).ok());
    let own = own.unwrap_or_else(|| HeaderValue::from_static("https://x.example.com"));
    let mut map = HeaderMap::new();
    for _ in 0..choices.below(6) {
        let name = choices.pick(&[
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
                2 => HeaderValue::from_static(""),
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
    }
}

struct Response(HeaderMap);

impl ResponseFields for Response {
    fn map(&self) -> &HeaderMap {
        &self.0
    }

    fn set(&mut self, name: &'static str, value: HeaderValue) {
        self.0.insert(name_of(name), value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove(name);
    }
}

fn name_of(name: &'static str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a field's name")
}

/// What the engine says, in the twin's words.
fn answer(rule: &Rule, request: &CorsRequest<'_>, upstream: &HeaderMap) -> Answer {
    let decision = decide(rule, request);
    let (outcome, reason) = (decision.outcome(), decision.reason());
    let (how, before) = match &decision {
        Decision::Preflight(PreflightDecision::Handled(grant)) => {
            let mut map = HeaderMap::new();
            grant.for_each_field(|name, value| append(&mut map, name, value));
            return Answer {
                outcome,
                reason,
                how: How::Answered(grant.status().as_u16()),
                fields: fields(&map),
            };
        }
        // The gateway's own response.
        Decision::Preflight(PreflightDecision::Rejected(..)) => (How::Rejected, HeaderMap::new()),
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
    before: HeaderMap,
) -> HeaderMap {
    let origin = request.origin.one();
    let origin = origin.and_then(|origin| HeaderValue::from_bytes(origin).ok());
    let mut response = Response(before);
    let policy = rule.responding_policy();
    decision.plan().apply(policy, origin.as_ref(), &mut response);
    response.0
}

fn append(map: &mut HeaderMap, name: FieldName, value: FieldValue<'_>) {
    let header = value.to_header_value().expect("what was validated is a value");
    let mut written = Vec::new();
    value.write_to(&mut written);
    assert_eq!(header.as_bytes(), written, "a value is the same in both forms");
    map.append(HeaderName::from(name), header);
}

/// The fields of a map, Vary as its elements.
fn fields(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for name in map.keys() {
        let lines: Vec<Vec<u8>> =
            map.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
        let lines = match name.as_str() {
            "vary" => naive::list(&lines).iter().map(|e| e.to_ascii_lowercase()).collect(),
            _ => lines,
        };
        fields.insert(name.as_str().to_owned(), lines);
    }
    fields
}

/// What holds under every rule, whatever the tables say.
pub fn check_invariants(rule: &Rule, request: &CorsRequest<'_>) {
    let decision = decide(rule, request);
    let own = match &decision {
        Decision::Preflight(PreflightDecision::Handled(grant)) => {
            let mut map = HeaderMap::new();
            grant.for_each_field(|name, value| append(&mut map, name, value));
            assert!(map.contains_key("access-control-allow-origin"));
            map
        }
        _ => after_plan(&decision, rule, request, HeaderMap::new()),
    };
    if decision.reason().is_none_or(|reason| reason != "allowed") {
        assert!(!own.contains_key("access-control-allow-methods"));
        assert!(!own.contains_key("access-control-allow-headers"));
    }
    if matches!(decision.reason(), Some(reason) if reason != "allowed" && reason != "no_route") {
        let is_cors = |name: &HeaderName| name.as_str().starts_with("access-control-");
        assert!(!own.keys().any(is_cors), "a no is silent: {own:?}");
    }
    let has_credentials = own.contains_key("access-control-allow-credentials");
    let mut origins = own.get_all("access-control-allow-origin").iter();
    match origins.next().map(HeaderValue::as_bytes) {
        None => assert!(!has_credentials, "credentials for nobody"),
        Some(b"*") => assert!(!has_credentials, "credentials for everybody"),
        Some(origin) => {
            assert_eq!(request.origin.one(), Some(origin), "an origin that nobody sent");
            assert_safe_to_echo(origin);
            let vary = fields(&own).remove("vary").unwrap_or_default();
            assert!(vary.iter().any(|name| name == b"origin"), "an echo without Vary");
        }
    }
    assert!(origins.next().is_none(), "two origins");
    let values = own.iter().map(|(_, value)| value.as_bytes());
    for value in values {
        assert!(value.iter().all(|byte| matches!(byte, 0x20..0x7f)), "{own:?}");
    }
    if has_credentials {
        let stars = ["allow-methods", "allow-headers", "expose-headers"];
        for name in stars {
            let value = own.get(format!("access-control-{name}"));
            assert!(value.is_none_or(|value| value != "*"), "{name} with credentials");
        }
    }
    check_both_ways(&decision, rule, request);
}

/// A plan says the same to a map and to whoever writes bytes.
fn check_both_ways(decision: &Decision<'_>, rule: &Rule, request: &CorsRequest<'_>) {
    let applied = after_plan(decision, rule, request, HeaderMap::new());
    let mut told = HeaderMap::new();
    let each = |name, value: FieldValue<'_>| append(&mut told, name, value);
    let policy = rule.responding_policy();
    decision.plan().for_each_field(policy, request.origin.one(), each);
    assert_eq!(fields(&applied), fields(&told));
}
