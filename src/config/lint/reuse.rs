//! Warns where a browser may take the answer to one route's preflight for permission to send what
//! another route takes. A browser remembers the methods of an answer by URL, for as long as `max_age`
//! says or for 5 s, and does not ask again: <https://fetch.spec.whatwg.org/#concept-cache>.
//!
//! Where preflights find their routes by OPTIONS, one route answers for others in any case, and may have
//! another rule than they have.

use super::fallback;
use crate::config::report::Report;
use crate::config::warning::WarningName;
use crate::cors::{CorsRequest, Rule};
use crate::routing::{HostMatch, PathMatch, PreflightMethod, RouteMatch, RouteRequest, Router};
use std::collections::{BTreeSet, HashSet};

/// Maximum number of methods that are looked up. A warning about more is not worth the time.
const MAX_LOOK_UPS: usize = 100_000;

/// The method of preflights.
const OPTIONS: &[u8] = b"OPTIONS";
/// Methods that every policy allows.
const SAFELISTED: [&[u8]; 3] = [b"GET", b"HEAD", b"POST"];

/// A route that is right so far.
#[derive(Clone, Copy)]
pub(in crate::config) struct RouteParts<'a> {
    pub path: &'a str,
    pub name: &'a str,
    pub matches: &'a RouteMatch,
    pub rule: &'a Rule,
}

/// Warns of each route whose policy allows a method that, at the same URLs, belongs to a route with
/// another rule. `router` has the same routes.
pub(in crate::config) fn methods(
    report: &mut Report<'_>,
    routes: &[RouteParts<'_>],
    router: &Router,
    preflight_method: PreflightMethod,
) {
    let named = routes.iter().flat_map(|route| &route.matches.methods);
    let named: BTreeSet<&[u8]> = named.map(|method| method.as_bytes()).collect();
    let by_options = preflight_method == PreflightMethod::Options;
    let mut look_ups = 0;
    for route in routes {
        let Rule::Policies(policies) = route.rule else {
            continue;
        };
        let own: HashSet<&[u8]> = route.matches.methods.iter().map(String::as_bytes).collect();
        if by_options && !own.is_empty() && !own.contains(OPTIONS) {
            look_ups += 1;
            if look_ups < MAX_LOOK_UPS {
                preflights(report, route, routes, router);
            }
            continue;
        }
        if own.is_empty() && !by_options {
            continue;
        }
        let others = policies
            .policies()
            .flat_map(|policy| policy.answered_methods(&named))
            .chain(SAFELISTED.into_iter().filter(|_| by_options))
            .filter(|method| !own.contains(method));
        let mut others = others.take_while(|_| {
            look_ups += 1;
            look_ups < MAX_LOOK_UPS
        });
        if fallback::is_never_taken(router, routes, route.matches) {
            continue;
        }
        let taker = others.find_map(|method| {
            let other = &routes[taker(router, route.matches, method)?];
            (!route.rule.permits_the_same(other.rule)).then_some((method, other))
        });
        if let Some((method, other)) = taker {
            let method = String::from_utf8_lossy(method);
            let what = match by_options {
                true => "preflights of this route are answered",
                false => "browsers reuse the answer to a preflight of this route",
            };
            let message = format!(
                "{what} for `{method}`, which {} (`{}`) takes by another CORS rule",
                other.path, other.name
            );
            let hint = match SAFELISTED.contains(&method.as_bytes()) {
                // Every policy allows it.
                true => "give both the same policy".to_owned(),
                false => format!(
                    "remove `{method}` from the policy's `allow_methods`, or give both the same policy"
                ),
            };
            report
                .warn(WarningName::MethodOfAnotherRoute, route.path, message)
                .hint(hint)
                .where_used();
        }
    }
}

/// Warns of a route with a policy that its preflights do not come to, nor to another one with a policy.
fn preflights(
    report: &mut Report<'_>,
    route: &RouteParts<'_>,
    routes: &[RouteParts<'_>],
    router: &Router,
) {
    let message = match taker(router, route.matches, OPTIONS).map(|taker| &routes[taker]) {
        None => "no route takes this route's preflights, whose method is OPTIONS: they get 404"
            .to_owned(),
        Some(other) if matches!(other.rule, Rule::Policies(_)) => return,
        Some(other) => format!(
            "the preflights of this route, whose method is OPTIONS, go to {} (`{}`), which has no policy",
            other.path, other.name
        ),
    };
    report
        .warn(WarningName::PreflightOfAnotherRoute, route.path, message)
        .hint("add OPTIONS to the route's `methods`, or write a route for OPTIONS with the same policy")
        .where_used();
}

/// Finds the route that takes a request with `method` where `matches` takes others.
fn taker(router: &Router, matches: &RouteMatch, method: &[u8]) -> Option<usize> {
    let host = matches.hosts.first().map_or(String::new(), example_of);
    let path = match &matches.path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.clone(),
        template @ (PathMatch::Template(_) | PathMatch::Espv2(_)) => template.example(),
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
        preflight_method: PreflightMethod::Announced,
    };
    router.find(&request).route
}
