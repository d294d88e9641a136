//! A matcher: many origin patterns, compiled once into flat tables and searched on every request.
//!
//! All pattern text lies in one buffer, and the tables hold `u32` handles into it. A pattern needs
//! no allocation of its own, and dropping a matcher frees a handful of blocks, whether it has ten
//! patterns or a hundred thousand. A search costs the same for any number of patterns:
//!
//! 1. exact origins: one hash look-up of the whole value, before anything is parsed;
//! 2. wildcards and any-port patterns: one look-up per label boundary of the host, right to left;
//! 3. regexes: one automaton for all of them, asked last.
//!
//! *Invariant:* a look-up ends in a comparison of the bytes themselves. Hashes only say where to
//! look, so no collision can allow an origin (allowing `https://foo.com` and `https://bar.com`
//! must not allow `https://barfoo.com`).

mod arena;
mod groups;

pub use arena::PatternId;

use super::origin::{MAX_ORIGIN_LEN, Origin, OriginError, TupleOrigin};
use super::pattern::{HostPattern, OriginPattern, PortPattern, TuplePattern};
use super::regex::{RegexError, RegexSet, SPLIT_BYTES};
use arena::Arena;
use foldhash::quality::RandomState;
use groups::Groups;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Many compiled origin patterns.
#[derive(Debug)]
pub struct OriginMatcher {
    /// The text of all patterns. Everything below points into it.
    arena: Arena,
    exact: HashTable<PatternId>,
    groups: Groups,
    regexes: Option<Regexes>,
    any: Option<PatternId>,
    null: Option<PatternId>,
    /// Keyed afresh in every process, so that tenants can't choose origins that collide.
    state: RandomState,
}

/// One pattern of a matcher, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternRef<'a> {
    /// A string: exact, wildcard, any port, `*`, `null`.
    Text(&'a str),
    Regex(&'a str),
}

/// A reason why patterns can't be compiled together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    #[error("the patterns' text exceeds 4 GiB")]
    TooMuchText,
    #[error("the regexes together are too many: {0}")]
    Regex(#[from] RegexError),
}

#[derive(Debug)]
struct Regexes {
    /// Each with the place of its first pattern in `ids`.
    sets: Box<[(usize, RegexSet)]>,
    ids: Box<[PatternId]>,
}

// === impl OriginMatcher ===

impl OriginMatcher {
    /// Compiles `patterns`. `any_matches_null` says whether `*` covers opaque origins.
    ///
    /// # Errors
    ///
    /// Fails if the regexes need too large an automaton, or the text too large a buffer.
    pub fn new(patterns: &[OriginPattern], any_matches_null: bool) -> Result<Self, MatcherError> {
        let state = RandomState::default();
        let mut arena = Arena::default();
        let is_one = |pattern: &&OriginPattern| matches!(pattern, OriginPattern::Tuple(tuple) if is_exact(tuple));
        let mut exact = HashTable::with_capacity(patterns.iter().filter(is_one).count());
        let mut grouped: Vec<(&TuplePattern, PatternId)> = Vec::new();
        let mut regexes = Vec::new();
        let (mut any, mut null) = (None, None);
        for pattern in patterns {
            match pattern {
                OriginPattern::Any => any = Some(arena.push(PatternRef::Text("*"))?),
                OriginPattern::Null => null = Some(arena.push(PatternRef::Text("null"))?),
                OriginPattern::Regex(regex) => {
                    regexes.push((regex, arena.push(PatternRef::Regex(regex.text()))?));
                }
                OriginPattern::Tuple(tuple) => {
                    let text = tuple.text();
                    if !is_exact(tuple) {
                        grouped.push((tuple, arena.push(PatternRef::Text(&text))?));
                        continue;
                    }
                    let hash_of = |text: &[u8]| hash_bytes(&state, text);
                    let hash = hash_of(text.as_bytes());
                    let is_same = |&id: &PatternId| arena.text(id) == text.as_bytes();
                    if exact.find(hash, is_same).is_none() {
                        let id = arena.push(PatternRef::Text(&text))?;
                        exact.insert_unique(hash, id, |&id| hash_of(arena.text(id)));
                    }
                }
            }
        }
        if any_matches_null {
            null = null.or(any);
        }
        let regexes = match regexes.is_empty() {
            true => None,
            false => Some(Regexes {
                sets: RegexSet::of(&regexes.iter().map(|(regex, _)| *regex).collect::<Vec<_>>())?
                    .into(),
                ids: regexes.iter().map(|(_, id)| *id).collect(),
            }),
        };
        arena.shrink_to_fit();
        Ok(Self {
            groups: Groups::new(grouped, &arena, &state),
            arena,
            exact,
            regexes,
            any,
            null,
            state,
        })
    }

    /// Finds the pattern that allows `origin`, the value of an Origin field.
    ///
    /// # Errors
    ///
    /// Fails if `origin` is not a serialized origin.
    pub fn find(&self, origin: &[u8]) -> Result<Option<PatternId>, OriginError> {
        if origin.len() > MAX_ORIGIN_LEN {
            return Err(OriginError::TooLong);
        }
        // An origin that equals a validated pattern need not be parsed.
        if let Some(id) = self.find_exact(origin) {
            return Ok(Some(id));
        }
        let found = match Origin::parse(origin)? {
            Origin::Null => self.null,
            Origin::Tuple(origin) => self
                .groups
                .find(&origin, &self.arena, &self.state)
                .or_else(|| self.find_regex(&origin))
                .or(self.any),
        };
        Ok(found)
    }

    /// Returns the pattern behind a handle of this matcher.
    pub fn pattern(&self, id: PatternId) -> PatternRef<'_> {
        self.arena.get(id)
    }

    /// Returns all patterns in the order in which they were written; repeated exact ones once.
    pub fn patterns(&self) -> impl Iterator<Item = PatternRef<'_>> {
        self.arena.ids().map(|id| self.pattern(id))
    }

    /// Returns the bytes of the patterns' text, and the bytes of everything else.
    pub fn memory_usage(&self) -> (usize, usize) {
        let (text, headers) = self.arena.memory_usage();
        let exact = self.exact.allocation_size();
        let rest = self.groups.memory_usage() + self.regex_memory_usage();
        (text, headers + exact + rest)
    }

    /// Returns the bytes that it took to build the regexes' automata, with those of attempts to join too
    /// many regexes.
    pub fn regex_build_bytes(&self) -> usize {
        let sets = self
            .regexes
            .as_ref()
            .map_or(0, |regexes| regexes.sets.len());
        self.regex_memory_usage() + sets.saturating_sub(1) * SPLIT_BYTES
    }

    fn regex_memory_usage(&self) -> usize {
        self.regexes.as_ref().map_or(0, |regexes| {
            let sets = regexes.sets.iter().map(|(_, set)| set.memory_usage());
            sets.sum::<usize>() + size_of_val(&*regexes.ids)
        })
    }

    fn find_exact(&self, origin: &[u8]) -> Option<PatternId> {
        if self.exact.is_empty() {
            return None;
        }
        let hash = hash_bytes(&self.state, origin);
        let is_same = |&id: &PatternId| self.arena.text(id) == origin;
        self.exact.find(hash, is_same).copied()
    }

    fn find_regex(&self, origin: &TupleOrigin<'_>) -> Option<PatternId> {
        let regexes = self.regexes.as_ref()?;
        let origin = origin.as_str().as_bytes();
        let found = |(first, set): &(usize, RegexSet)| Some(first + set.find(origin)?);
        regexes
            .sets
            .iter()
            .find_map(found)
            .map(|index| regexes.ids[index])
    }
}

/// Whether the pattern stands for exactly one origin, which one hash look-up finds.
fn is_exact(tuple: &TuplePattern) -> bool {
    tuple.host_pattern == HostPattern::Exact && tuple.port != PortPattern::Any
}

fn hash_bytes(state: &RandomState, bytes: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests;
