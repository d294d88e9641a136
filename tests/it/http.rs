//! HTTP as clients speak it, well and badly.

use crate::support::{
    Answer, Client, Gateway, Http2Client, LANES, Refusing, Upstream, http2, read_head, run,
};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

/// A gateway that allows `https://app.example.com` on everything below `/`, `unmatched.test` aside.
fn gateway(upstream: &Upstream) -> Gateway {
    gateway_with(&upstream.address.to_string(), "")
}

fn gateway_with(address: &str, extra: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{address}'], connect_timeout: 500ms, read_timeout: 500ms }} }}\n\
         routes:\n\
         - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
           cors: {{ allow_origins: ['https://app.example.com'], allow_methods: [PUT], expose_headers: [etag] }}\n\
         {extra}"
    ))
}

const ORIGIN: &str = "Origin: https://app.example.com\r\n";
const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

fn assert_allowed(response: &crate::support::Response) {
    assert_eq!(
        response.get("access-control-allow-origin").as_deref(),
        Some("https://app.example.com"),
        "{response:?}"
    );
    assert_eq!(
        response.get("access-control-expose-headers").as_deref(),
        Some("etag")
    );
    assert_eq!(response.get("vary").as_deref(), Some("Origin"));
}

#[test]
fn a_request_without_a_host_is_refused_and_the_connection_kept() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let mut client = Client::connect(gateway.address);
    assert_eq!(client.exchange("GET / HTTP/1.1\r\n\r\n").status, 400);
    assert_eq!(
        client.exchange("GET / HTTP/1.1\r\nHost:\r\n\r\n").status,
        400
    );
    assert_eq!(client.exchange(&get("/", "")).status, 200);
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn http_1_0_needs_no_host_and_short_requests_are_answered() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    // Shorter than HTTP/2's preface, which a listener that also speaks HTTP/2 must not wait for.
    let response = gateway.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(response.status, 404);
}

#[test]
fn malformed_requests_are_refused_without_a_panic() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    for request in [
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: a.test\r\n\r\n",
        "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /a/../b HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /a/%2e%2E/b HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /a/..%2fb HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /a/..;/b HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET b.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "\r\n\r\n\0\0\0\r\n\r\n",
    ] {
        assert_eq!(gateway.send(request).status, 400, "{request:?}");
    }
    assert_eq!(gateway.send(&get("/", "")).status, 200, "it still serves");
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn a_header_past_its_limit_is_answered_with_431() {
    let upstream = Upstream::start(Answer::ok());
    let address = upstream.address.to_string();
    let gateway = gateway_with(&address, "limits: { max_request_header_bytes: 4KiB }\n");
    let padding = |len: usize| format!("X-Padding: {}\r\n", "x".repeat(len));
    assert_eq!(gateway.send(&get("/", &padding(5000))).status, 431);
    assert_eq!(gateway.send(&get("/", &padding(3000))).status, 200);
    let preflight = PREFLIGHT.replace("\r\n\r\n", &format!("\r\n{}\r\n", padding(5000)));
    assert_eq!(gateway.send(&preflight).status, 431, "for preflights too");
}

#[test]
fn a_request_that_is_too_large_is_told_so_where_a_script_can_read_it() {
    let upstream = Upstream::start(Answer::ok());
    let address = upstream.address.to_string();
    let gateway = gateway_with(&address, "limits: { max_request_header_bytes: 4KiB }\n");
    let padding = format!("{ORIGIN}X-Padding: {}\r\n", "x".repeat(5000));
    let response = gateway.send(&get("/", &padding));
    assert_eq!(response.status, 431);
    assert_allowed(&response);
}

#[test]
fn an_answer_does_not_wait_for_a_body_that_does_not_come() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let mut client = Client::connect(gateway.address);
    let preflight = PREFLIGHT.replace("\r\n\r\n", "\r\nContent-Length: 10\r\n\r\n");
    assert_eq!(client.exchange(&preflight).status, 204);
    assert!(
        client.is_closed(),
        "what would follow can't be told from the body"
    );
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let mut client = Client::connect(gateway.address);
    let rejected = PREFLIGHT.replace("https://app.example.com", "https://evil.test");
    let all = format!("{PREFLIGHT}{}{rejected}{PREFLIGHT}", get("/", ORIGIN));
    client.write(all.as_bytes());
    let statuses: Vec<u16> = (0..4)
        .map(|_| client.read(false).expect("four answers").status)
        .collect();
    assert_eq!(statuses, [204, 200, 403, 204]);
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn a_request_behind_a_body_is_answered_however_the_body_is_framed() {
    let gateway = Gateway::start(
        "upstreams: { u: { echo: true } }\n\
         routes: [{ upstream: u, cors: { allow_origins: ['https://app.example.com'], allow_methods: [PUT] } }]",
    );
    for body in [
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\n\r\n\r\n\r\n5;x=y\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: t\r\n\r\n",
    ] {
        let mut client = Client::connect(gateway.address);
        let post = format!("POST / HTTP/1.1\r\nHost: a.test\r\n{body}");
        // In one piece, so that a reader of the body could read on into the next request.
        client.write(format!("{post}{PREFLIGHT}{post}{}", get("/", ORIGIN)).as_bytes());
        let statuses: Vec<u16> = (0..4)
            .map_while(|_| client.read(false).map(|response| response.status))
            .collect();
        assert_eq!(statuses, [200, 204, 200, 200], "{body:?}");
    }
}

#[test]
fn an_upload_that_is_refused_gets_to_read_why() {
    const LENGTH: usize = 4 << 20;
    let refusing = Refusing::new();
    let gateway = gateway_with(&refusing.address.to_string(), "");
    for (host, status) in [("b.test", 404), ("a.test", 502)] {
        let mut client = Client::connect(gateway.address);
        let head =
            format!("POST / HTTP/1.1\r\nHost: {host}\r\n{ORIGIN}Content-Length: {LENGTH}\r\n\r\n");
        // All of it, before anything is read: as browsers do.
        client.write(head.as_bytes());
        client.write(&vec![b'x'; LENGTH]);
        let response = client.read(false).expect("an answer, and no reset");
        assert_eq!(response.status, status);
    }
}

#[test]
fn refusals_keep_the_connection() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let mut client = Client::connect(gateway.address);
    let elsewhere = "POST / HTTP/1.1\r\nHost: b.test\r\nContent-Length: 5\r\n\r\nhello";
    for (request, status) in [
        (PREFLIGHT.replace("app", "evil"), 403),
        (PREFLIGHT.replace("a.test", "b.test"), 404),
        (elsewhere.to_owned(), 404),
        (get("/", ORIGIN), 200),
    ] {
        let response = client.exchange(&request);
        assert_eq!(response.status, status, "{request}");
        assert_eq!(
            response.get("connection").as_deref(),
            Some("keep-alive"),
            "{request}"
        );
    }
}

#[test]
fn options_asterisk_is_answered() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let response = gateway.send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.status, 204);
    assert_eq!(response.get("content-length"), None);
    let preflight = PREFLIGHT.replace("OPTIONS /", "OPTIONS *");
    assert_eq!(gateway.send(&preflight).status, 404);
    assert!(upstream.received().is_empty());
}

#[test]
fn absolute_form_is_routed_by_its_authority_and_forwarded_as_a_path() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let request = "GET http://a.test/x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(gateway.send(request).status, 200);
    assert_eq!(upstream.received()[0].target, "/x?y=1");
}

#[test]
fn a_body_goes_through_whole() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    let body = "x".repeat(100_000);
    let request = format!(
        "PUT / HTTP/1.1\r\nHost: a.test\r\n{ORIGIN}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = gateway.send(&request);
    assert_allowed(&response);
    assert_eq!(upstream.received()[0].method, "PUT");
    assert_eq!(upstream.received()[0].body, body.as_bytes());
}

#[test]
fn the_gateways_own_errors_carry_cors_headers() {
    let nobody = Refusing::new();
    let refused = gateway_with(&nobody.address.to_string(), "").send(&get("/", ORIGIN));
    assert_eq!(refused.status, 502);
    assert_allowed(&refused);

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let late = gateway_with(&address, "").send(&get("/", ORIGIN));
    assert_eq!(late.status, 504);
    assert_allowed(&late);

    let upstream = Upstream::start(Answer(b"SSH-2.0-nonsense\r\n\r\n".to_vec()));
    let broken = gateway(&upstream).send(&get("/", ORIGIN));
    assert_eq!(broken.status, 502);
    assert_allowed(&broken);
    assert_eq!(broken.get("server"), None);

    let default = "default_policy: p\npolicies: { p: { allow_origins: [https://app.example.com], expose_headers: [etag] } }\n";
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway_with(&upstream.address.to_string(), default);
    let missing = gateway.send(&get("/", ORIGIN).replace("a.test", "b.test"));
    assert_eq!(missing.status, 404);
    assert_allowed(&missing);
    let malformed = gateway.send(&get("/a/../b", ORIGIN));
    assert_eq!(malformed.status, 400);
    assert_allowed(&malformed);
}

#[test]
fn a_failure_takes_as_long_as_it_took_whatever_its_client_does_then() {
    let nobody = Refusing::new();
    let gateway = gateway_with(&nobody.address.to_string(), "");
    let mut client = Client::connect(gateway.address);
    assert_eq!(client.exchange(&get("/", "")).status, 502);
    // The client keeps its end open, and the gateway waits for it to close.
    assert_eq!(gateway.wait_for_request(), "r");
    let seconds =
        gateway.metric("corsgate_request_duration_seconds_sum{kind=\"request\",route=\"r\"}");
    assert!(seconds < 1.0, "{seconds}");
}

#[test]
fn interim_responses_are_left_alone() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
                  HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let upstream = Upstream::start(Answer(answer.as_bytes().to_vec()));
    let gateway = gateway(&upstream);
    let mut client = Client::connect(gateway.address);
    client.write(get("/", ORIGIN).as_bytes());
    let hints = client.read(false).expect("the hints");
    assert_eq!(hints.status, 103);
    assert!(hints.cors_fields().is_empty(), "{hints:?}");
    let response = client.read(false).expect("the response");
    assert_eq!(response.status, 200);
    assert_allowed(&response);
}

#[test]
fn a_websocket_goes_through_and_its_101_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let backend = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_head(&mut stream);
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nping";
        stream.write_all(answer).expect("sent");
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).expect("an answer");
        pong
    });
    let gateway = gateway_with(&address, "");
    let mut client = Client::connect(gateway.address);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.write(get("/", &format!("{ORIGIN}{upgrade}")).as_bytes());
    let response = client.read(false).expect("a 101");
    assert_eq!(response.status, 101);
    assert!(response.cors_fields().is_empty(), "{response:?}");
    client.write(b"pong");
    assert_eq!(&backend.join().expect("no panic"), b"pong");
}

#[test]
fn draining_lets_a_request_under_way_finish() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let gateway = gateway_with(&address, "");
    let at = gateway.address;
    let mut client = Client::connect(at);
    client.write(get("/", ORIGIN).as_bytes());
    let (mut stream, _) = listener.accept().expect("the request reached the backend");
    let draining = std::thread::spawn(move || gateway.drain());
    // Draining has begun when no client is let in any more.
    while std::net::TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok() {
        std::thread::yield_now();
    }
    stream
        .write_all(&Answer::ok().0)
        .expect("the gateway still waits");
    assert_allowed(&client.read(false).expect("the response"));
    draining.join().expect("it ends by itself");
}

#[test]
fn http_2_with_prior_knowledge_gets_the_same_answers() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = gateway(&upstream);
    run(async {
        let mut client = http2(gateway.address).await;
        let mut ask = async |method: &str, origin: &str| {
            let request = http::Request::builder()
                .method(method)
                .uri("http://a.test/")
                .header("origin", origin)
                .header("access-control-request-method", "PUT")
                .body(())
                .expect("a request");
            let (response, _) = client.send_request(request, true).expect("a stream");
            response.await.expect("an answer")
        };
        let handled = ask("OPTIONS", "https://app.example.com").await;
        assert_eq!(handled.status(), 204);
        assert_eq!(
            handled.headers()["access-control-allow-origin"],
            "https://app.example.com"
        );
        assert_eq!(handled.headers()["access-control-allow-methods"], "PUT");
        assert!(
            handled.body().is_end_stream(),
            "one HEADERS frame, and that is all"
        );
        let rejected = ask("OPTIONS", "https://evil.test").await;
        assert_eq!(rejected.status(), 403);
        assert!(
            !rejected
                .headers()
                .contains_key("access-control-allow-origin")
        );
        let actual = ask("GET", "https://app.example.com").await;
        assert_eq!(actual.status(), 200);
        assert_eq!(
            actual.headers()["access-control-allow-origin"],
            "https://app.example.com"
        );
    });
    assert_eq!(upstream.received().len(), 1);
}

#[test]
fn an_answer_of_the_operators_own_has_its_body_on_every_lane() {
    const BODY: &str = r#"{"error": "cors", "docs": "https://docs.example.com/cors"}"#;
    for lane in LANES {
        let config = format!(
            "upstreams: {{ u: {{ echo: true }} }}\nroutes:\n- upstream: u\n  cors:\n    \
             allow_origins: https://app.example.com\n    \
             on_rejected_preflight: {{ status: 418, body: '{BODY}' }}\n"
        );
        let gateway = Gateway::start_with(lane, &config);
        let origin = ("origin", "https://app.example.com");
        let asked = ("access-control-request-method", "PUT");
        let mut http2 = Http2Client::connect(gateway.address);
        let mut client = Client::connect(gateway.address);
        // The second is read where the first one ends.
        for _ in 0..2 {
            let over_http1 = client.exchange(PREFLIGHT);
            let over_http2 = http2.exchange("OPTIONS", &[origin, asked]);
            for response in [over_http1, over_http2.expect("an answer")] {
                assert_eq!(response.status, 418, "{response:?}");
                let length = BODY.len().to_string();
                for (name, value) in [
                    ("content-type", "application/json"),
                    ("content-length", length.as_str()),
                ] {
                    let found = response.get(name);
                    assert_eq!(found.as_deref(), Some(value), "{response:?}");
                }
                assert_eq!(response.get("access-control-allow-origin"), None);
                assert_eq!(response.body, BODY);
            }
        }
    }
}
