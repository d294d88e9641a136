//! The client's side on HTTP/2: a request and its response, each pair a stream with a task of its own.

use super::Relay;
use super::attempt::{RequestLine, Try, ask_all, next_try, with_lines};
use super::body::RequestBody;
use super::client_side::ClientSide;
use super::download::{Asked, Download, Output};
use super::response::ResponseHead;
use super::scratch::{Drafts, INPUT, Scratch};
use super::stream_writer::StreamWriter;
use crate::cors::MessageFields as _;
use crate::framing::Framing;
use crate::proxy::client::Client;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::head::{is_for_pingora, is_plain_host, plain_target};
use crate::proxy::edge::timers::{Timer, Timers};
use crate::proxy::facts::{Facts, cors_request};
use crate::proxy::room::Room;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::{Failing, Reader};
use crate::proxy::upstream::exchange::Piece;
use crate::routing::authority;
use bytes::{Bytes, BytesMut};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{HeaderNameVariant, ResponseHeader};
use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;
use tracing::debug;

/// Length of collected pieces of a body from which on they are sent: with one more frame, of h2's largest, they are
/// one reading.
const MAX_COLLECTED: usize = INPUT - (16 << 10);

/// A plain request of HTTP/2 that was taken on.
pub(in crate::proxy::edge) struct Streamed {
    ctx: Ctx,
    session: Box<HttpSession>,
    body: RequestBody,
    /// Whether all of the request has been read.
    is_read: bool,
    /// The first try, which has not begun; `None` for a request that is refused.
    first: Option<Result<Try>>,
    to_client: StreamWriter,
    /// The stream's own, of what is bounded on HTTP/1.1 by the timers of the connection.
    timers: Timers,
}

/// A response on its way: what came with one reading.
struct Http2<'o> {
    session: &'o HttpSession,
    header: Option<Box<ResponseHeader>>,
    content: Vec<u8>,
}

impl Relay {
    /// Takes a stream on, or gives it back if it is not for this lane.
    pub(in crate::proxy::edge) fn take_stream(
        &self,
        snapshot: &Arc<Snapshot>,
        session: Box<HttpSession>,
    ) -> std::result::Result<Box<Streamed>, Box<HttpSession>> {
        if !snapshot.express_lane {
            return Err(session);
        }
        Streamed::take(snapshot, &self.requests, session)
    }

    /// Serves a stream to its end.
    pub(in crate::proxy::edge) async fn serve_stream(&self, mut streamed: Box<Streamed>) {
        let answered = match streamed.ctx.record.error {
            Some(error) => Err(Some(error.status())),
            None => ask_all(self, &mut *streamed)
                .await
                .map_err(|error| streamed.ctx.give_up(None, &error)),
        };
        if let Err(Some(status)) = answered
            && streamed.session.response_written().is_none()
            && let Err(error) = streamed.answer(status)
        {
            debug!(%error, "a client did not wait for its answer");
        }
        let written = streamed.session.response_written();
        let status = written.map(|response| response.status);
        streamed.ctx.finish(status);
    }
}

// === impl Streamed ===

impl Streamed {
    fn take(
        snapshot: &Arc<Snapshot>,
        requests: &Room,
        session: Box<HttpSession>,
    ) -> std::result::Result<Box<Self>, Box<HttpSession>> {
        let request = session.req_header();
        let mut names = request.headers.keys();
        if names.any(|name| is_for_pingora(name.as_str())) {
            return Err(session);
        }
        let client = Client::current();
        let cors = cors_request(request);
        let target = str::from_utf8(request.raw_path()).ok();
        if target.and_then(plain_target).is_none() || !is_plain_host(cors.authority) {
            return Err(session);
        }
        let is_read = session.is_body_empty();
        let facts = Facts::of_stream(&client, &session, &cors);
        let mut routed = Routed::of(snapshot, &facts);
        let framing = match facts.framing {
            // Frames have lengths, and HTTP/1.1 has chunks for that.
            Ok(Framing::Unstated) if !is_read => Framing::Chunked,
            Ok(framing) => framing,
            Err(_) => return Err(session),
        };
        // A length that the stream contradicts is another's to judge.
        if framing.has_body() == is_read || !routed.is_relayed() {
            return Err(session);
        }
        // Not before: what has a context is recorded.
        let mut ctx = Ctx::new(Arc::clone(snapshot));
        let body = RequestBody::new(framing, &request.method);
        let is_taken = matches!(ctx.take_on(&mut routed, requests), Step::Forward(_));
        let first = is_taken.then(|| begin(&mut ctx, &session, framing));
        Ok(Box::new(Self {
            ctx,
            session,
            body,
            is_read,
            first,
            to_client: StreamWriter::default(),
            timers: Timers::new(Instant::now()),
        }))
    }

    /// Sends an answer of the gateway's own.
    fn answer(&mut self, status: StatusCode) -> Result<()> {
        let request = cors_request(self.session.req_header());
        let header = self.ctx.answer(status, &request).to_header()?;
        self.session.write_response_header(header, true)
    }

    /// Reads a piece of the body. `None` is its end.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let read = ready!(pin!(self.session.read_body_bytes()).poll(cx));
        let piece = read.map_err(|error| error.into_down())?;
        self.is_read = piece.is_none() || self.session.is_body_done();
        Poll::Ready(Ok(piece))
    }

    /// Begins to send what has come of the response to the client.
    fn pass_on(
        &mut self,
        header: Option<Box<ResponseHeader>>,
        content: Vec<u8>,
        is_last: bool,
    ) -> Result<()> {
        let has_more = !content.is_empty();
        if let Some(header) = header {
            let is_all = is_last && !has_more;
            self.to_client.begin(&mut self.session, header, is_all)?;
            if is_all {
                return Ok(());
            }
        }
        if has_more || is_last {
            let mut piece = Some(Bytes::from(content));
            if let Some(backlog) = &self.ctx.backlog {
                backlog.hold(&mut piece, is_last);
            }
            self.to_client.send(piece.unwrap_or_default(), is_last);
        }
        Ok(())
    }
}

impl ClientSide for Streamed {
    fn next_try(&mut self) -> Result<Try> {
        match self.first.take() {
            Some(first) => first,
            None => begin(&mut self.ctx, &self.session, self.body.framing()),
        }
    }

    fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        let failing = Failing {
            method: &self.session.req_header().method,
            body: self.body.known(),
            is_reused,
        };
        (&mut self.ctx, failing)
    }

    fn ctx(&mut self) -> (&mut Ctx, Option<&ClientStream>) {
        (&mut self.ctx, None)
    }

    fn body(&mut self) -> &mut RequestBody {
        &mut self.body
    }

    fn timers(&mut self) -> &mut Timers {
        &mut self.timers
    }

    fn is_request_read(&self) -> bool {
        self.is_read
    }

    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Box<Error>> {
        let reset = self.to_client.poll_reset(&mut self.session, cx);
        reset.map(|()| {
            let error = Error::explain(ErrorType::H2Error, "the client has reset the stream");
            error.into_down()
        })
    }

    fn poll_silence(
        &mut self,
        cx: &mut Context<'_>,
        longest: Option<Duration>,
    ) -> Poll<Box<Error>> {
        let Some(longest) = longest else {
            self.timers.stop(Timer::Response);
            return Poll::Pending;
        };
        self.timers.start(Timer::Response, longest);
        ready!(self.timers.poll(Timer::Response, cx));
        Poll::Ready(self.ctx.silence())
    }

    fn poll_read<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<Result<(Piece, &'s [u8])>> {
        let output = &mut scratch.drafts.output;
        output.clear();
        let mut has_come = false;
        while !self.is_read && output.len() <= MAX_COLLECTED {
            let piece = match self.poll_body(cx) {
                Poll::Ready(piece) => piece?.unwrap_or_default(),
                Poll::Pending if has_come => break,
                Poll::Pending => return Poll::Pending,
            };
            self.timers.stop(Timer::Response);
            self.ctx.note_sending(None, Piece::of(self.is_read));
            self.ctx.count_body(piece.len())?;
            self.body.write(&piece, output);
            has_come = true;
        }
        if self.is_read {
            self.body.write_end(output);
        }
        Poll::Ready(Ok((Piece::of(self.is_read), output)))
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>, _scratch: &mut Scratch) -> Poll<Result<()>> {
        match self.is_read {
            true => Poll::Pending,
            false => self.poll_body(cx).map_ok(drop),
        }
    }

    fn respond(
        &mut self,
        cx: &mut Context<'_>,
        download: &mut Download,
        came: io::Result<&[u8]>,
        drafts: &mut Drafts,
    ) -> Result<()> {
        self.timers.stop(Timer::Response);
        let asked = Asked {
            ctx: &mut self.ctx,
            stream: None,
            is_head: self.session.req_header().method == Method::HEAD,
            written: &mut drafts.written,
        };
        let mut response = Http2 {
            session: &self.session,
            header: None,
            content: Vec::new(),
        };
        let received = download.take(came, asked, &mut response);
        let Http2 {
            header, content, ..
        } = response;
        let is_last = received.is_ok() && download.is_done();
        // What came before a failure is passed on.
        let sent = match self.pass_on(header, content, is_last) {
            Ok(()) => self.poll_taken(cx),
            Err(error) => Poll::Ready(Err(error)),
        };
        match (received, sent) {
            (Err(error), _) | (Ok(()), Poll::Ready(Err(error))) => Err(error),
            (Ok(()), _) => Ok(()),
        }
    }

    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let timeout = self.ctx.snapshot.limits.write_timeout;
        self.to_client.poll_taken(cx, &mut self.timers, timeout)
    }

    fn is_taken(&self) -> bool {
        self.to_client.is_taken()
    }
}

/// Begins a try of a stream's request.
fn begin(ctx: &mut Ctx, session: &HttpSession, framing: Framing) -> Result<Try> {
    let request = session.req_header();
    let authority = authority(&request.uri, &request.headers);
    let target = str::from_utf8(request.raw_path()).unwrap_or_default();
    let line = RequestLine {
        method: &request.method,
        version: Version::HTTP_2,
        target,
        path: request.uri.path(),
        host: authority,
        framing,
    };
    with_lines(&[], |mut fields| {
        request.map(|name, value| {
            match name {
                HeaderNameVariant::Titled(name) => fields.push(name, value.as_bytes()),
                HeaderNameVariant::Case(name) => {
                    let name = str::from_utf8(name.as_slice()).unwrap_or_default();
                    fields.push(name, value.as_bytes());
                }
            }
            Ok(())
        })?;
        if fields.only(&HOST) != Some(authority) {
            fields.set_text("Host", authority);
        }
        next_try(ctx, line, fields)
    })
}

impl Output for Http2<'_> {
    fn interim(&mut self, _head: &ResponseHead<'_, '_>) {
        // h2 has no way to send one.
    }

    fn header(&mut self, ctx: &Ctx, head: &mut ResponseHead<'_, '_>) {
        let origin = self.session.req_header().headers.get(ORIGIN);
        let reader = Reader {
            version: Version::HTTP_2,
            origin: origin.map(HeaderValue::as_bytes),
        };
        ctx.edit_response(head.line.version, reader, &mut head.fields);
        // Room for what h2 is given beside these.
        let mut fields = HeaderMap::with_capacity(head.fields.count() + 2);
        // All values share one memory: each alone would be allocated, and once more when h2 gets them.
        let mut values = BytesMut::with_capacity(head.fields.length());
        head.fields.for_each(|name, value| {
            values.extend_from_slice(value);
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = HeaderValue::from_maybe_shared(values.split().freeze());
            if let (Ok(name), Ok(value)) = (name, value) {
                fields.append(name, value);
            }
        });
        let (mut response, ()) = Response::new(()).into_parts();
        response.status = head.line.status;
        response.headers = fields;
        self.header = Some(Box::new(response.into()));
    }

    fn content(&mut self, pieces: &[&[u8]], _in_chunks: bool) {
        for piece in pieces {
            self.content.extend_from_slice(piece);
        }
    }

    fn end(&mut self, _in_chunks: bool) {}
}
