//! The requests under way to one address, and how many there may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The requests under way to one address.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// A request that counts as under way for as long as the value lives, however it ends.
#[derive(Debug)]
pub(in crate::proxy) struct Place(Room);

// === impl Room ===

impl Room {
    /// Takes a place if fewer than `max` are taken.
    pub(super) fn take(&self, max: usize) -> Option<Place> {
        let one_more = |taken| (taken < max).then_some(taken + 1);
        let (set, fetch) = (Ordering::AcqRel, Ordering::Acquire);
        let taken = self.0.fetch_update(set, fetch, one_more);
        taken.is_ok().then(|| Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
