//! A number of things that may be there at once, such as requests to one address, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places that are taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// A place that is taken for as long as the value lives.
#[derive(Debug)]
pub(super) struct Place(Room);

// === impl Room ===

impl Room {
    /// Takes a place if fewer than `max` are taken.
    pub(super) fn take(&self, max: usize) -> Option<Place> {
        one_more(&self.0, max).then(|| Place(self.clone()))
    }

    /// Returns the number of places that are taken.
    pub(super) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts one more if there are fewer than `max`; returns whether there were.
pub(super) fn one_more(count: &AtomicUsize, max: usize) -> bool {
    let one_more = |count| (count < max).then_some(count + 1);
    count
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
        .is_ok()
}
