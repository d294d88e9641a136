//! The stages of a request that an upstream is asked for, from the decision to its end. Every lane goes through
//! them, and none decides one by itself.

use super::answer::Answer;
use super::check::RequestError;
use super::ctx::Ctx;
use super::edge::client_stream::ClientStream;
use super::edge::response_deadline;
use super::edge::upload::Upload;
use super::forward::{self, client_address};
use super::grpc_web::Translation;
use super::header_edits::EditFields;
use super::room::Room;
use super::routed::{Routed, Step};
use super::upstream::exchange::{
    Asked, Expectation, Piece, content_timeout, longest_pause, pause_in_call,
};
use super::upstream::{
    Body, Connection, Endpoint, FailedTry, Failure, Needs, NoPeer, hash_key, reason,
};
use super::{adapt, request_id, respond, rewrite};
use crate::config::HashKey;
use crate::cors::{CorsRequest, MessageFields};
use http::{Method, StatusCode, Version};
use pingora_core::server::ShutdownWatch;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use std::sync::Arc;
use std::time::Instant as StdInstant;
use tokio::time::Instant;

/// A request whose try has failed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing<'r> {
    pub method: &'r Method,
    pub body: Body,
    /// Whether the connection had served a request before.
    pub is_reused: bool,
}

/// The header of an upstream's response, without its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusLine {
    pub status: StatusCode,
    pub version: Version,
}

/// The client that a response goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'r> {
    pub version: Version,
    /// The Origin of its request.
    pub origin: Option<&'r [u8]>,
}

// === impl Ctx ===

impl Ctx {
    /// Takes a request on: from here it is recorded, whatever becomes of it. Returns what is done with it, which
    /// may be a refusal by now.
    pub(super) fn take_on<'a>(&mut self, routed: &mut Routed<'a>, requests: &Room) -> Step<'a> {
        if let Step::Forward(_) = routed.step() {
            self.under_way = requests.take(self.snapshot.limits.max_requests);
            if self.under_way.is_none() {
                routed.refuse(RequestError::TooManyRequests);
            }
        }
        self.record = routed.commit(self.record.started);
        (self.plan, self.vary) = (routed.plan(), routed.vary());
        self.grpc_web = routed.grpc_web().map(Translation::new);
        let step = routed.step();
        if let Step::Answer(answer) = &step {
            self.under_way = None;
            self.response_bytes = answer.content().map_or(0, |body| body.len() as u64);
        }
        step
    }

    /// Begins a try: chooses its endpoint, and says what it needs of a connection.
    pub(super) fn begin_try<F: MessageFields>(
        &mut self,
        asked: &Asked<'_, F>,
    ) -> Result<(Arc<Endpoint>, Needs)> {
        let (snapshot, route) = (&self.snapshot, self.snapshot.route(self.record.route));
        let cluster = route
            .cluster()
            .ok_or_else(|| unavailable(NoPeer::NoAddress))?;
        let expects = Expectation::of(asked, cluster.is_http2());
        self.exchange.expects = expects;
        // A body is sent again from the start.
        self.body_bytes = 0;
        if asked.has_body {
            self.upload = Upload::start(snapshot.limits.body_timeout);
        }
        let client = || {
            let trusted = snapshot.trusted_proxies.as_slice();
            let peer = self.client.peer?;
            Some(client_address(peer, &forward::Read(asked.fields), trusted))
        };
        let key = |key: &HashKey| hash_key(key, asked.path, asked.fields, client);
        let endpoint = self.tries.begin(cluster, key, Instant::now().into());
        let endpoint = endpoint.map_err(unavailable)?;
        let is_websocket = expects == Expectation::WebSocket;
        let pause = longest_pause(asked, snapshot.limits.body_timeout);
        let needs = Needs {
            connect_timeout: route.timeouts.connect,
            silence: expects.silence(&route.timeouts, pause),
            is_websocket,
            // The response to a handshake is held back on a connection of its own.
            is_fresh: self.tries.needs_fresh || is_websocket,
        };
        Ok((endpoint, needs))
    }

    /// Returns the way to an endpoint as pingora takes it.
    pub(super) fn peer(&self, endpoint: &Endpoint, needs: Needs) -> Result<Box<HttpPeer>> {
        let cluster = self.route().cluster();
        let cluster = cluster.ok_or_else(|| unavailable(NoPeer::NoAddress))?;
        Ok(cluster.peer(endpoint, needs))
    }

    /// Takes an idle connection to an endpoint, if there is one.
    pub(super) fn take_idle(&self, endpoint: &Endpoint, now: StdInstant) -> Option<Connection> {
        self.route().cluster()?.take_idle(endpoint, now)
    }

    /// Keeps a connection to an endpoint for the next request.
    pub(super) fn keep_idle(&self, endpoint: &Endpoint, connection: Connection, now: StdInstant) {
        if let Some(cluster) = self.route().cluster() {
            cluster.keep_idle(endpoint, connection, now);
        }
    }

    /// Edits the fields of a request, which came in this version and for this host, for its upstream.
    pub(super) fn edit_request(
        &self,
        host: &[u8],
        version: Version,
        upstream: &mut impl EditFields,
    ) -> Result<()> {
        forward::forward(host, &self.client, &self.snapshot, upstream);
        if let Some(id) = &self.record.request_id {
            upstream.set_text(request_id::FIELD, id.text(&mut { request_id::ROOM }));
        }
        if let Some(span) = &self.record.span {
            forward::trace(span, upstream);
        }
        rewrite::edit_fields(self.route(), self.tries.host(), upstream)?;
        adapt::request(version, upstream);
        Ok(())
    }

    /// Notes that a piece of the request is sent to the upstream now.
    pub(super) fn note_sending(&mut self, stream: Option<&ClientStream>, piece: Piece) {
        let timeout = self.exchange.expects.header_timeout(&self.route().timeouts);
        self.exchange.sends(piece, Instant::now(), timeout);
        self.note_turn(stream);
    }

    /// Begins the wait for the header of the response, or for the rest of the request.
    fn note_turn(&self, stream: Option<&ClientStream>) {
        let exchange = &self.exchange;
        if let Some(upload) = &self.upload {
            upload.set_turn(exchange.is_clients_turn());
        }
        match (stream, exchange.respond_by()) {
            (Some(stream), Some(by)) => stream.await_header(by),
            (None, Some(by)) => response_deadline::set(by, exchange.expects.outlasts_the_header()),
            // The wait for the content has begun.
            (_, None) if exchange.has_response() => {}
            (Some(stream), None) => stream.await_body(),
            (None, None) => response_deadline::end(),
        }
    }

    /// Counts a piece of the request's body, and ends the request where its route does not let it be longer.
    pub(super) fn count_body(&mut self, bytes: usize) -> Result<()> {
        self.body_bytes = self.body_bytes.saturating_add(bytes as u64);
        match self.is_body_too_large() {
            false => Ok(()),
            true => Err(of_body(RequestError::BodyTooLarge)),
        }
    }

    fn is_body_too_large(&self) -> bool {
        let most = self.route().limits.max_request_body_bytes;
        most.is_some_and(|most| self.body_bytes > most)
    }

    /// Takes the header of a response, interim or final. Returns the error of one that can't be passed on.
    pub(super) fn receive(
        &mut self,
        line: StatusLine,
        stream: Option<&ClientStream>,
        response: &mut impl MessageFields,
    ) -> Result<()> {
        let StatusLine { status, version } = line;
        self.exchange
            .receive(status, version, response, Instant::now())?;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            self.note_answer(status);
            // The connection is no longer HTTP, and CORS does not cover it.
            if let Some(stream) = stream {
                stream.end_http();
            }
            return Ok(());
        }
        if status.is_informational() {
            self.note_turn(stream);
            return Ok(());
        }
        self.status = Some(status);
        self.note_answer(status);
        let timeouts = &self.route().timeouts;
        match stream {
            Some(stream) => {
                stream.await_content(content_timeout(response, timeouts), timeouts.read);
            }
            None => response_deadline::end(),
        }
        if let Some(upload) = &self.upload
            && let Some(pause) = pause_in_call(response, timeouts)
        {
            upload.lengthen(pause);
        }
        Ok(())
    }

    /// Edits the header of a final response, which came in `came_by`, for its client.
    pub(super) fn edit_response(
        &self,
        came_by: Version,
        reader: Reader<'_>,
        response: &mut impl EditFields,
    ) {
        respond::edit(self, reader.origin, response);
        adapt::response(reader.version, came_by, response);
    }

    /// Notes the status that a try was answered with.
    fn note_answer(&mut self, status: StatusCode) {
        if let Some(cluster) = self.snapshot.route(self.record.route).cluster() {
            self.tries.answered(cluster, status, Instant::now().into());
        }
    }

    /// Makes the error of a request that waits for its upstream in vain: the upstream is late, or the client, whose
    /// body it may be waiting for.
    pub(super) fn silence(&self) -> Box<Error> {
        match &self.upload {
            Some(upload) if self.exchange.is_clients_turn() && upload.is_pausing() => {
                upload.give_up();
                Error::explain(ErrorType::ReadTimedout, "the client is silent").into_down()
            }
            _ => upstream_is_late(),
        }
    }

    /// Notes that a try failed, and returns whether there is another one.
    pub(super) fn failed_try(
        &mut self,
        failing: Failing<'_>,
        failure: Failure,
        error: &Error,
    ) -> bool {
        let Failing {
            method,
            body,
            is_reused,
        } = failing;
        // The answer, or the next try, has a time of its own.
        response_deadline::end();
        self.failure = Some(failure);
        let failed = FailedTry {
            failure,
            method,
            is_reused,
            has_answer: self.exchange.has_answer(),
            body,
        };
        let cluster = self.snapshot.route(self.record.route).cluster();
        cluster.is_some_and(|cluster| {
            self.tries
                .failed(cluster, &failed, || reason(failure, error))
        })
    }

    /// Ends a request that has failed. Returns the status that tells the client what went wrong; `None` if the
    /// client has gone.
    pub(super) fn give_up(
        &mut self,
        stream: Option<&ClientStream>,
        error: &Error,
    ) -> Option<StatusCode> {
        if let Some(error) = self.error_in_body(stream) {
            self.record.refuse(error);
            return Some(error.status());
        }
        if *error.esource() == ErrorSource::Upstream
            && let Some(cluster) = self.route().cluster()
        {
            let failure = self.failure.unwrap_or(Failure::of_exchange(error));
            cluster.log_failure(&self.route().name, &reason(failure, error));
        }
        status_of(error)
    }

    /// Makes the gateway's own answer to a request that was taken on: a refusal, or that to one that has failed.
    pub(super) fn answer<'a>(
        &'a self,
        status: StatusCode,
        request: &'a CorsRequest<'a>,
    ) -> Answer<'a> {
        let (rule, vary) = (&self.route().rule, self.vary.clone());
        let answer = Answer::planned(status, rule, self.plan, request, vary)
            .with_request_id(self.record.request_id.as_ref());
        match self.record.error {
            Some(error) => answer.refused_for(error),
            None => answer,
        }
    }

    /// Returns what is wrong with the body of a request that failed.
    fn error_in_body(&self, stream: Option<&ClientStream>) -> Option<RequestError> {
        let is_late = match &self.upload {
            Some(upload) => upload.is_late(),
            None => stream.is_some_and(ClientStream::is_body_late),
        };
        if stream.is_some_and(ClientStream::is_malformed) {
            return Some(RequestError::MalformedChunk);
        }
        if self.is_body_too_large() {
            return Some(RequestError::BodyTooLarge);
        }
        if let Some(error) = self.grpc_web.as_ref().and_then(Translation::error) {
            return Some(error);
        }
        is_late.then_some(RequestError::BodyTimeout)
    }
}

/// Whether a response is its connection's last: the process is leaving, or the client has ended its side.
pub(super) fn is_last(stream: Option<&ClientStream>, leaving: &ShutdownWatch) -> bool {
    stream.is_some_and(ClientStream::has_ended) || *leaving.borrow()
}

/// Makes the error of a request whose upstream has no endpoint to ask.
fn unavailable(reason: NoPeer) -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(503), reason.to_string())
}

/// Makes the error of an upstream that has let a request wait for too long.
pub(super) fn upstream_is_late() -> Box<Error> {
    Error::explain(ErrorType::ReadTimedout, "the upstream is silent").into_up()
}

/// Makes the error of a request whose body is refused while it is sent.
pub(super) fn of_body(error: RequestError) -> Box<Error> {
    let status = ErrorType::HTTPStatus(error.status().as_u16());
    Error::explain(status, error.to_string()).into_down()
}

/// Returns the status that tells the client what went wrong; `None` if the client has gone.
fn status_of(error: &Error) -> Option<StatusCode> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, WriteError,
        WriteTimedout,
    };
    match (error.etype(), error.esource()) {
        (HTTPStatus(code), _) => StatusCode::from_u16(*code).ok(),
        (ConnectTimedout | ReadTimedout | WriteTimedout, ErrorSource::Upstream) => {
            Some(StatusCode::GATEWAY_TIMEOUT)
        }
        (_, ErrorSource::Upstream) => Some(StatusCode::BAD_GATEWAY),
        (WriteError | ReadError | ConnectionClosed, ErrorSource::Downstream) => None,
        (ReadTimedout, ErrorSource::Downstream) => Some(StatusCode::REQUEST_TIMEOUT),
        (_, ErrorSource::Downstream) => Some(StatusCode::BAD_REQUEST),
        (_, ErrorSource::Internal | ErrorSource::Unset) => Some(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
