//! `health_check` and `outlier_detection` of an upstream.

use super::values::{duration, time_out};
use crate::config::compiled::{HealthCheck, OutlierDetection};
use crate::config::raw::{RawHealthCheck, RawOutlierDetection};
use crate::config::report::Report;
use crate::routing::is_authority;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Shortest time between two checks of an endpoint; a shorter one is refused, because it would be load.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Bounds of thresholds.
const THRESHOLD: RangeInclusive<u32> = 1..=100;
/// Bounds of `consecutive_failures`.
const FAILURES: RangeInclusive<u32> = 1..=1_000;
/// Bounds of `max_ejection_percent`.
const PERCENT: RangeInclusive<u32> = 1..=100;

/// Compiles the `health_check` at `path`.
pub(super) fn health_check(
    report: &mut Report<'_>,
    path: &str,
    raw: RawHealthCheck,
) -> HealthCheck {
    let RawHealthCheck {
        path: target,
        host,
        interval,
        timeout,
        healthy_threshold,
        unhealthy_threshold,
    } = raw;
    let defaults = HealthCheck::default();
    if let Some(target) = &target
        && !is_target(target)
    {
        let message = format!("`{target}` is not a path");
        report
            .error(format!("{path}.path"), message)
            .hint("write a path such as `/healthz`, with a query if it needs one");
    }
    let of_host = format!("{path}.host");
    if let Some(host) = &host {
        if !is_authority(host.as_bytes()) {
            let message = format!("`{host}` is not a host");
            report
                .error(&of_host, message)
                .hint("write a name such as `books.internal`");
        } else if target.is_none() && !report.was_refused(&format!("{path}.path")) {
            report
                .error(
                    &of_host,
                    "a check without `path` only connects, and names no host",
                )
                .hint("write `path: /healthz` as well, or remove it");
        }
    }
    let of_interval = format!("{path}.interval");
    let interval = duration(interval, defaults.interval);
    if interval < MIN_INTERVAL {
        report
            .error(&of_interval, "checks would follow one another too closely")
            .hint("write `100ms` or more");
    }
    let of_timeout = format!("{path}.timeout");
    let timeout = time_out(report, &of_timeout, timeout, defaults.timeout.min(interval));
    if timeout > interval {
        report
            .error(&of_timeout, "a check may take longer than `interval`")
            .hint("write a shorter `timeout`, or a longer `interval`");
    }
    let mut threshold = |key: &str, written: Option<u32>, default| {
        number(
            report,
            &format!("{path}.{key}"),
            written,
            default,
            &THRESHOLD,
        )
    };
    HealthCheck {
        healthy_threshold: threshold(
            "healthy_threshold",
            healthy_threshold,
            defaults.healthy_threshold,
        ),
        unhealthy_threshold: threshold(
            "unhealthy_threshold",
            unhealthy_threshold,
            defaults.unhealthy_threshold,
        ),
        path: target,
        host,
        interval,
        timeout,
    }
}

/// Compiles the `outlier_detection` at `path`.
pub(super) fn outlier_detection(
    report: &mut Report<'_>,
    path: &str,
    raw: RawOutlierDetection,
) -> OutlierDetection {
    let RawOutlierDetection {
        consecutive_failures,
        ejection_time,
        max_ejection_percent,
    } = raw;
    let defaults = OutlierDetection::default();
    OutlierDetection {
        consecutive_failures: number(
            report,
            &format!("{path}.consecutive_failures"),
            consecutive_failures,
            defaults.consecutive_failures,
            &FAILURES,
        ),
        ejection_time: time_out(
            report,
            &format!("{path}.ejection_time"),
            ejection_time,
            defaults.ejection_time,
        ),
        max_ejection_percent: number(
            report,
            &format!("{path}.max_ejection_percent"),
            max_ejection_percent,
            defaults.max_ejection_percent,
            &PERCENT,
        ),
    }
}

/// Returns the number that is written, or the default.
fn number(
    report: &mut Report<'_>,
    path: &str,
    written: Option<u32>,
    default: u32,
    range: &RangeInclusive<u32>,
) -> u32 {
    let number = written.unwrap_or(default);
    if !range.contains(&number) {
        let (least, most) = (range.start(), range.end());
        report
            .error(path, format!("{number} is out of range"))
            .hint(format!("write a number from {least} to {most}"));
    }
    number
}

/// Whether a GET can have this target: RFC 9112 §3.2.1.
fn is_target(target: &str) -> bool {
    target.starts_with('/')
        && target.len() <= 2_048
        && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
        && target.parse::<http::Uri>().is_ok()
}
