//! Requests that the gateway and the server behind it could understand differently: odd paths, odd
//! hosts, and responses that depend on the header by which their route was chosen.

use crate::support::{Answer, Client, Gateway, LANES, Refusing, Upstream, WITH_LANE, http2, run};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

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
    for server in LANES {
        run(server);
    }
}

/// `tests/readings/served.yaml`.
#[derive(Deserialize)]
struct Table {
    versions: BTreeMap<String, String>,
    paths: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    path: String,
    /// The file that each server sends.
    served: BTreeMap<String, Option<String>>,
}

fn table() -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readings/served.yaml");
    let text = std::fs::read_to_string(path).expect("readable");
    let table: Table = serde_yaml::from_str(&text).expect("the form of the table");
    for server in ["nginx", "envoy_normalizing", "python_files", "node_url"] {
        assert!(table.versions.contains_key(server), "{server}");
    }
    assert!(table.paths.len() > 60);
    table
}

#[test]
fn what_a_server_reads_as_another_route_is_refused() {
    let upstream = Upstream::start(Answer::ok());
    in_both_lanes(|server| {
        let gateway = site(server, &upstream, "staff");
        for Row { path, served } in table().paths {
            let is_admin = |file: &Option<String>| {
                let file = file.as_deref();
                file.is_some_and(|file| file.starts_with("/admin"))
            };
            let route_is_admin = {
                let response = gateway.send(&get(&path));
                let allowed = response.get("access-control-allow-origin");
                // Both policies allow STAFF; only the administration's refuses PUBLIC.
                allowed.is_none() && response.status == 200
            };
            if !route_is_admin && served.values().any(is_admin) {
                let by: Vec<_> = served.iter().filter(|(_, file)| is_admin(file)).collect();
                let response = gateway.send(&get(&path));
                assert_eq!(response.status, 400, "{path} is served by {by:?}");
                assert_eq!(gateway.send(&preflight(&path)).status, 400, "{path}");
            }
        }
        let refused = gateway.metrics();
        let series = "corsgate_requests_refused_total{reason=\"ambiguous_path\",route=\"all\"}";
        assert!(gateway.metric(series) > 20.0, "{refused}");
    });
}

#[test]
fn what_a_server_reads_as_another_template_is_refused() {
    let upstream = Upstream::start(Answer::ok());
    let config = format!(
        "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
         policies:\n  \
           open: {{ allow_origins: ['{PUBLIC}', '{STAFF}'], allow_methods: [PUT] }}\n  \
           staff: {{ allow_origins: ['{STAFF}'], allow_methods: [PUT] }}\n\
         routes:\n\
         - {{ name: shelf, match: {{ path_template: '/shelves/{{shelf}}' }}, upstream: u, cors: open }}\n\
         - {{ name: log, match: {{ path_template: '/shelves/{{shelf}}/log' }}, upstream: u, cors: staff }}\n\
         - {{ name: sell, match: {{ path_template: '/shelves/*:sell' }}, upstream: u, cors: staff }}\n",
        upstream.address
    );
    in_both_lanes(|server| {
        let gateway = Gateway::start_with(server, &config);
        for (path, status) in [
            ("/shelves/7", 200),
            ("/shelves/7/log", 200),
            ("/shelves/7:sell", 200),
            ("/shelves/7%2Flog", 400),
            ("/shelves/7%2flog", 400),
            ("/shelves/7%252Flog", 400),
            ("/shelves//7/log", 400),
            ("/shelves/7;/log", 200),
            ("/shelves/7:sell;x", 400),
            ("/shelves/7:sell%20", 400),
        ] {
            assert_eq!(gateway.send(&get(path)).status, status, "{path}");
        }
    });
}

#[test]
fn where_all_readings_have_one_rule_a_path_passes_untouched() {
    in_both_lanes(|server| {
        let upstream = Upstream::start(Answer::ok());
        let gateway = site(server, &upstream, "open");
        let mut sent = Vec::new();
        for Row { path, .. } in table().paths {
            let response = gateway.send(&get(&path));
            if ["/../", "/%2e%2e/", "/..%2f", "/..%5c", "/..;"]
                .iter()
                .any(|dots| path.contains(dots))
            {
                assert_eq!(response.status, 400, "{path}");
                continue;
            }
            assert_eq!(response.status, 200, "{path}");
            assert_eq!(gateway.send(&preflight(&path)).status, 204, "{path}");
            sent.push(path);
        }
        let received = upstream.received().into_iter().map(|r| r.target);
        let untouched = sent
            .iter()
            .map(|path| path.strip_prefix("http://h").unwrap_or(path));
        assert!(received.eq(untouched));
    });
}

#[test]
fn odd_paths_are_refused_over_http_2_as_well() {
    let upstream = Upstream::start(Answer::ok());
    in_both_lanes(|server| {
        let gateway = site(server, &upstream, "staff");
        run(async {
            let mut client = http2(gateway.address).await;
            for (path, status) in [("//admin/x", 400), ("/admin%2Fx", 400), ("/x//y%2Fz", 200)] {
                for method in ["GET", "OPTIONS"] {
                    let request = http::Request::builder()
                        .method(method)
                        .uri(format!("http://h{path}"))
                        .header("origin", PUBLIC)
                        .header("access-control-request-method", "PUT")
                        .body(())
                        .expect("a request");
                    let (response, _) = client.send_request(request, true).expect("a stream");
                    let expected = match (method, status) {
                        ("OPTIONS", 200) => 204,
                        _ => status,
                    };
                    let response = response.await.expect("an answer");
                    assert_eq!(response.status(), expected, "{method} {path}");
                }
            }
        });
    });
}

#[test]
fn readings_are_compared_by_rule_whatever_the_rule_is() {
    let upstream = Upstream::start(Answer::ok());
    for admin in ["passthrough", "off", "staff"] {
        let gateway = site(WITH_LANE, &upstream, admin);
        for path in [
            "//admin/x",
            "/admin;v=1/x",
            "/;/admin/x",
            "/%2561dmin/x",
            "/admin%252Fx",
            "/admin./x",
            "/admin%20/x",
            "/admin%3Fx",
            "/admin%00x",
            "/public/%252e%252e/admin/x",
            "//h;x%2F/admin.%252Fx",
        ] {
            assert_eq!(gateway.send(&get(path)).status, 400, "{path}, {admin}");
        }
        for path in [
            "/public//x",
            "/public%2Fx;v=1",
            "/x%252Fy",
            "/x./y",
            "/caf%C3%A9%20",
        ] {
            assert_eq!(gateway.send(&get(path)).status, 200, "{path}, {admin}");
        }
    }
}

#[test]
fn a_path_with_more_readings_than_can_be_compared_is_refused_where_rules_differ() {
    let upstream = Upstream::start(Answer::ok());
    let path = format!("/a%2Fb;c//d%5Ce%252Ff./{}", "x".repeat(4000));
    for (admin, status) in [("staff", 400), ("open", 200)] {
        let gateway = site(WITH_LANE, &upstream, admin);
        assert_eq!(gateway.send(&get(&path)).status, status, "{admin}");
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
