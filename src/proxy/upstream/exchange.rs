//! One request's exchange with its upstream: what the response may be, and by when its header has to be
//! there.
//!
//! pingora bounds the wait between two reads, so that a header that drips, and interim responses without
//! end, last as long as the upstream likes. It checks that a response can be read, not that it may be
//! passed on: RFC 9110 §15.2, RFC 9112 §6.

use crate::config::Timeouts;
use crate::cors::names_websocket;
use crate::framing::is_grpc;
use crate::proxy::facts::content_length;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, request};
use pingora_core::{Error, ErrorType};
use pingora_http::ResponseHeader;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of interim responses (1xx) to one request; beyond it, the answer is 502.
const MAX_INTERIM: usize = 16;

/// Maximum number of header fields of a response over HTTP/2, the same as pingora's over HTTP/1.1;
/// beyond it, the answer is 502.
const MAX_FIELDS: usize = 256;

/// Time by which pingora waits for longer than a client may pause.
const GRACE: Duration = Duration::from_secs(1);

/// Maximum length of a request's body that does not keep its response waiting.
const MAX_SHORT_BODY: u64 = 64 << 10;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Exchange {
    pub expects: Expectation,
    /// Whether there is more of the request's body to come.
    has_more: bool,
    /// The time by which the response's header has to be there; `None` while the upstream may wait for
    /// the rest of the request.
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
    /// The request is a call of gRPC, to an upstream that may understand it. Many servers send the header of
    /// a response with its first message, so that it may take as long as any other.
    Grpc,
}

/// The piece of a request that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Piece {
    /// There is more behind it.
    Part,
    /// The header, if the client sends the body when it has the upstream's word: RFC 9110 §10.1.1.
    Announcement,
    Last,
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
    /// upstream, and it does not on HTTP/2: there, only requests that ask for one get one. gRPC needs an
    /// upstream that speaks HTTP/2: with any other, the request's type says nothing.
    pub(in crate::proxy) fn of(
        request: &request::Parts,
        has_body: bool,
        upstream_speaks_http2: bool,
    ) -> Self {
        if asks_for_websocket(request, has_body) {
            return Self::WebSocket;
        }
        if upstream_speaks_http2 && has_type(&request.headers, is_grpc) {
            return Self::Grpc;
        }
        let is_bounded =
            request.version < Version::HTTP_2 && (!has_body || has_short_body(request));
        match is_bounded || asks_for_event_stream(request) {
            true => Self::EventStream,
            false => Self::Nothing,
        }
    }

    /// Returns the silences for pingora to bound. It is told them once, before there is a response. An
    /// upstream is silent while its client pauses, for as long as `pause`.
    pub(in crate::proxy) fn silence(self, timeouts: &Timeouts, pause: Duration) -> Silence {
        let Timeouts {
            connect: _,
            read,
            write,
            stream,
            tunnel,
        } = *timeouts;
        match self {
            Self::Nothing => Silence {
                read: read.max(pause),
                write,
            },
            Self::WebSocket => Silence {
                read: tunnel,
                write: tunnel,
            },
            Self::EventStream | Self::Grpc => Silence {
                read: read.max(stream).max(pause),
                write,
            },
        }
    }

    /// Returns the time in which the response's header has to come.
    pub(in crate::proxy) fn header_timeout(self, timeouts: &Timeouts) -> Duration {
        match self {
            Self::Nothing | Self::WebSocket | Self::EventStream => timeouts.read,
            Self::Grpc => quiet_call(timeouts),
        }
    }

    /// Whether pingora may wait for longer than the response's header may take.
    pub(in crate::proxy) fn outlasts_the_header(self) -> bool {
        matches!(self, Self::WebSocket | Self::EventStream)
    }
}

/// Returns the silence of an upstream that is its client's: a pause in the request's body. On HTTP/1.1 the
/// client's stream ends it, before pingora does. On HTTP/2 pingora is to end it, which gives an answer; with
/// a short body, it is more important that a late response is answered in time.
pub(in crate::proxy) fn longest_pause(
    request: &request::Parts,
    has_body: bool,
    body_timeout: Duration,
) -> Duration {
    let is_http2 = request.version == Version::HTTP_2;
    match has_body {
        true if !is_http2 => body_timeout.saturating_add(GRACE),
        true if !has_short_body(request) => body_timeout,
        _ => Duration::ZERO,
    }
}

// === impl Exchange ===

impl Exchange {
    /// Notes that a piece of the request is sent now. Where it is the upstream's turn, the wait for the
    /// response begins.
    pub(in crate::proxy) fn sends(&mut self, piece: Piece, now: Instant, timeout: Duration) {
        self.has_more = piece != Piece::Last;
        let is_upstreams_turn = piece != Piece::Part && !self.has_response;
        self.respond_by = is_upstreams_turn.then(|| now + timeout);
    }

    /// Whether the client is to send more of the request, and the upstream need not say anything before.
    pub(in crate::proxy) fn is_clients_turn(&self) -> bool {
        self.has_more && self.respond_by.is_none()
    }

    /// The time by which the response's header has to be there; `None` once it is.
    pub(in crate::proxy) fn respond_by(&self) -> Option<Instant> {
        self.respond_by.filter(|_| !self.has_response)
    }

    /// Whether the response's header has come.
    pub(in crate::proxy) fn has_response(&self) -> bool {
        self.has_response
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

    /// Refuses trailers that are too many to be passed on.
    pub(in crate::proxy) fn check_trailers(trailers: &HeaderMap) -> Result<(), ResponseError> {
        match trailers.len() > MAX_FIELDS {
            true => Err(ResponseError::TooManyFields),
            false => Ok(()),
        }
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
        if self.has_more {
            // The word that the client may have waited for.
            self.respond_by = None;
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
    if let Some(timeout) = pause_in_call(response, timeouts) {
        return timeout;
    }
    match has_type(&response.headers, is_event_stream) {
        true => timeouts.stream,
        false => timeouts.read,
    }
}

/// Returns the longest pause of either side of a call of gRPC, of which `response` is the response; `None` if
/// it is not one.
pub(in crate::proxy) fn pause_in_call(
    response: &ResponseHeader,
    timeouts: &Timeouts,
) -> Option<Duration> {
    has_type(&response.headers, is_grpc).then(|| quiet_call(timeouts))
}

/// Returns the longest silence in a call of gRPC. It may be a stream, and nothing says so.
fn quiet_call(timeouts: &Timeouts) -> Duration {
    timeouts.read.max(timeouts.stream)
}

fn has_type(headers: &HeaderMap, is_it: fn(&[u8]) -> bool) -> bool {
    let media_type = headers.get(CONTENT_TYPE);
    media_type.is_some_and(|value| is_it(value.as_bytes()))
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
mod tests;
