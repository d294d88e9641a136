//! The order of routes as it is written down, for the naive twins of the look-ups.

use super::matches::{HostMatch, PathMatch, RouteMatch};
use super::template::Segment;
use std::cmp::Reverse;

/// The place of a route among those that a request matches: the least comes first.
pub(super) type Rank = (bool, u8, Reverse<usize>, u8, Vec<u8>, Reverse<usize>);

/// Paths of rules, in the form of [`short`], many of which overlap.
pub(super) const PATHS: [&str; 22] = [
    "", "/a", "=/a", "=/a/", "/a/a", "=/a/z", "=/a:v", "/*", "/*/**", "/a/*", "/*/a", "/*/*",
    "/*/a/**", "/a/*/**", "/*:v", "/**:v", "/a/**:v", "/*/**:v", "/*/a:v", "/a/*:v", "/*:w",
    "=/a/:v",
];

/// Segments of requests' paths.
const SEGMENTS: [&str; 7] = ["a", "z", "", "a:v", "z:v", ":v", "z:w"];

/// Reads a path as the tests of this room write it: `/a/*/b` and `/a/**:verb` are templates, `=/a` is an
/// exact path, and any other a prefix.
pub(super) fn short(text: &str) -> PathMatch {
    if let Some(exact) = text.strip_prefix('=') {
        return PathMatch::Exact(exact.to_owned());
    }
    if !text.contains('*') {
        return PathMatch::Prefix(text.to_owned());
    }
    let (text, verb) = match text.rsplit_once(':') {
        Some((text, verb)) => (text, Some(verb.to_owned())),
        None => (text, None),
    };
    let (text, has_rest) = match text.strip_suffix("/**") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let segments = text.split('/').skip(1).map(|segment| match segment {
        "*" => Segment::Any,
        _ => Segment::Literal(segment.to_owned()),
    });
    PathMatch::template(segments.collect(), has_rest, verb).expect("few segments")
}

/// Whether a path matches the text of a template, tried out character by character.
fn is_glob_match(template: &str, path: &str) -> bool {
    if let Some(rest) = template.strip_prefix("/**") {
        let mut ends = 1..=path.len();
        let is_more = path.starts_with('/') && ends.any(|end| is_glob_match(rest, &path[end..]));
        return is_more || is_glob_match(rest, path);
    }
    if let Some(rest) = template.strip_prefix('*') {
        let len = path.find('/').unwrap_or(path.len());
        return (1..=len).any(|end| is_glob_match(rest, &path[end..]));
    }
    match (template.chars().next(), path.chars().next()) {
        (Some(wanted), Some(found)) => wanted == found && is_glob_match(&template[1..], &path[1..]),
        (wanted, found) => wanted == found,
    }
}

/// Returns the classes of a path's segments: the smaller is the more specific.
fn classes(path: &PathMatch) -> (u8, Vec<u8>) {
    const LITERAL: u8 = 0;
    const ANY: u8 = 1;
    const END: u8 = 2;
    const REST: u8 = 3;
    let literals = |path: &str, last| {
        let segments = path.split('/').skip(1).map(|_| LITERAL);
        segments.chain([last]).collect()
    };
    match path {
        PathMatch::Exact(path) => (0, literals(path, END)),
        PathMatch::Prefix(path) => (2, literals(path, REST)),
        PathMatch::Template(template) => {
            let text = template.to_string();
            let text = text.split_once(':').map_or(text.as_str(), |(text, _)| text);
            let is_rest = text.ends_with("/**");
            let class = |segment: &str| match segment {
                "**" => REST,
                "*" => ANY,
                _ => LITERAL,
            };
            let segments = text.split('/').skip(1).map(class);
            let end = (!is_rest).then_some(END);
            let has_verb = template.to_string().contains(':');
            (if has_verb { 1 } else { 2 }, segments.chain(end).collect())
        }
    }
}

/// Returns the rank of a route for the requests of a host; `None` if it is not for this host.
pub(super) fn rank(route: &RouteMatch, host: &str) -> Option<Rank> {
    let ranks = route.hosts.iter().filter_map(|pattern| match pattern {
        HostMatch::Exact(name) => (name == host).then_some((0, Reverse(0))),
        HostMatch::Subdomains(name) => {
            let is_below = host.ends_with(&format!(".{name}"));
            is_below.then_some((1, Reverse(name.len())))
        }
    });
    let any = route.hosts.is_empty().then_some((2, Reverse(0)));
    let (kind, name) = ranks.chain(any).min()?;
    let (class, segments) = classes(&route.path);
    let predicates = Reverse(route.predicate_count());
    Some((route.is_fallback, kind, name, class, segments, predicates))
}

/// Returns all paths with up to so many of `SEGMENTS`.
pub(super) fn all_paths(most: usize) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut last = paths.clone();
    for _ in 0..most {
        let longer = last
            .iter()
            .flat_map(|path| SEGMENTS.map(|text| format!("{path}/{text}")));
        last = longer.collect();
        paths.extend_from_slice(&last);
    }
    paths.split_off(1)
}

/// Whether a path matches a rule, tried out character by character.
pub(super) fn is_match(pattern: &PathMatch, path: &str) -> bool {
    match pattern {
        PathMatch::Exact(exact) => path == exact,
        PathMatch::Prefix(prefix) => is_glob_match(&format!("{prefix}/**"), path),
        PathMatch::Template(template) => is_glob_match(&template.to_string(), path),
    }
}
