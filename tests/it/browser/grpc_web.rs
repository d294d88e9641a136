//! The clients of gRPC-Web in a real browser, by way of a gateway, with a real gRPC server behind it. `sh
//! scripts/npm.sh` fetches the clients; `CORSGATE_TEST_GRPC_WEB=require` makes it a failure that they are
//! not there.

use super::chromium::{self, COOKIE, Running};
use super::tls::trusting;
use crate::grpc::service::{Backend, failure};
use crate::support::{Answer, Authority, Folder, Gateway, PATIENCE, Received, Refusing, Upstream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, mpsc};

/// Returns the folder of the clients, if they are there.
fn clients() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules");
    let is_there = folder.join("grpc-web").exists();
    let required = std::env::var("CORSGATE_TEST_GRPC_WEB").is_ok_and(|v| v == "require");
    assert!(
        is_there || !required,
        "they are not in {}",
        folder.display()
    );
    if !is_there {
        eprintln!("there are no clients of gRPC-Web: `sh scripts/npm.sh` fetches them");
    }
    is_there.then_some(folder)
}

/// Serves the page, the clients, and the addresses of the gateways; takes the report.
fn answer(
    request: &Received,
    clients: &Path,
    plan: &OnceLock<Value>,
    reports: &Mutex<mpsc::Sender<String>>,
) -> Answer {
    let script = |path: &str| std::fs::read_to_string(clients.join(path)).ok();
    let (content_type, body) = match request.target.as_str() {
        "/page" => ("text/html", Some(include_str!("grpc_web.html").to_owned())),
        "/plan" => ("application/json", plan.get().map(Value::to_string)),
        "/seen" => {
            let report = String::from_utf8_lossy(&request.body).into_owned();
            let _ = reports.lock().expect("no test panics with it").send(report);
            ("text/plain", Some(String::new()))
        }
        path => (
            "text/javascript",
            path.strip_prefix("/npm/").and_then(script),
        ),
    };
    let Some(body) = body else {
        return Answer::new(404, &[]);
    };
    let head = format!(
        "HTTP/1.1 200 X\r\nContent-Type: {content_type}; charset=utf-8\r\nContent-Length: {}\r\n\
         Set-Cookie: {COOKIE}\r\n\r\n",
        body.len()
    );
    Answer([head, body].concat().into_bytes())
}

/// The gateways: one that speaks HTTP/1.1 to browsers, and one that speaks HTTP/2 to them.
fn gateway(folder: &Folder, backend: &Backend, down: &Refusing, origin: &str) -> Gateway {
    let (backend, down) = (backend.address, down.address);
    let text = format!(
        "listeners:\n\
         - {{ address: '127.0.0.1:0' }}\n\
         - {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: api.crt, private_key: api.key }}] }} }}\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         upstreams:\n\
         \x20 notes: {{ endpoints: ['{backend}'], protocol: h2c }}\n\
         \x20 down: {{ endpoints: ['{down}'], protocol: h2c }}\n\
         policies:\n\
         \x20 web: {{ allow_origins: ['{origin}'], allow_credentials: true, presets: [grpc_web] }}\n\
         \x20 plain: {{ allow_origins: ['{origin}'], allow_credentials: true }}\n\
         routes:\n\
         - {{ name: notes, upstream: notes, cors: web, grpc_web: true }}\n\
         - {{ name: down, match: {{ path_prefix: /down }}, upstream: down, cors: web, grpc_web: true }}\n\
         - {{ name: plain, match: {{ path_prefix: /plain }}, upstream: notes, cors: plain, grpc_web: true }}\n"
    );
    Gateway::of_file(&folder.write("corsgate.yaml", &text))
}

/// A gateway with the flags of ESPv2, which are the same for a gRPC server that knows nothing of CORS.
fn espv2(backend: &Backend, origin: &str) -> Gateway {
    let flags = [
        &format!("--backend=grpc://{}", backend.address),
        "--cors_preset=basic",
        &format!("--cors_allow_origin={origin}"),
        "--cors_allow_credentials",
        "--cors_allow_headers=Content-Type,X-Grpc-Web,X-User-Agent,Grpc-Timeout",
        "--cors_expose_headers=grpc-status,grpc-message,grpc-status-details-bin",
        "--status_port=1",
    ];
    Gateway::of_espv2(&flags)
}

/// The result of each call, by its name; `None` for an error whose code and words are the client's.
fn expected(gateways: &[&str], has_credentials: bool) -> BTreeMap<String, Option<Value>> {
    let value = |value: Value| Some(json!({ "value": value }));
    let cookie = if has_credentials { COOKIE } else { "none" };
    let error = json!({
        "code": 5,
        "message": failure().message(),
        // A trailer is in the body, where no policy hides it.
        "trailer": "behind",
    });
    let mut of_header = error.clone();
    of_header["trailer"] = Value::Null;
    let calls = [
        ("unary", value(json!("hello é 7"))),
        ("cookie", value(json!(format!("{cookie} 0")))),
        ("failure", Some(json!({ "error": of_header }))),
        ("large", value(json!(300_002))),
        (
            "stream",
            Some(json!({ "notes": ["n 0", "n 1", "n 2"], "value": "the end" })),
        ),
        (
            "failing stream",
            Some(json!({ "notes": ["fail 0", "fail 1"], "error": error })),
        ),
        (
            "stopped stream",
            Some(json!({ "notes": ["wait 0"], "value": "canceled" })),
        ),
        ("in time", value(json!("hello 0"))),
        ("nothing there", None),
        ("no preset", None),
    ];
    let mut expected = BTreeMap::new();
    for gateway in gateways {
        for client in ["text", "binary", "connect"] {
            for (call, result) in &calls {
                if (client, *call) != ("binary", "stopped stream") {
                    expected.insert(format!("{gateway}, {client}: {call}"), result.clone());
                }
            }
        }
    }
    expected
}

#[test]
fn the_clients_of_grpc_web_call_a_grpc_server_from_a_page_of_another_origin() {
    let (Some(clients), Some(_)) = (clients(), chromium::program()) else {
        return;
    };
    let (backend, down) = (Backend::start(), Refusing::new());
    let pair = Authority::new("servers").issue(&["127.0.0.1"]);
    let folder = Folder::new();
    pair.write(&folder, "api");
    for has_credentials in [false, true] {
        let plan: std::sync::Arc<OnceLock<Value>> = std::sync::Arc::default();
        let (send, reports) = mpsc::channel();
        let (theirs, send, clients) = (plan.clone(), Mutex::new(send), clients.clone());
        let page = Upstream::start_with(move |request| answer(request, &clients, &theirs, &send));
        let origin = format!("http://{}", page.address);
        let gateway = gateway(&folder, &backend, &down, &origin);
        let [http, https] = gateway.addresses()[..] else {
            panic!("there are two");
        };
        let espv2 = espv2(&backend, &origin);
        let gateways = json!({
            "http": format!("http://{http}"),
            "https": format!("https://{https}"),
            "espv2": format!("http://127.0.0.1:{}", espv2.address.port()),
        });
        let set = plan.set(json!({ "gateways": gateways, "credentials": has_credentials }));
        set.expect("there was none");

        let mut program = chromium::program().expect("it was there");
        program.arg(trusting(&pair.der()));
        let browser = Running::start(program, &format!("{origin}/page"));
        let report = reports.recv_timeout(PATIENCE);
        let report = report.unwrap_or_else(|_| panic!("no report in time\n{}", browser.log()));
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report.get("failed"), None, "{report:#}");
        let mut seen = report["seen"].as_object().expect("an object").clone();
        for (call, expected) in expected(&["http", "https", "espv2"], has_credentials) {
            let found = seen
                .remove(&call)
                .unwrap_or_else(|| panic!("{call} was not made"));
            match expected {
                Some(mut expected) => {
                    if call.starts_with("https") && call.ends_with("cookie") {
                        // To a browser, a page without TLS is of another site, which gets no such cookie.
                        expected = json!({ "value": "none 0" });
                    }
                    if !call.contains("connect") && call.ends_with("failure") {
                        // It gives the header's fields as metadata, and that one is not exposed.
                        expected["error"]["trailer"] = Value::Null;
                    }
                    assert_eq!(found, expected, "{call}");
                }
                None => {
                    let error = &found["error"];
                    let is_refused = match (call.ends_with("nothing there"), &error["message"]) {
                        // All paths lead to the server, which has no such service: UNIMPLEMENTED.
                        _ if call.starts_with("espv2") => error["code"] == 12,
                        // UNAVAILABLE, made from 502, which the page can read; Google's client has no
                        // code for it.
                        (true, _) if call.contains("connect") => error["code"] == 14,
                        (true, message) => message.as_str().is_some_and(|m| m.ends_with("502")),
                        // Anything, since the browser does not even ask.
                        (false, _) => error.is_object(),
                    };
                    assert!(is_refused, "{call}: {found}");
                }
            }
        }
        assert!(seen.is_empty(), "{seen:?}");
        let reached = gateway
            .metric("corsgate_requests_total{code=\"2xx\",kind=\"request\",route=\"plain\"}");
        assert_eq!(reached, 0.0);
        let refused = "corsgate_preflights_total{outcome=\"rejected\",reason=\"headers_not_allowed\",route=\"plain\"}";
        assert!(gateway.metric(refused) >= 6.0, "{}", gateway.metrics());
    }
    // Those that were stopped, too: two clients, three gateways, twice. The others are three and three.
    let ended = 2 * 3 * (2 + 3 + 3);
    crate::support::run(backend.wait_for("Count ended", ended));
}
