//! One try of a request: its bytes to the upstream, and the upstream's to the client, both at once.
//!
//! The exchange sends the bytes of one side to the other before it reads more, so that a slow side slows the other, and
//! at most one reading is held for each. Decisions are made in `stages`; here bytes are moved.

use super::client_side::ClientSide;
use super::download::Download;
use super::scratch::Scratch;
use super::unsent::Unsent;
use crate::proxy::edge::timers::Timer;
use crate::proxy::edge::upload::Untaken;
use crate::proxy::upstream::exchange::{Piece, Silence};
use pingora_core::protocols::Stream;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead as _, ReadBuf};

/// See the module's documentation.
pub(super) struct Exchange<'e, C> {
    client: &'e mut C,
    upstream: &'e mut Stream,
    /// The longest silences of the upstream.
    silence: Silence,
    upload: Upload,
    /// The header of the request, until it is sent.
    beginning: Vec<u8>,
    to_upstream: Unsent,
    /// Counts what the upstream has yet to take, in a body whose pauses are not bounded elsewhere.
    untaken: Option<Untaken>,
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

impl<'e, C: ClientSide> Exchange<'e, C> {
    pub(super) fn new(client: &'e mut C, upstream: &'e mut Stream, silence: Silence) -> Self {
        Self {
            client,
            upstream,
            silence,
            upload: Upload::Reading,
            beginning: Vec::new(),
            to_upstream: Unsent::new(),
            untaken: None,
            download: Download::new(),
        }
    }

    /// Begins to send the request, with its header and what was read of its body for a try before.
    pub(super) fn start(&mut self, mut header: Vec<u8>) -> Result<()> {
        // The waits for another upstream, or of another request, are over.
        for timer in [Timer::Upstream, Timer::Response] {
            self.client.timers().stop(timer);
        }
        let is_complete = self.client.is_request_read();
        let kept = self.client.body().kept().len();
        let (ctx, stream) = self.client.ctx();
        ctx.note_sending(stream, Piece::of(is_complete));
        ctx.count_body(kept)?;
        let body = self.client.body();
        body.write_kept(&mut header);
        if is_complete {
            body.write_end(&mut header);
            self.upload = Upload::Done;
        }
        self.beginning = header;
        Ok(())
    }

    /// Passes on what comes from both sides, until the response has been sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        loop {
            if let Poll::Ready(error) = self.client.poll_given_up(cx) {
                return Poll::Ready(Err(error));
            }
            let sent = self.poll_upload(cx, scratch)?;
            let received = self.poll_download(cx, scratch)?;
            if self.is_done() {
                return Poll::Ready(Ok(()));
            }
            if sent.is_pending() && received.is_pending() {
                // Not before: the task may not have had its turn for a long time.
                let longest = self.has_turn().then_some(self.silence.read);
                return self.client.poll_silence(cx, longest).map(Err);
            }
        }
    }

    /// Whether both sides have seen the end of request and response, and nothing else: another request may
    /// follow on the upstream's connection.
    pub(super) fn may_follow(&self) -> bool {
        matches!(self.upload, Upload::Done) && self.download.may_follow()
    }

    fn is_done(&self) -> bool {
        let is_read = !matches!(self.upload, Upload::Reading);
        is_read && self.has_upstream_taken() && self.download.is_done() && self.client.is_taken()
    }

    /// Whether the upstream is waited for to send something.
    fn has_turn(&self) -> bool {
        self.has_upstream_taken() && !self.download.is_done() && self.client.is_taken()
    }

    /// Whether the upstream has all that it takes of what has come of the request.
    fn has_upstream_taken(&self) -> bool {
        self.to_upstream.is_sent() || matches!(self.upload, Upload::Refused(_))
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
        let is_taken = self.has_upstream_taken();
        if !is_taken {
            self.untaken = self.client.ctx().0.upload.as_ref().map(Untaken::new);
        }
        match sent {
            // The rest is to be waited for.
            Ok(()) if !is_taken && came.is_pending() => Poll::Ready(Ok(())),
            Ok(()) => came.map_ok(|_| ()),
            Err(error) if beginning.is_empty() => self.refuse_upload(not_sent(error)),
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
        if !matches!(self.upload, Upload::Reading) {
            ready!(self.client.poll_discard(cx, scratch))?;
            self.client.body().lose();
            return Poll::Ready(Ok(&[]));
        }
        let (piece, bytes) = ready!(self.client.poll_read(cx, scratch))?;
        if piece == Piece::Last {
            self.upload = Upload::Done;
        }
        Poll::Ready(Ok(bytes))
    }

    /// Ready when the upstream has taken what was sent to it, or takes no more.
    fn poll_sent_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let timers = self.client.timers();
        let left = self.to_upstream.left();
        match self.to_upstream.poll_sent(self.upstream, cx) {
            Poll::Ready(Ok(())) => {
                timers.stop(Timer::Upstream);
                self.untaken = None;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => self.refuse_upload(not_sent(error)),
            Poll::Pending => {
                if self.to_upstream.left() < left {
                    timers.stop(Timer::Upstream);
                }
                timers.start(Timer::Upstream, self.silence.write);
                ready!(timers.poll(Timer::Upstream, cx));
                let error = Error::explain(ErrorType::WriteTimedout, "writing body");
                self.refuse_upload(error.into_up())
            }
        }
    }

    /// Notes that the upstream takes no more of the request. It may have answered, and so its response is
    /// waited for.
    fn refuse_upload(&mut self, error: Box<Error>) -> Poll<Result<()>> {
        self.upload = Upload::Refused(Some(error));
        self.untaken = None;
        let (ctx, stream) = self.client.ctx();
        ctx.note_sending(stream, Piece::Last);
        Poll::Ready(Ok(()))
    }

    /// Moves the response on by one reading. Pending if nothing can be done.
    fn poll_download(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<Result<()>> {
        ready!(self.client.poll_taken(cx))?;
        if self.download.is_done() {
            return Poll::Pending;
        }
        let Scratch { input, drafts } = scratch;
        let mut buffer = ReadBuf::new(input);
        let came = ready!(Pin::new(&mut *self.upstream).poll_read(cx, &mut buffer));
        let came = came.map(|()| buffer.filled());
        let responded = self.client.respond(cx, &mut self.download, came, drafts);
        Poll::Ready(responded.map_err(|error| match &mut self.upload {
            // The failure that came first is the reason.
            Upload::Refused(first) if *error.esource() == ErrorSource::Upstream => {
                first.take().unwrap_or(error)
            }
            _ => error,
        }))
    }
}

/// Makes the error of an upstream that takes no more of a request.
fn not_sent(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "writing body", error).into_up()
}

#[cfg(test)]
mod tests;
