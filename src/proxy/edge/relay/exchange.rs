//! One try of a request: its bytes to the upstream, and the upstream's to the client, both at once.
//!
//! The exchange sends the bytes of one side to the other before it reads more, so that a slow side slows the other, and
//! at most one reading is held for each. Decisions are made in `stages`; here bytes are moved.

use super::download::{Asked, Download};
use super::http1::Http1;
use super::request::Relayed;
use super::scratch::Scratch;
use super::unsent::Unsent;
use crate::proxy::edge::client_stream::{AtOnce, ClientStream};
use crate::proxy::edge::timers::Timer;
use crate::proxy::stages::upstream_is_late;
use crate::proxy::upstream::exchange::Piece;
use http::Method;
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use pingora_core::{Error, ErrorType, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, ReadBuf};

/// See the module's documentation.
pub(super) struct Exchange<'e> {
    client: &'e mut ClientStream,
    upstream: &'e mut Stream,
    relayed: &'e mut Relayed,
    leaving: &'e ShutdownWatch,
    to_client: Unsent,
    upload: Upload,
    /// The header of the request, until it is sent.
    beginning: Vec<u8>,
    to_upstream: Unsent,
    download: Download,
}

/// The request's body on its way.
#[derive(Debug)]
enum Upload {
    Reading,
    Done,
    /// The upstream takes no more of it. It may have answered before.
    Refused(Option<Box<Error>>),
}

// === impl Exchange ===

impl<'e> Exchange<'e> {
    pub(super) fn new(
        client: &'e mut ClientStream,
        upstream: &'e mut Stream,
        relayed: &'e mut Relayed,
        leaving: &'e ShutdownWatch,
    ) -> Self {
        Self {
            leaving,
            client,
            upstream,
            relayed,
            to_client: Unsent::new(),
            upload: Upload::Reading,
            beginning: Vec::new(),
            to_upstream: Unsent::new(),
            download: Download::new(),
        }
    }

    /// Begins to send the request, with its header and what was read of its body for a try before.
    pub(super) fn start(&mut self, mut header: Vec<u8>) -> Result<()> {
        // The wait for another upstream, or of another request, is over.
        self.client.timers.stop(Timer::Upstream);
        let is_complete = self.client.is_request_read();
        let relayed = &mut *self.relayed;
        relayed
            .ctx
            .note_sending(Some(self.client), piece(is_complete));
        relayed.ctx.count_body(relayed.kept().len())?;
        relayed.write_kept(&mut header);
        if is_complete {
            relayed.write_end(&mut header);
            self.upload = Upload::Done;
        }
        self.beginning = header;
        Ok(())
    }

    /// Passes on what comes from both sides, until the response has been sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        loop {
            if self.client.poll_late(cx).is_ready() {
                return Poll::Ready(Err(upstream_is_late()));
            }
            let sent = self.poll_upload(cx, scratch)?;
            let received = self.poll_download(cx, scratch)?;
            if self.is_done() {
                return Poll::Ready(Ok(()));
            }
            if sent.is_pending() && received.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Whether both sides have seen the end of request and response, and nothing else: another request may
    /// follow on the upstream's connection.
    pub(super) fn may_follow(&self) -> bool {
        matches!(self.upload, Upload::Done) && self.download.may_follow()
    }

    fn is_done(&self) -> bool {
        let is_uploaded = match self.upload {
            Upload::Reading => false,
            Upload::Done => self.to_upstream.is_sent(),
            Upload::Refused(_) => true,
        };
        is_uploaded && self.download.is_done() && self.to_client.is_sent()
    }

    /// Moves the request on by one reading. Pending if nothing can be done.
    fn poll_upload(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        if !matches!(self.upload, Upload::Refused(_)) {
            ready!(self.poll_sent_upstream(cx))?;
        }
        let came = self.poll_piece(cx, scratch);
        let piece = match &came {
            Poll::Ready(Ok(piece)) => *piece,
            Poll::Ready(Err(_)) | Poll::Pending => &[],
        };
        // With what has come of the body, but without waiting for it.
        let beginning = std::mem::take(&mut self.beginning);
        let sent = self
            .to_upstream
            .send(self.upstream, cx, [&beginning, piece]);
        match sent {
            Ok(()) => came.map_ok(|_| ()),
            Err(error) if beginning.is_empty() => self.refuse_upload(error),
            Err(error) => {
                let context = "while writing request headers";
                let error = Error::because(ErrorType::WriteError, context, error);
                Poll::Ready(Err(error.into_up()))
            }
        }
    }

    /// Reads a piece of the request's body, and returns what is to be sent for it.
    fn poll_piece<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<Result<&'s [u8]>> {
        let Scratch { input, output, .. } = scratch;
        let mut buffer = ReadBuf::new(input);
        let came = Pin::new(&mut *self.client).poll_read(cx, &mut buffer);
        let length = buffer.filled().len();
        if let Err(error) = ready!(came) {
            let error = Error::because(ErrorType::ReadError, "reading body", error);
            return Poll::Ready(Err(error.into_down()));
        }
        let came = &input[..length];
        if !matches!(self.upload, Upload::Reading) {
            // The client has ended its side, and may still wait for its answer.
            return match came.is_empty() {
                true => Poll::Pending,
                false => Poll::Ready(Ok(&[])),
            };
        }
        let is_last = self.client.is_request_read();
        if came.is_empty() && !is_last {
            return Poll::Ready(Err(Relayed::cut_off()));
        }
        let relayed = &mut *self.relayed;
        output.clear();
        relayed.ctx.note_sending(Some(self.client), piece(is_last));
        let (length, piece) = match relayed.passes_body_as_it_came() {
            true => {
                relayed.keep(came);
                (came.len(), came)
            }
            false => {
                let length = relayed.write_chunks(came, output);
                if is_last {
                    relayed.write_end(output);
                }
                (length, output.as_slice())
            }
        };
        relayed.ctx.count_body(length)?;
        if is_last {
            self.upload = Upload::Done;
        }
        Poll::Ready(Ok(piece))
    }

    /// Ready when the upstream has taken what was sent to it, or takes no more.
    fn poll_sent_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.to_upstream.poll_sent(self.upstream, cx) {
            Poll::Ready(Ok(())) => {
                self.client.timers.stop(Timer::Upstream);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => self.refuse_upload(error),
            Poll::Pending => {
                let timeout = self.relayed.ctx.route().timeouts.write;
                self.client.timers.start(Timer::Upstream, timeout);
                ready!(self.client.timers.poll(Timer::Upstream, cx));
                let error = Error::explain(ErrorType::WriteTimedout, "writing body");
                Poll::Ready(Err(error.into_up()))
            }
        }
    }

    /// Notes that the upstream takes no more of the request. It may have answered, and so its response is
    /// waited for.
    fn refuse_upload(&mut self, error: std::io::Error) -> Poll<Result<()>> {
        let error = Error::because(ErrorType::WriteError, "writing body", error).into_up();
        self.upload = Upload::Refused(Some(error));
        self.relayed
            .ctx
            .note_sending(Some(self.client), Piece::Last);
        Poll::Ready(Ok(()))
    }

    /// Moves the response on by one reading. Pending if nothing can be done.
    fn poll_download(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        let of_client = |error| {
            let error = Error::because(ErrorType::WriteError, "writing response", error);
            error.into_down()
        };
        ready!(self.to_client.poll_sent(&mut AtOnce(self.client), cx)).map_err(of_client)?;
        if self.download.is_done() {
            return Poll::Pending;
        }
        let Scratch {
            input,
            output,
            written,
            date,
        } = scratch;
        let mut buffer = ReadBuf::new(input);
        let came = ready!(Pin::new(&mut *self.upstream).poll_read(cx, &mut buffer));
        output.clear();
        let relayed = &mut *self.relayed;
        let mut response = Http1 {
            bytes: output,
            date,
            origin: relayed.came.origin(),
            reply: &mut relayed.reply,
            client: self.client,
            leaving: self.leaving,
        };
        let received = match came {
            Ok(()) if buffer.filled().is_empty() => self.download.end(&mut response),
            Ok(()) if self.download.is_as_it_came() => {
                let piece = self.download.pass_on(buffer.filled(), &mut relayed.ctx);
                let sent = self
                    .to_client
                    .send(&mut AtOnce(self.client), cx, [piece, &[]]);
                return Poll::Ready(sent.map_err(of_client));
            }
            Ok(()) => {
                let asked = Asked {
                    ctx: &mut relayed.ctx,
                    stream: Some(self.client),
                    is_head: relayed.method == Method::HEAD,
                    written,
                };
                self.download.receive(buffer.filled(), asked, &mut response)
            }
            Err(error) => Err(self.download.broken(error)),
        };
        let sent = self
            .to_client
            .send(&mut AtOnce(self.client), cx, [output, &[]]);
        if let Err(error) = received {
            return Poll::Ready(Err(match &mut self.upload {
                // The failure that came first is the reason.
                Upload::Refused(first) => first.take().unwrap_or(error),
                Upload::Reading | Upload::Done => error,
            }));
        }
        Poll::Ready(sent.map_err(of_client))
    }
}

fn piece(is_last: bool) -> Piece {
    match is_last {
        true => Piece::Last,
        false => Piece::Part,
    }
}
