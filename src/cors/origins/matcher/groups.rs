//! Patterns with a wildcard or any port, found by the suffixes of an origin's host.

use super::arena::{Arena, PatternId};
use super::hash_bytes;
use crate::cors::origins::origin::{MAX_ORIGIN_LEN, TupleOrigin};
use crate::cors::origins::pattern::{HostPattern, PortPattern, TuplePattern};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// All patterns of a matcher that stand for more than one origin, but regexes and `*`.
#[derive(Debug)]
pub(super) struct Groups {
    table: HashTable<Group>,
    /// Each group's ports, sorted; [`ANY_PORT`] last.
    pub(super) ports: Box<[GroupPort]>,
    /// Maximum labels of a group's host; longer suffixes are not looked up.
    max_labels: usize,
}

/// Patterns with the same scheme, host and kind of host; they differ in their ports only.
#[derive(Debug)]
struct Group {
    /// The group's first pattern, whose text starts with the group's key.
    key: PatternId,
    scheme_len: u8,
    host_len: u8,
    host_pattern: HostPattern,
    first_port: u32,
    port_count: u32,
}

#[derive(Debug)]
pub(super) struct GroupPort {
    port: u32,
    id: PatternId,
}

/// Stands for any port. Greater than every port, so that it is the last of its group.
const ANY_PORT: u32 = u32::MAX;
/// Stands for the scheme's default port, which is not written.
const DEFAULT_PORT: u32 = 0;

// The casts below lose nothing: a scheme has at most 64 bytes and a host at most 254, and every
// pattern has a record of more than one byte in an arena of at most `u32::MAX`.
const _: () = assert!(MAX_ORIGIN_LEN < u16::MAX as usize);

// === impl Groups ===

impl Groups {
    /// Groups `patterns`, whose text is in `arena`.
    pub(super) fn new(
        mut patterns: Vec<(&TuplePattern, PatternId)>,
        arena: &Arena,
        state: &RandomState,
    ) -> Self {
        let kind = |tuple: &TuplePattern| (tuple.host_pattern, tuple.port);
        patterns.sort_by(|(a, _), (b, _)| {
            (&a.host, &a.scheme, kind(a)).cmp(&(&b.host, &b.scheme, kind(b)))
        });
        patterns.dedup_by(|(a, _), (b, _)| a == b);
        let chunks = || {
            patterns.chunk_by(|(a, _), (b, _)| {
                (&a.host, &a.scheme, a.host_pattern) == (&b.host, &b.scheme, b.host_pattern)
            })
        };
        let mut groups = Self {
            table: HashTable::with_capacity(chunks().count()),
            ports: patterns.iter().map(GroupPort::of).collect(),
            max_labels: 0,
        };
        let mut first_port = 0;
        for same in chunks() {
            let (first, key) = same[0];
            let group = Group {
                key,
                scheme_len: first.scheme.len() as u8,
                host_len: first.host.len() as u8,
                host_pattern: first.host_pattern,
                first_port,
                port_count: same.len() as u32,
            };
            first_port += group.port_count;
            let whole = group.whole(arena, state);
            groups.max_labels = groups.max_labels.max(whole.labels);
            let hash = |group: &Group| tag_of(group.whole(arena, state).hash, group.host_pattern);
            groups.table.insert_unique(hash(&group), group, hash);
        }
        groups
    }

    /// Finds the patterns that allow `origin`, those of the shortest host first.
    pub(super) fn find<'g>(
        &'g self,
        origin: &TupleOrigin<'g>,
        arena: &'g Arena,
        state: &'g RandomState,
    ) -> impl Iterator<Item = PatternId> + use<'g> {
        let (scheme, host) = (origin.scheme().as_bytes(), origin.host().as_bytes());
        let port = origin.port();
        let suffixes = (!self.table.is_empty()).then(|| Suffixes::new(state, scheme, host));
        let suffixes = suffixes.into_iter().flatten().take(self.max_labels);
        let groups = suffixes.filter_map(move |suffix| {
            let host_pattern = match suffix.text.len() == host.len() {
                true => HostPattern::Exact,
                false => HostPattern::Subdomains,
            };
            self.table.find(tag_of(suffix.hash, host_pattern), |group| {
                group.host_pattern == host_pattern
                    && group.scheme_and_host(arena) == (scheme, suffix.text)
            })
        });
        groups.flat_map(move |group| self.find_port(group, port))
    }

    /// Finds a group's pattern for any port, and the one for this port.
    fn find_port(
        &self,
        group: &Group,
        port: Option<u16>,
    ) -> impl Iterator<Item = PatternId> + use<> {
        let first = group.first_port as usize;
        let ports = &self.ports[first..first + group.port_count as usize];
        let any = ports.last().filter(|last| last.port == ANY_PORT);
        let port = port.map_or(DEFAULT_PORT, u32::from);
        let at = ports.binary_search_by_key(&port, |entry| entry.port);
        let one = at.ok().map(|at| ports[at].id);
        any.map(|any| any.id).into_iter().chain(one)
    }

    pub(super) fn memory_usage(&self) -> usize {
        self.table.allocation_size() + size_of_val(&*self.ports)
    }
}

// === impl GroupPort ===

impl GroupPort {
    fn of((tuple, id): &(&TuplePattern, PatternId)) -> Self {
        Self {
            port: match tuple.port {
                PortPattern::Default => DEFAULT_PORT,
                PortPattern::Number(port) => u32::from(port),
                PortPattern::Any => ANY_PORT,
            },
            id: *id,
        }
    }
}

// === impl Group ===

impl Group {
    /// Returns the scheme and the host of the group, out of the text of its first pattern.
    fn scheme_and_host<'a>(&self, arena: &'a Arena) -> (&'a [u8], &'a [u8]) {
        let text = arena.text(self.key);
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

    /// Returns the suffix that is the group's whole host.
    fn whole<'a>(&self, arena: &'a Arena, state: &'a RandomState) -> Suffix<'a> {
        let (scheme, host) = self.scheme_and_host(arena);
        let suffixes = Suffixes::new(state, scheme, host);
        suffixes.last().unwrap_or_default()
    }
}

// === impl Suffixes ===

/// The suffixes of a host that start at a label, shortest first, each with the hash of scheme and
/// suffix. The hash of a suffix is made from that of the next shorter one, so that hashing all
/// suffixes takes one pass over the host.
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
        // The label ends before the dot in front of the previous suffix.
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

fn tag_of(hash: u64, host_pattern: HostPattern) -> u64 {
    match host_pattern {
        HostPattern::Exact => hash,
        HostPattern::Subdomains => !hash,
    }
}
