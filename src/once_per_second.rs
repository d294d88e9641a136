//! Keeps a line that many requests would write out of the log, but for one per second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct OncePerSecond {
    started: Instant,
    /// The second, counted from 1, of the last line; 0 if there was none.
    last: AtomicU64,
    left_out: AtomicU64,
}

// === impl OncePerSecond ===

impl OncePerSecond {
    /// Counts the seconds from `started` on.
    pub(crate) fn since(started: Instant) -> Self {
        Self {
            started,
            last: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Returns the number of lines left out since the last one, if there is to be one now; `None` if this one
    /// is left out, because there was one in this second or later.
    pub(crate) fn take(&self, now: Instant) -> Option<u64> {
        let second = now.saturating_duration_since(self.started).as_secs() + 1;
        // In one step: of two that come at once, one finds the second of the other.
        if self.last.fetch_max(second, Ordering::Relaxed) >= second {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_second_has_one_line_also_for_a_request_that_comes_late() {
        let started = Instant::now();
        let lines = OncePerSecond::since(started);
        let second = Duration::from_secs(1);
        for (at, written, left_out) in [
            (1, Some(0), 0),
            (3, Some(0), 0),
            (3, None, 1),
            (2, None, 2),
            (3, None, 3),
            (4, Some(3), 0),
        ] {
            assert_eq!(lines.take(started + second * at), written, "{at}");
            assert_eq!(lines.left_out.load(Ordering::Relaxed), left_out, "{at}");
        }
    }
}
