//! One request's exchange with its upstream: what the response may be, and by when its header has to be
//! there.
//!
//! pingora bounds the wait between two reads, so that a header that drips, and interim responses without
//! end, last as long as the upstream likes. It checks that a response can be read, not that it may be
//! passed on: RFC 9110 §15.2, RFC 9112 §6.

use crate::config::Timeouts;
use crate::cors::{MessageFields, names_websocket};
use crate::framing::{is_grpc, stated_length};
use crate::proxy::facts::content_length;
use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use pingora_core::{Error, ErrorType};
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of interim responses (1xx) to one request; beyond it, the answer is 502.
const MAX_INTERIM: usize = 16;

/// Maximum number of header fields of a response over HTTP/2, the same as pingora's over HTTP/1.1;
/// beyond it, the answer is 502.
const MAX_FIELDS: usize = 256;

/// The name of the field that states a length.
const LENGTH: &str = "Content-Length";

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

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

/// A request, as far as its exchange depends on it.
#[derive(Debug)]
pub(in crate::proxy) struct Asked<'r, F> {
    pub method: &'r Method,
    pub version: Version,
    /// The path, without the query.
    pub path: &'r str,
    pub fields: &'r F,
    pub has_body: bool,
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

// === impl Piece ===

impl Piece {
    pub(in crate::proxy) fn of(is_last: bool) -> Self {
        match is_last {
            true => Self::Last,
            false => Self::Part,
        }
    }
}

// === impl Expectation ===

impl Expectation {
    /// Tells what a request may lead to. On HTTP/1.1 the client's stream bounds the wait for any response,
    /// which may then turn out to be an event stream. It can't while the request's body waits for the
    /// upstream, and it does not on HTTP/2: there, only requests that ask for one get one. gRPC needs an
    /// upstream that speaks HTTP/2: with any other, the request's type says nothing.
    pub(in crate::proxy) fn of(
        asked: &Asked<'_, impl MessageFields>,
        upstream_speaks_http2: bool,
    ) -> Self {
        if asks_for_websocket(asked) {
            return Self::WebSocket;
        }
        if upstream_speaks_http2 && has_type(asked.fields, is_grpc) {
            return Self::Grpc;
        }
        let is_bounded =
            asked.version < Version::HTTP_2 && (!asked.has_body || has_short_body(asked.fields));
        match is_bounded || asks_for_event_stream(asked.fields) {
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
    asked: &Asked<'_, impl MessageFields>,
    body_timeout: Duration,
) -> Duration {
    let is_http2 = asked.version == Version::HTTP_2;
    match asked.has_body {
        true if !is_http2 => body_timeout.saturating_add(GRACE),
        true if !has_short_body(asked.fields) => body_timeout,
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

    /// Takes the header of a response, interim or final: refuses it, or puts its fields in the one form that
    /// they may be passed on in.
    pub(in crate::proxy) fn receive(
        &mut self,
        status: StatusCode,
        version: Version,
        response: &mut impl MessageFields,
        now: Instant,
    ) -> Result<(), ResponseError> {
        if response.count() > MAX_FIELDS {
            return Err(ResponseError::TooManyFields);
        }
        match status {
            StatusCode::SWITCHING_PROTOCOLS => {
                self.has_response = true;
                let is_asked_for = self.expects == Expectation::WebSocket;
                let switches = is_asked_for && is_websocket(version, response);
                return switches.then_some(()).ok_or(ResponseError::UnaskedSwitch);
            }
            status if status.is_informational() => return self.receive_interim(response, now),
            _ => self.has_response = true,
        }
        remove_hop_by_hop(response);
        if !is_chunked_or_none(response) {
            return Err(ResponseError::UnknownCoding);
        }
        self.drops_content = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        );
        match status {
            StatusCode::NO_CONTENT => remove(response, &[CONTENT_LENGTH, TRANSFER_ENCODING]),
            StatusCode::RESET_CONTENT => {
                // RFC 9110 §15.3.6: it has no content, and says so by a length of 0.
                remove(response, &[TRANSFER_ENCODING]);
                response.set(LENGTH, HeaderValue::from_static("0"));
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
        response: &mut impl MessageFields,
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
fn asks_for_websocket(asked: &Asked<'_, impl MessageFields>) -> bool {
    let is_upgrade = |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(b"upgrade");
    let has_upgrade = |line: &[u8]| line.split(|&byte| byte == b',').any(is_upgrade);
    asked.version == Version::HTTP_11
        && asked.method == Method::GET
        && !asked.has_body
        && names_websocket(asked.fields.first(&UPGRADE))
        && asked.fields.any_line(&CONNECTION, has_upgrade)
}

/// Whether a request's body is so short that it is sent at once.
fn has_short_body(fields: &impl MessageFields) -> bool {
    content_length(fields).is_some_and(|length| length <= MAX_SHORT_BODY)
}

/// Whether a request names event streams among the responses that it accepts, as browsers do for an
/// `EventSource`.
fn asks_for_event_stream(fields: &impl MessageFields) -> bool {
    fields.any_line(&ACCEPT, |line| {
        line.split(|&byte| byte == b',').any(is_event_stream)
    })
}

/// Returns the longest silence in the content of `response`.
pub(in crate::proxy) fn content_timeout(
    response: &impl MessageFields,
    timeouts: &Timeouts,
) -> Duration {
    if let Some(timeout) = pause_in_call(response, timeouts) {
        return timeout;
    }
    match has_type(response, is_event_stream) {
        true => timeouts.stream,
        false => timeouts.read,
    }
}

/// Returns the longest pause of either side of a call of gRPC, of which `response` is the response; `None` if
/// it is not one.
pub(in crate::proxy) fn pause_in_call(
    response: &impl MessageFields,
    timeouts: &Timeouts,
) -> Option<Duration> {
    has_type(response, is_grpc).then(|| quiet_call(timeouts))
}

/// Returns the longest silence in a call of gRPC. It may be a stream, and nothing says so.
fn quiet_call(timeouts: &Timeouts) -> Duration {
    timeouts.read.max(timeouts.stream)
}

fn has_type(fields: &impl MessageFields, is_it: fn(&[u8]) -> bool) -> bool {
    fields.first(&CONTENT_TYPE).is_some_and(is_it)
}

/// Whether a media type, with or without parameters, is that of event streams:
/// <https://html.spec.whatwg.org/#the-eventsource-interface>.
fn is_event_stream(media_type: &[u8]) -> bool {
    let essence = media_type.split(|&byte| byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/event-stream")
}

/// Whether a 101 switches to a WebSocket. A second line, or a list, would be another protocol.
fn is_websocket(version: Version, response: &impl MessageFields) -> bool {
    version == Version::HTTP_11 && names_websocket(response.only(&UPGRADE))
}

/// Whether the content is in no transfer coding, or in the one that the gateway decodes.
fn is_chunked_or_none(response: &impl MessageFields) -> bool {
    match response.only(&TRANSFER_ENCODING) {
        Some(coding) => coding.eq_ignore_ascii_case(b"chunked"),
        None => !response.has(&TRANSFER_ENCODING),
    }
}

/// Makes one line with one number of a length that was sent several times, as RFC 9110 §8.6 has it. Those that
/// differ are another's to refuse.
fn unify_length(response: &mut impl MessageFields) {
    let Some(first) = response.first(&CONTENT_LENGTH) else {
        return;
    };
    let is_one = response.only(&CONTENT_LENGTH).is_some() && !first.contains(&b',');
    if is_one || stated_length(response).is_err() {
        return;
    }
    let length = first.split(|&byte| byte == b',').next().unwrap_or(first);
    let length = length.trim_ascii().to_vec();
    response.set_text(LENGTH, &length);
}

/// Removes the fields that are about the connection to the upstream: RFC 9110 §7.6.1. `Connection` itself is
/// written anew.
fn remove_hop_by_hop(response: &mut impl MessageFields) {
    let mut nominated = Vec::new();
    response.for_each_line(&CONNECTION, |line| {
        let options = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        let is_usual = |option: &[u8]| {
            [&b"close"[..], b"keep-alive"]
                .iter()
                .any(|usual| option.eq_ignore_ascii_case(usual))
        };
        let options = options.filter(|option| !is_usual(option));
        nominated.extend(options.flat_map(HeaderName::from_bytes));
    });
    for name in &nominated {
        // The end of the content is not the upstream's to hide.
        if ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            response.remove(name);
        }
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION] {
        response.remove(name);
    }
}

fn remove(response: &mut impl MessageFields, names: &[HeaderName]) {
    for name in names {
        response.remove(name);
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
