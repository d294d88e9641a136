//! Every response that the gateway makes itself, and the CORS headers of every response there is.
//!
//! *Invariant:* nothing else in the proxy sets or removes a CORS header, so that no error and no
//! shortcut can forget them.

use super::ctx::Ctx;
use crate::cors::{PreflightGrant, ResponseFields};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use once_cell::sync::Lazy;
use pingora_core::Result;
use pingora_core::protocols::http::HttpTask;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::time::Duration;
use tokio::time::timeout;
use tracing::warn;

/// Request bodies up to this size are read to the end before a refusal, which keeps the connection.
const MAX_DRAINED_BODY: u64 = 64 << 10;
/// And for no longer than this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// So many fields have room in a response's header before it has to grow: a preflight's answer, and
/// what pingora adds.
const FIELDS: usize = 12;

/// The header of a response without a body.
fn empty(status: StatusCode) -> Result<Box<ResponseHeader>> {
    // Most answers are this one; a copy is cheaper than a new one.
    static NO_CONTENT: Lazy<Option<ResponseHeader>> =
        Lazy::new(|| ResponseHeader::build(StatusCode::NO_CONTENT, Some(FIELDS)).ok());
    if let (StatusCode::NO_CONTENT, Some(header)) = (status, &*NO_CONTENT) {
        return Ok(Box::new(header.clone()));
    }
    let mut header = ResponseHeader::build(status, Some(FIELDS))?;
    if status != StatusCode::NO_CONTENT {
        // RFC 9110 §8.6 forbids it with 204; anything else would end with the connection.
        header.insert_header("Content-Length", "0")?;
    }
    Ok(Box::new(header))
}

/// The answer to an allowed preflight.
pub(super) fn handled(grant: &PreflightGrant<'_>) -> Result<Box<ResponseHeader>> {
    let mut header = empty(grant.status())?;
    grant.for_each_field(|name, value| {
        if let Some(value) = value.to_header_value() {
            header.set(name.as_str(), value);
        }
    });
    Ok(header)
}

/// Sends a response without a body, with the CORS headers that the request's plan says.
pub(super) async fn refuse(session: &mut Session, ctx: &Ctx, status: StatusCode) -> Result<()> {
    let mut header = empty(status)?;
    apply_cors(session, ctx, &mut header);
    send(session, header).await
}

/// Ends the connection with this response where the process is about to end.
pub(super) fn end_where_draining(session: &mut Session) {
    if session.is_process_shutting_down() {
        session.set_keepalive(None);
    }
}

/// Sends a response without a body. The connection is kept where the client keeps it.
pub(super) async fn send(session: &mut Session, header: Box<ResponseHeader>) -> Result<()> {
    end_where_draining(session);
    let downstream = session.as_downstream_mut();
    if downstream.is_http2() {
        // `write_response_header` forgets on HTTP/2 that this is all: a second, empty frame.
        let all = vec![HttpTask::Header(header, true)];
        return downstream.response_duplex_vec(all).await.map(|_| ());
    }
    if has_small_body(downstream.req_header()) {
        let drained = timeout(DRAIN_TIMEOUT, downstream.drain_request_body()).await;
        if !matches!(drained, Ok(Ok(()))) {
            // The answer does not wait for a body that does not come.
            downstream.set_keepalive(None);
        }
    }
    downstream.write_response_header(header).await
}

/// Whether what is left of the request is worth reading: a body on its way, and not a long one.
fn has_small_body(request: &pingora_http::RequestHeader) -> bool {
    let length = request.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let waits = request.headers.contains_key(header::EXPECT);
    !waits && length.is_some_and(|length| (1..=MAX_DRAINED_BODY).contains(&length))
}

/// The response to a request that could not be served. The connection ends with it.
pub(super) async fn fail(session: &mut Session, ctx: &Ctx, status: StatusCode) {
    let answer = async {
        let mut header = empty(status)?;
        apply_cors(session, ctx, &mut header);
        let downstream = session.as_downstream_mut();
        downstream.write_error_response(*header, Bytes::new()).await
    };
    if let Err(error) = answer.await {
        warn!(route = ctx.route().name, %error, "can't answer that the request failed");
    }
}

/// Makes the CORS headers of `response` what the request's plan says.
pub(super) fn apply_cors(session: &Session, ctx: &Ctx, response: &mut ResponseHeader) {
    let policy = ctx.route().rule.responding_policy();
    let origin = session.req_header().headers.get(header::ORIGIN);
    ctx.plan.apply(policy, origin, response);
}

// === impl ResponseFields ===

impl ResponseFields for ResponseHeader {
    fn map(&self) -> &HeaderMap {
        &self.headers
    }

    fn set(&mut self, name: &'static str, value: HeaderValue) {
        // A static name and a value that is one can't be refused; if they were, the field is
        // missing, and a missing CORS header allows nothing.
        let inserted = self.insert_header(name, value);
        debug_assert!(inserted.is_ok(), "{name}");
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove_header(name);
    }
}
