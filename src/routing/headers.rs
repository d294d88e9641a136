//! The header predicates of all routes, and those that a request meets. Each field of a request is
//! read once, however many routes ask about it.

use super::route_request::RouteRequest;
use super::router::Table;

/// The number of a name, or of a name with a value, that some predicate has. 0 is none of them.
pub(super) type Id = u32;

/// All header predicates, by name and then by value.
#[derive(Debug, Default)]
pub(super) struct HeaderTable {
    names: Table<Name>,
    /// Bit n is set if a name has n bytes, modulo 64. Most fields of a request are told by it.
    lengths: u64,
    last: Id,
}

#[derive(Debug)]
struct Name {
    id: Id,
    values: Table<Id>,
}

/// A header's name, and its exact value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Predicate {
    pub name: Id,
    pub value: Id,
}

/// The predicates that a request meets. Its lists are sorted.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// The values that its fields have.
    pub values: Vec<Id>,
    /// The names of these fields.
    pub names: Vec<Id>,
    /// The names that a preflight asks for: it meets their predicates, whatever the value.
    pub asked: Vec<Id>,
}

// === impl HeaderTable ===

impl HeaderTable {
    /// Returns the predicate for a name in lower case, with a value; adds it if it is new.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Predicate {
        let Self {
            names,
            lengths,
            last,
        } = self;
        *lengths |= bit(name.len());
        let mut next = || {
            *last += 1;
            *last
        };
        let name = names.entry(name.as_bytes().into()).or_insert_with(|| Name {
            id: next(),
            values: Table::default(),
        });
        let values = name.values.entry(value.as_bytes().into());
        Predicate {
            name: name.id,
            value: *values.or_insert_with(next),
        }
    }

    /// Reads the request's fields, and the names that it asks for if it is a preflight that takes the route of
    /// the request to come.
    pub(super) fn met(&self, request: &RouteRequest<'_>) -> Met {
        let mut met = Met::default();
        let Some(fields) = request.fields else {
            return met;
        };
        let mut lower = Vec::new();
        fields.for_each(&mut |name, value| {
            if let Some(name) = self.name(name, &mut lower)
                && let Some(&value) = name.values.get(value)
            {
                met.values.push(value);
                met.names.push(name.id);
            }
        });
        if request.stands_for_another() {
            let asked = request.cors.requested_names();
            let known = asked.filter_map(|name| self.name(name, &mut lower));
            met.asked.extend(known.map(|name| name.id));
        }
        for list in [&mut met.values, &mut met.names, &mut met.asked] {
            list.sort_unstable();
            list.dedup();
        }
        met
    }

    /// Finds a name in any case.
    fn name(&self, name: &[u8], lower: &mut Vec<u8>) -> Option<&Name> {
        if self.lengths & bit(name.len()) == 0 {
            return None;
        }
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        self.names.get(lower.as_slice())
    }
}

fn bit(len: usize) -> u64 {
    1 << (len % 64)
}

// === impl Met ===

impl Met {
    pub(super) fn all(&self, predicates: &[Predicate]) -> bool {
        let is_met = |p: &Predicate| has(&self.values, p.value) || has(&self.asked, p.name);
        predicates.iter().all(is_met)
    }

    /// Whether a preflight asks for all these names.
    pub(super) fn asks_for_all(&self, predicates: &[Predicate]) -> bool {
        predicates.iter().all(|p| has(&self.asked, p.name))
    }

    /// Whether each of these names is asked for, or there with a value that some predicate has.
    pub(super) fn may_be_all(&self, predicates: &[Predicate]) -> bool {
        let may_be = |p: &Predicate| has(&self.asked, p.name) || has(&self.names, p.name);
        predicates.iter().all(may_be)
    }
}

fn has(sorted: &[Id], id: Id) -> bool {
    sorted.binary_search(&id).is_ok()
}
