//! Regexes over origins: each parsed alone, all of them run as one automaton.
//!
//! Wrapping a pattern's text (`^(?:…)$`) is how gateways get bypassed: `https://a)|(?:.*` closes
//! the group. Here a regex is parsed by itself and anchored in its syntax tree. The automaton is
//! built in full when a policy is compiled, so that asking it neither allocates nor takes a lock,
//! costs one table look-up a byte, and no regex can be slow.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Dot, Hir, HirKind, Look};
use std::sync::Arc;

/// What the table of one policy's automaton may take. A thousand regexes of forty characters take
/// about 4 MiB; what exceeds this is a regex that counts, such as `(a|b)*a(a|b){20}`.
const MAX_AUTOMATON_BYTES: usize = 16 << 20;
const MAX_BUILD_BYTES: usize = 64 << 20;

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
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(text)
            .map_err(|error| RegexError::Syntax {
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

    /// Whether `is_ok` holds for the start of every origin that the regex can match. It is asked
    /// about literal starts, and told whether the literal is the whole origin. Errs towards "no"
    /// where the syntax tree does not show how origins start.
    pub(super) fn all_start_with(&self, is_ok: impl Fn(&str, bool) -> bool) -> bool {
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

    /// A short text that the regex likely matches, with `dot` where it has a bare `.`.
    pub fn example(&self, dot: char) -> String {
        let mut text = String::new();
        push_example(&self.hir, dot, &mut text);
        text
    }
}

fn push_example(hir: &Hir, dot: char, text: &mut String) {
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
            for _ in 0..repetition.min {
                // A `.` that repeats was meant to be anything.
                push_example(&repetition.sub, 'x', text);
            }
        }
        HirKind::Capture(capture) => push_example(&capture.sub, dot, text),
        HirKind::Concat(parts) => {
            for part in parts {
                push_example(part, dot, text);
            }
        }
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.first() {
                push_example(part, dot, text);
            }
        }
    }
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
    pub(super) fn of<'a>(
        patterns: impl IntoIterator<Item = &'a RegexPattern>,
    ) -> Result<Self, RegexError> {
        Self::new(patterns.into_iter().map(|pattern| &pattern.hir))
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
        let set = RegexSet::of(&patterns).unwrap();
        assert_eq!(set.find(b"https://a1"), Some(0));
        assert_eq!(set.find(b"https://b1"), Some(1));
        assert_eq!(set.find(b"https://bx"), Some(2));
        assert_eq!(set.find(b"https://c1"), None);
        assert_eq!(set.find(b""), None);
    }

    #[test]
    fn a_regex_that_would_explode_is_an_error_and_not_an_outage() {
        let parsed = RegexPattern::parse("(a|b)*a(a|b){24}");
        assert!(matches!(parsed, Err(RegexError::TooLarge)), "{parsed:?}");
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
