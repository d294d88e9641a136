//! `explain`, on the command line and on the admin listener: what it says, and that both say it.

use crate::expect;
use crate::support::{
    Client, File, Folder, Gateway, Masks, Response, corsgate_reading, transcript,
};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const CONFIG: &str = include_str!("../expect/explain/gate.yaml");

/// Runs the command with these arguments, and `pasted` on stdin.
fn explain(arguments: &[&str], pasted: &str) -> (Option<i32>, String, String) {
    let file = File::new(CONFIG);
    let start = ["explain", "--config", &file.path];
    let output = corsgate_reading(&[&start, arguments].concat(), pasted);
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).expect("text");
        text.replace(&file.path, "gate.yaml")
    };
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn json(arguments: &[&str], pasted: &str) -> Value {
    let (status, out, err) = explain(&[arguments, &["--format", "json"]].concat(), pasted);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"));
    let expected = match report["verdict"].as_str() {
        Some("allowed" | "no_cors") => 0,
        Some("blocked" | "fails") => 1,
        Some("depends_on_upstream") => 4,
        other => panic!("{other:?}"),
    };
    assert_eq!(status, Some(expected), "{out}");
    report
}

#[test]
fn verdicts_are_a_browsers() {
    // The URL; more arguments; the verdict.
    #[rustfmt::skip]
    let cases = [
        ("https://api.example.com/web/x", "--origin http://app.example.com --method patch --header authorization", "blocked"),
        ("http://api.example.com/web", "--origin https://a.example.org", "allowed"),
        ("http://api.example.com/web", "--origin https://a.example.org --method PATCH", "allowed"),
        ("http://api.example.com/web", "--origin https://example.org", "blocked"),
        // The policy allows the origin; a browser wants more.
        ("http://api.example.com/web", "--origin https://a.example.org --credentials", "blocked"),
        ("http://h/private", "--origin https://app.example.com --credentials", "allowed"),
        ("http://h/private", "--origin https://evil.test", "depends_on_upstream"),
        ("http://h/private", "--origin https://evil.test --method PUT", "blocked"),
        ("http://h/own", "--origin https://evil.test --method PUT", "depends_on_upstream"),
        ("http://other.example/web", "--origin https://app.example.com", "blocked"),
        ("http://api.example.com/webshop", "--origin https://app.example.com", "blocked"),
        ("http://api.example.com/web/../own", "--origin https://app.example.com", "fails"),
        ("http://api.example.com//web%2Fx", "--origin https://app.example.com", "blocked"),
        ("http://api.example.com/web//x;y", "--origin https://app.example.com", "allowed"),
        ("http://h/shelves/1/books/2", "--origin https://app.example.com", "allowed"),
        ("http://h/shelves/1/boks/2", "--origin https://app.example.com", "blocked"),
        ("http://h/shelves/1/books", "--origin https://app.example.com", "blocked"),
        ("http://h/shelves/1%2F2/books/3", "--origin https://app.example.com", "fails"),
        ("http://api;x/web", "--origin https://app.example.com", "blocked"),
        ("https://api.example.com/web", "--origin https://api.example.com", "no_cors"),
        ("https://api.example.com:8443/web", "--origin https://api.example.com", "blocked"),
        ("http://api.example.com/web", "", "no_cors"),
        ("http://api.example.com/web", "--origin https://app.example.com --method TRACE", "blocked"),
        ("http://api.example.com/web", "--method TRACE", "no_cors"),
    ];
    let mut reports = Vec::new();
    for (url, more, verdict) in cases {
        let more_words: Vec<&str> = more.split_whitespace().collect();
        let arguments = [&["--url", url], more_words.as_slice()].concat();
        let report = json(&arguments, "");
        assert_eq!(report["verdict"], verdict, "{url} {more} {report:#}");
        let (_, text, _) = explain(&arguments, "");
        let (first, _) = text.split_once('\n').expect("lines");
        let why = report["why"].as_str().expect("text");
        assert!(first.ends_with(why), "{why}\n{text}");
        reports.push((format!("{url} {more}").trim_end().to_owned(), text));
    }
    expect::texts("explain/reports.txt", &reports);
}

#[test]
fn what_is_pasted_asked_wrongly_or_wanted_as_json_is_told() {
    transcript("explain/commands.txt", &Masks::default());
}

#[test]
fn what_a_connection_meets_before_its_request_is_told() {
    transcript("explain/tls.txt", &Masks::default());
    transcript("explain/blocking.txt", &Masks::default());
}

#[test]
fn the_request_that_an_upstream_gets_is_told() {
    transcript("explain/rewrites.txt", &Masks::default());
    transcript("explain/espv2.txt", &Masks::default());
}

#[test]
fn a_written_answer_and_a_fallback_are_explained() {
    transcript("explain/respond.txt", &Masks::default());
}

#[test]
fn lists_that_are_sent_as_written_and_options_that_is_rejected_are_told() {
    transcript("explain/lists.txt", &Masks::default());
}

#[test]
fn the_translation_of_grpc_web_is_told() {
    transcript("explain/grpc.txt", &Masks::default());
}

#[test]
fn the_request_is_the_one_that_a_browser_would_send() {
    let file = File::new(&CONFIG.replace(
        "{ path_prefix: /web, hosts: [api.example.com] }",
        "{ path_prefix: /web, methods: [PUT] }",
    ));
    let output = Command::new(env!("CARGO_BIN_EXE_corsgate"))
        .args([
            "explain", "--config", &file.path, "--format", "json", "--method", "put",
        ])
        .args([
            "--url",
            "http://h/web",
            "--origin",
            "https://app.example.com",
        ])
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // The policy does not list PUT, but it is PUT that is looked for, by both.
    assert_eq!(report["preflight"]["route"]["name"], "web", "{report:#}");
    assert_eq!(report["request"]["route"]["name"], "web", "{report:#}");
    assert_eq!(report["request"]["method"], "PUT", "{report:#}");
}

#[test]
fn what_is_pasted_is_explained_and_flags_replace_it() {
    let curl = "curl 'https://api.example.com/web' -X PATCH -H 'Origin: https://app.example.com'";
    let report = json(&[], curl);
    assert_eq!(
        (&report["verdict"], &report["method"]),
        (&"allowed".into(), &"PATCH".into())
    );
    assert_eq!(report["preflight"]["response"]["status"], 204);
    assert_eq!(report["preflight"]["route"]["name"], "web");
    assert_eq!(
        json(&["--origin", "https://evil.test"], curl)["verdict"],
        "blocked"
    );
    let raw = "OPTIONS /web HTTP/1.1\r\nHost: api.example.com\r\nOrigin: https://app.example.com\r\n\
               Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: x-a\r\n\r\n";
    let report = json(&[], raw);
    assert_eq!(report["verdict"], "allowed");
    assert_eq!(report["request"], Value::Null);
    assert_eq!(report["preflight"]["reason"], "allowed");
}

/// Posts `body`, or only asks where there is none.
fn ask(gateway: &Gateway, target: &str, body: &str) -> Response {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let length = body.len();
    Client::connect(gateway.admin).exchange(&format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn the_admin_listener_explains_what_is_running() {
    let folder = Folder::new();
    let file = folder.write("gate.yaml", CONFIG);
    let gateway = Gateway::of_file(&file);
    let masks = Masks::default()
        .value("{file}", file.display())
        .value("{gateway}", gateway.address)
        .value("{port}", gateway.address.port());
    expect::cases("explain/admin.txt", |input| {
        let (target, body) = input.split_once('\n').unwrap_or((input, ""));
        let page = ask(&gateway, &masks.fill(target), body);
        masks.hide(&format!("{}\n{}", page.status, page.body))
    });

    // The same words as on the command line, and of the configuration that is in force.
    let curl = "curl http://api.example.com/web -H 'origin: https://app.example.com'";
    let page = ask(&gateway, "/explain?format=json", curl);
    assert_eq!(
        page.get("content-type").as_deref(),
        Some("application/json")
    );
    let mut report: Value = serde_json::from_str(&page.body).expect("JSON");
    let mut expected = json(&[], curl);
    // The port is not the same.
    for report in [&mut report, &mut expected] {
        report["notes"][0].take();
    }
    assert_eq!(report, expected);
    folder.replace(
        "gate.yaml",
        &CONFIG.replace("app.example.com", "new.example.com"),
    );
    assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    let page = ask(&gateway, "/explain?format=json", curl);
    let report: Value = serde_json::from_str(&page.body).expect("JSON");
    assert_eq!(report["verdict"], "blocked");

    assert_eq!(ask(&gateway, "/explain", &"x".repeat(70_000)).status, 413);
    // Explaining does not count as traffic.
    assert!(
        !gateway.metrics().lines().any(|line| {
            line.starts_with("corsgate_preflights_total{") && !line.ends_with(" 0")
        })
    );
}

/// Runs the command with its stdin left open, as in some CI systems.
fn explain_with_open_stdin(arguments: &[&str]) -> String {
    let file = File::new(CONFIG);
    let mut child = Command::new(env!("CARGO_BIN_EXE_corsgate"))
        .args(["explain", "--config", &file.path])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let stdin = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let (sender, said) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    let said = said.recv_timeout(Duration::from_secs(60));
    // Only now: the command must not have waited for it.
    drop(stdin);
    let _ = child.kill();
    child.wait().expect("it ends");
    said.expect("it does not wait for stdin")
}

#[test]
fn a_url_and_a_paste_are_not_mixed() {
    let url = "http://api.example.com/web";
    let text = explain_with_open_stdin(&["--url", url, "--format", "json"]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["verdict"], "no_cors");
    // With a URL, stdin is not read.
    let report = json(&["--url", url], "curl -X PUT http://h/private");
    assert_eq!(
        (&report["method"], &report["url"]),
        (&"GET".into(), &url.into())
    );
}

#[test]
fn what_is_no_request_is_wrong_in_the_same_words_everywhere() {
    let folder = Folder::new();
    let gateway = Gateway::of_file(&folder.write("gate.yaml", CONFIG));
    for (url, pasted) in [
        ("", ""),
        ("", "hello"),
        ("", "curl -s --brand-new 5 http://h/"),
        ("", "curl $'http://h/"),
        ("http://h:99999/", ""),
        ("http://me:pw@h/", ""),
    ] {
        let (arguments, query) = match url {
            "" => (vec![], String::new()),
            url => (vec!["--url", url], format!("?url={url}")),
        };
        let (status, out, err) = explain(&arguments, pasted);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        let said = err.strip_prefix("error: ").expect("an error");
        let page = ask(&gateway, &format!("/explain{query}"), pasted);
        assert_eq!((page.status, page.body.trim_end()), (400, said.trim_end()));
    }
    for (format, media_type) in [
        ("text", "text/plain; charset=utf-8"),
        ("json", "application/json"),
    ] {
        let target = format!("/explain?format={format}");
        let page = ask(&gateway, &target, "curl http://h/own");
        assert_eq!(page.status, 200, "{format}");
        assert_eq!(page.get("content-type").as_deref(), Some(media_type));
    }
}

#[test]
fn flags_take_the_place_of_pasted_headers() {
    let curl = "curl http://api.example.com/web -H 'origin: https://evil.test' -H 'x-a: 1'";
    let flags = [
        "-H",
        "Origin: https://app.example.com",
        "-H",
        "X-A: 2",
        "-H",
        "x-a: 3",
    ];
    let report = json(&flags, curl);
    assert_eq!(report["verdict"], "allowed", "{report:#}");
    let expected = serde_json::json!([
        ["Host", "api.example.com"],
        ["Origin", "https://app.example.com"],
        ["X-A", "2"],
        ["x-a", "3"],
    ]);
    assert_eq!(report["request"]["headers"], expected);
}

#[test]
fn a_browsers_own_headers_make_no_notes() {
    let curl = "curl 'http://api.example.com/web' \\\n  -H 'accept: */*' \\\n  -b 'sid=1' \\\n  \
                -H 'origin: https://app.example.com' \\\n  -H 'referer: https://app.example.com/' \\\n  \
                -H 'sec-fetch-mode: cors' \\\n  -H 'user-agent: Mozilla/5.0'";
    let report = json(&[], curl);
    assert_eq!(report["credentials"], true);
    // One is about the port, one says that there is no preflight.
    let notes = |report: &Value| report["notes"].as_array().expect("a list").len();
    assert_eq!(notes(&report), 2, "{report:#}");
    let report = json(&["-H", "referer: x"], curl);
    assert_eq!(notes(&report), 3, "{report:#}");
}

#[test]
fn secrets_find_their_route_and_are_not_told() {
    const KEYED: &str = "\
listeners: [{ address: '127.0.0.1:0' }]
admin: { address: '127.0.0.1:0' }
upstreams: { u: { echo: true } }
routes:
- { name: keyed, match: { path: /k, headers: { x-api-key: k3y } }, upstream: u, cors: off }
- { name: other, match: { path: /k }, upstream: u, cors: off }
";
    let folder = Folder::new();
    let gateway = Gateway::of_file(&folder.write("gate.yaml", KEYED));
    for (key, route) in [("k3y", "keyed"), ("an0ther", "other")] {
        let curl = format!(
            "curl http://h/k -u me:pa55word -b sid=c00kie -H 'x-api-key: {key}' -H 'x-token: t0ken' \
             -H 'origin: https://a.example'"
        );
        let page = ask(&gateway, "/explain?format=json", &curl);
        let report: Value = serde_json::from_str(&page.body).expect("JSON");
        assert_eq!(report["request"]["route"]["name"], route);
        let expected = serde_json::json!([
            ["Host", "h"],
            ["x-api-key", "…"],
            ["x-token", "…"],
            ["origin", "https://a.example"],
            ["Authorization", "…"],
        ]);
        assert_eq!(report["request"]["headers"], expected);
        let text = ask(&gateway, "/explain", &curl).body;
        for secret in ["pa55word", "bWU6", "c00kie", "t0ken", "an0ther"] {
            assert!(!page.body.contains(secret), "{secret}: {}", page.body);
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[test]
fn a_paste_that_is_cut_short_is_not_explained() {
    let gateway = Gateway::start("upstreams: { u: { echo: true } }\nroutes: [{ upstream: u }]\n");
    let mut stream = std::net::TcpStream::connect(gateway.admin).expect("it listens");
    let request = "POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n\
                   curl http://h/";
    stream.write_all(request.as_bytes()).expect("sent");
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("half closed");
    let mut answer = String::new();
    // A reset is as good an end.
    let _ = std::io::Read::read_to_string(&mut stream, &mut answer);
    assert!(!answer.contains(" 200 "), "{answer}");
}

#[test]
fn a_paste_without_an_end_is_not_read_to_it() {
    let (status, _, error) = explain(&[], &"x".repeat((1 << 20) + 1));
    assert_eq!(status, Some(2));
    assert_eq!(error, "error: the pasted request is longer than 1 MiB\n");
}
