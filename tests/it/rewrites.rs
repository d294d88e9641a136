//! The path and the host that upstreams are asked for, and the edits of fields, at both ends.

use crate::support::{
    Answer, Client, Gateway, Http2Client, PATIENCE, Received, Upstream, read_head, run,
};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

const ORIGIN: &str = "https://app.example.com";

/// An upstream that speaks HTTP/2, and tells what reaches it as if it were HTTP/1.1.
fn http2_upstream() -> (SocketAddr, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("an option");
    let (tell, told) = channel();
    // The thread ends with the process.
    thread::spawn(move || {
        run(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let tell = tell.clone();
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let uri = request.uri();
                        let host = uri.authority().map_or("", |authority| authority.as_str());
                        let host = ("Host".to_owned(), host.to_owned());
                        let fields = request.headers().iter().map(|(name, value)| {
                            let value = String::from_utf8_lossy(value.as_bytes());
                            (name.to_string(), value.into_owned())
                        });
                        let target = uri.path_and_query().map_or("", |target| target.as_str());
                        let received = Received {
                            method: request.method().to_string(),
                            target: target.to_owned(),
                            headers: std::iter::once(host).chain(fields).collect(),
                            body: Vec::new(),
                        };
                        // A test that has ended is not interested.
                        let _ = tell.send(received);
                        let _ = respond.send_response(http::Response::new(()), true);
                    }
                });
            }
        });
    });
    (address, told)
}

/// Runs `ask` before an upstream of each version of HTTP, whose one route has these keys, and returns what
/// arrived, which must be the same but for `host`.
fn arriving(route: &str, ask: impl Fn(&Gateway)) -> [(SocketAddr, Received); 2] {
    let gateway = |protocol: &str, address: SocketAddr| {
        Gateway::start(&format!(
            "upstreams: {{ u: {{ endpoints: ['{address}'], protocol: {protocol} }} }}\n\
             routes: [{{ name: r, upstream: u, {route} }}]\n"
        ))
    };
    let http1 = Upstream::start(Answer::ok());
    ask(&gateway("http1", http1.address));
    let received = http1.received();
    let [received] = received.as_slice() else {
        panic!("{} requests", received.len());
    };
    let (address, told) = http2_upstream();
    ask(&gateway("h2c", address));
    let by_http2 = told.recv_timeout(PATIENCE).expect("a request");
    assert_eq!(by_http2.target, received.target);
    [(http1.address, received.clone()), (address, by_http2)]
}

/// Sends a GET with this target over HTTP/1.1.
fn get(target: &str) -> impl Fn(&Gateway) {
    move |gateway| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(gateway.send(&request).status, 200, "{target}");
    }
}

/// Sends it over HTTP/2.
fn get_by_http2(target: &str) -> impl Fn(&Gateway) {
    move |gateway| {
        let mut client = Http2Client::connect(gateway.address);
        let response = client.exchange_at("GET", target, &[]).expect("an answer");
        assert_eq!(response.status, 200, "{target}");
    }
}

#[test]
fn the_path_is_rewritten_whatever_the_versions_of_http() {
    for (route, sent, expected) in [
        (
            "match: { path_prefix: /v1/books }, rewrite: { path_prefix: /books }",
            "/v1/books/7?a=%2F",
            "/books/7?a=%2F",
        ),
        (
            "match: { path_prefix: /v1 }, rewrite: { path_prefix: / }",
            "/v1",
            "/",
        ),
        (
            "match: { path_prefix: /v1 }, rewrite: { path_prefix: / }",
            "/v1/a?",
            "/a?",
        ),
        (
            "match: { path_prefix: /api }, rewrite: { path_prefix: /x/ }",
            "/%61pi/x%2Fy/%c3%bc",
            "/x/x%2Fy/%c3%bc",
        ),
        (
            "match: { path: /status }, rewrite: { path: /health/live }",
            "/status?full",
            "/health/live?full",
        ),
        (
            "match: { path: /status }, rewrite: { path_prefix: /live }",
            "/status",
            "/live",
        ),
        ("rewrite: { path_prefix: /app }", "/a/b", "/app/a/b"),
        ("match: { path_prefix: /v1 }", "/v1/a?b", "/v1/a?b"),
        (
            "rewrite: { prepend: /base/ }",
            "/pet/1?a=b",
            "/base/pet/1?a=b",
        ),
        (
            "match: { path_template: '/p%65t/{id}' }, rewrite: { path: /getpet, append_variables: true }",
            "/%70et/1%C3%BC&admin=1",
            "/getpet?id=1%C3%BC%26admin%3D1",
        ),
        (
            "match: { path_template: '/{a.b=x/*}/**:go' }, rewrite: { path: /y, append_variables: true }",
            "/x/1/2:go?c=d",
            "/y?c=d&a.b=x/1",
        ),
    ] {
        for (_, received) in arriving(route, get(sent)) {
            assert_eq!(received.target, expected, "{route} {sent}");
            assert_eq!(
                received.get("host").as_deref(),
                Some("a.test"),
                "{route} {sent}"
            );
        }
        for (_, received) in arriving(route, get_by_http2(sent)) {
            assert_eq!(received.target, expected, "{route} {sent}");
            assert_eq!(
                received.get("host").as_deref(),
                Some("a.test"),
                "{route} {sent}"
            );
        }
    }
    let route = "match: { path_prefix: /v1 }, rewrite: { path_prefix: / }";
    for (_, received) in arriving(route, get("http://a.test/v1/x?y")) {
        assert_eq!(received.target, "/x?y");
    }
}

#[test]
fn the_host_is_the_clients_or_the_endpoints() {
    for (rewrite, is_own) in [
        ("rewrite: { host: upstream }", true),
        ("rewrite: { host: client }", false),
        ("rewrite: { path_prefix: /x, host: upstream }", true),
    ] {
        for by_http2 in [false, true] {
            let both = match by_http2 {
                false => arriving(rewrite, get("/")),
                true => arriving(rewrite, get_by_http2("/")),
            };
            for (address, received) in both {
                let expected = match is_own {
                    true => address.to_string(),
                    false => "a.test".to_owned(),
                };
                assert_eq!(received.get("host"), Some(expected), "{rewrite} {by_http2}");
                // The client's is still told.
                let client = received.get("x-forwarded-host");
                assert_eq!(client.as_deref(), Some("a.test"), "{rewrite} {by_http2}");
            }
        }
    }
}

#[test]
fn the_endpoints_host_is_the_name_and_not_the_address_that_it_resolves_to() {
    let upstream = Upstream::start(Answer::ok());
    let name = format!("localhost:{}", upstream.address.port());
    let gateway = Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{name}'] }} }}\n\
         routes: [{{ upstream: u, rewrite: {{ host: upstream }} }}]\n"
    ));
    let started = Instant::now();
    while gateway
        .send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .status
        == 503
    {
        assert!(started.elapsed() < PATIENCE, "it has no address");
        thread::yield_now();
    }
    let received = upstream.received();
    assert_eq!(received[0].get("host"), Some(name));
}

/// The route, the policy and the comparison with the own origin are about what the client asked for.
#[test]
fn what_is_decided_does_not_depend_on_what_is_rewritten() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes:\n\
         - {{ name: a, match: {{ hosts: [a.test], path_prefix: /a }}, upstream: u, \
              rewrite: {{ path_prefix: /b, host: upstream }}, \
              cors: {{ allow_origins: ['{ORIGIN}'], block_disallowed_origins: all }} }}\n\
         - {{ name: b, match: {{ path_prefix: /b }}, upstream: u, cors: {{ allow_origins: '*' }} }}\n",
        upstream.address
    ));
    for (origin, status) in [
        (ORIGIN, 200),
        ("http://a.test", 200),
        ("https://evil.test", 403),
        (&format!("http://{}", upstream.address), 403),
    ] {
        let request = format!("GET /a/x HTTP/1.1\r\nHost: a.test\r\nOrigin: {origin}\r\n\r\n");
        let response = gateway.send(&request);
        assert_eq!(response.status, status, "{origin}");
        let allowed = response.get("access-control-allow-origin");
        assert_eq!(
            allowed.as_deref(),
            (origin == ORIGIN).then_some(ORIGIN),
            "{origin}"
        );
    }
    let targets: Vec<String> = upstream.received().into_iter().map(|r| r.target).collect();
    assert_eq!(targets, ["/b/x", "/b/x"]);
}

#[test]
fn a_target_that_gets_too_long_is_refused_where_a_script_can_read_it() {
    let upstream = Upstream::start(Answer::ok());
    let longer = "x".repeat(100);
    let gateway = Gateway::start(&format!(
        "limits: {{ max_request_header_bytes: 1MiB }}\n\
         upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: r, match: {{ path_prefix: /a }}, upstream: u, \
                     rewrite: {{ path_prefix: /{longer} }}, cors: {{ allow_origins: ['{ORIGIN}'] }} }}, \
                   {{ name: v, match: {{ path_template: '/v/{{x}}' }}, upstream: u, \
                     rewrite: {{ path: /y, append_variables: true }}, cors: {{ allow_origins: ['{ORIGIN}'] }} }}]\n",
        upstream.address
    ));
    for (path, text, length, status) in [
        ("/a/", "y", 65_000, 200),
        ("/a/", "y", 65_500, 414),
        // What is encoded has three bytes for one.
        ("/v/", "y", 65_000, 200),
        ("/v/", "&", 20_000, 200),
        ("/v/", "&", 22_000, 414),
    ] {
        let target = format!("{path}{}", text.repeat(length - path.len()));
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\n\r\n");
        let response = gateway.send(&request);
        assert_eq!(response.status, status, "{length}");
        let allowed = response.get("access-control-allow-origin");
        assert_eq!(allowed.as_deref(), Some(ORIGIN), "{length}");
    }
    assert_eq!(upstream.received().len(), 3);
    let refused = "corsgate_requests_refused_total{reason=\"header_too_large\",route=\"r\"}";
    gateway.wait_for_metric(refused, 1.0);
}

#[test]
fn fields_of_requests_are_edited() {
    let route = "request_headers: { remove: [x-debug, Cookie], set: { X-Edge: a, authorization: 'Bearer x' }, \
                 add: { X-Via: edge } }";
    let ask = |gateway: &Gateway| {
        let request = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Debug: 1\r\nx-debug: 2\r\nCookie: a=b\r\n\
                       X-edge: 1\r\nx-edge: 2\r\nX-Via: client\r\nX-Kept: 1\r\n\r\n";
        assert_eq!(gateway.send(request).status, 200);
    };
    let both = arriving(route, ask);
    for (_, received) in &both {
        for (name, value) in [
            ("x-debug", None),
            ("cookie", None),
            ("x-edge", Some("a")),
            ("authorization", Some("Bearer x")),
            ("x-via", Some("client, edge")),
            ("x-kept", Some("1")),
            ("x-forwarded-host", Some("a.test")),
        ] {
            assert_eq!(received.get(name).as_deref(), value, "{name}");
        }
    }
    let names: Vec<&str> = both[0]
        .1
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(
        names.contains(&"X-Edge") && names.contains(&"authorization"),
        "{names:?}"
    );
}

#[test]
fn fields_of_responses_are_edited_before_cors_has_its_say() {
    let fields = [
        ("Server", "secret/1.2"),
        ("X-Frame-Options", "ALLOWALL"),
        ("x-frame-options", "SAMEORIGIN"),
        ("Set-Cookie", "a=b"),
        ("Vary", "Accept-Encoding"),
        ("Access-Control-Allow-Origin", "*"),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let upstream = Upstream::start(Answer::new(200, &fields));
    let gateway = Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: r, upstream: u, cors: {{ allow_origins: ['{ORIGIN}'] }}, response_headers: {{ \
                     remove: [server], set: {{ X-Frame-Options: DENY, Timing-Allow-Origin: '*' }}, \
                     add: {{ Vary: Accept-Language, Set-Cookie: c=d }} }} }}]\n",
        upstream.address
    ));
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nOrigin: {ORIGIN}\r\n\r\n");
    let http1 = gateway.send(&request);
    let http2 = Http2Client::connect(gateway.address).exchange("GET", &[("origin", ORIGIN)]);
    for response in [&http1, &http2.expect("a response")] {
        for (name, value) in [
            ("server", None),
            ("x-frame-options", Some("DENY")),
            ("timing-allow-origin", Some("*")),
            ("set-cookie", Some("a=b, c=d")),
            ("vary", Some("Accept-Encoding, Accept-Language, Origin")),
            ("access-control-allow-origin", Some(ORIGIN)),
        ] {
            assert_eq!(response.get(name).as_deref(), value, "{name}");
        }
    }
    let mut names = http1.headers.iter();
    assert!(
        names.any(|(name, _)| name == "X-Frame-Options"),
        "{http1:?}"
    );
    // The gateway's own answers are not the upstream's.
    let preflight = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\
                     Access-Control-Request-Method: GET\r\n\r\n";
    let dotted = "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n";
    for (request, status) in [(preflight, 204), (dotted, 400)] {
        let response = gateway.send(request);
        assert_eq!(response.status, status);
        assert_eq!(response.get("x-frame-options"), None, "{request}");
    }
}

#[test]
fn interim_responses_and_the_101_of_a_websocket_are_not_edited() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    // The thread ends with the process.
    thread::spawn(move || {
        let mut open = Vec::new();
        for answer in [
            "HTTP/1.1 103 X\r\nLink: </a>\r\nX-Gone: 1\r\n\r\n\
             HTTP/1.1 200 X\r\nX-Gone: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Gone: 1\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            stream.write_all(answer.as_bytes()).expect("sent");
            open.push(stream);
        }
    });
    let gateway = Gateway::start(&format!(
        "upstreams: {{ u: {{ endpoints: ['{address}'] }} }}\n\
         routes: [{{ upstream: u, response_headers: {{ remove: [x-gone], add: {{ X-New: a }} }} }}]\n"
    ));
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (fields, statuses) in [("", &[103, 200][..]), (upgrade, &[101])] {
        let mut client = Client::connect(gateway.address);
        client.write(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
        for status in statuses {
            let response = client.read(false).expect("a response");
            assert_eq!(response.status, *status);
            let is_final = *status == 200;
            assert_eq!(response.get("x-gone").is_none(), is_final, "{status}");
            assert_eq!(response.get("x-new").is_some(), is_final, "{status}");
        }
    }
}
