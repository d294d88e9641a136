//! Sends the gateway's own responses, and edits the CORS headers of upstreams' responses.
//!
//! *Invariant:* only this file edits the CORS headers of an upstream's response, and only `answer.rs`
//! writes those of the gateway's own, so that no error and no shortcut can forget them.

use super::ctx::Ctx;
use super::facts::{content_length, cors_request};
use super::header_edits::{self, EditFields};
use super::request_id;
use super::snapshot::Route;
use crate::cors::{HeaderPlan, MessageFields, add_vary};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pingora_core::Result;
use pingora_core::protocols::http::HttpTask;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::time::Duration;
use tokio::time::timeout;
use tracing::debug;

/// Maximum length of a request body that is read to its end before the gateway answers, so that the
/// connection can be kept; with a longer one it is closed.
const MAX_DRAINED_BODY: u64 = 64 << 10;
/// Maximum time for reading that body; beyond it, the connection is closed after the answer.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends a response whose body, if there is one, is short. The connection stays open if the client keeps
/// it open.
pub(crate) async fn send(
    session: &mut Session,
    header: Box<ResponseHeader>,
    body: Option<Bytes>,
) -> Result<()> {
    let downstream = session.as_downstream_mut();
    if downstream.is_http2() {
        // `write_response_header` ignores on HTTP/2 that the response ends here, and would send a
        // second, empty frame.
        let all = match body {
            None => vec![HttpTask::Header(header, true)],
            Some(_) => vec![HttpTask::Header(header, false), HttpTask::Body(body, true)],
        };
        return downstream.response_duplex_vec(all).await.map(|_| ());
    }
    if has_small_body(downstream.req_header()) {
        let drained = timeout(DRAIN_TIMEOUT, downstream.drain_request_body()).await;
        if !matches!(drained, Ok(Ok(()))) {
            // The client gets its answer even if the rest of its body does not come.
            downstream.set_keepalive(None);
        }
    }
    downstream.write_response_header(header).await?;
    match body {
        None => Ok(()),
        Some(body) => downstream.write_response_body(body, true).await,
    }
}

/// Whether the request has a short body on its way, which is worth reading to keep the connection.
fn has_small_body(request: &RequestHeader) -> bool {
    let length = content_length(&request.headers);
    let waits = request.headers.contains_key(header::EXPECT);
    !waits && length.is_some_and(is_worth_draining)
}

/// Whether a body of this length is read to its end before the gateway answers.
pub(crate) fn is_worth_draining(length: u64) -> bool {
    (1..=MAX_DRAINED_BODY).contains(&length)
}

/// Answers a request that could not be served. The connection ends with the answer.
pub(crate) async fn fail(session: &mut Session, ctx: &Ctx, status: StatusCode) {
    let answer = async {
        let request = cors_request(session.req_header());
        let header = ctx.answer(status, &request).to_header()?;
        let downstream = session.as_downstream_mut();
        downstream.write_error_response(*header, Bytes::new()).await
    };
    // At debug level, because a client that goes away makes it fail.
    if let Err(error) = answer.await {
        debug!(route = ctx.route().name, %error, "can't answer that the request failed");
    }
}

/// Closes the connection of a request that failed, without losing the answer on the way.
pub(crate) async fn close(session: &mut Session) {
    let downstream = session.as_downstream_mut();
    if !downstream.is_http2() {
        downstream.shutdown().await;
    }
}

/// Edits an upstream's response to a request with this Origin: as its route says, then its id, its CORS headers
/// by the request's plan, and its Vary by what the route was chosen by. What CORS says comes last, and so no
/// edit can undo it.
pub(crate) fn edit(ctx: &Ctx, origin: Option<&[u8]>, response: &mut impl EditFields) {
    if let Some(edits) = &ctx.route().edits.response {
        header_edits::apply(edits, response);
    }
    if let Some(id) = &ctx.record.request_id {
        response.set_text(request_id::FIELD, id.text(&mut { request_id::ROOM }));
    }
    edit_fields(ctx.route(), ctx.plan, ctx.vary.as_ref(), origin, response);
}

/// Returns the fields that are added to an upstream's response without CORS fields.
pub(crate) fn added_to_upstreams(
    route: &Route,
    plan: HeaderPlan,
    vary: Option<&HeaderValue>,
    request: &Parts,
) -> HeaderMap {
    let mut added = HeaderMap::new();
    let origin = request.headers.get(header::ORIGIN);
    let origin = origin.map(HeaderValue::as_bytes);
    edit_fields(route, plan, vary, origin, &mut added);
    added
}

fn edit_fields(
    route: &Route,
    plan: HeaderPlan,
    vary: Option<&HeaderValue>,
    origin: Option<&[u8]>,
    response: &mut impl MessageFields,
) {
    route.rule.edit(plan, origin, response);
    if let Some(vary) = vary {
        add_vary(vary, response);
    }
}
