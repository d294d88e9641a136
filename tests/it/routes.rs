//! Requests that the gateway and the server behind it could understand differently, and responses that
//! depend on the header by which their route was chosen.

use crate::support::{Answer, Client, Gateway, Refusing, Upstream, WITH_LANE, WITHOUT_LANE};

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

/// A gateway with a route by header, before an upstream with a Vary of its own.
fn versions(server: &str, upstream: &Upstream, cors: &str) -> Gateway {
    let gone = Refusing::new();
    let config = format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }}, gone: {{ endpoints: ['{}'] }} }}\n\
         policies: {{ open: {{ allow_origins: ['{PUBLIC}'], allow_methods: [PUT] }} }}\n\
         routes:\n\
         - {{ name: v2, match: {{ path_prefix: /v, headers: {{ X-Version: '2' }} }}, upstream: u, cors: {cors} }}\n\
         - {{ name: v1, match: {{ path_prefix: /v }}, upstream: u, cors: {cors} }}\n\
         - {{ name: only, match: {{ path_prefix: /only, headers: {{ x-key: k }} }}, upstream: gone, cors: {cors} }}\n\
         - {{ name: plain, match: {{ path_prefix: /plain }}, upstream: u, cors: {cors} }}\n",
        upstream.address, gone.address
    );
    Gateway::start_with(server, &config)
}

#[test]
fn a_response_says_by_which_header_its_route_was_chosen() {
    let own = |vary: &str| Answer::new(200, &[("Vary".to_owned(), vary.to_owned())]);
    for (cors, of_policy) in [("open", ", Origin"), ("off", ""), ("passthrough", "")] {
        for (upstream, of_upstream) in [
            (
                Upstream::start(own("Accept-Encoding, X-VERSION")),
                "Accept-Encoding, X-VERSION",
            ),
            (Upstream::start(own("Accept-Encoding")), "Accept-Encoding"),
        ] {
            in_both_lanes(|server| {
                let gateway = versions(server, &upstream, cors);
                let vary = |request: &str| gateway.send(request).get("vary");
                let by_header = match of_upstream {
                    "Accept-Encoding" => format!("{of_upstream}{of_policy}, x-version"),
                    _ => format!("{of_upstream}{of_policy}"),
                };
                for fields in ["x-version: 2\r\n\r\n", "x-version: 3\r\n\r\n", "\r\n"] {
                    let request = get("/v").replace("\r\n\r\n", &format!("\r\n{fields}"));
                    assert_eq!(vary(&request).as_ref(), Some(&by_header), "{cors} {fields}");
                }
                let plain = format!("{of_upstream}{of_policy}");
                assert_eq!(vary(&get("/plain")), Some(plain), "{cors}");
            });
        }
    }
}

#[test]
fn so_do_the_gateways_own_answers_but_not_those_to_preflights() {
    let upstream = Upstream::start(Answer::ok());
    in_both_lanes(|server| {
        let gateway = versions(server, &upstream, "open");
        let missing = gateway.send(&get("/only"));
        assert_eq!(
            (missing.status, missing.get("vary").as_deref()),
            (404, Some("x-key"))
        );
        let failed = gateway.send(&get("/only").replace("\r\n\r\n", "\r\nx-key: k\r\n\r\n"));
        assert_eq!(
            (failed.status, failed.get("vary").as_deref()),
            (502, Some("Origin, x-key"))
        );
        assert_eq!(gateway.send(&get("/other")).get("vary"), None);
        let asked = gateway.send(&preflight("/v"));
        assert_eq!(asked.status, 204);
        let of_preflights = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        assert_eq!(asked.get("vary").as_deref(), Some(of_preflights));
    });
}
