//! A plain request, from its header to its end.

use super::attempt::{RequestLine, Try, next_try, with_lines};
use super::body::RequestBody;
use super::scratch::{Drafts, Scratch};
use crate::cors::CorsRequest;
use crate::framing::Framing;
use crate::proxy::client::Client;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::client_stream::ClientStream;
use crate::proxy::edge::head::{Head, Plain, WholeHead, plain_facts, slots};
use crate::proxy::respond;
use crate::proxy::room::Room;
use crate::proxy::routed::{Routed, Step};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::stages::{Failing, is_last};
use bytes::BytesMut;
use http::{Method, StatusCode, Version};
use pingora_core::server::ShutdownWatch;
use pingora_core::{Error, ErrorType, Result};
use std::ops::Range;
use std::sync::Arc;
use tokio::time::Instant;

/// See the module's documentation.
pub(in crate::proxy::edge) struct Relayed {
    pub(super) ctx: Ctx,
    pub(super) came: Came,
    pub(super) method: Method,
    pub(super) body: RequestBody,
    pub(super) reply: Reply,
    /// The first try, which has not begun; `None` for a request that is refused.
    first: Option<Result<Try>>,
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
            body: RequestBody::new(framing, &method),
            method,
            reply: Reply {
                keep_alive: plain.keep_alive,
                sent: None,
            },
            first,
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
        let framing = self.body.framing();
        next_plain_try(&mut self.ctx, &whole, &plain, &self.method, framing)
    }

    /// Whether the request has a short body on its way, which is worth reading to keep the connection.
    pub(super) fn has_small_body(&self) -> bool {
        matches!(self.body.framing(), Framing::Length(length) if respond::is_worth_draining(length))
    }

    /// Returns what decides whether there is another try.
    pub(super) fn failing(&mut self, is_reused: bool) -> (&mut Ctx, Failing<'_>) {
        let failing = Failing {
            method: &self.method,
            body: self.body.known(),
            is_reused,
        };
        (&mut self.ctx, failing)
    }

    /// Writes an answer of the gateway's own in place of the output.
    pub(super) fn write_answer(&self, status: StatusCode, keep_alive: bool, scratch: &mut Scratch) {
        let mut slots = slots();
        let mut cors = CorsRequest::default();
        let Drafts { output, date, .. } = &mut scratch.drafts;
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
