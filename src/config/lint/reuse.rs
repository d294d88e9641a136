//! Warns where a browser may take the answer to one route's preflight for permission to send what
//! another route takes. A browser remembers the methods of an answer by URL, for as long as `max_age`
//! says or for 5 s, and does not ask again: <https://fetch.spec.whatwg.org/#concept-cache>.

use super::fallback;
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{CorsRequest, Rule};
use crate::routing::{HostMatch, PathMatch, RouteMatch, RouteRequest, Router};
use std::collections::{BTreeSet, HashSet};

/// Maximum number of methods that are looked up. A warning about more is not worth the time.
const MAX_LOOK_UPS: usize = 100_000;

/// A route that is right so far.
#[derive(Clone, Copy)]
pub(in crate::config) struct RouteParts<'a> {
    pub path: &'a str,
    pub name: &'a str,
    pub matches: &'a RouteMatch,
    pub rule: &'a Rule,
}

/// Warns of each route whose policy allows a method that, at the same URLs, belongs to a route with
/// another rule.
/// `router` has the same routes.
pub(in crate::config) fn methods(
    report: &mut Report<'_>,
    routes: &[RouteParts<'_>],
    router: &Router,
) {
    let named = routes.iter().flat_map(|route| &route.matches.methods);
    let named: BTreeSet<&[u8]> = named.map(|method| method.as_bytes()).collect();
    let mut look_ups = 0;
    for route in routes {
        let Rule::Policies(policies) = route.rule else {
            continue;
        };
        let own: HashSet<&[u8]> = route.matches.methods.iter().map(String::as_bytes).collect();
        let others = policies
            .policies()
            .flat_map(|policy| policy.answered_methods(&named))
            .filter(|method| !own.contains(method));
        let mut others = others.take_while(|_| {
            look_ups += 1;
            look_ups < MAX_LOOK_UPS
        });
        if own.is_empty() || fallback::is_never_taken(router, routes, route.matches) {
            continue;
        }
        let taker = others.find_map(|method| {
            let other = &routes[taker(router, route.matches, method)?];
            (!route.rule.is_same(other.rule)).then_some((method, other))
        });
        if let Some((method, other)) = taker {
            let method = String::from_utf8_lossy(method);
            let message = format!(
                "browsers reuse the answer to a preflight of this route for `{method}`, which {} (`{}`) \
                 takes by another CORS rule",
                other.path, other.name
            );
            report
                .warn(WarningName::MethodOfAnotherRoute, route.path, message)
                .hint(format!(
                    "remove `{method}` from the policy's `allow_methods`, or give both the same policy"
                ))
                .where_used();
        }
    }
}

/// Finds the route that takes a request with `method` where `matches` takes others.
fn taker(router: &Router, matches: &RouteMatch, method: &[u8]) -> Option<usize> {
    let host = matches.hosts.first().map_or(String::new(), example_of);
    let path = match &matches.path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.clone(),
        template @ PathMatch::Template(_) => template.example(),
    };
    find(router, &host, &path, method)
}

/// Returns a host that matches, with a label that no route names in the place of the wildcard.
pub(super) fn example_of(host: &HostMatch) -> String {
    match host {
        HostMatch::Exact(name) => name.clone(),
        HostMatch::Subdomains(name) => format!("\0.{name}"),
    }
}

/// Finds the route that takes a request that has none of the headers that routes ask for.
pub(super) fn find(router: &Router, host: &str, path: &str, method: &[u8]) -> Option<usize> {
    let cors = CorsRequest {
        method,
        ..CorsRequest::default()
    };
    let request = RouteRequest {
        host: host.as_bytes(),
        path: path.as_bytes(),
        fields: None,
        cors: &cors,
    };
    router.find(&request).route
}
