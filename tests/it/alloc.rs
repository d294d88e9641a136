//! Invariant: once a policy exists, deciding allocates nothing, and neither does counting a client's requests.

use corsgate::buckets::{Buckets, Owner, Rate};
use corsgate::cors::{
    CorsRequest, Decision, ListSpec, NameList, OriginPattern, OtherOptionsRequests, Policy,
    PolicySpec, PreflightDecision, RegexPattern, Rule, VerbatimList, decide,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

fn policy(origins: &[&str], credentials: bool) -> Rule {
    let pattern = |text: &&str| match text.strip_prefix("regex:") {
        Some(regex) => OriginPattern::Regex(RegexPattern::parse(regex).expect("valid")),
        None => OriginPattern::parse(text).expect("valid"),
    };
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    let spec = PolicySpec {
        origins: origins.iter().map(pattern).collect(),
        methods: NameList {
            any: false,
            names: names(&["PUT", "DELETE"]),
        }
        .into(),
        headers: NameList {
            any: false,
            names: names(&["authorization", "content-type", "x-a", "x-b"]),
        }
        .into(),
        credentials,
        ..PolicySpec::default()
    };
    Rule::policy(Policy::new(spec).expect("valid"))
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let fields = fields.iter();
    fields
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value).expect("valid");
            (HeaderName::from_static(name), value)
        })
        .collect()
}

/// Decides once and writes the answer's fields; says whether the request was allowed, and fails if
/// anything was allocated.
fn decide_without_allocating(rule: &Rule, method: &Method, headers: &HeaderMap) -> bool {
    let mut is_allowed = false;
    let mut out = Vec::with_capacity(16 << 10);
    let info = allocation_counter::measure(|| {
        let request = CorsRequest::new(method, headers);
        let decision = decide(rule, &request);
        is_allowed = match &decision {
            Decision::Preflight(PreflightDecision::Handled(answer, _)) => {
                answer.for_each_field(|_, value| {
                    value.write_to(answer.request(), &mut out);
                });
                !out.is_empty()
            }
            Decision::Preflight(_) => false,
            Decision::Actual(actual) => actual.outcome.as_str() == "allowed",
        };
        std::hint::black_box(&decision);
    });
    assert_eq!(info.count_total, 0, "{method} {headers:?}");
    is_allowed
}

#[test]
fn a_decision_allocates_nothing() {
    let rule = policy(
        &[
            "https://app.example.com",
            "https://*.example.org",
            "http://localhost:*",
            "regex:https://pr-[0-9]+\\.preview\\.example\\.com",
            "null",
        ],
        false,
    );
    let long = format!("https://{}.example.org", "a.".repeat(200));
    let names = vec!["x-a"; 1000].join(",");
    for (origin, requested, expected) in [
        (
            "https://app.example.com",
            "authorization,content-type,x-a,x-b",
            true,
        ),
        ("https://a.b.example.org", "X-A , ,x-b", true),
        ("http://localhost:5173", "", true),
        ("https://pr-42.preview.example.com", "x-a", true),
        ("null", "x-a", true),
        ("http://[2001:db8::1]:80", "x-a", false),
        ("https://evil.test", "x-a", false),
        ("https://app.example.com", "x-c", false),
        ("https://app.example.com", "no token", false),
        ("https://app.example.com", names.as_str(), true),
        ("not an origin", "", false),
        (long.as_str(), "", false),
    ] {
        let preflight = headers(&[
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", requested),
        ]);
        let is_allowed = decide_without_allocating(&rule, &Method::OPTIONS, &preflight);
        assert_eq!(is_allowed, expected, "{origin} {requested:.40}");
        decide_without_allocating(&rule, &Method::GET, &headers(&[("origin", origin)]));
    }
    decide_without_allocating(&rule, &Method::GET, &HeaderMap::new());
}

#[test]
fn neither_does_one_with_credentials_or_without_a_route() {
    let rule = policy(&["https://app.example.com"], true);
    let preflight = headers(&[
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "DELETE"),
    ]);
    assert!(decide_without_allocating(
        &rule,
        &Method::OPTIONS,
        &preflight
    ));
    for rule in [Rule::Passthrough, Rule::Off, Rule::NoRoute(None)] {
        assert!(!decide_without_allocating(
            &rule,
            &Method::OPTIONS,
            &preflight
        ));
    }
}

#[test]
fn neither_does_one_by_lists_that_are_sent_as_written_or_about_options_that_is_rejected() {
    let text = |text| ListSpec::Verbatim(VerbatimList::parse(text).expect("valid"));
    let spec = PolicySpec {
        origins: vec![OriginPattern::parse("https://app.example.com").expect("valid")],
        methods: text("GET, PUT"),
        headers: text("X-A,X-B"),
        expose_headers: text("*"),
        other_options_requests: OtherOptionsRequests::Reject,
        ..PolicySpec::default()
    };
    let rule = Rule::policy(Policy::new(spec).expect("valid"));
    let origin = ("origin", "https://app.example.com");
    let asked = ("access-control-request-method", "DELETE");
    for (fields, expected) in [
        (&[origin, asked][..], true),
        (&[origin], false),
        (&[asked], false),
        (&[], false),
    ] {
        let is_allowed = decide_without_allocating(&rule, &Method::OPTIONS, &headers(fields));
        assert_eq!(is_allowed, expected, "{fields:?}");
    }
}

#[test]
fn taking_tokens_allocates_nothing_however_many_clients_there_are() {
    let buckets = Buckets::default();
    let rate = Rate::new(5, Duration::from_secs(1), 5);
    let now = Instant::now();
    let info = allocation_counter::measure(|| {
        for number in 0..1_000_000 {
            let owner = Owner {
                scope: buckets.shared_scope(),
                client: Ipv4Addr::from_bits(number % 300_000).into(),
                is_preflight: false,
            };
            let _ = buckets.take(owner, rate, now);
        }
    });
    assert_eq!(info.count_total, 0);
    let info = allocation_counter::measure(|| drop(Buckets::default()));
    assert!(info.bytes_max <= Buckets::BYTES as u64, "{info:?}");
}
