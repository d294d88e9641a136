//! Endpoints that are checked, ejected and used again.

use super::{GET, gateway};
use crate::support::{
    Answer, Client, Folder, Gateway, Mortal, PATIENCE, Received, Refusing, Upstream, read_request,
};
use serde_json::Value;
use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Instant;

/// An upstream whose answers to checks, and to everything else, can be changed.
struct Moody {
    upstream: Upstream,
    checks: Arc<AtomicU16>,
    others: Arc<AtomicU16>,
}

impl Moody {
    fn start() -> Self {
        let (checks, others) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(200)));
        let (to_checks, to_others) = (Arc::clone(&checks), Arc::clone(&others));
        let upstream = Upstream::start_with(move |request| {
            let status = if is_check(request) {
                &to_checks
            } else {
                &to_others
            };
            Answer::new(status.load(Ordering::Relaxed), &[])
        });
        Self {
            upstream,
            checks,
            others,
        }
    }

    /// Number of requests that were not checks.
    fn served(&self) -> usize {
        let received = self.upstream.received();
        received.iter().filter(|request| !is_check(request)).count()
    }
}

fn is_check(request: &Received) -> bool {
    request.target.starts_with("/healthz")
}

fn endpoints(state: &str) -> String {
    format!("corsgate_upstream_endpoints{{state=\"{state}\",upstream=\"u\"}}")
}

const CHECK: &str = "health_check: { path: '/healthz?deep=1', interval: 100ms, unhealthy_threshold: 2, healthy_threshold: 2 }";

fn pair(a: &Moody, b: &Moody, keys: &str) -> Gateway {
    gateway(&format!(
        "{{ endpoints: ['{}', '{}'], {keys} }}",
        a.upstream.address, b.upstream.address
    ))
}

#[test]
fn an_endpoint_whose_checks_fail_is_left_out_and_comes_back() {
    let (a, b) = (Moody::start(), Moody::start());
    let gateway = pair(&a, &b, CHECK);
    gateway.wait_for_metric(&endpoints("healthy"), 2.0);
    a.checks.store(500, Ordering::Relaxed);
    gateway.wait_for_metric(&endpoints("unhealthy"), 1.0);
    let before = a.served();
    let mut client = Client::connect(gateway.address);
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!((a.served(), b.served()), (before, 10));
    let page = gateway.ask_admin("GET /upstreams").body;
    let line = format!("  {}: unhealthy for ", a.upstream.address);
    assert!(page.contains(&line), "{page}");
    assert!(page.contains("a check was answered with 500"), "{page}");
    a.checks.store(204, Ordering::Relaxed);
    gateway.wait_for_metric(&endpoints("healthy"), 2.0);
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!((a.served(), b.served()), (before + 5, 15));
    let check = a
        .upstream
        .received()
        .into_iter()
        .find(is_check)
        .expect("a check");
    assert_eq!(
        (check.method.as_str(), check.target.as_str()),
        ("GET", "/healthz?deep=1")
    );
    assert_eq!(check.get("host"), Some(a.upstream.address.to_string()));
    let agent = check.get("user-agent").unwrap_or_default();
    assert!(
        agent.starts_with("corsgate/") && agent.ends_with("(health check)"),
        "{agent}"
    );
}

#[test]
fn checks_ask_for_the_host_that_is_written() {
    let (a, b) = (Moody::start(), Moody::start());
    let gateway = pair(
        &a,
        &b,
        "health_check: { path: /healthz, host: books.internal, interval: 100ms }",
    );
    let started = Instant::now();
    let check = loop {
        match a.upstream.received().into_iter().find(is_check) {
            Some(check) => break check,
            None => assert!(started.elapsed() < PATIENCE),
        }
    };
    assert_eq!(check.get("host").as_deref(), Some("books.internal"));
    drop(gateway);
}

#[test]
fn where_no_endpoint_is_healthy_all_are_tried() {
    let (a, b) = (Moody::start(), Moody::start());
    let gateway = pair(&a, &b, CHECK);
    a.checks.store(404, Ordering::Relaxed);
    b.checks.store(301, Ordering::Relaxed);
    gateway.wait_for_metric(&endpoints("unhealthy"), 2.0);
    let mut client = Client::connect(gateway.address);
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!((a.served(), b.served()), (5, 5));
    let page = gateway.ask_admin("GET /upstreams").body;
    assert!(page.contains("none is healthy: all are tried"), "{page}");
}

#[test]
fn without_a_path_a_connection_is_enough() {
    let up = Upstream::start(Answer::ok());
    let down = Refusing::new();
    let gateway = gateway(&format!(
        "{{ endpoints: ['{}', '{}'], retries: 0, health_check: {{ interval: 100ms, unhealthy_threshold: 1 }} }}",
        up.address, down.address
    ));
    gateway.wait_for_metric(&endpoints("unhealthy"), 1.0);
    let mut client = Client::connect(gateway.address);
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!(up.received().len(), 10, "checks send nothing");
}

#[test]
fn a_check_that_is_slow_has_failed_and_holds_up_no_other() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let slow = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let reader = stream.try_clone().expect("a socket");
            if read_request(&mut BufReader::new(reader)).is_some() {
                // A status, and never the end of the header.
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ");
                open.push(stream);
            }
        }
    });
    let moody = Moody::start();
    let gateway = gateway(&format!(
        "{{ endpoints: ['{slow}', '{}'], health_check: {{ path: /healthz, interval: 200ms, timeout: 100ms, unhealthy_threshold: 2 }} }}",
        moody.upstream.address
    ));
    gateway.wait_for_metric(&endpoints("unhealthy"), 1.0);
    let page = gateway.ask_admin("GET /upstreams").body;
    assert!(page.contains("a check took longer than 100ms"), "{page}");
    assert_eq!(gateway.metric(&endpoints("healthy")), 1.0);
}

const OUTLIER: &str =
    "retries: 0, outlier_detection: { consecutive_failures: 3, ejection_time: 500ms }";

#[test]
fn an_endpoint_whose_requests_fail_is_ejected_for_a_while() {
    let (a, b) = (Moody::start(), Moody::start());
    let gateway = pair(&a, &b, OUTLIER);
    let mut client = Client::connect(gateway.address);
    // A client can cause these.
    a.others.store(500, Ordering::Relaxed);
    for _ in 0..10 {
        client.exchange(GET);
    }
    assert_eq!(gateway.metric(&endpoints("healthy")), 2.0);
    a.others.store(503, Ordering::Relaxed);
    while gateway.metric(&endpoints("ejected")) < 1.0 {
        client.exchange(GET);
    }
    let page = gateway.ask_admin("GET /upstreams").body;
    assert!(
        page.contains("3 requests in a row failed: it answered 503"),
        "{page}"
    );
    let ejections = r#"corsgate_upstream_ejections_total{upstream="u"}"#;
    assert_eq!(gateway.metric(ejections), 1.0);
    a.others.store(200, Ordering::Relaxed);
    gateway.wait_for_metric(&endpoints("healthy"), 2.0);
    let before = a.served();
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 200);
    }
    assert_eq!(a.served(), before + 5);
    assert_eq!(gateway.metric(ejections), 1.0);
}

#[test]
fn contents_that_are_cut_off_speak_against_an_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let cutting = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            crate::support::read_head(&mut stream);
            // It ends before its length.
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        }
    });
    let whole = Moody::start();
    let keys = "retries: 0, outlier_detection: { consecutive_failures: 2, ejection_time: 1h }";
    let gateway = gateway(&format!(
        "{{ endpoints: ['{cutting}', '{}'], {keys} }}",
        whole.upstream.address
    ));
    let started = Instant::now();
    while gateway.metric(&endpoints("ejected")) < 1.0 {
        assert!(started.elapsed() < PATIENCE);
        let mut stream = std::net::TcpStream::connect(gateway.address).expect("it listens");
        let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        stream.write_all(last.as_bytes()).expect("it reads");
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    }
    let page = gateway.ask_admin("GET /upstreams").body;
    assert!(page.contains("its response was cut off"), "{page}");
}

/// A request that began before a reload judges an endpoint when it ends. That may be long after.
#[test]
fn requests_of_before_a_reload_eject_nothing_for_good() {
    let folder = Folder::new();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = Arc::new(std::sync::Mutex::new(may_go_on));
    let [a, b] = [0, 1].map(|_| {
        let may_go_on = Arc::clone(&may_go_on);
        Upstream::start_with(move |request| match request.target.as_str() {
            "/slow" => {
                let waited = may_go_on.lock().expect("unpoisoned").recv();
                waited.expect("the test goes on");
                Answer::new(503, &[])
            }
            _ => Answer::ok(),
        })
    });
    let write = |retries: usize| {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\n\
             upstreams: {{ u: {{ endpoints: ['{}', '{}'], retries: {retries}, \
             outlier_detection: {{ consecutive_failures: 1, ejection_time: 1h }} }} }}\n\
             routes: [{{ upstream: u, cors: off }}]\n",
            a.address, b.address
        );
        folder.write("corsgate.yaml", &text)
    };
    let gateway = Gateway::of_file(&write(1));
    thread::scope(|scope| {
        let slow = scope.spawn(|| gateway.send(&GET.replace("GET / ", "GET /slow ")));
        let started = Instant::now();
        while !gateway
            .ask_admin("GET /upstreams")
            .body
            .contains("1 requests under way")
        {
            assert!(started.elapsed() < PATIENCE);
        }
        write(2);
        assert_eq!(gateway.ask_admin("POST /reload").status, 200);
        go_on.send(()).expect("it waits");
        assert_eq!(slow.join().expect("no panic").status, 503);
    });
    let page = gateway.ask_admin("GET /upstreams").body;
    assert_eq!(page.matches(": healthy for").count(), 2, "{page}");
    assert_eq!(gateway.metric(&endpoints("healthy")), 2.0);
    assert_eq!(gateway.send(GET).status, 200);
}

#[test]
fn no_more_endpoints_are_ejected_than_may_be() {
    let (a, b) = (Moody::start(), Moody::start());
    let keys = "retries: 0, outlier_detection: { consecutive_failures: 1, ejection_time: 1h, max_ejection_percent: 50 }";
    let gateway = pair(&a, &b, keys);
    for moody in [&a, &b] {
        moody.others.store(502, Ordering::Relaxed);
    }
    let mut client = Client::connect(gateway.address);
    for _ in 0..10 {
        assert_eq!(client.exchange(GET).status, 502);
    }
    assert_eq!(gateway.metric(&endpoints("ejected")), 1.0);
    // Alone, an endpoint is never ejected.
    let address = a.upstream.address;
    let gateway = super::gateway(&format!("{{ endpoints: ['{address}'], {keys} }}"));
    assert_eq!(gateway.send(GET).status, 502);
    assert_eq!(gateway.send(GET).status, 502);
    assert_eq!(gateway.metric(&endpoints("ejected")), 0.0);
}

#[test]
fn the_state_of_endpoints_survives_reloads() {
    let (a, b) = (Moody::start(), Moody::start());
    let folder = Folder::new();
    let write = |keys: &str, more: &str| {
        let (a, b) = (a.upstream.address, b.upstream.address);
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\n\
             upstreams: {{ u: {{ endpoints: ['{a}', '{b}'{more}], retries: 0, \
             outlier_detection: {{ consecutive_failures: 1, ejection_time: 1h }}, {keys} }} }}\n\
             routes: [{{ upstream: u, cors: off }}]\n"
        );
        folder.write("corsgate.yaml", &text)
    };
    let gateway = Gateway::of_file(&write("", ""));
    a.others.store(503, Ordering::Relaxed);
    while gateway.metric(&endpoints("ejected")) < 1.0 {
        gateway.send(GET);
    }
    let reason = |gateway: &Gateway| {
        let page = gateway.ask_admin("GET /upstreams?format=json").body;
        let page: Value = serde_json::from_str(&page).expect("JSON");
        let all = page["upstreams"][0]["endpoints"]
            .as_array()
            .expect("a list")
            .clone();
        let ejected: Vec<Value> = all
            .into_iter()
            .filter(|one| one["state"] == "ejected")
            .collect();
        assert_eq!(ejected.len(), 1);
        assert_eq!(ejected[0]["address"], a.upstream.address.to_string());
        ejected[0]["reason"].clone()
    };
    assert_eq!(
        reason(&gateway),
        "1 requests in a row failed: it answered 503 Service Unavailable"
    );
    let third = Moody::start();
    let more = format!(", '{}'", third.upstream.address);
    for (keys, more) in [("", ""), ("read_timeout: 7s", ""), ("", more.as_str())] {
        write(keys, more);
        assert_eq!(gateway.ask_admin("POST /reload").status, 200);
        reason(&gateway);
        let healthy = if more.is_empty() { 1.0 } else { 2.0 };
        assert_eq!(gateway.metric(&endpoints("healthy")), healthy);
        assert_eq!(gateway.send(GET).status, 200);
    }
}

#[test]
fn an_upstream_that_is_gone_leaves_no_series() {
    let folder = Folder::new();
    let write = |name: &str| {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             upstreams: {{ {name}: {{ echo: true }} }}\nroutes: [{{ upstream: {name}, cors: off }}]\n"
        );
        folder.write("corsgate.yaml", &text)
    };
    let gateway = Gateway::of_file(&write("old"));
    assert!(gateway.metrics().contains("upstream=\"old\""));
    write("new");
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    let page = gateway.metrics();
    assert!(
        page.contains("upstream=\"new\"") && !page.contains("upstream=\"old\""),
        "{page}"
    );
}

/// Kills one endpoint of three while clients ask, and brings it back.
#[test]
fn an_endpoint_that_dies_under_load_costs_no_idempotent_request() {
    use std::sync::atomic::{AtomicBool, AtomicUsize};
    let (b, c) = (Moody::start(), Moody::start());
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    let first = Mortal::start_with(move |request| {
        if !is_check(request) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Answer::ok()
    });
    let address = first.address;
    let gateway = gateway(&format!(
        "{{ endpoints: ['{address}', '{}', '{}'], health_check: {{ path: /healthz, interval: 200ms, unhealthy_threshold: 1, healthy_threshold: 1 }}, outlier_detection: {{ consecutive_failures: 3, ejection_time: 200ms }} }}",
        b.upstream.address, c.upstream.address
    ));
    let (is_over, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let wait_for = |more: usize| {
        let enough = done.load(Ordering::Relaxed) + more;
        let started = Instant::now();
        while done.load(Ordering::Relaxed) < enough {
            assert!(started.elapsed() < PATIENCE);
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        for method in ["GET", "DELETE", "GET", "PUT"] {
            let (gateway, is_over, done) = (&gateway, &is_over, &done);
            scope.spawn(move || {
                let mut client = Client::connect(gateway.address);
                let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n");
                while !is_over.load(Ordering::Relaxed) {
                    assert_eq!(client.exchange(&request).status, 200, "{method}");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Ends(&is_over);
        for _ in 0..3 {
            wait_for(200);
            first.kill();
            gateway.wait_for_metric(&endpoints("unhealthy"), 1.0);
            wait_for(200);
            first.revive();
            gateway.wait_for_metric(&endpoints("healthy"), 3.0);
            let before = served.load(Ordering::Relaxed);
            wait_for(200);
            assert!(served.load(Ordering::Relaxed) > before, "it is used again");
        }
        drop(end);
    });
    assert!(gateway.metric(r#"corsgate_upstream_retries_total{upstream="u"}"#) > 0.0);
}

/// Says that a test is over, also where it fails.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
