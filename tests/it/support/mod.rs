//! Shared by the tests: a gateway in this process, an upstream that records, a client that reads
//! every byte. No port is fixed, nothing sleeps: everything waits for what it is about.

mod client;
mod frames;
mod http2;
mod mortal;
mod process;
mod prometheus;
mod recorder;
mod tls;
mod tls_upstream;
mod transcript;
mod upstream;

pub(crate) use client::{Client, Response, is_cors_field};
pub(crate) use frames::{Frame, Frames, codes, kinds};
pub(crate) use http2::{HTTP2_START, Http2Client, frame, http2, http2_with, run};
pub(crate) use mortal::Mortal;
pub(crate) use process::{File, Folder, Log, Running, within};
pub(crate) use prometheus::{Prometheus, Series, program};
pub(crate) use recorder::Recorder;
pub(crate) use tls::{Authority, Pair, TlsClient};
pub(crate) use tls_upstream::{Handshake, TlsUpstream};
pub(crate) use transcript::{Masks, hide_unknown, transcript};
pub(crate) use upstream::{Answer, Received, Upstream, read_head, read_request};

use corsgate::compat::Espv2;
use corsgate::config::Config;
use corsgate::server::Server;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a slow machine; a test that waits for it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For [`Gateway::start_with`].
pub(crate) const WITH_LANE: &str = "express_lane: true";
pub(crate) const WITHOUT_LANE: &str = "express_lane: false";
pub(crate) const LANES: [&str; 2] = [WITH_LANE, WITHOUT_LANE];

/// Runs the program with these arguments.
pub(crate) fn corsgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_corsgate"))
        .args(arguments)
        .output()
        .expect("it runs")
}

/// Takes the proxies of the machine away from a program that is to speak to this machine.
pub(crate) fn without_proxies(command: &mut Command) {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
}

/// Runs the program with these arguments, and `piped` on its stdin.
pub(crate) fn corsgate_reading(arguments: &[&str], piped: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_corsgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("piped");
    // Who reads nothing is gone before it is written.
    let _ = std::io::Write::write_all(&mut stdin, piped.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// A running gateway; it ends with the value.
pub(crate) struct Gateway {
    server: Option<Server>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Gateway {
    /// Starts a gateway with everything that `config` says beside `listeners`, `admin` and
    /// `server`.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with(WITH_LANE, config)
    }

    /// The same with what `server` says, beside the number of threads, in its section.
    pub(crate) fn start_with(server: &str, config: &str) -> Self {
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1, {server} }}\n{config}"
        );
        let file = Path::new("test.yaml");
        let config = Config::parse(&text, file).unwrap_or_else(|e| panic!("{e}\nin\n{text}"));
        Self::serve(config, file)
    }

    /// Starts a gateway with the whole configuration of a file.
    pub(crate) fn of_file(file: &Path) -> Self {
        let config = Config::load(file).unwrap_or_else(|e| panic!("{e}"));
        Self::serve(config, file)
    }

    /// Starts a gateway with these flags of ESPv2, `--status_port` among them, on free ports.
    pub(crate) fn of_espv2(flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let name = Path::new("espv2");
        let espv2 = Espv2::parse(&flags, &|_| None, name).unwrap_or_else(|e| panic!("{e}"));
        let made = espv2.expect("they are not about help").config();
        let (mut config, _) = made.unwrap_or_else(|e| panic!("{e}"));
        let listeners = config
            .listeners
            .iter_mut()
            .map(|listener| &mut listener.listen);
        let admin = config.admin.iter_mut().map(|admin| &mut admin.listener);
        for listen in listeners.chain(admin) {
            listen.address.set_port(0);
        }
        Self::serve(config, name)
    }

    fn serve(config: Config, file: &Path) -> Self {
        let server = Server::start(config, file).expect("free ports are found");
        let addresses = server.addresses().clone();
        Self {
            address: addresses.listeners[0],
            admin: addresses.admin.expect("there is one"),
            server: Some(server),
        }
    }

    /// The addresses of all listeners, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let server = self.server.as_ref().expect("it runs");
        server.addresses().listeners.clone()
    }

    /// One request on a connection of its own.
    pub(crate) fn send(&self, request: &str) -> Response {
        Client::connect(self.address).exchange(request)
    }

    /// The admin listener's page of metrics.
    pub(crate) fn metrics(&self) -> String {
        let page = Client::connect(self.admin)
            .exchange("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(page.status, 200);
        page.body
    }

    /// The value of the metric written as `series`, 0 where there is none.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let page = self.metrics();
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    /// Waits until the metric written as `series` has the value.
    pub(crate) fn wait_for_metric(&self, series: &str, value: f64) {
        let started = Instant::now();
        while self.metric(series) != value {
            assert!(
                started.elapsed() < PATIENCE,
                "{series} is {}, not {value}",
                self.metric(series)
            );
            thread::yield_now();
        }
    }

    /// Waits until a request is counted, which is after its response was sent, and returns its
    /// route.
    pub(crate) fn wait_for_request(&self) -> String {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let page = self.metrics();
            let counted: Vec<&str> = page
                .lines()
                .filter(|line| line.starts_with("corsgate_requests_total{"))
                .filter(|line| !line.ends_with(" 0"))
                .collect();
            match counted.as_slice() {
                [] => thread::yield_now(),
                [line] => return label(line, "route").expect("a label"),
                lines => panic!("one request was counted as {lines:?}"),
            }
        }
        panic!("no request was counted");
    }

    /// Sends a request line to the admin listener and returns its answer.
    pub(crate) fn ask_admin(&self, line: &str) -> Response {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        Client::connect(self.admin).exchange(&request)
    }

    pub(crate) fn metrics_listener(&self) -> Option<SocketAddr> {
        self.server.as_ref()?.addresses().metrics
    }

    pub(crate) fn drain(mut self) {
        self.server.take().expect("not drained twice").drain();
    }
}

/// The value of a field, its lines joined with commas; `None` where there is none.
fn joined(fields: &[(String, String)], name: &str) -> Option<String> {
    let lines = fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let values: Vec<&str> = lines.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// An address where no server listens, for as long as the value lives: it is bound, so that no other
/// can get it, and connections to it are refused.
pub(crate) struct Refusing {
    pub(crate) address: SocketAddr,
    _socket: socket2::Socket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(&any.into()).expect("a free port");
        let address = socket
            .local_addr()
            .expect("bound")
            .as_socket()
            .expect("an address");
        Self {
            address,
            _socket: socket,
        }
    }
}

/// The value of a label in a line of the metrics page.
pub(crate) fn label(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next().unwrap_or_default().to_owned())
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }
}
