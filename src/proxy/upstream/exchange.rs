//! One request's exchange with its upstream: what the response may be, and by when its header has to be
//! there.
//!
//! pingora bounds the wait between two reads, so that a header that drips, and interim responses without
//! end, last as long as the upstream likes. It checks that a response can be read, not that it may be
//! passed on: RFC 9110 §15.2, RFC 9112 §6.

use crate::config::Timeouts;
use crate::cors::names_websocket;
use crate::proxy::facts::content_length;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderValue, Method, StatusCode, Version, request};
use pingora_core::{Error, ErrorType};
use pingora_http::ResponseHeader;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of interim responses (1xx) to one request; beyond it, the answer is 502.
const MAX_INTERIM: usize = 16;

/// Maximum number of header fields of a response over HTTP/2, the same as pingora's over HTTP/1.1;
/// beyond it, the answer is 502.
const MAX_FIELDS: usize = 256;

/// Maximum length of a request's body that does not keep its response waiting.
const MAX_SHORT_BODY: u64 = 64 << 10;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Exchange {
    pub expects: Expectation,
    /// The time by which the response's header has to be there; it moves on with the request's body.
    respond_by: Option<Instant>,
    /// Number of interim responses so far.
    interim: usize,
    /// Whether the response's header has come.
    has_response: bool,
    /// Whether the response can't have content, whatever the upstream sends.
    drops_content: bool,
}

/// The response that a request may get beside one that comes to its end at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::proxy) enum Expectation {
    #[default]
    Nothing,
    /// The request asks for a WebSocket.
    WebSocket,
    /// The response may turn out to be an event stream.
    EventStream,
}

/// The longest silences of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) struct Silence {
    pub read: Duration,
    pub write: Duration,
}

/// The reason for not passing on an upstream's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum ResponseError {
    #[error("a 101 to a protocol that the request did not ask for")]
    UnaskedSwitch,
    #[error("more than {MAX_INTERIM} interim responses")]
    TooManyInterim,
    #[error("interim responses, and none that is final within `read_timeout`")]
    Late,
    #[error("a Transfer-Encoding other than `chunked`")]
    UnknownCoding,
    #[error("more than {MAX_FIELDS} header fields")]
    TooManyFields,
}

// === impl Expectation ===

impl Expectation {
    /// Tells what a request may lead to. On HTTP/1.1 the client's stream bounds the wait for any response,
    /// which may then turn out to be an event stream. It can't while the request's body waits for the
    /// upstream, and it does not on HTTP/2: there, only requests that ask for one get one.
    pub(in crate::proxy) fn of(request: &request::Parts, has_body: bool) -> Self {
        if asks_for_websocket(request, has_body) {
            return Self::WebSocket;
        }
        let is_bounded =
            request.version < Version::HTTP_2 && (!has_body || has_short_body(request));
        match is_bounded || asks_for_event_stream(request) {
            true => Self::EventStream,
            false => Self::Nothing,
        }
    }

    /// Returns the silences for pingora to bound. It is told them once, before there is a response.
    pub(in crate::proxy) fn silence(self, timeouts: &Timeouts) -> Silence {
        let Timeouts {
            connect: _,
            read,
            write,
            stream,
            tunnel,
        } = *timeouts;
        match self {
            Self::Nothing => Silence { read, write },
            Self::WebSocket => Silence {
                read: tunnel,
                write: tunnel,
            },
            Self::EventStream => Silence {
                read: read.max(stream),
                write,
            },
        }
    }

    /// Whether pingora may wait for longer than the response's header may take.
    pub(in crate::proxy) fn outlasts_the_header(self) -> bool {
        self != Self::Nothing
    }
}

// === impl Exchange ===

impl Exchange {
    /// Notes that the request, or a piece of its body, is sent now.
    pub(in crate::proxy) fn sends(&mut self, now: Instant, timeout: Duration) {
        if !self.has_response {
            self.respond_by = Some(now + timeout);
        }
    }

    /// The time by which the response's header has to be there; `None` once it is.
    pub(in crate::proxy) fn respond_by(&self) -> Option<Instant> {
        self.respond_by.filter(|_| !self.has_response)
    }

    /// Whether anything of a response has come.
    pub(in crate::proxy) fn has_answer(&self) -> bool {
        self.has_response || self.interim > 0
    }

    /// Whether the response's content must not be passed on.
    pub(in crate::proxy) fn drops_content(&self) -> bool {
        self.drops_content
    }

    /// Takes the header of a response, interim or final: refuses it, or puts it in the one form that
    /// it may be passed on in.
    pub(in crate::proxy) fn receive(
        &mut self,
        response: &mut ResponseHeader,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if response.headers.len() > MAX_FIELDS {
            return Err(ResponseError::TooManyFields);
        }
        match response.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                self.has_response = true;
                let is_asked_for = self.expects == Expectation::WebSocket;
                let switches = is_asked_for && is_websocket(response);
                return switches.then_some(()).ok_or(ResponseError::UnaskedSwitch);
            }
            status if status.is_informational() => return self.receive_interim(response, now),
            _ => self.has_response = true,
        }
        // Whatever the upstream speaks, this is the gateway's message: RFC 9110 §2.5.
        response.set_version(Version::HTTP_11);
        if !is_chunked_or_none(response) {
            return Err(ResponseError::UnknownCoding);
        }
        self.drops_content = matches!(
            response.status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        );
        match response.status {
            StatusCode::NO_CONTENT => remove(response, &[CONTENT_LENGTH, TRANSFER_ENCODING]),
            StatusCode::RESET_CONTENT => {
                // RFC 9110 §15.3.6: it has no content, and says so by a length of 0.
                remove(response, &[TRANSFER_ENCODING]);
                set_length(response, HeaderValue::from_static("0"));
            }
            _ => unify_length(response),
        }
        Ok(())
    }

    fn receive_interim(
        &mut self,
        response: &mut ResponseHeader,
        now: Instant,
    ) -> Result<(), ResponseError> {
        self.interim += 1;
        if self.interim > MAX_INTERIM {
            return Err(ResponseError::TooManyInterim);
        }
        if self.respond_by.is_some_and(|by| now > by) {
            return Err(ResponseError::Late);
        }
        // It ends with its header, and the connection goes on: RFC 9112 §6.3, RFC 9110 §8.6.
        remove(response, &[CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION]);
        Ok(())
    }
}

/// Whether a request asks for a WebSocket in the way of RFC 6455 §4.1. With a body it does not: the
/// upstream would have to read that before it could switch, under the time-outs of a tunnel.
fn asks_for_websocket(request: &request::Parts, has_body: bool) -> bool {
    let mut options = request.headers.get_all(CONNECTION).iter();
    let is_upgrade = |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(b"upgrade");
    request.version == Version::HTTP_11
        && request.method == Method::GET
        && !has_body
        && names_websocket(request.headers.get(UPGRADE))
        && options.any(|line| line.as_bytes().split(|&byte| byte == b',').any(is_upgrade))
}

/// Whether a request's body is so short that it is sent at once.
fn has_short_body(request: &request::Parts) -> bool {
    content_length(request).is_some_and(|length| length <= MAX_SHORT_BODY)
}

/// Whether a request names event streams among the responses that it accepts, as browsers do for an
/// `EventSource`.
fn asks_for_event_stream(request: &request::Parts) -> bool {
    let mut lines = request.headers.get_all(ACCEPT).iter();
    lines.any(|line| {
        line.as_bytes()
            .split(|&byte| byte == b',')
            .any(is_event_stream)
    })
}

/// Returns the longest silence in the content of `response`.
pub(in crate::proxy) fn content_timeout(
    response: &ResponseHeader,
    timeouts: &Timeouts,
) -> Duration {
    let media_type = response.headers.get(CONTENT_TYPE);
    match media_type.is_some_and(|value| is_event_stream(value.as_bytes())) {
        true => timeouts.stream,
        false => timeouts.read,
    }
}

/// Whether a media type, with or without parameters, is that of event streams:
/// <https://html.spec.whatwg.org/#the-eventsource-interface>.
fn is_event_stream(media_type: &[u8]) -> bool {
    let essence = media_type.split(|&byte| byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/event-stream")
}

/// Whether a 101 switches to a WebSocket. A second line, or a list, would be another protocol.
fn is_websocket(response: &ResponseHeader) -> bool {
    let mut lines = response.headers.get_all(UPGRADE).iter();
    response.version == Version::HTTP_11 && names_websocket(lines.next()) && lines.next().is_none()
}

/// Whether the content is in no transfer coding, or in the one that the gateway decodes.
fn is_chunked_or_none(response: &ResponseHeader) -> bool {
    let mut lines = response.headers.get_all(TRANSFER_ENCODING).iter();
    let first = lines.next();
    first.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        && lines.next().is_none()
}

/// Makes one line with one number of a length that was sent several times. pingora has refused those
/// that differ.
fn unify_length(response: &mut ResponseHeader) {
    let mut lines = response.headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else {
        return;
    };
    let bytes = first.as_bytes();
    if lines.next().is_none() && !bytes.contains(&b',') {
        return;
    }
    let length = bytes.split(|&byte| byte == b',').next().unwrap_or(bytes);
    if let Ok(length) = HeaderValue::from_bytes(length.trim_ascii()) {
        set_length(response, length);
    }
}

fn set_length(response: &mut ResponseHeader, length: HeaderValue) {
    // A static name with a valid value is always taken.
    let inserted = response.insert_header(CONTENT_LENGTH, length);
    debug_assert!(inserted.is_ok());
}

fn remove(response: &mut ResponseHeader, names: &[HeaderName]) {
    for name in names {
        response.remove_header(name);
    }
}

impl From<ResponseError> for Box<Error> {
    fn from(error: ResponseError) -> Self {
        let kind = match error {
            ResponseError::Late => ErrorType::ReadTimedout,
            ResponseError::UnaskedSwitch
            | ResponseError::TooManyInterim
            | ResponseError::UnknownCoding
            | ResponseError::TooManyFields => ErrorType::InvalidHTTPHeader,
        };
        Error::explain(kind, error.to_string()).into_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: fn() -> Instant = Instant::now;

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
        exchange.receive(&mut response, NOW())?;
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
        ] {
            let mut exchange = Exchange::default();
            let passed_on = received(&mut exchange, status, sent);
            let expected = expected.map(|fields: &[(&str, &str)]| {
                let owned =
                    |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
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
            let asks = asks_for_websocket(&parts, has_body);
            assert_eq!(asks, expected, "{method} {version:?} {fields:?} {has_body}");
        }
    }

    #[test]
    fn the_response_that_a_request_may_get_decides_for_how_long_pingora_waits() {
        use Expectation::{EventStream, Nothing, WebSocket};
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
            let expects = Expectation::of(&parts, has_body);
            assert_eq!(expects, expected, "{version:?} {fields:?} {has_body}");
        }
    }

    #[test]
    fn interim_responses_are_bounded_in_number_and_time() {
        let mut exchange = Exchange::default();
        assert!(!exchange.has_answer());
        exchange.sends(NOW(), Duration::from_secs(60));
        for _ in 0..MAX_INTERIM {
            assert_eq!(received(&mut exchange, 103, &[]), Ok(vec![]));
        }
        assert!(exchange.has_answer());
        let one_more = received(&mut exchange, 103, &[]);
        assert_eq!(one_more, Err(ResponseError::TooManyInterim));

        let mut exchange = Exchange::default();
        let long_ago = NOW() - Duration::from_secs(2);
        exchange.sends(long_ago, Duration::from_secs(1));
        assert_eq!(received(&mut exchange, 103, &[]), Err(ResponseError::Late));
        // The rest of the request's body went out.
        exchange.sends(NOW(), Duration::from_secs(60));
        assert_eq!(received(&mut exchange, 103, &[]), Ok(vec![]));
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
}
