//! The time of a line: most lines of a thread are of the same second, which is rendered once.

use super::line::{Line, Piece};
use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

/// Months as the combined format names them.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A second in both formats.
struct Second {
    since_epoch: u64,
    /// `2026-11-26T19:02:20`
    rfc3339: Piece,
    /// `26/Nov/2026:19:02:20 +0000`
    combined: Piece,
}

thread_local! {
    static SECOND: RefCell<Option<Second>> = const { RefCell::new(None) };
}

/// Writes the time as RFC 3339 has it, with milliseconds, in UTC.
pub(super) fn rfc3339(time: Duration, out: &mut Line) {
    with_second(time, |second| out.piece(&second.rfc3339));
    out.push(b'.');
    out.digits::<3>(time.subsec_millis().into());
    out.push(b'Z');
}

/// Writes the time as the combined format has it, in UTC.
pub(super) fn combined(time: Duration, out: &mut Line) {
    with_second(time, |second| out.piece(&second.combined));
}

fn with_second(since_epoch: Duration, then: impl FnOnce(&Second)) {
    let since_epoch = since_epoch.as_secs();
    SECOND.with_borrow_mut(|known| {
        if known
            .as_ref()
            .is_none_or(|known| known.since_epoch != since_epoch)
        {
            *known = Second::of(since_epoch);
        }
        known.as_ref().map(then);
    });
}

// === impl Second ===

impl Second {
    fn of(since_epoch: u64) -> Option<Self> {
        // The last second that can be rendered; no clock is there.
        const LAST: u64 = 253_402_300_799;
        let time = UNIX_EPOCH + Duration::from_secs(since_epoch.min(LAST));
        let text = humantime::format_rfc3339_seconds(time).to_string();
        let rfc3339 = text.trim_end_matches('Z');
        let part = |range| rfc3339.get(range).unwrap_or_default();
        let month = part(5..7).parse::<usize>().unwrap_or(1);
        let month = MONTHS
            .get(month.wrapping_sub(1))
            .copied()
            .unwrap_or_default();
        let combined = format!(
            "{}/{month}/{}:{} +0000",
            part(8..10),
            part(0..4),
            part(11..19)
        );
        Some(Self {
            since_epoch,
            rfc3339: Piece::of(rfc3339)?,
            combined: Piece::of(&combined)?,
        })
    }
}
