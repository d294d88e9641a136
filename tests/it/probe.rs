//! `corsgate probe`, as somebody at a shell has it: against the gateway and against servers that get
//! CORS wrong, over sockets.

use crate::expect;
use crate::support::{
    Answer, Authority, Gateway, Masks, Refusing, Upstream, transcript, without_proxies,
};
use corsgate::tls::provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

const APP: &str = "https://app.example.com";

fn probe(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corsgate"));
    without_proxies(&mut command);
    command
        .arg("probe")
        .args(arguments)
        .output()
        .expect("it runs")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The object that is printed, and the exit status.
fn judged(url: &str, arguments: &[&str]) -> (Value, i32) {
    let common = [url, "--origin", APP, "--format", "json"];
    let output = probe(&[&common, arguments].concat());
    let text = stdout(&output);
    let object = serde_json::from_str(&text);
    let object = object.unwrap_or_else(|e| panic!("{e}: {text}{}", stderr(&output)));
    (object, status(&output))
}

/// The text at the path, "" where there is none.
fn at<'a>(object: &'a Value, path: &str) -> &'a str {
    let value = object.pointer(path).and_then(Value::as_str);
    value.unwrap_or_default()
}

/// A gateway before an upstream that answers 200.
fn gateway() -> (Gateway, Upstream) {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&format!(
        "\
upstreams: {{ api: {{ endpoints: ['{}'] }} }}
policies:
  app:
    allow_origins: [https://app.example.com]
    allow_methods: [PUT]
    allow_headers: [authorization]
    allow_credentials: true
    max_age: 1h
  loose:
    allow_origins: [{{ regex: 'https://(app.example.com|.*\\.example\\.com)' }}]
  talking:
    allow_origins: [https://a.example]
    debug_header: true
  open:
    allow_origins: ['*']
    allow_headers: ['*']
routes:
  - {{ name: app, match: {{ path_prefix: /app }}, upstream: api, cors: app }}
  - {{ name: loose, match: {{ path_prefix: /loose }}, upstream: api, cors: loose }}
  - {{ name: talking, match: {{ path_prefix: /talking }}, upstream: api, cors: talking }}
  - {{ name: open, match: {{ path_prefix: /open }}, upstream: api, cors: open }}
",
        upstream.address
    ));
    (gateway, upstream)
}

#[test]
fn the_gateway_is_asked_and_understood() {
    let (gateway, upstream) = gateway();
    let url = |path: &str| format!("http://{}{path}", gateway.address);
    // The sentence; path; arguments; the refusal, and where it was.
    #[rustfmt::skip]
    let cases: &[(&str, &str, &[&str], &str)] = &[
        ("a plain request", "/app", &[], ""),
        ("with credentials", "/app", &["--credentials"], ""),
        ("with credentials, method and header", "/app", &["--credentials", "-X", "put", "-H", "authorization"], ""),
        ("the same is sent", "/app", &["--send", "-X", "PUT", "-H", "authorization: Bearer secret"], ""),
        ("a method that isn't allowed", "/app", &["-X", "DELETE"], "method_not_allowed"),
        ("a header that isn't allowed", "/app", &["-H", "x-other"], "header_not_allowed"),
        ("any origin", "/open", &[], ""),
        ("any origin and credentials", "/open", &["--credentials"], "any_origin_with_credentials"),
        ("any header", "/open", &["-H", "x-other: 1"], ""),
        ("any header but authorization", "/open", &["-H", "authorization"], "header_not_allowed"),
        ("no route", "/none", &[], "allow_origin_missing"),
    ];
    for (sentence, path, arguments, code) in cases {
        let (object, status) = judged(&url(path), arguments);
        assert_eq!(
            at(&object, "/refusal/code"),
            *code,
            "{sentence}: {object:#}"
        );
        assert_eq!(status, i32::from(!code.is_empty()), "{sentence}");
        assert_eq!(object["allowed"], code.is_empty(), "{sentence}");
    }
    let other = [&url("/app"), "--origin", "https://b.example"];
    assert_eq!(status(&probe(&other)), 1);
    // Preflights never reach the upstream, and only what was said to be sent does.
    let received = upstream.received();
    assert!(received.iter().all(|request| request.method != "OPTIONS"));
    let sent: Vec<_> = received.iter().filter(|r| r.method == "PUT").collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].get("origin").as_deref(), Some(APP));
    let authorization = sent[0].get("authorization");
    assert_eq!(authorization.as_deref(), Some("Bearer secret"));
}

#[test]
fn a_person_reads_what_was_asked_what_came_and_why() {
    let (gateway, _upstream) = gateway();
    let masks = Masks::default().value("{gateway}", gateway.address);
    transcript("probe/gateway.txt", &masks);
    let url = format!("http://{}/app", gateway.address);
    let header = ["--header", "authorization: secret"];
    let text = stdout(&probe(
        &[&[&url, "--origin", APP], &header[..], &["--send"]].concat(),
    ));
    assert!(
        text.contains("authorization") && !text.contains("secret"),
        "{text}"
    );
}

#[test]
fn what_the_gateway_says_itself_is_shown_and_is_the_hint() {
    let (gateway, _upstream) = gateway();
    let silent = format!("http://{}/app", gateway.address);
    let talking = format!("http://{}/talking", gateway.address);
    let foreign = Upstream::start(Answer::new(
        403,
        &[(
            "X-Corsgate-Reason".to_owned(),
            "because caf\u{e9}".to_owned(),
        )],
    ));
    let masks = Masks::default()
        .value("{gateway}", gateway.address)
        .value("{foreign}", foreign.address);
    let foreign = format!("http://{}/", foreign.address);
    // The sentence; URL; origin; method; what the gateway says.
    #[rustfmt::skip]
    let cases = [
        ("a response", &talking, APP, "GET", "origin_not_allowed"),
        ("a preflight", &talking, APP, "PUT", "origin_not_allowed"),
        ("a method", &talking, "https://a.example", "PUT", "method_not_allowed"),
        ("a policy that says nothing", &silent, "https://a.example", "GET", ""),
        ("somebody else's word", &foreign, APP, "GET", r"because caf\xc3\xa9"),
    ];
    let mut texts = Vec::new();
    for (sentence, url, origin, method, reason) in cases {
        let arguments = [url, "--origin", origin, "-X", method];
        let text = stdout(&probe(&arguments));
        let shown = format!("  < x-corsgate-reason: {reason}\n");
        assert_eq!(
            text.contains(&shown),
            !reason.is_empty(),
            "{sentence}: {text}"
        );
        let json = stdout(&probe(&[&arguments[..], &["--format", "json"]].concat()));
        let object: Value = serde_json::from_str(&json).expect("an object");
        let hint = at(&object, "/refusal/hint");
        assert!(hint.contains(reason), "{sentence}: {json}");
        assert!(text.contains(hint), "{sentence}: {json}\n{text}");
        let fields = ["/preflight/fields", "/response/fields"];
        let mut fields = fields
            .iter()
            .filter_map(|path| object.pointer(path)?.as_array())
            .flatten();
        let is_there = fields.any(|field| field[0] == "x-corsgate-reason" && field[1] == reason);
        assert_eq!(is_there, !reason.is_empty(), "{sentence}: {json}");
        texts.push((sentence, masks.hide(&text)));
    }
    expect::texts("probe/reasons.txt", &texts);
}

#[test]
fn servers_that_get_it_wrong_are_told_from_each_other() {
    let origin = ("Access-Control-Allow-Origin", APP);
    let any = ("Access-Control-Allow-Origin", "*");
    let put = ("Access-Control-Allow-Methods", "PUT");
    let yes = ("Access-Control-Allow-Credentials", "true");
    let vary = ("Vary", "Origin");
    // The sentence; status; fields; arguments; the refusal; the warnings.
    type Case<'a> = (
        &'a str,
        u16,
        &'a [(&'a str, &'a str)],
        &'a [&'a str],
        &'a str,
        &'a str,
    );
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("two lines", 200, &[origin, origin, vary], &[], "allow_origin_several", ""),
        ("two values", 200, &[("Access-Control-Allow-Origin", "https://app.example.com, *"), vary], &[], "allow_origin_several", ""),
        ("any origin with credentials", 200, &[any, yes], &["--credentials"], "any_origin_with_credentials", ""),
        ("no credentials", 200, &[origin, vary], &["--credentials"], "allow_credentials_missing", ""),
        ("no header", 200, &[], &[], "allow_origin_missing", ""),
        ("a slash", 200, &[("Access-Control-Allow-Origin", "https://app.example.com/"), vary], &[], "allow_origin_other", ""),
        ("no vary", 200, &[origin], &[], "", "no_vary_origin"),
        ("a redirected preflight", 308, &[any, put, ("Location", "/there")], &["-X", "PUT"], "preflight_redirected", "redirect"),
        ("a broken preflight", 500, &[any, put], &["-X", "PUT"], "preflight_status", ""),
        ("a method in lower case", 204, &[any, ("Access-Control-Allow-Methods", "put")], &["-X", "PUT"], "method_not_allowed", ""),
        ("a list that is none", 204, &[any, ("Access-Control-Allow-Methods", "[PUT]")], &["-X", "PUT"], "allow_methods_unreadable", ""),
        ("a very long max-age", 204, &[any, put, ("Access-Control-Max-Age", "1728000")], &["-X", "PUT"], "", "max_age_over_cap"),
        ("a redirected request", 302, &[any, ("Location", "/there")], &[], "", "redirect"),
        ("a gateway's error", 502, &[], &[], "allow_origin_missing", ""),
        ("a gateway's answer to a preflight", 504, &[], &["-X", "PUT"], "preflight_status", ""),
        ("a server's error", 500, &[vary], &["--credentials"], "allow_origin_missing", ""),
        ("an error that can't be read", 404, &[], &[], "allow_origin_missing", ""),
        ("an error that can be read", 404, &[any], &[], "", "error_status"),
    ];
    let mut texts = Vec::new();
    for (sentence, answer, fields, arguments, code, warnings) in cases {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let upstream = Upstream::start(Answer::new(*answer, &fields));
        let url = format!("http://{}/", upstream.address);
        let (object, status) = judged(&url, arguments);
        assert_eq!(
            at(&object, "/refusal/code"),
            *code,
            "{sentence}: {object:#}"
        );
        assert_eq!(status, i32::from(!code.is_empty()), "{sentence}");
        let found = object["warnings"].as_array().expect("a list").iter();
        let found: Vec<&str> = found.map(|warning| at(warning, "/code")).collect();
        assert_eq!(found.join(","), *warnings, "{sentence}: {object:#}");
        // Redirects aren't followed, and a request that isn't permitted isn't sent.
        assert_eq!(upstream.received().len(), 1, "{sentence}");
        let text = stdout(&probe(
            &[&[url.as_str(), "--origin", APP], *arguments].concat(),
        ));
        let masks = Masks::default().value("{server}", upstream.address);
        texts.push((*sentence, masks.hide(&text)));
    }
    expect::texts("probe/servers.txt", &texts);
}

#[test]
fn what_is_sent_is_what_a_browser_sends() {
    let fields = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "patch"),
        ("Access-Control-Allow-Headers", "x-b, x-a"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let upstream = Upstream::start(Answer::new(200, &fields));
    let (object, _) = judged(
        &format!("http://{}/a?b=c", upstream.address),
        &[
            "-X",
            "patch",
            "-H",
            "X-B: 1",
            "-H",
            "x-a",
            "-H",
            "host: evil.test",
            "--send",
        ],
    );
    assert_eq!(object["allowed"], true, "{object:#}");
    let received = upstream.received();
    let [preflight, request] = received.as_slice() else {
        panic!("two requests: {received:?}");
    };
    assert_eq!(preflight.method, "OPTIONS");
    assert_eq!(preflight.target, "/a?b=c");
    let mut names: Vec<_> = preflight
        .headers
        .iter()
        .map(|(name, _)| name.to_lowercase())
        .collect();
    names.sort();
    let expected = "accept access-control-request-headers access-control-request-method host \
                    origin user-agent";
    assert_eq!(names.join(" "), expected);
    let asked = preflight.get("access-control-request-headers");
    assert_eq!(asked.as_deref(), Some("x-a,x-b"));
    let method = preflight.get("access-control-request-method");
    assert_eq!(method.as_deref(), Some("patch"));
    assert_eq!(request.method, "patch");
    assert_eq!(request.get("x-a").as_deref(), Some("x"));
    assert_eq!(request.get("x-b").as_deref(), Some("1"));
    assert_eq!(request.get("host"), Some(upstream.address.to_string()));
    assert!(request.get("accept-encoding").is_none());
}

#[test]
fn the_object_has_everything() {
    let (gateway, _upstream) = gateway();
    let url = format!("http://{}/app", gateway.address);
    let (object, _) = judged(&url, &["-X", "put", "-H", "authorization", "--send"]);
    let asked = "/preflight/asked/Access-Control-Request-Method";
    for (path, expected) in [
        ("/url", url.as_str()),
        ("/origin", APP),
        ("/method", "PUT"),
        ("/request", "sent"),
        ("/causes/0/kind", "method"),
        ("/causes/1/value", "authorization"),
        (asked, "PUT"),
        ("/preflight/fields/0/0", "access-control-allow-origin"),
        ("/preflight/permit/methods/0", "PUT"),
        ("/response/fields/0/1", APP),
        ("/headers/0", "authorization"),
    ] {
        assert_eq!(at(&object, path), expected, "{path} in {object:#}");
    }
    for (path, expected) in [
        ("/preflight/status", 204),
        ("/response/status", 200),
        ("/preflight/permit/max_age", 3600),
    ] {
        let number = object.pointer(path).and_then(Value::as_u64);
        assert_eq!(number, Some(expected), "{path}");
    }
    let mut keys: Vec<_> = object.as_object().expect("one").keys().cloned().collect();
    keys.sort();
    let all = "allowed causes credentials dropped_headers headers method origin preflight refusal \
               request response same_origin url warnings";
    assert_eq!(keys.join(" "), all);
    // What matters most comes first.
    let output = probe(&[
        &url, "--origin", APP, "--format", "json", "-X", "PUT", "--send",
    ]);
    let text = stdout(&output);
    let top = text
        .lines()
        .filter_map(|line| line.strip_prefix("  \"")?.split_once('"'));
    let top: Vec<&str> = top.map(|(key, _)| key).collect();
    let order = "url origin method headers credentials allowed refusal same_origin causes \
                 dropped_headers preflight request response warnings";
    assert_eq!(top.join(" "), order);
}

#[test]
fn a_scan_tells_strict_policies_from_loose_ones() {
    let (gateway, upstream) = gateway();
    let url = |path: &str| format!("http://{}{path}", gateway.address);
    let (strict, exit) = judged(&url("/app"), &["--scan"]);
    assert_eq!(
        (exit, at(&strict, "/scan/worst")),
        (0, "none"),
        "{strict:#}"
    );
    assert_eq!(at(&strict, "/scan/control"), "allowed_with_credentials");
    let (loose, exit) = judged(&url("/loose"), &["--scan"]);
    assert_eq!(
        (exit, at(&loose, "/scan/worst")),
        (1, "medium"),
        "{loose:#}"
    );
    let through: Vec<&str> = loose["scan"]["probes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|probe| probe["severity"] != "none")
        .map(|probe| at(probe, "/kind"))
        .collect();
    assert!(through.contains(&"unescaped_dot"), "{through:?}");
    assert!(!through.contains(&"reflected"), "{through:?}");
    let (open, exit) = judged(&url("/open"), &["--scan"]);
    assert_eq!((exit, at(&open, "/scan/worst")), (0, "info"));
    let text = stdout(&probe(&[&url("/loose"), "--origin", APP, "--scan"]));
    let kinds = text.lines().filter(|line| line.starts_with("  ")).count();
    assert!(kinds < through.len(), "a line a kind: {text}");
    assert!(upstream.received().iter().all(|r| r.method == "GET"));
}

#[test]
fn no_answer_is_another_status_than_no() {
    let refusing = Refusing::new();
    let (object, exit) = judged(&format!("http://{}/", refusing.address), &[]);
    assert_eq!((exit, at(&object, "/error/code")), (4, "unreachable"));
    assert!(object["allowed"].is_null(), "{object:#}");

    // It accepts, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("bound");
    let (object, exit) = judged(&format!("http://{address}/"), &["--timeout", "50ms"]);
    assert_eq!(
        (exit, at(&object, "/error/code")),
        (4, "timeout"),
        "{object:#}"
    );
    let (object, exit) = judged(
        &format!("https://{address}/"),
        &["--timeout", "50ms", "--insecure"],
    );
    assert_eq!(
        (exit, at(&object, "/error/code")),
        (4, "timeout"),
        "{object:#}"
    );

    let garbage = Upstream::start(Answer(b"220 mail.example.com ESMTP\r\n\r\n".to_vec()));
    let (object, exit) = judged(&format!("http://{}/", garbage.address), &[]);
    assert_eq!(
        (exit, at(&object, "/error/code")),
        (4, "protocol"),
        "{object:#}"
    );
    let masks = Masks::default()
        .value("{refusing}", refusing.address)
        .value("{silent}", address)
        .value("{garbage}", garbage.address);
    transcript("probe/unanswered.txt", &masks);
}

#[test]
fn an_address_can_be_given_for_a_name() {
    let any = ("Access-Control-Allow-Origin".to_owned(), "*".to_owned());
    let upstream = Upstream::start(Answer::new(200, &[any]));
    let port = upstream.address.port();
    // No resolver knows the name, and the other address refuses.
    let url = format!("http://api.invalid:{port}/");
    let other = format!("other.invalid:{port}:192.0.2.1");
    let resolve = format!("API.invalid:{port}:127.0.0.1");
    let (object, exit) = judged(&url, &["--resolve", &other, "--resolve", &resolve]);
    assert_eq!(exit, 0, "{object:#}");
    let received = upstream.received();
    assert_eq!(received[0].get("host"), Some(format!("api.invalid:{port}")));
    // Any host; several addresses.
    let resolve = format!("*:{port}:[::1],127.0.0.1");
    let (object, exit) = judged(&url, &["--resolve", &resolve]);
    assert_eq!(exit, 0, "{object:#}");
}

#[test]
fn a_body_that_never_ends_is_not_waited_for() {
    let head =
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 99999999\r\n\r\nsome";
    let upstream = Upstream::start(Answer(head.as_bytes().to_vec()));
    let (object, exit) = judged(
        &format!("http://{}/", upstream.address),
        &["--timeout", "30s"],
    );
    assert_eq!(exit, 0, "{object:#}");
}

#[test]
fn wrong_usage_says_what_to_write_instead() {
    transcript("probe/usage.txt", &Masks::default());
}

/// A certificate for 127.0.0.1 by a CA of its own, and a server that answers with it.
struct TlsServer {
    address: SocketAddr,
    ca: PathBuf,
}

impl TlsServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        // Authorities differ by their names, as two of the same name differ by their signatures only.
        let authority = Authority::new(&format!("CA {}", address.port()));
        let pair = authority.issue(&["127.0.0.1"]);
        let chain = vec![pair.der()];
        let secret = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .expect("they fit");
        let config = Arc::new(config);

        let name = format!("corsgate-ca-{}-{}.pem", std::process::id(), address.port());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, authority.pem).expect("written");
        // The thread ends with the process.
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config));
                let mut connection = connection.expect("a connection");
                let mut stream = rustls::Stream::new(&mut connection, &mut stream);
                // A client that doesn't trust the certificate is gone before it asks.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let answer = b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n\
                                   Content-Length: 0\r\n\r\n";
                    let _ = stream.write_all(answer);
                }
            }
        });
        Self { address, ca: path }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

#[test]
fn certificates_are_checked_and_a_private_ca_can_be_trusted() {
    let server = TlsServer::start();
    let url = format!("https://{}/", server.address);
    let ca = server.ca.display().to_string();
    let (object, exit) = judged(&url, &["--ca-file", &ca]);
    assert_eq!(
        (exit, &object["allowed"]),
        (0, &Value::Bool(true)),
        "{object:#}"
    );
    let (object, exit) = judged(&url, &["--insecure"]);
    assert_eq!(exit, 0, "{object:#}");
    let other = TlsServer::start();
    let other = other.ca.display().to_string();
    // Another CA of the same make, which did not sign it.
    let (object, exit) = judged(&url, &["--ca-file", &other]);
    assert_eq!((exit, at(&object, "/error/code")), (4, "tls"), "{object:#}");
    // The name is checked too.
    let by_name = format!("https://localhost:{}/", server.address.port());
    let (object, exit) = judged(&by_name, &["--ca-file", &ca]);
    assert_eq!((exit, at(&object, "/error/code")), (4, "tls"), "{object:#}");
    // What the machine trusts is trusted, and no more.
    let masks = Masks::default()
        .value("{server}", server.address)
        .value("{ca}", &ca)
        .value("{other}", &other);
    transcript("probe/tls.txt", &masks);
    // Plain HTTP to a TLS server gets no answer either.
    let plain = Upstream::start(Answer::ok());
    let (object, exit) = judged(&format!("https://{}/", plain.address), &["--insecure"]);
    assert_eq!(exit, 4, "{object:#}");
}
