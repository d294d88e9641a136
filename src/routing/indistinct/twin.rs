//! The naive twin: every path of a few segments, and the routes that its requests come by.

use super::*;
use crate::routing::naive::{ESPV2_PATHS, PATHS, all_paths, espv2_short, is_match, rank, short};
use crate::routing::{HostMatch, PathMatch};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const HOSTS: [&str; 3] = ["h.s", "*.s", ""];

/// Paths of rules.
struct Patterns {
    all: [PathMatch; PATHS.len()],
    /// Which of them match a path, for each of all paths; once if it is the same for several.
    matching: BTreeSet<[bool; PATHS.len()]>,
}

// === impl Patterns ===

impl Patterns {
    fn new(all: [PathMatch; PATHS.len()], segments: usize) -> Self {
        let matching = |path: &String| all.each_ref().map(|pattern| is_match(pattern, path));
        let matching = all_paths(segments).iter().map(matching).collect();
        Self { all, matching }
    }
}

static STANDARD: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(PATHS.map(short), 4));
static ESPV2: LazyLock<[Patterns; 2]> = LazyLock::new(|| {
    [true, false]
        .map(|has_colons| Patterns::new(ESPV2_PATHS.map(|path| espv2_short(path, has_colons)), 5))
});

fn any_route(patterns: &'static Patterns) -> impl Strategy<Value = (RouteMatch, usize)> {
    let methods = subsequence(vec!["GET", "PUT"], 0..=1);
    let headers = subsequence(vec!["x-a", "x-b"], 0..=1);
    (
        select(HOSTS.to_vec()),
        select(patterns.all.to_vec()),
        methods,
        headers,
        1..=2_usize,
        prop::bool::weighted(0.3),
    )
        .prop_map(|(host, path, methods, headers, rule, is_fallback)| {
            let host = match host.strip_prefix("*.") {
                Some(name) => Some(HostMatch::Subdomains(name.to_owned())),
                None => (!host.is_empty()).then(|| HostMatch::Exact(host.to_owned())),
            };
            let header = |name: &str| (name.to_owned(), "1".to_owned());
            let matches = RouteMatch {
                hosts: host.into_iter().collect(),
                path,
                methods: methods.into_iter().map(str::to_owned).collect(),
                headers: headers.into_iter().map(header).collect(),
                is_fallback,
            };
            (matches, rule)
        })
}

/// Whether a request for `host`, some path and some method may miss the headers of a route and come to
/// one with another rule.
fn clashes(patterns: &Patterns, routes: &[(RouteMatch, usize)], host: &str) -> bool {
    let mut ranked: Vec<_> = routes
        .iter()
        .enumerate()
        .filter_map(|(index, (route, rule))| Some((rank(route, host)?, index, route, *rule)))
        .collect();
    ranked.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let pattern = |route: &RouteMatch| patterns.all.iter().position(|path| *path == route.path);
    let pattern_of: Vec<_> = ranked.iter().map(|(.., route, _)| pattern(route)).collect();
    patterns.matching.iter().any(|matching| {
        let with_patterns = ranked.iter().zip(&pattern_of);
        let matching: Vec<_> = with_patterns
            .filter(|(_, pattern)| pattern.is_some_and(|pattern| matching[pattern]))
            .map(|(route, _)| route)
            .collect();
        ["GET", "PUT", "POST"].iter().any(|method| {
            let mut rules = Vec::new();
            for (.., route, rule) in &matching {
                if route.methods.is_empty() || route.methods.iter().any(|own| own == method) {
                    rules.push(*rule);
                    if route.headers.is_empty() {
                        break;
                    }
                }
            }
            rules.windows(2).any(|pair| pair[0] != pair[1])
        })
    })
}

/// Holds all of three routes for one host against each other: one with a header, one that may take what it
/// leaves, and one with another rule.
fn every_three_routes(patterns: &Patterns) {
    let route = |path: &PathMatch, header: Option<&str>, rule: usize| {
        let matches = RouteMatch {
            hosts: Vec::new(),
            path: path.clone(),
            methods: Vec::new(),
            headers: header
                .map(|name| (name.to_owned(), "1".to_owned()))
                .into_iter()
                .collect(),
            is_fallback: false,
        };
        (matches, rule)
    };
    for first in &patterns.all {
        for between in &patterns.all {
            for last in &patterns.all {
                let routes = [
                    route(first, Some("x-a"), 1),
                    route(between, None, 1),
                    route(last, None, 2),
                ];
                let expected = clashes(patterns, &routes, "h");
                let routes = routes.each_ref().map(|(matches, rule)| (matches, *rule));
                let found = indistinct(&routes).expect("few routes");
                assert_eq!(
                    !found.is_empty(),
                    expected,
                    "{first:?} {between:?} {last:?}"
                );
            }
        }
    }
}

#[test]
fn a_route_between_two_others_takes_what_is_left_on_some_paths_or_on_all() {
    every_three_routes(&STANDARD);
}

#[test]
fn a_route_between_two_others_takes_what_is_left_in_espv2s_syntax() {
    ESPV2.iter().for_each(every_three_routes);
}

fn compare(patterns: &Patterns, routes: &[(RouteMatch, usize)]) -> Result<(), TestCaseError> {
    let mut hosts = ["h.s", "x.s", "other"].iter();
    let expected = hosts.any(|host| clashes(patterns, routes, host));
    let routes: Vec<(&RouteMatch, usize)> = routes.iter().map(|(m, r)| (m, *r)).collect();
    let found = indistinct(&routes).expect("few routes");
    prop_assert_eq!(!found.is_empty(), expected, "{:?}", found);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn routes_clash_where_some_path_comes_by_both(
        routes in prop::collection::vec(any_route(&STANDARD), 1..7),
    ) {
        compare(&STANDARD, &routes)?;
    }

    #[test]
    fn routes_clash_where_some_path_comes_by_both_in_espv2s_syntax(
        routes in prop::collection::vec(any_route(&ESPV2[0]), 1..7),
    ) {
        compare(&ESPV2[0], &routes)?;
    }

    #[test]
    fn routes_clash_where_some_path_comes_by_both_without_colons(
        routes in prop::collection::vec(any_route(&ESPV2[1]), 1..7),
    ) {
        compare(&ESPV2[1], &routes)?;
    }
}
