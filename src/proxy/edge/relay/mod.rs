//! The part of the express lane that forwards: plain requests of HTTP/1.1 and HTTP/2, to upstreams of HTTP/1.1.
//!
//! pingora makes a session, two tasks' worth of state and two maps of each request. Here its header is edited
//! where it lies, and so is the response's. What is done with a request is decided by [`Routed`], and what it goes
//! through in `stages`, as for every other request; a request that needs anything else is pingora's.
//!
//! A connection whose state is not certain is closed, on both sides.
//!
//! [`Routed`]: crate::proxy::routed::Routed

mod attempt;
mod body;
mod client_side;
mod download;
mod exchange;
mod http1;
mod http2;
mod pieces;
mod request;
mod response;
mod scratch;
mod stream_writer;
mod unsent;

use super::client_stream::ClientStream;
use crate::framing::Framing;
use crate::proxy::check::RequestError;
use crate::proxy::respond::DRAIN_TIMEOUT;
use crate::proxy::room::Room;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::upstream::connector_options;
use attempt::ask_all;
use bytes::BytesMut;
use http1::Http1Request;
use pingora_core::connectors::TransportConnector;
use pingora_core::server::ShutdownWatch;
pub(super) use request::Relayed;
use scratch::Scratch;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

/// The way to upstreams of the requests that are forwarded here.
pub(in crate::proxy) struct Relay {
    connector: TransportConnector,
    /// The requests under way with upstreams, those of every lane.
    requests: Room,
    /// The connections to upstreams that may wait for a request.
    kept: Room,
    max_kept: usize,
    /// Whether the process is leaving, and each answer is its connection's last.
    leaving: ShutdownWatch,
}

// === impl Relay ===

impl Relay {
    /// At most `max_kept` connections to upstreams are kept.
    pub(super) fn new(requests: Room, max_kept: usize, leaving: ShutdownWatch) -> Self {
        Self {
            // Its pool is not used.
            connector: TransportConnector::new(Some(connector_options(1))),
            requests,
            kept: Room::default(),
            max_kept,
            leaving,
        }
    }

    /// Takes a request on, or gives the header of one back that is not for this lane.
    pub(super) fn take(
        &self,
        snapshot: Arc<Snapshot>,
        head: BytesMut,
        framing: Framing,
    ) -> Result<Relayed, BytesMut> {
        match snapshot.express_lane {
            true => Relayed::take(&snapshot, &self.requests, head, framing),
            false => Err(head),
        }
    }

    /// Serves a request to its end. Returns whether the client's connection goes on with another one.
    pub(super) async fn serve(&self, client: &mut ClientStream, mut relayed: Relayed) -> bool {
        let served = match relayed.ctx.record.error {
            Some(error) => self.refuse(client, &mut relayed, error).await,
            None => self.forward(client, &mut relayed).await,
        };
        let status = relayed.reply.sent.map(|sent| sent.status);
        relayed.ctx.finish(status);
        let is_kept = served && relayed.reply.sent.is_some_and(|sent| sent.keep_alive);
        drop(relayed);
        if !is_kept {
            // After the record: the time that a slow client takes to close is not the request's. An error changes
            // nothing.
            let _ = client.shutdown().await;
        }
        is_kept
    }

    /// Answers a request that was refused when it was taken on. Returns whether the answer was sent.
    async fn refuse(
        &self,
        client: &mut ClientStream,
        relayed: &mut Relayed,
        error: RequestError,
    ) -> bool {
        if relayed.has_small_body() {
            // The client gets its answer even if the rest of its body does not come.
            let _ = timeout(DRAIN_TIMEOUT, drain(client)).await;
        }
        let answer = Scratch::with(|scratch| {
            let status = error.status();
            let keep_alive = relayed.reply.keeps(status, client, &self.leaving);
            relayed.write_answer(status, keep_alive, scratch);
            scratch.drafts.output.clone()
        });
        client.write_all(&answer).await.is_ok() && client.flush().await.is_ok()
    }

    /// Asks upstreams until one has answered, or the request has failed. Returns whether the response was sent to
    /// its end.
    async fn forward(&self, client: &mut ClientStream, relayed: &mut Relayed) -> bool {
        let mut request = Http1Request::new(client, relayed, &self.leaving);
        let Err(error) = ask_all(self, &mut request).await else {
            return true;
        };
        let status = relayed.ctx.give_up(Some(client), &error);
        if let (Some(status), None) = (status, relayed.reply.sent) {
            let answer = Scratch::with(|scratch| {
                relayed.reply.ends(status);
                relayed.write_answer(status, false, scratch);
                scratch.drafts.output.clone()
            });
            // The connection ends either way.
            let _ = client.write_all(&answer).await;
        }
        false
    }
}

/// Reads the rest of a request's body.
async fn drain(client: &mut ClientStream) {
    while !client.is_request_read() {
        let read = poll_fn(|cx| {
            Scratch::with(|scratch| {
                let mut input = ReadBuf::new(&mut scratch.input);
                ready!(Pin::new(&mut *client).poll_read(cx, &mut input))?;
                Poll::Ready(std::io::Result::Ok(input.filled().len()))
            })
        });
        if !matches!(read.await, Ok(1..)) {
            return;
        }
    }
}
