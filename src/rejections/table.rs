//! The most frequent of values without end, in bounded memory: the Space-Saving algorithm of Metwally,
//! Agrawal and El Abbadi. A table that is full gives its rarest entry's place, and count, to a new value;
//! every value that is seen more often than one time in [`ENTRIES`] has an entry.

use crate::cors::{MAX_ORIGIN_LEN, Reason};
use std::time::Instant;

/// Number of entries; a value more takes the place of the rarest.
pub(super) const ENTRIES: usize = 128;
/// Maximum bytes of a value; longer ones are cut.
pub(super) const MAX_VALUE: usize = MAX_ORIGIN_LEN;
/// Maximum bytes of a header's name, a method or a path beside a value; longer ones are cut.
const MAX_DETAIL: usize = 128;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
}

/// A value, and how often it was seen on one route for one reason.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub route: String,
    pub reason: Reason,
    pub value: Vec<u8>,
    /// Number of times that it was seen, at most.
    pub at_most: u64,
    /// The part of that number which may be those of values before it.
    inherited: u64,
    pub last: LastSeen,
}

/// The request that an entry was seen in last.
#[derive(Debug, Clone)]
pub(super) struct LastSeen {
    pub at: Instant,
    pub origin: Vec<u8>,
    pub method: Vec<u8>,
    pub path: Vec<u8>,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last<'a> {
    pub at: Instant,
    pub origin: &'a [u8],
    pub method: &'a [u8],
    pub path: &'a [u8],
}

// === impl Table ===

impl Table {
    /// Counts a value. A table that is full allocates nothing for a value as long as those before it.
    pub(super) fn add(&mut self, route: &str, reason: Reason, value: &[u8], last: Last<'_>) {
        let value = start_of(value, MAX_VALUE);
        let is_same = |e: &&mut Entry| e.value == value && e.reason == reason && e.route == route;
        if let Some(entry) = self.entries.iter_mut().find(is_same) {
            entry.at_most += 1;
            return entry.last.set(last);
        }
        if self.entries.len() < ENTRIES {
            return self.entries.push(Entry::new(route, reason, value, last));
        }
        // The one that was seen the longest ago among the rarest.
        let rarest = |e: &&mut Entry| (e.at_most, e.last.at);
        if let Some(entry) = self.entries.iter_mut().min_by_key(rarest) {
            entry.replace(route, reason, value, last);
        }
    }

    pub(super) fn forget_route(&mut self, name: &str) {
        self.entries.retain(|entry| entry.route != name);
    }

    /// Returns the entries, the most frequent first.
    pub(super) fn most_frequent(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|e| std::cmp::Reverse((e.at_least(), e.at_most, e.last.at)));
        entries
    }
}

// === impl Entry ===

impl Entry {
    fn new(route: &str, reason: Reason, value: &[u8], last: Last<'_>) -> Self {
        Self {
            route: route.to_owned(),
            reason,
            value: value.to_owned(),
            at_most: 1,
            inherited: 0,
            last: LastSeen {
                at: last.at,
                origin: start_of(last.origin, MAX_VALUE).to_owned(),
                method: start_of(last.method, MAX_DETAIL).to_owned(),
                path: start_of(last.path, MAX_DETAIL).to_owned(),
            },
        }
    }

    /// Gives the place of this value to another one.
    fn replace(&mut self, route: &str, reason: Reason, value: &[u8], last: Last<'_>) {
        self.inherited = self.at_most;
        self.at_most += 1;
        self.reason = reason;
        route.clone_into(&mut self.route);
        value.clone_into(&mut self.value);
        self.last.set(last);
    }

    /// Returns the number of times that the value was seen, at least.
    pub(super) fn at_least(&self) -> u64 {
        self.at_most - self.inherited
    }
}

// === impl LastSeen ===

impl LastSeen {
    fn set(&mut self, last: Last<'_>) {
        self.at = last.at;
        for (known, new, max) in [
            (&mut self.origin, last.origin, MAX_VALUE),
            (&mut self.method, last.method, MAX_DETAIL),
            (&mut self.path, last.path, MAX_DETAIL),
        ] {
            start_of(new, max).clone_into(known);
        }
    }
}

/// Returns the start of a value, up to `max` bytes.
pub(super) fn start_of(value: &[u8], max: usize) -> &[u8] {
    &value[..value.len().min(max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const REASON: Reason = Reason::OriginNotAllowed;

    fn last() -> Last<'static> {
        Last {
            at: Instant::now(),
            origin: b"https://app.example.com",
            method: b"GET",
            path: b"/",
        }
    }

    #[test]
    fn frequent_values_stay_whatever_comes_between_them() {
        let mut table = Table::default();
        let mut counted: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut add = |value: String| {
            table.add("r", REASON, value.as_bytes(), last());
            *counted.entry(value.into_bytes()).or_default() += 1;
        };
        for round in 0..ENTRIES * 20 {
            add(format!("https://{round}.test"));
            if round % 4 == 0 {
                add("https://often.test".to_owned());
            }
            if round % 10 == 0 {
                add("https://sometimes.test".to_owned());
            }
        }
        let entries = table.most_frequent();
        assert_eq!(entries.len(), ENTRIES);
        assert_eq!(entries[0].value, b"https://often.test");
        assert_eq!(entries[1].value, b"https://sometimes.test");
        for entry in entries {
            let counted = counted[&entry.value];
            assert!(
                entry.at_least() <= counted && counted <= entry.at_most,
                "{entry:?}"
            );
        }
    }

    #[test]
    fn routes_and_reasons_are_counted_apart_and_forgotten_by_route() {
        let mut table = Table::default();
        for (route, reason, times) in [
            ("a", REASON, 3),
            ("b", REASON, 2),
            ("a", Reason::NoRoute, 1),
        ] {
            for _ in 0..times {
                table.add(route, reason, b"https://x.test", last());
            }
        }
        let counts = |table: &Table| -> Vec<u64> {
            table.most_frequent().iter().map(Entry::at_least).collect()
        };
        assert_eq!(counts(&table), [3, 2, 1]);
        table.forget_route("a");
        assert_eq!(counts(&table), [2]);
    }

    #[test]
    fn long_values_are_cut() {
        let mut table = Table::default();
        let long = vec![b'x'; 1 << 16];
        let last = Last {
            origin: &long,
            method: &long,
            path: &long,
            ..last()
        };
        for _ in 0..2 {
            table.add("r", REASON, &long, last);
        }
        let [entry] = &table.most_frequent()[..] else {
            panic!("{table:?}");
        };
        assert_eq!(entry.value.len(), MAX_VALUE);
        let LastSeen {
            origin,
            method,
            path,
            ..
        } = &entry.last;
        assert_eq!(
            [origin.len(), method.len(), path.len()],
            [MAX_VALUE, MAX_DETAIL, MAX_DETAIL]
        );
    }
}
