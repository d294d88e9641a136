//! Upstreams of HTTP/2 that go away, say what they should not, or stop in the middle.

use super::{GET, gateway};
use crate::support::{Client, Gateway, Http2Client, codes, frame, kinds, run};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
/// `:status: 200`, from HPACK's static table.
const OK: &[u8] = &[0x88];

/// Starts an upstream that runs `serve` for each connection, whose preface is read.
fn upstream(serve: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || {
                let mut preface = [0; 24];
                if stream.read_exact(&mut preface).is_ok() {
                    serve(number, stream);
                }
            });
        }
    });
    address
}

/// Reads frames until that of a request's header, and returns its stream; `None` at the end.
fn next_request(stream: &mut TcpStream) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).ok()?;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match head[3] {
            kinds::HEADERS => return Some(id),
            kinds::PING if head[4] == 0 => {
                stream.write_all(&frame(kinds::PING, 1, 0, &payload)).ok()?;
            }
            _ => {}
        }
    }
}

/// The beginning of a server's side, and an acknowledgement of the client's settings.
fn greeting() -> Vec<u8> {
    let settings = frame(kinds::SETTINGS, 0, 0, &[]);
    [settings, frame(kinds::SETTINGS, 1, 0, &[])].concat()
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(
        kinds::GOAWAY,
        0,
        0,
        &[last.to_be_bytes(), code.to_be_bytes()].concat(),
    )
}

fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kinds::RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Returns the same frames with another stream in place of the first one.
fn on(stream: u32, frames: &[u8]) -> Vec<u8> {
    let mut frames = frames.to_vec();
    let mut at = 0;
    while let Some(head) = frames.get_mut(at..at + 9) {
        if head[5..] == [0, 0, 0, 1] {
            head[5..].copy_from_slice(&stream.to_be_bytes());
        }
        at += 9 + u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    }
    frames
}

fn h2c(address: SocketAddr, keys: &str) -> Gateway {
    gateway(&format!(
        "{{ endpoints: ['{address}'], protocol: h2c, {keys} }}"
    ))
}

fn failures(gateway: &Gateway, reason: &str) -> f64 {
    let series = format!("corsgate_upstream_failures_total{{reason=\"{reason}\",upstream=\"u\"}}");
    gateway.metric(&series)
}

/// Sends every one of these over HTTP/1.1 and HTTP/2; returns the statuses.
fn ask_by_both(gateway: &Gateway) -> [u16; 2] {
    let http1 = gateway.send(GET);
    assert_eq!(http1.lines("access-control-allow-origin"), 1, "{http1:?}");
    let origin = [("origin", "https://app.example.com")];
    let http2 = Http2Client::connect(gateway.address).exchange("GET", &origin);
    let http2 = http2.expect("an answer");
    assert_eq!(http2.lines("access-control-allow-origin"), 1, "{http2:?}");
    [http1.status, http2.status]
}

#[test]
fn what_is_not_http_2_or_must_not_be_said_is_502() {
    let headers = |block: &[u8]| frame(kinds::HEADERS, END_HEADERS | END_STREAM, 1, block);
    // A literal field without indexing: `0`, name, value.
    let field = |name: &str, value: &[u8]| {
        let name_length = u8::try_from(name.len()).expect("short");
        let value_length = u8::try_from(value.len()).expect("short");
        [&[0, name_length], name.as_bytes(), &[value_length], value].concat()
    };
    let many: Vec<u8> = (0..300)
        .flat_map(|n| field(&format!("x-{n}"), b"v"))
        .collect();
    let endless: Vec<u8> = (0..2_000)
        .flat_map(|_| frame(kinds::CONTINUATION, 0, 1, &field("x-drop", &[b'x'; 120])))
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "HTTP/1.1",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ),
        (
            "a frame that is too large",
            [&[0xff; 9], [0; 9].as_slice()].concat(),
        ),
        ("no status", headers(&field("x-a", b"b"))),
        ("two statuses", headers(&[OK, OK].concat())),
        (
            "a connection field",
            headers(&[OK, &field("connection", b"close")].concat()),
        ),
        (
            "an upper-case name",
            headers(&[OK, &field("X-A", b"b")].concat()),
        ),
        ("broken HPACK", headers(&[0xff; 16])),
        (
            "more fields than are passed on",
            headers(&[OK, &many].concat()),
        ),
        (
            "a header without end",
            [frame(kinds::HEADERS, 0, 1, OK), endless].concat(),
        ),
        ("a 101", headers(&field(":status", b"101"))),
        (
            "data before the header",
            frame(kinds::DATA, END_STREAM, 1, b"x"),
        ),
        (
            "a push",
            frame(kinds::PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        ),
    ];
    for (what, answer) in cases {
        let is_http1 = answer.starts_with(b"HTTP");
        let address = upstream(move |_, mut stream| {
            let greeting = if is_http1 { Vec::new() } else { greeting() };
            let _ = stream.write_all(&greeting);
            while let Some(id) = next_request(&mut stream) {
                let answer = if is_http1 {
                    answer.clone()
                } else {
                    on(id, &answer)
                };
                if stream.write_all(&answer).is_err() {
                    return;
                }
            }
        });
        let gateway = h2c(address, "retries: 0");
        assert_eq!(ask_by_both(&gateway), [502, 502], "{what}");
        let counted = failures(&gateway, "protocol") + failures(&gateway, "reset");
        assert!(counted >= 2.0, "{what}");
    }
}

#[test]
fn an_upstream_that_says_nothing_is_504() {
    for greets in [false, true] {
        let address = upstream(move |_, mut stream| {
            if greets {
                let _ = stream.write_all(&greeting());
            }
            while next_request(&mut stream).is_some() {}
        });
        let gateway = h2c(address, "read_timeout: 200ms");
        assert_eq!(ask_by_both(&gateway), [504, 504], "greets: {greets}");
        assert_eq!(failures(&gateway, "timeout"), 2.0);
        assert_eq!(
            gateway.metric(r#"corsgate_upstream_retries_total{upstream="u"}"#),
            0.0
        );
    }
}

#[test]
fn a_stream_that_was_not_processed_is_sent_again_and_no_other() {
    for (code, method, expected) in [
        (codes::REFUSED_STREAM, "GET", 200),
        (codes::REFUSED_STREAM, "POST", 200),
        (codes::PROTOCOL_ERROR, "GET", 502),
        (codes::ENHANCE_YOUR_CALM, "POST", 502),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let address = upstream(move |_, mut stream| {
            let _ = stream.write_all(&greeting());
            while let Some(id) = next_request(&mut stream) {
                let answer = match count.fetch_add(1, Ordering::Relaxed) {
                    0 => reset(id, code),
                    _ => frame(kinds::HEADERS, END_HEADERS | END_STREAM, id, OK),
                };
                let _ = stream.write_all(&answer);
            }
        });
        let gateway = h2c(address, "");
        let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(gateway.send(&request).status, expected, "{code} {method}");
        let times = if expected == 200 { 2 } else { 1 };
        assert_eq!(asked.load(Ordering::Relaxed), times, "{code} {method}");
    }
}

#[test]
fn connections_that_go_away_under_load_cost_no_request() {
    // Each connection takes a few requests, answers them, and says which was the last.
    const EACH: usize = 7;
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = upstream(move |_, mut stream| {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = stream.write_all(&greeting());
        let mut last = 0;
        for _ in 0..EACH {
            let Some(id) = next_request(&mut stream) else {
                return;
            };
            last = id;
            let answer = frame(kinds::HEADERS, END_HEADERS | END_STREAM, id, OK);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
        let _ = stream.write_all(&goaway(last, codes::NO_ERROR));
        // What is on its way now is not processed.
        while next_request(&mut stream).is_some() {}
    });
    let gateway = h2c(address, "retries: 10");
    thread::scope(|scope| {
        for method in ["GET", "POST", "GET", "DELETE"] {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut client = Client::connect(gateway.address);
                let request =
                    format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
                for _ in 0..100 {
                    assert_eq!(client.exchange(&request).status, 200, "{method}");
                }
            });
        }
    });
    assert!(connections.load(Ordering::Relaxed) >= 400 / EACH / 2);
}

#[test]
fn a_response_that_is_cut_off_looks_cut_off() {
    type Cut = fn(u32) -> Vec<u8>;
    let cuts: [(&str, Cut); 4] = [
        ("a reset", |id| reset(id, codes::NO_ERROR)),
        ("another reset", |id| reset(id, codes::PROTOCOL_ERROR)),
        ("the end of the connection", |_| Vec::new()),
        ("a connection error", |_| goaway(0, codes::PROTOCOL_ERROR)),
    ];
    for (what, cut) in cuts {
        let address = upstream(move |_, mut stream| {
            let _ = stream.write_all(&greeting());
            let Some(id) = next_request(&mut stream) else {
                return;
            };
            let begun = [
                frame(kinds::HEADERS, END_HEADERS, id, OK),
                frame(kinds::DATA, 0, id, b"half"),
                cut(id),
            ];
            let _ = stream.write_all(&begun.concat());
        });
        let gateway = h2c(address, "");
        let mut stream = TcpStream::connect(gateway.address).expect("it listens");
        stream.write_all(GET.as_bytes()).expect("it reads");
        let mut all = Vec::new();
        // A reset ends it as well.
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all);
        assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{what}: {all}");
        assert!(
            all.contains("half") && !all.ends_with("0\r\n\r\n"),
            "{what}: {all}"
        );
        let origin = [("origin", "https://app.example.com")];
        let answer = Http2Client::connect(gateway.address).exchange("GET", &origin);
        assert!(answer.is_err(), "{what}: {answer:?}");
        assert!(failures(&gateway, "reset") >= 1.0, "{what}");
    }
}

#[test]
fn a_content_that_is_not_as_long_as_it_says_is_not_passed_on_as_whole() {
    for (length, content) in [("5", "four"), ("3", "four")] {
        let address = upstream(move |_, mut stream| {
            let _ = stream.write_all(&greeting());
            while let Some(id) = next_request(&mut stream) {
                // `content-length` is number 28 of the static table.
                let block = [OK, &[0x0f, 0x0d, 1], length.as_bytes()].concat();
                let all = [
                    frame(kinds::HEADERS, END_HEADERS, id, &block),
                    frame(kinds::DATA, END_STREAM, id, content.as_bytes()),
                ];
                let _ = stream.write_all(&all.concat());
            }
        });
        let gateway = h2c(address, "");
        let origin = [("origin", "https://app.example.com")];
        let answer = Http2Client::connect(gateway.address).exchange("GET", &origin);
        let is_whole = answer.as_ref().is_ok_and(|answer| answer.status == 200);
        assert!(!is_whole, "{length} of {content}: {answer:?}");
        let mut stream = TcpStream::connect(gateway.address).expect("it listens");
        let next = "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n";
        stream
            .write_all(format!("{GET}{next}").as_bytes())
            .expect("it reads");
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all);
        // The connection ends with it: nothing that follows can be taken for a part of it.
        assert!(
            all.matches("HTTP/1.1 ").count() == 1,
            "{length} of {content}: {all}"
        );
    }
}

#[test]
fn many_requests_share_a_connection_within_what_the_upstream_allows() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        listener.set_nonblocking(true).expect("an option");
        thread::spawn(move || {
            run(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut settings = h2::server::Builder::new();
                        settings.max_concurrent_streams(4);
                        let handshake = settings.handshake::<_, bytes::Bytes>(stream).await;
                        let Ok(mut connection) = handshake else {
                            return;
                        };
                        while let Some(Ok((_, mut respond))) = connection.accept().await {
                            tokio::spawn(async move {
                                tokio::task::yield_now().await;
                                let _ = respond.send_response(http::Response::new(()), true);
                            });
                        }
                    });
                }
            });
        });
        address
    };
    let gateway = h2c(address, "");
    let statuses: Vec<Result<u16, String>> = run(async {
        let sender = crate::support::http2(gateway.address).await;
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let mut sender = sender.clone();
            all.spawn(async move {
                sender = sender.ready().await.map_err(|e| e.to_string())?;
                let request = http::Request::builder()
                    .method("POST")
                    .uri("http://a.test/");
                let request = request.body(()).expect("a request");
                let (response, _) = sender
                    .send_request(request, true)
                    .map_err(|e| e.to_string())?;
                let response = response.await.map_err(|e| e.to_string())?;
                Ok(response.status().as_u16())
            });
        }
        all.join_all().await
    });
    assert_eq!(statuses, vec![Ok(200); 64]);
}
