//! Lists and durations: the values that several sections have.

use crate::config::raw::{OneOrMany, RawDuration, Seq};
use crate::config::report::Report;
use std::time::Duration;

/// Returns the elements of a list that are there, each with its path. An empty element is an error.
pub(super) fn elements<T>(report: &mut Report<'_>, path: &str, list: Seq<T>) -> Vec<(String, T)> {
    let mut elements = Vec::with_capacity(list.len());
    for (index, element) in list.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        match element {
            Some(element) => elements.push((path, element)),
            None if report.was_refused(&path) => {}
            None => {
                let message = "this element is empty";
                report.error(&path, message).hint("remove it");
            }
        }
    }
    elements
}

/// Does the same as [`elements`] for a list that may be one value alone.
pub(super) fn one_or_many<T>(
    report: &mut Report<'_>,
    path: &str,
    list: OneOrMany<T>,
) -> Vec<(String, T)> {
    match list {
        OneOrMany::One(one) => vec![(path.to_owned(), one)],
        OneOrMany::Many(many) => elements(report, path, many),
    }
}

/// Does the same as [`elements`] for a list that must be there, must not be empty, and has at most
/// `most` elements; `what` says why.
pub(super) fn required<T>(
    report: &mut Report<'_>,
    key: &str,
    list: Option<Seq<T>>,
    most: usize,
    what: &str,
) -> Vec<(String, T)> {
    let (parent, name) = key.rsplit_once('.').unwrap_or(("", key));
    match list {
        Some(list) if list.len() > most => {
            let message = format!("`{name}` has {} elements, more than {most}", list.len());
            report.error(key, message).hint("remove some of them");
        }
        Some(list) if !list.is_empty() => return elements(report, key, list),
        Some(_) if report.was_refused_within(key) => {}
        Some(_) => {
            report.error(key, format!("`{name}` is empty: {what}"));
        }
        None if report.was_refused(key) => {}
        None => {
            report.error(parent, format!("`{name}` is missing: {what}"));
        }
    }
    Vec::new()
}

/// Returns the duration that is written, or the default.
pub(super) fn duration(raw: Option<RawDuration>, default: Duration) -> Duration {
    raw.map_or(default, |RawDuration(duration)| duration)
}

/// Does the same as [`duration`] for a time-out, which must not be zero.
pub(super) fn time_out(
    report: &mut Report<'_>,
    path: &str,
    raw: Option<RawDuration>,
    default: Duration,
) -> Duration {
    let duration = duration(raw, default);
    if duration.is_zero() {
        let message = "a time-out of zero would end everything at once";
        report
            .error(path, message)
            .hint("write a duration such as `10s`");
    }
    duration
}
