//! Upstreams with `respond`: the gateway gives their answer itself. `tests/cases/respond.yaml` has which requests get it,
//! and with which CORS headers.

use crate::support::{
    Answer, Client, Folder, Gateway, Http2Client, LANES, Response, Upstream, http2, run,
};
use bytes::Bytes;

const BODY: &str = r#"{"code": 404, "message": "no such path"}"#;

const CONFIG: &str = r#"
upstreams:
  u: { endpoints: ['BACKEND'] }
  not-found: { respond: { status: 404, body: '{"code": 404, "message": "no such path"}' } }
  not-allowed: { respond: { status: 405 } }
  busy: { respond: { status: 503, body: '{}' } }
policies: { p: { allow_origins: [https://app.example.com] } }
routes:
  - { name: api, match: { path_prefix: /v1 }, upstream: u, cors: p }
  - { name: rest, fallback: true, upstream: not-found, cors: p, max_request_body_bytes: 100KiB }
  - { name: not-allowed, match: { path: /not-allowed }, upstream: not-allowed, cors: p }
  - { name: busy, match: { path: /busy }, upstream: busy, cors: p }
  - { name: pass, match: { path: /pass }, upstream: not-found, cors: passthrough }
"#;

/// Runs with the express lane and without it.
fn with_each_lane(run: impl Fn(&Gateway)) {
    for server in LANES {
        let upstream = Upstream::start(Answer::ok());
        let config = CONFIG.replace("BACKEND", &upstream.address.to_string());
        run(&Gateway::start_with(server, &config));
        assert_eq!(upstream.received().len(), 0, "no server is asked");
    }
}

fn request(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a.test\r\nOrigin: https://app.example.com\r\n{more}")
}

fn check_not_found(response: &Response, body: &str) {
    assert_eq!((response.status, response.body.as_str()), (404, body));
    let field = |name: &str| response.get(name).unwrap_or_default();
    assert_eq!(field("content-length"), BODY.len().to_string());
    assert_eq!(field("content-type"), "application/json");
    assert_eq!(
        field("access-control-allow-origin"),
        "https://app.example.com"
    );
}

#[test]
fn the_answer_has_status_and_body_and_the_connection_goes_on() {
    with_each_lane(|gateway| {
        let mut client = Client::connect(gateway.address);
        for _ in 0..2 {
            check_not_found(&client.exchange(&request("GET", "/x", "\r\n")), BODY);
            check_not_found(&client.exchange(&request("HEAD", "/x", "\r\n")), "");
            // The body is read, and not taken for the next request.
            let with_body = "Content-Length: 27\r\n\r\nGET /v1 HTTP/1.1\r\nHost: a\r\n";
            check_not_found(&client.exchange(&request("POST", "/x", with_body)), BODY);
        }
        let preflight = "Access-Control-Request-Method: PUT\r\n\r\n";
        let answer = client.exchange(&request("OPTIONS", "/pass", preflight));
        assert_eq!((answer.status, answer.body.as_str()), (404, BODY));
        assert_eq!(answer.get("access-control-allow-origin"), None);
        check_not_found(&client.exchange(&request("GET", "/x", "\r\n")), BODY);
    });
}

#[test]
fn a_body_that_is_not_read_ends_the_connection_with_the_answer() {
    with_each_lane(|gateway| {
        for more in [
            "Transfer-Encoding: chunked\r\n\r\n1b\r\nGET /v1 HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n",
            "Content-Length: 90000\r\n\r\nGET /v1 HTTP/1.1\r\nHost: a\r\n\r\n",
            "Content-Length: 27\r\nExpect: 100-continue\r\n\r\n",
        ] {
            let mut client = Client::connect(gateway.address);
            check_not_found(&client.exchange(&request("POST", "/x", more)), BODY);
            assert!(client.is_closed(), "{more}");
        }
        let mut client = Client::connect(gateway.address);
        let too_large = "Content-Length: 200000\r\n\r\n";
        assert_eq!(
            client.exchange(&request("POST", "/x", too_large)).status,
            413
        );
    });
}

#[test]
fn the_answer_has_no_field_that_the_operator_has_not_written() {
    with_each_lane(|gateway| {
        let answer = gateway.send(&request("GET", "/not-allowed", "\r\n"));
        assert_eq!((answer.status, answer.body.as_str()), (405, ""));
        for name in ["allow", "content-type"] {
            assert_eq!(answer.get(name), None, "{name}");
        }
        assert_eq!(answer.get("content-length").as_deref(), Some("0"));
        let answer = gateway.send(&request("GET", "/busy", "\r\n"));
        assert_eq!((answer.status, answer.body.as_str()), (503, "{}"));
        assert_eq!(answer.get("retry-after"), None);
    });
}

#[test]
fn the_answer_is_the_same_over_http_2() {
    with_each_lane(|gateway| {
        let mut client = Http2Client::connect(gateway.address);
        let origin = [("origin", "https://app.example.com")];
        for (method, body) in [("GET", BODY), ("HEAD", ""), ("DELETE", BODY)] {
            let answer = client.exchange_at(method, "/x", &origin);
            check_not_found(&answer.expect("an answer"), body);
        }
        let asking = [origin[0], ("access-control-request-method", "PUT")];
        let answer = client.exchange_at("OPTIONS", "/pass", &asking);
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (404, BODY));
        run(post_http2(gateway));
    });
}

/// Sends a body of which the gateway reads nothing, and asks once more on the same connection.
async fn post_http2(gateway: &Gateway) {
    let mut client = http2(gateway.address).await;
    for _ in 0..2 {
        let request = http::Request::post("http://a.test/x");
        let request = request.body(()).expect("a request");
        let (response, mut body) = client.send_request(request, false).expect("a stream");
        body.send_data(Bytes::from_static(b"{}"), false)
            .expect("room");
        let response = response.await.expect("an answer");
        assert_eq!(response.status(), 404);
        let mut content = response.into_body();
        let content = content.data().await.expect("a body").expect("no reset");
        assert_eq!(content, BODY);
    }
}

#[test]
fn requests_are_counted_by_their_route_and_no_upstream_is() {
    with_each_lane(|gateway| {
        gateway.send(&request("GET", "/x", "\r\n"));
        gateway.send(&request("PUT", "/x", "\r\n"));
        gateway.wait_for_metric(
            r#"corsgate_requests_total{code="4xx",kind="request",route="rest"}"#,
            2.0,
        );
        for page in [
            gateway.metrics(),
            gateway.ask_admin("GET /upstreams").body,
            gateway.ask_admin("GET /upstreams?format=json").body,
        ] {
            assert!(!page.contains("not-found"), "{page}");
        }
        assert!(gateway.metrics().contains(r#"upstream="u""#));
    });
}

#[test]
fn a_reload_makes_of_servers_an_answer_and_of_the_answer_servers() {
    let upstream = Upstream::start(Answer::ok());
    let folder = Folder::new();
    let text = |upstream: &str| {
        format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             upstreams: {{ it: {upstream} }}\nroutes: [{{ name: r, upstream: it, cors: off }}]\n"
        )
    };
    let servers = text(&format!("{{ endpoints: ['{}'] }}", upstream.address));
    let answer = text("{ respond: { status: 410 } }");
    let gateway = Gateway::of_file(&folder.write("gate.yaml", &servers));
    let known = r#"upstream="it""#;
    for (text, status) in [(&servers, 200), (&answer, 410), (&servers, 200)] {
        folder.replace("gate.yaml", text);
        assert_eq!(gateway.ask_admin("POST /reload").status, 200);
        assert_eq!(gateway.send(&request("GET", "/", "\r\n")).status, status);
        assert_eq!(gateway.metrics().contains(known), status == 200, "{text}");
    }
}
