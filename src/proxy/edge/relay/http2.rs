//! Requests of HTTP/2 without a body, each a stream with a task of its own.
//!
//! Those with a body stay with pingora, which tells whose turn it is while one is sent.

use super::Relay;
use super::attempt::{Attempts, Failed, RequestLine, Try, ask_all, failed, next_try, with_lines};
use super::download::{self, Download, Output};
use super::response::ResponseHead;
use super::scratch::Scratch;
use crate::cors::MessageFields as _;
use crate::framing::Framing;
use crate::proxy::client::Client;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::head::{is_for_pingora, is_plain_host, plain_target};
use crate::proxy::facts::{Facts, cors_request};
use crate::proxy::room::Room;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::{Failing, Reader, upstream_is_late};
use crate::proxy::upstream::Body;
use crate::proxy::upstream::exchange::Piece;
use crate::routing::authority;
use bytes::{Bytes, BytesMut};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{HeaderNameVariant, ResponseHeader};
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tracing::debug;

/// A plain request of HTTP/2 that was taken on.
pub(in crate::proxy::edge) struct Streamed {
    ctx: Ctx,
    session: Box<HttpSession>,
    /// The first try, which has not begun; `None` for a request that is refused.
    first: Option<Result<Try>>,
}

/// A response on its way to a client of HTTP/2.
struct Http2<'o> {
    session: &'o HttpSession,
    /// The header, until it is sent.
    header: &'o mut Option<Box<ResponseHeader>>,
    /// The content that came with one reading.
    content: &'o mut Vec<u8>,
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
        let limit = streamed.ctx.snapshot.limits.write_timeout;
        streamed.session.set_write_timeout(Some(limit));
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
        if !session.is_body_empty() || names.any(|name| is_for_pingora(name.as_str())) {
            return Err(session);
        }
        let client = Client::current();
        let cors = cors_request(request);
        let target = str::from_utf8(request.raw_path()).ok();
        if target.and_then(plain_target).is_none() || !is_plain_host(cors.authority) {
            return Err(session);
        }
        let facts = Facts::of_stream(&client, &session, &cors);
        let mut routed = Routed::of(snapshot, &facts);
        // A length without a body is another's to judge.
        if facts.has_body || !routed.is_relayed() {
            return Err(session);
        }
        // Not before: what has a context is recorded.
        let mut ctx = Ctx::new(Arc::clone(snapshot));
        let is_taken = matches!(ctx.take_on(&mut routed, requests), Step::Forward(_));
        let first = is_taken.then(|| begin(&mut ctx, &session));
        Ok(Box::new(Self {
            ctx,
            session,
            first,
        }))
    }

    /// Sends an answer of the gateway's own.
    fn answer(&mut self, status: StatusCode) -> Result<()> {
        let request = cors_request(self.session.req_header());
        let header = self.ctx.answer(status, &request).to_header()?;
        self.session.write_response_header(header, true)
    }

    /// Sends the request on a connection, and passes the response on.
    async fn exchange(
        &mut self,
        upstream: &mut Stream,
        header: &[u8],
        silence: Duration,
        write: Duration,
    ) -> Result<bool> {
        self.ctx.note_sending(None, Piece::Last);
        let send = async {
            upstream.write_all(header).await?;
            upstream.flush().await
        };
        let context = "while writing request headers";
        match timeout(write, send).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return Err(Error::because(ErrorType::WriteError, context, error).into_up());
            }
            Err(_) => return Err(Error::explain(ErrorType::WriteTimedout, context).into_up()),
        }
        let mut download = Download::new();
        let is_head = self.session.req_header().method == Method::HEAD;
        let (mut response, mut content) = (None, Vec::new());
        while !download.is_done() {
            let came = poll_fn(|cx| {
                if pin!(self.session.idle()).poll(cx).is_ready() {
                    let error =
                        Error::explain(ErrorType::H2Error, "the client has reset the stream");
                    return Poll::Ready(Err(error.into_down()));
                }
                Scratch::with(|scratch| {
                    let mut input = ReadBuf::new(&mut scratch.input);
                    let read = ready!(Pin::new(&mut *upstream).poll_read(cx, &mut input));
                    let mut output = Http2 {
                        session: &self.session,
                        header: &mut response,
                        content: &mut content,
                    };
                    Poll::Ready(match read {
                        Ok(()) if input.filled().is_empty() => download.end(&mut output),
                        Ok(()) => {
                            let asked = download::Asked {
                                ctx: &mut self.ctx,
                                stream: None,
                                is_head,
                                written: &mut scratch.written,
                            };
                            download.receive(input.filled(), asked, &mut output)
                        }
                        Err(error) => Err(download.broken(error)),
                    })
                })
            });
            let came = timeout(silence, came).await;
            let came = came.unwrap_or_else(|_| Err(upstream_is_late()));
            // What came before a failure is passed on.
            let is_done = download.is_done() && came.is_ok();
            let passed = self.pass_on(&mut response, &mut content, is_done).await;
            came.and(passed)?;
        }
        Ok(download.may_follow())
    }

    /// Sends what has come of the response to the client.
    async fn pass_on(
        &mut self,
        response: &mut Option<Box<ResponseHeader>>,
        content: &mut Vec<u8>,
        is_done: bool,
    ) -> Result<()> {
        let content = std::mem::take(content);
        if let Some(header) = response.take() {
            let is_all = is_done && content.is_empty();
            self.session.write_response_header(header, is_all)?;
            if is_all {
                return Ok(());
            }
        }
        if content.is_empty() && !is_done {
            return Ok(());
        }
        let mut piece = Some(Bytes::from(content));
        if let Some(backlog) = &self.ctx.backlog {
            backlog.hold(&mut piece, is_done);
        }
        let piece = piece.unwrap_or_default();
        let sent = self.session.write_body(piece, is_done).await;
        sent.map_err(|error| error.into_down())
    }
}

impl Attempts for Streamed {
    fn next_try(&mut self) -> Result<Try> {
        match self.first.take() {
            Some(first) => first,
            None => begin(&mut self.ctx, &self.session),
        }
    }

    async fn ask(&mut self, relay: &Relay, next: Try) -> std::result::Result<(), Failed> {
        let Try {
            endpoint,
            needs,
            header,
        } = next;
        let (mut connection, is_reused) = relay.connect(&self.ctx, &endpoint, needs).await?;
        let silence = needs.silence;
        let exchange = self.exchange(&mut connection.stream, &header, silence.read, silence.write);
        let may_follow = exchange.await.map_err(|error| failed(error, is_reused))?;
        if may_follow {
            self.ctx.keep_idle(&endpoint, connection, Instant::now());
        }
        Ok(())
    }

    fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        let failing = Failing {
            method: &self.session.req_header().method,
            body: Body::None,
            is_reused,
        };
        (&mut self.ctx, failing)
    }
}

/// Begins a try of a stream's request.
fn begin(ctx: &mut Ctx, session: &HttpSession) -> Result<Try> {
    let request = session.req_header();
    let authority = authority(&request.uri, &request.headers);
    let target = str::from_utf8(request.raw_path()).unwrap_or_default();
    let line = RequestLine {
        method: &request.method,
        version: Version::HTTP_2,
        target,
        path: request.uri.path(),
        host: authority,
        framing: Framing::Unstated,
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
        *self.header = Some(Box::new(response.into()));
    }

    fn content(&mut self, pieces: &[&[u8]], _in_chunks: bool) {
        for piece in pieces {
            self.content.extend_from_slice(piece);
        }
    }

    fn end(&mut self, _in_chunks: bool) {}
}
