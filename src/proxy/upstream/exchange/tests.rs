//! The forms of responses, and whose turn it is.

use super::*;
use http::HeaderMap;
use http::request::Parts;
use pingora_http::ResponseHeader;

const NOW: fn() -> Instant = Instant::now;

fn asked(request: &Parts, has_body: bool) -> Asked<'_, HeaderMap> {
    Asked {
        method: &request.method,
        version: request.version,
        path: request.uri.path(),
        fields: &request.headers,
        has_body,
    }
}

/// A response from its header's lines, in the form that it is passed on in.
fn received(
    exchange: &mut Exchange,
    status: u16,
    fields: &[(&'static str, &str)],
) -> Result<Vec<(String, String)>, ResponseError> {
    let mut response = ResponseHeader::build(status, None).expect("a status");
    for (name, value) in fields {
        response.append_header(*name, *value).expect("a field");
    }
    let (status, version) = (response.status, response.version);
    exchange.receive(status, version, &mut response, NOW())?;
    let fields = response.headers.iter();
    let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
    Ok(fields
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect())
}

#[test]
fn a_response_has_one_length_or_none_at_all() {
    use ResponseError::UnknownCoding;
    let length = |length| ("content-length", length);
    let coding = |coding| ("transfer-encoding", coding);
    for (status, sent, expected) in [
        (200, &[][..], Ok(&[][..])),
        (200, &[length("5")], Ok(&[length("5")])),
        (200, &[length("5"), length("5")], Ok(&[length("5")])),
        (200, &[length("5, 5")], Ok(&[length("5")])),
        (200, &[length("5,5"), length(" 5")], Ok(&[length("5")])),
        // Not a length that is repeated.
        (
            200,
            &[length("5"), length("6")],
            Ok(&[length("5"), length("6")]),
        ),
        (200, &[length("5, 6")], Ok(&[length("5, 6")])),
        (200, &[coding("chunked")], Ok(&[coding("chunked")])),
        (200, &[coding("Chunked")], Ok(&[coding("Chunked")])),
        (200, &[coding("gzip, chunked")], Err(UnknownCoding)),
        (
            200,
            &[coding("gzip"), coding("chunked")],
            Err(UnknownCoding),
        ),
        (
            200,
            &[coding("chunked"), coding("chunked")],
            Err(UnknownCoding),
        ),
        (200, &[coding("identity")], Err(UnknownCoding)),
        (200, &[coding("")], Err(UnknownCoding)),
        (204, &[length("5")], Ok(&[])),
        (204, &[coding("chunked")], Ok(&[])),
        (205, &[length("5")], Ok(&[length("0")])),
        (205, &[coding("chunked")], Ok(&[length("0")])),
        (205, &[], Ok(&[length("0")])),
        (304, &[length("5")], Ok(&[length("5")])),
        (100, &[length("5"), ("connection", "close")], Ok(&[])),
        (
            103,
            &[coding("chunked"), ("link", "</a>")],
            Ok(&[("link", "</a>")]),
        ),
        // About the upstream's connection.
        (
            200,
            &[
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "close"),
                length("0"),
            ],
            Ok(&[length("0")]),
        ),
        (
            200,
            &[
                ("connection", "close, X-Hop,content-length"),
                ("x-hop", "1"),
                length("0"),
            ],
            Ok(&[("connection", "close, X-Hop,content-length"), length("0")]),
        ),
    ] {
        let mut exchange = Exchange::default();
        let passed_on = received(&mut exchange, status, sent);
        let expected = expected.map(|fields: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            fields.iter().map(owned).collect::<Vec<_>>()
        });
        assert_eq!(passed_on, expected, "{status} {sent:?}");
        let has_none = [204, 205, 304].contains(&status);
        assert_eq!(exchange.drops_content(), has_none, "{status}");
    }
}

#[test]
fn only_a_websocket_that_was_asked_for_is_switched_to() {
    use ResponseError::UnaskedSwitch;
    for (asks, protocols, expected) in [
        (true, &["websocket"][..], Ok(())),
        (true, &["WebSocket"], Ok(())),
        (false, &["websocket"], Err(UnaskedSwitch)),
        (true, &[], Err(UnaskedSwitch)),
        (true, &["h2c"], Err(UnaskedSwitch)),
        (true, &["websocket, h2c"], Err(UnaskedSwitch)),
        (true, &["websocket", "h2c"], Err(UnaskedSwitch)),
    ] {
        let mut exchange = Exchange {
            expects: match asks {
                true => Expectation::WebSocket,
                false => Expectation::EventStream,
            },
            ..Exchange::default()
        };
        let fields: Vec<_> = protocols.iter().map(|p| ("upgrade", *p)).collect();
        let switched = received(&mut exchange, 101, &fields).map(|_| ());
        assert_eq!(switched, expected, "{asks} {protocols:?}");
    }
}

#[test]
fn a_websocket_is_asked_for_in_one_way() {
    let right = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
    ];
    for (method, version, fields, has_body, expected) in [
        ("GET", Version::HTTP_11, &right[..], false, true),
        ("GET", Version::HTTP_11, &right, true, false),
        ("POST", Version::HTTP_11, &right, false, false),
        ("GET", Version::HTTP_10, &right, false, false),
        ("GET", Version::HTTP_2, &right, false, false),
        ("GET", Version::HTTP_11, &right[..1], false, false),
        ("GET", Version::HTTP_11, &right[1..], false, false),
        (
            "GET",
            Version::HTTP_11,
            &[right[0], ("upgrade", "x")],
            false,
            false,
        ),
        (
            "GET",
            Version::HTTP_11,
            &[("connection", "upgrade-x"), right[1]],
            false,
            false,
        ),
    ] {
        let mut request = http::Request::builder().method(method).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let asks = asks_for_websocket(&asked(&parts, has_body));
        assert_eq!(asks, expected, "{method} {version:?} {fields:?} {has_body}");
    }
}

#[test]
fn the_response_that_a_request_may_get_decides_for_how_long_pingora_waits() {
    use Expectation::{EventStream, Grpc, Nothing, WebSocket};
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let stream = [("accept", "application/json, Text/Event-Stream;q=0.9")];
    let other = [("accept", "*/*, text/event-streams")];
    for (version, fields, has_body, expected) in [
        (Version::HTTP_11, &[][..], false, EventStream),
        (
            Version::HTTP_11,
            &[("content-length", "65536")],
            true,
            EventStream,
        ),
        (
            Version::HTTP_11,
            &[("content-length", "65537")],
            true,
            Nothing,
        ),
        (
            Version::HTTP_11,
            &[("transfer-encoding", "chunked")],
            true,
            Nothing,
        ),
        (Version::HTTP_11, &stream, true, EventStream),
        (Version::HTTP_11, &upgrade, false, WebSocket),
        (Version::HTTP_2, &stream, false, EventStream),
        (Version::HTTP_2, &other, false, Nothing),
        (Version::HTTP_2, &[], false, Nothing),
    ] {
        let mut request = http::Request::builder().version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let expects = Expectation::of(&asked(&parts, has_body), false);
        assert_eq!(expects, expected, "{version:?} {fields:?} {has_body}");
    }
    // A call of gRPC is one where the upstream may understand it.
    for (content_type, speaks_http2, expected) in [
        ("application/grpc", true, Grpc),
        ("application/grpc-web-text+proto", true, Grpc),
        ("application/grpc", false, Nothing),
        ("application/json", true, Nothing),
    ] {
        let request = http::Request::post("/").version(Version::HTTP_2);
        let request = request.header("content-type", content_type);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let expects = Expectation::of(&asked(&parts, true), speaks_http2);
        assert_eq!(expects, expected, "{content_type} {speaks_http2}");
    }
}

#[test]
fn a_call_of_grpc_may_be_quiet_for_the_longer_of_two_times() {
    let second = Duration::from_secs(1);
    let timeouts = |read: u32, stream: u32| Timeouts {
        read: second * read,
        stream: second * stream,
        ..Timeouts::default()
    };
    for (read, stream, json, events, grpc) in [(30, 300, 30, 300, 300), (600, 300, 600, 300, 600)] {
        let timeouts = timeouts(read, stream);
        let found = [
            "application/json",
            "text/event-stream",
            "application/grpc+proto",
        ]
        .map(|of| {
            let mut response = ResponseHeader::build(200, None).expect("a status");
            response.insert_header("content-type", of).expect("a field");
            content_timeout(&response, &timeouts)
        });
        assert_eq!(found, [json, events, grpc].map(|seconds| second * seconds));
        let header = |expects: Expectation| expects.header_timeout(&timeouts);
        assert_eq!(header(Expectation::EventStream), second * read);
        assert_eq!(header(Expectation::Grpc), second * grpc);
        let silence = Expectation::Grpc.silence(&timeouts, Duration::ZERO);
        assert_eq!(silence.read, second * grpc);
    }
}

#[test]
fn interim_responses_are_bounded_in_number_and_time() {
    let mut exchange = Exchange::default();
    assert!(!exchange.has_answer());
    exchange.sends(Piece::Last, NOW(), Duration::from_secs(60));
    for _ in 0..MAX_INTERIM {
        assert_eq!(received(&mut exchange, 103, &[]), Ok(vec![]));
    }
    assert!(exchange.has_answer());
    let one_more = received(&mut exchange, 103, &[]);
    assert_eq!(one_more, Err(ResponseError::TooManyInterim));

    let mut exchange = Exchange::default();
    let long_ago = NOW() - Duration::from_secs(2);
    exchange.sends(Piece::Last, long_ago, Duration::from_secs(1));
    assert_eq!(received(&mut exchange, 103, &[]), Err(ResponseError::Late));
    // The rest of the request's body went out.
    exchange.sends(Piece::Last, NOW(), Duration::from_secs(60));
    assert_eq!(received(&mut exchange, 103, &[]), Ok(vec![]));
}

#[test]
fn the_wait_for_a_response_begins_with_the_end_of_the_request() {
    use Piece::{Announcement, Last, Part};
    let minute = Duration::from_secs(60);
    // The pieces; a 100 behind the first one; whether the response is waited for, or the client.
    for (pieces, is_continued, expected) in [
        (&[Last][..], false, (true, false)),
        (&[Part], false, (false, true)),
        (&[Part], true, (false, true)),
        (&[Part, Part], false, (false, true)),
        (&[Part, Part, Last], false, (true, false)),
        (&[Announcement], false, (true, false)),
        (&[Announcement], true, (false, true)),
        (&[Announcement, Part], false, (false, true)),
        (&[Announcement, Part, Last], true, (true, false)),
    ] {
        let mut exchange = Exchange::default();
        for (index, piece) in pieces.iter().enumerate() {
            exchange.sends(*piece, NOW(), minute);
            if is_continued && index == 0 {
                assert_eq!(received(&mut exchange, 100, &[]), Ok(vec![]));
            }
        }
        let waits = (exchange.respond_by().is_some(), exchange.is_clients_turn());
        assert_eq!(waits, expected, "{pieces:?} {is_continued}");
    }
}

#[test]
fn a_response_with_too_many_fields_is_refused() {
    let mut exchange = Exchange::default();
    let most = vec![("x", "y"); MAX_FIELDS];
    assert!(received(&mut exchange, 200, &most).is_ok());
    let one_more = vec![("x", "y"); MAX_FIELDS + 1];
    let refused = received(&mut exchange, 200, &one_more);
    assert_eq!(refused, Err(ResponseError::TooManyFields));
}
