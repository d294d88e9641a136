//! The state of one request between pingora's phases, from its header to its log line.

use super::check::RequestError;
use super::client::Client;
use super::edge::backlog::Backlog;
use super::edge::upload::Upload;
use super::grpc_web::Translation;
use super::record::{End, Record};
use super::room::Place;
use super::snapshot::{Route, Snapshot};
use super::upstream::exchange::Exchange;
use super::upstream::{Failure, Hold, Tries};
use crate::cors::HeaderPlan;
use http::{HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::Instant;

/// A request's context. None of its fields allocates per request, but for the id in its record.
pub struct Ctx {
    /// Loaded once per request, so that a reload never mixes two configurations in one request.
    pub(super) snapshot: Arc<Snapshot>,
    /// The client that sent it.
    pub(super) client: Arc<Client>,
    /// Finished at the end of the request.
    pub(super) record: Record,
    is_finished: bool,
    /// The status of the upstream's response, once it has come.
    pub(super) status: Option<StatusCode>,
    /// The plan for the response's CORS headers, whether the upstream or the gateway responds.
    pub(super) plan: HeaderPlan,
    /// The headers that the route was chosen by, for the response's Vary.
    pub(super) vary: Option<HeaderValue>,
    /// Counts the request as under way, from the time it needs an upstream.
    pub(super) under_way: Option<Place>,
    /// Counts what the client has yet to take; `None` on HTTP/1.1.
    pub(super) backlog: Option<Arc<Backlog>>,
    /// Bounds the client's pauses in the request's body; `None` without a body, and on HTTP/1.1.
    pub(super) upload: Option<Arc<Upload>>,
    /// Holds the response to the handshake of a WebSocket back; `None` for any other request.
    pub(super) hold: Option<Hold>,
    /// The tries of the request on its upstream.
    pub(super) tries: Tries,
    /// The way in which the last try failed.
    pub(super) failure: Option<Failure>,
    pub(super) exchange: Exchange,
    /// The translation of a request in gRPC-Web, if its route has one.
    pub(super) grpc_web: Option<Translation>,
    /// Number of bytes of the request's body that this try has sent on.
    pub(super) body_bytes: u64,
    /// Number of bytes of the response's body, so far.
    pub(super) response_bytes: u64,
}

// === impl Ctx ===

impl Ctx {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        let client = Client::current();
        Self {
            record: Record::unrouted(&snapshot, &client, None, Instant::now()),
            client,
            is_finished: false,
            status: None,
            snapshot,
            plan: HeaderPlan::Untouched,
            vary: None,
            under_way: None,
            backlog: Backlog::current(),
            upload: None,
            hold: None,
            tries: Tries::default(),
            failure: None,
            exchange: Exchange::default(),
            grpc_web: None,
            body_bytes: 0,
            response_bytes: 0,
        }
    }

    pub(super) fn route(&self) -> &Route {
        self.snapshot.route(self.record.route)
    }

    /// Ends the try that is under way: a slow client must not keep the endpoint's place.
    pub(super) fn end_tries(&mut self) {
        let route = self.snapshot.route(self.record.route);
        if let Some(cluster) = route.cluster() {
            self.tries.end(cluster);
        }
    }

    /// Counts a piece of the response's body, which its client is busy with.
    pub(super) fn count_response(&mut self, bytes: usize) {
        if let Some(upload) = &self.upload {
            upload.respond();
        }
        self.response_bytes = self.response_bytes.saturating_add(bytes as u64);
    }

    /// Finishes the request's record.
    pub(super) fn finish(&mut self, status: Option<StatusCode>) {
        self.is_finished = true;
        self.end_tries();
        let cluster = self.route().cluster();
        let end = End {
            status,
            request_bytes: self.body_bytes,
            response_bytes: self.response_bytes,
            upstream: cluster.and_then(|cluster| self.tries.entry(cluster.name())),
        };
        self.record.finish(&self.snapshot, end);
    }
}

/// A request that is given up in the middle of a phase is recorded, too.
impl Drop for Ctx {
    fn drop(&mut self) {
        if !self.is_finished {
            if self.upload.as_ref().is_some_and(|upload| upload.is_late()) {
                self.record.refuse(RequestError::BodyTimeout);
            }
            self.finish(self.status);
        }
    }
}
