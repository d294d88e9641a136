//! The part of the express lane that forwards: plain requests of HTTP/1.1, to upstreams of HTTP/1.1.
//!
//! pingora makes a session, two tasks' worth of state and two maps of each request. Here its header is edited
//! where it lies, and so is the response's. What is done with a request is decided by [`Routed`], and what it goes
//! through in `stages`, as for every other request; a request that needs anything else is pingora's.
//!
//! A connection whose state is not certain is closed, on both sides.
//!
//! [`Routed`]: crate::proxy::routed::Routed

mod download;
mod exchange;
mod http1;
mod request;
mod response;
mod scratch;
mod unsent;

use super::client_stream::ClientStream;
use crate::framing::Framing;
use crate::proxy::respond::DRAIN_TIMEOUT;
use crate::proxy::room::Room;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::Failing;
use crate::proxy::upstream::{Connection, Failure, connector_options};
use bytes::BytesMut;
use exchange::Exchange;
use pingora_core::connectors::TransportConnector;
use pingora_core::server::ShutdownWatch;
use pingora_core::{Error, Result};
pub(super) use request::Relayed;
use request::Try;
use scratch::Scratch;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;
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

/// A try that has failed.
struct Failed {
    error: Box<Error>,
    failure: Failure,
    /// Whether its connection had served a request before.
    is_reused: bool,
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
    ) -> std::result::Result<Box<Relayed>, BytesMut> {
        Relayed::take(snapshot, &self.requests, head, framing)
    }

    /// Serves a request to its end. Returns whether the client's connection goes on with another one.
    pub(super) async fn serve(&self, client: &mut ClientStream, mut relayed: Box<Relayed>) -> bool {
        let served = match relayed.is_refused() {
            true => self.refuse(client, &mut relayed).await,
            false => self.forward(client, &mut relayed).await,
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
    async fn refuse(&self, client: &mut ClientStream, relayed: &mut Relayed) -> bool {
        if relayed.has_small_body() {
            // The client gets its answer even if the rest of its body does not come.
            let _ = timeout(DRAIN_TIMEOUT, drain(client)).await;
        }
        let answer = Scratch::with(|scratch| {
            relayed.write_refusal(client, &self.leaving, scratch);
            scratch.output.clone()
        });
        client.write_all(&answer).await.is_ok() && client.flush().await.is_ok()
    }

    /// Asks upstreams until one has answered, or the request has failed. Returns whether the response was sent to
    /// its end.
    async fn forward(&self, client: &mut ClientStream, relayed: &mut Relayed) -> bool {
        let error = loop {
            let next = match relayed.next_try() {
                Ok(next) => next,
                Err(error) => break error,
            };
            let failed = match self.ask(client, relayed, next).await {
                Ok(()) => return true,
                Err(failed) => failed,
            };
            let failing = Failing {
                method: &relayed.method,
                body: relayed.body(),
                is_reused: failed.is_reused,
            };
            let ctx = &mut relayed.ctx;
            if !ctx.failed_try(failing, failed.failure, &failed.error) {
                break failed.error;
            }
        };
        let status = relayed.ctx.give_up(Some(client), &error);
        if let (Some(status), None) = (status, relayed.reply.sent) {
            let answer = Scratch::with(|scratch| {
                relayed.write_failure(status, scratch);
                scratch.output.clone()
            });
            let _ = client.write_all(&answer).await;
        }
        false
    }

    /// Asks one endpoint.
    async fn ask(
        &self,
        client: &mut ClientStream,
        relayed: &mut Relayed,
        next: Try,
    ) -> std::result::Result<(), Failed> {
        let Try {
            endpoint,
            needs,
            header,
        } = next;
        let idle = match needs.is_fresh {
            true => None,
            false => relayed.ctx.take_idle(&endpoint, Instant::now()),
        };
        let is_reused = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => {
                let connected = async {
                    let peer = relayed.ctx.peer(&endpoint, needs)?;
                    let connected = self.connector.new_stream(&*peer).await;
                    connected.map_err(|error| error.into_up())
                };
                let stream = Box::pin(connected).await.map_err(|error| Failed {
                    failure: Failure::of_connect(&error),
                    error,
                    is_reused,
                })?;
                let place = (!needs.is_fresh).then(|| self.kept.take(self.max_kept));
                Connection {
                    stream,
                    place: place.flatten(),
                }
            }
        };
        let mut exchange = Exchange::new(client, &mut connection.stream, relayed, &self.leaving);
        let mut header = Some(header);
        let exchanged = poll_fn(|cx| {
            Scratch::with(|scratch| {
                if let Some(header) = header.take() {
                    exchange.start(header, cx)?;
                }
                exchange.poll(cx, scratch)
            })
        });
        let exchanged: Result<()> = exchanged.await;
        let may_follow = exchange.may_follow();
        exchanged.map_err(|error| Failed {
            failure: Failure::of_exchange(&error),
            error,
            is_reused,
        })?;
        if may_follow {
            relayed.ctx.keep_idle(&endpoint, connection, Instant::now());
        }
        Ok(())
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
