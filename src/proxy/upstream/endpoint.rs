//! One address of a backend, for as long as it is one: it keeps its state while others come and go.

use super::health::Health;
use super::idle::IdleConnections;
use crate::config;
use crate::proxy::rewrite;
use crate::proxy::room::{Place, Room};
use http::HeaderValue;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::proxy) struct Endpoint {
    pub address: SocketAddr,
    /// The endpoint as it is configured; one name may have several addresses.
    pub configured: config::Endpoint,
    /// The same as a Host field has it.
    pub host: HeaderValue,
    /// The requests under way to it.
    room: Room,
    /// Number of requests in a row that have failed.
    failures: AtomicU32,
    pub(super) health: Mutex<Health>,
    pub(super) idle: IdleConnections,
}

// === impl Endpoint ===

impl Endpoint {
    /// `scheme` is the one that it is spoken to in.
    pub(super) fn new(
        address: SocketAddr,
        configured: config::Endpoint,
        scheme: &str,
        now: Instant,
    ) -> Self {
        Self {
            address,
            // A host that can't stand there is refused with the configuration.
            host: rewrite::host(&configured, scheme).unwrap_or(HeaderValue::from_static("")),
            configured,
            room: Room::default(),
            failures: AtomicU32::new(0),
            health: Mutex::new(Health::new(now)),
            idle: IdleConnections::default(),
        }
    }

    /// Returns another endpoint that has the same state so far, and shares the room for requests.
    pub(super) fn copy(&self) -> Self {
        Self {
            address: self.address,
            configured: self.configured.clone(),
            host: self.host.clone(),
            room: self.room.clone(),
            failures: AtomicU32::new(self.failures.load(Ordering::Relaxed)),
            health: Mutex::new(self.health.lock().clone()),
            // They were made under the settings of before.
            idle: IdleConnections::default(),
        }
    }

    /// Takes a place for a request, if fewer than `max` are under way.
    pub(super) fn take(&self, max: usize) -> Option<Place> {
        self.room.take(max)
    }

    /// Returns the number of requests under way.
    pub(super) fn load(&self) -> usize {
        self.room.taken()
    }

    /// Notes a request that did not fail.
    pub(super) fn note_success(&self) {
        // Nearly always it is 0 already, and stays in the cache of every core.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Notes a request that failed. Returns whether it is the one that makes `limit` in a row; the count
    /// begins again with it.
    pub(super) fn note_failure(&self, limit: u32) -> bool {
        let count = self.failures.fetch_add(1, Ordering::Relaxed);
        let is_enough = count.saturating_add(1) >= limit;
        if is_enough {
            self.failures.store(0, Ordering::Relaxed);
        }
        is_enough
    }
}
