//! A running gateway, and what `explain` says of it, before a real browser.

use super::chromium::{self, Done, Fetch, PLACES, Place, Seen, Site};
use crate::support::{Gateway, Received, Refusing, read_request};
use corsgate::config::Config;
use corsgate::explain::{Flags, Question, Report, Ruling, explain};
use corsgate::metrics::Metrics;
use corsgate::proxy::Snapshot;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// `{o}` is the page's origin, `{down}` an address where no server listens.
const CONFIG: &str = "\
upstreams:
  echo: { echo: true }
  down: { endpoints: ['{down}'] }
policies:
  public: { allow_origins: '*', allow_methods: [PUT], allow_headers: '*' }
  web:
    allow_origins: ['{o}']
    allow_methods: [PUT, PATCH, QUERY]
    allow_headers: [x-a, Content-Type, authorization]
    expose_headers: [x-id]
    allow_credentials: true
    max_age: 1h
  wide:
    allow_origins: ['http://127.0.0.1:*']
    allow_methods: '*'
    allow_headers: '*'
    allow_credentials: true
    preflight_status: 200
  any-header: { allow_origins: '{o}', allow_methods: '*', allow_headers: ['*', authorization] }
  other: { allow_origins: [https://other.example, 'http://localhost:*'], allow_methods: '*', allow_headers: '*' }
  regex: { allow_origins: [{ regex: 'http://127\\.0\\.0\\.1(:[0-9]+)?' }] }
  frame: { allow_origins: 'null', allow_methods: [DELETE], allow_headers: [x-b] }
  forward: { allow_origins: '{o}', allow_methods: [PUT], on_rejected_preflight: forward }
  deny: { allow_origins: '{o}', allow_methods: [PUT], on_rejected_preflight: deny }
  written: { allow_origins: '{o}', allow_methods: [PUT], on_rejected_preflight: { status: 200, body: '{}' } }
  keep: { allow_origins: '{o}', allow_methods: [PUT], upstream_cors_headers: keep }
  fill: { allow_origins: '{o}', allow_headers: [x-a], upstream_cors_headers: fill, max_age: 0s }
routes:
- { name: public, match: { path_prefix: /public }, upstream: echo, cors: public }
- { name: web, match: { path_prefix: /web }, upstream: echo, cors: web }
- { name: wide, match: { path_prefix: /wide }, upstream: echo, cors: wide }
- { name: any-header, match: { path_prefix: /any-header }, upstream: echo, cors: any-header }
- { name: other, match: { path_prefix: /other }, upstream: echo, cors: other }
- { name: regex, match: { path_prefix: /regex }, upstream: echo, cors: regex }
- { name: frame, match: { path_prefix: /frame }, upstream: echo, cors: frame }
- { name: forward, match: { path_prefix: /forward }, upstream: echo, cors: forward }
- { name: deny, match: { path_prefix: /deny }, upstream: echo, cors: deny }
- { name: written, match: { path_prefix: /written }, upstream: echo, cors: written }
- { name: listed, match: { path_prefix: /listed }, upstream: echo, cors: [web, public] }
- { name: keep, match: { path_prefix: /keep }, upstream: echo, cors: keep }
- { name: fill, match: { path_prefix: /fill }, upstream: echo, cors: fill }
- { name: down, match: { path_prefix: /down }, upstream: down, cors: web }
- { name: down-other, match: { path_prefix: /down-other }, upstream: down, cors: other }
- { name: some, match: { path_prefix: /some, methods: [GET, PUT] }, upstream: echo, cors: web }
- { name: asked, match: { path_prefix: /asked, headers: { x-a: '1' } }, upstream: echo, cors: web }
- { name: dropped, match: { path_prefix: /dropped, headers: { sec-x: '1' } }, upstream: echo, cors: web }
- { name: own, match: { path_prefix: /own }, upstream: echo, cors: passthrough }
- { name: off, match: { path_prefix: /off }, upstream: echo, cors: off }
";

const DEFAULTS: [&str; 2] = ["", "default_policy: web\n"];

const PATHS: [&str; 21] = [
    "/public",
    "/web",
    "/wide",
    "/any-header",
    "/other",
    "/regex",
    "/frame",
    "/forward",
    "/deny",
    "/written",
    "/listed",
    "/keep",
    "/fill",
    "/down",
    "/down-other",
    "/some",
    "/asked",
    "/dropped",
    "/own",
    "/off",
    "/nowhere",
];

/// The method, the headers, and whether credentials are included.
type Asked = (&'static str, Headers, bool);
type Headers = &'static [(&'static str, &'static str)];

const REQUESTS: [Asked; 19] = [
    ("GET", &[], false),
    ("GET", &[], true),
    ("HEAD", &[], true),
    ("POST", &[("content-type", "text/plain")], false),
    ("POST", &[("Content-Type", "application/json")], true),
    ("put", &[], false),
    ("PUT", &[], true),
    ("PATCH", &[], true),
    ("patch", &[], false),
    ("DELETE", &[], false),
    ("QUERY", &[("accept", "text/html")], true),
    ("options", &[], false),
    ("GET", &[("X-A", "1")], false),
    (
        "PUT",
        &[("x-a", "1"), ("X-B", "2"), ("cookie", "a=b")],
        true,
    ),
    ("GET", &[("Authorization", "Bearer x")], true),
    ("GET", &[("Authorization", "Bearer x")], false),
    (
        "PUT",
        &[("authorization", "Bearer x"), ("x-a", "1"), ("x-c", "1")],
        false,
    ),
    ("GET", &[("sec-x", "1")], false),
    ("POST", &[("x-b", ""), ("accept-language", "de_CH")], false),
];

/// The deeds of a browser.
#[derive(Debug, PartialEq, Eq)]
struct Conduct {
    has_asked: bool,
    /// `None` where the upstream decides.
    can_read: Option<bool>,
}

#[test]
fn a_real_browser_does_what_explain_says() {
    let Some(program) = chromium::program() else {
        return;
    };
    let site = Site::start();
    let refusing = Refusing::new();
    let text = CONFIG
        .replace("{o}", &site.origin())
        .replace("{down}", &refusing.address.to_string());
    let stages = DEFAULTS.map(|default| Stage::new(&format!("{text}{default}")));
    let (mut plan, mut reports) = (Vec::new(), Vec::new());
    for stage in &stages {
        for path in PATHS {
            for place in PLACES {
                for (method, headers, credentials) in REQUESTS {
                    let fetch = Fetch {
                        id: plan.len(),
                        url: format!("http://{}{path}/{}", stage.relay.address, plan.len()),
                        method: method.to_owned(),
                        headers: headers
                            .iter()
                            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                            .collect(),
                        credentials,
                        cache: "default",
                        times: 1,
                        place,
                    };
                    reports.push(stage.explain(&fetch, &site.origin()));
                    plan.push(fetch);
                }
            }
        }
    }
    let Done { mut seen, console } = site.run(program, plan.clone(), chromium::AT_ONCE);
    let mut received: BTreeMap<usize, Vec<Received>> = BTreeMap::new();
    for request in stages.iter().flat_map(|stage| stage.relay.received()) {
        let id = request
            .target
            .rsplit('/')
            .next()
            .and_then(|id| id.parse().ok());
        received
            .entry(id.expect("a number"))
            .or_default()
            .push(request);
    }
    let mut named = 0;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for (fetch, report) in plan.iter().zip(&reports) {
        let received = received.remove(&fetch.id).unwrap_or_default();
        let seen = seen.remove(&fetch.id).expect("every fetch ends");
        let said = said(report);
        let done = done(&received, &seen, said.can_read.is_some());
        if said != done {
            differences.push(format!(
                "{fetch:?}\n  said {said:?}\n  done {done:?}\n{report}\n"
            ));
            continue;
        }
        assert_exchanges(report, &received);
        let messages = console.get(&fetch.url).map(Vec::as_slice);
        named += usize::from(assert_console(report, messages.unwrap_or_default()));
        *counts.entry(format!("{said:?}")).or_default() += 1;
    }
    let of = format!("{} of {} differ", differences.len(), plan.len());
    assert!(differences.is_empty(), "{of}:\n{}", differences.concat());
    // There is something of everything.
    assert!(plan.len() > 100 && counts.len() == 6, "{counts:?}");
    assert!(named > 100, "the console named {named}");
}

fn said(report: &Report) -> Conduct {
    Conduct {
        has_asked: report.preflight.is_some(),
        can_read: match report.verdict {
            Ruling::Allowed | Ruling::Fails => Some(true),
            Ruling::Blocked => Some(false),
            Ruling::DependsOnUpstream => None,
            Ruling::NoCors => panic!("all of these are CORS requests:\n{report}"),
        },
    }
}

fn done(received: &[Received], seen: &Seen, is_known: bool) -> Conduct {
    let mut requests = received.iter();
    let can_read = matches!(seen.as_slice(), [Some(_)]);
    Conduct {
        has_asked: requests.any(|r| r.get("access-control-request-method").is_some()),
        can_read: is_known.then_some(can_read),
    }
}

/// The requests that came are those of the report: none that is not in it, and the preflight has the
/// fields that it says.
fn assert_exchanges(report: &Report, received: &[Received]) {
    for request in received {
        let is_preflight = request.get("access-control-request-method").is_some();
        let exchange = match is_preflight {
            true => &report.preflight,
            false => &report.request,
        };
        let exchange = exchange.as_ref().expect("the report has it");
        if is_preflight {
            for (name, value) in exchange.headers.iter().filter(|(name, _)| name != "Host") {
                assert_eq!(request.get(name).as_ref(), Some(value), "{report}");
            }
        }
    }
    let is_refused = report
        .preflight
        .as_ref()
        .is_some_and(|p| p.browser.permits == Some(false));
    assert!(!is_refused || received.len() == 1, "{received:?}\n{report}");
}

/// Where the gateway answers a refused method or header with what is allowed, the console names it.
/// Returns whether it had to.
fn assert_console(report: &Report, console: &[String]) -> bool {
    let Some(preflight) = &report.preflight else {
        return false;
    };
    let asked = |name: &str| {
        let mut headers = preflight.headers.iter();
        let found = headers.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let names: Vec<String> = match preflight.browser.code {
        Some("method_not_allowed") => {
            let method = asked("Access-Control-Request-Method");
            vec![format!(
                "Method {method} is not allowed by Access-Control-Allow-Methods in preflight response."
            )]
        }
        // Of several it names one.
        Some("header_not_allowed") => asked("Access-Control-Request-Headers")
            .split(',')
            .map(|name| {
                format!(
                    "Request header field {name} is not allowed by Access-Control-Allow-Headers in \
                     preflight response."
                )
            })
            .collect(),
        _ => return false,
    };
    let is_named = matches!(console, [message] if names.contains(message));
    assert!(is_named, "{console:?} should be one of {names:?}\n{report}");
    true
}

/// A gateway behind a relay, and the same configuration for `explain`.
struct Stage {
    relay: Relay,
    snapshot: Snapshot,
    _gateway: Gateway,
}

/// Hands everything on, byte for byte, and remembers the requests.
struct Relay {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
}

/// Reads from one side, and writes what it read to the other.
struct Tee(TcpStream, TcpStream);

// === impl Stage ===

impl Stage {
    fn new(config: &str) -> Self {
        let gateway = Gateway::start(config);
        let text = format!("listeners: [{{ address: '127.0.0.1:0' }}]\n{config}");
        let config = Config::parse(&text, Path::new("test.yaml")).expect("it has started with it");
        let metrics = Metrics::new().expect("a registry");
        Self {
            relay: Relay::start(gateway.address),
            snapshot: Snapshot::new(config, &metrics, None, None),
            _gateway: gateway,
        }
    }

    fn explain(&self, fetch: &Fetch, page_origin: &str) -> Report {
        let origin = match fetch.place {
            Place::Page => page_origin,
            Place::Frame => "null",
        };
        let header = |(name, value): &(String, String)| format!("{name}: {value}");
        let flags = Flags {
            url: Some(fetch.url.clone()),
            origin: Some(origin.to_owned()),
            method: Some(fetch.method.clone()),
            headers: fetch.headers.iter().map(header).collect(),
            credentials: fetch.credentials,
            ..Flags::default()
        };
        let question = Question::of_text("", flags).expect("a question");
        explain(&self.snapshot, &question).expect("a report")
    }
}

// === impl Relay ===

impl Relay {
    fn start(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        thread::spawn(move || {
            for browser in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                thread::spawn(move || relay(browser, gateway, &log));
            }
        });
        Self { address, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received
            .lock()
            .expect("no test panics with it")
            .clone()
    }
}

fn relay(browser: TcpStream, gateway: SocketAddr, log: &Mutex<Vec<Received>>) {
    let gateway = TcpStream::connect(gateway).expect("the gateway listens");
    let copy = |stream: &TcpStream| stream.try_clone().expect("a socket");
    let (mut from, mut to) = (copy(&gateway), copy(&browser));
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let mut reader = BufReader::new(Tee(browser, copy(&gateway)));
    while let Some(request) = read_request(&mut reader) {
        log.lock().expect("no test panics with it").push(request);
    }
    let _ = gateway.shutdown(Shutdown::Both);
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buffer)?;
        self.1.write_all(buffer.get(..len).unwrap_or_default())?;
        Ok(len)
    }
}
