//! Clients that do what standards allow and few do: methods that are not for gateways.

use crate::support::{Answer, Gateway, Upstream, WITH_LANE, WITHOUT_LANE};
use http::HeaderMap;
use std::net::SocketAddr;

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

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

/// Asks as an HTTP/2 client; returns the header of the response and the trailers.
fn ask_http2(
    gateway: &Gateway,
    request: http::Request<()>,
) -> (http::Response<()>, Option<HeaderMap>) {
    run(async {
        let stream = tokio::net::TcpStream::connect(gateway.address).await;
        let stream = stream.expect("it listens");
        let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
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
fn connect_trace_and_track_are_answered_with_405_that_a_script_can_read() {
    const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    for server in [WITH_LANE, WITHOUT_LANE] {
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
        gateway.wait_for_metric("corsgate_requests_total{code=\"4xx\",route=\"r\"}", counted);
        assert!(upstream.received().is_empty());
    }
}
