use super::*;
use crate::cors::{RegexError, RegexPattern};

/// Regexes, with what RE2 makes of them; `re2_cases.py` beside it has made the file with google-re2.
const RECORDED: &str = include_str!("../../../../tests/compat/re2.tsv");

#[test]
fn regexes_mean_what_they_mean_to_re2() {
    let mut lines = RECORDED.lines();
    let texts: Vec<String> = serde_json::from_str(lines.next().expect("texts")).expect("JSON");
    let mut problems = Vec::new();
    let (mut refused, mut matched) = (0, 0);
    for line in lines {
        let (regex, expected) = line.split_once('\t').expect("two columns");
        let regex: String = serde_json::from_str(regex).expect("JSON");
        let found = match translate(&regex) {
            Err(_) => "refused".to_owned(),
            Ok(pattern) => match RegexPattern::parse(&pattern) {
                Ok(pattern) => texts
                    .iter()
                    .map(|text| bit(pattern.is_match(text)))
                    .collect(),
                // An origin is not empty, so that such a regex is an error of its own.
                Err(RegexError::MatchesNothing | RegexError::Empty) => texts
                    .iter()
                    .map(|text| bit(text.is_empty() && expected.contains('1')))
                    .collect(),
                Err(error) => format!("{error}"),
            },
        };
        refused += usize::from(expected == "refused");
        matched += usize::from(expected.contains('1'));
        if found != expected {
            problems.push(format!(
                "{regex:?} as {:?}:\n  RE2  {expected}\n  here {found}",
                translate(&regex)
            ));
        }
    }
    assert!(
        refused > 300 && matched > 600,
        "{refused} refused, {matched} matched"
    );
    let count = problems.len();
    problems.truncate(20);
    assert!(problems.is_empty(), "{count}:\n{}", problems.join("\n"));
}

fn bit(is_match: bool) -> char {
    if is_match { '1' } else { '0' }
}

#[test]
fn a_regex_that_both_read_alike_stays_as_it_is() {
    for regex in [
        r"https://[a-z0-9-]+\.example\.com(:[0-9]+)?",
        r"^https?://(www\.)?example\.com$",
        r"(?i)https://.*\.example\.com",
        r"https://(?:a|b){1,3}\.example",
        r"https://\w+[^a-c_]\d{2}\.example",
    ] {
        assert_eq!(translate(regex).as_deref(), Ok(regex));
    }
}

#[test]
fn a_refusal_names_the_reason() {
    for (regex, reason) in [
        ("(?=a)", "look-ahead"),
        ("(?!a)", "look-ahead"),
        ("(?<=a)", "look-behind"),
        ("(?<!a)", "look-behind"),
        (r"(a)\1", "back-references"),
        (r"\k<a>", "back-references"),
        ("(?P=a)", "references to other groups"),
        ("(?>a)", "atomic"),
        ("(?#a)", "comments"),
        ("(?x)a", "no flag `x`"),
        ("(?|a)", "no such group"),
        ("(?P<>a)", "group's name"),
        ("a++", "possessive"),
        ("a**", "`*` follows another repetition"),
        ("*", "`*` repeats nothing"),
        ("a{1001}", "more than 1000"),
        ("(a{100}){11}", "more than 1000"),
        ("a{2,1}", "first number is larger"),
        (r"a\Z", r"\Z"),
        (r"\K", r"\K"),
        (r"\y", r"`\y`"),
        (r"\x4", r"behind `\x`"),
        (r"\p{Foo}", "Unicode class"),
        ("[[:foo:]]", "POSIX class"),
        ("[a-\\d]", "end of a range"),
        ("[b-a]", "ends before it begins"),
        ("[a", "`[` has no `]`"),
        ("(a", "`(` has no `)`"),
        ("a)", "`)` has no `(`"),
        ("a\\", "ends with a backslash"),
        (&"a".repeat(MAX_REGEX_LEN + 1), "more than 65535"),
    ] {
        let problem = translate(regex).expect_err(reason);
        assert!(
            problem.message.contains(reason),
            "{reason}: {}",
            problem.message
        );
        assert!(problem.hint.is_some_and(|hint| !hint.is_empty()));
    }
}

#[test]
fn regexes_that_nest_or_repeat_without_end_take_no_time() {
    for regex in [
        "(".repeat(MAX_REGEX_LEN),
        "{".repeat(MAX_REGEX_LEN),
        "[:".repeat(MAX_REGEX_LEN / 2),
        "(?i)*".repeat(MAX_REGEX_LEN / 5),
    ] {
        let _ = translate(&regex);
    }
    let quadratic = format!("a{}", "*(?i)".repeat(MAX_REGEX_LEN / 5 - 1));
    assert!(translate(&quadratic).is_ok());
}
