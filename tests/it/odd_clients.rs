//! Clients that do what standards allow and few do: HTTP/1.0, half a connection, cookies in crumbs,
//! methods that are not for gateways.

use crate::support::{
    Answer, Client, Gateway, LANES, PATIENCE, Recorder, Upstream, WITH_LANE, http2, read_head, run,
};
use bytes::Bytes;
use http::HeaderMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

const ORIGIN: &str = "https://app.example.com";

fn gateway(server: &str, upstream: &str) -> Gateway {
    Gateway::start_with(
        server,
        &format!(
            "upstreams: {{ u: {upstream} }}\n\
             routes:\n\
             - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
               cors: {{ allow_origins: ['{ORIGIN}'], allow_methods: [PUT] }}\n"
        ),
    )
}

/// The upstream at an address, spoken to in HTTP/1.1.
fn http1(address: SocketAddr) -> String {
    format!("{{ endpoints: ['{address}'] }}")
}

/// The same in HTTP/2.
fn h2c(address: SocketAddr) -> String {
    format!("{{ endpoints: ['{address}'], protocol: h2c }}")
}

/// Starts an HTTP/2 upstream whose response has a body and a trailer, which a field announces. Another
/// field says whether trailers of the request were announced.
fn http2_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("an option");
    // The thread ends with the process.
    thread::spawn(move || {
        run(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let are_announced = request.headers().contains_key("trailer");
                        let response = http::Response::builder()
                            .header("trailer", "grpc-status")
                            .header("x-announced", are_announced.to_string())
                            .body(());
                        let sent = respond.send_response(response.expect("a response"), false);
                        let mut body = sent.expect("it waits");
                        let data = Bytes::from_static(b"hello");
                        body.send_data(data, false).expect("it waits");
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
                        body.send_trailers(trailers).expect("it waits");
                    }
                });
            }
        });
    });
    address
}

/// Asks as an HTTP/2 client; returns the header of the response and the trailers.
fn ask_http2(
    gateway: &Gateway,
    request: http::Request<()>,
) -> (http::Response<()>, Option<HeaderMap>) {
    run(async {
        let mut client = http2(gateway.address).await;
        let (response, _) = client.send_request(request, true).expect("a stream");
        let (parts, mut body) = response.await.expect("a response").into_parts();
        while let Some(data) = body.data().await {
            let data = data.expect("its body");
            body.flow_control()
                .release_capacity(data.len())
                .expect("it was taken");
        }
        let trailers = body.trailers().await.expect("its end");
        (http::Response::from_parts(parts, ()), trailers)
    })
}

#[test]
fn an_http_1_0_client_gets_a_body_that_ends_with_the_connection() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                           5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
    const INTERIM: &str =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let interim = format!("{INTERIM}{CHUNKED}");
    let upstream = |answer: &str| Upstream::start(Answer(answer.into()));
    let (chunked, interim) = (upstream(CHUNKED), upstream(&interim));
    let to_the_end = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = to_the_end.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in to_the_end.incoming().flatten() {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello");
        }
    });
    for upstream in [
        http1(chunked.address),
        http1(interim.address),
        http1(address),
        h2c(http2_upstream()),
    ] {
        let gateway = gateway(WITH_LANE, &upstream);
        for more in [
            "",
            "Connection: keep-alive\r\n",
            "Expect: 100-continue\r\nConnection: keep-alive\r\n",
        ] {
            let mut client = Client::connect(gateway.address);
            let request =
                format!("GET / HTTP/1.0\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n{more}\r\n");
            client.write(request.as_bytes());
            // The very first is the final one.
            let response = client.read(false).expect("an answer");
            assert_eq!(response.status, 200, "{upstream}");
            assert_eq!(response.body, "hello", "{upstream}");
            for absent in ["transfer-encoding", "content-length", "trailer"] {
                assert_eq!(response.get(absent), None, "{upstream}");
            }
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert_eq!(
                response.get("access-control-allow-origin").as_deref(),
                Some(ORIGIN)
            );
            assert!(client.is_closed());
        }
    }
}

#[test]
fn an_http_1_0_client_keeps_its_connection_if_it_asks_for_that_and_the_length_is_known() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let upstream = Upstream::start(Answer(answer.into()));
    let gateway = gateway(WITH_LANE, &http1(upstream.address));
    let mut client = Client::connect(gateway.address);
    for _ in 0..3 {
        let request = "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n";
        let response = client.exchange(request);
        assert_eq!(response.body, "hello");
        assert_eq!(response.get("connection").as_deref(), Some("keep-alive"));
    }
    let response = client.exchange("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.get("connection").as_deref(), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn an_http_1_0_client_can_not_expect_a_100() {
    let upstream = Recorder::start();
    let gateway = gateway(WITH_LANE, &http1(upstream.address));
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let request = format!(
            "POST / {version}\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
        );
        assert_eq!(gateway.send(&request).status, 200);
    }
    let expects: Vec<bool> = upstream
        .received()
        .iter()
        .map(|received| String::from_utf8_lossy(received).contains("Expect: 100-continue"))
        .collect();
    assert_eq!(expects, [false, true]);
}

#[test]
fn a_trailer_field_is_passed_on_only_with_the_trailers() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n\
                   5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n";
    let over_http1 = Upstream::start(Answer(chunked.into()));
    let over_http2 = http2_upstream();
    for (upstream, passes_trailers) in [(http1(over_http1.address), false), (h2c(over_http2), true)]
    {
        let gateway = gateway(WITH_LANE, &upstream);
        let response = gateway.send("GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n");
        assert_eq!(response.body, "hello");
        assert_eq!(response.get("trailer"), None, "{upstream}");
        let request = http::Request::get("http://a.test/").body(());
        let (response, trailers) = ask_http2(&gateway, request.expect("a request"));
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers().contains_key("trailer"),
            passes_trailers,
            "{upstream}"
        );
        let trailers = trailers.unwrap_or_default();
        assert_eq!(
            trailers.contains_key("grpc-status"),
            passes_trailers,
            "{upstream}"
        );
    }
}

#[test]
fn the_trailers_of_a_request_are_not_announced() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(WITH_LANE, &http1(upstream.address));
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\n\r\n";
    assert_eq!(gateway.send(request).status, 200);
    let request = http::Request::get("http://a.test/").header("trailer", "x-sum");
    let request = request.body(()).expect("a request");
    let (response, _) = ask_http2(&gateway, request.clone());
    assert_eq!(response.status(), 200);
    for received in upstream.received() {
        assert_eq!(received.get("trailer"), None);
    }
    let gateway = self::gateway(WITH_LANE, &h2c(http2_upstream()));
    let (response, _) = ask_http2(&gateway, request);
    assert_eq!(response.headers()["x-announced"], "false");
}

/// A gateway with an upstream that answers when it is told to.
struct Slow {
    gateway: Gateway,
    listener: TcpListener,
}

impl Slow {
    fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        Self {
            gateway: gateway(server, &http1(address)),
            listener,
        }
    }
}

#[test]
fn a_client_that_ends_what_it_sends_gets_its_answer() {
    let get = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let old = "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n";
    for server in LANES {
        let slow = Slow::start(server);
        for request in [get, post, old] {
            let mut client = Client::connect(slow.gateway.address);
            client.write(request.as_bytes());
            client.end_sending();
            let (mut stream, _) = slow.listener.accept().expect("the request");
            read_head(&mut stream);
            // Long enough for the gateway to see the end before the answer: it serves another client
            // meanwhile, with its only thread.
            for _ in 0..2 {
                let missing = "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n";
                assert_eq!(slow.gateway.send(missing).status, 404);
            }
            // Kept, the connection would be closed by the test as the next request leaves for it.
            let last = Answer::new(200, &[("Connection".to_owned(), "close".to_owned())]);
            stream.write_all(&last.0).expect("it waits");
            let response = client.read(false).expect("an answer");
            assert_eq!(response.status, 200, "{request:?}");
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed());
        }
        let mut client = Client::connect(slow.gateway.address);
        let preflight = format!(
            "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\
             Access-Control-Request-Method: PUT\r\n\r\n"
        );
        client.write(preflight.repeat(3).as_bytes());
        client.end_sending();
        for _ in 0..3 {
            assert_eq!(client.read(false).expect("an answer").status, 204);
        }
        assert!(client.is_closed());
    }
}

#[test]
fn a_client_that_resets_its_connection_cancels_its_request() {
    let slow = Slow::start(WITH_LANE);
    let mut client = Client::connect(slow.gateway.address);
    client.write(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let (mut stream, _) = slow.listener.accept().expect("the request");
    read_head(&mut stream);
    client.reset();
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    match stream.read(&mut [0; 1]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the gateway goes on: {other:?}"),
    }
    let gone = "corsgate_requests_total{code=\"none\",kind=\"request\",route=\"r\"}";
    slow.gateway.wait_for_metric(gone, 1.0);
}

#[test]
fn a_body_that_ends_too_early_is_not_taken_for_a_whole_one() {
    for server in LANES {
        let upstream = Recorder::start();
        let gateway = gateway(server, &http1(upstream.address));
        for body in [
            "Content-Length: 5\r\n\r\nhell",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ] {
            let mut client = Client::connect(gateway.address);
            client.write(format!("POST / HTTP/1.1\r\nHost: a.test\r\n{body}").as_bytes());
            client.end_sending();
            let response = client.read(false);
            assert!(response.is_none_or(|r| r.status == 400), "{body:?}");
            assert!(client.is_closed());
        }
        for received in upstream.received() {
            let text = String::from_utf8_lossy(&received);
            // An id in the header may end with a 0 as well.
            let (_, body) = text.split_once("\r\n\r\n").unwrap_or_default();
            assert!(!body.ends_with("0\r\n\r\n") && body != "hello", "{text}");
        }
    }
}

#[test]
fn cookies_that_come_in_crumbs_are_one_line_for_the_upstream() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(WITH_LANE, &http1(upstream.address));
    for crumbs in [&["a=1"][..], &["a=1", "b=2", "c=\"3, 4\""]] {
        let mut request = http::Request::get("http://a.test/");
        for crumb in crumbs {
            request = request.header("cookie", *crumb);
        }
        let (response, _) = ask_http2(&gateway, request.body(()).expect("a request"));
        assert_eq!(response.status(), 200);
        let received = upstream.received();
        let headers = &received.last().expect("the request").headers;
        let lines = headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let lines: Vec<&str> = lines.map(|(_, value)| value.as_str()).collect();
        assert_eq!(lines, [crumbs.join("; ")]);
    }
}

#[test]
fn connect_trace_and_track_are_answered_with_405_that_a_script_can_read() {
    const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let gateway = gateway(server, &http1(upstream.address));
        let mut counted = 0.0;
        for line in [
            "CONNECT a.test:443 HTTP/1.1",
            "CONNECT a.test:443 HTTP/1.0",
            "TRACE / HTTP/1.1",
            "TRACK / HTTP/1.1",
            "trace / HTTP/1.1",
            "connect / HTTP/1.1",
            "TRACE http://a.test/ HTTP/1.1",
        ] {
            let request = format!("{line}\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\r\n");
            let response = gateway.send(&request);
            assert_eq!(response.status, 405, "{line}");
            assert_eq!(response.get("allow").as_deref(), Some(ALLOW), "{line}");
            assert_eq!(response.get("server"), None, "{line}");
            assert_eq!(
                response.get("access-control-allow-origin").as_deref(),
                Some(ORIGIN),
                "{line}"
            );
            counted += 1.0;
        }
        for (method, uri) in [
            ("CONNECT", "a.test:443"),
            ("TRACE", "http://a.test/"),
            ("TRACK", "http://a.test/"),
        ] {
            let request = http::Request::builder().method(method).uri(uri);
            let request = request.header("origin", ORIGIN).body(());
            let (response, _) = ask_http2(&gateway, request.expect("a request"));
            assert_eq!(response.status(), 405, "{method}");
            assert_eq!(response.headers()["allow"], ALLOW, "{method}");
            assert!(!response.headers().contains_key("server"), "{method}");
            assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN);
            counted += 1.0;
        }
        gateway.wait_for_metric(
            "corsgate_requests_refused_total{reason=\"malformed\",route=\"r\"}",
            counted,
        );
        gateway.wait_for_metric(
            "corsgate_requests_total{code=\"4xx\",kind=\"request\",route=\"r\"}",
            counted,
        );
        assert!(upstream.received().is_empty());
    }
}
