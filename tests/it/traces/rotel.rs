//! A real collector, Rotel, where it is installed. `sh scripts/collector.sh` fetches it;
//! `CORSGATE_TEST_COLLECTOR=require` makes it a failure that it is not there.

use super::otlp::{collector, spans};
use super::{ask, attribute, configuration, context, last, traces};
use crate::support::{Answer, Folder, Gateway, PATIENCE, Upstream};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

/// A running Rotel, which hands on what it gets by OTLP over HTTP; it ends with the value.
struct Rotel {
    process: Child,
    address: SocketAddr,
    _folder: Folder,
}

/// Returns the program, if it is there.
fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/collector/rotel-agent");
    let is_there = program.exists();
    let required = std::env::var("CORSGATE_TEST_COLLECTOR").is_ok_and(|v| v == "require");
    assert!(is_there || !required, "it is not {}", program.display());
    if !is_there {
        eprintln!(
            "there is no Rotel: `sh scripts/collector.sh` fetches it; no real collector is asked"
        );
    }
    is_there.then_some(program)
}

// === impl Rotel ===

impl Rotel {
    fn start(program: &Path, to: SocketAddr) -> Self {
        let started = Instant::now();
        loop {
            // It takes no port 0. Another process may take these meanwhile; then there are others.
            let [http, grpc] = free_addresses();
            let folder = Folder::new();
            let log = File::create(folder.path("log")).expect("a file");
            let mut process = Command::new(program)
                .arg("start")
                .args(["--otlp-http-endpoint", &http.to_string()])
                .args(["--otlp-grpc-endpoint", &grpc.to_string()])
                .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
                .args(["--otlp-exporter-endpoint", &format!("http://{to}")])
                .arg("--pid-file")
                .arg(folder.path("pid"))
                .stdout(log.try_clone().expect("a file"))
                .stderr(log)
                .spawn()
                .expect("it runs");
            while process.try_wait().expect("it is a child").is_none() {
                if TcpStream::connect(http).is_ok() {
                    return Self {
                        process,
                        address: http,
                        _folder: folder,
                    };
                }
                thread::yield_now();
            }
            let log = fs::read_to_string(folder.path("log")).unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "Rotel ended: {log}");
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("bound"))
}

#[test]
fn a_real_collector_takes_the_spans_and_hands_them_on() {
    let Some(program) = program() else { return };
    let (behind, upstream) = (collector(), Upstream::start(Answer::ok()));
    let rotel = Rotel::start(&program, behind.address);
    let gateway = Gateway::start(&configuration(&traces(rotel.address, "1"), &upstream));
    let more = format!(
        "Traceparent: {}\r\nUser-Agent: curl/8 \u{e9}\r\n",
        context("01")
    );
    assert_eq!(
        ask(&gateway, "GET /books/1?token=secret", &more).status,
        200
    );
    let told = last(&upstream);
    assert_eq!(ask(&gateway, "GET /gone", "").status, 502);
    gateway.wait_for_metric("corsgate_trace_spans_total{result=\"exported\"}", 2.0);
    let spans = spans(&behind, 2);
    let own = format!("00-{}-{}-01", spans[0].trace_id, spans[0].span_id);
    assert_eq!(told.get("traceparent"), Some(own));
    for (index, name, value) in [
        (0, "url.path", "/books/1"),
        (0, "user_agent.original", "curl/8 \u{e9}"),
        (0, "http.response.status_code", "200"),
        (0, "corsgate.endpoint", &upstream.address.to_string()),
        (1, "error.type", "502"),
    ] {
        assert_eq!(attribute(&spans[index], name), value, "{name}");
    }
    let errors: Vec<bool> = spans.iter().map(|span| span.is_error).collect();
    assert_eq!(errors, [false, true]);
    assert!(spans.iter().all(|span| span.is_of_server));
    assert_eq!(spans[1].parent, "");
    assert_eq!(spans[0].resource["service.name"], "corsgate");
}
