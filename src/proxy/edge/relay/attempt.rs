//! The tries of a request, whatever its client speaks: an endpoint, the header for it, and a connection.

use super::Relay;
use super::client_side::ClientSide;
use super::exchange::Exchange;
use super::scratch::Scratch;
use crate::cors::MessageFields as _;
use crate::framing::Framing;
use crate::proxy::ctx::Ctx;
use crate::proxy::edge::lines::Lines;
use crate::proxy::rewrite;
use crate::proxy::upstream::exchange::Asked;
use crate::proxy::upstream::{Connection, Endpoint, Failure, Needs};
use http::header::{CONNECTION, TE, TRANSFER_ENCODING};
use http::{Method, Version};
use pingora_core::{Error, Result};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

/// Room for what the gateway adds to a request's header; with more, it has to grow.
const ROOM_FOR_EDITS: usize = 256;

/// A try that an endpoint was chosen for.
pub(super) struct Try {
    pub endpoint: Arc<Endpoint>,
    pub needs: Needs,
    /// The header for the endpoint.
    pub header: Vec<u8>,
}

/// A try that has failed.
pub(super) struct Failed {
    error: Box<Error>,
    failure: Failure,
    /// Whether its connection had served a request before.
    is_reused: bool,
}

/// A request without its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'l> {
    pub method: &'l Method,
    pub version: Version,
    /// The path, and the query if there is one.
    pub target: &'l str,
    pub path: &'l str,
    pub host: &'l [u8],
    pub framing: Framing,
}

/// Asks endpoints until one has answered. Returns the error of the last try if none has.
pub(super) async fn ask_all(relay: &Relay, client: &mut impl ClientSide) -> Result<()> {
    loop {
        let next = client.next_try()?;
        let failed = match ask(relay, client, next).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        let (ctx, failing) = client.failing(failed.is_reused);
        if !ctx.failed_try(failing, failed.failure, &failed.error) {
            return Err(failed.error);
        }
    }
}

/// Asks one endpoint, and passes its response on.
async fn ask(
    relay: &Relay,
    client: &mut impl ClientSide,
    next: Try,
) -> std::result::Result<(), Failed> {
    let Try {
        endpoint,
        needs,
        header,
    } = next;
    let (mut connection, is_reused) = relay.connect(client.ctx().0, &endpoint, needs).await?;
    let mut exchange = Exchange::new(client, &mut connection.stream, needs.silence);
    let exchanged: Result<()> = match exchange.start(header) {
        Ok(()) => poll_fn(|cx| Scratch::with(|scratch| exchange.poll(cx, scratch))).await,
        Err(error) => Err(error),
    };
    let may_follow = exchange.may_follow();
    exchanged.map_err(|error| Failed {
        failure: Failure::of_exchange(&error),
        error,
        is_reused,
    })?;
    if may_follow {
        let (ctx, _) = client.ctx();
        ctx.keep_idle(&endpoint, connection, Instant::now());
    }
    Ok(())
}

/// Chooses the endpoint of a try, and writes the header for it.
pub(super) fn next_try(
    ctx: &mut Ctx,
    line: RequestLine<'_>,
    mut fields: Lines<'_, '_>,
) -> Result<Try> {
    let asked = Asked {
        method: line.method,
        version: line.version,
        path: line.path,
        fields: &fields,
        has_body: line.framing.has_body(),
    };
    let (endpoint, needs) = ctx.begin_try(&asked)?;
    fields.remove(&CONNECTION);
    fields.remove(&TE);
    fields.remove(&TRANSFER_ENCODING);
    if line.framing == Framing::Chunked {
        // In the one spelling that every server knows.
        fields.set_text("Transfer-Encoding", b"chunked");
    }
    ctx.edit_request(line.host, line.version, &mut fields)?;
    let target = line.target.as_bytes();
    let new_target = rewrite::new_target(ctx.route(), target);
    let target = new_target.as_deref().unwrap_or(target);
    let method = line.method.as_str().as_bytes();
    let mut header = Vec::with_capacity(fields.length() + target.len() + ROOM_FOR_EDITS);
    for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
        header.extend_from_slice(part);
    }
    fields.write_lines(&mut header);
    header.extend_from_slice(b"\r\n");
    Ok(Try {
        endpoint,
        needs,
        header,
    })
}

impl Relay {
    /// Takes an idle connection to an endpoint, or makes a new one. Returns whether it had served a request
    /// before.
    pub(super) async fn connect(
        &self,
        ctx: &Ctx,
        endpoint: &Endpoint,
        needs: Needs,
    ) -> std::result::Result<(Connection, bool), Failed> {
        let idle = match needs.is_fresh {
            true => None,
            false => ctx.take_idle(endpoint, Instant::now()),
        };
        if let Some(connection) = idle {
            return Ok((connection, true));
        }
        let connected = async {
            let peer = ctx.peer(endpoint, needs)?;
            let connected = self.connector.new_stream(&*peer).await;
            connected.map_err(|error| error.into_up())
        };
        // Most requests need none, and do not hold the room for it.
        let stream = Box::pin(connected).await.map_err(|error| Failed {
            failure: Failure::of_connect(&error),
            error,
            is_reused: false,
        })?;
        let place = match needs.is_fresh {
            true => None,
            false => self.kept.take(self.max_kept),
        };
        Ok((Connection { stream, place }, false))
    }
}

/// Calls `then` with the lines that came, in the thread's room for others.
pub(super) fn with_lines<T>(
    came: &[httparse::Header<'_>],
    then: impl FnOnce(Lines<'_, '_>) -> T,
) -> T {
    Scratch::with(|scratch| then(Lines::new(came, &mut scratch.drafts.written)))
}
