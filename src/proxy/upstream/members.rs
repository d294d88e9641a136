//! The endpoints of a backend at one time, and the choice among them.
//!
//! A list is made anew when an endpoint comes or goes, or its state changes, which is rare. A choice then
//! reads an index, and never asks an endpoint for its state.

use super::endpoint::Endpoint;
use crate::metrics::EndpointState;
use crate::proxy::room::Place;
use pingora_ketama::{Bucket, Continuum};
use std::net::SocketAddr;
use std::sync::Arc;

/// Maximum number of endpoints that are looked for on the ring for one request; if they have no room,
/// any other one is taken.
const MAX_ON_RING: usize = 8;

/// See the module's documentation.
pub(super) struct Members {
    /// All endpoints, sorted by address.
    all: Vec<Arc<Endpoint>>,
    /// The indices of those that requests go to: the healthy ones, or all if none is. A check that is
    /// wrong must not be an outage.
    usable: Vec<usize>,
    is_usable: Vec<bool>,
    /// Whether none is healthy, and there are some.
    all_are_tried: bool,
    /// `None` where requests are not told apart by a key.
    ring: Option<Arc<Continuum>>,
}

/// The way to choose an endpoint for one request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice<'k> {
    /// In turn; this is the request's turn.
    Turn(usize),
    /// The less busy one of two; this number is as good as random.
    Random(u64),
    /// The one that has this key, for as long as it is there.
    Key(&'k [u8]),
}

/// The reason for which no endpoint can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum NoPeer {
    #[error("the upstream has no address yet")]
    NoAddress,
    #[error("each endpoint has as many requests under way as `max_connections` allows")]
    NoRoom,
}

// === impl Members ===

impl Members {
    /// Makes the list of these endpoints, which are [`listed`]. `has_keys` says whether requests are told apart
    /// by a key.
    pub(super) fn new(all: Vec<Arc<Endpoint>>, has_keys: bool) -> Self {
        // All have the same weight.
        let bucket = |endpoint: &Arc<Endpoint>| Bucket::new(endpoint.address, 1);
        let ring = has_keys.then(|| Continuum::new(&all.iter().map(bucket).collect::<Vec<_>>()));
        Self::with_ring(all, ring.map(Arc::new))
    }

    /// Makes the list of the same endpoints, whose states have changed.
    pub(super) fn again(&self) -> Self {
        Self::with_ring(self.all.clone(), self.ring.clone())
    }

    fn with_ring(all: Vec<Arc<Endpoint>>, ring: Option<Arc<Continuum>>) -> Self {
        let is_healthy =
            |endpoint: &Arc<Endpoint>| endpoint.health.lock().state() == EndpointState::Healthy;
        let mut is_usable: Vec<bool> = all.iter().map(is_healthy).collect();
        let all_are_tried = !all.is_empty() && !is_usable.contains(&true);
        if all_are_tried {
            is_usable.fill(true);
        }
        let usable = (0..all.len()).filter(|&index| is_usable[index]).collect();
        Self {
            all,
            usable,
            is_usable,
            all_are_tried,
            ring,
        }
    }

    pub(super) fn all(&self) -> &[Arc<Endpoint>] {
        &self.all
    }

    /// Whether requests go to endpoints that are not healthy, because none is.
    pub(super) fn all_are_tried(&self) -> bool {
        self.all_are_tried
    }

    /// Returns the number of endpoints in each state, in the order of [`EndpointState::ALL`].
    pub(super) fn counts(&self) -> [usize; EndpointState::ALL.len()] {
        let mut counts = [0; EndpointState::ALL.len()];
        for endpoint in &self.all {
            counts[endpoint.health.lock().state() as usize] += 1;
        }
        counts
    }

    /// Whether requests go to an endpoint that is not among these.
    pub(super) fn has_other(&self, tried: &[SocketAddr]) -> bool {
        let mut usable = self.usable.iter().map(|&index| &self.all[index]);
        usable.any(|endpoint| !tried.contains(&endpoint.address))
    }

    /// Chooses an endpoint, and takes a place for a request there: one that has not been tried, if there is
    /// one with room.
    pub(super) fn choose(
        &self,
        choice: Choice<'_>,
        tried: &[SocketAddr],
        max: usize,
    ) -> Result<(&Arc<Endpoint>, Place), NoPeer> {
        if self.all.is_empty() {
            return Err(NoPeer::NoAddress);
        }
        let new = self.visit(choice, |endpoint| match tried.contains(&endpoint.address) {
            true => None,
            false => Some((endpoint, endpoint.take(max)?)),
        });
        let again = || self.visit(choice, |endpoint| Some((endpoint, endpoint.take(max)?)));
        let found = new.or_else(|| if tried.is_empty() { None } else { again() });
        found.ok_or(NoPeer::NoRoom)
    }

    /// Visits the usable endpoints, the best one first, until `visit` returns something.
    fn visit<'m, T>(
        &'m self,
        choice: Choice<'_>,
        mut visit: impl FnMut(&'m Arc<Endpoint>) -> Option<T>,
    ) -> Option<T> {
        match (choice, &self.ring) {
            (Choice::Turn(turn), _) => self.visit_from(turn, visit),
            (Choice::Random(random), _) => {
                let (one, other) = self.two(random)?;
                let (better, worse) = match self.at(one).load() <= self.at(other).load() {
                    true => (one, other),
                    false => (other, one),
                };
                visit(self.at(better))
                    .or_else(|| visit(self.at(worse)))
                    .or_else(|| self.visit_from(one, visit))
            }
            (Choice::Key(key), Some(ring)) => self.visit_ring(ring, key, visit),
            // A list with keys has a ring.
            (Choice::Key(_), None) => self.visit_from(0, visit),
        }
    }

    fn visit_from<'m, T>(
        &'m self,
        first: usize,
        visit: impl FnMut(&'m Arc<Endpoint>) -> Option<T>,
    ) -> Option<T> {
        let first = first.checked_rem(self.usable.len())?;
        let (ahead, from_first) = self.usable.split_at(first);
        let in_turn = from_first.iter().chain(ahead);
        in_turn.map(|&index| &self.all[index]).find_map(visit)
    }

    /// Visits the endpoints from the key's place on the ring on. The places of one that is left out belong to
    /// those behind it, so that no other key moves.
    fn visit_ring<'m, T>(
        &'m self,
        ring: &Continuum,
        key: &[u8],
        mut visit: impl FnMut(&'m Arc<Endpoint>) -> Option<T>,
    ) -> Option<T> {
        let mut seen = Vec::new();
        for address in ring.node_iter(key) {
            // It is there: the ring is made of these addresses.
            let by_address = |endpoint: &Arc<Endpoint>| endpoint.address.cmp(address);
            let index = self.all.binary_search_by(by_address).ok()?;
            if !self.is_usable[index] || seen.contains(&index) {
                continue;
            }
            if let Some(found) = visit(&self.all[index]) {
                return Some(found);
            }
            seen.push(index);
            if seen.len() == self.usable.len().min(MAX_ON_RING) {
                break;
            }
        }
        // Those behind them may be far along the ring, and are all busy in their turn.
        let last = seen.last().copied()?;
        let first = self.usable.iter().position(|&index| index == last)?;
        self.visit_from(first, visit)
    }

    fn at(&self, usable: usize) -> &Arc<Endpoint> {
        &self.all[self.usable[usable]]
    }

    /// Returns two places in `usable`, which differ if there are two.
    fn two(&self, random: u64) -> Option<(usize, usize)> {
        let count = u64::try_from(self.usable.len()).ok()?;
        let one = random.checked_rem(count)?;
        let step = match count {
            1 => 0,
            _ => 1 + (random >> 32) % (count - 1),
        };
        let other = (one + step) % count;
        Some((usize::try_from(one).ok()?, usize::try_from(other).ok()?))
    }
}

/// Puts endpoints in the order of their addresses, each once.
pub(super) fn listed(mut all: Vec<Arc<Endpoint>>) -> Vec<Arc<Endpoint>> {
    // Of several names with one address, the first is kept.
    all.sort_by_key(|endpoint| endpoint.address);
    all.dedup_by_key(|endpoint| endpoint.address);
    all
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

#[cfg(test)]
mod tests;
