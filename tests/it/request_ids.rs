//! The id of a request: the same for the client, the upstream and the log.

use crate::support::{Answer, Client, Gateway, LANES, Response, Upstream};

const FIELD: &str = "x-request-id";

fn start(lane: &str, upstream: &Upstream) -> Gateway {
    Gateway::start_with(
        lane,
        &format!(
            "upstreams: {{ u: {{ endpoints: ['{}'] }}, gone: {{ endpoints: ['127.0.0.1:1'], retries: 0 }} }}\n\
             policies: {{ p: {{ allow_origins: [https://app.example.com] }} }}\n\
             routes:\n\
             - {{ name: r, match: {{ path_prefix: /r }}, upstream: u, cors: p }}\n\
             - {{ name: through, match: {{ path_prefix: /through }}, upstream: u, cors: passthrough }}\n\
             - {{ name: gone, match: {{ path_prefix: /gone }}, upstream: gone, cors: p }}\n",
            upstream.address
        ),
    )
}

fn ask(gateway: &Gateway, line: &str, more: &str) -> Response {
    let request = format!("{line} HTTP/1.1\r\nHost: a\r\n{more}\r\n");
    Client::connect(gateway.address).exchange(&request)
}

const PREFLIGHT: &str = "Origin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n";

#[test]
fn client_and_upstream_are_told_the_same_id() {
    // The upstream has an idea of its own, which does not count.
    let fields = [("X-Request-Id".to_owned(), "theirs".to_owned())];
    let upstream = Upstream::start(Answer::new(200, &fields));
    for lane in LANES {
        let gateway = start(lane, &upstream);
        let mut cases = vec![
            // The request line; its own fields; whether its id is kept.
            ("GET /r", "X-Request-Id: own-1\r\n", true),
            ("GET /r", "X-Request-Id: \"own\"\r\n", false),
            ("GET /r", "X-Request-Id: a\r\nX-Request-Id: b\r\n", false),
            ("GET /r", "", false),
        ];
        let preflight = format!("X-Request-Id: own-2\r\n{PREFLIGHT}");
        cases.push(("OPTIONS /through", &preflight, true));
        for (line, more, is_kept) in cases {
            let answer = ask(&gateway, line, more);
            assert_eq!(answer.status, 200);
            let told = answer.get(FIELD).expect("the client is told");
            let received = upstream.received().pop().expect("it reached the upstream");
            assert_eq!(received.get(FIELD).as_ref(), Some(&told));
            assert_eq!(more.contains(&told), is_kept, "{more}: {told}");
            assert_eq!(told.len() == 36, !is_kept, "{told}");
        }
    }
}

#[test]
fn the_gateways_own_answers_tell_it_but_to_preflights() {
    let upstream = Upstream::start(Answer::ok());
    for lane in LANES {
        let gateway = start(lane, &upstream);
        for (line, status) in [
            ("GET /none", 404),
            ("GET /r/../x", 400),
            ("GET /gone", 502),
            ("OPTIONS *", 204),
        ] {
            let answer = ask(&gateway, line, "X-Request-Id: own-1\r\n");
            assert_eq!(answer.status, status, "{line}");
            assert_eq!(answer.get(FIELD).as_deref(), Some("own-1"), "{line}");
        }
        let with_id = format!("X-Request-Id: own-1\r\n{PREFLIGHT}");
        for more in [PREFLIGHT, &with_id] {
            for path in ["/r", "/none"] {
                let answer = ask(&gateway, &format!("OPTIONS {path}"), more);
                assert_eq!(answer.get(FIELD), None, "{path}");
            }
        }
    }
    assert!(upstream.received().is_empty());
}
