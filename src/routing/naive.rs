//! The order of routes as it is written down, for the naive twins of the look-ups.

use super::matches::{HostMatch, PathMatch, RouteMatch};
use super::template::Segment;
use std::cmp::Reverse;
use std::iter::once;

/// The place of a route among those that a request matches: the least comes first.
pub(super) type Rank = (bool, u8, Reverse<usize>, u8, Vec<u8>, Reverse<usize>);

/// Paths of rules, in the form of [`short`], many of which overlap.
pub(super) const PATHS: [&str; 22] = [
    "", "/a", "=/a", "=/a/", "/a/a", "=/a/z", "=/a:v", "/*", "/*/**", "/a/*", "/*/a", "/*/*",
    "/*/a/**", "/a/*/**", "/*:v", "/**:v", "/a/**:v", "/*/**:v", "/*/a:v", "/a/*:v", "/*:w",
    "=/a/:v",
];

/// The same in ESPv2's syntax, but for exact paths and prefixes.
pub(super) const ESPV2_PATHS: [&str; 22] = [
    "",
    "/a",
    "=/a",
    "=/a/",
    "=/a/a",
    "=/a:v",
    "^/a",
    "^/a/*",
    "^/*",
    "^/*/a",
    "^/**",
    "^/a/**",
    "^/**/a",
    "^/a/**/a",
    "^/a:v",
    "^/*:v",
    "^/a/*:v",
    "^/**:v",
    "^/a/**:v",
    "^/**/a:v",
    "^/*/**/z/a",
    "^/*/*",
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

/// Reads a template in ESPv2's syntax.
pub(super) fn espv2(text: &str, has_colons: bool) -> PathMatch {
    let (text, verb) = match text.split_once(':') {
        Some((text, verb)) => (text, Some(verb.to_owned())),
        None => (text, None),
    };
    let mut front = Vec::new();
    let mut tail: Option<Vec<String>> = None;
    for segment in text.split('/').skip(1) {
        match (segment, &mut tail) {
            ("**", _) => tail = Some(Vec::new()),
            (_, Some(tail)) => tail.push(segment.to_owned()),
            ("*", None) => front.push(Segment::Any),
            (_, None) => front.push(Segment::Literal(segment.to_owned())),
        }
    }
    PathMatch::espv2(front, tail, verb, has_colons).expect("few segments")
}

/// Reads one of `ESPV2_PATHS`.
pub(super) fn espv2_short(text: &str, has_colons: bool) -> PathMatch {
    match text.strip_prefix('^') {
        Some(template) => espv2(template, has_colons),
        None => short(text),
    }
}

/// Whether a path matches the text of a template in ESPv2's syntax, tried out character by character.
fn is_espv2_match(template: &str, path: &str, has_colons: bool) -> bool {
    let (text, verb) = template.split_once(':').unwrap_or((template, ""));
    let verb = if verb.is_empty() {
        String::new()
    } else {
        format!(":{verb}")
    };
    let patterns = [format!("{text}{verb}"), format!("{text}/{verb}")];
    patterns
        .iter()
        .any(|pattern| is_regex_match(pattern, path, has_colons))
}

/// Whether a path matches, where `**` is `.*` and `*` is `[^/]+`; both without colons if `has_colons` says so.
fn is_regex_match(pattern: &str, path: &str, has_colons: bool) -> bool {
    let is_free = |text: &str| has_colons || !text.contains(':');
    if let Some(rest) = pattern.strip_prefix("**") {
        return (0..=path.len())
            .any(|end| is_free(&path[..end]) && is_regex_match(rest, &path[end..], has_colons));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        let len = path.find('/').unwrap_or(path.len());
        return (1..=len)
            .any(|end| is_free(&path[..end]) && is_regex_match(rest, &path[end..], has_colons));
    }
    match (pattern.chars().next(), path.chars().next()) {
        (Some(wanted), Some(found)) => {
            wanted == found && is_regex_match(&pattern[1..], &path[1..], has_colons)
        }
        (wanted, found) => wanted == found,
    }
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

/// Returns the key of a path's segments: the smaller is the more specific. Literal segments are there with their
/// text, which counts behind `**` in ESPv2's order.
fn classes(path: &PathMatch) -> (u8, Vec<u8>) {
    /// The end of a path without `**` at the end.
    const END: u8 = 1;
    const LITERAL: u8 = 2;
    const ANY: u8 = 251;
    /// `**`, where more may follow.
    const AND_MORE: u8 = 252;
    /// `**` at the end in ESPv2's syntax.
    const ALONE: u8 = 253;
    const REST: u8 = 254;
    let key = |segment: &str| match segment {
        "**" => vec![AND_MORE],
        "*" => vec![ANY],
        text => once(LITERAL).chain(text.bytes()).chain([0]).collect(),
    };
    let literals = |path: &str, last| {
        let segments = path.split('/').skip(1).flat_map(key);
        segments.chain([last]).collect()
    };
    match path {
        PathMatch::Exact(path) => (0, literals(path, END)),
        PathMatch::Prefix(path) => (2, literals(path, REST)),
        PathMatch::Template(template) => {
            let text = template.to_string();
            let text = text.split_once(':').map_or(text.as_str(), |(text, _)| text);
            let class = if template.to_string().contains(':') {
                1
            } else {
                2
            };
            match text.strip_suffix("/**") {
                Some(text) => (class, literals(text, REST)),
                None => (class, literals(text, END)),
            }
        }
        PathMatch::Espv2(template) => {
            // A verb is one more literal segment.
            let text = template.to_string().replace(':', "/");
            let end = if text.ends_with("/**") { ALONE } else { END };
            (2, literals(&text, end))
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
        PathMatch::Espv2(template) => {
            is_espv2_match(&template.to_string(), path, template.has_colons)
        }
    }
}
