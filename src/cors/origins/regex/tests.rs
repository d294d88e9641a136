use super::*;
use crate::cors::origins::matcher::OriginMatcher;
use crate::cors::origins::origin::Origin;
use crate::cors::origins::pattern::OriginPattern;
use proptest::prelude::*;

fn is_match(regex: &str, origin: &str) -> bool {
    RegexPattern::parse(regex).unwrap().is_match(origin)
}

#[test]
fn a_regex_means_the_whole_origin() {
    let regex = r"https://pr-[0-9]+\.preview\.example\.com";
    assert!(is_match(regex, "https://pr-7.preview.example.com"));
    assert!(!is_match(
        regex,
        "https://pr-7.preview.example.com.evil.test"
    ));
    assert!(!is_match(regex, "https://pr-7.preview.example.com:8443"));
    assert!(!is_match(regex, "xhttps://pr-7.preview.example.com"));
    assert!(!is_match(regex, "https://pr-.preview.example.com"));
}

#[test]
fn a_shorter_alternative_does_not_hide_a_longer_one() {
    assert!(is_match(
        r"https://a|https://a\.example",
        "https://a.example"
    ));
}

#[test]
fn anchors_that_the_author_wrote_change_nothing() {
    assert!(is_match(r"^https://a\.example$", "https://a.example"));
    assert!(!is_match(
        r"^https://a\.example$",
        "https://a.example.evil.test"
    ));
}

#[test]
fn a_regex_that_does_not_parse_alone_is_refused() {
    for text in ["https://a)|(?:.*", "(", "[", "*", "a{2,1}", r"\p{Greek}"] {
        let parsed = RegexPattern::parse(text);
        assert!(
            matches!(parsed, Err(RegexError::Syntax { .. })),
            "{text}: {parsed:?}"
        );
    }
    assert!(matches!(RegexPattern::parse(""), Err(RegexError::Empty)));
    assert!(matches!(
        RegexPattern::parse("^$"),
        Err(RegexError::MatchesNothing)
    ));
    assert!(matches!(
        RegexPattern::parse("b\u{fc}cher"),
        Err(RegexError::NotAscii)
    ));
}

#[test]
fn the_set_names_the_pattern_that_matched() {
    let patterns: Vec<RegexPattern> = ["https://a[0-9]", "https://b[0-9]", "https://[ab]x"]
        .iter()
        .map(|text| RegexPattern::parse(text).unwrap())
        .collect();
    let sets = RegexSet::of(&patterns.iter().collect::<Vec<_>>()).unwrap();
    let [(0, set)] = sets.as_slice() else {
        panic!("they fit into one automaton");
    };
    assert_eq!(set.find(b"https://a1"), Some(0));
    assert_eq!(set.find(b"https://b1"), Some(1));
    assert_eq!(set.find(b"https://bx"), Some(2));
    assert_eq!(set.find(b"https://c1"), None);
    assert_eq!(set.find(b""), None);
}

#[test]
fn a_regex_that_is_not_a_whole_origin_matches_none() {
    for (text, expected) in [
        (r"https://.*\.foo\.com", true),
        (r".*foo.*", true),
        (r"(https?)://localhost(:\d+)?", true),
        (r"http://\[::1\]:[0-9]+", true),
        (r"foo\.com$", false),
        (r"^https://foo\.", true),
        (r"^https://", false),
        (r"https://foo\.com/", false),
        (r"/^https:\/\/foo\.com$/", false),
        (r"https://Foo\.com", false),
        ("null", false),
    ] {
        let regex = RegexPattern::parse(text).unwrap();
        assert_eq!(regex.can_match_an_origin(), expected, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    #[test]
    fn the_automaton_of_all_origins_agrees_with_the_parser(
        text in r"(f|fi|fil|file|files|https|a1|a\+)://([a0x19f_-]{0,3}\.){0,3}([0-9]{0,3}|0x?[a-g0-9_]{0,3}|[0-9]{1,2}[a-z-])(\.[0-9]{1,3}){0,4}\.?(:[0-9]{0,5})?/?",
    ) {
        let found = RegexSet::of_all_origins().find(text.as_bytes()).is_some();
        prop_assert_eq!(found, Origin::parse(text.as_bytes()).is_ok(), "{}", text);
    }
}

#[test]
fn a_regex_that_would_explode_is_an_error_and_not_an_outage() {
    let parsed = RegexPattern::parse("(a|b)*a(a|b){24}");
    assert!(matches!(parsed, Err(RegexError::TooLarge)), "{parsed:?}");
}

#[test]
fn a_long_list_of_alternatives_is_refused_for_its_length() {
    let names: Vec<String> = (0..10_000).map(|i| format!("tenant-{i}")).collect();
    let text = format!(r"https://({})\.example\.com", names.join("|"));
    assert_eq!(
        RegexPattern::parse(&text).map(|_| ()),
        Err(RegexError::TooLong { len: text.len() })
    );
    let longest = format!("https://{}", "a|".repeat((MAX_REGEX_LEN - 9) / 2) + "a");
    assert_eq!(longest.len(), MAX_REGEX_LEN);
    let pattern = RegexPattern::parse(&longest).map(|regex| vec![OriginPattern::Regex(regex)]);
    let matcher = OriginMatcher::new(&pattern.expect("not too long"), false);
    assert_eq!(matcher.map(|_| ()), Ok(()));
}

#[test]
fn regexes_that_can_not_be_joined_are_given_up_before_long() {
    let text = |i| format!(r"https://[a-z0-9-]+-team{i}-[a-z0-9-]+\.preview\.example\.com");
    let patterns: Vec<RegexPattern> = (0..200)
        .map(|i| RegexPattern::parse(&text(i)).unwrap())
        .collect();
    let sets = RegexSet::of(&patterns.iter().collect::<Vec<_>>());
    assert_eq!(sets.map(|_| ()), Err(RegexError::TooManyTogether));
}

#[test]
fn regexes_that_multiply_each_other_are_asked_in_groups() {
    let text = |i| format!(r"https://[a-z0-9-]+-team{i}-[a-z0-9-]+\.preview\.example\.com");
    let patterns: Vec<RegexPattern> = (0..16)
        .map(|i| RegexPattern::parse(&text(i)).unwrap())
        .collect();
    let sets = RegexSet::of(&patterns.iter().collect::<Vec<_>>()).unwrap();
    assert!(sets.len() > 1, "or this test is about nothing");
    for i in 0..16 {
        let origin = format!("https://a-team{i}-b.preview.example.com");
        let found = sets
            .iter()
            .find_map(|(first, set)| Some(first + set.find(origin.as_bytes())?));
        assert_eq!(found, Some(i));
    }
}

#[test]
fn examples_are_origins_that_the_regex_matches() {
    for (text, expected) in [
        (
            r"https://pr-[0-9]+\.example\.com",
            &["https://pr-0.example.com"][..],
        ),
        (r"https://app.example.com.*", &["https://app.example.com"]),
        (r"https://.*\.example\.com", &["https://x.example.com"]),
        (r".*\.example\.com", &["https://x.example.com"]),
        (r"(aa|bb)://c(:[0-9]{2})?", &["aa://c", "bb://c"]),
        (
            r"https://(aa|bb)\.(dd|ee|ff)\.com",
            &[
                "https://aa.dd.com",
                "https://bb.ee.com",
                "https://aa.ff.com",
            ],
        ),
        ("null", &[]),
    ] {
        let regex = RegexPattern::parse(text).unwrap();
        assert_eq!(regex.examples(16), expected, "{text}");
        assert!(regex.examples(1).len() <= 1);
    }
}

#[test]
fn prefixes_are_read_off_the_syntax_tree() {
    let starts = |regex: &str| {
        RegexPattern::parse(regex)
            .unwrap()
            .all_start_with(|start, whole| {
                start.starts_with("https://") || (whole && start == "http://localhost")
            })
    };
    assert!(starts(r"https://.*\.example\.com"));
    assert!(starts(r"https://a|https://b"));
    assert!(starts(r"http://localhost"));
    assert!(!starts(r"http://localhost.*"));
    assert!(!starts(r"https?://.*\.example\.com"));
    assert!(!starts(r".*\.example\.com"));
    assert!(!starts(r"http://[a-z]+"));
}
