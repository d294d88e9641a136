//! Regexes over origins: each is parsed alone, and all of them run as one automaton.
//!
//! Gateways that wrap a regex's text (`^(?:…)$`) can be bypassed: `https://a)|(?:.*` closes the
//! group. Here a regex is parsed by itself and anchored in its syntax tree. The automaton is built
//! in full when a policy is compiled: matching neither allocates nor takes a lock and costs one
//! table look-up per byte, so that no regex can be slow.

mod dead;
mod examples;
mod separator;
mod set;

pub use dead::DeadPart;
pub(super) use set::{RegexSet, SPLIT_BYTES};

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use set::{MAX_AUTOMATON_BYTES, MAX_SETS, MAX_TOTAL_BYTES};
use std::sync::Arc;

/// A regex that must match the whole origin.
#[derive(Debug, Clone)]
pub struct RegexPattern {
    text: String,
    hir: Hir,
    /// This regex alone, compiled when it is parsed, so that one that needs too large an automaton
    /// is reported at its place in the file.
    alone: Arc<RegexSet>,
}

/// Maximum bytes of a regex; a longer one is refused. A matcher counts a pattern's bytes in 16 bits.
pub const MAX_REGEX_LEN: usize = u16::MAX as usize;

/// A reason why a regex is refused.
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
    #[error("the regex has {len} bytes, more than {MAX_REGEX_LEN}")]
    TooLong { len: usize },
    #[error("the regex needs an automaton of more than {} MiB", MAX_AUTOMATON_BYTES >> 20)]
    TooLarge,
    #[error("they need more than {MAX_SETS} automata, or more than {} MiB for them", MAX_TOTAL_BYTES >> 20)]
    TooManyTogether,
}

// === impl RegexPattern ===

impl RegexPattern {
    /// Parses one regex in the syntax of the `regex` crate; classes such as `\w` are ASCII.
    pub fn parse(text: &str) -> Result<Self, RegexError> {
        let hir = Self::hir_of(text)?;
        Ok(Self {
            text: text.to_owned(),
            alone: Arc::new(RegexSet::of_one(&hir)?),
            hir,
        })
    }

    /// Whether `text` is a regex, the size of its automaton aside, which takes time to find out.
    pub(super) fn is_regex(text: &str) -> bool {
        Self::hir_of(text).is_ok()
    }

    fn hir_of(text: &str) -> Result<Hir, RegexError> {
        if text.is_empty() {
            return Err(RegexError::Empty);
        }
        if text.len() > MAX_REGEX_LEN {
            return Err(RegexError::TooLong { len: text.len() });
        }
        if !text.is_ascii() {
            return Err(RegexError::NotAscii);
        }
        let hir = parse(text).map_err(|error| RegexError::Syntax {
            text: text.to_owned(),
            reason: syntax_reason(&error),
        })?;
        // `^$` has a maximum length of zero. `[^\x00-\xff]` never matches and has no minimum
        // length.
        let lengths = hir.properties();
        if lengths.maximum_len() == Some(0) || lengths.minimum_len().is_none() {
            return Err(RegexError::MatchesNothing);
        }
        Ok(hir)
    }

    /// Maximum of [`RegexPattern::memory_usage`].
    pub const MAX_MEMORY: usize = MAX_AUTOMATON_BYTES;

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the bytes of this regex's own automaton.
    pub fn memory_usage(&self) -> usize {
        self.alone.memory_usage()
    }

    /// Whether this regex alone matches the whole of `origin`.
    pub fn is_match(&self, origin: &str) -> bool {
        self.alone.find(origin.as_bytes()).is_some()
    }

    /// Whether the regex matches any origin at all. A regex that was meant to be searched for in an
    /// origin, such as `foo\.com$`, does not.
    pub fn can_match_an_origin(&self) -> bool {
        self.alone.meets(RegexSet::of_all_origins())
    }

    /// Whether `is_ok` holds for the start of every origin that the regex can match. It is called
    /// with literal starts, and whether the literal is the whole origin. Returns false if the
    /// syntax tree does not show how origins start.
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

    /// Returns literals of which every match starts with one; empty if the regex has no such set.
    pub fn literal_starts(&self) -> Vec<String> {
        self.literals(ExtractKind::Prefix)
    }

    /// Returns literals of which every match ends with one; empty if the regex has no such set.
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

#[cfg(test)]
mod tests;
