//! Templates: their order, its bounds, and a naive twin that holds each route against the request.

use super::*;
use crate::routing::naive::{
    ESPV2_PATHS, PATHS, all_paths, espv2, espv2_short, is_match, rank, short,
};
use crate::routing::{PathMatch, Predicates};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn at(path: &str, methods: &[&str]) -> RouteMatch {
    RouteMatch {
        path: short(path),
        ..route(&[], "/", methods, &[])
    }
}

#[test]
fn a_literal_segment_comes_before_one_that_may_be_any_and_that_before_the_rest() {
    let paths = [
        "",
        "/v1",
        "/*/**",
        "/v1/*/books",
        "/v1/*/*",
        "/v1/*/**",
        "/v1/shelves",
        "/v1/shelves/*",
        "/v1/shelves/*/*",
        "/v1/shelves/7",
        "=/v1/shelves/7/books",
        "/v1/*/**:archive",
        "/**:archive",
    ];
    let routes = paths.map(|path| at(path, &[]));
    for (path, expected) in [
        ("/", ""),
        ("/x", "/*/**"),
        ("/x/y/z", "/*/**"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/v1/x", "/v1/*/**"),
        ("/v1/x/books", "/v1/*/books"),
        ("/v1/x/y", "/v1/*/*"),
        ("/v1/x/books/", "/v1/*/**"),
        ("/v1/shelves", "/v1/shelves"),
        ("/v1/shelves/", "/v1/shelves"),
        ("/v1/shelves/7", "/v1/shelves/7"),
        ("/v1/shelves/8", "/v1/shelves/*"),
        ("/v1/shelves/7/x", "/v1/shelves/7"),
        ("/v1/shelves/7/books", "=/v1/shelves/7/books"),
        ("/v1/shelves/8/x", "/v1/shelves/*/*"),
        ("/v1/shelves/8/x/y", "/v1/shelves"),
        ("/v1/shelves/8:archive", "/v1/*/**:archive"),
        ("/v1:archive", "/**:archive"),
        ("/v2/x:archive", "/**:archive"),
        ("/v1/shelves/8:other", "/v1/shelves/*"),
    ] {
        let found = find(&routes, "GET", &format!("a{path}"), &[]);
        assert_eq!(found.map(|route| paths[route]), Some(expected), "{path}");
    }
}

#[test]
fn a_request_that_misses_the_method_goes_on_to_the_next_path() {
    let paths = ["/v1/a/*", "/v1/*/b", "/v1/a", "/v1/*/**", "/*/a/**", ""];
    let all = ["M0", "M1", "M2", "M3", "M4", "M5"];
    let routes: Vec<RouteMatch> = (0..)
        .zip(paths)
        .map(|(i, path)| at(path, &all[i..=i]))
        .collect();
    let expected = ["/v1/a/*", "/v1/a", "/v1/*/b", "/v1/*/**", "/*/a/**", ""];
    for (i, path) in paths.iter().enumerate() {
        assert_eq!(find(&routes, all[i], "h/v1/a/b", &[]), Some(i), "{path}");
    }
    // Without a method of their own, they are tried in this order.
    let mut left: Vec<&str> = paths.to_vec();
    for path in expected {
        let routes: Vec<RouteMatch> = left.iter().map(|path| at(path, &[])).collect();
        let found = find(&routes, "GET", "h/v1/a/b", &[]);
        assert_eq!(found.map(|route| left[route]), Some(path));
        left.retain(|other| *other != path);
    }
}

#[test]
fn espv2s_templates_are_tried_in_espv2s_order() {
    let rules = [
        "",
        "/a/b",
        "=/a/b/c",
        "^/a/b",
        "^/a/b/c",
        "^/a/b/c:go",
        "^/a/b/*",
        "^/a/*/c",
        "^/a/*",
        "^/a/*:go",
        "^/*/b",
        "^/a/**",
        "^/a/**/c",
        "^/a/**/b/c",
        "^/a/**/c/c",
        "^/a/**:go",
        "^/**",
        "^/**/c",
        "^/:x",
    ];
    let routes: Vec<RouteMatch> = rules
        .iter()
        .map(|path| RouteMatch {
            path: espv2_short(path, true),
            ..route(&[], "/", &[], &[])
        })
        .collect();
    for (path, expected) in [
        (
            "/a/b",
            &["^/a/b", "/a/b", "^/a/*", "^/a/**", "^/*/b", "^/**", ""] as &[&str],
        ),
        (
            "/a/b/",
            &["^/a/b", "/a/b", "^/a/*", "^/a/**", "^/*/b", "^/**", ""],
        ),
        ("/a/1", &["^/a/*", "^/a/**", "^/**", ""]),
        (
            "/a/1:go",
            &["^/a/*", "^/a/*:go", "^/a/**:go", "^/a/**", "^/**", ""],
        ),
        ("/a/1/:go", &["^/a/*:go", "^/a/**:go", "^/a/**", "^/**", ""]),
        (
            "/a/b/c",
            &[
                "=/a/b/c", "^/a/b/c", "^/a/b/*", "/a/b", "^/a/*/c", "^/a/**/c", "^/a/**", "^/**/c",
                "^/**", "",
            ],
        ),
        (
            "/a/x/b/c",
            &["^/a/**/b/c", "^/a/**/c", "^/a/**", "^/**/c", "^/**", ""],
        ),
        (
            "/a/x/c/c",
            &["^/a/**/c", "^/a/**/c/c", "^/a/**", "^/**/c", "^/**", ""],
        ),
        ("/a", &["^/**", ""]),
        ("/", &["^/**", ""]),
    ] {
        // Each one is left out when it has been found.
        let mut left: Vec<usize> = (0..rules.len()).collect();
        let mut found = Vec::new();
        loop {
            let tried: Vec<&RouteMatch> = left.iter().map(|&at| &routes[at]).collect();
            let tried: Vec<RouteMatch> = tried.into_iter().cloned().collect();
            let Some(next) = find(&tried, "GET", &format!("h{path}"), &[]) else {
                break;
            };
            found.push(rules[left.remove(next)]);
        }
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn the_branches_of_a_look_up_are_bounded_whatever_the_path() {
    let ways = |paths: &[String]| {
        let routes: Vec<RouteMatch> = paths.iter().map(|path| at(path, &[])).collect();
        Router::new(&routes).ways()
    };
    let many = |count: usize| -> Vec<String> {
        let resource = |i: usize| format!("/v1/r{i}/*/items/*/parts/{i}");
        (0..count).map(resource).collect()
    };
    assert_eq!(ways(&[]), 0);
    assert_eq!(ways(&many(1)), 1);
    assert_eq!(ways(&many(1_000)), 1);
    // Every selection of segments that may be any: a path can be followed along all of them.
    for depth in 1..=10 {
        let of = |selection: usize| -> String {
            let any = |bit: usize| selection >> bit & 1 == 1;
            (0..depth)
                .map(|bit| if any(bit) { "/*" } else { "/a" })
                .collect()
        };
        let all: Vec<String> = (1..1 << depth).map(of).collect();
        assert!(ways(&all) >= all.len(), "{depth}");
        let (routes, path) = (all.len(), "/a".repeat(depth) + "/b");
        let all: Vec<RouteMatch> = all.iter().map(|path| at(path, &["PUT"])).collect();
        let (paths, mut visits) = (Router::new(&all), 0);
        paths.tiers[0].any.walk(&path.as_bytes()[..2 * depth], |_| {
            visits += 1;
            None::<()>
        });
        assert_eq!(visits, routes, "{depth}");
    }
}

/// Holds every two rules against each other, on every path of a few segments.
#[test]
fn of_two_rules_the_more_specific_one_takes_what_both_match() {
    every_two_rules(&PATHS.map(short));
}

#[test]
fn of_two_rules_in_espv2s_syntax_the_more_specific_one_takes_what_both_match() {
    for has_colons in [true, false] {
        every_two_rules(&ESPV2_PATHS.map(|path| espv2_short(path, has_colons)));
    }
}

fn every_two_rules(rules: &[PathMatch]) {
    let paths = all_paths(3);
    for one in rules {
        for other in rules {
            let routes = [one, other].map(|path| RouteMatch {
                path: path.clone(),
                ..route(&[], "/", &[], &[])
            });
            let ranks = routes.each_ref().map(|route| rank(route, "h"));
            let router = Router::new(&routes);
            let by_rank = if ranks[0] <= ranks[1] { [0, 1] } else { [1, 0] };
            let cors = CorsRequest::default();
            for path in &paths {
                let expected = by_rank
                    .into_iter()
                    .find(|at| is_match(&routes[*at].path, path));
                let request = RouteRequest {
                    host: b"h",
                    path: path.as_bytes(),
                    fields: None,
                    cors: &cors,
                    preflight_method: PreflightMethod::Announced,
                };
                assert_eq!(
                    router.find(&request).route,
                    expected,
                    "{one:?} {other:?} {path}"
                );
            }
        }
    }
}

#[test]
fn each_double_wildcard_is_one_more_way_in_espv2s_syntax() {
    for (paths, expected) in [
        (&["/a/b"] as &[&str], 1),
        (&["/a/**"], 1),
        (&["/a/**", "/a/**/b", "/a/**/c:v"], 1),
        (&["/a/**", "/a/*/**", "/**"], 3),
        (&["/a/*", "/*/b"], 2),
        (&["/a/**", "/b/**"], 1),
    ] {
        let rule = |path: &&str| RouteMatch {
            path: espv2(path, true),
            ..route(&[], "/", &[], &[])
        };
        let routes: Vec<RouteMatch> = paths.iter().map(rule).collect();
        assert_eq!(Router::new(&routes).ways(), expected, "{paths:?}");
    }
}

const HOSTS: [&str; 4] = ["a.test", "*.test", "*.a.test", "b.a.test"];

/// Holds the router against the most specific one of the routes that match by themselves.
fn compare(
    routes: &[RouteMatch],
    host: &str,
    segments: &[&str],
    method: &str,
    has_header: bool,
) -> Result<(), TestCaseError> {
    let path: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
    let mut headers = HeaderMap::new();
    if has_header {
        headers.insert("x-a", HeaderValue::from_static("1"));
    }
    let method: Method = method.parse().unwrap();
    let cors = CorsRequest::new(&method, &headers);
    let request = RouteRequest {
        host: host.as_bytes(),
        path: path.as_bytes(),
        fields: Some(&headers),
        cors: &cors,
        preflight_method: PreflightMethod::Announced,
    };
    let mut best = None;
    for (index, route) in routes.iter().enumerate() {
        let is_met = Predicates::of(route, &request, |_, value| value)
            .unmet
            .is_empty();
        let matches = match &route.path {
            PathMatch::Template(template) => Some(template.mismatch(&path).is_ok()),
            PathMatch::Espv2(template) => Some(template.mismatch(&path).is_ok()),
            PathMatch::Exact(_) | PathMatch::Prefix(_) => None,
        };
        if let Some(matches) = matches {
            let is_match = is_match(&route.path, &path);
            prop_assert_eq!(matches, is_match, "{:?} {}", &route.path, path);
        }
        let key = rank(route, host).map(|rank| (rank, index));
        if is_met && best.as_ref().is_none_or(|best| key < *best) {
            best = Some(key);
        }
    }
    let found = Router::new(routes).find(&request).route;
    prop_assert_eq!(
        found,
        best.flatten().map(|(_, index)| index),
        "{}{}",
        host,
        path
    );
    Ok(())
}

fn any_path() -> impl Strategy<Value = PathMatch> {
    let segments = prop::collection::vec(select(vec!["a", "b", "*", "*"]), 0..4);
    let end = select(vec!["", "", "/**", "/**", ":v", "/**:v", "/**:w"]);
    let template = (segments, end, any::<bool>()).prop_map(|(segments, end, is_exact)| {
        let text: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
        match text.contains('*') || end.contains('*') {
            true => short(&(text + end)),
            false if is_exact => short(&format!("={text}")),
            false => short(&text),
        }
    });
    template.prop_filter("a path begins with a slash", |path| *path != short("="))
}

fn any_espv2_path(has_colons: bool) -> impl Strategy<Value = PathMatch> {
    let front = prop::collection::vec(select(vec!["a", "b", "*", "*"]), 0..3);
    let tail = prop_oneof![
        Just(None),
        prop::collection::vec(select(vec!["a", "b"]), 0..4).prop_map(Some)
    ];
    let verb = select(vec!["", "", ":v", ":w", ":a"]);
    let template = (front, tail, verb).prop_map(move |(front, tail, verb)| {
        let tail = tail.map(|tail| [vec!["**"], tail].concat());
        let segments = [front, tail.unwrap_or_default()].concat();
        let text: String = segments.iter().flat_map(|segment| ["/", segment]).collect();
        match text.is_empty() {
            true => espv2("/**", has_colons),
            false => espv2(&(text + verb), has_colons),
        }
    });
    prop_oneof![
        4 => template,
        1 => select(vec!["", "/a", "/b", "/a/b", "=/a", "=/a/", "=/a/b"]).prop_map(short),
    ]
}

fn any_route(paths: impl Strategy<Value = PathMatch>) -> impl Strategy<Value = RouteMatch> {
    let hosts = subsequence(HOSTS.to_vec(), 0..=2);
    let methods = subsequence(vec!["GET", "PUT"], 0..=1);
    let headers = subsequence(vec![("x-a", "1"), ("x-b", "1")], 0..=1);
    let is_fallback = prop::bool::weighted(0.3);
    (hosts, paths, methods, headers, is_fallback).prop_map(
        |(hosts, path, methods, headers, is_fallback)| RouteMatch {
            path,
            is_fallback,
            ..route(&hosts, "/", &methods, &headers)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_naive_search_finds_the_same_route(
        routes in prop::collection::vec(any_route(any_path()), 0..10),
        host in select(vec!["a.test", "b.a.test", "x.test", "other"]),
        segments in prop::collection::vec(select(vec!["a", "b", "c", "", "a:v", "b:w", ":v", "a:x"]), 1..5),
        method in select(vec!["GET", "POST"]),
        has_header in any::<bool>(),
    ) {
        compare(&routes, host, &segments, method, has_header)?;
    }

    #[test]
    fn the_naive_search_finds_the_same_route_in_espv2s_order(
        routes in any::<bool>().prop_flat_map(|has_colons| {
            prop::collection::vec(any_route(any_espv2_path(has_colons)), 0..16)
        }),
        host in select(vec!["a.test", "b.a.test", "x.test", "other"]),
        segments in prop::collection::vec(
            select(vec!["a", "a", "b", "b", "c", "", "a:v", "b:w", ":v", "a:x", "a:x:v", "x:"]), 1..8,
        ),
        method in select(vec!["GET", "POST"]),
        has_header in any::<bool>(),
    ) {
        compare(&routes, host, &segments, method, has_header)?;
    }

    /// The order of what is behind `**`, where several texts end the same path.
    #[test]
    fn the_naive_search_finds_the_same_route_behind_double_wildcards(
        texts in prop::collection::vec(
            (
                select(vec!["", "/a", "/*"]),
                prop::collection::vec(select(vec!["a", "b"]), 0..4),
                select(vec!["", ":v"]),
            ),
            2..10,
        ),
        segments in prop::collection::vec(select(vec!["a", "b"]), 1..7),
        end in select(vec!["", "/", ":v", "/:v", ":x:v"]),
    ) {
        let routes: Vec<RouteMatch> = texts
            .iter()
            .map(|(front, tail, verb)| RouteMatch {
                path: espv2(&format!("{front}/{}{verb}", [vec!["**"], tail.clone()].concat().join("/")), true),
                ..route(&[], "/", &[], &[])
            })
            .collect();
        let path = segments.join("/") + end;
        compare(&routes, "h", &[&path], "GET", false)?;
    }
}
