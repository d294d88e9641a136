//! The rate at which a bucket is filled, and the arithmetic of a bucket that is one number.

use std::time::Duration;

/// The rate of tokens, and the number of them that a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which one token comes; rounded up, so that never more than asked for come.
    token: u64,
    /// Nanoseconds in which an empty bucket gets full.
    whole: u64,
}

/// The time until there is a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

// === impl Rate ===

impl Rate {
    /// Makes the rate of `requests` tokens in a `period`, for buckets that hold `burst`. A bucket can hold at
    /// least one, and a token takes at least a nanosecond.
    pub fn new(requests: u32, period: Duration, burst: u32) -> Self {
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let token = period.div_ceil(u64::from(requests.max(1))).max(1);
        Self {
            token,
            whole: token.saturating_mul(u64::from(burst.max(1))),
        }
    }

    /// Takes a token from the bucket that is full at `full_at`, which moves that time on.
    pub(super) fn take(self, full_at: &mut u64, now: u64) -> Result<(), Wait> {
        let empty_is_full_at = now.saturating_add(self.whole);
        // A bucket is never emptier than empty, although it may have been a slower one before a reload.
        *full_at = (*full_at).clamp(now, empty_is_full_at);
        let after = full_at.saturating_add(self.token);
        match after.checked_sub(empty_is_full_at) {
            None | Some(0) => {
                *full_at = after;
                Ok(())
            }
            Some(too_much) => Err(Wait(Duration::from_nanos(too_much))),
        }
    }
}

// === impl Wait ===

impl Wait {
    /// Returns the value of Retry-After: whole seconds, and one at least.
    pub fn seconds(self) -> u64 {
        let Self(wait) = self;
        let begun = u64::from(wait.subsec_nanos() > 0);
        (wait.as_secs() + begun).max(1)
    }
}
