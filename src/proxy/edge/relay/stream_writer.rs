//! The response on its way to a client of HTTP/2: what it has not taken of one reading.

use crate::proxy::edge::timers::{Timer, Timers};
use bytes::Bytes;
use h2::SendStream;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// See the module's documentation. pingora's session can send content as well, but reads nothing meanwhile: a client
/// that sends all of a long body before it takes the response would wait for ever.
#[derive(Debug, Default)]
pub(super) struct StreamWriter {
    /// The way to the client, once it was sent the header.
    stream: Option<SendStream<Bytes>>,
    /// The piece that the client has yet to take.
    unsent: Option<Bytes>,
    /// Whether the response ends with that.
    is_last: bool,
}

// === impl StreamWriter ===

impl StreamWriter {
    /// Sends the header, with which the response may end.
    pub(super) fn begin(
        &mut self,
        session: &mut HttpSession,
        header: Box<ResponseHeader>,
        is_all: bool,
    ) -> Result<()> {
        let sent = session.write_response_header(header, is_all);
        self.stream = session.take_response_body_writer();
        sent.map_err(|error| error.into_down())
    }

    /// Lets a piece be sent. The one before has been taken.
    pub(super) fn send(&mut self, piece: Bytes, is_last: bool) {
        debug_assert!(self.is_taken(), "something is still to be taken");
        (self.unsent, self.is_last) = (Some(piece), is_last);
    }

    pub(super) fn is_taken(&self) -> bool {
        self.unsent.is_none()
    }

    /// Ready when the client's window, and h2's buffer, have taken everything. A client that opens no window for
    /// `timeout` is given up.
    pub(super) fn poll_taken(
        &mut self,
        cx: &mut Context<'_>,
        timers: &mut Timers,
        timeout: Duration,
    ) -> Poll<Result<()>> {
        let Self {
            stream: Some(stream),
            unsent,
            is_last,
        } = self
        else {
            return Poll::Ready(Ok(()));
        };
        while let Some(piece) = unsent {
            let room = match piece.len() {
                // h2 takes a piece of no length at once, and never has room for it.
                0 => 0,
                length => {
                    stream.reserve_capacity(length);
                    match stream.poll_capacity(cx) {
                        Poll::Ready(Some(Ok(room))) => room.min(length),
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(not_taken(error))),
                        Poll::Ready(None) => return Poll::Ready(Err(closed())),
                        Poll::Pending => {
                            timers.start(Timer::Write, timeout);
                            ready!(timers.poll(Timer::Write, cx));
                            let kind = ErrorType::WriteTimedout;
                            let error = Error::explain(kind, "writing response");
                            return Poll::Ready(Err(error.into_down()));
                        }
                    }
                }
            };
            timers.stop(Timer::Write);
            let taken = piece.split_to(room);
            let is_all = piece.is_empty();
            stream
                .send_data(taken, is_all && *is_last)
                .map_err(not_taken)?;
            if is_all {
                *unsent = None;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the client has reset the stream.
    pub(super) fn poll_reset(
        &mut self,
        session: &mut HttpSession,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        match &mut self.stream {
            Some(stream) => stream.poll_reset(cx).map(drop),
            None => pin!(session.idle()).poll(cx).map(drop),
        }
    }
}

/// Makes the error of a client that does not take its response.
fn not_taken(error: h2::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "writing response", error).into_down()
}

/// Makes the error of a stream that takes nothing any more.
fn closed() -> Box<Error> {
    Error::explain(ErrorType::WriteError, "the stream has ended").into_down()
}
