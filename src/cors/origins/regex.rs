//! Regexes over origins: each parsed alone, all of them run as one automaton.
//!
//! Wrapping a pattern's text (`^(?:…)$`) is how gateways get bypassed: `https://a)|(?:.*` closes
//! the group. Here a regex is parsed by itself and anchored in its syntax tree. The automaton is
//! built in full when a policy is compiled, so that asking it neither allocates nor takes a lock,
//! costs one table look-up a byte, and no regex can be slow.

use super::origin::Origin;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Dot, Hir, HirKind, Look};
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

/// What the table of one policy's automaton may take. A thousand regexes of forty characters take
/// about 4 MiB; what exceeds this is a regex that counts, such as `(a|b)*a(a|b){20}`.
const MAX_AUTOMATON_BYTES: usize = 16 << 20;
const MAX_BUILD_BYTES: usize = 64 << 20;
/// What all tables of one policy may take, and how many there may be: each is asked in turn.
const MAX_TOTAL_BYTES: usize = 64 << 20;
const MAX_SETS: usize = 16;

/// A regex that always means the whole origin.
#[derive(Debug, Clone)]
pub struct RegexPattern {
    text: String,
    hir: Hir,
    /// This regex alone, compiled once: an exploding one is found where it is written.
    alone: Arc<RegexSet>,
}

/// Why a regex is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    #[error("the regex is empty")]
    Empty,
    #[error("the regex matches no origin")]
    MatchesNothing,
    #[error("origins are ASCII, and so is a regex over them")]
    NotAscii,
    #[error("`{text}` is not a regex: {reason}")]
    Syntax { text: String, reason: String },
    #[error("the regex needs an automaton of more than {} MiB", MAX_AUTOMATON_BYTES >> 20)]
    TooLarge,
}

/// All regexes of one policy.
#[derive(Debug)]
pub(super) struct RegexSet {
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
}

// === impl RegexPattern ===

impl RegexPattern {
    /// Parses one regex in the syntax of the `regex` crate; classes such as `\w` are ASCII.
    pub fn parse(text: &str) -> Result<Self, RegexError> {
        if text.is_empty() {
            return Err(RegexError::Empty);
        }
        if !text.is_ascii() {
            return Err(RegexError::NotAscii);
        }
        let hir = parse(text).map_err(|error| RegexError::Syntax {
            text: text.to_owned(),
            reason: syntax_reason(&error),
        })?;
        // `^$` has a greatest length of zero, `[^\x00-\xff]` has no least one: it never matches.
        let lengths = hir.properties();
        if lengths.maximum_len() == Some(0) || lengths.minimum_len().is_none() {
            return Err(RegexError::MatchesNothing);
        }
        Ok(Self {
            text: text.to_owned(),
            alone: Arc::new(RegexSet::new([&hir])?),
            hir,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether this regex alone matches the whole of `origin`.
    pub fn is_match(&self, origin: &str) -> bool {
        self.alone.find(origin.as_bytes()).is_some()
    }

    /// Whether there is an origin at all that the regex matches. One that was written to be found
    /// somewhere in an origin, such as `foo\.com$`, matches none.
    pub fn can_match_an_origin(&self) -> bool {
        self.alone.meets(RegexSet::of_all_origins())
    }

    /// Whether `is_ok` holds for the start of every origin that the regex can match. It is asked
    /// about literal starts, and told whether the literal is the whole origin. Errs towards "no"
    /// where the syntax tree does not show how origins start.
    pub(in crate::cors) fn all_start_with(&self, is_ok: impl Fn(&str, bool) -> bool) -> bool {
        let seq = Extractor::new()
            .kind(ExtractKind::Prefix)
            .extract(&self.hir);
        seq.literals().is_some_and(|literals| {
            !literals.is_empty()
                && literals.iter().all(|literal| {
                    std::str::from_utf8(literal.as_bytes())
                        .is_ok_and(|start| is_ok(start, literal.is_exact()))
                })
        })
    }
}

impl RegexPattern {
    /// Literal texts that every match starts with one of; empty where there is no such set.
    pub fn literal_starts(&self) -> Vec<String> {
        self.literals(ExtractKind::Prefix)
    }

    /// Literal texts that every match ends with one of; empty where there is no such set.
    pub fn literal_ends(&self) -> Vec<String> {
        self.literals(ExtractKind::Suffix)
    }

    fn literals(&self, kind: ExtractKind) -> Vec<String> {
        let seq = Extractor::new().kind(kind).extract(&self.hir);
        let literals = seq.literals().unwrap_or_default().iter();
        literals
            .filter_map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok())
            .collect()
    }

    /// Origins that the regex matches, and most likely was written for: as short as can be, and so many
    /// that each of its alternatives is in one of them, but no more than `most`.
    pub fn examples(&self, most: usize) -> Vec<String> {
        let mut examples: Vec<String> = Vec::new();
        for choice in 0..alternatives(&self.hir).min(most) {
            // A `.*` stands for nothing where that makes an origin, else for one letter.
            let texts = [0, 1].map(|least| {
                let mut text = String::new();
                push_example(&self.hir, '.', Choice { choice, least }, &mut text);
                match text.contains("://") {
                    true => text,
                    // Where the regex leaves the scheme to a `.*`, the example has none.
                    false => format!("https://{text}"),
                }
            });
            let is_origin = |text: &&String| {
                let origin = Origin::parse(text.as_bytes());
                matches!(origin, Ok(Origin::Tuple(_))) && self.is_match(text)
            };
            examples.extend(texts.iter().find(is_origin).cloned());
        }
        examples.dedup();
        examples
    }
}

/// What an example has where the regex leaves it open.
#[derive(Clone, Copy)]
struct Choice {
    /// Which of several alternatives.
    choice: usize,
    /// How often what may repeat without end.
    least: u32,
}

/// The most alternatives that stand at one place.
fn alternatives(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Alternation(parts) => {
            let within = parts.iter().map(alternatives).max();
            parts.len().max(within.unwrap_or(1))
        }
        HirKind::Concat(parts) => parts.iter().map(alternatives).max().unwrap_or(1),
        HirKind::Capture(capture) => alternatives(&capture.sub),
        HirKind::Repetition(repetition) => alternatives(&repetition.sub),
        _ => 1,
    }
}

fn push_example(hir: &Hir, dot: char, choice: Choice, text: &mut String) {
    if *hir == Hir::dot(Dot::AnyByteExceptLF) {
        return text.push(dot);
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Bytes(class)) => {
            let first = class.ranges().iter().map(|range| char::from(range.start()));
            let likely = class
                .ranges()
                .iter()
                .any(|r| (r.start()..=r.end()).contains(&b'x'));
            text.extend(if likely {
                Some('x')
            } else {
                first.into_iter().next()
            });
        }
        HirKind::Class(Class::Unicode(_)) => {}
        HirKind::Repetition(repetition) => {
            let least = match repetition.max {
                None => choice.least,
                Some(_) => 0,
            };
            for _ in 0..repetition.min.max(least) {
                // A `.` that repeats was meant to be anything.
                push_example(&repetition.sub, 'x', choice, text);
            }
        }
        HirKind::Capture(capture) => push_example(&capture.sub, dot, choice, text),
        HirKind::Concat(parts) => {
            for part in parts {
                push_example(part, dot, choice, text);
            }
        }
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(choice.choice % parts.len().max(1)) {
                push_example(part, dot, choice, text);
            }
        }
    }
}

fn parse(text: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    let mut builder = regex_syntax::ParserBuilder::new();
    let mut parser = builder.unicode(false).utf8(false).build();
    parser.parse(text).map_err(Box::new)
}

fn syntax_reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

// === impl RegexSet ===

impl RegexSet {
    /// As few sets as fit, each with the place of its first pattern. Nearly always that is one: but
    /// patterns with free text inside can multiply each other's states.
    pub(super) fn of(patterns: &[&RegexPattern]) -> Result<Vec<(usize, Self)>, RegexError> {
        let mut sets = Vec::new();
        Self::split(0, patterns, &mut sets)?;
        let bytes: usize = sets.iter().map(|(_, set)| set.memory_usage()).sum();
        match bytes > MAX_TOTAL_BYTES {
            true => Err(RegexError::TooLarge),
            false => Ok(sets),
        }
    }

    fn split(
        first: usize,
        patterns: &[&RegexPattern],
        sets: &mut Vec<(usize, Self)>,
    ) -> Result<(), RegexError> {
        match Self::new(patterns.iter().map(|pattern| &pattern.hir)) {
            Ok(set) => sets.push((first, set)),
            Err(_) if patterns.len() > 1 && sets.len() < MAX_SETS => {
                let (left, right) = patterns.split_at(patterns.len() / 2);
                Self::split(first, left, sets)?;
                Self::split(first + left.len(), right, sets)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn new<'a>(hirs: impl IntoIterator<Item = &'a Hir>) -> Result<Self, RegexError> {
        let whole: Vec<Hir> = hirs
            .into_iter()
            .map(|hir| Hir::concat(vec![hir.clone(), Hir::look(Look::End)]))
            .collect();
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(MAX_BUILD_BYTES)),
            )
            .build_many_from_hir(&whole)
            .map_err(|_| RegexError::TooLarge)?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    // Anchored at the start by the search, at the end by the `Look::End` above.
                    .start_kind(StartKind::Anchored)
                    // Every pattern that matches, not the first to match something shorter.
                    .match_kind(MatchKind::All)
                    .accelerate(false)
                    .dfa_size_limit(Some(MAX_AUTOMATON_BYTES))
                    .determinize_size_limit(Some(MAX_BUILD_BYTES)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| RegexError::TooLarge)?;
        let start = automaton
            .start_state_forward(&Input::new("").anchored(Anchored::Yes))
            .map_err(|_| RegexError::TooLarge)?;
        Ok(Self { automaton, start })
    }

    /// The index of a pattern that matches the whole of `origin`.
    pub(super) fn find(&self, origin: &[u8]) -> Option<usize> {
        let mut state = self.start;
        for &byte in origin {
            state = self.automaton.next_state(state, byte);
            if self.automaton.is_dead_state(state) {
                return None;
            }
        }
        state = self.automaton.next_eoi_state(state);
        self.automaton
            .is_match_state(state)
            .then(|| self.automaton.match_pattern(state, 0).as_usize())
    }

    /// About every serialized origin: what no origin is, such as one without a scheme, is not in it.
    fn of_all_origins() -> &'static Self {
        static ORIGINS: OnceLock<RegexSet> = OnceLock::new();
        ORIGINS.get_or_init(|| {
            let text = r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?";
            let hir = parse(text).expect("invariant: a test parses it");
            Self::new([&hir]).expect("invariant: a test compiles it")
        })
    }

    /// Whether some text is matched by both: a walk over the pairs of states that one text can reach
    /// in both automata.
    fn meets(&self, other: &Self) -> bool {
        /// Automata that have so many pairs match something, if only by chance.
        const MAX_PAIRS: usize = 100_000;
        let step = |(a, b): (StateID, StateID), byte| {
            let next = (
                self.automaton.next_state(a, byte),
                other.automaton.next_state(b, byte),
            );
            let is_dead =
                self.automaton.is_dead_state(next.0) || other.automaton.is_dead_state(next.1);
            (!is_dead).then_some(next)
        };
        let mut seen = HashSet::from([(self.start, other.start)]);
        let mut waiting = vec![(self.start, other.start)];
        while let Some(pair) = waiting.pop() {
            let ends = (
                self.automaton.next_eoi_state(pair.0),
                other.automaton.next_eoi_state(pair.1),
            );
            let is_match =
                self.automaton.is_match_state(ends.0) && other.automaton.is_match_state(ends.1);
            if is_match || seen.len() > MAX_PAIRS {
                return true;
            }
            let next = (0x21..0x7f).filter_map(|byte| step(pair, byte));
            waiting.extend(next.filter(|next| seen.insert(*next)));
        }
        false
    }

    pub(super) fn memory_usage(&self) -> usize {
        self.automaton.memory_usage()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_regex_that_would_explode_is_an_error_and_not_an_outage() {
        let parsed = RegexPattern::parse("(a|b)*a(a|b){24}");
        assert!(matches!(parsed, Err(RegexError::TooLarge)), "{parsed:?}");
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
}
