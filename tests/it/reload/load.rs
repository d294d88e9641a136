//! A thousand reloads of a process while traffic runs.

use crate::expect;
use crate::support::{Answer, Client, Folder, Masks, Running, Upstream, hide_unknown};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const RELOADS: usize = 1_000;
/// After so many the process has seen everything once.
const WARM: usize = 50;

/// The configuration of one generation: route, policy and path say the same word, so that an answer
/// that is made of two shows. Origins and upstreams come and go.
fn configuration(generation: usize, upstream: SocketAddr) -> String {
    if generation % 10 == 9 {
        return "listeners: 7\nroutes: [{ upstream: nobody }]\n".to_owned();
    }
    let word = ["even", "odd"][generation % 2];
    let origins: String = (0..100)
        .map(|tenant| format!("    - https://t{tenant}.g{generation}.example\n"))
        .collect();
    // Timers stay until the longest time-out has passed. What reloads keep is something else.
    let quick = "stream_timeout: 15s, write_timeout: 15s";
    format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         server: {{ threads: 1 }}\nupstreams:\n  api: {{ endpoints: ['{upstream}'], read_timeout: 15s, {quick} }}\n\
         \x20 {word}: {{ endpoints: ['{upstream}'], read_timeout: {}s, {quick} }}\n\
         policies:\n  p:\n    allow_methods: [PUT, X-{word}]\n    allow_headers: [x-{word}]\n\
         \x20   expose_headers: [x-{word}]\n    max_age: {}s\n    allow_origins:\n\
         \x20   - https://app.example.com\n{origins}\
         routes:\n- {{ name: '{word}', upstream: '{word}', cors: p }}\n\
         - {{ name: api, match: {{ path_prefix: /api }}, upstream: api, cors: p }}\n",
        10 + generation % 3,
        match word {
            "even" => 100,
            _ => 200,
        },
    )
}

/// Asks as long as `is_over` is not set; counts the answers. Panics with the first that is wrong.
fn ask_on(address: SocketAddr, is_over: &AtomicBool, answers: &AtomicUsize) {
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\
                     Access-Control-Request-Method: PUT\r\n\r\n";
    // With credentials of a body: this one goes the long way, through pingora.
    let long = preflight.replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n");
    let get = "GET /api HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\r\n";
    let mut client = Client::connect(address);
    while !is_over.load(Ordering::Acquire) {
        for request in [preflight, &long] {
            let answer = client.exchange(request);
            assert_eq!(answer.status, 204);
            let field = |name: &str| answer.get(name).unwrap_or_default();
            let (methods, headers) = (
                field("access-control-allow-methods"),
                field("access-control-allow-headers"),
            );
            let (exposed, age) = (
                field("access-control-expose-headers"),
                field("access-control-max-age"),
            );
            match methods.as_str() {
                "PUT, X-even" => {
                    assert_eq!((&*headers, &*exposed, &*age), ("x-even", "x-even", "100"));
                }
                "PUT, X-odd" => {
                    assert_eq!((&*headers, &*exposed, &*age), ("x-odd", "x-odd", "200"));
                }
                other => panic!("{other:?}"),
            }
        }
        let answer = client.exchange(get);
        assert_eq!(answer.status, 200);
        let origin = answer.get("access-control-allow-origin");
        assert_eq!(origin.as_deref(), Some("https://app.example.com"));
        answers.fetch_add(3, Ordering::AcqRel);
    }
}

#[test]
fn a_thousand_reloads_under_load_fail_no_request_and_keep_no_memory() {
    let upstream = Upstream::start(Answer::ok());
    let folder = Folder::new();
    let file = folder.write("gate.yaml", &configuration(0, upstream.address));
    let file = file.display().to_string();
    let mut process = Running::start(&["serve", "--config", &file]);
    let log = process.log();
    let address = log.listener();
    let admin = log.admin();
    let ask_admin = |line: &str| {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        Client::connect(admin).exchange(&request)
    };
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut warm, mut refused) = (0, 0);
    thread::scope(|scope| {
        // However this ends, the others must.
        let _end = End(&is_over);
        // One that never rests. Two would leave no core for what gives way to them.
        let client = scope.spawn(|| ask_on(address, &is_over, &answers));
        for generation in 1..=RELOADS {
            folder.replace("gate.yaml", &configuration(generation, upstream.address));
            let before = answers.load(Ordering::Acquire);
            match ask_admin("POST /reload").status {
                200 => assert_ne!(generation % 10, 9, "a bad one was taken"),
                422 => refused += 1,
                other => panic!("{other}"),
            }
            // Traffic runs through every one of them.
            while answers.load(Ordering::Acquire) == before && !client.is_finished() {
                thread::yield_now();
            }
            if generation == WARM {
                warm = process.memory() >> 10;
            }
        }
    });
    assert_eq!(refused, RELOADS / 10);
    let end = process.memory() >> 10;
    assert!(
        end * 10 <= warm * 11,
        "{warm} KiB after {WARM} reloads, {end} KiB after {RELOADS}"
    );
    let page = ask_admin("GET /metrics").body;
    let value = |series: &str| {
        let value = page.lines().find_map(|line| line.strip_prefix(series));
        value
            .expect(series)
            .trim()
            .parse::<usize>()
            .expect("a number")
    };
    // The watcher sees the same changes, a little later.
    assert!(value("corsgate_config_reloads_total{result=\"applied\"}") >= RELOADS / 10 * 9);
    assert!(value("corsgate_config_reloads_total{result=\"rejected\"}") >= RELOADS / 10);
    println!(
        "{} answers, {warm} KiB after {WARM} reloads, {end} KiB after {RELOADS}",
        answers.load(Ordering::Acquire)
    );
}

/// Ends the traffic with the value.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn sighup_reloads_and_a_bad_file_is_one_line_in_the_log_with_all_errors() {
    let upstream = Upstream::start(Answer::ok());
    let folder = Folder::new();
    let file = folder.write("gate.yaml", &configuration(1, upstream.address));
    let mut process = Running::start(&["serve", "--config", &file.display().to_string()]);
    let log = process.log();
    log.listener();
    let attempt = "trigger=";
    process.signal("HUP");
    log.line(attempt);
    folder.replace(
        "gate.yaml",
        "listeners: 7\nroutes: [{ upstream: nobody, name: 8, cors: { allow_origins: '*', max_age: 48h } }]\n",
    );
    log.line(attempt);
    process.signal("HUP");
    log.line(attempt);
    let more = "metrics: { address: '127.0.0.1:0' }\n";
    folder.replace("gate.yaml", &(configuration(1, upstream.address) + more));
    log.line(attempt);
    log.line(" WARN ");
    process.signal("TERM");
    assert!(process.0.wait().expect("it ends").success());
    let masks = Masks::default()
        .value("{folder}/", folder.path("").display())
        .value("{version}", env!("CARGO_PKG_VERSION"));
    let whole = hide_unknown(&masks.hide(&log.whole()));
    // How many there are is the machine's.
    let of_machine = |line: &&str| !line.contains("file descriptors");
    let whole: Vec<&str> = whole.lines().filter(of_machine).collect();
    let whole = whole.join("\n") + "\n";
    expect::texts("reload/log.txt", &[("corsgate serve", whole)]);
}
