//! Where a request's body ends: one reading on both sides of the gateway, or none. Each test runs with
//! the express lane and without it.

use crate::support::{Client, Gateway, HTTP2_START, LANES, Recorder, Response, frame};
use std::io::{Read, Write};
use std::net::TcpStream;

const ORIGIN: &str = "https://app.example.com";
const SENTINEL: &str = "GET /sentinel HTTP/1.1\r\nHost: a.test\r\n\r\n";

const REFUSED: &str = "corsgate_requests_refused_total{reason=\"malformed\",route=\"r\"}";
const UNROUTED: &str = "corsgate_requests_refused_total{reason=\"malformed\",route=\"unmatched\"}";

/// Runs with a gateway in front of an upstream that keeps every byte.
fn in_both_lanes(run: impl Fn(&Gateway, &Recorder)) {
    for server in LANES {
        let upstream = Recorder::start();
        let gateway = Gateway::start_with(
            server,
            &format!(
                "upstreams: {{ u: {{ endpoints: ['{}'] }} }}\n\
                 routes:\n\
                 - name: r\n  match: {{ hosts: [a.test] }}\n  upstream: u\n  \
                   cors: {{ allow_origins: ['{ORIGIN}'], allow_methods: [PUT] }}\n",
                upstream.address
            ),
        );
        run(&gateway, &upstream);
    }
}

/// The bytes that have reached the upstream, each connection's by itself. All that the gateway has
/// connected before is among them: the sentinel's connection is the last.
fn received(gateway: &Gateway, upstream: &Recorder) -> Vec<Vec<u8>> {
    assert_eq!(gateway.send(SENTINEL).status, 200);
    let mut received = upstream.received();
    let sentinel = received.pop().expect("the sentinel");
    assert!(sentinel.starts_with(b"GET /sentinel "));
    received
}

fn assert_allowed(response: &Response) {
    let allowed = response.get("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some(ORIGIN), "{response:?}");
}

/// Asserts what became of a request: its lines of framing, and the bytes behind the header.
fn assert_framed(received: &[u8], framing: &[&str], body: &str) {
    let text = String::from_utf8_lossy(received).into_owned();
    let (head, found) = text.split_once("\r\n\r\n").expect("a header");
    let lines: Vec<&str> = head
        .lines()
        .filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            let name = name.replace('_', "-").to_ascii_lowercase();
            matches!(&*name, "content-length" | "transfer-encoding" | "trailer")
        })
        .collect();
    assert_eq!((lines.as_slice(), found), (framing, body), "{text}");
}

#[test]
fn one_framing_goes_upstream_and_the_gateway_has_written_it() {
    const CHUNKED: &[&str] = &["Transfer-Encoding: chunked"];
    in_both_lanes(|gateway, upstream| {
        let rows: &[(&str, &str, &[&str], &str)] = &[
            ("GET / HTTP/1.1", "\r\n", &[], ""),
            ("POST / HTTP/1.1", "\r\n", &[], ""),
            (
                "POST / HTTP/1.1",
                "Content-Length: 0\r\n\r\n",
                &["Content-Length: 0"],
                "",
            ),
            (
                "POST / HTTP/1.1",
                "content-length:\t5 \r\n\r\nhello",
                &["content-length: 5"],
                "hello",
            ),
            (
                "POST / HTTP/1.1",
                "Content-Length: 010\r\n\r\n0123456789",
                &["Content-Length: 10"],
                "0123456789",
            ),
            (
                "POST / HTTP/1.1",
                "Content-Length: 00\r\n\r\n",
                &["Content-Length: 0"],
                "",
            ),
            (
                "POST / HTTP/1.0",
                "Content-Length: 5\r\n\r\nhello",
                &["Content-Length: 5"],
                "hello",
            ),
            (
                "POST / HTTP/1.1",
                "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
                CHUNKED,
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            (
                "POST / HTTP/1.1",
                "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
                CHUNKED,
                "0\r\n\r\n",
            ),
            (
                "POST / HTTP/1.1",
                "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 0005 ;a=\"b\"\r\nhello\r\n000;c\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
                CHUNKED,
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            (
                "POST / HTTP/1.1",
                "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\nC\r\n0\r\n\r\nGET / H\r\n0\r\n\r\n",
                CHUNKED,
                "C\r\n0\r\n\r\nGET / H\r\n0\r\n\r\n",
            ),
        ];
        for (line, rest, ..) in rows {
            let request = format!("{line}\r\nHost: a.test\r\n{rest}");
            assert_eq!(gateway.send(&request).status, 200, "{request:?}");
        }
        let received = received(gateway, upstream);
        assert_eq!(received.len(), rows.len());
        for ((_, _, framing, body), received) in rows.iter().zip(&received) {
            assert_framed(received, framing, body);
        }
    });
}

/// Statements about a body that a request may not make, as lines of its header.
const UNCERTAIN: &[&str] = &[
    "Content-Length: 5, 5",
    "Content-Length: 5,",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\ncontent-length: 6",
    "Content-Length: 0\r\nX: y\r\nContent-Length: 0",
    "Content-Length: +5",
    "Content-Length: -5",
    "Content-Length: 0x5",
    "Content-Length: 5 5",
    "Content-Length: 5;",
    "Content-Length: ",
    "Content-Length: 99999999999999999999",
    "Content_Length: 5",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, gzip",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: ",
    "Transfer-Encoding: ,chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: 5\r\nTransfer-Encoding: identity",
];

#[test]
fn a_body_whose_end_is_not_certain_is_refused_where_a_script_can_read_it() {
    in_both_lanes(|gateway, upstream| {
        let preflight = "Access-Control-Request-Method: PUT\r\n";
        for (number, framing) in UNCERTAIN.iter().enumerate() {
            for (line, more) in [
                ("POST / HTTP/1.1", ""),
                ("GET / HTTP/1.1", ""),
                ("POST / HTTP/1.0", ""),
                ("POST /a|b HTTP/1.1", ""),
                ("OPTIONS / HTTP/1.1", preflight),
            ] {
                let mut client = Client::connect(gateway.address);
                let request = format!(
                    "{line}\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n{more}{framing}\r\n\r\n0\r\n\r\n{SENTINEL}"
                );
                client.write(request.as_bytes());
                let response = client.read(false).expect("an answer");
                assert_eq!(response.status, 400, "{request:?}");
                assert_allowed(&response);
                assert_eq!(response.get("connection").as_deref(), Some("close"));
                assert!(client.is_closed(), "{request:?}");
            }
            gateway.wait_for_metric(REFUSED, 5.0 * (number + 1) as f64);
        }
        assert!(received(gateway, upstream).is_empty());
    });
}

#[test]
fn http_1_0_has_no_transfer_codings() {
    in_both_lanes(|gateway, upstream| {
        let request =
            "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(gateway.send(request).status, 400);
        assert!(received(gateway, upstream).is_empty());
    });
}

/// Bodies in chunks that are not quite, and what of them may reach the upstream.
const MALFORMED: &[(&str, &str)] = &[
    ("\r\nhello\r\n0\r\n\r\n", ""),
    (";x\r\nhello\r\n0\r\n\r\n", ""),
    ("zz\r\n", ""),
    ("-5\r\nhello\r\n0\r\n\r\n", ""),
    ("+5\r\nhello\r\n0\r\n\r\n", ""),
    ("0x5\r\nhello\r\n0\r\n\r\n", ""),
    (" 5\r\nhello\r\n0\r\n\r\n", ""),
    ("5 \r\nhello\r\n0\r\n\r\n", ""),
    ("5\nhello\r\n0\r\n\r\n", ""),
    ("5\rhello\r\n0\r\n\r\n", ""),
    ("5\r\r\nhello\r\n0\r\n\r\n", ""),
    ("5;a\nb\r\nhello\r\n0\r\n\r\n", ""),
    ("5;a\rb\r\nhello\r\n0\r\n\r\n", ""),
    ("5;a=\0\r\nhello\r\n0\r\n\r\n", ""),
    ("5;a=\"\u{1}\"\r\nhello\r\n0\r\n\r\n", ""),
    ("ffffffffffffffff\r\nhello\r\n0\r\n\r\n", ""),
    ("10000000000000005\r\nhello\r\n0\r\n\r\n", ""),
    ("00000000000000005\r\nhello\r\n0\r\n\r\n", ""),
    ("3\r\nabcd\r\n0\r\n\r\n", ""),
    ("5\r\nhello0\r\n\r\n", ""),
    ("5\r\nhello\n0\r\n\r\n", ""),
    ("1\r\na\r\n5\nhello\r\n0\r\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n\r\n0\r\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\r\n\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\r\nX: y\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\r\nX: \0\r\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\r\n X: y\r\n\r\n", "1\r\na\r\n"),
    ("1\r\na\r\n0\r\nGET / HTTP/1.1\r\n\r\n", "1\r\na\r\n"),
];

#[test]
fn a_malformed_chunk_is_refused_and_never_passed_on() {
    in_both_lanes(|gateway, upstream| {
        for (number, (body, _)) in MALFORMED.iter().enumerate() {
            let mut client = Client::connect(gateway.address);
            let request = format!(
                "POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: {ORIGIN}\r\n\
                 Transfer-Encoding: chunked\r\n\r\n{body}{SENTINEL}"
            );
            client.write(request.as_bytes());
            let response = client.read(false).expect("an answer");
            assert_eq!(response.status, 400, "{body:?}");
            assert_allowed(&response);
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed(), "{body:?}");
            gateway.wait_for_metric(REFUSED, (number + 1) as f64);
        }
        let received = received(gateway, upstream);
        assert_eq!(received.len(), MALFORMED.len());
        for ((body, passed_on), received) in MALFORMED.iter().zip(received) {
            let end = received.windows(4).position(|w| w == b"\r\n\r\n");
            let found = &received[end.expect("a header") + 4..];
            // The first chunk may not have been sent by the time that the second was found.
            assert!(
                found.is_empty() || found == passed_on.as_bytes(),
                "{body:?}: {}",
                found.escape_ascii()
            );
        }
    });
}

#[test]
fn a_malformed_chunk_that_comes_late_is_refused_as_well() {
    in_both_lanes(|gateway, upstream| {
        let mut client = Client::connect(gateway.address);
        let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write(head.as_bytes());
        for piece in ["5\r\nhe", "llo\r\n", "5;x", "=\0\r\n"] {
            client.write(piece.as_bytes());
        }
        assert_eq!(client.read(false).expect("an answer").status, 400);
        let received = received(gateway, upstream);
        let whole = b"\r\n0\r\n\r\n";
        assert!(!received[0].windows(whole.len()).any(|w| w == whole));
    });
}

/// Requests that are not HTTP/1, or that pingora would answer by itself.
const UNREADABLE: &[&str] = &[
    "GET / HTTP/1.1\nHost: a.test\n\n",
    "GET / HTTP/1.1\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\n\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\nContent-Length: 5\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nX\0: a\r\n\r\n",
    "\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "\r\n\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "\rGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    " GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET\t/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1 \r\nHost: a.test\r\n\r\n",
    "GET /\u{7f} HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /` HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
    "G@T / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/0.9\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.2\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n",
    "GET / http/1.1\r\nHost: a.test\r\n\r\n",
    "GET / ICY\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
    "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nno colon\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\n: no name\r\n\r\n",
    "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET http:///x HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET http:a.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "\u{16}\u{3}\u{1}\0\u{5}hello",
    "SSH-2.0-x\r\n\r\n",
];

#[test]
fn what_cannot_be_read_is_refused_and_counted_and_pingora_is_not_named() {
    in_both_lanes(|gateway, upstream| {
        for (number, request) in UNREADABLE.iter().enumerate() {
            let mut client = Client::connect(gateway.address);
            client.write(request.as_bytes());
            let response = client.read(false).expect("an answer");
            assert_eq!(response.status, 400, "{request:?}");
            assert_eq!(response.get("server"), None, "{request:?}");
            assert_eq!(response.get("connection").as_deref(), Some("close"));
            assert!(client.is_closed(), "{request:?}");
            gateway.wait_for_metric(UNROUTED, (number + 1) as f64);
        }
        let counted = "corsgate_requests_total{code=\"4xx\",kind=\"request\",route=\"unmatched\"}";
        gateway.wait_for_metric(counted, UNREADABLE.len() as f64);
        assert!(received(gateway, upstream).is_empty());
    });
}

#[test]
fn a_target_that_pingora_does_not_take_is_refused_and_counted() {
    in_both_lanes(|gateway, _| {
        // Every byte that httparse takes in a target: what pingora makes of it is not guessed here.
        for byte in (0x21..0x7f).map(char::from).filter(|&byte| byte != '#') {
            for target in [
                format!("/a{byte}b"),
                format!("http://a.test/{byte}"),
                format!("{byte}"),
            ] {
                let request = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
                let response = gateway.send(&request);
                assert_eq!(response.get("server"), None, "{request:?}");
                assert!(matches!(response.status, 200 | 400), "{request:?}");
            }
        }
    });
}

/// Sends a request with these fields, which no client library would send, and a body; returns what it
/// was answered with: a status, or `None` if the stream was reset.
fn ask_http2(gateway: &Gateway, fields: &[(&str, &str)], body: &[u8]) -> Option<u16> {
    ask_http2_in_pieces(gateway, fields, &[body])
}

/// Does the same with a body in several DATA frames.
fn ask_http2_in_pieces(
    gateway: &Gateway,
    fields: &[(&str, &str)],
    pieces: &[&[u8]],
) -> Option<u16> {
    let pseudo = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a.test"),
    ];
    let mut block = Vec::new();
    for (name, value) in pseudo.iter().chain(fields) {
        // Literal, without indexing, with a new name: RFC 7541 §6.2.2.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("it is short"));
            block.extend(text.as_bytes());
        }
    }
    let mut stream = TcpStream::connect(gateway.address).expect("it listens");
    let mut sent = [HTTP2_START, &frame(1, 4, 1, &block)].concat();
    for (index, piece) in pieces.iter().enumerate() {
        let ends_stream = u8::from(index + 1 == pieces.len());
        sent.extend(frame(0, ends_stream, 1, piece));
    }
    stream.write_all(&sent).expect("it reads");
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).expect("a frame");
        let [a, b, c, kind, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).expect("its payload");
        match kind {
            // :status is the first field: 200 and 400 are in HPACK's table.
            1 => match payload[0] {
                0x88 => return Some(200),
                0x8c => return Some(400),
                other => panic!("a status that is not expected: {other}"),
            },
            3 => return None,
            7 => panic!("the connection ends: {payload:?}"),
            _ => {}
        }
    }
}

#[test]
fn what_http_2_says_about_a_body_is_held_to_the_same() {
    const CHUNKED: [&str; 1] = ["Transfer-Encoding: chunked"];
    in_both_lanes(|gateway, upstream| {
        for (fields, body) in [
            (&[("content-length", "5, 5")][..], b"hello".as_slice()),
            (
                &[("content-length", "5"), ("content-length", "5")],
                b"hello",
            ),
            (
                &[("content-length", "5"), ("content-length", "6")],
                b"hello",
            ),
            (&[("content-length", "+5")], b"hello"),
            (&[("content-length", "")], b""),
            (&[("content_length", "5")], b"hello"),
            (&[("transfer_encoding", "chunked")], b"hello"),
            (&[("transfer-encoding", "chunked")], b"hello"),
            (&[("transfer-encoding", "identity")], b"hello"),
            (&[("connection", "close")], b""),
            (&[("connection", "content-length")], b"hello"),
            (&[("keep-alive", "timeout=5")], b""),
            (&[("proxy-connection", "keep-alive")], b""),
            (&[("upgrade", "websocket")], b""),
            (&[("te", "gzip")], b""),
            (&[("host", "b.test")], b""),
            (&[("host", "a.test"), ("host", "a.test")], b""),
        ] {
            let answer = ask_http2(gateway, fields, body);
            assert!(matches!(answer, None | Some(400)), "{fields:?}: {answer:?}");
        }
        assert!(received(gateway, upstream).is_empty());
    });
    in_both_lanes(|gateway, upstream| {
        // Longer or shorter than it says: the upstream gets no whole request.
        for body in [b"hell".as_slice(), b"hello!"] {
            let answer = ask_http2(gateway, &[("content-length", "5")], body);
            assert!(!matches!(answer, Some(200)), "{answer:?}");
        }
        let rows = [
            (
                Some(("content-length", "5")),
                "hello",
                ["Content-Length: 5"],
                "hello",
            ),
            (None, "hello", CHUNKED, "5\r\nhello\r\n0\r\n\r\n"),
            (
                Some(("te", "trailers")),
                "a",
                CHUNKED,
                "1\r\na\r\n0\r\n\r\n",
            ),
        ];
        for (field, body, ..) in &rows {
            let answer = ask_http2(gateway, field.as_slice(), body.as_bytes());
            assert_eq!(answer, Some(200), "{field:?}");
        }
        let received = received(gateway, upstream);
        let cut_off = received.len() - rows.len();
        for received in &received[..cut_off] {
            assert!(!received.ends_with(b"hello"), "{}", received.escape_ascii());
        }
        for ((.., framing, body), received) in rows.iter().zip(&received[cut_off..]) {
            assert_framed(received, framing, body);
        }
    });
}

#[test]
fn a_stream_that_pingora_rejects_is_counted() {
    in_both_lanes(|gateway, _| {
        for fields in [
            &[("host", "b.test")][..],
            &[("host", "a.test"), ("host", "a.test")],
        ] {
            assert_eq!(ask_http2(gateway, fields, b""), Some(400), "{fields:?}");
        }
        gateway.wait_for_metric(UNROUTED, 2.0);
    });
}

#[test]
fn a_body_that_ends_with_an_empty_frame_ends_once() {
    in_both_lanes(|gateway, upstream| {
        let rows: [(&[&[u8]], &str); 5] = [
            (&[b"hello", b""], "5\r\nhello\r\n0\r\n\r\n"),
            (&[b""], "0\r\n\r\n"),
            (&[b"", b""], "0\r\n\r\n"),
            (&[b"", b"a", b"", b""], "1\r\na\r\n0\r\n\r\n"),
            (&[b"a", b"", b"b"], "1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
        ];
        for (pieces, _) in rows {
            assert_eq!(ask_http2_in_pieces(gateway, &[], pieces), Some(200));
        }
        let received = received(gateway, upstream);
        for ((_, body), received) in rows.iter().zip(&received) {
            assert_framed(received, &["Transfer-Encoding: chunked"], body);
        }
    });
}
