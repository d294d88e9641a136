//! pingora's phases, one short method each. They decide nothing: a request is routed and decided in
//! `routed`, the gateway's own responses are made in `answer`, and `respond` sends them.

use super::check::RequestError;
use super::ctx::Ctx;
use super::edge::client_stream::ClientStream;
use super::edge::response_deadline;
use super::edge::upload::Upload;
use super::facts::{Facts, HeaderLength, cors_request};
use super::forward::client_address;
use super::grpc_web::Translation;
use super::room::Room;
use super::routed::{Routed, Step};
use super::snapshot::Snapshot;
use super::upstream::exchange::{
    Exchange, Expectation, Piece, content_timeout, longest_pause, pause_in_call,
};
use super::upstream::{Body, FailedTry, Failure, Hold, Needs, NoPeer, hash_key, reason};
use super::{adapt, forward, request_id, respond, rewrite};
use crate::config::{HashKey, MAX_RETRIES};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version, header};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::server::ShutdownWatch;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Maximum number of tries of one request.
pub(super) const MAX_TRIES: usize = MAX_RETRIES + 1;

/// The gateway as pingora sees it. Each request is served by the snapshot that is current when its
/// header has come.
#[derive(Debug)]
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// The requests under way with upstreams, those of all clients.
    requests: Room,
    /// Whether the process is leaving, and each answer is its connection's last.
    leaving: ShutdownWatch,
}

/// An answer of the gateway's own, with its body if it has one.
type OwnAnswer = (Box<ResponseHeader>, Option<Bytes>);

// === impl Gateway ===

impl Gateway {
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, leaving: ShutdownWatch) -> Self {
        Self {
            snapshot,
            requests: Room::default(),
            leaving,
        }
    }

    /// Makes this response the connection's last if the process is leaving, or the client has ended its
    /// side.
    fn end_where_last(&self, session: &mut Session) {
        let has_ended = ClientStream::of(session).is_some_and(ClientStream::has_ended);
        if has_ended || *self.leaving.borrow() {
            session.set_keepalive(None);
        }
    }

    /// Finds the route and decides. The record and the plan for the response's headers wait in `ctx`.
    /// Returns the gateway's own answer; `None` where the upstream is asked.
    fn judge(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Option<OwnAnswer>> {
        let is_bodiless = session.as_downstream_mut().is_body_empty();
        let downstream = session.as_downstream();
        let request = downstream.req_header();
        let cors = cors_request(request);
        let length = HeaderLength::of(downstream);
        let mut facts = Facts::of(&ctx.client, request, request.raw_path(), &cors, length);
        facts.has_body |= !is_bodiless;
        let mut routed = Routed::of(&ctx.snapshot, &facts);
        if let Step::Forward(_) = routed.step() {
            ctx.under_way = self.requests.take(ctx.snapshot.limits.max_requests);
            if ctx.under_way.is_none() {
                routed.refuse(RequestError::TooManyRequests);
            }
        }
        let record = routed.commit(ctx.record.started);
        let (plan, answer) = match routed.step() {
            Step::Answer(answer) => {
                ctx.under_way = None;
                let answer = answer.with_request_id(record.request_id.as_ref());
                let body = answer.content().cloned();
                ctx.response_bytes = body.as_ref().map_or(0, |body| body.len() as u64);
                let whole = answer.to_header().map(|header| (header, body));
                (routed.plan(), Some(whole))
            }
            Step::Forward(plan) => (plan, None),
        };
        // First of all: a request that fails from here on is recorded and answered like any other.
        (ctx.record, ctx.plan, ctx.vary) = (record, plan, routed.vary());
        ctx.grpc_web = routed.grpc_web().map(Translation::new);
        answer.transpose()
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.snapshot.load_full())
    }

    /// Installs no modules: the default one allocates on every request for a compression that is off.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
        let downstream = session.as_downstream_mut();
        downstream.set_write_timeout(Some(ctx.snapshot.limits.write_timeout));
        // The client's stream has the time for reading a body.
        downstream.set_read_timeout(None);
        // A client that has sent its last request may still wait for the answer. From one that has gone it
        // can't be told by reading; the connection's reset is an error in any case.
        downstream.set_abort_on_close(false);
        // RFC 9110 §15.2: such a client takes a 1xx for the response.
        let is_http1_0 = downstream.req_header().version < Version::HTTP_11;
        downstream.set_ignore_info_resp(is_http1_0);
        if is_http1_0 {
            adapt::unchunk(session);
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        match self.judge(session, ctx)? {
            Some((header, body)) => {
                self.end_where_last(session);
                respond::send(session, header, body).await.map(|()| true)
            }
            None => Ok(false),
        }
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let has_body = !session.as_downstream_mut().is_body_empty();
        let request = session.req_header();
        let (snapshot, route) = (&ctx.snapshot, ctx.snapshot.route(ctx.record.route));
        let cluster = route
            .cluster()
            .ok_or_else(|| unavailable(NoPeer::NoAddress))?;
        let expects = Expectation::of(request, has_body, cluster.is_http2());
        ctx.exchange.expects = expects;
        let body_timeout = snapshot.limits.body_timeout;
        if has_body {
            ctx.upload = Upload::start(body_timeout);
        }
        let pause = longest_pause(request, has_body, body_timeout);
        // A body is sent again from the start.
        ctx.body_bytes = 0;
        let key = |key: &HashKey| {
            let client = || {
                let trusted = snapshot.trusted_proxies.as_slice();
                let peer = ctx.client.peer?;
                Some(client_address(peer, &request.headers, trusted))
            };
            hash_key(key, request.uri.path(), &request.headers, client)
        };
        let endpoint = ctx.tries.begin(cluster, key, Instant::now().into());
        let endpoint = endpoint.map_err(unavailable)?;
        let is_websocket = expects == Expectation::WebSocket;
        let is_held = is_websocket && !has_body;
        let needs = Needs {
            connect_timeout: route.timeouts.connect,
            silence: expects.silence(&route.timeouts, pause),
            is_websocket,
            is_fresh: ctx.tries.needs_fresh || is_held,
        };
        let mut peer = cluster.peer(&endpoint, needs);
        ctx.hold = is_held.then(|| Hold::on(&mut peer));
        Ok(peer)
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Ctx,
        error: Box<Error>,
    ) -> Box<Error> {
        let failure = Failure::of_connect(&error);
        try_again(session, ctx, failure, false, error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Ctx,
        client_reused: bool,
    ) -> Box<Error> {
        // The answer, or the next try, has a time of its own.
        response_deadline::end();
        let error = with_its_source(session, ctx, error);
        let failure = Failure::of_exchange(&error);
        try_again(session, ctx, failure, client_reused, error)
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        _fd: RawFd,
        _digest: Option<&Digest>,
        ctx: &mut Ctx,
    ) -> Result<()> {
        if let Some(hold) = &ctx.hold {
            hold.begin();
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        forward::forward(
            session.as_downstream(),
            &ctx.client,
            &ctx.snapshot,
            upstream_request,
        )?;
        if let Some(id) = &ctx.record.request_id {
            upstream_request.insert_header(request_id::FIELD, id.to_header())?;
        }
        if let Some(span) = &ctx.record.span {
            forward::trace(span, upstream_request)?;
        }
        rewrite::apply(ctx.route(), ctx.tries.host(), upstream_request)?;
        adapt::request(session.req_header().version, upstream_request)?;
        check_version(ctx, upstream_request.version)?;
        if let Some(translation) = &mut ctx.grpc_web {
            translation.request(upstream_request)?;
        }
        let expects_word = upstream_request.headers.contains_key(header::EXPECT);
        let piece = match session.as_downstream_mut().is_body_empty() {
            true => Piece::Last,
            false if expects_word => Piece::Announcement,
            false => Piece::Part,
        };
        note_sending(session, ctx, piece);
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        let piece = if end_of_stream {
            Piece::Last
        } else {
            Piece::Part
        };
        note_sending(session, ctx, piece);
        count_body(session, ctx, body.as_ref())?;
        if let Some(translation) = &mut ctx.grpc_web {
            translation
                .request_body(body, end_of_stream)
                .map_err(of_body)?;
        }
        if let Some(upload) = &ctx.upload {
            upload.hold(body);
        }
        if end_of_stream && body.as_ref().is_some_and(Bytes::is_empty) {
            // pingora would write it as the last chunk, and then the last chunk: the second one would be
            // the beginning of the next request.
            *body = None;
        }
        if let Some(hold) = ctx.hold.as_ref().filter(|_| end_of_stream) {
            hold.end();
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        let came_by_http2 = response.version == Version::HTTP_2;
        ctx.exchange.receive(response, Instant::now())?;
        let stream = ClientStream::of(session);
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            note_answer(ctx, response.status);
            // The connection is no longer HTTP, and CORS does not cover it.
            if let Some(stream) = stream {
                stream.end_http();
            }
            session.set_read_timeout(Some(ctx.route().timeouts.tunnel));
        } else if !response.status.is_informational() {
            ctx.status = Some(response.status);
            note_answer(ctx, response.status);
            match stream {
                Some(stream) => {
                    let timeouts = &ctx.route().timeouts;
                    stream.await_content(content_timeout(response, timeouts), timeouts.read);
                }
                None => response_deadline::end(),
            }
            if let Some(upload) = &ctx.upload
                && let Some(pause) = pause_in_call(response, &ctx.route().timeouts)
            {
                upload.lengthen(pause);
            }
            if let Some(translation) = &mut ctx.grpc_web {
                translation.response(response, !ctx.exchange.drops_content())?;
            }
            respond::edit(session, ctx, response);
            adapt::response(session, came_by_http2, response);
            self.end_where_last(session);
        } else {
            note_turn(session, ctx);
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        if ctx.exchange.drops_content() || session.req_header().method == Method::HEAD {
            *body = None;
        }
        if let Some(translation) = &ctx.grpc_web {
            translation.response_body(body, end_of_stream)?;
        }
        if let Some(upload) = &ctx.upload {
            upload.respond();
        }
        ctx.count_response(body.as_ref());
        if let Some(backlog) = &ctx.backlog {
            backlog.hold(body, end_of_stream);
        }
        Ok(None)
    }

    fn upstream_response_trailer_filter(
        &self,
        _session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut Ctx,
    ) -> Result<()> {
        Exchange::check_trailers(trailers)?;
        match &ctx.grpc_web {
            Some(translation) => translation.check_trailers(trailers),
            None => Ok(()),
        }
    }

    async fn response_trailer_filter(
        &self,
        _session: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut Ctx,
    ) -> Result<Option<Bytes>> {
        let translation = ctx.grpc_web.as_ref();
        let mut frame = translation.and_then(|translation| translation.trailers(trailers));
        ctx.count_response(frame.as_ref());
        if let Some(backlog) = &ctx.backlog {
            backlog.hold(&mut frame, true);
        }
        Ok(frame)
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Ctx) -> FailToProxy {
        let mut status = status_of(e);
        if let Some(error) = error_in_body(session, ctx) {
            ctx.record.refuse(error);
            status = Some(error.status());
        } else if *e.esource() == ErrorSource::Upstream
            && let Some(cluster) = ctx.route().cluster()
        {
            let failure = ctx.failure.unwrap_or(Failure::of_exchange(e));
            cluster.log_failure(&ctx.route().name, &reason(failure, e));
        }
        if let Some(status) = status {
            respond::fail(session, ctx, status).await;
        }
        FailToProxy {
            error_code: status.map_or(0, |status| status.as_u16()),
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Ctx) {
        let status = session.response_written().map(|response| response.status);
        ctx.finish(status);
        if error.is_some() {
            // After the record: the time a slow client takes to close is not the request's.
            respond::close(session).await;
        }
    }

    /// Suppresses pingora's error log for clients that went away, which they do all the time.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Ctx, error: &Error) -> bool {
        *error.esource() == ErrorSource::Downstream
    }

    /// Describes a request for pingora's log: without the query, which may hold secrets, and escaped,
    /// because a client chose the path.
    fn request_summary(&self, session: &Session, ctx: &Ctx) -> String {
        let request = session.req_header();
        let (method, path) = (&request.method, request.uri.path());
        format!("{method} {path:?}, route {:?}", ctx.route().name)
    }
}

/// Makes the error of a request whose upstream has no endpoint to ask.
fn unavailable(reason: NoPeer) -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(503), reason.to_string())
}

/// Refuses a connection of HTTP/1.1 to an upstream that is to speak HTTP/2: it has not negotiated it, and
/// gRPC, for one, does not work without.
fn check_version(ctx: &Ctx, version: Version) -> Result<()> {
    let cluster = ctx.route().cluster();
    match version < Version::HTTP_2 && cluster.is_some_and(|cluster| cluster.is_http2()) {
        false => Ok(()),
        true => {
            let kind = ErrorType::new("Http2NotChosen");
            Err(Error::explain(kind, "the upstream did not choose HTTP/2").into_up())
        }
    }
}

/// Returns the error as what it is: pingora does not know whose silence it was.
fn with_its_source(session: &Session, ctx: &Ctx, error: Box<Error>) -> Box<Error> {
    if ClientStream::of(session).is_some_and(ClientStream::is_upstream_late) {
        return Error::explain(ErrorType::ReadTimedout, "the upstream is silent").into_up();
    }
    let is_late =
        (error.etype(), error.esource()) == (&ErrorType::ReadTimedout, &ErrorSource::Upstream);
    if let Some(upload) = &ctx.upload
        && is_late
        && ctx.exchange.is_clients_turn()
        && upload.is_pausing()
    {
        upload.give_up();
        return Error::explain(ErrorType::ReadTimedout, "the client is silent").into_down();
    }
    error
}

/// Notes that a try failed, and marks the error if there is another one.
fn try_again(
    session: &mut Session,
    ctx: &mut Ctx,
    failure: Failure,
    is_reused: bool,
    mut error: Box<Error>,
) -> Box<Error> {
    let has_body = !session.as_downstream_mut().is_body_empty();
    let body = match (has_body, session.as_downstream().retry_buffer_truncated()) {
        (false, _) => Body::None,
        (true, false) => Body::Kept,
        (true, true) => Body::Lost,
    };
    ctx.failure = Some(failure);
    let failed = FailedTry {
        failure,
        method: &session.req_header().method,
        is_reused,
        has_answer: ctx.exchange.has_answer(),
        body,
    };
    let cluster = ctx.snapshot.route(ctx.record.route).cluster();
    let is_again = cluster.is_some_and(|cluster| {
        ctx.tries
            .failed(cluster, &failed, || reason(failure, &error))
    });
    error.set_retry(is_again);
    error
}

/// Notes the status that a try was answered with.
fn note_answer(ctx: &mut Ctx, status: StatusCode) {
    if let Some(cluster) = ctx.snapshot.route(ctx.record.route).cluster() {
        ctx.tries.answered(cluster, status, Instant::now().into());
    }
}

/// Notes that a piece of the request is sent to the upstream now.
fn note_sending(session: &Session, ctx: &mut Ctx, piece: Piece) {
    let timeout = ctx.exchange.expects.header_timeout(&ctx.route().timeouts);
    ctx.exchange.sends(piece, Instant::now(), timeout);
    note_turn(session, ctx);
}

/// Begins the wait for the header of the response, or for the rest of the request.
fn note_turn(session: &Session, ctx: &Ctx) {
    let exchange = &ctx.exchange;
    if let Some(upload) = &ctx.upload {
        upload.set_turn(exchange.is_clients_turn());
    }
    match (ClientStream::of(session), exchange.respond_by()) {
        (Some(stream), Some(by)) => stream.await_header(by),
        (None, Some(by)) => response_deadline::set(by, exchange.expects.outlasts_the_header()),
        // The wait for the content has begun.
        (_, None) if exchange.has_response() => {}
        (Some(stream), None) => stream.await_body(),
        (None, None) => response_deadline::end(),
    }
}

/// Returns what is wrong with the body of a request that failed.
fn error_in_body(session: &Session, ctx: &Ctx) -> Option<RequestError> {
    let stream = ClientStream::of(session);
    let is_late = match &ctx.upload {
        Some(upload) => upload.is_late(),
        None => stream.is_some_and(ClientStream::is_body_late),
    };
    if stream.is_some_and(ClientStream::is_malformed) {
        return Some(RequestError::MalformedChunk);
    }
    if is_body_too_large(ctx) {
        return Some(RequestError::BodyTooLarge);
    }
    if let Some(error) = ctx.grpc_web.as_ref().and_then(Translation::error) {
        return Some(error);
    }
    is_late.then_some(RequestError::BodyTimeout)
}

/// Counts a piece of the request's body, and ends the request where its route does not let it be longer.
fn count_body(session: &Session, ctx: &mut Ctx, piece: Option<&Bytes>) -> Result<()> {
    let Some(piece) = piece else { return Ok(()) };
    // What a WebSocket carries is not a body.
    if session.was_upgraded() {
        return Ok(());
    }
    ctx.body_bytes = ctx.body_bytes.saturating_add(piece.len() as u64);
    match is_body_too_large(ctx) {
        false => Ok(()),
        true => Err(of_body(RequestError::BodyTooLarge)),
    }
}

/// Makes the error of a request whose body is refused while it is sent.
fn of_body(error: RequestError) -> Box<Error> {
    let status = ErrorType::HTTPStatus(error.status().as_u16());
    Error::explain(status, error.to_string()).into_down()
}

fn is_body_too_large(ctx: &Ctx) -> bool {
    let most = ctx.route().limits.max_request_body_bytes;
    most.is_some_and(|most| ctx.body_bytes > most)
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
