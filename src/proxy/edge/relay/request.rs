//! A plain request, from its header to its end.

use super::attempt::{RequestLine, Try, next_try, with_lines};
use super::pieces::joined;
use super::scratch::Scratch;
use crate::cors::CorsRequest;
use crate::framing::{Chunks, Framing, LAST_CHUNK, write_chunk};
use crate::proxy::client::Client;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::head::{Head, Plain, WholeHead, plain_facts, slots};
use crate::proxy::respond;
use crate::proxy::room::Room;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::{Failing, is_last};
use crate::proxy::upstream::Body;
use bytes::BytesMut;
use http::{Method, StatusCode, Version};
use pingora_core::server::ShutdownWatch;
use pingora_core::{Error, ErrorType, Result};
use std::ops::Range;
use std::sync::Arc;
use tokio::time::Instant;

/// Maximum length of a body that is kept, so that it can be sent again; it is pingora's.
const MAX_KEPT: usize = 64 << 10;

/// See the module's documentation.
pub(in crate::proxy::edge) struct Relayed {
    pub(super) ctx: Ctx,
    pub(super) came: Came,
    framing: Framing,
    pub(super) method: Method,
    pub(super) reply: Reply,
    /// The first try, which has not begun; `None` for a request that is refused.
    first: Option<Result<Try>>,
    /// Decodes the request's body.
    decoder: Chunks,
    /// The body as far as it was read.
    kept: Vec<u8>,
    /// Whether all of that is kept.
    is_kept: bool,
}

/// A header as it came.
pub(super) struct Came {
    bytes: BytesMut,
    /// The place of the first line of Origin.
    origin: Option<Range<usize>>,
}

/// The part of a request that its response depends on.
pub(super) struct Reply {
    /// Whether the client lets the connection be kept.
    keep_alive: bool,
    /// The response's header, once it is sent to the client.
    pub sent: Option<Sent>,
}

/// The header of a response that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub status: StatusCode,
    /// Whether it says that the connection is kept.
    pub keep_alive: bool,
}

// === impl Relayed ===

impl Relayed {
    /// Takes a request on if it is plain and an upstream of HTTP/1.1 is asked. Gives the header of any other one
    /// back, of which nothing is counted yet.
    pub(super) fn take(
        snapshot: &Arc<Snapshot>,
        requests: &Room,
        head: BytesMut,
        framing: Framing,
    ) -> std::result::Result<Self, BytesMut> {
        let mut slots = slots();
        let Head::Whole(whole) = Head::parse(&head, &mut slots) else {
            return Err(head);
        };
        let mut cors = CorsRequest::default();
        let Some(plain) = whole.plain(&mut cors) else {
            return Err(head);
        };
        let client = Client::current();
        let fields = whole.fields();
        let facts = plain_facts(&client, &whole, &plain, &fields, &cors, framing);
        let mut routed = Routed::of(snapshot, &facts);
        let method = Method::from_bytes(whole.method().as_bytes());
        let (Ok(method), true) = (method, routed.is_relayed()) else {
            return Err(head);
        };
        let origin = fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("origin"));
        let origin = origin.map(|field| {
            let start = field.value.as_ptr().addr() - head.as_ptr().addr();
            start..start + field.value.len()
        });
        let mut ctx = Ctx::new(Arc::clone(snapshot));
        let first = match ctx.take_on(&mut routed, requests) {
            Step::Answer(_) => None,
            Step::Forward(_) => Some(next_plain_try(&mut ctx, &whole, &plain, &method, framing)),
        };
        Ok(Self {
            ctx,
            framing,
            // Only what may be done twice is ever sent again.
            is_kept: method.is_idempotent(),
            method,
            reply: Reply {
                keep_alive: plain.keep_alive,
                sent: None,
            },
            first,
            decoder: Chunks::new(),
            kept: Vec::new(),
            came: Came {
                bytes: head,
                origin,
            },
        })
    }

    /// Begins a try. Returns the error of a request that no endpoint can be asked for.
    pub(super) fn next_try(&mut self) -> Result<Try> {
        if let Some(first) = self.first.take() {
            return first;
        }
        let mut slots = slots();
        let Head::Whole(whole) = Head::parse(&self.came.bytes, &mut slots) else {
            return Err(unreadable());
        };
        let plain = whole.plain(&mut CorsRequest::default());
        let plain = plain.ok_or_else(unreadable)?;
        next_plain_try(&mut self.ctx, &whole, &plain, &self.method, self.framing)
    }

    /// Whether the request has a short body on its way, which is worth reading to keep the connection.
    pub(super) fn has_small_body(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if respond::is_worth_draining(length))
    }

    /// Returns what is known of the body, for a request that may have to be sent again.
    fn body(&self) -> Body {
        match (self.framing.has_body(), self.is_kept) {
            (false, _) => Body::None,
            (true, true) => Body::Kept,
            (true, false) => Body::Lost,
        }
    }

    /// Returns what decides whether there is another try.
    pub(super) fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        if self.decoder.is_at_end() && self.is_kept && self.kept.is_empty() {
            // It has turned out that there is none.
            self.framing = Framing::Unstated;
        }
        let body = self.body();
        let failing = Failing {
            method: &self.method,
            body,
            is_reused,
        };
        (&mut self.ctx, failing)
    }

    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Whether the body goes on byte for byte.
    pub(super) fn passes_body_as_it_came(&self) -> bool {
        self.framing != Framing::Chunked
    }

    /// Writes a piece of a body in chunks, which came from the client, behind the bytes in `output`. Returns the
    /// number of bytes that are the body's own.
    pub(super) fn write_chunks(&mut self, came: &[u8], output: &mut Vec<u8>) -> usize {
        let (mut decoder, mut length) = (self.decoder, 0);
        let read = joined(
            |each| {
                decoder.read(came, |data| {
                    length += data.len();
                    self.keep(data);
                    each(data);
                })
            },
            |pieces| write_chunk(pieces, output),
        );
        // The client's stream passes on what it has found to be sound.
        debug_assert_eq!(read, Ok(came.len()));
        self.decoder = decoder;
        length
    }

    /// Writes what was kept of the body behind the bytes in `output`.
    pub(super) fn write_kept(&self, output: &mut Vec<u8>) {
        match self.framing {
            Framing::Chunked => write_chunk(&[&self.kept], output),
            Framing::Length(_) | Framing::Unstated => output.extend_from_slice(&self.kept),
        }
    }

    /// Writes the end of the body behind the bytes in `output`.
    pub(super) fn write_end(&self, output: &mut Vec<u8>) {
        if self.framing == Framing::Chunked {
            output.extend_from_slice(LAST_CHUNK);
        }
    }

    /// Keeps a piece of the body that may have to be sent again.
    pub(super) fn keep(&mut self, data: &[u8]) {
        if self.is_kept && self.kept.len() + data.len() <= MAX_KEPT {
            self.kept.extend_from_slice(data);
        } else {
            self.is_kept = false;
            self.kept = Vec::new();
        }
    }

    /// Makes the error of a client that has ended its side in the middle of the body.
    pub(super) fn cut_off() -> Box<Error> {
        let kind = ErrorType::ConnectionClosed;
        Error::explain(kind, "the client has ended its side in the body").into_down()
    }

    /// Writes an answer of the gateway's own in place of the output.
    pub(super) fn write_answer(&self, status: StatusCode, keep_alive: bool, scratch: &mut Scratch) {
        let mut slots = slots();
        let mut cors = CorsRequest::default();
        let Scratch { output, date, .. } = scratch;
        output.clear();
        // It was whole and plain before.
        if let Head::Whole(whole) = Head::parse(&self.came.bytes, &mut slots)
            && whole.plain(&mut cors).is_some()
        {
            let answer = self.ctx.answer(status, &cors);
            answer.write_http1(date.value(Instant::now()), keep_alive, output);
        }
    }
}

// === impl Came ===

impl Came {
    pub(super) fn origin(&self) -> Option<&[u8]> {
        self.bytes.get(self.origin.clone()?)
    }
}

// === impl Reply ===

impl Reply {
    /// Notes that the header of a response is sent. Returns whether the connection is kept behind it: neither the
    /// client nor the process ends it, and all of the request has been read.
    pub(super) fn keeps(
        &mut self,
        status: StatusCode,
        client: &ClientStream,
        leaving: &ShutdownWatch,
    ) -> bool {
        let keep_alive =
            self.keep_alive && client.is_request_read() && !is_last(Some(client), leaving);
        self.sent = Some(Sent { status, keep_alive });
        keep_alive
    }

    /// Notes that the header of the connection's last response is sent.
    pub(super) fn ends(&mut self, status: StatusCode) {
        self.sent = Some(Sent {
            status,
            keep_alive: false,
        });
    }
}

/// Begins a try of a plain request.
fn next_plain_try(
    ctx: &mut Ctx,
    whole: &WholeHead<'_, '_>,
    plain: &Plain<'_>,
    method: &Method,
    framing: Framing,
) -> Result<Try> {
    let line = RequestLine {
        method,
        version: Version::HTTP_11,
        target: whole.target(),
        path: plain.path,
        host: plain.host,
        framing,
    };
    with_lines(whole.fields(), |fields| next_try(ctx, line, fields))
}

/// Makes the error of a header that was whole and plain, and is not any more: never.
fn unreadable() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "a request has changed").into_in()
}
