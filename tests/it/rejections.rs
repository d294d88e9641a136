//! Who is being rejected: the page `/rejections`, and the line in the log.

use crate::support::{
    Answer, Client, File, Folder, Gateway, Http2Client, LANES, Running, Upstream,
};
use serde_json::{Value, json};
use std::time::Instant;

const ALLOWED: &str = "https://app.example.com";

fn config(upstream: &Upstream) -> String {
    format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         policies: {{ p: {{ allow_origins: ['{ALLOWED}'], allow_methods: [PUT], \
                            allow_headers: [content-type] }} }}\n\
         routes:\n\
         - {{ name: books, match: {{ path_prefix: /books }}, upstream: u, cors: p }}\n\
         - {{ name: sent-on, match: {{ path_prefix: /sent-on }}, upstream: u, \
              cors: {{ allow_origins: ['{ALLOWED}'], on_rejected_preflight: forward }} }}\n\
         - {{ name: own, match: {{ path_prefix: /own }}, upstream: u, cors: passthrough }}\n\
         - {{ name: off, match: {{ path_prefix: /off }}, upstream: u, cors: off }}\n",
        upstream.address
    )
}

fn preflight(path: &str, origin: &str, method: &str, headers: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {headers}\r\n\r\n"
    )
}

fn get(path: &str, origin: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n")
}

fn page(gateway: &Gateway) -> Value {
    let page = gateway.ask_admin("GET /rejections?format=json");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.get("content-type").as_deref(),
        Some("application/json")
    );
    serde_json::from_str(&page.body).expect("JSON")
}

/// The rows of a table: value, route, reason and number, and the method, path and origin of the last one.
fn rows(page: &Value, table: &str) -> Vec<[Value; 7]> {
    let rows = page[table].as_array().expect("a list").iter();
    let row = |row: &Value| {
        let last = |key: &str| row["last"][key].clone();
        let seen = ["value", "route", "reason", "at_least"].map(|key| row[key].clone());
        let [value, route, reason, count] = seen;
        [
            value,
            route,
            reason,
            count,
            last("method"),
            last("path"),
            last("origin"),
        ]
    };
    rows.map(row).collect()
}

#[test]
fn the_most_frequent_origins_methods_and_headers_are_on_the_page_whatever_the_lane() {
    let upstream = Upstream::start(Answer::ok());
    let evil = "https://evil.test";
    for lane in LANES {
        let gateway = Gateway::start_with(lane, &config(&upstream));
        let mut client = Client::connect(gateway.address);
        for (request, times) in [
            (preflight("/books/7?secret=1", evil, "PUT", ""), 5),
            (get("/books/8?secret=1", "http://localhost:3000"), 4),
            (preflight("/sent-on", "https://other.test", "PUT", ""), 3),
            (preflight("/nowhere", ALLOWED, "PUT", ""), 2),
            (preflight("/books", ALLOWED, "PATCH", "x-no"), 2),
            (
                preflight("/books", ALLOWED, "PUT", "content-type, x-a,X-B"),
                1,
            ),
            // None of these is rejected.
            (preflight("/books", ALLOWED, "PUT", "content-type"), 1),
            (get("/books", ALLOWED), 1),
            (preflight("/own", evil, "PATCH", "x-a"), 1),
            (preflight("/off", evil, "PATCH", "x-a"), 1),
            (get("/own", evil), 1),
            (get("/off", evil), 1),
            ("GET /books HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 1),
        ] {
            for _ in 0..times {
                client.exchange(&request);
            }
        }
        let fields = [
            ("origin", evil),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "x-a"),
        ];
        let answer = Http2Client::connect(gateway.address).exchange("OPTIONS", &fields);
        assert_eq!(answer.expect("an answer").status, 404);
        let page = page(&gateway);
        let no = "origin_not_allowed";
        let expected = [
            json!([evil, "books", no, 5, "PUT", "/books/7", evil]),
            json!([
                "http://localhost:3000",
                "books",
                no,
                4,
                "GET",
                "/books/8",
                "http://localhost:3000"
            ]),
            json!([
                "https://other.test",
                "sent-on",
                no,
                3,
                "PUT",
                "/sent-on",
                "https://other.test"
            ]),
            json!([
                ALLOWED,
                "unmatched",
                "no_route",
                2,
                "PUT",
                "/nowhere",
                ALLOWED
            ]),
            json!([evil, "unmatched", "no_route", 1, "PUT", "/", evil]),
        ];
        assert_eq!(json!(rows(&page, "origins")), json!(expected), "{lane}");
        let expected = [json!([
            "PATCH",
            "books",
            "method_not_allowed",
            2,
            "PATCH",
            "/books",
            ALLOWED
        ])];
        assert_eq!(json!(rows(&page, "methods")), json!(expected), "{lane}");
        let mut names = rows(&page, "headers");
        names.sort_by_key(|row| row[0].to_string());
        let row = |name| {
            json!([
                name,
                "books",
                "headers_not_allowed",
                1,
                "PUT",
                "/books",
                ALLOWED
            ])
        };
        assert_eq!(json!(names), json!([row("X-B"), row("x-a")]), "{lane}");
        assert_eq!(page["missed"], 0);
        let text = gateway.ask_admin("GET /rejections").body;
        let line = format!("       5  {evil}  {no} on route \"books\"; last ");
        assert!(text.contains(&line), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn options_that_is_no_preflight_is_on_the_page_with_its_method() {
    let upstream = Upstream::start(Answer::ok());
    let config = config(&upstream).replace(
        "allow_methods: [PUT]",
        "allow_methods: [PUT], other_options_requests: reject",
    );
    let gateway = Gateway::start(&config);
    let without_origin =
        "OPTIONS /books/1 HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: PUT\r\n\r\n";
    gateway.send(without_origin);
    let reason = "not_a_preflight";
    let rejected =
        |count, path, origin| json!([["OPTIONS", "books", reason, count, "OPTIONS", path, origin]]);
    let first = json!(rows(&page(&gateway), "methods"));
    assert_eq!(first, rejected(1, "/books/1", "(missing)"));
    gateway.send(&get("/books/2", ALLOWED).replace("GET", "OPTIONS"));
    let page = page(&gateway);
    assert_eq!(
        json!(rows(&page, "methods")),
        rejected(2, "/books/2", ALLOWED)
    );
    assert!(rows(&page, "origins").is_empty() && rows(&page, "headers").is_empty());
    assert!(upstream.received().is_empty());
}

#[test]
fn a_request_has_the_reason_that_its_preflight_has() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&config(&upstream));
    for (origin, reason) in [
        ("https://evil.test/", "malformed_origin"),
        ("https://evil.test", "origin_not_allowed"),
    ] {
        gateway.send(&preflight("/books", origin, "PUT", ""));
        gateway.send(&get("/books", origin));
        let page = page(&gateway);
        let rows = rows(&page, "origins");
        let is_it = |row: &&[Value; 7]| row[0] == origin;
        let counts: Vec<_> = rows
            .iter()
            .filter(is_it)
            .map(|row| (&row[2], &row[3]))
            .collect();
        assert_eq!(counts, [(&json!(reason), &json!(2))], "{page}");
    }
}

#[test]
fn what_clients_send_is_escaped_on_the_page_and_never_a_label() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&config(&upstream));
    let mut client = Client::connect(gateway.address);
    for origin in ["https://<b>.test", "\u{1b}[2J\t\u{9b}x y", "a\"b\\c"] {
        // Some are refused for what they are.
        client.try_write(preflight("/books", origin, "PUT", "").as_bytes());
        if client.read(false).is_none() {
            client = Client::connect(gateway.address);
        }
    }
    let long = format!("https://{}.test", "x".repeat(5000));
    gateway.send(&preflight("/books", &long, "PUT", ""));
    for target in ["/rejections", "/rejections?format=json"] {
        let body = gateway.ask_admin(&format!("GET {target}")).body;
        let is_plain = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
        assert!(body.chars().all(is_plain), "{body:?}");
        assert!(body.contains("xxx...") && body.len() < 4000, "{body}");
    }
    assert!(!gateway.metrics().contains("xxx"));
}

#[test]
fn the_page_is_for_the_operator_alone() {
    let upstream = Upstream::start(Answer::ok());
    let listener = "metrics: { address: '127.0.0.1:0' }\n";
    let gateway = Gateway::start(&format!("{listener}{}", config(&upstream)));
    let ask = |address, line: &str, fields: &str| {
        let request = format!("{line} HTTP/1.1\r\n{fields}\r\n");
        Client::connect(address).exchange(&request).status
    };
    let (line, host) = ("GET /rejections", "Host: localhost\r\n");
    assert_eq!(ask(gateway.admin, line, host), 200);
    assert_eq!(ask(gateway.admin, line, "Host: evil.test\r\n"), 403);
    let origin = format!("{host}Origin: https://evil.test\r\n");
    assert_eq!(ask(gateway.admin, line, &origin), 403);
    assert_eq!(ask(gateway.admin, "GET /rejections?format=xml", host), 400);
    assert_eq!(ask(gateway.admin, "DELETE /rejections", host), 405);
    let metrics = gateway.metrics_listener().expect("there is one");
    assert_eq!(ask(metrics, line, host), 404);
    assert_eq!(ask(gateway.address, line, host), 404);
}

#[test]
fn a_reload_keeps_what_was_counted_and_forgets_routes_that_are_gone() {
    let upstream = Upstream::start(Answer::ok());
    let folder = Folder::new();
    let listeners = "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\n";
    let text = format!("{listeners}{}", config(&upstream));
    let gateway = Gateway::of_file(&folder.write("gate.yaml", &text));
    for path in ["/books", "/sent-on"] {
        gateway.send(&preflight(path, "https://evil.test", "PUT", ""));
    }
    assert_eq!(rows(&page(&gateway), "origins").len(), 2);
    folder.replace("gate.yaml", &text.replace("name: sent-on", "name: renamed"));
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    gateway.send(&preflight("/books", "https://evil.test", "PUT", ""));
    let page = page(&gateway);
    let origins = rows(&page, "origins");
    let [[_, route, _, count, ..]] = &origins[..] else {
        panic!("{page}");
    };
    assert_eq!((route, count), (&json!("books"), &json!(2)));
}

#[test]
fn the_log_has_a_line_about_one_of_them_per_second() {
    let upstream = Upstream::start(Answer::ok());
    let listeners = "listeners: [{ address: '127.0.0.1:0' }]\nserver: { threads: 1 }\n";
    let file = File::new(&format!("{listeners}{}", config(&upstream)));
    let mut process = Running::start(&["serve", "--config", &file.path]);
    let log = process.log();
    let mut client = Client::connect(log.listener());
    let started = Instant::now();
    client.exchange(&preflight("/books?secret=1", ALLOWED, "PUT", "x-a, x-b"));
    let first = log.line("rejected by CORS");
    for said in [
        " INFO ",
        "reason=\"headers_not_allowed\"",
        "route=\"books\"",
        "origin=\"https://app.example.com\"",
        "method=\"PUT\"",
        "path=\"/books\"",
        "header=\"x-a\"",
    ] {
        assert!(first.contains(said), "{said} is not in {first}");
    }
    assert!(
        !first.contains("left_out") && !first.contains("secret"),
        "{first}"
    );
    // Those of the same second are counted in the next line.
    let rejected = preflight("/books", "https://evil.test", "PUT", "");
    let mut sent = 0;
    while started.elapsed().as_millis() < 2100 {
        client.exchange(&rejected);
        sent += 1;
    }
    process.signal("TERM");
    let whole = log.whole();
    let lines = || {
        whole
            .lines()
            .filter(|line| line.contains("rejected by CORS"))
    };
    assert!((2..=5).contains(&lines().count()), "{whole}");
    let left_out = |line: &str| {
        let (_, number) = line.split_once("left_out=")?;
        number.split(' ').next()?.parse::<usize>().ok()
    };
    let left_out: usize = lines().filter_map(left_out).sum();
    assert!(left_out > 0 && left_out <= sent, "{sent} requests: {whole}");
}
