//! The requests that are sent, and the judgement of answers, without a socket.

use super::*;
use crate::cors::{Probe, ProbeKind};
use http::StatusCode;
use std::cell::RefCell;

const APP: &str = "https://app.example.com";

fn question(method: &str) -> ProbeRequest {
    ProbeRequest {
        target: "https://api.example.com/v1?a=b".parse().expect("a URL"),
        method: method.to_owned(),
        origin: APP.to_owned(),
        headers: Vec::new(),
        credentials: false,
        preflight_only: false,
        send: false,
    }
}

/// Makes an answer whose fields are written as `name: value | name: value`.
fn answer(status: u16, fields: &str) -> Answer {
    let mut map = HeaderMap::new();
    for line in fields.split(" | ").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a field");
        append(&mut map, name, value);
    }
    Answer {
        status: StatusCode::from_u16(status).expect("a status"),
        fields: map,
    }
}

/// Asks a server that gives every request the same answer. Returns the report, and the requests that the
/// server received.
fn asked_of(question: &ProbeRequest, fields: &str) -> (ProbeReport, Vec<String>) {
    let seen = RefCell::new(Vec::new());
    let server = |request: Request<()>| {
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let line = format!("{} {} {}", request.method(), request.uri(), names.join(","));
        seen.borrow_mut().push(line);
        let status = if request.method() == Method::OPTIONS {
            204
        } else {
            200
        };
        Ok(answer(status, fields))
    };
    let report = ask(question, &server).expect("answers");
    (report, seen.into_inner())
}

const OPEN: &str = "access-control-allow-origin: * | access-control-allow-methods: * | \
                    access-control-allow-headers: * | access-control-max-age: 60";

#[test]
fn what_a_form_could_send_is_sent_without_asking() {
    let (report, seen) = asked_of(&question("get"), OPEN);
    assert_eq!(seen, ["GET https://api.example.com/v1?a=b accept,origin"]);
    assert!(report.preflight.is_none() && report.refusal().is_none());
    assert!(matches!(report.request, RequestOutcome::Answered(_)));
}

#[test]
fn what_may_change_something_is_asked_for_and_sent_where_it_is_said() {
    let (report, seen) = asked_of(&question("delete"), OPEN);
    let preflight =
        "OPTIONS https://api.example.com/v1?a=b accept,access-control-request-method,origin";
    assert_eq!(seen, [preflight]);
    assert!(matches!(report.request, RequestOutcome::MayChangeSomething));
    assert!(report.refusal().is_none());
    let send = ProbeRequest {
        send: true,
        ..question("delete")
    };
    let (report, seen) = asked_of(&send, OPEN);
    let request = "DELETE https://api.example.com/v1?a=b accept,origin";
    assert_eq!(seen, [preflight, request]);
    assert!(matches!(report.request, RequestOutcome::Answered(_)));
    let only = ProbeRequest {
        preflight_only: true,
        headers: vec![("x-a".to_owned(), "1".to_owned())],
        ..question("GET")
    };
    let (report, seen) = asked_of(&only, OPEN);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(matches!(report.request, RequestOutcome::NotSent));
}

#[test]
fn a_browser_that_is_refused_sends_nothing_more() {
    let send = ProbeRequest {
        send: true,
        ..question("PUT")
    };
    let (report, seen) = asked_of(&send, "access-control-allow-origin: *");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(matches!(report.request, RequestOutcome::Forbidden));
    let code = report.refusal().map(Refusal::as_str);
    assert_eq!(code, Some("method_not_allowed"));
}

#[test]
fn the_script_s_headers_are_sent_and_dropped_ones_are_not() {
    let own = ProbeRequest {
        headers: [
            ("Accept", "text/html"),
            ("Cookie", "a=b"),
            ("X-A", " \u{e9} "),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..question("GET")
    };
    let sent = RefCell::new(HeaderMap::new());
    let server = |request: Request<()>| {
        *sent.borrow_mut() = request.headers().clone();
        Ok(answer(200, OPEN))
    };
    let report = ask(&own, &server).expect("answers");
    let sent = sent.into_inner();
    assert_eq!(report.dropped, ["cookie"]);
    assert_eq!(sent.get_all("accept").iter().count(), 1);
    assert_eq!(sent.get("accept").expect("there"), "text/html");
    assert_eq!(sent.get("x-a").expect("there").as_bytes(), b"\xe9");
    assert!(sent.get("cookie").is_none());
}

#[test]
fn nothing_is_asked_where_the_origins_are_the_same() {
    let same = ProbeRequest {
        origin: "https://api.example.com".to_owned(),
        ..question("PUT")
    };
    let (report, seen) = asked_of(&same, "");
    assert!(seen.is_empty(), "{seen:?}");
    assert!(report.same_origin && report.refusal().is_none());
}

#[test]
fn whether_there_is_anything_to_ask_is_known_beforehand() {
    let preflight_only = ProbeRequest {
        preflight_only: true,
        ..question("GET")
    };
    let send = ProbeRequest {
        send: true,
        ..question("POST")
    };
    for (question, sends) in [
        (question("GET"), true),
        (question("HEAD"), true),
        (question("POST"), false),
        (question("PUT"), true),
        (preflight_only, false),
        (send, true),
    ] {
        assert_eq!(question.sends_anything(), sends, "{question:?}");
    }
}

#[test]
fn warnings_are_about_what_no_browser_says() {
    let named =
        "access-control-allow-origin: https://app.example.com | access-control-allow-methods: *";
    #[rustfmt::skip]
    let cases = [
        ("an answer that depends on the origin says so", "GET", "access-control-allow-origin: https://app.example.com | vary: Accept, origin", ""),
        ("vary in a second line counts", "GET", "access-control-allow-origin: https://app.example.com | vary: a | vary: Origin", ""),
        ("vary on everything counts", "GET", "access-control-allow-origin: https://app.example.com | vary: *", ""),
        ("an answer that doesn't", "GET", "access-control-allow-origin: https://app.example.com | vary: x-origin", "no_vary_origin"),
        ("an answer for all needs no vary", "GET", "access-control-allow-origin: *", ""),
        ("an hour is remembered by most", "PUT", "vary: origin | access-control-max-age: 7200", ""),
        ("more by fewer", "PUT", "vary: origin | access-control-max-age: 7201", "max_age_over_cap"),
        ("much more by nobody", "PUT", "vary: origin | access-control-max-age: 90000", "max_age_over_cap"),
        ("none", "PUT", "vary: origin", "no_max_age"),
        ("everything is exposed, and nothing to credentials", "GET+", "access-control-allow-origin: https://app.example.com | vary: origin | access-control-allow-credentials: true | access-control-expose-headers: *", "expose_star_with_credentials"),
        ("no number", "PUT", "vary: origin | access-control-max-age: 2h", "max_age_unreadable"),
    ];
    let mut texts = Vec::new();
    for (sentence, method, fields, expected) in cases {
        let fields = match method {
            "PUT" => format!("{named} | {fields}"),
            _ => fields.to_owned(),
        };
        let question = ProbeRequest {
            credentials: method.ends_with('+'),
            ..question(method.trim_end_matches('+'))
        };
        let (report, _) = asked_of(&question, &fields);
        let codes: Vec<_> = report.warnings.iter().map(Warning::as_str).collect();
        assert_eq!(codes.join(","), expected, "{sentence}");
        let words = report.warnings.iter().map(|w| (sentence, w.to_string()));
        texts.extend(words);
    }
    crate::expect::texts("probe/warnings.txt", &texts);
}

#[test]
fn redirects_errors_and_mixed_content_are_told() {
    let redirect = |_: Request<()>| Ok(answer(302, "location: https://b.example/\u{e9}"));
    let redirected = ask(&question("PUT"), &redirect).expect("answers");
    let code = redirected.refusal().map(Refusal::as_str);
    assert_eq!(code, Some("preflight_redirected"));

    let gone = |_: Request<()>| Ok(answer(404, "access-control-allow-origin: *"));
    let plain = ProbeRequest {
        target: "http://api.example.com/".parse().expect("a URL"),
        ..question("GET")
    };
    let plain = ProbeRequest {
        headers: vec![("Access-Control-Allow-Origin".to_owned(), "*".to_owned())],
        preflight_only: false,
        ..plain
    };
    let report = ask(&plain, &gone).expect("answers");
    let codes: Vec<_> = report.warnings.iter().map(Warning::as_str).collect();
    assert_eq!(codes, ["mixed_content", "response_header_on_request"]);
    let plain = ProbeRequest {
        headers: Vec::new(),
        ..plain
    };
    let warned = report.warnings;
    let report = ask(&plain, &gone).expect("answers");
    let codes: Vec<_> = report.warnings.iter().map(Warning::as_str).collect();
    assert_eq!(codes, ["mixed_content", "error_status"]);
    let warnings = redirected
        .warnings
        .iter()
        .chain(&report.warnings)
        .chain(&warned);
    let texts: Vec<_> = warnings.map(|w| (w.as_str(), w.to_string())).collect();
    crate::expect::texts("probe/redirects_and_errors.txt", &texts);
}

#[test]
fn what_a_server_sends_is_escaped() {
    let mut given = answer(200, "");
    let value = HeaderValue::from_bytes(b"\xff\tx").expect("a value");
    given.fields.append("vary", value);
    let shown: Vec<_> = given.cors_fields().map(|(_, value)| value).collect();
    assert_eq!(shown, ["\\xff\\tx"]);
}

#[test]
fn a_missing_answer_is_an_error_with_its_place() {
    let silent = |_: Request<()>| {
        Err(ExchangeError::Tls {
            reason: "invalid peer certificate: UnknownIssuer".to_owned(),
        })
    };
    let error = ask(&question("PUT"), &silent).expect_err("no answer");
    let told = error.to_string();
    assert!(
        told.ends_with(": invalid peer certificate: UnknownIssuer"),
        "{told}"
    );
    assert_eq!(error.error.as_str(), "tls");
    assert!(error.error.hint().is_some());
}

#[test]
fn urls_are_absolute_and_have_an_origin() {
    for (url, origin) in [
        ("https://API.example.com/x", "https://api.example.com"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:443/", "http://a.example:443"),
        ("http://[::1]:8080/?x#y", "http://[::1]:8080"),
    ] {
        let target: Target = url.parse().expect(url);
        assert_eq!(target.origin(), origin, "{url}");
    }
    for url in [
        "a.example/x",
        "ftp://a.example/",
        "https://u:p@a.example/",
        "https://a b/",
        "https://",
    ] {
        assert!(url.parse::<Target>().is_err(), "{url}");
    }
}

/// Scans a server that answers by `rule`, which maps an origin to its CORS fields.
fn scanned(question: &ProbeRequest, rule: impl Fn(&str) -> String) -> ScanReport {
    let server = |request: Request<()>| {
        assert!(matches!(request.method().as_str(), "GET" | "OPTIONS"));
        let origin = request.headers().get("origin").expect("there");
        Ok(answer(200, &rule(origin.to_str().expect("text"))))
    };
    scan(question, &server).expect("answers")
}

fn named(origin: &str) -> String {
    format!("access-control-allow-origin: {origin}")
}

fn with_credentials(origin: &str) -> String {
    format!("{} | access-control-allow-credentials: true", named(origin))
}

#[test]
fn a_scan_finds_what_careless_servers_let_through() {
    use LeakSeverity::*;
    let allow = |rule: fn(&str) -> bool| {
        move |origin: &str| match rule(origin) {
            true => with_credentials(origin),
            false => String::new(),
        }
    };
    let q = question("GET");
    let strict = scanned(&q, allow(|origin| origin == APP));
    assert_eq!((strict.worst(), strict.leaks()), (None, false));
    assert_eq!(strict.control, Access::NamedWithCredentials);
    for (sentence, report, worst) in [
        (
            "everybody is reflected",
            scanned(&q, with_credentials),
            Critical,
        ),
        (
            "everybody is reflected, without credentials",
            scanned(&q, named),
            Medium,
        ),
        ("everybody is public", scanned(&q, |_| named("*")), Info),
        (
            "a prefix is compared",
            scanned(&q, allow(|o| o.starts_with(APP))),
            Critical,
        ),
        (
            "a suffix is compared",
            scanned(&q, allow(|o| o.ends_with("example.com"))),
            Critical,
        ),
        (
            "null is trusted",
            scanned(&q, allow(|o| o == "null" || o == APP)),
            Critical,
        ),
        (
            "http is trusted",
            scanned(&q, allow(|o| o.ends_with("://app.example.com"))),
            High,
        ),
        (
            "subdomains are trusted",
            scanned(&q, allow(|o| o == APP || o.ends_with(".app.example.com"))),
            Low,
        ),
        (
            "a constant is sent",
            scanned(&q, |_| with_credentials(APP)),
            None,
        ),
    ] {
        assert_eq!(report.worst(), worst, "{sentence}: {report:?}");
        assert_eq!(report.leaks(), worst >= Medium, "{sentence}");
        assert!(report.findings.len() > 40, "{sentence}");
    }
}

#[test]
fn a_scan_asks_for_permission_where_the_script_needs_it() {
    let permissive = |request: Request<()>| {
        let origin = request.headers().get("origin").expect("there");
        let fields = format!(
            "{} | access-control-allow-methods: PUT",
            with_credentials(origin.to_str().expect("text"))
        );
        let is_preflight = request.method() == Method::OPTIONS;
        Ok(answer(200, if is_preflight { &fields } else { "" }))
    };
    let put = scan(&question("PUT"), &permissive).expect("answers");
    assert_eq!(put.worst(), LeakSeverity::Critical);
    let get = scan(&question("GET"), &permissive).expect("answers");
    assert_eq!(get.worst(), LeakSeverity::None);
}

#[test]
fn a_scan_bears_servers_that_hang_up_and_needs_the_first_answer() {
    let hangs_up = |request: Request<()>| match request.headers().get("origin") {
        Some(origin) if origin == APP => Ok(answer(200, &with_credentials(APP))),
        _ => Err(ExchangeError::Protocol {
            reason: "gone".to_owned(),
        }),
    };
    let report = scan(&question("GET"), &hangs_up).expect("the control is answered");
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.error.is_some())
    );
    assert!(!report.leaks());
    let elsewhere = ProbeRequest {
        origin: "https://b.example".to_owned(),
        ..question("GET")
    };
    assert!(scan(&elsewhere, &hangs_up).is_err());
}

#[test]
fn a_scan_never_sends_an_origin_that_is_trusted_anyway_nor_one_twice() {
    let report = scanned(&question("GET"), |_| String::new());
    let mut origins: Vec<&str> = report
        .findings
        .iter()
        .map(|f| f.probe.origin.as_str())
        .collect();
    assert!(!origins.contains(&APP) && !origins.contains(&"https://api.example.com"));
    assert!(
        origins
            .iter()
            .any(|origin| origin.contains("api.example.com"))
    );
    let all = origins.len();
    origins.sort_unstable();
    origins.dedup();
    assert_eq!(origins.len(), all);
}

#[test]
fn what_no_browser_sends_is_no_leak() {
    let probe = |kind, origin: &str| Probe {
        kind,
        origin: origin.to_owned(),
    };
    let access = Access::NamedWithCredentials;
    for (probe, severity) in [
        (
            probe(ProbeKind::Prefix, "https://app.example.com.evil.test"),
            LeakSeverity::Critical,
        ),
        (
            probe(ProbeKind::Prefix, "https://app.example.com:8443evil.test"),
            LeakSeverity::Low,
        ),
        (
            probe(
                ProbeKind::SpecialCharacter,
                "https://app.example.com`.evil.test",
            ),
            LeakSeverity::High,
        ),
        (
            probe(ProbeKind::UserInfo, "https://app.example.com@evil.test"),
            LeakSeverity::Low,
        ),
    ] {
        assert_eq!(LeakSeverity::of(&probe, access), severity, "{probe:?}");
        assert_eq!(
            LeakSeverity::of(&probe, Access::Nothing),
            LeakSeverity::None
        );
        assert_eq!(LeakSeverity::of(&probe, Access::Public), LeakSeverity::Info);
    }
}
