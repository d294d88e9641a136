//! A matcher: many origin patterns, compiled once into flat tables and searched on every request.
//!
//! All pattern text lies in one buffer, and the tables hold `u32` handles into it. A pattern needs
//! no allocation of its own, and dropping a matcher frees a handful of blocks, whether it has ten
//! patterns or a hundred thousand. A search costs the same for any number of patterns:
//!
//! 1. exact origins and literals: one hash look-up of the whole value, before anything is parsed;
//! 2. wildcards and any-port patterns: one look-up per label boundary of the host, right to left;
//! 3. regexes: one automaton for all of them, asked last.
//!
//! A matcher may be of several lists, one policy's behind the other's. It then finds the pattern of the
//! first list that has one, with the same look-ups.
//!
//! *Invariant:* a look-up ends in a comparison of the bytes themselves. Hashes only say where to
//! look, so no collision can allow an origin (allowing `https://foo.com` and `https://bar.com`
//! must not allow `https://barfoo.com`).

mod arena;
mod groups;

pub use arena::PatternId;

use super::literal::{LiteralError, LiteralPattern};
use super::origin::{MAX_ORIGIN_LEN, Origin, OriginError, TupleOrigin};
use super::pattern::{HostPattern, OriginPattern, PatternError, PortPattern, TuplePattern};
use super::regex::{RegexError, RegexPattern, RegexSet, SPLIT_BYTES};
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
    /// The first pattern of each list but the first one.
    later_lists: Box<[PatternId]>,
    /// Keyed afresh in every process, so that tenants can't choose origins that collide.
    state: RandomState,
}

/// The patterns of one policy.
#[derive(Debug, Clone, Copy)]
struct PatternList<'a> {
    patterns: &'a [OriginPattern],
    /// Whether `*` covers opaque origins.
    any_matches_null: bool,
}

/// One pattern of a matcher, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternRef<'a> {
    /// A string: exact, wildcard, any port, `*`, `null`.
    Text(&'a str),
    Regex(&'a str),
    Literal(&'a str),
}

/// A reason why patterns can't be compiled together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    #[error("the patterns' text exceeds 4 GiB")]
    TooMuchText,
    #[error("the regexes together are too many: {0}")]
    Regex(#[from] RegexError),
    /// Of a pattern that was read already, and therefore can be read again.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Literal(#[from] LiteralError),
}

#[derive(Debug, Default)]
struct Regexes {
    /// Each with the place of its first pattern in `ids`.
    sets: Vec<(usize, RegexSet)>,
    ids: Vec<PatternId>,
}

// === impl OriginMatcher ===

impl OriginMatcher {
    /// Compiles `patterns`. `any_matches_null` says whether `*` covers opaque origins.
    ///
    /// # Errors
    ///
    /// Fails if the regexes need too large an automaton, or the text too large a buffer.
    pub fn new(patterns: &[OriginPattern], any_matches_null: bool) -> Result<Self, MatcherError> {
        Self::of_lists(&[PatternList {
            patterns,
            any_matches_null,
        }])
    }

    /// Compiles the patterns of several matchers into one, which finds the pattern of the first of them
    /// that has one.
    ///
    /// # Errors
    ///
    /// Fails if they are too many together.
    pub(in crate::cors) fn merged<'m>(
        matchers: impl Iterator<Item = &'m Self>,
    ) -> Result<Self, MatcherError> {
        let lists = matchers.map(|matcher| {
            let patterns = matcher.patterns().map(|pattern| pattern.to_pattern());
            let patterns: Result<Vec<OriginPattern>, MatcherError> = patterns.collect();
            Ok((patterns?, matcher.null.is_some()))
        });
        let lists = lists.collect::<Result<Vec<_>, MatcherError>>()?;
        let lists = lists
            .iter()
            .map(|(patterns, any_matches_null)| PatternList {
                patterns,
                any_matches_null: *any_matches_null,
            });
        Self::of_lists(&lists.collect::<Vec<_>>())
    }

    fn of_lists(lists: &[PatternList<'_>]) -> Result<Self, MatcherError> {
        let state = RandomState::default();
        let mut arena = Arena::default();
        let is_one = |pattern: &&OriginPattern| match pattern {
            OriginPattern::Tuple(tuple) => is_exact(tuple),
            OriginPattern::Literal(_) => true,
            _ => false,
        };
        let all = lists.iter().flat_map(|list| list.patterns);
        let mut exact = HashTable::with_capacity(all.filter(is_one).count());
        let mut grouped: Vec<(&TuplePattern, PatternId)> = Vec::new();
        let mut regexes = Regexes::default();
        let (mut any, mut null) = (None, None);
        let hash_of = |text: &[u8]| hash_bytes(&state, text);
        let mut add_exact = |arena: &mut Arena, pattern: PatternRef<'_>| {
            let text = pattern.text().as_bytes();
            let hash = hash_of(text);
            let is_same = |&id: &PatternId| arena.text(id) == text;
            if exact.find(hash, is_same).is_none() {
                let id = arena.push(pattern)?;
                exact.insert_unique(hash, id, |&id| hash_of(arena.text(id)));
            }
            Ok::<(), MatcherError>(())
        };
        let mut starts = Vec::with_capacity(lists.len());
        for list in lists {
            starts.push(arena.next_id()?);
            let (mut own_any, mut own_null) = (None, None);
            let mut own_regexes = Vec::new();
            for pattern in list.patterns {
                match pattern {
                    OriginPattern::Any => own_any = Some(arena.push(PatternRef::Text("*"))?),
                    OriginPattern::Null => own_null = Some(arena.push(PatternRef::Text("null"))?),
                    OriginPattern::Regex(regex) => {
                        let id = arena.push(PatternRef::Regex(regex.text()))?;
                        regexes.ids.push(id);
                        own_regexes.push(regex);
                    }
                    OriginPattern::Literal(literal) => {
                        add_exact(&mut arena, PatternRef::Literal(literal.text()))?;
                    }
                    OriginPattern::Tuple(tuple) if is_exact(tuple) => {
                        add_exact(&mut arena, PatternRef::Text(&tuple.text()))?;
                    }
                    OriginPattern::Tuple(tuple) => {
                        grouped.push((tuple, arena.push(PatternRef::Text(&tuple.text()))?));
                    }
                }
            }
            regexes.add(&own_regexes)?;
            null = null
                .or(own_null)
                .or(own_any.filter(|_| list.any_matches_null));
            any = any.or(own_any);
        }
        arena.shrink_to_fit();
        Ok(Self {
            groups: Groups::new(grouped, &arena, &state),
            arena,
            exact,
            regexes: Some(regexes).filter(|regexes| !regexes.ids.is_empty()),
            any,
            null,
            later_lists: starts.into_iter().skip(1).collect(),
            state,
        })
    }

    /// Finds the pattern that allows `origin`, the value of an Origin field: one of the first list that
    /// has such a pattern.
    ///
    /// # Errors
    ///
    /// Fails if `origin` is neither a serialized origin nor one of the literals.
    pub fn find(&self, origin: &[u8]) -> Result<Option<PatternId>, OriginError> {
        if origin.len() > MAX_ORIGIN_LEN {
            return Err(OriginError::TooLong);
        }
        // An origin that equals a validated pattern need not be parsed.
        let exact = self.find_exact(origin);
        if exact.is_some_and(|id| self.list_of(id) == 0) {
            return Ok(exact);
        }
        let origin = match Origin::parse(origin) {
            Ok(Origin::Tuple(origin)) => origin,
            Ok(Origin::Null) => return Ok(self.null),
            // Only a literal is not one.
            Err(error) => return exact.map(Some).ok_or(error),
        };
        let grouped = self.groups.find(&origin, &self.arena, &self.state);
        let regex = std::iter::once_with(|| self.find_regex(&origin)).flatten();
        let mut all = exact
            .into_iter()
            .chain(grouped)
            .chain(regex)
            .chain(self.any);
        Ok(match self.later_lists.is_empty() {
            true => all.next(),
            false => all.min_by_key(|&id| self.list_of(id)),
        })
    }

    /// Returns the place of the list that a pattern is of.
    pub(in crate::cors) fn list_of(&self, id: PatternId) -> usize {
        self.later_lists.partition_point(|&first| first <= id)
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
            sets.sum::<usize>() + size_of_val(regexes.ids.as_slice())
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

// === impl Regexes ===

impl Regexes {
    /// Adds the sets of a list's regexes, whose ids are the last ones. No set has regexes of two lists, so
    /// that the first set that matches is of the first list that does.
    fn add(&mut self, regexes: &[&RegexPattern]) -> Result<(), RegexError> {
        if regexes.is_empty() {
            return Ok(());
        }
        let start = self.ids.len() - regexes.len();
        let sets = RegexSet::of(regexes)?.into_iter();
        self.sets
            .extend(sets.map(|(first, set)| (start + first, set)));
        Ok(())
    }
}

// === impl PatternRef ===

impl<'a> PatternRef<'a> {
    /// Returns the pattern that this is the text of.
    ///
    /// # Errors
    ///
    /// Never fails for a pattern of a matcher, which was read from this text.
    pub fn to_pattern(self) -> Result<OriginPattern, MatcherError> {
        Ok(match self {
            Self::Text(text) => OriginPattern::parse(text)?,
            Self::Regex(text) => OriginPattern::Regex(RegexPattern::parse(text)?),
            Self::Literal(text) => OriginPattern::Literal(LiteralPattern::parse(text)?),
        })
    }

    pub fn text(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Regex(text) | Self::Literal(text) => text,
        }
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
