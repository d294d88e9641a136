//! `rate_limit` and `max_request_body_bytes`: `limits` has them for all routes, and a route for itself.

use super::values::duration;
use crate::config::compiled::RateLimit;
use crate::config::raw::{RawRateLimit, RawSize};
use crate::config::report::Report;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Bounds of `requests` and `burst`. A client that may send more is hardly limited.
const REQUESTS: RangeInclusive<u32> = 1..=100_000;
/// Bounds of `period`. Half as many in half the time are the same limit; what is counted over more than
/// a day would rarely last until its end, because buckets do not outlive the process.
const PERIOD: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);

/// Compiles the `rate_limit` at `path`.
pub(super) fn rate_limit(
    report: &mut Report<'_>,
    path: &str,
    raw: Option<RawRateLimit>,
) -> Option<RateLimit> {
    let RawRateLimit {
        requests,
        period,
        burst,
    } = raw?;
    for (key, number) in [("requests", requests), ("burst", burst)] {
        let Some(number) = number.filter(|number| !REQUESTS.contains(number)) else {
            continue;
        };
        let message = match number {
            0 => "a limit of no requests would refuse all of them",
            _ => "a number of requests that is out of range",
        };
        let hint = match key {
            "burst" => "write a number from 1 to 100000, or leave it out for as many as `requests`",
            _ => "write a number from 1 to 100000, or leave `rate_limit` out for no limit",
        };
        report.error(format!("{path}.{key}"), message).hint(hint);
    }
    let period = duration(period, Duration::from_secs(1));
    if !PERIOD.contains(&period) {
        report
            .error(format!("{path}.period"), "a period that is out of range")
            .hint("write a duration from `1s` to `1day`: 5 requests in 100ms are 50 in 1s");
    }
    let path_of_requests = format!("{path}.requests");
    if requests.is_none() && !report.was_refused(&path_of_requests) {
        report
            .error(path, "`requests` is missing: how many may a client send?")
            .hint("write `rate_limit: { requests: 50 }` for 50 per second");
    }
    let requests = requests?;
    Some(RateLimit {
        requests,
        period,
        burst: burst.unwrap_or(requests),
    })
}

/// Compiles the `max_request_body_bytes` at `path`.
pub(super) fn body_bytes(report: &mut Report<'_>, path: &str, raw: Option<RawSize>) -> Option<u64> {
    let RawSize(size) = raw?;
    if size == 0 {
        report
            .error(
                path,
                "a limit of no bytes would refuse every request with a body",
            )
            .hint("write a size such as `10MiB`, or leave it out for no limit");
    }
    Some(size)
}
