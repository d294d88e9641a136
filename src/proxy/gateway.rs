//! pingora's phases, one short method each. They decide nothing: a request is routed and decided in
//! `routed`, the gateway's own responses are made in `answer`, and `respond` sends them.

use super::ctx::Ctx;
use super::edge::client_stream::ClientStream;
use super::facts::{Facts, HeaderLength, cors_request};
use super::room::Room;
use super::routed::{Routed, Step};
use super::snapshot::Snapshot;
use super::stages::{Failing, Reader, StatusLine, is_last, of_body, upstream_is_late};
use super::upstream::exchange::{Asked, Exchange, Piece};
use super::upstream::{Body, Failure, Hold};
use super::{adapt, respond, rewrite};
use crate::config::MAX_RETRIES;
use crate::routing::authority;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
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

    /// Returns the room for requests under way, which every lane shares.
    pub(super) fn requests(&self) -> Room {
        self.requests.clone()
    }

    /// Makes this response the connection's last if the process is leaving, or the client has ended its
    /// side.
    fn end_where_last(&self, session: &mut Session) {
        if is_last(ClientStream::of(session), &self.leaving) {
            session.set_keepalive(None);
        }
    }

    /// Finds the route and decides. The record and the plan for the response's headers wait in `ctx`.
    /// Returns the gateway's own answer; `None` where the upstream is asked.
    fn judge(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Option<OwnAnswer>> {
        let (snapshot, client) = (Arc::clone(&ctx.snapshot), Arc::clone(&ctx.client));
        let is_bodiless = session.as_downstream_mut().is_body_empty();
        let downstream = session.as_downstream();
        let request = downstream.req_header();
        let cors = cors_request(request);
        let length = HeaderLength::of(downstream);
        let mut facts = Facts::of(&client, request, request.raw_path(), &cors, length);
        facts.has_body |= !is_bodiless;
        let mut routed = Routed::of(&snapshot, &facts);
        // First of all: a request that fails from here on is recorded and answered like any other.
        let answer = match ctx.take_on(&mut routed, &self.requests) {
            Step::Answer(answer) => answer,
            Step::Forward(_) => return Ok(None),
        };
        let answer = answer.with_request_id(ctx.record.request_id.as_ref());
        let body = answer.content().cloned();
        answer.to_header().map(|header| Some((header, body)))
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
        let asked = Asked {
            method: &request.method,
            version: request.version,
            path: request.uri.path(),
            fields: &request.headers,
            has_body,
        };
        let (endpoint, needs) = ctx.begin_try(&asked)?;
        let mut peer = ctx.peer(&endpoint, needs)?;
        ctx.hold = needs.is_websocket.then(|| Hold::on(&mut peer));
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
        let request = session.req_header();
        if request.version < Version::HTTP_2 && !request.raw_path().starts_with(b"/") {
            // Absolute form is for proxies. pingora keeps it beside the URI, which has the path alone. Its
            // authority equals Host, or pingora has refused the request.
            upstream_request.set_uri(request.uri.clone());
        }
        let host = authority(&request.uri, &request.headers);
        ctx.edit_request(host, request.version, upstream_request)?;
        if let Some(target) = rewrite::new_target(ctx.route(), upstream_request.raw_path()) {
            rewrite::set_target(upstream_request, &target)?;
        }
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
        ctx.note_sending(ClientStream::of(session), piece);
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        ctx.note_sending(ClientStream::of(session), Piece::of(end_of_stream));
        // What a WebSocket carries is not a body.
        if let Some(body) = body.as_ref().filter(|_| !session.was_upgraded()) {
            ctx.count_body(body.len())?;
        }
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
        let line = StatusLine {
            status: response.status,
            version: response.version,
        };
        ctx.receive(line, ClientStream::of(session), response)?;
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            session.set_read_timeout(Some(ctx.route().timeouts.tunnel));
            return Ok(());
        }
        if response.status.is_informational() {
            return Ok(());
        }
        // Whatever the upstream speaks, this is the gateway's message: RFC 9110 §2.5.
        response.set_version(Version::HTTP_11);
        if let Some(translation) = &mut ctx.grpc_web {
            translation.response(response, !ctx.exchange.drops_content())?;
        }
        let request = session.req_header();
        let reader = Reader {
            version: request.version,
            origin: request
                .headers
                .get(header::ORIGIN)
                .map(HeaderValue::as_bytes),
        };
        ctx.edit_response(line.version, reader, response);
        adapt::end_where_unstated(session, response);
        self.end_where_last(session);
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
        ctx.count_response(body.as_ref().map_or(0, Bytes::len));
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
        ctx.count_response(frame.as_ref().map_or(0, Bytes::len));
        if let Some(backlog) = &ctx.backlog {
            backlog.hold(&mut frame, true);
        }
        Ok(frame)
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Ctx) -> FailToProxy {
        let status = ctx.give_up(ClientStream::of(session), e);
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
        // Behind an interim one the client was to get another.
        let is_one = |status: &StatusCode| {
            !status.is_informational() || *status == StatusCode::SWITCHING_PROTOCOLS
        };
        ctx.finish(status.filter(is_one));
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
        return upstream_is_late();
    }
    match (error.etype(), error.esource()) {
        (ErrorType::ReadTimedout, ErrorSource::Upstream) => ctx.silence(),
        _ => error,
    }
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
    let failing = Failing {
        method: &session.req_header().method,
        body,
        is_reused,
    };
    let is_again = ctx.failed_try(failing, failure, &error);
    error.set_retry(is_again);
    error
}
