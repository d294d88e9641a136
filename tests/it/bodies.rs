//! `max_request_body_bytes`: past it a request gets 413 that a script can read, and no upstream takes what
//! was cut off for a whole request. Each test runs with the express lane and without it.

use crate::support::{
    Answer, Client, Gateway, LANES, Recorder, Response, Upstream, http2, read_head, read_request,
    run,
};
use bytes::Bytes;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;

const ORIGIN: &str = "https://app.example.com";
const REFUSED: &str = "corsgate_requests_refused_total{reason=\"body_too_large\",route=\"r\"}";

/// Ten bytes on route `r`, twenty on `large`, and five on `small`.
fn config(upstream: SocketAddr, protocol: &str) -> String {
    let policy = format!("{{ allow_origins: ['{ORIGIN}'], allow_methods: [PUT] }}");
    format!(
        "limits: {{ max_request_body_bytes: 10B }}\n\
         upstreams: {{ u: {{ endpoints: ['{upstream}'], protocol: {protocol} }} }}\n\
         policies: {{ p: {policy} }}\n\
         routes:\n\
         - {{ name: r, upstream: u, cors: p }}\n\
         - {{ name: large, match: {{ path: /large }}, upstream: u, cors: p, max_request_body_bytes: 20B }}\n\
         - {{ name: small, match: {{ path: /small }}, upstream: u, cors: p, max_request_body_bytes: 5B }}\n"
    )
}

fn in_both_lanes(run: impl Fn(&Gateway, &Recorder)) {
    for server in LANES {
        let upstream = Recorder::start();
        let gateway = Gateway::start_with(server, &config(upstream.address, "http1"));
        run(&gateway, &upstream);
    }
}

/// The bytes of every connection to the upstream but the last, which this makes: those before have been
/// accepted by then.
fn received(gateway: &Gateway, upstream: &Recorder) -> Vec<Vec<u8>> {
    let last = "GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(gateway.send(last).status, 200);
    let mut received = upstream.received();
    let last = received.pop().expect("it was answered");
    assert!(last.starts_with(b"GET /last "), "{}", last.escape_ascii());
    received
}

fn assert_refused(response: &Response) {
    assert_eq!(response.status, 413, "{response:?}");
    let allowed = response.get("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some(ORIGIN), "{response:?}");
    assert_eq!(response.get("server"), None, "{response:?}");
}

/// Chunks of these lengths, and the last one.
fn chunks(lengths: &[usize]) -> String {
    let chunk = |length: &usize| format!("{length:x}\r\n{}\r\n", "x".repeat(*length));
    lengths.iter().map(chunk).collect::<String>() + "0\r\n\r\n"
}

#[test]
fn a_body_that_says_that_it_is_too_large_does_not_reach_an_upstream() {
    in_both_lanes(|gateway, upstream| {
        for (number, (method, path, length)) in [
            ("POST", "/", 11),
            ("PUT", "/", 20),
            ("GET", "/", 11),
            ("POST", "/large", 21),
            ("POST", "/small", 6),
            ("POST", "/", usize::MAX),
            // Too long to be read to its end.
            ("POST", "/", 100 << 20),
        ]
        .into_iter()
        .enumerate()
        {
            for fields in ["", "Expect: 100-continue\r\n"] {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n{fields}\
                     Content-Length: {length}\r\n\r\n"
                );
                let mut client = Client::connect(gateway.address);
                client.write(request.as_bytes());
                if fields.is_empty() {
                    client.write("x".repeat(length.min(50)).as_bytes());
                }
                assert_refused(&client.read(false).expect("an answer"));
            }
            let route = match path {
                "/" => "r",
                path => &path[1..],
            };
            let series = REFUSED.replace("\"r\"", &format!("\"{route}\""));
            assert!(gateway.metric(&series) > 0.0, "{number}: {series}");
        }
        assert!(received(gateway, upstream).is_empty());
    });
}

#[test]
fn a_client_that_sends_all_of_its_body_before_it_reads_gets_its_answer() {
    in_both_lanes(|gateway, _| {
        let body = "x".repeat(8 << 20);
        let length = body.len();
        for framing in [
            format!("Content-Length: {length}\r\n\r\n{body}"),
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
        ] {
            let mut client = Client::connect(gateway.address);
            let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n{framing}");
            client.write(head.as_bytes());
            assert_refused(&client.read(false).expect("an answer"));
            assert!(client.is_closed());
        }
    });
}

#[test]
fn a_preflight_with_a_body_that_is_too_large_is_refused() {
    in_both_lanes(|gateway, _| {
        let request = format!(
            "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\
             Access-Control-Request-Method: PUT\r\nContent-Length: 11\r\n\r\nhello world"
        );
        assert_refused(&gateway.send(&request));
    });
}

#[test]
fn a_body_of_just_the_size_is_passed_on() {
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let gateway = Gateway::start_with(server, &config(upstream.address, "http1"));
        for (path, length) in [("/", 10), ("/large", 20), ("/small", 5), ("/", 0)] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{}",
                "x".repeat(length)
            );
            assert_eq!(gateway.send(&request).status, 200, "{request}");
        }
    }
    in_both_lanes(|gateway, _| {
        for (path, lengths) in [
            ("/", &[1, 9][..]),
            ("/", &[10]),
            ("/large", &[10, 10]),
            ("/small", &[]),
        ] {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                chunks(lengths)
            );
            assert_eq!(gateway.send(&request).status, 200, "{request}");
        }
    });
}

#[test]
fn chunks_that_get_too_large_are_cut_off_and_never_taken_for_a_whole_body() {
    in_both_lanes(|gateway, upstream| {
        let cases = [
            ("/", &[11][..]),
            ("/", &[5, 5, 1]),
            ("/", &[10, 1, 100]),
            ("/large", &[15, 6]),
            ("/small", &[6]),
            ("/", &[100_000]),
        ];
        for (path, lengths) in cases {
            let mut client = Client::connect(gateway.address);
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{}",
                chunks(lengths)
            );
            client.try_write(request.as_bytes());
            let response = client.read(false).expect("an answer");
            assert_refused(&response);
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed(), "{path} {lengths:?}");
        }
        gateway.wait_for_metric(REFUSED, 4.0);
        let whole = b"\r\n0\r\n\r\n";
        for received in received(gateway, upstream) {
            let is_whole = received.windows(whole.len()).any(|w| w == whole);
            assert!(!is_whole, "{}", received.escape_ascii());
        }
    });
}

#[test]
fn chunks_that_come_late_are_counted_with_those_before() {
    in_both_lanes(|gateway, upstream| {
        let mut client = Client::connect(gateway.address);
        client.write(
            format!(
                "POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            .as_bytes(),
        );
        for piece in ["5\r\nhe", "llo\r\n", "5\r\nworld\r\n", "1\r\n!\r\n"] {
            client.write(piece.as_bytes());
        }
        assert_refused(&client.read(false).expect("an answer"));
        for received in received(gateway, upstream) {
            let is_whole = received.ends_with(b"\r\n0\r\n\r\n");
            assert!(!is_whole, "{}", received.escape_ascii());
        }
    });
}

/// The end of a request, as an HTTP/2 upstream sees it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Whole(usize),
    Reset,
}

/// Starts an upstream of HTTP/2 that says how each of its requests ended. With `is_early` it answers before
/// there is a body.
fn http2_upstream(is_early: bool) -> (SocketAddr, Receiver<End>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("an option");
    let (ends, ended) = mpsc::channel();
    // The thread ends with the process.
    thread::spawn(move || {
        run(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let ends = ends.clone();
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let ends = ends.clone();
                        tokio::spawn(async move {
                            let mut body = request.into_body();
                            let mut started = is_early.then(|| {
                                let sent = respond.send_response(http::Response::new(()), false);
                                sent.expect("it waits")
                            });
                            let mut length = 0;
                            let end = loop {
                                match body.data().await {
                                    Some(Ok(data)) => length += data.len(),
                                    Some(Err(_)) => break End::Reset,
                                    None => break End::Whole(length),
                                }
                            };
                            let is_whole = end != End::Reset;
                            // A test that has ended is not interested.
                            let _ = ends.send(end);
                            match &mut started {
                                Some(response) => {
                                    let _ = response.send_data(Bytes::new(), true);
                                }
                                None if is_whole => {
                                    let _ = respond.send_response(http::Response::new(()), true);
                                }
                                None => {}
                            }
                        });
                    }
                });
            }
        });
    });
    (address, ended)
}

/// Sends a body in pieces over HTTP/2; returns the response's header, and whether its content came to an
/// end. With `length` the request says how long it is.
fn post_http2(
    gateway: &Gateway,
    path: &str,
    length: Option<usize>,
    pieces: &[usize],
) -> (http::HeaderMap, u16, bool) {
    run(async {
        let mut client = http2(gateway.address).await;
        let mut request =
            http::Request::post(format!("http://a.test{path}")).header("origin", ORIGIN);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let request = request.body(()).expect("a request");
        let (response, mut body) = client.send_request(request, false).expect("a stream");
        for (number, piece) in pieces.iter().enumerate() {
            let data = Bytes::from(vec![b'x'; *piece]);
            // Fails when it has been answered.
            let _ = body.send_data(data, number + 1 == pieces.len());
        }
        let (parts, mut content) = response.await.expect("a response").into_parts();
        let is_whole = loop {
            match content.data().await {
                None => break true,
                Some(Ok(_)) => {}
                Some(Err(_)) => break false,
            }
        };
        (parts.headers, parts.status.as_u16(), is_whole)
    })
}

#[test]
fn an_http_2_body_is_held_to_the_same_whatever_the_upstream_speaks() {
    for server in LANES {
        let (address, ended) = http2_upstream(false);
        let gateway = Gateway::start_with(server, &config(address, "h2c"));
        for (path, length, pieces, status) in [
            ("/", Some(10), &[10][..], 200),
            ("/", None, &[10], 200),
            ("/", None, &[3, 3, 4], 200),
            ("/large", None, &[10, 10], 200),
            ("/", Some(11), &[11], 413),
            ("/", None, &[11], 413),
            ("/", None, &[5, 5, 1], 413),
            ("/small", None, &[6], 413),
            ("/large", None, &[20, 1], 413),
            ("/", None, &[60_000], 413),
        ] {
            let (fields, found, is_whole) = post_http2(&gateway, path, length, pieces);
            let case = (server, path, length, pieces);
            assert_eq!((found, is_whole), (status, true), "{case:?}");
            let allowed = fields.get("access-control-allow-origin");
            assert_eq!(allowed.expect("allowed"), ORIGIN, "{case:?}");
            if status == 200 {
                assert_eq!(
                    ended.recv(),
                    Ok(End::Whole(pieces.iter().sum())),
                    "{case:?}"
                );
            }
        }
        gateway.wait_for_metric(REFUSED, 4.0);
        // Those that were cut off, as far as they had reached the upstream.
        drop(gateway);
        for end in ended.try_iter() {
            assert_eq!(end, End::Reset);
        }
    }
    in_both_lanes(|gateway, upstream| {
        for (path, pieces, status) in [
            ("/", &[3, 7][..], 200),
            ("/", &[3, 8], 413),
            ("/small", &[6], 413),
        ] {
            let (_, found, _) = post_http2(gateway, path, None, pieces);
            assert_eq!(found, status, "{path} {pieces:?}");
        }
        let whole = |bytes: &&Vec<u8>| bytes.ends_with(b"\r\n0\r\n\r\n");
        assert_eq!(received(gateway, upstream).iter().filter(whole).count(), 1);
    });
}

#[test]
fn a_response_that_has_begun_ends_where_the_request_gets_too_large() {
    for server in LANES {
        // HTTP/2 on both sides: the streams are reset.
        let (address, ended) = http2_upstream(true);
        let gateway = Gateway::start_with(server, &config(address, "h2c"));
        run(async {
            let mut client = http2(gateway.address).await;
            let request = http::Request::post("http://a.test/")
                .body(())
                .expect("a request");
            let (response, mut body) = client.send_request(request, false).expect("a stream");
            body.send_data(Bytes::from_static(b"hello"), false)
                .expect("it reads");
            let mut content = response.await.expect("a response").into_body();
            body.send_data(Bytes::from_static(b" world"), true)
                .expect("it reads");
            let ended = content.data().await;
            assert!(matches!(ended, Some(Err(_))), "{ended:?}");
        });
        assert_eq!(ended.recv(), Ok(End::Reset));
        gateway.wait_for_metric(REFUSED, 1.0);
        // HTTP/1.1 on both sides: the connection ends before the content does.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let backend = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
            let mut received = Vec::new();
            let mut chunk = [0; 1024];
            while !received.ends_with(b"hello\r\n") {
                let n = stream.read(&mut chunk).expect("a request");
                received.extend_from_slice(&chunk[..n]);
            }
            stream.write_all(head).expect("it reads");
            // To its end, whichever it is.
            while let Ok(n @ 1..) = stream.read(&mut chunk) {
                received.extend_from_slice(&chunk[..n]);
            }
            received
        });
        let gateway = Gateway::start_with(server, &config(address, "http1"));
        let mut client = std::net::TcpStream::connect(gateway.address).expect("it listens");
        client
            .write_all(
                b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            )
            .expect("it reads");
        let mut response = Vec::new();
        let mut chunk = [0; 1024];
        while !response.ends_with(b"2\r\nok\r\n") {
            let n = client.read(&mut chunk).expect("a response");
            assert!(n > 0, "{}", response.escape_ascii());
            response.extend_from_slice(&chunk[..n]);
        }
        client
            .write_all(b"6\r\n world\r\n0\r\n\r\n")
            .expect("it reads");
        while let Ok(n @ 1..) = client.read(&mut chunk) {
            response.extend_from_slice(&chunk[..n]);
        }
        assert!(
            !response.ends_with(b"\r\n0\r\n\r\n"),
            "{}",
            response.escape_ascii()
        );
        let received = backend.join().expect("no panic");
        assert!(
            !received.ends_with(b"\r\n0\r\n\r\n"),
            "{}",
            received.escape_ascii()
        );
        gateway.wait_for_metric(REFUSED, 1.0);
    }
}

#[test]
fn a_body_that_is_sent_again_is_counted_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let backend = thread::spawn(move || {
        let ok = Answer::ok().0;
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        read_request(&mut reader).expect("the first request");
        stream.write_all(&ok).expect("it reads");
        // As it closes an idle connection, the second request comes.
        read_request(&mut reader).expect("the second request");
        drop((stream, reader));
        let (mut stream, _) = listener.accept().expect("a fresh connection");
        let again = read_request(&mut BufReader::new(stream.try_clone().expect("a socket")));
        stream.write_all(&ok).expect("it reads");
        again.expect("the second request").body
    });
    let gateway = Gateway::start(&config(address, "http1"));
    let put = "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\n12345678";
    let mut client = Client::connect(gateway.address);
    for _ in 0..2 {
        assert_eq!(client.exchange(put).status, 200);
    }
    assert_eq!(backend.join().expect("no panic"), b"12345678");
}

#[test]
fn a_websocket_carries_more_than_a_body_may() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let backend = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
        let switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                          Connection: Upgrade\r\n\r\n";
        stream.write_all(switching).expect("it reads");
        let mut carried = vec![0; 1000];
        stream.read_exact(&mut carried).expect("all of it");
        stream.write_all(b"thanks").expect("it reads");
    });
    let gateway = Gateway::start(&config(address, "http1"));
    let mut client = Client::connect(gateway.address);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write(request.as_bytes());
    assert_eq!(client.read(false).expect("an answer").status, 101);
    client.write(&[b'x'; 1000]);
    backend.join().expect("the upstream gets all");
    assert_eq!(gateway.metric(REFUSED), 0.0);
}
