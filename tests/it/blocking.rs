//! `block_disallowed_origins`: requests of disallowed origins never reach an upstream, and what the request's
//! own origin is. `tests/cases/blocking.yaml` has what is blocked.

use crate::support::{
    Answer, Authority, Client, Folder, Gateway, Http2Client, LANES, TlsClient, Upstream, read_head,
    run,
};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

const ALLOWED: &str = "https://app.example.com";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// One route with a policy that blocks, before the upstream at `address`.
fn config(blocks: &str, address: &str) -> String {
    format!(
        "upstreams: {{ u: {{ endpoints: ['{address}'] }} }}\n\
         routes: [{{ name: r, upstream: u, cors: {{ allow_origins: ['{ALLOWED}'], \
                     block_disallowed_origins: {blocks} }} }}]\n"
    )
}

fn get(fields: &str) -> String {
    format!("GET /chat HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

#[test]
fn a_websocket_of_a_disallowed_origin_reaches_no_upstream_and_others_become_tunnels() {
    for lane in LANES {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let gateway = Gateway::start_with(lane, &config("websocket", &address));
        let mut client = Client::connect(gateway.address);
        for origin in [
            "https://evil.test",
            "null",
            "https://a.test",
            "http://a.test:81",
        ] {
            let response = client.exchange(&get(&format!("Origin: {origin}\r\n{UPGRADE}")));
            assert_eq!(response.status, 403, "{origin}");
            assert_eq!(response.get("vary").as_deref(), Some("Origin"));
            assert_eq!(response.get("access-control-allow-origin"), None);
        }
        listener.set_nonblocking(true).expect("an option");
        let connected = listener.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(connected, Err(ErrorKind::WouldBlock), "it was connected to");
        listener.set_nonblocking(false).expect("an option");
        for origin in [ALLOWED, "http://a.test"] {
            let mut client = Client::connect(gateway.address);
            client.write(get(&format!("Origin: {origin}\r\n{UPGRADE}")).as_bytes());
            let (mut stream, _) = listener.accept().expect("a connection");
            read_head(&mut stream);
            let answer = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
            stream.write_all(answer.as_bytes()).expect("sent");
            assert_eq!(client.read(false).expect("a 101").status, 101, "{origin}");
            client.write(b"ping");
            let mut ping = [0; 4];
            stream.read_exact(&mut ping).expect("what the client sends");
            assert_eq!(&ping, b"ping");
        }
    }
}

#[test]
fn a_blocked_request_is_counted_as_such_and_noted_among_the_rejections() {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&config("all", &upstream.address.to_string()));
    let blocked = "corsgate_cors_requests_total{outcome=\"blocked\",route=\"r\"}";
    let refused = "corsgate_requests_refused_total{reason=\"origin_blocked\",route=\"r\"}";
    for series in [blocked, refused] {
        assert!(
            gateway.metrics().contains(&format!("{series} 0\n")),
            "{series}"
        );
    }
    let response = gateway.send(&get("Origin: https://evil.test\r\n"));
    assert_eq!(response.status, 403);
    let response = Http2Client::connect(gateway.address).exchange("PUT", &[("origin", "null")]);
    assert_eq!(response.expect("an answer").status, 403);
    gateway.wait_for_metric(blocked, 2.0);
    assert_eq!(gateway.metric(refused), 2.0);
    let denied = "corsgate_cors_requests_total{outcome=\"denied\",route=\"r\"}";
    assert_eq!(gateway.metric(denied), 0.0);
    let page = gateway.ask_admin("GET /rejections").body;
    for origin in ["https://evil.test", "null"] {
        assert!(
            page.contains(&format!("1  {origin}  origin_not_allowed on route \"r\"")),
            "{page}"
        );
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn a_blocked_request_takes_nothing_of_its_clients_rate() {
    let upstream = Upstream::start(Answer::ok());
    let limits = "limits: { rate_limit: { requests: 1, period: 1day } }\n";
    let gateway =
        Gateway::start(&(limits.to_owned() + &config("all", &upstream.address.to_string())));
    let mut client = Client::connect(gateway.address);
    for (fields, status) in [
        ("Origin: https://evil.test\r\n", 403),
        ("Origin: https://evil.test\r\n", 403),
        ("", 200),
        ("", 429),
    ] {
        assert_eq!(client.exchange(&get(fields)).status, status, "{fields}");
    }
}

/// The tests' clients are at 127.0.0.1.
#[test]
fn the_own_origin_has_the_scheme_that_a_trusted_proxy_states() {
    const TRUSTED: &str = "trusted_proxies: [127.0.0.0/8]\n";
    let https = "X-Forwarded-Proto: https\r\n";
    for (trust, origin, fields, status) in [
        (TRUSTED, "https://a.test", https, 200),
        (TRUSTED, "https://a.test", "x-forwarded-proto: WSS\r\n", 200),
        (TRUSTED, "http://a.test", https, 403),
        (TRUSTED, "http://a.test", "X-Forwarded-Proto: http\r\n", 200),
        (TRUSTED, "http://a.test", "", 200),
        (TRUSTED, "https://a.test", "", 403),
        // One that makes no sense, or is there twice, says nothing.
        (
            TRUSTED,
            "https://a.test",
            "X-Forwarded-Proto: https, http\r\n",
            403,
        ),
        (TRUSTED, "https://a.test", &https.repeat(2), 403),
        (
            TRUSTED,
            "https://a.test",
            "X_Forwarded_Proto: https\r\n",
            403,
        ),
        // The host is the one that was asked for, whatever else a proxy says.
        (
            TRUSTED,
            "http://b.test",
            "X-Forwarded-Host: b.test\r\n",
            403,
        ),
        ("", "https://a.test", https, 403),
        ("", "http://a.test", https, 200),
    ] {
        let upstream = Upstream::start(Answer::ok());
        let text = format!("{trust}{}", config("all", &upstream.address.to_string()));
        let gateway = Gateway::start(&text);
        let response = gateway.send(&get(&format!("Origin: {origin}\r\n{fields}")));
        assert_eq!(response.status, status, "{trust}{origin} {fields}");
        let reached = usize::from(status == 200);
        assert_eq!(
            upstream.received().len(),
            reached,
            "{trust}{origin} {fields}"
        );
    }
}

#[test]
fn the_own_origin_of_a_listener_with_tls_is_one_of_https() {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    authority.issue(&["a.test"]).write(&folder, "api");
    let upstream = Upstream::start(Answer::ok());
    let text = format!(
        "listeners:\n- address: '127.0.0.1:0'\n  tls: {{ certificates: [{{ certificate: api.crt, \
         private_key: api.key }}] }}\nadmin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\n{}",
        config("all", &upstream.address.to_string())
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    for alpn in ["h2", "http/1.1"] {
        let client = TlsClient::new(&authority, "a.test", &[alpn]);
        for (origin, status) in [("https://a.test", 200), ("http://a.test", 403)] {
            let fields = [("Origin", origin)];
            let response = run(client.exchange(gateway.address, "POST", &fields));
            let response = response.expect("an answer");
            assert_eq!(response.status, status, "{alpn} {origin}");
        }
    }
}
