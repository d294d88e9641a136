//! Warns of fallback routes that get no request: those before them take all.

use super::reuse::{RouteParts, example_of, find};
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::routing::{RouteMatch, Router};

/// Maximum number of requests that are looked up for one route; one that would need more is not judged.
const MAX_LOOK_UPS: usize = 1_000;

/// A method that no route names.
const OTHER: &str = "\0";

/// Warns of such routes. `router` has the same routes.
pub(in crate::config) fn routes(
    report: &mut Report<'_>,
    routes: &[RouteParts<'_>],
    router: &Router,
) {
    for route in routes {
        if is_never_taken(router, routes, route.matches) {
            let message =
                "this fallback gets no request: routes without `fallback` take all that match";
            report
                .warn(WarningName::FallbackNeverTaken, route.path, message)
                .hint("remove it, or let the others take fewer methods, hosts or paths")
                .where_used();
        }
    }
}

/// Whether a fallback route gets no request because routes that are not a fallback take all that match.
pub(super) fn is_never_taken(
    router: &Router,
    routes: &[RouteParts<'_>],
    matches: &RouteMatch,
) -> bool {
    if !matches.is_fallback {
        return false;
    }
    let paths = matches.path.examples();
    let mut hosts: Vec<String> = matches.hosts.iter().map(example_of).collect();
    if hosts.is_empty() {
        hosts.push(String::new());
    }
    let mut methods: Vec<&str> = matches.methods.iter().map(String::as_str).collect();
    if methods.is_empty() {
        methods.push(OTHER);
    }
    let count = paths.len() * hosts.len() * methods.len();
    let is_others = |host: &str, path: &str, method: &str| {
        let taker = find(router, host, path, method.as_bytes());
        taker.is_some_and(|route| !routes[route].matches.is_fallback)
    };
    count <= MAX_LOOK_UPS
        && hosts.iter().all(|host| {
            let mut paths = paths.iter();
            paths.all(|path| methods.iter().all(|method| is_others(host, path, method)))
        })
}
