//! The end of every request: what is counted and logged of it, once.
//!
//! *Invariant:* [`Record::finish`] is the only caller of a route's metrics, of the access log and of traces.

use super::check::RequestError;
use super::client::{Client, Via};
use super::noted::Noted;
use super::request_id::{ROOM, RequestId};
use super::snapshot::{RouteId, Snapshot};
use crate::access_log::{Entry, UpstreamEntry};
use crate::cors::{HeaderPlan, Outcome, Policy, Reason, RequestKind};
use crate::traces::Span;
use http::StatusCode;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::debug;

/// A request as metrics and the logs see it. Free of borrows, so that it can wait until the response has been
/// sent.
#[derive(Debug)]
#[must_use = "a request that is not finished is not counted"]
pub(crate) struct Record {
    pub route: RouteId,
    pub kind: RequestKind,
    pub outcome: Outcome,
    /// The reason for it, if there is one.
    pub reason: Option<Reason>,
    /// The plan of the decision, which names the policy.
    pub plan: HeaderPlan,
    /// The reason for refusing the request before its route counted.
    pub error: Option<RequestError>,
    /// When its header had come.
    pub started: Instant,
    /// The id under which upstreams and logs know it. `None` where neither is told.
    pub request_id: Option<RequestId>,
    pub connection: Connection,
    /// Its span, if it is forwarded and traces are told.
    pub span: Option<Span>,
    /// The request as it came; `None` where neither a log nor a span needs it, and if its header was not read to its end.
    pub noted: Option<Box<Noted>>,
}

/// The part of a line that a request's connection knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Connection {
    via: Via,
    peer: Option<IpAddr>,
    tls_version: Option<&'static str>,
}

/// The end of a request, as the access log tells it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End<'a> {
    /// `None` where no response was sent: the client had gone.
    pub status: Option<StatusCode>,
    /// Bytes of the request's body that came through the gateway.
    pub request_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
    /// The upstream, if one was asked.
    pub upstream: Option<UpstreamEntry<'a>>,
}

// === impl Record ===

impl Record {
    /// Makes the record of a request that no route is known for: its header was not read to its end,
    /// or not yet.
    pub(crate) fn unrouted(
        snapshot: &Snapshot,
        client: &Client,
        error: Option<RequestError>,
        started: Instant,
    ) -> Self {
        Self {
            route: snapshot.unmatched(),
            kind: RequestKind::NotCors,
            outcome: Outcome::NONE,
            reason: None,
            plan: HeaderPlan::Untouched,
            error,
            started,
            request_id: None,
            connection: Connection::of(client),
            span: None,
            noted: None,
        }
    }

    /// Counts a request that is refused before a route is known, with this status.
    pub(crate) fn refused(
        snapshot: &Snapshot,
        client: &Client,
        error: RequestError,
        started: Instant,
        status: Option<StatusCode>,
    ) {
        Self::unrouted(snapshot, client, Some(error), started).finish(snapshot, status.into());
    }

    /// Notes that the request was refused after all, for what came behind its header.
    pub(crate) fn refuse(&mut self, error: RequestError) {
        self.outcome = Outcome::NONE;
        self.reason = None;
        self.error = Some(error);
    }

    /// Counts the request, and says in the logs how it ended.
    pub(crate) fn finish(&self, snapshot: &Snapshot, end: End<'_>) {
        let route = snapshot.route(self.route);
        let (outcome, elapsed) = (self.outcome, self.started.elapsed());
        let refused = self.error.map(RequestError::label);
        let code = end.status.map(|status| status.as_u16());
        route
            .metrics
            .finished(self.kind, outcome, refused, code, elapsed);
        self.tell(snapshot, &end, elapsed);
        debug!(
            route = route.name,
            outcome = outcome.as_str(),
            reason = self.reason.map(Reason::as_str),
            status = code,
            error = self.error.map(tracing::field::display),
        );
    }

    /// Writes the request's line of the access log, and ends its span.
    fn tell(&self, snapshot: &Snapshot, end: &End<'_>, elapsed: Duration) {
        let log = snapshot.access_log.as_ref();
        let traced = snapshot.traces.as_ref().zip(self.span.as_ref());
        if log.is_none() && traced.is_none() {
            return;
        }
        let route = snapshot.route(self.route);
        let policy = route.rule.deciding_policy(self.plan);
        let Connection {
            via,
            peer,
            tls_version,
        } = self.connection;
        let refused = self.error.map(|error| error.label().as_str());
        // A clock that stands before 1970 is wrong in any case.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut id = ROOM;
        let mut entry = Entry {
            time: now.unwrap_or_default().saturating_sub(elapsed),
            duration: elapsed,
            client: peer,
            listener: snapshot
                .listener(via)
                .map(|listener| listener.listen.address),
            tls_version,
            request_id: self.request_id.as_ref().map(|known| known.text(&mut id)),
            status: end.status.map(|status| status.as_u16()),
            request_bytes: end.request_bytes,
            response_bytes: end.response_bytes,
            route: &route.name,
            policy: policy.map(Policy::name),
            outcome: (self.outcome != Outcome::NONE).then(|| self.outcome.as_str()),
            reason: refused.or(self.reason.map(Reason::as_str)),
            upstream: end.upstream,
            ..Entry::default()
        };
        if let Some(noted) = &self.noted {
            noted.fill(&mut entry);
        }
        let mut trace_id = [0; 32];
        if let Some((_, span)) = traced {
            // The one that the upstream was told, which need not be the client's.
            entry.trace_id = Some(span.context.trace_id_text(&mut trace_id));
        }
        if let Some(log) = log {
            log.log(&entry);
        }
        if let Some((traces, span)) = traced {
            traces.end(span, &entry);
        }
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) fn of(client: &Client) -> Self {
        Self {
            via: client.via,
            peer: client.peer,
            tls_version: client.tls.as_ref().map(|tls| tls.version),
        }
    }
}

// === impl End ===

impl From<Option<StatusCode>> for End<'_> {
    fn from(status: Option<StatusCode>) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}
