//! Many origin patterns as one: compiled once into flat tables, asked on every request.
//!
//! All pattern text lies in one buffer; every table holds `u32` handles into it. There is no
//! allocation per pattern, and dropping a matcher frees a handful of blocks however many patterns
//! it has. A question costs, whatever the number of patterns:
//!
//! 1. exact origins: one hash look-up of the whole value, before anything is parsed;
//! 2. wildcards and any-port patterns: one look-up per label boundary of the host, right to left;
//! 3. regexes: one automaton for all of them, asked last.
//!
//! *Invariant:* a look-up ends in a comparison of the bytes themselves. Hashes only say where to
//! look, so no collision can allow an origin (allowing `https://foo.com` and `https://bar.com`
//! must not allow `https://barfoo.com`).

use super::origin::{MAX_ORIGIN_LEN, Origin, OriginError, TupleOrigin};
use super::pattern::{HostPattern, OriginPattern, PortPattern, TuplePattern};
use super::regex::{RegexError, RegexSet};
use foldhash::quality::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Many origin patterns, compiled.
#[derive(Debug)]
pub struct OriginMatcher {
    /// Records: kind, length (little-endian `u16`), text. Everything below points into it.
    arena: Box<[u8]>,
    exact: Table,
    groups: Box<[Group]>,
    group_table: Table,
    /// Each group's ports, sorted; [`ANY_PORT`] last.
    ports: Box<[GroupPort]>,
    /// The most labels that a group's host has: what is deeper is not looked up.
    max_labels: usize,
    regexes: Option<Regexes>,
    any: Option<PatternId>,
    null: Option<PatternId>,
    /// Keyed afresh in every process, so that tenants can't choose origins that collide.
    hash: RandomState,
}

/// A handle to one pattern of a matcher: where its record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternId(u32);

/// One pattern of a matcher, as it can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternRef<'a> {
    /// A string: exact, wildcard, any port, `*`, `null`.
    Text(&'a str),
    Regex(&'a str),
}

/// Why patterns can't be compiled together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    #[error("the patterns' text exceeds 4 GiB")]
    TooMuchText,
    #[error("the regexes together are too many: {0}")]
    Regex(#[from] RegexError),
}

/// Patterns with the same scheme, host and kind of host; they differ in their ports only.
#[derive(Debug)]
struct Group {
    /// The record of the group's first pattern, whose text starts with the group's key.
    key: PatternId,
    scheme_len: u8,
    host_len: u8,
    host_pattern: HostPattern,
    first_port: u32,
    port_count: u32,
}

#[derive(Debug)]
struct GroupPort {
    port: u32,
    id: PatternId,
}

#[derive(Debug)]
struct Regexes {
    /// Each with the place of its first pattern in `ids`.
    sets: Box<[(usize, RegexSet)]>,
    ids: Box<[PatternId]>,
}

/// Greater than every port, so that it is found at the end of its group.
const ANY_PORT: u32 = u32::MAX;
/// No port written: the scheme's default.
const DEFAULT_PORT: u32 = 0;

const KIND_TEXT: u8 = 0;
const KIND_REGEX: u8 = 1;
const RECORD_HEADER: usize = 3;

// === impl OriginMatcher ===

impl OriginMatcher {
    /// Compiles `patterns`. `any_matches_null` says whether `*` covers opaque origins.
    ///
    /// # Errors
    ///
    /// When the regexes need too large an automaton, or the text too large a buffer.
    pub fn new(patterns: &[OriginPattern], any_matches_null: bool) -> Result<Self, MatcherError> {
        let hash = RandomState::default();
        let mut arena = Arena::default();
        let mut exact = TableBuilder::with_capacity(
            patterns
                .iter()
                .filter(|pattern| matches!(pattern, OriginPattern::Tuple(tuple) if is_exact(tuple)))
                .count(),
        );
        let mut grouped: Vec<(&TuplePattern, PatternId)> = Vec::new();
        let mut regexes = Vec::new();
        let (mut any, mut null) = (None, None);
        for pattern in patterns {
            match pattern {
                OriginPattern::Any => any = Some(arena.push(KIND_TEXT, "*")?),
                OriginPattern::Null => null = Some(arena.push(KIND_TEXT, "null")?),
                OriginPattern::Regex(regex) => {
                    regexes.push((regex, arena.push(KIND_REGEX, regex.text())?));
                }
                OriginPattern::Tuple(tuple) => {
                    let text = tuple.text();
                    if is_exact(tuple) {
                        let tag = hash_bytes(&hash, text.as_bytes());
                        if exact
                            .find(tag, |at| arena.text(PatternId(at)) == text.as_bytes())
                            .is_none()
                        {
                            exact.insert(tag, arena.push(KIND_TEXT, &text)?.0);
                        }
                    } else {
                        grouped.push((tuple, arena.push(KIND_TEXT, &text)?));
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
        let (groups, ports) = group(grouped);
        let mut group_table = TableBuilder::with_capacity(groups.len());
        let mut max_labels = 0;
        for (index, group) in (0u32..).zip(&groups) {
            let (scheme, host) = group.key_of(arena.text(group.key));
            let mut suffixes = Suffixes::new(&hash, scheme, host);
            let whole = suffixes.by_ref().last().unwrap_or_default();
            group_table.insert(tag_of(whole.hash, group.host_pattern), index);
            max_labels = max_labels.max(whole.labels);
        }
        Ok(Self {
            arena: arena.bytes.into_boxed_slice(),
            exact: exact.build(),
            groups: groups.into_boxed_slice(),
            group_table: group_table.build(),
            ports: ports.into_boxed_slice(),
            max_labels,
            regexes,
            any,
            null,
            hash,
        })
    }

    /// The pattern that allows `origin`, the value of an Origin field; `None` where none does.
    ///
    /// # Errors
    ///
    /// Where `origin` is no serialized origin.
    pub fn find(&self, origin: &[u8]) -> Result<Option<PatternId>, OriginError> {
        if origin.len() > MAX_ORIGIN_LEN {
            return Err(OriginError::TooLong);
        }
        // What equals a validated pattern needs no parsing of its own.
        if let Some(id) = self.find_exact(origin) {
            return Ok(Some(id));
        }
        let found = match Origin::parse(origin)? {
            Origin::Null => self.null,
            Origin::Tuple(origin) => self
                .find_grouped(&origin)
                .or_else(|| self.find_regex(&origin))
                .or(self.any),
        };
        Ok(found)
    }

    /// The pattern behind a handle of this matcher.
    pub fn pattern(&self, id: PatternId) -> PatternRef<'_> {
        let (kind, text) = record(&self.arena, id);
        let text = std::str::from_utf8(text).unwrap_or_default();
        match kind {
            KIND_REGEX => PatternRef::Regex(text),
            _ => PatternRef::Text(text),
        }
    }

    /// All patterns: exact ones first seen first, duplicates once.
    pub fn patterns(&self) -> impl Iterator<Item = PatternRef<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let id = (at < self.arena.len()).then_some(PatternId(at as u32))?;
            at += RECORD_HEADER + record(&self.arena, id).1.len();
            Some(self.pattern(id))
        })
    }

    /// The pattern text's bytes, and the bytes of all tables beside it.
    pub fn memory_usage(&self) -> (usize, usize) {
        let records = self.exact.len() + self.ports.len();
        let headers = records * RECORD_HEADER;
        let tables = self.exact.memory_usage()
            + self.group_table.memory_usage()
            + size_of_val(&*self.groups)
            + size_of_val(&*self.ports)
            + self.regexes.as_ref().map_or(0, |regexes| {
                let sets = regexes.sets.iter().map(|(_, set)| set.memory_usage());
                sets.sum::<usize>() + size_of_val(&*regexes.ids)
            });
        (self.arena.len() - headers, tables + headers)
    }

    fn find_exact(&self, origin: &[u8]) -> Option<PatternId> {
        if self.exact.is_empty() {
            return None;
        }
        let tag = hash_bytes(&self.hash, origin);
        self.exact
            .find(tag, |at| record(&self.arena, PatternId(at)).1 == origin)
            .map(PatternId)
    }

    fn find_grouped(&self, origin: &TupleOrigin<'_>) -> Option<PatternId> {
        if self.groups.is_empty() {
            return None;
        }
        let (scheme, host) = (origin.scheme().as_bytes(), origin.host().as_bytes());
        for suffix in Suffixes::new(&self.hash, scheme, host).take(self.max_labels) {
            let host_pattern = match suffix.text.len() == host.len() {
                true => HostPattern::Exact,
                false => HostPattern::Subdomains,
            };
            let found = self
                .group_table
                .find(tag_of(suffix.hash, host_pattern), |index| {
                    let group = &self.groups[index as usize];
                    group.host_pattern == host_pattern
                        && group.key_of(record(&self.arena, group.key).1) == (scheme, suffix.text)
                })
                .and_then(|index| self.find_port(&self.groups[index as usize], origin.port()));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn find_port(&self, group: &Group, port: Option<u16>) -> Option<PatternId> {
        let first = group.first_port as usize;
        let ports = &self.ports[first..first + group.port_count as usize];
        if let Some(last) = ports.last().filter(|last| last.port == ANY_PORT) {
            return Some(last.id);
        }
        let port = port.map_or(DEFAULT_PORT, u32::from);
        let at = ports.binary_search_by_key(&port, |entry| entry.port).ok()?;
        Some(ports[at].id)
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

/// Whether the pattern stands for one origin, and so for one hash look-up.
fn is_exact(tuple: &TuplePattern) -> bool {
    tuple.host_pattern == HostPattern::Exact && tuple.port != PortPattern::Any
}

// === impl Group ===

impl Group {
    /// The scheme and the host of the group, out of the text of its first pattern.
    fn key_of<'a>(&self, text: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let scheme_len = usize::from(self.scheme_len);
        let wildcard_len = match self.host_pattern {
            HostPattern::Exact => 0,
            HostPattern::Subdomains => "*.".len(),
        };
        let host_at = scheme_len + "://".len() + wildcard_len;
        (
            &text[..scheme_len],
            &text[host_at..host_at + usize::from(self.host_len)],
        )
    }
}

fn group(mut patterns: Vec<(&TuplePattern, PatternId)>) -> (Vec<Group>, Vec<GroupPort>) {
    let port_of = |tuple: &TuplePattern| match tuple.port {
        PortPattern::Default => DEFAULT_PORT,
        PortPattern::Number(port) => u32::from(port),
        PortPattern::Any => ANY_PORT,
    };
    let key = |tuple: &TuplePattern| (tuple.host_pattern, tuple.port);
    patterns
        .sort_by(|(a, _), (b, _)| (&a.host, &a.scheme, key(a)).cmp(&(&b.host, &b.scheme, key(b))));
    patterns.dedup_by(|(a, _), (b, _)| a == b);
    let mut groups = Vec::new();
    let mut ports = Vec::with_capacity(patterns.len());
    for same in patterns.chunk_by(|(a, _), (b, _)| {
        (&a.host, &a.scheme, a.host_pattern) == (&b.host, &b.scheme, b.host_pattern)
    }) {
        let (first, id) = same[0];
        groups.push(Group {
            key: id,
            scheme_len: first.scheme.len() as u8,
            host_len: first.host.len() as u8,
            host_pattern: first.host_pattern,
            first_port: ports.len() as u32,
            port_count: same.len() as u32,
        });
        ports.extend(same.iter().map(|(tuple, id)| GroupPort {
            port: port_of(tuple),
            id: *id,
        }));
    }
    (groups, ports)
}

// The casts above can't cut anything off: a scheme and a host are bounded far below 256 bytes, and
// every pattern has a record of more than one byte in an arena of at most `u32::MAX`.
const _: () = assert!(MAX_ORIGIN_LEN < u16::MAX as usize);

// === impl Suffixes ===

/// The suffixes of a host that start at a label, shortest first, each with the hash of scheme and
/// suffix. Hashing goes label by label, so that all suffixes together cost one pass.
struct Suffixes<'a> {
    state: &'a RandomState,
    host: &'a [u8],
    next: Suffix<'a>,
    done: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Suffix<'a> {
    text: &'a [u8],
    labels: usize,
    hash: u64,
}

impl<'a> Suffixes<'a> {
    fn new(state: &'a RandomState, scheme: &[u8], host: &'a [u8]) -> Self {
        Self {
            state,
            host,
            next: Suffix {
                text: &host[host.len()..],
                labels: 0,
                hash: hash_bytes(state, scheme),
            },
            done: false,
        }
    }
}

impl<'a> Iterator for Suffixes<'a> {
    type Item = Suffix<'a>;

    fn next(&mut self) -> Option<Suffix<'a>> {
        if self.done {
            return None;
        }
        // The label ends before the dot that the previous suffix begins behind.
        let end = match self.next.labels {
            0 => self.host.len(),
            _ => self.host.len() - self.next.text.len() - 1,
        };
        let start = self.host[..end]
            .iter()
            .rposition(|&byte| byte == b'.')
            .map_or(0, |dot| dot + 1);
        let mut hasher = self.state.build_hasher();
        hasher.write_u64(self.next.hash);
        hasher.write(&self.host[start..end]);
        self.next = Suffix {
            text: &self.host[start..],
            labels: self.next.labels + 1,
            hash: hasher.finish(),
        };
        self.done = start == 0;
        Some(self.next)
    }
}

fn hash_bytes(state: &RandomState, bytes: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

fn tag_of(hash: u64, host_pattern: HostPattern) -> u64 {
    match host_pattern {
        HostPattern::Exact => hash,
        HostPattern::Subdomains => !hash,
    }
}

// === impl Arena ===

#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
}

impl Arena {
    fn push(&mut self, kind: u8, text: &str) -> Result<PatternId, MatcherError> {
        let at = u32::try_from(self.bytes.len()).map_err(|_| MatcherError::TooMuchText)?;
        let len = u16::try_from(text.len()).map_err(|_| MatcherError::TooMuchText)?;
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(PatternId(at))
    }

    fn text(&self, id: PatternId) -> &[u8] {
        record(&self.bytes, id).1
    }
}

fn record(arena: &[u8], PatternId(at): PatternId) -> (u8, &[u8]) {
    let record = &arena[at as usize..];
    let len = usize::from(u16::from_le_bytes([record[1], record[2]]));
    (record[0], &record[RECORD_HEADER..RECORD_HEADER + len])
}

// === impl Table ===

/// A hash table with open addressing: a tag and a `u32` a slot, at most half of them taken.
#[derive(Debug)]
struct Table {
    slots: Box<[Slot]>,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The high half of the hash; the low half chose the slot.
    tag: u32,
    value: u32,
}

const FREE: u32 = u32::MAX;

impl Table {
    fn find(&self, hash: u64, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        probe(&self.slots, hash, is_it)
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn len(&self) -> usize {
        self.len
    }

    fn memory_usage(&self) -> usize {
        size_of_val(&*self.slots)
    }
}

struct TableBuilder {
    slots: Vec<Slot>,
    len: usize,
}

impl TableBuilder {
    fn with_capacity(len: usize) -> Self {
        let free = Slot {
            tag: 0,
            value: FREE,
        };
        Self {
            slots: vec![free; (len * 2).next_power_of_two()],
            len: 0,
        }
    }

    fn find(&self, hash: u64, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        probe(&self.slots, hash, is_it)
    }

    /// At most as often as `with_capacity` was told, so that half of the slots stay free.
    fn insert(&mut self, hash: u64, value: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].value != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = Slot {
            tag: (hash >> 32) as u32,
            value,
        };
        self.len += 1;
    }

    fn build(self) -> Table {
        match self.len {
            // Most policies have no wildcards or nothing but them: an empty table takes nothing.
            0 => Table {
                slots: Box::new([Slot {
                    tag: 0,
                    value: FREE,
                }]),
                len: 0,
            },
            len => Table {
                slots: self.slots.into_boxed_slice(),
                len,
            },
        }
    }
}

fn probe(slots: &[Slot], hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
    let mask = slots.len() - 1;
    let tag = (hash >> 32) as u32;
    let mut at = hash as usize & mask;
    loop {
        let slot = slots[at];
        if slot.value == FREE {
            return None;
        }
        if slot.tag == tag && is_it(slot.value) {
            return Some(slot.value);
        }
        at = (at + 1) & mask;
    }
}

#[cfg(test)]
mod tests;
