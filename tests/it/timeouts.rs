//! The longest waits for an upstream: those of event streams and tunnels, and a route's own.

use crate::support::{Client, Gateway, Http2Client, LANES, read_head};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// `read_timeout` of the upstream.
const SHORT: Duration = Duration::from_millis(300);
/// Longer than that, and shorter than every other time-out here.
const QUIET: Duration = Duration::from_millis(1200);
/// A test that waits for a time-out of 300 ms does not wait for one of 60 s.
const SOON: Duration = Duration::from_secs(20);

/// Starts an upstream that sends `first` after a request's header, is quiet, and sends `last`.
fn pausing(first: &'static str, pause: Duration, last: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let answer = move |mut stream: TcpStream| {
        read_head(&mut stream);
        stream.write_all(first.as_bytes())?;
        stream.set_read_timeout(Some(pause))?;
        let started = Instant::now();
        // A body may come; the end of the connection ends the pause.
        while started.elapsed() < pause && !matches!(stream.read(&mut [0; 99]), Ok(0)) {}
        stream.write_all(last.as_bytes())
    };
    // The thread ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn gateway(upstream: SocketAddr, timeouts: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{upstream}'], {timeouts} }} }}\n\
         routes:\n\
         - {{ name: r, upstream: u, cors: off }}\n\
         - {{ name: patient, match: {{ path_prefix: /patient }}, upstream: u, cors: off, \
              read_timeout: 60s, stream_timeout: 60s, tunnel_timeout: 60s }}\n\
         - {{ name: hasty, match: {{ path_prefix: /hasty }}, upstream: u, cors: off, \
              read_timeout: 300ms, stream_timeout: 300ms, tunnel_timeout: 300ms }}\n"
    ))
}

/// Everything that the gateway sends in answer to a request of HTTP/1.1, to the end of the connection.
fn everything(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut all = Vec::new();
    // A response that breaks off may end with a reset.
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n")
}

const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\ndata: 1\n\n";
const TEXT: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\ndata: 1\n\n";
const LAST: &str = "data: 2\n\n";
const READ: &str = "read_timeout: 300ms";

#[test]
fn an_event_stream_may_be_quiet_for_longer_than_other_responses() {
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nAccept: application/json\r\n\
                Content-Length: 2\r\n\r\n{}";
    for request in [get("/", ""), post.to_owned()] {
        let stream = gateway(pausing(EVENTS, QUIET, LAST), READ);
        let all = everything(&stream, &request);
        assert!(
            all.contains("data: 1") && all.contains("data: 2"),
            "{all:?}"
        );
        let text = gateway(pausing(TEXT, QUIET, LAST), READ);
        let all = everything(&text, &request);
        assert!(
            all.contains("data: 1") && !all.contains("data: 2"),
            "{all:?}"
        );
    }
}

#[test]
fn an_event_stream_over_http_2_may_be_quiet_if_the_request_asks_for_one() {
    let accept = [("accept", "text/event-stream")];
    let stream = gateway(pausing(EVENTS, QUIET, LAST), READ);
    let all = Http2Client::connect(stream.address).exchange("GET", &accept);
    assert_eq!(all.expect("a response").body, "data: 1\n\ndata: 2\n\n");
    // Its header has no more time than that of any other.
    let late = gateway(pausing("", SOON * 2, EVENTS), READ);
    let started = Instant::now();
    let refused = Http2Client::connect(late.address).exchange("GET", &accept);
    assert!(refused.is_err() || refused.is_ok_and(|response| response.status == 504));
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn an_event_stream_is_not_quiet_for_ever() {
    let timeouts = "read_timeout: 60s, stream_timeout: 300ms";
    let stream = gateway(pausing(EVENTS, SOON * 2, LAST), timeouts);
    let started = Instant::now();
    let all = everything(&stream, &get("/", ""));
    let waited = started.elapsed();
    assert!(
        all.contains("data: 1") && !all.contains("data: 2"),
        "{all:?}"
    );
    assert!(waited >= SHORT && waited < SOON, "{waited:?}");
}

#[test]
fn a_route_has_time_outs_of_its_own() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let slow = gateway(pausing("", QUIET, response), READ);
    for (path, status) in [("/", 504), ("/patient", 200), ("/hasty", 504)] {
        assert_eq!(slow.send(&get(path, "")).status, status, "{path}");
    }
    let patient = gateway(pausing("", QUIET, response), "read_timeout: 60s");
    for (path, status) in [("/", 200), ("/patient", 200), ("/hasty", 504)] {
        assert_eq!(patient.send(&get(path, "")).status, status, "{path}");
    }
    let stream = gateway(pausing(EVENTS, QUIET, LAST), "stream_timeout: 300ms");
    for (path, is_whole) in [("/", false), ("/patient", true), ("/hasty", false)] {
        let all = everything(&stream, &get(path, ""));
        assert_eq!(all.contains("data: 2"), is_whole, "{path}: {all:?}");
    }
}

#[test]
fn a_tunnel_is_silent_for_as_long_as_its_upstream_or_its_route_says() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\n\r\n";
    let upgrade = "GET {} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (timeouts, is_whole) in [
        ("read_timeout: 300ms", [true, true, false]),
        ("tunnel_timeout: 300ms", [false, true, false]),
    ] {
        let tunnel = gateway(pausing(switching, QUIET, "ping"), timeouts);
        for (path, is_whole) in ["/", "/patient", "/hasty"].into_iter().zip(is_whole) {
            let all = everything(&tunnel, &upgrade.replace("{}", path));
            assert!(all.starts_with("HTTP/1.1 101 "), "{path}: {all:?}");
            assert_eq!(
                all.ends_with("ping"),
                is_whole,
                "{timeouts}, {path}: {all:?}"
            );
        }
    }
}

/// An upstream that sends a chunk every 100 ms, twenty in all.
fn dripping(fields: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let answer = move |mut stream: TcpStream| {
        read_head(&mut stream);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n"
        )?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        for _ in 0..20 {
            stream.write_all(b"1\r\nx\r\n")?;
            // Nothing comes, but the end of the connection.
            let _ = stream.read(&mut [0; 9]);
        }
        stream.write_all(b"0\r\n\r\n")
    };
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

#[test]
fn a_response_that_keeps_coming_is_never_late() {
    let timeouts = "read_timeout: 1s, stream_timeout: 1s";
    for fields in ["", "Content-Type: text/event-stream\r\n"] {
        let busy = gateway(dripping(fields), timeouts);
        for version in ["1.1", "1.0"] {
            let request = get("/", "").replace("HTTP/1.1", &format!("HTTP/{version}"));
            let all = everything(&busy, &request);
            let (_, body) = all.split_once("\r\n\r\n").expect("a header");
            assert_eq!(body.matches('x').count(), 20, "{version} {fields}: {all:?}");
        }
        let all = Http2Client::connect(busy.address).exchange("GET", &[]);
        assert_eq!(all.expect("a response").body.len(), 20);
    }
}

#[test]
fn a_client_that_has_ended_its_side_waits_no_longer_than_others() {
    let silent = gateway(pausing("", SOON * 2, ""), READ);
    let mut client = Client::connect(silent.address);
    let started = Instant::now();
    client.write(get("/", "").as_bytes());
    client.end_sending();
    assert_eq!(client.read(false).expect("an answer").status, 504);
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

/// Starts an upstream that closes the first two connections after a while, without a word.
fn leaving_twice(after: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    // The thread ends with the test, which makes no more connections.
    thread::spawn(move || {
        for number in 0..3 {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            if number < 2 {
                thread::park_timeout(after);
                continue;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    address
}

#[test]
fn each_try_of_a_request_has_a_time_of_its_own() {
    for server in LANES {
        for is_http2 in [false, true] {
            let upstream = leaving_twice(SHORT * 2 / 3);
            let config = format!(
                "upstreams: {{ u: {{ endpoints: ['{upstream}'], read_timeout: 300ms }} }}\n\
                 routes: [{{ name: r, upstream: u, cors: off }}]\n"
            );
            let gateway = Gateway::start_with(server, &config);
            let started = Instant::now();
            let status = match is_http2 {
                false => gateway.send(&get("/", "")).status,
                true => {
                    let mut client = Http2Client::connect(gateway.address);
                    client.exchange("GET", &[]).expect("a response").status
                }
            };
            let took = started.elapsed();
            assert_eq!(status, 200, "{server}, HTTP/2: {is_http2}, {took:?}");
            assert!(took > SHORT, "{took:?}");
        }
    }
}
