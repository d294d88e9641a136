//! Every response that the gateway makes itself, and the CORS headers of every response there is.
//!
//! *Invariant:* nothing else in the proxy sets or removes a CORS header, so that no error and no
//! shortcut can forget them.

use super::answer::Answer;
use super::ctx::Ctx;
use super::snapshot::Route;
use crate::cors::{HeaderPlan, ResponseFields};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pingora_core::Result;
use pingora_core::protocols::http::HttpTask;
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::time::Duration;
use tokio::time::timeout;
use tracing::warn;

/// Request bodies up to this size are read to the end before a refusal, which keeps the connection.
const MAX_DRAINED_BODY: u64 = 64 << 10;
/// And for no longer than this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Ends the connection with this response where the process is about to end.
pub(crate) fn end_where_draining(session: &mut Session) {
    if session.is_process_shutting_down() {
        session.set_keepalive(None);
    }
}

/// Sends a response without a body. The connection is kept where the client keeps it.
pub(crate) async fn send(session: &mut Session, header: Box<ResponseHeader>) -> Result<()> {
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
fn has_small_body(request: &RequestHeader) -> bool {
    let length = request.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let waits = request.headers.contains_key(header::EXPECT);
    !waits && length.is_some_and(|length| (1..=MAX_DRAINED_BODY).contains(&length))
}

/// The response to a request that could not be served. The connection ends with it.
pub(crate) async fn fail(session: &mut Session, ctx: &Ctx, status: StatusCode) {
    let answer = async {
        let header = own_answer(session, ctx, status).to_header()?;
        let downstream = session.as_downstream_mut();
        downstream.write_error_response(*header, Bytes::new()).await
    };
    if let Err(error) = answer.await {
        warn!(route = ctx.route().name, %error, "can't answer that the request failed");
    }
}

/// The gateway's own answer to the request of `session`, for which `ctx` has the plan.
pub(crate) fn own_answer<'a>(session: &'a Session, ctx: &'a Ctx, status: StatusCode) -> Answer<'a> {
    let origin = session.req_header().headers.get(header::ORIGIN);
    let origin = origin.map(HeaderValue::as_bytes);
    Answer::refusal(status, ctx.route(), ctx.plan, origin)
}

/// Ends the connection of a request that failed, without losing what it was answered.
pub(crate) async fn close(session: &mut Session) {
    let downstream = session.as_downstream_mut();
    if !downstream.is_http2() {
        downstream.shutdown().await;
    }
}

/// Makes the CORS headers of an upstream's `response` what the request's plan says.
pub(crate) fn apply_cors(session: &Session, ctx: &Ctx, response: &mut ResponseHeader) {
    let policy = ctx.route().rule.responding_policy();
    let origin = session.req_header().headers.get(header::ORIGIN);
    ctx.plan.apply(policy, origin, response);
}

/// What an upstream's response without CORS fields gets, by this plan for this request.
pub(crate) fn added_to_upstreams(route: &Route, plan: HeaderPlan, request: &Parts) -> HeaderMap {
    let mut added = HeaderMap::new();
    let origin = request.headers.get(header::ORIGIN);
    plan.apply(route.rule.responding_policy(), origin, &mut added);
    added
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
