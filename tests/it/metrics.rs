//! The metrics page and the rest of the admin listener, with the real Prometheus where it is
//! installed. `CORSGATE_TEST_PROMETHEUS=require` makes it a failure that it is not.

use crate::support::{
    Answer, Client, Folder, Gateway, LANES, PATIENCE, Prometheus, Upstream, program,
};
use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::start(&config(upstream))
}

fn config(upstream: &Upstream) -> String {
    format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes:\n\
         - {{ name: books, match: {{ path_prefix: /books }}, upstream: u, \
              cors: {{ allow_origins: [https://app.example.com] }} }}\n\
         - {{ name: own, match: {{ path_prefix: /own }}, upstream: u, cors: passthrough }}\n",
        upstream.address
    )
}

fn preflight(path: &str, origin: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: GET\r\n\r\n"
    )
}

/// Three handled, two rejected, one passed through, one without a route.
fn some_traffic(gateway: &Gateway) {
    let allowed = "https://app.example.com";
    let mut client = Client::connect(gateway.address);
    for (request, times) in [
        (preflight("/books", allowed), 3),
        (preflight("/books", "https://evil.test"), 2),
        (preflight("/own", allowed), 1),
        (preflight("/nowhere", allowed), 1),
    ] {
        for _ in 0..times {
            client.exchange(&request);
        }
    }
}

#[test]
fn preflights_are_counted_by_outcome_and_reason() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    some_traffic(&gateway);
    for (series, count) in [
        (r#"{outcome="handled",reason="allowed",route="books"}"#, 3.0),
        (
            r#"{outcome="rejected",reason="origin_not_allowed",route="books"}"#,
            2.0,
        ),
        (
            r#"{outcome="passed_through",reason="route_passthrough",route="own"}"#,
            1.0,
        ),
        (
            r#"{outcome="rejected",reason="no_route",route="unmatched"}"#,
            1.0,
        ),
        (
            r#"{outcome="rejected",reason="method_not_allowed",route="books"}"#,
            0.0,
        ),
    ] {
        assert_eq!(
            gateway.metric(&format!("corsgate_preflights_total{series}")),
            count,
            "{series}"
        );
    }
}

#[test]
fn only_denials_that_a_browser_enforces_are_counted() {
    const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let upstream = Upstream::start(Answer::ok());
    // Origin, Host, more fields, and whether the denial counts.
    let cases = [
        ("https://evil.test", "api.test", "", true),
        ("https://api.test", "api.test", "", false),
        ("http://api.test", "api.test", "", false),
        ("https://api.test", "API.test:443", "", false),
        ("http://api.test", "api.test:80", "", false),
        ("https://api.test", "api.test:8443", "", true),
        ("https://api.test:8443", "api.test:8443", "", false),
        ("https://api.test:8443", "api.test", "", true),
        ("https://x.api.test", "api.test", "", true),
        ("ftp://api.test", "api.test", "", true),
        ("null", "api.test", "", true),
        ("https://evil.test", "api.test", WEBSOCKET, false),
        ("https://evil.test", "api.test", "Upgrade: h2c\r\n", true),
    ];
    let gateway = gateway(&upstream);
    let denied =
        || gateway.metric(r#"corsgate_cors_requests_total{outcome="denied",route="books"}"#);
    let requests = r#"corsgate_requests_total{code="2xx",kind="request",route="books"}"#;
    for ((origin, host, fields, counts), number) in cases.into_iter().zip(1_u8..) {
        let before = denied();
        let request =
            format!("GET /books HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{fields}\r\n");
        assert_eq!(gateway.send(&request).status, 200);
        // It is counted after its answer.
        gateway.wait_for_metric(requests, f64::from(number));
        let counted = denied() - before;
        assert_eq!(counted, f64::from(u8::from(counts)), "{request}");
    }
}

#[test]
fn preflights_and_requests_are_told_apart_in_rates_and_durations() {
    let upstream = Upstream::start(Answer::ok());
    for lane in LANES {
        let gateway = Gateway::start_with(lane, &config(&upstream));
        some_traffic(&gateway);
        let get = "GET /books HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(Client::connect(gateway.address).exchange(get).status, 200);
        for (series, count) in [
            (r#"total{code="2xx",kind="preflight",route="books"}"#, 3.0),
            (r#"total{code="4xx",kind="preflight",route="books"}"#, 2.0),
            (r#"total{code="2xx",kind="request",route="books"}"#, 1.0),
            // Preflights that the upstream answers are preflights, too.
            (r#"total{code="2xx",kind="preflight",route="own"}"#, 1.0),
            (r#"total{code="2xx",kind="request",route="own"}"#, 0.0),
        ] {
            gateway.wait_for_metric(&format!("corsgate_requests_{series}"), count);
        }
        let durations = "corsgate_request_duration_seconds_count";
        for (labels, count) in [
            (r#"{kind="preflight",route="books"}"#, 5.0),
            (r#"{kind="request",route="books"}"#, 1.0),
            (r#"{kind="request",route="unmatched"}"#, 0.0),
        ] {
            let counted = gateway.metric(&format!("{durations}{labels}"));
            assert_eq!(counted, count, "{labels}, {lane}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_page_has_the_version_and_the_state_of_the_process() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("corsgate_build_info{{version=\"{version}\"}}");
    assert_eq!(gateway.metric(&build), 1.0);
    for name in [
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(gateway.metric(name) > 0.0, "{name}");
    }
    assert!(gateway.metric("process_cpu_seconds_total") >= 0.0);
}

#[test]
fn nothing_that_a_client_sends_becomes_a_label() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let mark = "zzmark";
    let mut client = Client::connect(gateway.address);
    for request in [
        preflight(&format!("/{mark}"), &format!("https://{mark}.test")),
        preflight("/books", mark).replace("GET", mark),
        format!("{mark} /books/{mark}?{mark} HTTP/1.1\r\nHost: {mark}\r\nX-{mark}: {mark}\r\n\r\n"),
    ] {
        client.exchange(&request);
    }
    let page = gateway.metrics();
    assert!(!page.to_lowercase().contains(mark), "{page}");
}

#[test]
fn the_admin_listener_serves_its_pages_and_nothing_else() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let ask = |line: &str| {
        Client::connect(gateway.admin)
            .exchange(&format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    };
    assert_eq!(ask("GET /livez").status, 200);
    assert_eq!(ask("GET /readyz").status, 200);
    assert_eq!(
        ask("GET /metrics").get("content-type").as_deref(),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(ask("HEAD /metrics").body, "");
    assert_eq!(ask("GET /").status, 404);
    assert_eq!(ask("POST /metrics").status, 405);
    // Nor is any of it on a traffic listener.
    let traffic =
        Client::connect(gateway.address).exchange("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(traffic.status, 404);
}

#[test]
fn promtool_accepts_the_page() {
    let Some(mut promtool) = program("promtool") else {
        return;
    };
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    some_traffic(&gateway);
    let mut check = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = check.stdin.take().expect("piped");
    stdin
        .write_all(gateway.metrics().as_bytes())
        .expect("it reads");
    drop(stdin);
    let output = check.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stderr.is_empty() && output.stdout.is_empty(),
        "{output:?}"
    );
}

#[test]
fn a_real_prometheus_scrapes_the_counters() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    some_traffic(&gateway);
    let config = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: corsgate, static_configs: [{{ targets: ['{}'] }}] }}]\n",
        gateway.admin
    );
    let folder = Folder::new();
    let Some(prometheus) = Prometheus::start(&folder, &config) else {
        return;
    };
    let handled = r#"corsgate_preflights_total{outcome="handled"}"#;
    let started = Instant::now();
    // No other route has such a series.
    let counted = || -> Vec<f64> {
        let series = prometheus.series(handled).expect("an answer");
        series.iter().map(|series| series.value).collect()
    };
    while counted() != [3.0] {
        assert!(
            started.elapsed() < PATIENCE,
            "Prometheus has not scraped the gateway"
        );
    }
}
