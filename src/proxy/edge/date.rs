//! The value of the Date field.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The time of day as a Date field's value, rendered once a second.
pub(super) struct Date {
    value: String,
    until: Instant,
}

// === impl Date ===

impl Date {
    /// Starts without a value: the first is rendered when it is asked for.
    pub(super) fn new() -> Self {
        Self {
            value: String::new(),
            until: Instant::now(),
        }
    }

    /// Returns the value at `now`: RFC 9110 §6.6.1.
    pub(super) fn value(&mut self, now: Instant) -> &[u8] {
        if now >= self.until {
            // A time before 1970 can't be written, and is wrong in any case.
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
            let since_epoch = since_epoch.unwrap_or_default();
            let into_second = since_epoch.subsec_nanos();
            self.value = httpdate::fmt_http_date(UNIX_EPOCH + since_epoch);
            self.until = now + Duration::from_secs(1) - Duration::from_nanos(into_second.into());
        }
        self.value.as_bytes()
    }
}
