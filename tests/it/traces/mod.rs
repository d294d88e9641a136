//! Traces of a running gateway, as its upstreams and a collector see them.

mod environment;
mod failures;
mod otlp;
mod rotel;

use crate::support::{
    Answer, Authority, Client, Folder, Gateway, Http2Client, LANES, PATIENCE, Received, Refusing,
    Response, TlsClient, Upstream, run,
};
use otlp::{Arrived, collector, spans};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const PREFLIGHT: &str = "Origin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n";

fn configuration(traces: &str, upstream: &Upstream) -> String {
    format!(
        "{traces}\n\
         upstreams:\n\
         \x20 books: {{ endpoints: ['{}'] }}\n\
         \x20 gone: {{ endpoints: ['127.0.0.1:1'], retries: 0 }}\n\
         \x20 written: {{ respond: {{ status: 200, body: '{{}}' }} }}\n\
         policies: {{ web: {{ allow_origins: [https://app.example.com] }} }}\n\
         routes:\n\
         - {{ name: books, match: {{ path_prefix: /books }}, upstream: books, cors: web }}\n\
         - {{ name: through, match: {{ path_prefix: /through }}, upstream: books, cors: passthrough }}\n\
         - {{ name: gone, match: {{ path_prefix: /gone }}, upstream: gone, cors: web }}\n\
         - {{ name: written, match: {{ path_prefix: /written }}, upstream: written, cors: web }}\n",
        upstream.address
    )
}

fn traces(collector: SocketAddr, ratio: &str) -> String {
    format!("traces: {{ endpoint: 'http://{collector}', sample_ratio: {ratio} }}")
}

fn ask(gateway: &Gateway, line: &str, more: &str) -> Response {
    gateway.send(&format!(
        "{line} HTTP/1.1\r\nHost: api.test:8443\r\n{more}\r\n"
    ))
}

fn context(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn last(upstream: &Upstream) -> Received {
    upstream.received().pop().expect("it reached the upstream")
}

fn attribute<'s>(span: &'s Arrived, name: &str) -> &'s str {
    let value = span.attributes.get(name);
    value.unwrap_or_else(|| panic!("no {name}: {span:#?}"))
}

#[test]
fn a_request_that_is_forwarded_has_a_span_and_no_other_has() {
    for lane in LANES {
        let (collector, upstream) = (collector(), Upstream::start(Answer::ok()));
        let text = configuration(&traces(collector.address, "1"), &upstream);
        let gateway = Gateway::start_with(lane, &text);
        for (line, more, status) in [
            ("OPTIONS /books", PREFLIGHT, 204),
            ("OPTIONS /none", PREFLIGHT, 404),
            ("GET /none", "", 404),
            ("GET /written", "", 200),
            ("GET /books/../x", "", 400),
            ("OPTIONS *", "", 204),
            // From here on with a span.
            ("OPTIONS /through", PREFLIGHT, 200),
            (
                "GET /books/1?token=secret",
                "User-Agent: curl/8\r\nX-Request-Id: own-1\r\n",
                200,
            ),
            ("BREW /books", "", 200),
            ("GET /gone", "", 502),
        ] {
            assert_eq!(ask(&gateway, line, more).status, status, "{line}");
        }
        let spans = spans(&collector, 4);
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(
            names,
            ["OPTIONS through", "GET books", "HTTP books", "GET gone"]
        );
        assert!(
            spans
                .iter()
                .all(|span| span.is_of_server && span.parent.is_empty())
        );
        let errors: Vec<bool> = spans.iter().map(|span| span.is_error).collect();
        assert_eq!(errors, [false, false, false, true]);
        for (name, value) in [
            ("http.request.method", "GET"),
            ("url.path", "/books/1"),
            ("url.scheme", "http"),
            ("server.address", "api.test"),
            ("server.port", "8443"),
            ("client.address", "127.0.0.1"),
            ("network.protocol.version", "1.1"),
            ("user_agent.original", "curl/8"),
            ("http.response.status_code", "200"),
            ("corsgate.route", "books"),
            ("corsgate.policy", "web"),
            ("corsgate.request_id", "own-1"),
            ("corsgate.upstream", "books"),
            ("corsgate.endpoint", &upstream.address.to_string()),
            ("corsgate.retries", "0"),
        ] {
            assert_eq!(attribute(&spans[1], name), value, "{name}");
        }
        assert_eq!(attribute(&spans[2], "http.request.method"), "_OTHER");
        assert_eq!(attribute(&spans[2], "http.request.method_original"), "BREW");
        assert_eq!(attribute(&spans[3], "http.response.status_code"), "502");
        assert_eq!(attribute(&spans[3], "error.type"), "502");
        for span in &spans {
            // Neither the query nor anything else of it.
            let mut values = span.attributes.values();
            assert!(!values.any(|value| value.contains("secret")), "{span:#?}");
            assert!((1..10_000_000_000).contains(&span.nanoseconds), "{span:#?}");
            assert_eq!(span.resource["service.name"], "corsgate");
            assert_eq!(span.message.target, "/v1/traces");
            let kind = span.message.get("content-type");
            assert_eq!(kind.as_deref(), Some("application/x-protobuf"));
        }
        gateway.wait_for_metric("corsgate_trace_spans_total{result=\"exported\"}", 4.0);
    }
}

#[test]
fn a_trace_goes_on_to_the_upstream_and_its_sampling_counts() {
    let upstream = Upstream::start(Answer::ok());
    for ratio in ["0", "1"] {
        let collector = collector();
        let gateway = Gateway::start(&configuration(&traces(collector.address, ratio), &upstream));
        let is_all = ratio == "1";
        let (sampled, unsampled) = (context("01"), context("00"));
        let repeated = format!("Traceparent: {sampled}\r\nTraceparent: {sampled}\r\n");
        let with = |context: &str| format!("Traceparent: {context}\r\nTracestate: a=b\r\n");

        // A sampled trace goes on, with a span of the gateway's own.
        assert_eq!(ask(&gateway, "GET /books", &with(&sampled)).status, 200);
        let first = spans(&collector, 1).remove(0);
        assert_eq!(
            (first.trace_id.as_str(), first.parent.as_str()),
            (TRACE, PARENT)
        );
        let told = last(&upstream);
        let own = format!("00-{TRACE}-{}-01", first.span_id);
        assert_eq!(told.get("traceparent"), Some(own));
        assert_eq!(told.get("tracestate").as_deref(), Some("a=b"));

        // One that is not goes on as it came.
        assert_eq!(ask(&gateway, "GET /books", &with(&unsampled)).status, 200);
        let told = last(&upstream);
        assert_eq!(told.get("traceparent"), Some(unsampled));
        assert_eq!(told.get("tracestate").as_deref(), Some("a=b"));

        // None, or none that is valid, begins one.
        let mut begun = Vec::new();
        for more in ["", &with("00-x"), &format!("{repeated}Tracestate: a=b\r\n")] {
            assert_eq!(ask(&gateway, "GET /books", more).status, 200);
            let told = last(&upstream);
            assert_eq!(told.get("tracestate"), None, "{more}");
            let context = told.get("traceparent").expect("one begins");
            let parts: Vec<&str> = context.split('-').collect();
            assert_eq!((parts[0], parts[1].len(), parts[2].len()), ("00", 32, 16));
            assert_ne!(parts[1], TRACE);
            assert_eq!(parts[3], if is_all { "01" } else { "00" });
            begun.push((parts[1].to_owned(), parts[2].to_owned()));
        }
        let count = if is_all { 4 } else { 1 };
        // The last one is sampled in any case, so that nothing comes after it.
        assert_eq!(
            ask(&gateway, "GET /books/last", &with(&sampled)).status,
            200
        );
        let arrived = spans(&collector, count + 1);
        let arrived = arrived[1..count].iter();
        let ids: Vec<_> = arrived
            .map(|s| (s.trace_id.clone(), s.span_id.clone()))
            .collect();
        assert_eq!(ids, if is_all { begun } else { Vec::new() });
    }
}

#[test]
fn without_traces_the_context_passes_as_it_came() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&configuration("", &upstream));
    for context in [context("01").as_str(), "00-x"] {
        let more = format!("Traceparent: {context}\r\nTracestate: a=b\r\n");
        assert_eq!(ask(&gateway, "GET /books", &more).status, 200);
        let told = last(&upstream);
        assert_eq!(told.get("traceparent").as_deref(), Some(context));
        assert_eq!(told.get("tracestate").as_deref(), Some("a=b"));
    }
    assert_eq!(ask(&gateway, "GET /books", "").status, 200);
    assert_eq!(last(&upstream).get("traceparent"), None);
}

#[test]
fn http_2_and_tls_are_told_and_the_log_has_the_same_trace() {
    let (folder, authority) = (Folder::new(), Authority::new("servers"));
    authority.issue(&["api.test"]).write(&folder, "api");
    let (collector, upstream) = (collector(), Upstream::start(Answer::ok()));
    let log = folder.path("access");
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: api.crt, private_key: api.key }}] }} }},\n\
         {{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\naccess_log: {{ path: access, fields: [trace_id] }}\n{}",
        configuration(&traces(collector.address, "1"), &upstream).replace("/books", "/")
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    let (tls, plain) = (gateway.addresses()[0], gateway.addresses()[1]);
    let client = TlsClient::new(&authority, "api.test", &["h2"]);
    let response = run(client.exchange(tls, "GET", &[]));
    assert_eq!(response.expect("a response").status, 200);
    let response = Http2Client::connect(plain).exchange("GET", &[]);
    assert_eq!(response.expect("a response").status, 200);
    let spans = spans(&collector, 2);
    for (span, scheme) in spans.iter().zip(["https", "http"]) {
        assert_eq!(attribute(span, "network.protocol.version"), "2");
        assert_eq!(attribute(span, "url.scheme"), scheme);
    }
    gateway.drain();
    let expected: String = spans
        .iter()
        .map(|span| format!("{{\"trace_id\":\"{}\"}}\n", span.trace_id))
        .collect();
    assert_eq!(std::fs::read_to_string(log).expect("readable"), expected);
}

#[test]
fn a_collector_that_fails_costs_no_request_and_its_spans_are_counted() {
    let upstream = Upstream::start(Answer::ok());
    let refusing = Refusing::new();
    let failing = [
        Answer::new(500, &[]),
        Answer::new(302, &[("Location".to_owned(), "/".to_owned())]),
        Answer(b"SSH-2.0-x\r\n".to_vec()),
        // It never comes.
        Answer(Vec::new()),
    ]
    .map(Upstream::start);
    let collectors = failing.iter().map(|collector| collector.address);
    for collector in collectors.chain([refusing.address]) {
        let gateway = Gateway::start(&configuration(&traces(collector, "1"), &upstream));
        let started = Instant::now();
        for _ in 0..20 {
            assert_eq!(ask(&gateway, "GET /books", "").status, 200);
        }
        assert!(started.elapsed() < Duration::from_secs(4), "{collector}");
        gateway.wait_for_metric("corsgate_trace_spans_total{result=\"failed\"}", 20.0);
        assert_eq!(
            gateway.metric("corsgate_trace_spans_total{result=\"exported\"}"),
            0.0
        );
    }
}

#[test]
fn the_last_spans_are_sent_before_the_process_ends_and_a_reload_changes_the_collector() {
    let folder = Folder::new();
    let (first, second) = (collector(), collector());
    let upstream = Upstream::start(Answer::ok());
    let listeners = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n";
    let text = |collector: &Upstream| {
        let traces = traces(collector.address, "1");
        format!("{listeners}{}", configuration(&traces, &upstream))
    };
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text(&first)));
    assert_eq!(ask(&gateway, "GET /books/1", "").status, 200);
    folder.replace("corsgate.yaml", &text(&second));
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    assert_eq!(ask(&gateway, "GET /books/2", "").status, 200);
    gateway.drain();
    // The drain has waited for it.
    let path = |collector| attribute(&spans(collector, 1)[0], "url.path").to_owned();
    assert_eq!(second.received().len(), 1);
    assert_eq!(path(&second), "/books/2");
    assert_eq!(path(&first), "/books/1");
}

#[test]
fn hostile_bytes_are_shown_and_bounded() {
    let (collector, upstream) = (collector(), Upstream::start(Answer::ok()));
    let gateway = Gateway::start(&configuration(&traces(collector.address, "1"), &upstream));
    let mut request = b"GET /books HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff".to_vec();
    request.extend(std::iter::repeat_n(b'x', 2000));
    request.extend_from_slice(b"\r\n\r\n");
    let mut client = Client::connect(gateway.address);
    client.write(&request);
    assert_eq!(client.read(false).expect("an answer").status, 200);
    let agent = spans(&collector, 1)[0].attributes["user_agent.original"].clone();
    let expected = format!("\u{fffd}{}", "x".repeat(511));
    assert_eq!(agent, expected);
}

#[test]
fn a_client_that_has_gone_is_an_error_of_its_span() {
    let (collector, upstream) = (collector(), Upstream::start(Answer(Vec::new())));
    let gateway = Gateway::start(&configuration(&traces(collector.address, "1"), &upstream));
    let mut client = Client::connect(gateway.address);
    client.write(b"GET /books HTTP/1.1\r\nHost: a\r\n\r\n");
    let started = Instant::now();
    while upstream.received().is_empty() {
        assert!(
            started.elapsed() < PATIENCE,
            "it does not reach the upstream"
        );
        std::thread::yield_now();
    }
    client.reset();
    let span = spans(&collector, 1).remove(0);
    assert!(span.is_error);
    assert_eq!(attribute(&span, "error.type"), "client_gone");
    assert_eq!(span.attributes.get("http.response.status_code"), None);
}

#[test]
fn a_trusted_proxy_says_who_the_client_is_and_which_scheme_it_asked_for() {
    let (collector, upstream) = (collector(), Upstream::start(Answer::ok()));
    let text = configuration(&traces(collector.address, "1"), &upstream);
    let more = "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n";
    for (trusted, client, scheme) in [
        ("trusted_proxies: [127.0.0.1]\n", "192.0.2.7", "https"),
        ("", "127.0.0.1", "http"),
    ] {
        let gateway = Gateway::start(&format!("{trusted}{text}"));
        assert_eq!(ask(&gateway, "GET /books", more).status, 200);
        gateway.drain();
        let span = spans(&collector, collector.received().len()).pop();
        let span = span.expect("the drain has waited for it");
        assert_eq!(attribute(&span, "client.address"), client);
        assert_eq!(attribute(&span, "url.scheme"), scheme);
    }
}
