//! gRPC-Web, byte for byte: what the backend is asked, and what the client gets.

use super::scripted::{Got, Scripted, Step, VERSIONS, Version, post};
use super::service::{Note, note};
use super::{ORIGIN, Site};
use crate::support::{Client, Gateway, Refusing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use std::net::SocketAddr;

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text";
const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

/// Starts a gateway before `backend`, with more keys in the route.
fn gateway(backend: SocketAddr, route: &str) -> Gateway {
    Gateway::start(&format!(
        "upstreams: {{ notes: {{ endpoints: ['{backend}'], protocol: h2c }} }}\n\
         policies: {{ web: {{ allow_origins: ['{ORIGIN}'], presets: [grpc_web] }} }}\n\
         routes: [{{ name: notes, upstream: notes, cors: web, grpc_web: true, {route} }}]\n"
    ))
}

/// Asks the one backend with the steps, by a gateway.
fn ask(version: Version, steps: &'static [Step], fields: &[(&str, &str)], body: &[&[u8]]) -> Got {
    let gateway = gateway(Scripted::start(steps).address, "");
    let origin = [("origin", ORIGIN)];
    post(version, gateway.address, &[&origin, fields].concat(), body)
}

/// The type, what is accepted, the body; the type that comes back, what the backend gets, and the content
/// that comes back.
type Case<'c> = (
    &'c str,
    &'c str,
    &'c [&'c [u8]],
    &'c str,
    &'c [u8],
    &'c [u8],
);

fn text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[test]
fn a_request_becomes_grpc_and_its_response_grpc_web_in_either_encoding() {
    const STEPS: &[Step] = &[
        Step::Header(
            200,
            &[
                GRPC,
                ("x-more", "1"),
                ("content-length", "10"),
                ("trailer", "grpc-status"),
            ],
        ),
        Step::Data(b"\0\0\0\0\x05hello"),
        Step::Trailers(&[
            ("grpc-status", "0"),
            ("grpc-message", "all%20well"),
            ("x-t-bin", "AAH/"),
        ]),
    ];
    const FRAME: &[u8] =
        b"\x80\0\0\0\x39grpc-status: 0\r\ngrpc-message: all%20well\r\nx-t-bin: AAH/\r\n";
    let message = b"\0\0\0\0\x04abcd";
    for version in VERSIONS {
        let backend = Scripted::start(STEPS);
        let gateway = gateway(backend.address, "");
        let more = [
            ("origin", ORIGIN),
            ("x-grpc-web", "1"),
            ("x-user-agent", "test"),
            ("grpc-timeout", "5S"),
            ("accept-encoding", "gzip, br"),
            ("authorization", "Bearer x"),
        ];
        let (first, second) = (text(&message[..4]), text(&message[4..]));
        let (whole, more_of_it) = (text(message), text(b"\0\0\0\0\0"));
        let padded = [first.as_bytes(), second.as_bytes()];
        let many: Vec<&[u8]> = whole
            .as_bytes()
            .chunks(1)
            .chain([more_of_it.as_bytes()])
            .collect();
        let in_text = [text(b"\0\0\0\0\x05hello"), text(FRAME)].concat();
        let in_binary = [b"\0\0\0\0\x05hello", FRAME].concat();
        let both = [message.as_slice(), b"\0\0\0\0\0"].concat();
        let cases: [Case<'_>; 5] = [
            (BINARY, "*/*", &[message], BINARY, message, &in_binary),
            (
                TEXT,
                TEXT,
                &padded,
                "application/grpc-web-text+proto",
                message,
                in_text.as_bytes(),
            ),
            (
                "application/grpc-web-text+proto",
                "*/*",
                &many,
                "application/grpc-web-text+proto",
                &both,
                in_text.as_bytes(),
            ),
            (
                BINARY,
                "application/grpc-web-text",
                &[message],
                "application/grpc-web-text+proto",
                message,
                in_text.as_bytes(),
            ),
            (
                "application/grpc-web-text+proto",
                "application/grpc-web",
                &[whole.as_bytes()],
                BINARY,
                message,
                &in_binary,
            ),
        ];
        for (content_type, accept, pieces, answered, asked, content) in cases {
            let fields = [
                &more[..],
                &[("content-type", content_type), ("accept", accept)],
            ]
            .concat();
            let got = post(version, gateway.address, &fields, pieces);
            assert_eq!(
                (got.status, got.is_whole),
                (200, true),
                "{content_type} {got:?}"
            );
            assert_eq!(got.get("content-type"), Some(answered), "{content_type}");
            assert_eq!(
                got.body.escape_ascii().to_string(),
                content.escape_ascii().to_string()
            );
            assert_eq!(got.get("x-more"), Some("1"));
            assert_eq!(got.get("content-length"), None);
            assert_eq!(got.get("trailer"), None);
            assert_eq!(got.get("access-control-allow-origin"), Some(ORIGIN));
            let exposed = Some("grpc-status, grpc-message, grpc-status-details-bin");
            assert_eq!(got.get("access-control-expose-headers"), exposed);

            let request = backend.asked().pop().expect("it was asked");
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/test.Notes/Say")
            );
            assert_eq!(
                request.body.escape_ascii().to_string(),
                asked.escape_ascii().to_string()
            );
            let suffix = if content_type == TEXT { "" } else { "+proto" };
            assert_eq!(
                request.headers["content-type"],
                format!("application/grpc{suffix}")
            );
            assert_eq!(request.headers["te"], "trailers");
            assert_eq!(request.headers["grpc-timeout"], "5S");
            assert_eq!(request.headers["authorization"], "Bearer x");
            for gone in [
                "content-length",
                "accept",
                "accept-encoding",
                "transfer-encoding",
            ] {
                assert!(!request.headers.contains_key(gone), "{gone}");
            }
        }
    }
}

#[test]
fn a_response_that_is_only_a_header_keeps_its_status_there() {
    const STEPS: &[Step] = &[Step::Header(
        200,
        &[
            GRPC,
            ("grpc-status", "5"),
            ("grpc-message", "no"),
            ("grpc-status-details-bin", "CAU"),
        ],
    )];
    for version in VERSIONS {
        for content_type in [BINARY, TEXT] {
            let got = ask(version, STEPS, &[("content-type", content_type)], &[]);
            assert_eq!((got.status, got.is_whole), (200, true));
            assert!(
                got.get("content-type")
                    .expect("one")
                    .starts_with(content_type)
            );
            assert_eq!(got.get("grpc-status"), Some("5"));
            assert_eq!(got.get("grpc-message"), Some("no"));
            assert_eq!(got.get("grpc-status-details-bin"), Some("CAU"));
            assert_eq!(got.body, b"");
        }
    }
}

#[test]
fn trailers_without_messages_are_a_frame_all_the_same() {
    const STEPS: &[Step] = &[
        Step::Header(200, &[GRPC]),
        Step::Trailers(&[("grpc-status", "7")]),
    ];
    for version in VERSIONS {
        let got = ask(version, STEPS, &[("content-type", BINARY)], &[]);
        assert_eq!(got.body, b"\x80\0\0\0\x10grpc-status: 7\r\n");
        assert!(got.is_whole);
    }
}

#[test]
fn a_response_that_ends_without_a_status_is_cut_off() {
    const BEGUN: Step = Step::Header(200, &[GRPC]);
    const DATA: Step = Step::Data(b"\0\0\0\0\x05hello");
    for steps in [
        &[BEGUN, DATA, Step::End][..],
        &[BEGUN, DATA, Step::Trailers(&[("x-status", "0")])],
        &[BEGUN, DATA, Step::Reset],
    ] {
        for version in VERSIONS {
            for content_type in [BINARY, TEXT] {
                let got = ask(version, steps, &[("content-type", content_type)], &[]);
                // If it ends at once, there is still time for an answer.
                assert!(!got.is_whole || got.status == 502, "{steps:?} {got:?}");
                assert!(!got.body.contains(&0x80), "{steps:?}");
            }
        }
    }
    // Nothing is missing where the status is in the header, or the response is an error by itself.
    for steps in [
        &[Step::Header(200, &[GRPC, ("grpc-status", "0")]), Step::End][..],
        &[Step::Header(503, &[GRPC]), Step::Data(b"x"), Step::End],
    ] {
        for version in VERSIONS {
            assert!(
                ask(version, steps, &[("content-type", BINARY)], &[]).is_whole,
                "{steps:?}"
            );
        }
    }
}

#[test]
fn responses_that_are_not_grpc_and_requests_that_are_not_grpc_web_pass_as_they_are() {
    const HTML: &[Step] = &[
        Step::Header(
            404,
            &[("content-type", "text/html"), ("content-length", "4")],
        ),
        Step::Data(b"gone"),
        Step::End,
    ];
    const ECHO: &[Step] = &[Step::Header(200, &[GRPC]), Step::Data(b"x"), Step::End];
    const EMPTY: &[Step] = &[Step::Header(204, &[GRPC])];
    for version in VERSIONS {
        let got = ask(version, HTML, &[("content-type", TEXT)], &[]);
        assert_eq!((got.status, got.body.as_slice()), (404, &b"gone"[..]));
        assert_eq!(got.get("content-type"), Some("text/html"));
        assert_eq!(got.get("content-length"), Some("4"));
        let got = ask(version, EMPTY, &[("content-type", TEXT)], &[]);
        assert_eq!(
            (got.status, got.get("content-type")),
            (204, Some("application/grpc+proto"))
        );
        for content_type in [
            "application/json",
            "application/grpc",
            "application/grpc-webs",
        ] {
            let backend = Scripted::start(ECHO);
            let gateway = gateway(backend.address, "");
            let fields = [("content-type", content_type), ("accept", TEXT)];
            let got = post(version, gateway.address, &fields, &[b"raw"]);
            assert_eq!(got.get("content-type"), Some("application/grpc+proto"));
            assert_eq!(got.body, b"x");
            let request = backend.asked().pop().expect("it was asked");
            assert_eq!(request.headers["content-type"], content_type);
            assert_eq!(request.headers["accept"], TEXT);
            assert_eq!(request.body, b"raw");
        }
        // With two types it has neither.
        let backend = Scripted::start(ECHO);
        let gateway = gateway(backend.address, "");
        let fields = [("content-type", BINARY), ("content-type", BINARY)];
        let got = post(version, gateway.address, &fields, &[b"raw"]);
        assert_eq!(got.get("content-type"), Some("application/grpc+proto"));
    }
}

#[test]
fn a_body_that_is_not_base64_is_refused_in_a_way_that_scripts_can_read() {
    const STEPS: &[Step] = &[
        Step::Header(200, &[GRPC]),
        Step::Trailers(&[("grpc-status", "0")]),
    ];
    for version in VERSIONS {
        for pieces in [
            &[&b"AAAAAA=="[..], b"A"][..],
            &[b"AAAAA"],
            &[b"AA-_"],
            &[b"A===", b"AAAA"],
        ] {
            let backend = Scripted::start(STEPS);
            let gateway = gateway(backend.address, "");
            let fields = [("content-type", TEXT), ("origin", ORIGIN)];
            let got = post(version, gateway.address, &fields, pieces);
            assert_eq!(
                (got.status, got.body.as_slice()),
                (400, &b""[..]),
                "{pieces:?}"
            );
            assert_eq!(got.get("access-control-allow-origin"), Some(ORIGIN));
            assert!(backend.asked().is_empty(), "{pieces:?}");
            let refused = "corsgate_requests_refused_total{reason=\"malformed\",route=\"notes\"}";
            gateway.wait_for_metric(refused, 1.0);
        }
    }
}

#[test]
fn the_limit_on_a_body_is_on_the_bytes_that_come() {
    const STEPS: &[Step] = &[
        Step::Header(200, &[GRPC]),
        Step::Trailers(&[("grpc-status", "0")]),
    ];
    let backend = Scripted::start(STEPS);
    let gateway = gateway(backend.address, "max_request_body_bytes: 100B");
    for version in VERSIONS {
        for (bytes, expected) in [(75, 200), (76, 413)] {
            let body = text(&vec![b'x'; bytes]);
            let got = post(
                version,
                gateway.address,
                &[("content-type", TEXT)],
                &[body.as_bytes()],
            );
            assert_eq!(got.status, expected, "{} characters", body.len());
        }
    }
}

#[test]
fn a_preflight_is_answered_by_the_gateway_with_the_names_of_the_preset() {
    let site = Site::start();
    let ask = |names: &str| {
        site.gateway.send(&format!(
            "OPTIONS /test.Notes/Say HTTP/1.1\r\nHost: api.test\r\nOrigin: {ORIGIN}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: {names}\r\n\r\n"
        ))
    };
    let answer = ask("content-type,grpc-timeout,x-grpc-web,x-user-agent");
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.get("access-control-allow-origin").as_deref(),
        Some(ORIGIN)
    );
    assert_eq!(
        answer.get("access-control-allow-headers").as_deref(),
        Some("content-type, x-grpc-web, x-user-agent, grpc-timeout")
    );
}

#[test]
fn errors_of_the_gateway_stay_plain_http_that_scripts_can_read() {
    let nothing = Refusing::new();
    let gateway = gateway(nothing.address, "");
    for version in VERSIONS {
        let fields = [("content-type", TEXT), ("origin", ORIGIN)];
        let got = post(version, gateway.address, &fields, &[b"AAAAAAA="]);
        assert_eq!((got.status, got.body.as_slice()), (502, &b""[..]));
        assert_eq!(got.get("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(got.get("grpc-status"), None);
        assert_eq!(got.get("content-type"), None);
    }
}

/// Takes the first message out of a body, which may go on.
fn message(body: &[u8]) -> Note {
    let length = body
        .get(1..5)
        .expect("a length")
        .try_into()
        .expect("four bytes");
    let content = &body[5..][..u32::from_be_bytes(length) as usize];
    Note::decode(content).expect("a note")
}

#[test]
fn a_message_of_a_stream_does_not_wait_for_the_next_one() {
    let site = Site::start();
    let asked = note("wait", 1);
    let asked = [
        &[0, 0, 0, 0, asked.encoded_len() as u8],
        asked.encode_to_vec().as_slice(),
    ]
    .concat();
    let asked = text(&asked);
    let mut client = Client::connect(site.gateway.address);
    client.write(
        format!(
            "POST /test.Notes/Count HTTP/1.1\r\nHost: api.test\r\nContent-Type: {TEXT}\r\n\
             Content-Length: {}\r\n\r\n{asked}",
            asked.len()
        )
        .as_bytes(),
    );
    // The header and one chunk; nothing more comes.
    let expected = text(&[&[0, 0, 0, 0, 6][..], &note("wait", 0).encode_to_vec()].concat());
    let seen = client.read_until(expected.as_bytes());
    assert_eq!(
        message(&STANDARD.decode(&expected).expect("base64")),
        note("wait", 0)
    );
    let chunk = format!("\r\n\r\n10\r\n{expected}");
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert!(seen.trim_end().ends_with(&chunk), "{seen}");
    crate::support::run(site.backend.wait_for("Count waits", 1));
    // The browser goes away.
    client.reset();
    crate::support::run(site.backend.wait_for("Count ended", 1));
}
