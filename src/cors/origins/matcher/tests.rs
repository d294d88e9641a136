use super::*;
use crate::cors::LiteralPattern;
use proptest::prelude::*;

fn patterns(texts: &[&str]) -> Vec<OriginPattern> {
    texts
        .iter()
        .map(|text| match text.split_once(':') {
            Some(("regex", regex)) => OriginPattern::Regex(RegexPattern::parse(regex).expect(text)),
            Some(("literal", literal)) => {
                OriginPattern::Literal(LiteralPattern::parse(literal).expect(text))
            }
            _ => OriginPattern::parse(text).expect(text),
        })
        .collect()
}

fn matcher(texts: &[&str]) -> OriginMatcher {
    OriginMatcher::new(&patterns(texts), true).expect("small patterns compile")
}

/// The name of the pattern that allows `origin`, or why none does.
fn check(texts: &[&str], origin: &str, expected: Result<Option<&str>, OriginError>) {
    let matcher = matcher(texts);
    let found = matcher
        .find(origin.as_bytes())
        .map(|id| id.map(|id| matcher.pattern(id).text().to_owned()));
    let found = found
        .as_ref()
        .map(|name| name.as_deref())
        .map_err(|error| *error);
    assert_eq!(found, expected, "{origin} under {} patterns", texts.len());
}

#[test]
fn every_kind_of_pattern_matches_and_says_which_it_was() {
    let all = [
        "https://app.example.com",
        "https://*.example.com",
        "https://*.example.com:8443",
        "http://localhost:*",
        "https://*.any.example:*",
        "http://[::1]:*",
        "regex:https://pr-[0-9]+\\.preview\\.example\\.org",
        "null",
    ];
    for (origin, pattern) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("https://b.example.com", Some("https://*.example.com")),
        ("https://c.b.example.com", Some("https://*.example.com")),
        (
            "https://b.example.com:8443",
            Some("https://*.example.com:8443"),
        ),
        ("https://b.example.com:8444", None),
        ("https://example.com", None),
        ("https://evilexample.com", None),
        ("http://b.example.com", None),
        ("http://localhost", Some("http://localhost:*")),
        ("http://localhost:3000", Some("http://localhost:*")),
        ("http://localhost.evil.test", None),
        ("http://a.localhost", None),
        ("https://a.any.example", Some("https://*.any.example:*")),
        ("https://a.any.example:1", Some("https://*.any.example:*")),
        ("https://any.example:1", None),
        ("http://[::1]:5173", Some("http://[::1]:*")),
        (
            "https://pr-7.preview.example.org",
            Some("https://pr-[0-9]+\\.preview\\.example\\.org"),
        ),
        ("https://pr-7.preview.example.org.evil.test", None),
        ("null", Some("null")),
    ] {
        check(&all, origin, Ok(pattern));
    }
}

#[test]
fn a_literal_matches_its_bytes_and_says_that_it_was_one() {
    let all = [
        "literal:app://.",
        "literal:file://",
        "literal:App://X/",
        "https://a.example",
    ];
    let matcher = matcher(&all);
    for literal in ["app://.", "file://", "App://X/"] {
        let id = matcher.find(literal.as_bytes()).map(Option::unwrap);
        let named = id.map(|id| matcher.pattern(id));
        assert_eq!(named, Ok(PatternRef::Literal(literal)));
    }
    for other in ["app://", "app://./", "app://..", "file:///", "app://x/"] {
        assert!(matcher.find(other.as_bytes()).is_err(), "{other}");
    }
    check(&all, "app://x", Ok(None));
    check(&all, "https://a.example", Ok(Some("https://a.example")));
}

#[test]
fn two_allowed_hosts_do_not_allow_their_crossings() {
    let two = ["https://foo.com", "https://bar.com"];
    for origin in [
        "https://barfoo.com",
        "https://ar.com",
        "https://oo.com",
        "https://o.com",
    ] {
        check(&two, origin, Ok(None));
    }
    let wild = ["https://*.foo.com", "https://*.bar.com"];
    for origin in [
        "https://a.barfoo.com",
        "https://a.oo.com",
        "https://foo.com",
    ] {
        check(&wild, origin, Ok(None));
    }
}

#[test]
fn any_matches_every_origin_and_null_only_when_told() {
    check(&["*"], "https://a.example", Ok(Some("*")));
    check(&["*"], "null", Ok(Some("*")));
    check(&["*"], "nonsense", Err(OriginError::MissingScheme));
    let without_null = OriginMatcher::new(&patterns(&["*"]), false).expect("compiles");
    assert_eq!(without_null.find(b"null"), Ok(None));
}

#[test]
fn no_wildcard_or_regex_matches_null() {
    check(&["https://*.example.com", "regex:.*"], "null", Ok(None));
}

#[test]
fn duplicates_are_stored_once() {
    let texts = [
        "https://a.example",
        "https://a.example:443",
        "https://*.b.example",
    ];
    let twice: Vec<&str> = texts.iter().chain(&texts).copied().collect();
    assert_eq!(matcher(&texts).exact.len(), 1);
    assert_eq!(matcher(&twice).exact.len(), 1);
    assert_eq!(matcher(&twice).groups.ports.len(), 1);
}

#[test]
fn many_ports_of_one_host_are_told_apart() {
    let texts: Vec<String> = (1000..2000)
        .map(|p| format!("https://*.a.example:{p}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    check(
        &texts,
        "https://b.a.example:1999",
        Ok(Some("https://*.a.example:1999")),
    );
    check(&texts, "https://b.a.example:2000", Ok(None));
    check(&texts, "https://b.a.example", Ok(None));
}

#[test]
fn a_hundred_thousand_origins_take_less_than_64_bytes_each_above_their_text() {
    let patterns: Vec<OriginPattern> = (0..100_000)
        .map(|i| OriginPattern::parse(&format!("https://tenant-{i}.example.com")).expect("valid"))
        .collect();
    let (text, tables) = OriginMatcher::new(&patterns, true)
        .expect("compiles")
        .memory_usage();
    assert!(text > 100_000 * 30, "{text}");
    assert!(
        tables < 100_000 * 64,
        "{} bytes a pattern",
        tables / 100_000
    );
}

// === The naive twin ===

/// The meaning of a pattern in the plainest code: pattern and origin are cut at their separators
/// and compared piece by piece.
fn naive_is_match(pattern: &str, origin: &str) -> bool {
    fn cut(text: &str) -> Option<(&str, &str, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        let host_end = match rest.find(']') {
            Some(at) => at + 1,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        Some((scheme, &rest[..host_end], &rest[host_end..]))
    }
    if let Some(literal) = pattern.strip_prefix("literal:") {
        return literal == origin;
    }
    if pattern == "*" || pattern == origin {
        return true;
    }
    let (Some((ps, ph, pp)), Some((os, oh, op))) = (cut(pattern), cut(origin)) else {
        return false;
    };
    let host = match ph.strip_prefix("*.") {
        Some(parent) => {
            let (parent, host): (Vec<&str>, Vec<&str>) =
                (parent.split('.').collect(), oh.split('.').collect());
            host.len() > parent.len() && host.ends_with(&parent)
        }
        None => ph == oh,
    };
    ps == os && host && (pp == ":*" || pp == op)
}

/// Origins and patterns out of few pieces, so that they meet: shared suffixes, split labels,
/// labels glued together, ports, schemes that are prefixes of each other.
fn host() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "ba",
        "foo",
        "bar",
        "barfoo",
        "oo",
        "ar",
        "com",
        "example",
        "evilexample",
        "x-y",
        "localhost",
    ]);
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

fn any_host() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => host(),
        1 => prop::sample::select(vec!["127.0.0.1", "10.0.0.1", "[::1]", "[2001:db8::1]"])
            .prop_map(str::to_owned),
        1 => host().prop_map(|host| format!("{host}.")),
    ]
}

fn scheme() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["http", "https", "httpss", "capacitor"])
}

fn port() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", ":1", ":8443", ":844", ":65535"])
}

fn origin() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => (scheme(), any_host(), port()).prop_map(|(s, h, p)| format!("{s}://{h}{p}")),
        1 => Just("null".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    let pattern_port = prop_oneof![4 => port(), 1 => Just(":*")];
    prop_oneof![
        10 => (scheme(), any_host(), pattern_port.clone())
            .prop_map(|(s, h, p)| format!("{s}://{h}{p}")),
        10 => (scheme(), host(), pattern_port).prop_map(|(s, h, p)| format!("{s}://*.{h}{p}")),
        1 => Just("null".to_owned()),
        3 => literal().prop_map(|literal| format!("literal:{literal}")),
    ]
}

/// Values that apps send: not an origin, or one in another spelling.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["app://.", "file://", "capacitor://"]).prop_map(str::to_owned),
        (scheme(), host()).prop_map(|(s, h)| format!("{s}://{h}/")),
        (scheme(), host()).prop_map(|(s, h)| format!("{s}://{}", h.to_uppercase())),
    ]
}

/// The origin itself, or one that differs from it by little: what attackers try.
fn near(origin: &str, how: usize) -> String {
    match how {
        0 => format!("{origin}x"),
        1 => origin.replacen("://", "://x", 1),
        2 => origin.replacen("://", "://x.", 1),
        3 => origin.replacen('.', "", 1),
        4 => origin.replacen("https", "http", 1),
        5 => format!("{origin}.evil.test"),
        6 => origin.to_uppercase(),
        7 => format!("{origin}:8443"),
        8 => origin.replacen("*.", "", 1),
        9 => origin.replacen("*.", "b.", 1),
        10 => origin.replacen("*.", "c.b.", 1),
        _ => origin.to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_matcher_agrees_with_its_naive_twin(
        texts in prop::collection::vec(pattern(), 1..12),
        origin in origin(),
        pick in any::<prop::sample::Index>(),
        how in 0..14usize,
    ) {
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let matcher = matcher(&refs);
        let picked = &texts[pick.index(texts.len())];
        let picked = picked.strip_prefix("literal:").unwrap_or(picked);
        for origin in [origin, near(picked, how)] {
            let found = matcher.find(origin.as_bytes());
            let is_match = texts.iter().any(|text| naive_is_match(text, &origin));
            // Anything but an origin is malformed, unless it is a literal.
            let expected = match Origin::parse(origin.as_bytes()) {
                Err(error) if !texts.contains(&format!("literal:{origin}")) => Err(error),
                _ => Ok(is_match),
            };
            prop_assert_eq!(found.map(|id| id.is_some()), expected, "{} under {:?}", origin, texts);
            if let Ok(Some(id)) = found {
                let name = match matcher.pattern(id) {
                    PatternRef::Text(text) => text.to_owned(),
                    PatternRef::Literal(text) => format!("literal:{text}"),
                    PatternRef::Regex(_) => panic!("there are no regexes here"),
                };
                prop_assert!(texts.contains(&name));
                prop_assert!(naive_is_match(&name, &origin), "{} named for {}", name, origin);
            }
        }
    }

    #[test]
    fn of_several_lists_the_first_that_matches_is_found(
        lists in prop::collection::vec(prop::collection::vec((pattern(), 0..8u8), 1..5), 1..5),
        list in any::<prop::sample::Index>(),
        how in 0..14usize,
    ) {
        let text = |(text, kind): &(String, u8)| match kind {
            0 => "*".to_owned(),
            1 => format!("regex:{}.*", regex_syntax::escape(text.trim_end_matches('*'))),
            _ => text.clone(),
        };
        let texts: Vec<Vec<String>> = lists.iter().map(|list| list.iter().map(text).collect()).collect();
        let alone: Vec<OriginMatcher> = texts.iter().enumerate().map(|(place, texts)| {
            let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
            OriginMatcher::new(&patterns(&refs), place % 2 == 0).expect("small patterns compile")
        }).collect();
        let merged = OriginMatcher::merged(alone.iter()).expect("so do a few of them");
        let (near_to, _) = &lists[list.index(lists.len())][0];
        for origin in [near(near_to, how), near(near_to, 0), "null".to_owned()] {
            let found = merged.find(origin.as_bytes());
            let first = alone.iter().position(|alone| matches!(alone.find(origin.as_bytes()), Ok(Some(_))));
            prop_assert_eq!(found.ok().flatten().map(|id| merged.list_of(id)), first, "{} under {:?}", origin, texts);
        }
    }

    #[test]
    fn a_regex_of_escaped_text_is_that_text(texts in prop::collection::vec(origin(), 1..8), origin in origin()) {
        let escaped: Vec<String> = texts.iter().map(|t| format!("regex:{}", regex_syntax::escape(t))).collect();
        let refs: Vec<&str> = escaped.iter().map(String::as_str).collect();
        let found = matcher(&refs).find(origin.as_bytes()).expect("generated origins parse");
        prop_assert_eq!(found.is_some(), origin != "null" && texts.contains(&origin));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let matcher = matcher(&["https://*.example.com", "https://a.example", "http://localhost:*", "regex:https://.*x"]);
        let _ = matcher.find(&bytes);
        prop_assert_eq!(matcher.find(&bytes).is_err(), Origin::parse(&bytes).is_err());
    }
}
