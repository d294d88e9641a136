//! The tries of one request on its upstream, from the first endpoint to the end. No lane is known here.

use super::cluster::Cluster;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::members::NoPeer;
use super::retry::{FailedTry, is_failure};
use crate::access_log::UpstreamEntry;
use crate::config::HashKey;
use crate::metrics::UpstreamFailure;
use crate::proxy::room::Place;
use http::{HeaderValue, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Tries {
    /// The addresses that failed. Allocated by the first failure.
    tried: Vec<SocketAddr>,
    /// The turn that the request took, if endpoints are chosen in turn or at random. A request that has to
    /// try again counts on from its own: the next one may lead to the endpoint that just failed.
    turn: Option<usize>,
    current: Option<Attempt>,
    /// Number of endpoints that were asked.
    asked: usize,
    /// The endpoint that was asked last, and the time until its answer.
    last: Option<(SocketAddr, Option<Duration>)>,
    /// Whether the next try needs a connection that has not served a request before.
    pub needs_fresh: bool,
}

/// A try that is under way.
#[derive(Debug)]
struct Attempt {
    endpoint: Arc<Endpoint>,
    _place: Place,
    started: Instant,
    /// Whether the header of a final response has come.
    is_answered: bool,
    /// Whether that says that the endpoint has failed.
    has_failed: bool,
}

// === impl Tries ===

impl Tries {
    /// Chooses the endpoint of the next try, and begins it. `key` returns the request's bytes for
    /// `consistent_hash`, and is called only there.
    pub(in crate::proxy) fn begin<K: AsRef<[u8]>>(
        &mut self,
        cluster: &Cluster,
        key: impl FnOnce(&HashKey) -> K,
        now: Instant,
    ) -> Result<Arc<Endpoint>, NoPeer> {
        let turn = *self.turn.get_or_insert_with(|| cluster.take_turn());
        match cluster.choose(turn, key, &self.tried) {
            Ok((endpoint, place)) => {
                self.asked += 1;
                self.last = Some((endpoint.address, None));
                self.current = Some(Attempt {
                    endpoint: Arc::clone(&endpoint),
                    _place: place,
                    started: now,
                    is_answered: false,
                    has_failed: false,
                });
                Ok(endpoint)
            }
            Err(error) => {
                cluster
                    .metrics()
                    .failed(UpstreamFailure::Unavailable, false);
                Err(error)
            }
        }
    }

    /// Describes the tries for the access log; `None` if there was none.
    pub(in crate::proxy) fn entry<'a>(&self, upstream: &'a str) -> Option<UpstreamEntry<'a>> {
        self.turn?;
        Some(UpstreamEntry {
            name: upstream,
            endpoint: self.last.map(|(endpoint, _)| endpoint),
            duration: self.last.and_then(|(_, duration)| duration),
            retries: self.asked.saturating_sub(1),
        })
    }

    /// Returns the host of the endpoint that is asked.
    pub(in crate::proxy) fn host(&self) -> Option<&HeaderValue> {
        Some(&self.current.as_ref()?.endpoint.host)
    }

    /// Notes the header of a final response.
    pub(in crate::proxy) fn answered(
        &mut self,
        cluster: &Cluster,
        status: StatusCode,
        now: Instant,
    ) {
        let Some(attempt) = &mut self.current else {
            return;
        };
        attempt.is_answered = true;
        let elapsed = now.saturating_duration_since(attempt.started);
        self.last = Some((attempt.endpoint.address, Some(elapsed)));
        cluster.metrics().answered(status.as_u16(), elapsed);
        if is_failure(status) {
            cluster.note_failure(&attempt.endpoint, || format!("it answered {status}"));
            attempt.has_failed = true;
        } else if status == StatusCode::SWITCHING_PROTOCOLS {
            // A tunnel may last for days.
            attempt.endpoint.note_success();
        }
    }

    /// Notes that the try failed, and decides whether there is another one. `reason` is for the operator.
    pub(in crate::proxy) fn failed(
        &mut self,
        cluster: &Cluster,
        failed: &FailedTry<'_>,
        reason: impl FnOnce() -> String,
    ) -> bool {
        let Some(attempt) = self.current.take() else {
            return false;
        };
        match failed.failure.label() {
            Some(failure) => cluster.metrics().failed(failure, attempt.is_answered),
            None if !attempt.is_answered => cluster.metrics().abandoned(),
            None => {}
        }
        if failed.is_endpoints() && !attempt.has_failed {
            cluster.note_failure(&attempt.endpoint, reason);
        }
        if self.tried.len() >= cluster.retries() {
            return false;
        }
        self.tried.push(attempt.endpoint.address);
        let is_again = failed.may_try_again(cluster.has_other(&self.tried));
        if is_again {
            // Whatever ended a connection may have ended others in the pool.
            self.needs_fresh |= !matches!(failed.failure, Failure::Connect(_));
            cluster.metrics().retried();
        }
        is_again
    }

    /// Ends the try that is under way, if there is one.
    pub(in crate::proxy) fn end(&mut self, cluster: &Cluster) {
        let Some(attempt) = self.current.take() else {
            return;
        };
        match (attempt.is_answered, attempt.has_failed) {
            (true, true) => {}
            // To its end: a content that is cut off is a failure.
            (true, false) => attempt.endpoint.note_success(),
            (false, _) => cluster.metrics().abandoned(),
        }
    }
}
