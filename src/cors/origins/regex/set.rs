//! All regexes of a policy, run as one automaton.

use super::{RegexError, RegexPattern, parse};
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, Look};
use std::collections::HashSet;
use std::sync::OnceLock;

/// Maximum bytes of a single regex's automaton; a regex that needs more is refused. It does only if it
/// counts, such as `(a|b)*a(a|b){20}`.
pub(super) const MAX_AUTOMATON_BYTES: usize = 16 << 20;
/// Maximum bytes of what building it takes on the way. They bound the time as well: a state of an
/// automaton is a set of places in the regexes, and costs bytes and time for each place.
const MAX_BUILD_BYTES: usize = 8 << 20;
/// The same for an automaton of several regexes; those that need more are split into several automata.
/// Hundreds of regexes of forty characters take less.
const MAX_JOINT_AUTOMATON_BYTES: usize = 8 << 20;
const MAX_JOINT_BUILD_BYTES: usize = 512 << 10;
/// Maximum bytes that were spent on an automaton of several regexes before it was split.
pub(in crate::cors::origins) const SPLIT_BYTES: usize = MAX_JOINT_AUTOMATON_BYTES / 4;
/// Maximum bytes of a policy's automata together; regexes that need more are refused.
pub(super) const MAX_TOTAL_BYTES: usize = 64 << 20;
/// Maximum automata of a policy, each of which is run in turn; regexes that need more are refused.
pub(super) const MAX_SETS: usize = 16;

/// A scheme other than `file`, which has no origin.
const SCHEME: &str = "([a-eg-z][a-z0-9+.-]*|f([a-hj-z0-9+.-][a-z0-9+.-]*|i([a-km-z0-9+.-][a-z0-9+.-]*|\
                      l([a-df-z0-9+.-][a-z0-9+.-]*|e[a-z0-9+.-]+)?)?)?)";
/// A name whose last label is not a number, decimal or hexadecimal: it would be an address then.
const NAME: &str = "([a-z0-9_-]+\\.)*([a-z_-][a-z0-9_-]*|[1-9][0-9]*[a-z_-][a-z0-9_-]*|\
                    0([0-9]+[a-z_-]|[a-wyz_-]|x[0-9a-f]*[g-z_-])[a-z0-9_-]*)";
const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const PORT: &str =
    "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})";

/// All regexes of one policy.
#[derive(Debug)]
pub(in crate::cors::origins) struct RegexSet {
    automaton: dense::DFA<Vec<u32>>,
    start: StateID,
}

// === impl RegexSet ===

impl RegexSet {
    /// Compiles the patterns into as few sets as possible, each with the place of its first
    /// pattern. Nearly always one is enough, but patterns with free text inside can multiply each
    /// other's states.
    pub(in crate::cors::origins) fn of(
        patterns: &[&RegexPattern],
    ) -> Result<Vec<(usize, Self)>, RegexError> {
        let mut sets = Vec::new();
        // Of `MAX_SETS` sets, all but one follow from a set that was split.
        let mut splits = MAX_SETS - 1;
        Self::split(0, patterns, &mut splits, &mut sets)?;
        let bytes: usize = sets.iter().map(|(_, set)| set.memory_usage()).sum();
        match bytes > MAX_TOTAL_BYTES {
            true => Err(RegexError::TooManyTogether),
            false => Ok(sets),
        }
    }

    fn split(
        first: usize,
        patterns: &[&RegexPattern],
        splits: &mut usize,
        sets: &mut Vec<(usize, Self)>,
    ) -> Result<(), RegexError> {
        let hirs = patterns.iter().map(|pattern| &pattern.hir);
        let set = match patterns {
            [only] => Self::of_one(&only.hir),
            _ => Self::new(hirs, MAX_JOINT_AUTOMATON_BYTES, MAX_JOINT_BUILD_BYTES),
        };
        match set {
            Ok(set) => sets.push((first, set)),
            Err(_) if patterns.len() > 1 => {
                *splits = splits.checked_sub(1).ok_or(RegexError::TooManyTogether)?;
                let (left, right) = patterns.split_at(patterns.len() / 2);
                Self::split(first, left, splits, sets)?;
                Self::split(first + left.len(), right, splits, sets)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Compiles one regex.
    pub(super) fn of_one(hir: &Hir) -> Result<Self, RegexError> {
        Self::new([hir], MAX_AUTOMATON_BYTES, MAX_BUILD_BYTES)
    }

    /// Compiles regexes to one automaton of at most so many bytes, and takes at most so many on the way.
    fn new<'a>(
        hirs: impl IntoIterator<Item = &'a Hir>,
        most: usize,
        most_on_the_way: usize,
    ) -> Result<Self, RegexError> {
        let whole: Vec<Hir> = hirs
            .into_iter()
            .map(|hir| Hir::concat(vec![hir.clone(), Hir::look(Look::End)]))
            .collect();
        let nfa = thompson::Compiler::new()
            .configure(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(most)),
            )
            .build_many_from_hir(&whole)
            .map_err(|_| RegexError::TooLarge)?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    // The search anchors the start, and the `Look::End` above the end.
                    .start_kind(StartKind::Anchored)
                    // Without this a pattern that matches a shorter text would hide the others.
                    .match_kind(MatchKind::All)
                    .accelerate(false)
                    .dfa_size_limit(Some(most))
                    .determinize_size_limit(Some(most_on_the_way)),
            )
            .build_from_nfa(&nfa)
            .map_err(|_| RegexError::TooLarge)?;
        let start = automaton
            .start_state_forward(&Input::new("").anchored(Anchored::Yes))
            .map_err(|_| RegexError::TooLarge)?;
        Ok(Self { automaton, start })
    }

    /// Returns the index of a pattern that matches the whole of `origin`.
    pub(in crate::cors::origins) fn find(&self, origin: &[u8]) -> Option<usize> {
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

    /// Returns a set that matches every serialized origin. Of other texts it matches those that are
    /// too long, and all that looks like an IPv6 address.
    pub(super) fn of_all_origins() -> &'static Self {
        static ORIGINS: OnceLock<RegexSet> = OnceLock::new();
        ORIGINS.get_or_init(|| {
            let text =
                format!(r"{SCHEME}://({NAME}\.?|{OCTET}(\.{OCTET}){{3}}|\[[0-9a-f:]+\])(:{PORT})?");
            let hir = parse(&text).expect("invariant: a test parses it");
            Self::of_one(&hir).expect("invariant: a test compiles it")
        })
    }

    /// Whether some text is matched by both. Walks over the pairs of states that one text can reach
    /// in both automata.
    pub(super) fn meets(&self, other: &Self) -> bool {
        /// Maximum pairs that are looked at; automata with more are taken to match a common text.
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

    pub(in crate::cors::origins) fn memory_usage(&self) -> usize {
        self.automaton.memory_usage()
    }
}
