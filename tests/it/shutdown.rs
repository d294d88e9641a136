//! SIGTERM with `server.shutdown_delay`: load balancers learn of the end before it comes.

use crate::support::{Answer, Client, File, Http2Client, PATIENCE, Running, Upstream};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

/// A gateway as a process of its own.
struct Gateway {
    process: Running,
    traffic: SocketAddr,
    admin: SocketAddr,
    _upstream: Upstream,
    _file: File,
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\
                         Access-Control-Request-Method: GET\r\n\r\n";

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\n\r\n";

// === impl Gateway ===

impl Gateway {
    fn start(delay: &str) -> Self {
        let upstream = Upstream::start_with(|request| match request.get("upgrade") {
            Some(_) => Answer(SWITCHING.as_bytes().to_vec()),
            None => Answer::ok(),
        });
        let file = File::new(&format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1, shutdown_delay: {delay} }}\n\
             upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
             routes: [{{ name: r, upstream: u, cors: {{ allow_origins: [https://app.example.com] }} }}]\n",
            upstream.address
        ));
        let mut process = Running::start(&["serve", "--config", &file.path]);
        let log = process.log();
        let (traffic, admin) = (log.listener(), log.admin());
        log.line("gateway serves");
        // The rest of the log has a reader, too.
        thread::spawn(move || log.whole());
        Self {
            process,
            traffic,
            admin,
            _upstream: upstream,
            _file: file,
        }
    }

    fn readiness(&self) -> u16 {
        let readyz = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        Client::connect(self.admin).exchange(readyz).status
    }

    /// Sends SIGTERM, and waits until the gateway is not ready any more.
    fn terminate(&self) {
        assert_eq!(self.readiness(), 200);
        self.process.signal("TERM");
        let started = Instant::now();
        while self.readiness() == 200 {
            assert!(started.elapsed() < PATIENCE, "it stays ready");
        }
        assert_eq!(self.readiness(), 503);
    }

    fn end(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.0.try_wait().expect("it runs") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::yield_now();
        }
    }
}

/// Asserts that the answer to `request` is the connection's last.
fn assert_last(client: &mut Client, request: &str) {
    let answer = client.exchange(request);
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    assert_eq!(
        answer.get("connection").as_deref(),
        Some("close"),
        "{request}"
    );
    assert!(client.is_closed(), "{request}");
}

#[test]
fn the_listeners_stay_open_for_the_delay_and_every_answer_is_the_last() {
    let gateway = Gateway::start("1h");
    let connect = || Client::connect(gateway.traffic);
    let mut used = [GET, PREFLIGHT].map(|request| {
        let mut client = connect();
        assert_eq!(
            client.exchange(request).get("connection").as_deref(),
            Some("keep-alive")
        );
        (client, request)
    });
    let mut unused = connect();
    let mut http2 = Http2Client::connect(gateway.traffic);
    assert_eq!(http2.exchange("GET", &[]).expect("a response").status, 200);
    gateway.terminate();
    for (client, request) in &mut used {
        assert_last(client, request);
    }
    assert_last(&mut unused, GET);
    for request in [GET, PREFLIGHT] {
        assert_last(&mut connect(), request);
    }
    let mut tunnel = connect();
    tunnel.write(UPGRADE.as_bytes());
    let switched = tunnel.read(false).expect("an answer");
    assert_eq!(switched.status, 101);
    assert_eq!(switched.get("connection").as_deref(), Some("Upgrade"));
    // GOAWAY: the connection takes no more streams. A new one is served.
    let started = Instant::now();
    while http2.exchange("GET", &[]).is_ok() {
        assert!(started.elapsed() < PATIENCE, "it does not go away");
    }
    for _ in 0..3 {
        let mut http2 = Http2Client::connect(gateway.traffic);
        assert_eq!(http2.exchange("GET", &[]).expect("a response").status, 200);
    }
    // The operator does not have to wait for the end of the delay.
    gateway.process.signal("TERM");
    assert!(gateway.end().success());
}

#[test]
fn the_listeners_are_closed_after_the_delay() {
    let delay = Duration::from_millis(700);
    let gateway = Gateway::start("700ms");
    let started = Instant::now();
    // Idle, and therefore closed with the listeners.
    let mut idle = Client::connect(gateway.traffic);
    gateway.terminate();
    assert!(idle.is_closed());
    assert!(started.elapsed() >= delay, "{:?}", started.elapsed());
    let traffic = gateway.traffic;
    assert!(gateway.end().success());
    assert!(TcpStream::connect(traffic).is_err());
}

#[test]
fn without_a_delay_the_end_begins_at_once() {
    let gateway = Gateway::start("0s");
    let mut idle = Client::connect(gateway.traffic);
    assert_eq!(idle.exchange(GET).status, 200);
    gateway.process.signal("TERM");
    assert!(idle.is_closed());
    assert!(gateway.end().success());
}
