//! `OriginPattern::parse` on any text, and `RegexPattern::parse` behind `regex:`. A second line is an
//! origin that the pattern is asked about.

use super::naive::origin as naive_origin;
use super::naive::pattern as naive;
use super::naive::regex as naive_regex;
use corsgate::cors::{
    HostPattern, Origin, OriginMatcher, OriginPattern, PatternErrorKind, PatternRef, RegexError,
    RegexPattern, TuplePattern,
};

/// Maximum length of a regex: a longer one shows nothing that a shorter one can't.
const MAX_REGEX_LEN: usize = 160;

/// Asked of every pattern.
const ORIGINS: [&str; 12] = [
    "null",
    "https://a",
    "https://a.example",
    "https://x.a.example",
    "https://xa.example",
    "https://a.example.evil.test",
    "https://a.example:443",
    "https://a.example:8443",
    "http://a.example",
    "http://localhost:3000",
    "http://127.0.0.1",
    "http://[::1]:8080",
];

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (text, asked) = text.split_once('\n').unwrap_or((text, "https://evil.test"));
    match text.strip_prefix("regex:") {
        Some(regex) => check_regex(regex.trim_start(), asked),
        None => check_pattern(text, asked),
    }
}

fn check_pattern(text: &str, asked: &str) {
    let expected = naive::parse(text);
    let pattern = match (OriginPattern::parse(text), &expected) {
        (Ok(pattern), Some(_)) => pattern,
        // The twin knows no Punycode.
        (Err(error), Some(_)) if error.kind == PatternErrorKind::BadPunycode => {
            assert!(text.contains("xn--"), "{text:?}");
            return;
        }
        (Err(error), None) => return check_hint(text, error.hint().as_deref()),
        (parsed, expected) => panic!("{text:?}: {parsed:?}, but the twin says {expected:?}"),
    };
    let expected = expected.expect("it was compared");
    let normal = pattern.text();
    let again = OriginPattern::parse(&normal).expect("a normal form is a pattern");
    assert_eq!(again.text(), normal, "the normal form of {text:?}");
    assert_eq!(naive::parse(&normal), Some(expected.clone()));
    let matcher_of_any = matcher(&pattern, true);
    let is_match = |origin: &str| matches!(matcher_of_any.find(origin.as_bytes()), Ok(Some(_)));
    for example in pattern.examples() {
        assert!(is_match(&example), "{text:?} and {example:?}");
    }
    if let OriginPattern::Tuple(tuple) = &pattern {
        for stranger in strangers(tuple) {
            assert!(!is_match(&stranger), "{text:?} and {stranger:?}");
        }
    }
    let near = neighbours(&normal);
    for any_matches_null in [true, false] {
        let matcher = matcher(&pattern, any_matches_null);
        for origin in near
            .iter()
            .map(String::as_str)
            .chain(ORIGINS)
            .chain([asked])
        {
            let found = matcher.find(origin.as_bytes());
            let Some(parsed) = naive_origin::parse(origin.as_bytes()) else {
                assert!(found.is_err(), "{origin:?} is no origin: {found:?}");
                continue;
            };
            let found = found.expect("both parsers agree");
            let expected = naive::matches(&expected, &parsed, any_matches_null);
            assert_eq!(found.is_some(), expected, "{text:?} and {origin:?}");
            let named = found.map(|id| matcher.pattern(id));
            assert!(named.is_none_or(|named| named == PatternRef::Text(&normal)));
        }
    }
}

/// Asserts that the texts a hint tells the author to write are accepted.
fn check_hint(text: &str, hint: Option<&str>) {
    let Some(hint) = hint else { return };
    assert!(!hint.is_empty());
    let Some(list) = hint
        .strip_prefix("write `")
        .and_then(|rest| rest.strip_suffix('`'))
    else {
        return;
    };
    for meant in list.split("`, or `") {
        if meant.starts_with("literal: ") {
            continue;
        }
        let regex = meant
            .strip_prefix("regex: '")
            .and_then(|rest| rest.strip_suffix('\''));
        let is_right = match regex {
            // It may still need too large an automaton.
            Some(regex) => !matches!(
                RegexPattern::parse(&regex.replace("''", "'")),
                Err(RegexError::Syntax { .. } | RegexError::Empty)
            ),
            None => OriginPattern::parse(meant).is_ok(),
        };
        assert!(is_right, "{text:?} should be {meant:?}");
    }
}

/// Origins that look like those of a pattern, and are somebody else's.
fn strangers(tuple: &TuplePattern) -> Vec<String> {
    let (scheme, host) = (tuple.scheme(), tuple.host());
    let mut hosts = vec![
        format!("{host}.evil.test"),
        format!("{host}evil"),
        format!("evil{host}"),
        format!("evil-{host}"),
        format!("x.{host}.evil.test"),
        format!("x.evil-{host}"),
    ];
    if host.trim_end_matches('.').contains('.') {
        hosts.push(format!("evil.test.{}", host.replacen('.', "-", 1)));
    }
    match tuple.host_pattern() {
        HostPattern::Subdomains => hosts.push(host.to_owned()),
        HostPattern::Exact => hosts.extend([format!("x.{host}"), format!("www.{host}")]),
    }
    let port = |host: String| {
        [
            format!("{scheme}://{host}"),
            format!("{scheme}://{host}:8443"),
        ]
    };
    let mut strangers: Vec<String> = hosts.into_iter().flat_map(port).collect();
    let plain = format!("{scheme}://x.{host}");
    strangers.push(format!("x{scheme}://{host}"));
    strangers.push(format!("x{plain}"));
    // No origins at all.
    strangers.push(format!("{plain}/"));
    strangers.push(format!("{plain} "));
    strangers.push(format!("{scheme}://evil.test@{host}"));
    strangers.push(format!("{scheme}://evil.test/x.{host}"));
    strangers.push(plain.to_uppercase());
    strangers.push("null".to_owned());
    strangers
}

/// Origins that differ from what the pattern says in one place.
fn neighbours(normal: &str) -> Vec<String> {
    let mut all = Vec::new();
    for label in ["", "x.", "a.b.", "xn--x.", "-.", "1.", "*."] {
        for port in ["", ":1", ":80", ":443", ":65535"] {
            let filled = normal.replace("*.", label);
            let (origin, had_star) = match filled.strip_suffix(":*") {
                Some(origin) => (origin.to_owned(), true),
                None => (filled.clone(), false),
            };
            all.push(format!("{origin}{port}"));
            all.push(format!("{origin}.{port}"));
            if !had_star && let Some((before, _)) = origin.rsplit_once(':') {
                all.push(format!("{before}{port}"));
            }
        }
    }
    all
}

fn matcher(pattern: &OriginPattern, any_matches_null: bool) -> OriginMatcher {
    let patterns = std::slice::from_ref(pattern);
    OriginMatcher::new(patterns, any_matches_null).expect("one pattern is not too many")
}

fn check_regex(text: &str, asked: &str) {
    let is_long = text.len() > MAX_REGEX_LEN || asked.len() > MAX_REGEX_LEN;
    if is_long || naive_regex::is_costly(text) {
        return;
    }
    let regex = match RegexPattern::parse(text) {
        Ok(regex) => regex,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(regex.text(), text);
    assert!(
        naive_regex::is_match(text, "").is_some(),
        "the twin reads {text:?} too"
    );
    let can_match = regex.can_match_an_origin();
    let examples = regex.examples(4);
    for example in &examples {
        let is_match = naive_regex::is_match(text, example);
        assert_eq!(
            is_match,
            Some(true),
            "{example:?} is an example of {text:?}"
        );
    }
    let near = examples.into_iter().flat_map(|example| {
        [
            format!("{example}.evil.test"),
            format!("x{example}"),
            example,
        ]
    });
    let starts = regex.literal_starts().into_iter().take(8);
    let built = starts.flat_map(|start| [format!("{start}a.example"), format!("{start}x")]);
    let built: Vec<String> = built
        .chain(
            regex
                .literal_ends()
                .into_iter()
                .take(8)
                .map(|end| format!("https://x{end}")),
        )
        .chain(near)
        .filter(|origin| origin.len() <= 2 * MAX_REGEX_LEN)
        .collect();
    let pattern = OriginPattern::Regex(regex.clone());
    assert_eq!(pattern.text(), text);
    let matcher = matcher(&pattern, true);
    for origin in built
        .iter()
        .map(String::as_str)
        .chain(ORIGINS)
        .chain([asked])
    {
        if !origin.is_ascii() {
            continue;
        }
        let found = regex.is_match(origin);
        if !origin.contains(['\n', '\r']) {
            let expected = naive_regex::is_match(text, origin);
            assert_eq!(Some(found), expected, "{text:?} and {origin:?}");
        }
        match Origin::parse(origin.as_bytes()) {
            Ok(Origin::Null) => assert_eq!(matcher.find(b"null"), Ok(None), "{text:?}"),
            Ok(Origin::Tuple(_)) => {
                assert!(can_match || !found, "{text:?} does match {origin:?}");
                let id = matcher.find(origin.as_bytes()).expect("it is an origin");
                assert_eq!(id.is_some(), found, "{text:?} and {origin:?}, in a matcher");
                let named = id.map(|id| matcher.pattern(id));
                assert!(named.is_none_or(|named| named == PatternRef::Regex(text)));
            }
            Err(_) => assert!(matcher.find(origin.as_bytes()).is_err()),
        }
    }
}
