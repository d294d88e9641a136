//! Requests that the gateway and the server behind it could understand differently.

use crate::support::{Answer, Client, Gateway, Upstream, WITH_LANE, WITHOUT_LANE};

const PUBLIC: &str = "https://public.example";
const STAFF: &str = "https://staff.example";

/// A gateway with a public site and an administration below `/admin`, each with its own policy or,
/// as `admin` says, with another rule.
fn site(server: &str, upstream: &Upstream, admin: &str) -> Gateway {
    let config = format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         policies:\n  \
           open: {{ allow_origins: ['{PUBLIC}', '{STAFF}'], allow_methods: [PUT] }}\n  \
           staff: {{ allow_origins: ['{STAFF}'], allow_methods: [PUT] }}\n\
         routes:\n\
         - {{ name: all, upstream: u, cors: open }}\n\
         - {{ name: admin, match: {{ path_prefix: /admin }}, upstream: u, cors: {admin} }}\n",
        upstream.address
    );
    Gateway::start_with(server, &config)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\nOrigin: {PUBLIC}\r\n\r\n")
}

fn preflight(target: &str) -> String {
    format!(
        "OPTIONS {target} HTTP/1.1\r\nHost: h\r\nOrigin: {PUBLIC}\r\n\
         Access-Control-Request-Method: PUT\r\n\r\n"
    )
}

fn in_both_lanes(run: impl Fn(&str)) {
    for server in [WITH_LANE, WITHOUT_LANE] {
        run(server);
    }
}

#[test]
fn a_host_that_is_none_is_refused() {
    let upstream = Upstream::start(Answer::ok());
    in_both_lanes(|server| {
        let gateway = site(server, &upstream, "staff");
        for host in [
            "api, evil",
            "api,evil",
            "api evil",
            "api/evil",
            "api\\evil",
            "api;x",
            "api?x",
            "api#x",
            "api:99999",
            "api:x",
            "api:80:80",
            ":80",
            "[api]",
            "[::1",
            "::1",
            "[::1%25eth0]",
            "api%00",
            "api%2e",
            "<b>",
            "user@api",
            "a..b",
            ".a",
            "*.a",
            "b\u{fc}cher",
        ] {
            for request in [get("/x"), preflight("/x")] {
                let request = request.replace("Host: h\r\n", &format!("Host: {host}\r\n"));
                assert_eq!(gateway.send(&request).status, 400, "{host}");
            }
            let old = format!("GET /x HTTP/1.0\r\nHost: {host}\r\n\r\n");
            assert_eq!(gateway.send(&old).status, 400, "{host}");
        }
        for host in [
            "api",
            "API.",
            "api:8080",
            "api:",
            "a_b.c",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:80",
        ] {
            for (request, status) in [(get("/x"), 200), (preflight("/x"), 204)] {
                let request = request.replace("Host: h\r\n", &format!("Host: {host}\r\n"));
                assert_eq!(gateway.send(&request).status, status, "{host}");
            }
        }
    });
}

#[test]
fn absolute_form_is_served_with_and_without_the_default_port() {
    let upstream = Upstream::start(Answer::ok());
    in_both_lanes(|server| {
        let gateway = site(server, &upstream, "staff");
        for (target, host, status) in [
            ("http://h:80/", "h", 200),
            ("http://h/", "h:80", 200),
            ("http://h:/", "h", 200),
            ("http://H/", "h:80", 200),
            ("https://h:443/", "h", 200),
            ("http://h:80", "h", 200),
            ("http://h:443/", "h", 400),
            ("http://h:8080/", "h", 400),
            ("http://evil/", "h", 400),
            ("http://u@h:80/", "h", 400),
        ] {
            let get = get(target).replace("Host: h\r\n", &format!("Host: {host}\r\n"));
            let response = gateway.send(&get);
            assert_eq!(response.status, status, "{target} with {host}");
            let asked = preflight(target).replace("Host: h\r\n", &format!("Host: {host}\r\n"));
            let expected = if status == 200 { 204 } else { 400 };
            assert_eq!(
                gateway.send(&asked).status,
                expected,
                "{target} with {host}"
            );
        }
        let received = upstream.received().pop().expect("requests");
        assert_eq!(received.target, "/");
        assert_eq!(received.get("host").as_deref(), Some("h:80"));
        // The connection is kept, and the next request is read where the first ends.
        let mut client = Client::connect(gateway.address);
        let both = format!(
            "{}{}",
            get("http://h:80/").replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\nab"),
            get("/")
        );
        client.write(both.as_bytes());
        assert_eq!(
            client.read(false).map(|response| response.status),
            Some(200)
        );
        assert_eq!(
            client.read(false).map(|response| response.status),
            Some(200)
        );
    });
}
