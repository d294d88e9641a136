//! The pingora adapter: which phase does what. Thin: CORS is decided in [`crate::cors`], routes are
//! found in `router`, responses are made in `respond`.

mod connection;
mod ctx;
mod echo;
mod request;
mod respond;
mod router;
mod snapshot;
mod upstream;

pub use connection::{Connections, EdgeApp};
pub use ctx::Ctx;
pub use echo::Echo;
pub use snapshot::Snapshot;

use crate::cors::{CorsRequest, Decision, PreflightDecision, Reason, decide};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::StatusCode;
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::sync::Arc;
use std::time::Duration;
use tracing::debug;
use upstream::TUNNEL_TIMEOUT;

/// How long a client may take none of what is written to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// At most so many endpoints are tried for one request.
const MAX_CONNECTS: usize = 3;

/// The gateway: pingora's phases, run on the snapshot of the moment.
#[derive(Debug)]
pub struct Gateway {
    snapshot: Arc<ArcSwap<Snapshot>>,
}

/// What `request_filter` found out: either the answer, or that the request goes on.
enum Verdict {
    Answer(Box<ResponseHeader>),
    Refuse(StatusCode),
    Forward,
}

// === impl Gateway ===

impl Gateway {
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { snapshot }
    }

    /// Finds the route, decides, counts. The plan for the response's headers waits in `ctx`.
    fn decide(&self, session: &Session, ctx: &mut Ctx) -> Result<Verdict> {
        let request = session.req_header();
        let Ctx {
            snapshot,
            route: route_id,
            plan,
            ..
        } = ctx;
        let cors = CorsRequest::new(&request.method, &request.headers);
        *route_id = snapshot.find(request, &cors);
        let route = snapshot.route(*route_id);
        let decision = decide(&route.rule, &cors);
        *plan = decision.plan();
        // Not counted as a preflight or a CORS request: what it would have been can't be trusted.
        if let Some(status) =
            request::answer_alone(session.as_downstream(), &cors, &snapshot.limits)
        {
            return Ok(Verdict::Refuse(status));
        }
        debug!(
            route = route.name,
            outcome = decision.outcome(),
            reason = decision.reason()
        );
        match decision {
            Decision::Preflight(preflight) => {
                route.metrics.preflight(preflight.reason());
                match preflight {
                    PreflightDecision::Handled(grant) => {
                        respond::handled(&grant).map(Verdict::Answer)
                    }
                    PreflightDecision::Rejected(Reason::NoRoute, _) => {
                        Ok(Verdict::Refuse(StatusCode::NOT_FOUND))
                    }
                    PreflightDecision::Rejected(..) => Ok(Verdict::Refuse(StatusCode::FORBIDDEN)),
                    PreflightDecision::PassedThrough(..) => Ok(Verdict::Forward),
                }
            }
            Decision::Actual(actual) => {
                route.metrics.cors_request(actual.outcome);
                match route.cluster {
                    Some(_) => Ok(Verdict::Forward),
                    None => Ok(Verdict::Refuse(StatusCode::NOT_FOUND)),
                }
            }
        }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.snapshot.load_full())
    }

    /// None: the default one costs every request allocations for a compression that is off.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<()> {
        let downstream = session.as_downstream_mut();
        downstream.set_pipelining_enabled(true);
        downstream.set_write_timeout(Some(WRITE_TIMEOUT));
        // pingora takes an HTTP/1.1 client for one that may stay for ever. Where it has already
        // decided to close, it must not be told otherwise.
        if downstream.get_keepalive().is_some() {
            let seconds = ctx.snapshot.limits.keepalive_timeout.as_secs().max(1);
            downstream.set_keepalive(Some(seconds));
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        match self.decide(session, ctx)? {
            Verdict::Answer(header) => respond::send(session, header).await?,
            Verdict::Refuse(status) => respond::refuse(session, ctx, status).await?,
            Verdict::Forward => return Ok(false),
        }
        Ok(true)
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let is_upgrade = session.is_upgrade_req();
        if is_upgrade {
            session.set_read_timeout(Some(TUNNEL_TIMEOUT));
        }
        let peer = ctx.route().cluster.as_ref().and_then(|cluster| {
            let turn = ctx.turn.unwrap_or_else(|| cluster.take_turn());
            let peer = cluster.peer(turn.wrapping_add(ctx.failed_connects), is_upgrade)?;
            Some((turn, peer))
        });
        let Some((turn, peer)) = peer else {
            let reason = "the upstream has no address yet";
            return Err(Error::explain(ErrorType::HTTPStatus(503), reason));
        };
        ctx.turn = Some(turn);
        Ok(peer)
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Ctx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        ctx.failed_connects += 1;
        let endpoints = ctx.route().cluster.as_ref().map_or(0, |c| c.len());
        // Nothing was sent, so that trying the next endpoint can't do anything twice.
        error.set_retry(ctx.failed_connects < endpoints.min(MAX_CONNECTS));
        error
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        _ctx: &mut Ctx,
    ) -> Result<()> {
        request::forward(session.as_downstream(), upstream_request)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        // 1xx are not the response. 101 is the end of HTTP, and CORS does not cover what follows.
        if !response.status.is_informational() {
            respond::apply_cors(session, ctx, response);
            respond::end_where_draining(session);
        }
        Ok(())
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Ctx) -> FailToProxy {
        let status = status_of(e);
        if *e.esource() == ErrorSource::Upstream
            && let Some(cluster) = &ctx.route().cluster
        {
            cluster.log_failure(&ctx.route().name, e);
        }
        if let Some(status) = status {
            respond::fail(session, ctx, status).await;
        }
        FailToProxy {
            error_code: status.map_or(0, |status| status.as_u16()),
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, session: &mut Session, _e: Option<&Error>, ctx: &mut Ctx) {
        let status = session.response_written().map(|r| r.status.as_u16());
        ctx.route().metrics.request(status, ctx.started.elapsed());
    }

    /// Clients go away all the time; that is not this program's error.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Ctx, error: &Error) -> bool {
        *error.esource() == ErrorSource::Downstream
    }

    /// Without the query, which may hold secrets, and escaped: a client chose the path.
    fn request_summary(&self, session: &Session, ctx: &Ctx) -> String {
        let request = session.req_header();
        let (method, path) = (&request.method, request.uri.path());
        format!("{method} {path:?}, route {:?}", ctx.route().name)
    }
}

/// The status that says what went wrong; `None` where nobody is left to be told.
fn status_of(error: &Error) -> Option<StatusCode> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HTTPStatus, ReadError, ReadTimedout, WriteError,
        WriteTimedout,
    };
    match (error.etype(), error.esource()) {
        (HTTPStatus(code), _) => StatusCode::from_u16(*code).ok(),
        (ConnectTimedout | ReadTimedout | WriteTimedout, ErrorSource::Upstream) => {
            Some(StatusCode::GATEWAY_TIMEOUT)
        }
        (_, ErrorSource::Upstream) => Some(StatusCode::BAD_GATEWAY),
        (WriteError | ReadError | ConnectionClosed, ErrorSource::Downstream) => None,
        (ReadTimedout, ErrorSource::Downstream) => Some(StatusCode::REQUEST_TIMEOUT),
        (_, ErrorSource::Downstream) => Some(StatusCode::BAD_REQUEST),
        (_, ErrorSource::Internal | ErrorSource::Unset) => Some(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
