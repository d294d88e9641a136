//! The express lane is a short cut and nothing else: whatever a connection sends, it gets the same
//! bytes back, and the same is counted, as from a gateway that has none.

mod backend;
mod compare;
mod cut;
pub(crate) mod draft;
mod framing;
mod generate;
mod mutate;

use crate::support::{Gateway, PATIENCE, WITH_LANE, WITHOUT_LANE};
use compare::{Answer, Asked, Difference, Pair};
use generate::Stream;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Number of streams that are generated, beside those that are cut at every byte.
const STREAMS: usize = 10_000;
/// At least so many of a hundred have a request that the lane is there for.
const PLAIN: usize = 30;
/// More connections at a time make nothing faster, and differences harder to read.
const THREADS: usize = 6;

/// Every kind of policy and every kind of route.
const CONFIG: &str = r#"
upstreams:
  u: { endpoints: ['BACKEND'] }
  written: { respond: { status: 410, body: '{"code": 410}' } }
policies:
  exact:
    allow_origins: [https://app.example.com, https://sentinel.test]
    allow_methods: [PUT, DELETE]
    allow_headers: [authorization, content-type, x-api-version]
    expose_headers: [etag, x-request-id]
    allow_credentials: true
    max_age: 2h
  any: { allow_origins: '*', allow_methods: '*', allow_headers: ['*', authorization], expose_headers: '*' }
  echo:
    allow_origins: [https://app.example.com, 'https://*.example.org']
    allow_methods: '*'
    allow_headers: '*'
    allow_credentials: true
  wild:
    allow_origins:
      - https://*.example.org
      - http://localhost:*
      - regex: 'https://pr-[0-9]+\.preview\.example\.com'
      - "null"
    allow_methods: [PUT]
    allow_headers: [x-a, x-b]
    max_age: 0s
  old: { allow_origins: [https://app.example.com], allow_methods: [PUT], allow_headers: '*', preflight_status: 200 }
  private: { allow_origins: [https://app.example.com], allow_methods: [PUT], allow_private_network: true }
  forward:
    allow_origins: [https://app.example.com]
    allow_methods: [PUT]
    on_rejected_preflight: forward
    upstream_cors_headers: fill
  keep: { allow_origins: [https://app.example.com], allow_methods: [PUT], upstream_cors_headers: keep }
  text:
    allow_origins: [https://app.example.com]
    allow_methods: { verbatim: "GET,PUT ,put" }
    allow_headers: { verbatim: "X-A,Content-Type" }
    expose_headers: { verbatim: "" }
    other_options_requests: reject
routes:
  - { name: exact, match: { hosts: [exact.test] }, upstream: u, cors: exact }
  - { name: any, match: { hosts: [any.test] }, upstream: u, cors: any }
  - { name: echo, match: { hosts: [echo.test] }, upstream: u, cors: echo }
  - { name: wild, match: { hosts: [wild.test] }, upstream: u, cors: wild }
  - { name: old, match: { hosts: [old.test] }, upstream: u, cors: old }
  - { name: private, match: { hosts: [private.test] }, upstream: u, cors: private }
  - { name: forward, match: { hosts: [forward.test] }, upstream: u, cors: forward }
  - { name: keep, match: { hosts: [keep.test] }, upstream: u, cors: keep }
  - { name: text, match: { hosts: [text.test] }, upstream: u, cors: text }
  - { name: pass, match: { hosts: [pass.test] }, upstream: u, cors: passthrough }
  - { name: off, match: { hosts: [off.test] }, upstream: u, cors: off }
  - { name: limited, match: { hosts: [limited.test] }, upstream: u, cors: exact, rate_limit: { requests: 1, period: 1day } }
  - { name: small, match: { hosts: [small.test] }, upstream: u, cors: exact, max_request_body_bytes: 4B }
  - { name: below, match: { hosts: ['*.sub.test'] }, upstream: u, cors: exact }
  - { name: v1, match: { hosts: [paths.test], path_prefix: /v1 }, upstream: u, cors: exact }
  - { name: v1-put, match: { hosts: [paths.test], path_prefix: /v1, methods: [PUT, GET] }, upstream: u, cors: any }
  - name: v1-two
    match: { hosts: [paths.test], path_prefix: /v1, methods: [PUT, GET], headers: { x-api-version: "2" } }
    upstream: u
    cors: any
  - { name: status, match: { hosts: [paths.test], path: /status }, upstream: u, cors: old }
  - { name: template, match: { hosts: [paths.test], path_template: '/shelves/{shelf}/books/*' }, upstream: u, cors: any }
  - { name: verb, match: { path_template: '/{name=shelves/**}:archive', methods: [PUT] }, upstream: u, cors: echo }
  - { name: shared, match: { path_prefix: /shared }, upstream: u, cors: wild }
  - { name: written, match: { hosts: [written.test], methods: [PUT, GET] }, upstream: written, cors: forward }
  - { name: written-rest, match: { hosts: [written.test] }, fallback: true, upstream: written, cors: passthrough }
  - { name: status-rest, match: { hosts: [paths.test], path_prefix: /status }, fallback: true, upstream: written, cors: old }
"#;

/// The second configuration: no policy for what has no route, and a limit that is soon reached.
const NARROW: &str = "limits: { max_request_header_bytes: 2KiB }\n";
const WIDE: &str = "default_policy: exact\n";

/// The same gateway twice.
struct Twins {
    with: Gateway,
    without: Gateway,
}

/// The answers that have been seen.
#[derive(Default)]
struct Tally {
    plain: usize,
    answers: BTreeMap<&'static str, usize>,
    differences: Vec<Difference>,
}

#[test]
fn both_lanes_give_the_same_answers_and_count_the_same() {
    let backend = backend::start();
    let twins = [Twins::start(backend, WIDE), Twins::start(backend, NARROW)];
    let cut = cut::streams();
    let total = STREAMS + cut.len();
    let tally = Mutex::new(Tally::default());
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let stream = match number.checked_sub(cut.len()) {
                        None => cut[number].clone(),
                        Some(_) if number >= total => return,
                        Some(number) => generate::stream(number),
                    };
                    let pair = twins[number % twins.len()].pair();
                    let asked = pair.ask(&stream, PATIENCE);
                    let mut tally = tally.lock().expect("nobody panics with it");
                    tally.add(&stream, asked);
                    if tally.differences.len() >= THREADS {
                        return;
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().expect("nobody panicked with it");
    println!("{:?} for {total} streams", started.elapsed());
    tally.check(total);
    for twins in &twins {
        twins.compare_metrics();
    }
}

/// Whether the bytes are one preflight as the express lane wants it, told the long way round.
fn is_plain_preflight(bytes: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|t| t.is_ascii()) else {
        return false;
    };
    let Some(head) = text.strip_suffix("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.split("\r\n");
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let ["OPTIONS", target, "HTTP/1.1"] = words[..] else {
        return false;
    };
    let mut names = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(": ") else {
            return false;
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(is_name) || value.contains(char::is_control) {
            return false;
        }
        let name = name.to_ascii_lowercase();
        if name == "connection" && !value.eq_ignore_ascii_case("keep-alive") {
            return false;
        }
        names.push(name);
    }
    let count = |name: &str| names.iter().filter(|n| *n == name).count();
    let never = ["content-length", "transfer-encoding", "expect", "upgrade"];
    target.starts_with('/')
        && count("host") == 1
        && count("origin") == 1
        && count("access-control-request-method") == 1
        && never.iter().all(|name| count(name) == 0)
}

// === impl Twins ===

impl Twins {
    fn start(backend: SocketAddr, more: &str) -> Self {
        let config = CONFIG.replace("BACKEND", &backend.to_string()) + more;
        let twins = Self {
            with: Gateway::start_with(WITH_LANE, &config),
            without: Gateway::start_with(WITHOUT_LANE, &config),
        };
        // The only tokens of the day: which of all streams got them would be chance.
        for gateway in [&twins.with, &twins.without] {
            let get = "GET / HTTP/1.1\r\nHost: limited.test\r\n\r\n";
            let preflight = "OPTIONS / HTTP/1.1\r\nHost: limited.test\r\nOrigin: null\r\n\
                             Access-Control-Request-Method: PUT\r\n\r\n";
            for request in [get, preflight] {
                assert_ne!(gateway.send(request).status, 429);
            }
        }
        twins
    }

    fn pair(&self) -> Pair {
        Pair {
            with: self.with.address,
            without: self.without.address,
        }
    }

    /// All counts are made before a connection is closed, but for that of its own end.
    fn compare_metrics(&self) {
        let started = Instant::now();
        loop {
            let (with, without) = (counts(&self.with), counts(&self.without));
            if with == without {
                return;
            }
            if started.elapsed() > PATIENCE / 6 {
                let differing = with.iter().chain(&without);
                let differing =
                    differing.filter(|(series, _)| with.get(*series) != without.get(*series));
                let lines: BTreeMap<_, _> = differing
                    .map(|(s, _)| (s, (with.get(s), without.get(s))))
                    .collect();
                panic!("counted differently, with and without the lane:\n{lines:#?}");
            }
            thread::yield_now();
        }
    }
}

/// Every series of the metrics page but those that are times, and the configuration's name.
fn counts(gateway: &Gateway) -> BTreeMap<String, String> {
    let page = gateway.metrics();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' '));
    series
        .filter(|(name, _)| {
            let is_time = name.contains("_seconds");
            let is_name = name.starts_with("corsgate_config_info");
            !is_name && (!is_time || name.contains("_seconds_count"))
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, stream: &Stream, asked: Asked) {
        self.plain += usize::from(stream.has_plain_preflight());
        match asked {
            Ok(Answer { bytes, .. }) => {
                let names_pingora = bytes.windows(PINGORA.len()).any(|w| w == PINGORA);
                assert!(!names_pingora, "{}", bytes.escape_ascii());
                for (what, mark) in ANSWERS {
                    let seen = bytes.windows(mark.len()).filter(|w| w == mark).count();
                    *self.answers.entry(*what).or_default() += seen;
                }
            }
            Err(difference) => self.differences.push(*difference),
        }
    }

    fn check(mut self, total: usize) {
        println!("{} plain, {:?}", self.plain, self.answers);
        let found = self.differences.len();
        self.differences.sort_by_key(Difference::size);
        if let Some(smallest) = self.differences.into_iter().next() {
            panic!(
                "{found} streams differ, one of them:\n{}",
                smallest.shrink()
            );
        }
        assert!(
            self.plain * 100 >= total * PLAIN,
            "only {} of {total} streams have a plain preflight",
            self.plain
        );
        for (what, _) in ANSWERS {
            let seen = self.answers.get(what).copied().unwrap_or_default();
            assert!(seen >= 10, "{what}: seen {seen} times");
        }
    }
}

/// A part of the answers that pingora makes by itself, which it must not get to make.
const PINGORA: &[u8] = b"erver: Pingora";

/// Answers that must have been among those that were compared.
const ANSWERS: &[(&str, &[u8])] = &[
    ("handled", b"HTTP/1.1 204 "),
    (
        "handled with 200",
        b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Headers: ",
    ),
    ("rejected", b"HTTP/1.1 403 "),
    ("no route", b"HTTP/1.1 404 "),
    ("malformed", b"HTTP/1.1 400 "),
    ("too large", b"HTTP/1.1 431 "),
    ("CONNECT", b"HTTP/1.1 405 "),
    ("too many", b"HTTP/1.1 429 "),
    ("body too large", b"HTTP/1.1 413 "),
    ("from the upstream", backend::MARK),
];
