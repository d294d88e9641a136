//! The access log of a running gateway: a line for every request, whichever lane it came by.

use crate::support::{
    Answer, Authority, Client, File, Folder, Gateway, LANES, PATIENCE, Running, TlsClient,
    Upstream, run,
};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

const PREFLIGHT: &str = "OPTIONS /books?token=secret HTTP/1.1\r\nHost: api.test\r\n\
    Origin: https://app.example.com\r\nAccess-Control-Request-Method: PUT\r\n\
    User-Agent: Mozilla/5.0 \"x\"\r\n\r\n";

/// Waits until the log has so many lines, and returns them.
fn lines(log: &Path, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            assert_eq!(lines.len(), count, "{text}");
            return lines;
        }
        assert!(started.elapsed() < PATIENCE, "{count} lines: {text}");
        std::thread::yield_now();
    }
}

fn objects(log: &Path, count: usize) -> Vec<Value> {
    let lines = lines(log, count);
    let objects = lines.iter().map(|line| serde_json::from_str(line));
    objects.map(|line| line.expect("JSON")).collect()
}

fn configuration(log: &Path, upstream: &Upstream) -> String {
    format!(
        "access_log: {{ path: '{}' }}\ntrusted_proxies: [127.0.0.1]\n\
         upstreams: {{ books: {{ endpoints: ['{}'] }}, gone: {{ endpoints: ['127.0.0.1:1'], retries: 0 }} }}\n\
         policies: {{ web: {{ allow_origins: [https://app.example.com], allow_methods: [PUT] }} }}\n\
         routes:\n\
         - {{ name: books, match: {{ path_prefix: /books }}, upstream: books, cors: web }}\n\
         - {{ name: gone, match: {{ path_prefix: /gone }}, upstream: gone, cors: web }}\n",
        log.display(),
        upstream.address
    )
}

/// Checks the fields of a line.
fn check(line: &Value, expected: &[(&str, Value)]) {
    for (field, value) in expected {
        assert_eq!(&line[field], value, "{field} of {line}");
    }
}

#[test]
fn every_request_has_one_line_that_says_what_became_of_it() {
    for lane in LANES {
        let folder = Folder::new();
        let log = folder.path("access");
        let upstream = Upstream::start(Answer(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbooks".to_vec(),
        ));
        let gateway = Gateway::start_with(lane, &configuration(&log, &upstream));
        let mut client = Client::connect(gateway.address);
        assert_eq!(client.exchange(PREFLIGHT).status, 204);
        let rejected = PREFLIGHT.replace("app.example.com", "evil.example");
        assert_eq!(client.exchange(&rejected).status, 403);
        let get = "PUT /books/7?key=secret HTTP/1.1\r\nHost: api.test\r\n\
            Origin: https://app.example.com\r\nX-Forwarded-For: 192.0.2.7\r\nX-Request-Id: id-1\r\n\
            Referer: https://app.example.com/shop?session=secret\r\n\
            Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
            Content-Length: 3\r\n\r\nabc";
        assert_eq!(client.exchange(get).status, 200);
        let none = "GET /none HTTP/1.1\r\nHost: api.test\r\n\r\n";
        assert_eq!(client.exchange(none).status, 404);
        let dots = "GET /books/../x HTTP/1.1\r\nHost: api.test\r\n\r\n";
        assert_eq!(client.exchange(dots).status, 400);
        let gone = "GET /gone HTTP/1.1\r\nHost: api.test\r\n\r\n";
        assert_eq!(client.exchange(gone).status, 502);
        let mut client = Client::connect(gateway.address);
        client.write(b"GET / HTTP/9.9\r\n\r\n");
        assert_eq!(client.read(false).expect("an answer").status, 400);
        let lines = objects(&log, 7);
        for line in &lines {
            assert!(!line.to_string().contains("secret"), "{line}");
            let time = line["time"].as_str().expect("a time");
            humantime::parse_rfc3339(time).expect("RFC 3339");
            assert_eq!(time.len(), "2026-11-26T19:02:20.123Z".len());
            assert_eq!(line["listener"], gateway.address.to_string());
            assert!(line["duration_ms"].is_f64(), "{line}");
            assert_eq!(line.as_object().map(serde_json::Map::len), Some(25));
        }
        let text = |text: &str| Value::from(text);
        check(
            &lines[0],
            &[
                ("client", text("127.0.0.1")),
                ("protocol", text("HTTP/1.1")),
                ("tls_version", Value::Null),
                ("method", text("OPTIONS")),
                ("host", text("api.test")),
                ("path", text("/books")),
                ("status", 204.into()),
                ("request_bytes", 0.into()),
                ("response_bytes", 0.into()),
                ("route", text("books")),
                ("policy", text("web")),
                ("outcome", text("handled")),
                ("reason", text("allowed")),
                ("origin", text("https://app.example.com")),
                ("upstream", Value::Null),
                ("endpoint", Value::Null),
                ("upstream_duration_ms", Value::Null),
                ("retries", Value::Null),
                ("trace_id", Value::Null),
                ("user_agent", text("Mozilla/5.0 \"x\"")),
                ("referer", Value::Null),
            ],
        );
        check(
            &lines[1],
            &[
                ("status", 403.into()),
                ("outcome", text("rejected")),
                ("reason", text("origin_not_allowed")),
                ("origin", text("https://evil.example")),
            ],
        );
        check(
            &lines[2],
            &[
                // The listener trusts its peer.
                ("client", text("192.0.2.7")),
                ("method", text("PUT")),
                ("path", text("/books/7")),
                ("status", 200.into()),
                ("request_bytes", 3.into()),
                ("response_bytes", 5.into()),
                ("outcome", text("allowed")),
                ("reason", Value::Null),
                ("upstream", text("books")),
                ("endpoint", text(&upstream.address.to_string())),
                ("retries", 0.into()),
                ("request_id", text("id-1")),
                ("trace_id", text("4bf92f3577b34da6a3ce929d0e0e4736")),
                ("referer", text("https://app.example.com/shop")),
            ],
        );
        assert!(lines[2]["upstream_duration_ms"].is_f64());
        check(
            &lines[3],
            &[
                ("status", 404.into()),
                ("route", text("unmatched")),
                ("policy", Value::Null),
                ("outcome", Value::Null),
            ],
        );
        check(
            &lines[4],
            &[
                ("status", 400.into()),
                ("reason", text("ambiguous_path")),
                ("path", text("/books/../x")),
            ],
        );
        check(
            &lines[5],
            &[
                ("status", 502.into()),
                ("upstream", text("gone")),
                ("endpoint", text("127.0.0.1:1")),
                ("upstream_duration_ms", Value::Null),
            ],
        );
        // Its header can't be read, and so nothing is known of it but its connection.
        check(
            &lines[6],
            &[
                ("client", text("127.0.0.1")),
                ("status", 400.into()),
                ("reason", text("malformed")),
                ("method", Value::Null),
                ("path", Value::Null),
                ("protocol", Value::Null),
            ],
        );
    }
}

#[test]
fn a_client_that_leaves_has_no_status() {
    let folder = Folder::new();
    let log = folder.path("access");
    let (send, asked) = mpsc::channel();
    let send = Mutex::new(send);
    let upstream = Upstream::start_with(move |_| {
        let _ = send.lock().map(|send| send.send(()));
        std::thread::park_timeout(PATIENCE);
        Answer::ok()
    });
    let gateway = Gateway::start(&configuration(&log, &upstream));
    let mut client = Client::connect(gateway.address);
    client.write(b"GET /books HTTP/1.1\r\nHost: api.test\r\n\r\n");
    asked.recv_timeout(PATIENCE).expect("the upstream is asked");
    client.reset();
    let lines = objects(&log, 1);
    check(
        &lines[0],
        &[("status", Value::Null), ("path", "/books".into())],
    );
}

#[test]
fn http_2_and_tls_are_named() {
    let folder = Folder::new();
    let log = folder.path("access");
    let authority = Authority::new("servers");
    authority.issue(&["api.test"]).write(&folder, "api");
    let upstream = Upstream::start(Answer::ok());
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: api.crt, private_key: api.key }}] }} }}]\n\
         admin: {{ address: '127.0.0.1:0' }}\n{}",
        configuration(&log, &upstream)
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    let client = TlsClient::new(&authority, "api.test", &["h2"]);
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "PUT"),
    ];
    for (method, fields) in [("OPTIONS", &preflight[..]), ("GET", &[])] {
        let response = run(client.exchange(gateway.address, method, fields));
        assert_eq!(response.expect("a response").status, 404);
    }
    for line in objects(&log, 2) {
        check(
            &line,
            &[
                ("protocol", "HTTP/2".into()),
                ("tls_version", "TLSv1.3".into()),
                ("host", "api.test".into()),
                ("path", "/".into()),
                ("status", 404.into()),
            ],
        );
    }
}

#[test]
fn combined_lines_are_what_log_readers_expect() {
    let folder = Folder::new();
    let log = folder.path("access");
    let upstream = Upstream::start(Answer::ok());
    let text = configuration(&log, &upstream);
    let text = text.replace("access_log: { ", "access_log: { format: combined, ");
    let gateway = Gateway::start(&text);
    assert_eq!(gateway.send(PREFLIGHT).status, 204);
    let line = &lines(&log, 1)[0];
    let (start, rest) = line.split_once('[').expect("a time");
    let (_time, rest) = rest.split_once(']').expect("its end");
    assert_eq!(start, "127.0.0.1 - - ");
    let expected = r#" "OPTIONS /books HTTP/1.1" 204 - "-" "Mozilla/5.0 \x22x\x22""#;
    assert_eq!(rest, expected);
}

#[test]
fn chosen_fields_and_another_file_come_with_a_reload() {
    let folder = Folder::new();
    let (log, other) = (folder.path("access"), folder.path("other"));
    let upstream = Upstream::start(Answer::ok());
    let listeners = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n";
    let first = format!("{listeners}{}", configuration(&log, &upstream));
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &first));
    let reload = || {
        let reload = "POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        Client::connect(gateway.admin).exchange(reload)
    };
    assert_eq!(gateway.send(PREFLIGHT).status, 204);
    let fields = first.replace("access_log: { ", "access_log: { fields: [status, client], ");
    folder.replace("corsgate.yaml", &fields);
    assert_eq!(reload().status, 200);
    assert_eq!(gateway.send(PREFLIGHT).status, 204);
    assert_eq!(lines(&log, 2)[1], r#"{"client":"127.0.0.1","status":204}"#);
    let elsewhere = fields.replace(&log.display().to_string(), &other.display().to_string());
    folder.replace("corsgate.yaml", &elsewhere);
    assert_eq!(reload().status, 200);
    assert_eq!(gateway.send(PREFLIGHT).status, 204);
    assert_eq!(
        lines(&other, 1)[0],
        r#"{"client":"127.0.0.1","status":204}"#
    );
    // A file that can't be opened changes nothing.
    let nowhere = elsewhere.replace("/other", "/missing/other");
    folder.replace("corsgate.yaml", &nowhere);
    let rejected = reload();
    assert_eq!(rejected.status, 422);
    let message = rejected.body;
    assert!(message.contains("access_log.path: can't open"), "{message}");
    assert!(message.contains("hint: make its folder first"), "{message}");
    assert_eq!(gateway.send(PREFLIGHT).status, 204);
    assert_eq!(lines(&other, 2).len(), 2);
    assert_eq!(lines(&log, 2).len(), 2);
}

/// A gateway as a process, which logs to `path`.
fn process(path: &Path) -> (Running, Client, Client, File) {
    let file = File::new(&format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
         access_log: {{ path: '{}', fields: [path] }}\nupstreams: {{ u: {{ echo: true }} }}\n\
         routes: [{{ name: r, upstream: u, cors: off }}]\n",
        path.display()
    ));
    let mut process = Running::start(&["serve", "--config", &file.path]);
    let log = process.log();
    let clients = (log.listener(), log.admin());
    log.line("gateway serves");
    std::thread::spawn(move || log.whole());
    let (traffic, admin) = (Client::connect(clients.0), Client::connect(clients.1));
    (process, traffic, admin, file)
}

fn get(client: &mut Client, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.exchange(&request).status, 200);
}

#[test]
fn a_file_that_was_moved_is_opened_again_on_sigusr1() {
    let folder = Folder::new();
    let (log, moved): (PathBuf, PathBuf) = (folder.path("access"), folder.path("access.1"));
    let (process, mut client, ..) = process(&log);
    get(&mut client, "/one");
    assert_eq!(lines(&log, 1)[0], r#"{"path":"/one"}"#);
    fs::rename(&log, &moved).expect("renamed");
    process.signal("USR1");
    // It is there before there is another line.
    let started = Instant::now();
    while !log.exists() {
        assert!(started.elapsed() < PATIENCE, "it is not opened again");
    }
    get(&mut client, "/two");
    assert_eq!(lines(&log, 1)[0], r#"{"path":"/two"}"#);
    assert_eq!(lines(&moved, 1)[0], r#"{"path":"/one"}"#);
}

#[test]
fn the_last_lines_are_written_before_the_process_ends() {
    let folder = Folder::new();
    let log = folder.path("access");
    let (mut process, mut client, ..) = process(&log);
    for _ in 0..100 {
        get(&mut client, "/");
    }
    process.signal("INT");
    process.0.wait().expect("it ends");
    assert_eq!(lines(&log, 100).len(), 100);
}

#[test]
fn a_full_disk_costs_lines_and_no_request() {
    let (_process, mut client, mut admin, _file) = process(Path::new("/dev/full"));
    let started = Instant::now();
    loop {
        get(&mut client, "/");
        let page = admin.exchange("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut lines = page.body.lines();
        let dropped =
            lines.find_map(|line| line.strip_prefix("corsgate_access_log_dropped_total "));
        if dropped.expect("it is there") != "0" {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "nothing was dropped");
    }
}
