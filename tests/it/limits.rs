//! Limits on what a client may take: connections, the time for a header, the size of one. Each test runs with
//! the express lane and without it: what is not answered there must end in the same way.
//!
//! Here each kind of timer fires once, over sockets. When they are set and stopped is tested beside
//! the code, in `src/proxy/edge`, in a time that passes at once.

use crate::support::{
    Answer, Client, Gateway, HTTP2_START, LANES, PATIENCE, Upstream, read_head, run,
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The time-outs that are tested. Timers are coarse: nothing may happen much earlier.
const LIMIT: Duration = Duration::from_secs(1);
const AT_LEAST: Duration = Duration::from_millis(950);
/// Between two bytes of a client that drips: no read takes long.
const DRIP: Duration = Duration::from_millis(100);

const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

fn gateway(server: &str, address: &str, limits: &str) -> Gateway {
    let config = format!(
        "limits: {{ {limits} }}\n\
         upstreams: {{ u: {{ endpoints: ['{address}'] }} }}\n\
         routes:\n\
         - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
           cors: {{ allow_origins: ['https://app.example.com'], allow_methods: [PUT] }}\n"
    );
    Gateway::start_with(server, &config)
}

/// Runs with a gateway that has these limits, with and without the express lane.
fn in_both_lanes(limits: &str, run: impl Fn(&Gateway) + Sync) {
    let upstream = Upstream::start(Answer::ok());
    let address = upstream.address.to_string();
    thread::scope(|scope| {
        for server in LANES {
            scope.spawn(|| run(&gateway(server, &address, limits)));
        }
    });
}

/// Sends `start`, and then a byte now and again until something comes back or the connection ends;
/// how long that took.
fn drip(client: &mut Client, start: &[u8]) -> Duration {
    let started = Instant::now();
    client.try_write(start);
    while !client.has_news_within(DRIP) {
        let waited = started.elapsed();
        assert!(waited < PATIENCE / 2, "it waits for the end of a header");
        client.try_write(b"x");
    }
    started.elapsed()
}

#[test]
fn a_header_that_drips_is_answered_with_408() {
    in_both_lanes("header_timeout: 1s", |gateway| {
        let mut client = Client::connect(gateway.address);
        assert!(client.exchange(GET).status < 300);
        let waited = drip(&mut client, b"GET / HTTP/1.1\r\nX-Drip: ");
        assert!(waited >= AT_LEAST, "too early: {waited:?}");
        let response = client.read(false).expect("a last word");
        assert_eq!(response.status, 408, "{response:?}");
        assert_eq!(response.get("connection").as_deref(), Some("close"));
        assert!(client.is_closed());
    });
}

#[test]
fn silence_ends_a_connection_without_a_word() {
    in_both_lanes("keepalive_timeout: 1s, header_timeout: 30s", |gateway| {
        let mut client = Client::connect(gateway.address);
        assert!(client.exchange(GET).status < 300);
        let started = Instant::now();
        assert!(client.is_closed(), "nothing was asked");
        assert!(started.elapsed() >= AT_LEAST, "too early");
        assert!(started.elapsed() < PATIENCE / 3, "too late");
    });
}

#[test]
fn a_body_may_take_longer_than_a_header() {
    in_both_lanes("header_timeout: 300ms", |gateway| {
        let mut client = Client::connect(gateway.address);
        let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\n";
        client.write(head.as_bytes());
        for _ in 0..6 {
            assert!(!client.has_news_within(DRIP), "the body is on its way");
            client.write(b"x");
        }
        assert_eq!(client.read(false).expect("the response").status, 200);
        assert_eq!(client.exchange(PREFLIGHT).status, 204, "it is kept");
    });
}

#[test]
fn a_header_without_an_end_is_answered_with_431() {
    in_both_lanes("max_request_header_bytes: 1KiB", |gateway| {
        let endless = format!(
            "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nX-Padding: {}",
            "x".repeat(5 << 10)
        );
        for first in ["", PREFLIGHT, GET] {
            let mut client = Client::connect(gateway.address);
            if !first.is_empty() {
                assert!(client.exchange(first).status < 300);
            }
            client.write(endless.as_bytes());
            let response = client.read(false).expect("a last word");
            assert_eq!(response.status, 431, "{response:?}");
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed());
        }
    });
}

/// Waits until the metric has the value.
fn wait_for(gateway: &Gateway, series: &str, value: f64) {
    let started = Instant::now();
    while gateway.metric(series) != value {
        let waited = started.elapsed();
        assert!(waited < PATIENCE / 3, "{series}is not {value}");
        thread::yield_now();
    }
}

#[test]
fn one_connection_too_many_is_refused_and_counted() {
    const OPEN: &str = "corsgate_downstream_connections ";
    const REFUSED: &str = "corsgate_downstream_connections_refused_total ";
    in_both_lanes("max_connections: 2", |gateway| {
        wait_for(gateway, OPEN, 0.0);
        let mut first = Client::connect(gateway.address);
        assert_eq!(first.exchange(PREFLIGHT).status, 204);
        wait_for(gateway, OPEN, 1.0);
        let second = Client::connect(gateway.address);
        wait_for(gateway, OPEN, 2.0);
        for refused in 1..4 {
            let mut third = Client::connect(gateway.address);
            let response = third.read(false).expect("without a question");
            assert_eq!(response.status, 503, "{response:?}");
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert_eq!(response.get("content-length").as_deref(), Some("0"));
            assert!(third.is_closed());
            wait_for(gateway, REFUSED, f64::from(refused));
        }
        wait_for(gateway, OPEN, 2.0);
        assert_eq!(first.exchange(GET).status, 200, "the others are served");
        drop(second);
        wait_for(gateway, OPEN, 1.0);
        assert_eq!(gateway.send(PREFLIGHT).status, 204, "there is room again");
        drop(first);
        wait_for(gateway, OPEN, 0.0);
        assert_eq!(gateway.metric(REFUSED), 3.0);
    });
}

/// Reads frames, whatever they are, until the gateway closes; how long after `started` that was.
fn closed_after(mut stream: TcpStream, started: Instant, drop: &[u8]) -> Duration {
    stream.set_read_timeout(Some(DRIP)).expect("a time-out");
    let mut chunk = [0; 1024];
    loop {
        use std::io::ErrorKind::{ConnectionReset, TimedOut, WouldBlock};
        match stream.read(&mut chunk) {
            Ok(0) => return started.elapsed(),
            Ok(_) => {}
            Err(error) if error.kind() == ConnectionReset => return started.elapsed(),
            Err(error) => assert!(matches!(error.kind(), WouldBlock | TimedOut), "{error}"),
        }
        // Fails when it is closed, which the next read says.
        let _ = stream.write_all(drop);
        assert!(started.elapsed() < PATIENCE / 2, "it waits for a header");
    }
}

#[test]
fn an_http_2_header_that_does_not_end_ends_its_connection() {
    // Stream 1, END_STREAM without END_HEADERS; `:method: GET`, `:scheme: http`, `:path: /`; and the
    // rest of it: 1000 bytes, which come by drops.
    let headers = b"\0\0\x03\x01\x01\0\0\0\x01\x82\x86\x84";
    let continuation = b"\0\x03\xe8\x09\x04\0\0\0\x01";
    let start = [HTTP2_START, headers, continuation].concat();
    in_both_lanes("header_timeout: 1s", |gateway| {
        let mut stream = TcpStream::connect(gateway.address).expect("it listens");
        let started = Instant::now();
        stream.write_all(&start).expect("it reads");
        let waited = closed_after(stream, started, b"\0");
        assert!(waited >= AT_LEAST, "too early: {waited:?}");
    });
}

#[test]
fn an_http_2_request_may_take_longer_than_its_header() {
    let check = |server| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let (go_on, may_go_on) = mpsc::channel();
        let backend = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            may_go_on.recv().expect("the word");
            stream.write_all(&Answer::ok().0).expect("it waits");
        });
        let gateway = gateway(server, &address, "header_timeout: 1s");
        run(async {
            let stream = tokio::net::TcpStream::connect(gateway.address).await;
            let stream = stream.expect("it listens");
            let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
            let mut connection = tokio::spawn(connection);
            let request = http::Request::get("http://a.test/")
                .body(())
                .expect("a request");
            let (response, _) = client.send_request(request, true).expect("a stream");
            let ended = tokio::time::timeout(LIMIT * 3 / 2, &mut connection).await;
            assert!(ended.is_err(), "nothing ends while the upstream thinks");
            go_on.send(()).expect("it waits");
            let response = response.await.expect("an answer");
            assert_eq!(response.status(), 200);
        });
        backend.join().expect("no panic");
    };
    thread::scope(|scope| {
        for server in LANES {
            scope.spawn(move || check(server));
        }
    });
}
