//! The commands, as somebody at a shell has them.

use crate::expect;
use crate::support::{
    Client, File, Folder, Masks, PATIENCE, Running, TlsClient, corsgate, run, transcript,
};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const MINIMAL: &str = include_str!("../expect/cli/minimal.yaml");

#[test]
fn help_and_version_are_there() {
    let masks = Masks::default().value("{version}", env!("CARGO_PKG_VERSION"));
    transcript("cli/help.txt", &masks);
}

#[test]
fn wrong_usage_and_files_that_are_not_there_are_errors() {
    transcript("cli/usage.txt", &Masks::default());
}

#[test]
fn check_says_what_is_wrong() {
    transcript("cli/check.txt", &Masks::default());
}

#[test]
fn flags_and_descriptions_of_espv2_are_printed_as_a_configuration_or_refused() {
    transcript("cli/espv2.txt", &Masks::default());
}

#[test]
fn serve_refuses_what_check_refuses_with_the_same_words() {
    let file = File::new(&MINIMAL.replace("https://app.example.com", "https://*"));
    let check = corsgate(&["check", &file.path]);
    let serve = corsgate(&["serve", "--config", &file.path]);
    assert_eq!(
        (check.status.code(), serve.status.code()),
        (Some(1), Some(1))
    );
    assert_eq!(stderr(&check), stderr(&serve));
    assert!(
        stderr(&check).contains("corsgate.yaml:3:"),
        "{}",
        stderr(&check)
    );
}

#[test]
fn a_taken_port_is_named_and_nothing_is_left_half_started() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let text = MINIMAL.replace(
        "listeners: [",
        &format!("listeners: [{{ address: '127.0.0.1:0' }}, {{ address: '{address}' }}]\n#"),
    );
    let file = File::new(&text);
    let masks = Masks::default()
        .value("{file}", &file.path)
        .value("{taken}", address);
    transcript("cli/taken_port.txt", &masks);
}

#[test]
fn every_failure_says_once_that_it_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let good = File::new(MINIMAL);
    let bad = File::new(&MINIMAL.replace("demo: {", "dem: {"));
    let used = File::new(&MINIMAL.replace("127.0.0.1:0", &address.to_string()));
    for (file, filter) in [(&good, "a=b=c"), (&bad, ""), (&used, "off")] {
        let output = Command::new(env!("CARGO_BIN_EXE_corsgate"))
            .args(["serve", "--config", &file.path])
            .env("RUST_LOG", filter)
            .output()
            .expect("it runs");
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        assert_eq!(message.matches("error: ").count(), 1, "{message}");
    }
}

/// Runs `check --format json`; returns its output and exit status.
fn checked(file: &File, arguments: &[&str]) -> (serde_json::Value, Option<i32>) {
    let output = corsgate(&[&["check", &file.path, "--format", "json"], arguments].concat());
    assert_eq!(stderr(&output), "", "all of it is in the object");
    let report = serde_json::from_slice(&output.stdout).expect("one object");
    (report, output.status.code())
}

#[test]
fn check_says_in_json_what_it_says_in_text() {
    let bad = File::new(&MINIMAL.replace(
        "[https://app.example.com]",
        "[https://a.example/], max_age: 48h",
    ));
    let (mut report, status) = checked(&bad, &[]);
    assert_eq!(status, Some(1));
    let text = stderr(&corsgate(&["check", &bad.path]));
    for said in report["diagnostics"].as_array_mut().expect("a list") {
        // The words are in `tests/expect/cli/check.txt`.
        for (key, end) in [("message", "\n  hint: "), ("hint", "\n")] {
            let words = said[key].take();
            let words = words.as_str().expect("text");
            assert!(text.contains(&format!("{words}{end}")), "{words} in {text}");
        }
    }
    let diagnostic = |severity: &str, name: Option<&str>, column: u32, path: &str, value: &str| {
        serde_json::json!({
            "severity": severity,
            "name": name,
            "file": bad.path,
            "line": 3,
            "column": column,
            "path": path,
            "value": value,
            "message": null,
            "hint": null,
            "probes": [],
        })
    };
    let origin = "https://a.example/";
    let expected = serde_json::json!({
        "file": bad.path,
        "ok": false,
        "errors": 1,
        "warnings": 1,
        "notes": 0,
        "routes": null,
        "upstreams": null,
        "diagnostics": [
            diagnostic("error", None, 52, "routes[0].cors.allow_origins[0]", origin),
            diagnostic("warning", Some("max_age_too_long"), 73, "routes[0].cors.max_age", "48h"),
        ],
    });
    assert_eq!(report, expected, "{report:#}");
    let (report, status) = checked(&File::new(MINIMAL), &[]);
    assert_eq!(
        (&report["routes"], &report["upstreams"]),
        (&1.into(), &1.into())
    );
    assert_eq!((&report["ok"], status), (&true.into(), Some(0)));
}

#[test]
fn a_file_that_is_not_there_or_no_yaml_is_an_object_too() {
    let folder = File::new("{");
    let (report, status) = checked(&folder, &[]);
    assert_eq!((&report["errors"], status), (&1.into(), Some(1)));
    std::fs::remove_file(&folder.path).expect("removed");
    let (report, status) = checked(&folder, &["--strict"]);
    assert_eq!((&report["errors"], status), (&1.into(), Some(1)));
    assert_eq!(report["diagnostics"][0]["line"], serde_json::Value::Null);
}

#[test]
fn check_names_every_probe_in_json_and_keeps_the_order_of_its_keys() {
    let regex = "[{ regex: 'https://app\\.example\\.com.*' }]";
    let file = File::new(&MINIMAL.replace("[https://app.example.com]", regex));
    let (report, status) = checked(&file, &[]);
    let diagnostic = &report["diagnostics"][0];
    assert_eq!(
        (status, &diagnostic["severity"]),
        (Some(0), &"warning".into())
    );
    let probes = diagnostic["probes"].as_array().expect("a list");
    assert!(probes.len() >= 5, "{report:#}");
    for expected in [
        ("prefix", "https://app.example.com.evil.test"),
        ("special_character", "https://app.example.com-.evil.test"),
    ] {
        let (kind, origin) = expected;
        let probe = serde_json::json!({ "kind": kind, "origin": origin });
        assert!(probes.contains(&probe), "{probe} in {report:#}");
    }
    let text = stderr(&corsgate(&["check", &file.path]));
    assert!(text.contains("--format json"), "{text}");
    assert!(text.lines().count() == 2, "{text}");
    let output = corsgate(&["check", &file.path, "--format", "json"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let keys = "file ok errors warnings notes routes upstreams diagnostics \
                severity name file line column path value message hint probes kind origin";
    assert_in_order(&text, keys);
}

/// The keys of a printed object come in this order.
fn assert_in_order(text: &str, keys: &str) {
    let mut rest = text;
    for key in keys.split_whitespace() {
        let quoted = format!("\"{key}\":");
        let found = rest.split_once(quoted.as_str());
        rest = found
            .unwrap_or_else(|| panic!("{key} in its place in\n{text}"))
            .1;
    }
}

#[test]
fn strict_makes_a_warning_count_and_a_note_not() {
    let origins = |text| File::new(&MINIMAL.replace("[https://app.example.com]", text));
    let warned = origins("[https://app.example.com], max_age: 48h");
    let noted = origins("['*']");
    let meant = origins(
        "[https://app.example.com], max_age: 48h, acknowledged_warnings: [max_age_too_long]",
    );
    for (file, arguments, expected) in [
        (&warned, &[][..], 0),
        (&meant, &["--strict"], 0),
        (&warned, &["--strict"], 3),
        (&noted, &["--strict"], 0),
    ] {
        let output = corsgate(&[&["check", &file.path], arguments].concat());
        assert_eq!(output.status.code(), Some(expected), "{}", stderr(&output));
        assert_eq!(checked(file, arguments).1, Some(expected));
    }
}

#[test]
fn variables_come_from_the_environment_of_the_process() {
    let file = File::new(&MINIMAL.replace("https://app.example.com", "'${CORSGATE_TEST_ORIGIN}'"));
    let check = |origin: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
        let command = command.args(["check", &file.path]);
        let output = command.env("CORSGATE_TEST_ORIGIN", origin).output();
        output.expect("it runs").status.code()
    };
    assert_eq!(check("https://app.example.com"), Some(0));
    assert_eq!(check("app.example.com"), Some(1));
}

#[test]
fn notes_are_for_check_alone() {
    let origins = "['*'] } }, { upstream: no-such, match: { path: /a }, cors: { allow_origins: [https://a.example]";
    let bad = File::new(&MINIMAL.replace("[https://app.example.com]", origins));
    let check = stderr(&corsgate(&["check", &bad.path]));
    let serve = stderr(&corsgate(&["serve", "--config", &bad.path]));
    assert!(serve.starts_with("error: "), "{serve}");
    assert!(
        check.contains("note: ") && !serve.contains("note: "),
        "{check}\n{serve}"
    );
    assert!(
        check.ends_with(&serve) || check.contains(serve.trim_end()),
        "{check}\n{serve}"
    );
}

#[test]
fn completions_are_scripts_that_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = corsgate(&["completions", shell]);
        assert!(output.status.success(), "{}", stderr(&output));
        let script = String::from_utf8_lossy(&output.stdout).into_owned();
        for word in ["serve", "check", "schema", "completions", "demo", "strict"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(corsgate(&["completions", "tcsh"]).status.code(), Some(2));
    let script = corsgate(&["completions", "bash"]).stdout;
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .spawn()
        .expect("bash runs");
    let mut stdin = bash.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, &script).expect("written");
    drop(stdin);
    assert!(bash.wait().expect("it ends").success());
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new();
    let pages = folder.path("man1");
    let output = corsgate(&["man", &pages.display().to_string()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let help = String::from_utf8_lossy(&corsgate(&["--help"]).stdout).into_owned();
    let (_, commands) = help.split_once("Commands:\n").expect("a list");
    let commands = commands
        .lines()
        .map_while(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|name| *name != "help").collect();
    assert!(commands.contains(&"serve"), "{help}");
    for command in commands.iter().copied().chain(["import-openapi"]) {
        let page = std::fs::read_to_string(pages.join(format!("corsgate-{command}.1")));
        let page = page.unwrap_or_else(|error| panic!("{command}: {error}"));
        for title in [".TH corsgate", ".SH NAME\n", ".SH SYNOPSIS\n"] {
            assert!(page.contains(title), "{command}: {title}: {page}");
        }
    }
    let page = std::fs::read_to_string(pages.join("corsgate-probe.1")).expect("a page");
    // Examples can be copied: their hyphens are the shell's, and their lines stay as they are.
    let line = "      \\-\\-method PUT \\-\\-header authorization \\-\\-credentials\n";
    assert!(page.contains(line), "{page}");
    let page = std::fs::read_to_string(pages.join("corsgate.1")).expect("a page");
    assert!(page.contains(env!("CARGO_PKG_VERSION")), "{page}");
}

#[test]
fn json_is_yaml() {
    let file = File::new(
        "{\n\t\"listeners\": [{\"address\": \"127.0.0.1:0\"}],\n\t\"upstreams\": {\"demo\": {\"echo\": true}},\n\
         \t\"routes\": [{\"upstream\": \"demo\", \"cors\": \"off\"}]\n}\n",
    );
    let output = corsgate(&["check", &file.path]);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn serve_takes_a_free_port_says_which_and_ends_on_sigterm() {
    let file = File::new(&format!("{MINIMAL}server: {{ grace_period: 1h }}\n"));
    let mut running = Running::start(&["serve", "--config", &file.path]);
    let address = running.log().listener();
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\
                     Access-Control-Request-Method: GET\r\n\r\n";
    // A client that stays does not hold up the end.
    let mut client = Client::connect(address);
    assert_eq!(client.exchange(preflight).status, 204);
    running.signal("TERM");
    let started = Instant::now();
    let status = running.0.wait().expect("it ends");
    assert!(status.success(), "{status}");
    assert!(
        started.elapsed() < PATIENCE,
        "it does not sleep through its grace period"
    );
    assert!(client.is_closed());
}

#[test]
fn the_demo_shows_all_three_outcomes() {
    let zero = "127.0.0.1:0";
    let mut running = Running::start(&["demo", "--gateway", zero, "--admin", zero, "--page", zero]);
    let stdout = running.0.stdout.as_mut().expect("piped");
    let mut text = String::new();
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    // It goes on running: a paragraph behind the sixth command ends what it says.
    let is_whole = |text: &str| {
        let behind = text.split("\n    curl ").nth(6);
        behind.is_some_and(|behind| behind.matches("\n\n").count() == 2)
    };
    while !is_whole(&text) {
        text = text + &lines.next().expect("it goes on") + "\n";
    }
    let curl: Vec<Vec<String>> = text
        .replace("\\\n", " ")
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("curl"))
        .map(words)
        .collect();
    assert_eq!(curl.len(), 6, "{text}");
    let answers: Vec<String> = curl.iter().map(|words| ask(words)).collect();
    assert!(answers[0].starts_with("HTTP/1.1 204"), "{}", answers[0]);
    assert!(answers[0].contains("access-control-allow-methods: PUT, DELETE"));
    assert!(
        answers[1].contains("access-control-allow-methods: PUT\r\n"),
        "{}",
        answers[1]
    );
    assert!(answers[2].starts_with("HTTP/1.1 403"), "{}", answers[2]);
    assert!(answers[3].contains("\"method\": \"GET\""), "{}", answers[3]);
    for outcome in ["handled", "passed_through", "rejected"] {
        let line = answers[4]
            .lines()
            .find(|line| line.contains(outcome) && line.ends_with(" 1"));
        assert!(line.is_some(), "{outcome} in\n{}", answers[4]);
    }
    let rejected = "origin_not_allowed on route \"rejected\"";
    assert!(answers[5].contains(rejected), "{}", answers[5]);
    let address = |command: &[String], before: &str, after: &str| -> SocketAddr {
        let mut words = command.iter();
        let address = words.find_map(|word| word.strip_prefix(before)?.strip_suffix(after));
        address.expect("a word").parse().expect("an address")
    };
    let gateway = address(&curl[0], "http://", "/allowed");
    let page = address(&curl[0], "Origin: http://", "");
    let masks = Masks::default()
        .value("{gateway}", gateway)
        .value("{admin}", address(&curl[4], "http://", "/metrics"))
        .value("{page}", page);
    expect::texts("cli/demo.txt", &[("corsgate demo", masks.hide(&text))]);
    let html = Client::connect(page)
        .exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .body;
    let gateway = format!("http://{gateway}");
    assert!(html.contains(&gateway), "the page asks this gateway");
    assert!(
        html.contains("data-run=\"all\"") && !html.contains("{{"),
        "{html}"
    );
}

#[test]
fn the_demo_serves_https_with_a_certificate_that_is_gone_with_it() {
    let zero = "127.0.0.1:0";
    let addresses = ["--gateway", "--tls-gateway", "--admin", "--page"];
    let addresses = addresses.into_iter().flat_map(|name| [name, zero]);
    let arguments: Vec<&str> = ["demo", "--tls"].into_iter().chain(addresses).collect();
    let mut running = Running::start(&arguments);
    let stdout = running.0.stdout.as_mut().expect("piped");
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let text: Vec<String> = lines.take_while(|line| !line.contains("Ctrl-C")).collect();
    let text = text.join(" ");
    let between = |start: &str, end: &str| {
        let (_, rest) = text.split_once(start).expect(start);
        rest.split_once(end).expect(end).0.to_owned()
    };
    let file = between("--cacert '", "'");
    let authority = std::fs::read_to_string(&file).expect("it is there");
    let address: SocketAddr = between("https://", "/").parse().expect("an address");
    let origin = between("Origin: ", "'");
    for (name, alpn) in [("localhost", "h2"), ("127.0.0.1", "http/1.1")] {
        let client = TlsClient::with(&authority, name, &[alpn], rustls::ALL_VERSIONS, None);
        let fields = [
            ("Origin", origin.as_str()),
            ("Access-Control-Request-Method", "PUT"),
        ];
        // No route is for this path.
        let response = run(client.exchange(address, "OPTIONS", &fields)).expect("an answer");
        assert_eq!(response.status, 404, "{name}");
    }
    running.signal("TERM");
    assert!(running.0.wait().expect("it ends").success());
    assert!(!Path::new(&file).exists());
}

/// The words of a line as a shell splits them, for the quotes that the demo uses.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('\'').enumerate();
    pieces
        .flat_map(|(index, piece)| match index % 2 {
            1 => vec![piece.to_owned()],
            _ => piece.split_whitespace().map(str::to_owned).collect(),
        })
        .collect()
}

/// Sends the request that a `curl` command describes; returns its output, header lines in lower case.
fn ask(curl: &[String]) -> String {
    let url = curl
        .iter()
        .find_map(|word| word.strip_prefix("http://"))
        .expect("a URL");
    let (host, path) = url.split_once('/').expect("a path");
    let after = |flag: &str| {
        let at = curl.iter().enumerate().filter(|(_, word)| *word == flag);
        at.map(|(at, _)| curl[at + 1].clone()).collect::<Vec<_>>()
    };
    let method = after("-X").pop().unwrap_or("GET".to_owned());
    let mut request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for field in after("-H") {
        request.push_str(&format!("{field}\r\n"));
    }
    request.push_str("\r\n");
    let mut stream = std::net::TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let lines = head
        .lines()
        .enumerate()
        .map(|(index, line)| match line.split_once(": ") {
            Some((name, value)) if index > 0 => format!("{}: {value}\r\n", name.to_lowercase()),
            _ => format!("{line}\r\n"),
        });
    format!("{}\r\n{body}", lines.collect::<String>())
}
