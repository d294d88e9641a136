//! The client's side on HTTP/1.1: a request and its response, in the bytes of its connection.

use super::attempt::Try;
use super::body::RequestBody;
use super::client_side::ClientSide;
use super::download::{Asked, Download, Output};
use super::request::{Relayed, Reply};
use super::response::ResponseHead;
use super::scratch::{Drafts, Scratch};
use super::unsent::Unsent;
use crate::framing::{LAST_CHUNK, write_chunk};
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::{AtOnce, ClientStream};
use crate::proxy::edge::date::Date;
use crate::proxy::edge::timers::Timers;
use crate::proxy::stages::{Failing, Reader, upstream_is_late};
use crate::proxy::upstream::exchange::Piece;
use http::{Method, Version};
use pingora_core::server::ShutdownWatch;
use pingora_core::{Error, ErrorType, Result};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::time::Instant;

/// A request, and its client.
pub(super) struct Http1Request<'r> {
    client: &'r mut ClientStream,
    relayed: &'r mut Relayed,
    leaving: &'r ShutdownWatch,
    to_client: Unsent,
}

/// A response on its way: the bytes of it.
struct Http1<'o> {
    bytes: &'o mut Vec<u8>,
    date: &'o mut Date,
    /// The first line of the request's Origin.
    origin: Option<&'o [u8]>,
    reply: &'o mut Reply,
    client: &'o ClientStream,
    leaving: &'o ShutdownWatch,
}

// === impl Http1Request ===

impl<'r> Http1Request<'r> {
    pub(super) fn new(
        client: &'r mut ClientStream,
        relayed: &'r mut Relayed,
        leaving: &'r ShutdownWatch,
    ) -> Self {
        Self {
            client,
            relayed,
            leaving,
            to_client: Unsent::new(),
        }
    }

    /// Reads from the client. Returns how much has come.
    fn poll_client(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        let came = ready!(Pin::new(&mut *self.client).poll_read(cx, &mut buffer));
        Poll::Ready(match came {
            Ok(()) => Ok(buffer.filled().len()),
            Err(error) => {
                let error = Error::because(ErrorType::ReadError, "reading body", error);
                Err(error.into_down())
            }
        })
    }
}

impl ClientSide for Http1Request<'_> {
    fn next_try(&mut self) -> Result<Try> {
        self.relayed.next_try()
    }

    fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        self.relayed.failing(is_reused)
    }

    fn ctx(&mut self) -> (&mut Ctx, Option<&ClientStream>) {
        (&mut self.relayed.ctx, Some(self.client))
    }

    fn body(&mut self) -> &mut RequestBody {
        &mut self.relayed.body
    }

    fn timers(&mut self) -> &mut Timers {
        &mut self.client.timers
    }

    fn is_request_read(&self) -> bool {
        self.client.is_request_read()
    }

    /// Reading finds that the client has gone.
    fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<Box<Error>> {
        self.client.poll_late(cx).map(|()| upstream_is_late())
    }

    fn poll_silence(
        &mut self,
        _cx: &mut Context<'_>,
        _longest: Option<Duration>,
    ) -> Poll<Box<Error>> {
        Poll::Pending
    }

    fn poll_read<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<Result<(Piece, &'s [u8])>> {
        let Scratch { input, drafts } = scratch;
        let length = ready!(self.poll_client(cx, input))?;
        let is_last = self.client.is_request_read();
        if length == 0 && !is_last {
            let kind = ErrorType::ConnectionClosed;
            let error = Error::explain(kind, "the client has ended its side in the body");
            return Poll::Ready(Err(error.into_down()));
        }
        let (came, output) = (&input[..length], &mut drafts.output);
        let piece = Piece::of(is_last);
        let Relayed { ctx, body, .. } = &mut *self.relayed;
        ctx.note_sending(Some(self.client), piece);
        output.clear();
        let (length, bytes) = match body.goes_on_as_it_is() {
            true => {
                body.keep(came);
                (length, came)
            }
            false => {
                let length = body.write_chunks(came, output);
                if is_last {
                    body.write_end(output);
                }
                (length, output.as_slice())
            }
        };
        ctx.count_body(length)?;
        Poll::Ready(Ok((piece, bytes)))
    }

    /// The client may have ended its side, and still wait for its answer.
    fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        match ready!(self.poll_client(cx, &mut scratch.input))? {
            0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn respond(
        &mut self,
        cx: &mut Context<'_>,
        download: &mut Download,
        came: io::Result<&[u8]>,
        drafts: &mut Drafts,
    ) -> Result<()> {
        let Self {
            client,
            relayed,
            leaving,
            to_client,
        } = self;
        let Drafts {
            output,
            written,
            date,
        } = drafts;
        if let Ok(came @ [_, ..]) = came
            && download.is_as_it_came()
        {
            let piece = download.pass_on(came, &mut relayed.ctx);
            let sent = to_client.send(&mut AtOnce(client), cx, [piece, &[]]);
            return sent.map_err(not_taken);
        }
        output.clear();
        let asked = Asked {
            ctx: &mut relayed.ctx,
            stream: Some(client),
            is_head: relayed.method == Method::HEAD,
            written,
        };
        let mut response = Http1 {
            bytes: output,
            date,
            origin: relayed.came.origin(),
            reply: &mut relayed.reply,
            client,
            leaving,
        };
        let received = download.take(came, asked, &mut response);
        let sent = to_client.send(&mut AtOnce(client), cx, [output, &[]]);
        received.and(sent.map_err(not_taken))
    }

    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let sent = self.to_client.poll_sent(&mut AtOnce(self.client), cx);
        sent.map_err(not_taken)
    }

    fn is_taken(&self) -> bool {
        self.to_client.is_sent()
    }
}

/// Makes the error of a client that does not take its response.
fn not_taken(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "writing response", error).into_down()
}

// === impl Http1 ===

impl Output for Http1<'_> {
    fn interim(&mut self, head: &ResponseHead<'_, '_>) {
        head.write_interim(self.bytes);
    }

    fn header(&mut self, ctx: &Ctx, head: &mut ResponseHead<'_, '_>) {
        let reader = Reader {
            version: Version::HTTP_11,
            origin: self.origin,
        };
        ctx.edit_response(head.line.version, reader, &mut head.fields);
        let keep_alive = self
            .reply
            .keeps(head.line.status, self.client, self.leaving);
        head.write_final(self.date.value(Instant::now()), keep_alive, self.bytes);
    }

    fn content(&mut self, pieces: &[&[u8]], in_chunks: bool) {
        match in_chunks {
            true => write_chunk(pieces, self.bytes),
            false => pieces
                .iter()
                .for_each(|piece| self.bytes.extend_from_slice(piece)),
        }
    }

    fn end(&mut self, in_chunks: bool) {
        if in_chunks {
            self.bytes.extend_from_slice(LAST_CHUNK);
        }
    }
}
