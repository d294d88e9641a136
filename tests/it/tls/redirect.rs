//! `https_redirect_port`: everything but preflights is sent to https.

use super::{ORIGIN, Site};
use crate::support::{Client, Http2Client, LANES};

#[test]
fn requests_are_sent_to_https_and_preflights_answered() {
    let preflight = format!("Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n");
    for lane in LANES {
        for (port, shown) in [(443, ""), (8443, ":8443")] {
            let listeners = format!("- {{ address: '127.0.0.1:0', https_redirect_port: {port} }}");
            let site = Site::start_with(lane, &listeners, "");
            let to = |rest: &str| Some(format!("https://a.test{shown}{rest}"));
            for (line, fields, status, location) in [
                ("GET / HTTP/1.1", "Host: a.test\r\n", 308, to("/")),
                (
                    "GET /a?b=c&d HTTP/1.1",
                    "Host: a.test:8080\r\n",
                    308,
                    to("/a?b=c&d"),
                ),
                ("GET /a? HTTP/1.1", "Host: a.test\r\n", 308, to("/a?")),
                ("GET /%2e/%C3%A4 HTTP/1.1", "Host: a.test\r\n", 400, None),
                (
                    "GET /%C3%A4//x; HTTP/1.1",
                    "Host: a.test\r\n",
                    308,
                    to("/%C3%A4//x;"),
                ),
                (
                    "POST /a HTTP/1.1",
                    "Host: a.test\r\nContent-Length: 0\r\n",
                    308,
                    to("/a"),
                ),
                (
                    "GET http://a.test/b HTTP/1.1",
                    "Host: a.test\r\n",
                    308,
                    to("/b"),
                ),
                ("GET /nowhere HTTP/1.0", "", 400, None),
                (
                    "GET /no HTTP/1.1",
                    "Host: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
                    308,
                    to("/no"),
                ),
                // Its policy rejects it, but it is not a preflight.
                ("OPTIONS / HTTP/1.1", "Host: a.test\r\n", 308, to("/")),
                ("OPTIONS * HTTP/1.1", "Host: a.test\r\n", 204, None),
                (
                    "OPTIONS / HTTP/1.1",
                    &format!("Host: a.test\r\n{preflight}"),
                    204,
                    None,
                ),
                (
                    "OPTIONS / HTTP/1.1",
                    &format!("Host: a.test\r\n{}", preflight.replace("app", "bad")),
                    403,
                    None,
                ),
            ] {
                let request = format!("{line}\r\n{fields}\r\n");
                let response = Client::connect(site.gateway.address).exchange(&request);
                assert_eq!(response.status, status, "{lane}: {request}");
                assert_eq!(response.get("location"), location, "{lane}: {request}");
            }
            assert!(site.upstream.received().is_empty());
        }
    }
}

#[test]
fn the_redirect_carries_cors_headers() {
    let site = Site::start("- { address: '127.0.0.1:0', https_redirect_port: 443 }");
    let request = format!("GET /x HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\r\n");
    let http1 = Client::connect(site.gateway.address).exchange(&request);
    let http2 = Http2Client::connect(site.gateway.address).exchange("GET", &[("origin", ORIGIN)]);
    for response in [http1, http2.expect("an answer")] {
        super::assert_allowed("redirect", &response, 308);
        assert_eq!(response.get("vary").as_deref(), Some("Origin"));
    }
}
