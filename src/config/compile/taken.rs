//! The routes so far by what must not be there twice: their names, and the requests that they take. With
//! it a route is compared with the few that can clash with it, and not with thousands.

use crate::routing::{HostMatch, PathMatch, RouteMatch};
use std::collections::{BTreeSet, HashMap};

/// Maximum number of routes with the same host and path, all of which are compared with each other;
/// more are refused.
pub(super) const MAX_OF_PLACE: usize = 1_000;
/// The same for all hosts of one route together, where another route counts for each host in common.
const MAX_LOOKED_AT: usize = 10 * MAX_OF_PLACE;

/// The routes so far, each as its place in the list.
#[derive(Default)]
pub(super) struct Taken {
    names: HashMap<String, usize>,
    places: HashMap<PlaceOf, Vec<usize>>,
}

/// A path, a host, which is `None` for any host, and whether the route is a fallback.
type PlaceOf = (PathMatch, Option<HostMatch>, bool);

// === impl Taken ===

impl Taken {
    /// Returns the route with this name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Returns the routes that have the path and a host of `matches`, and are a fallback if it is one; `None`
    /// if they are too many.
    pub(super) fn rivals(&self, matches: &RouteMatch) -> Option<BTreeSet<usize>> {
        let mut rivals = BTreeSet::new();
        let mut looked_at = 0;
        for place in places_of(matches) {
            let others = self.places.get(&place).map_or(&[][..], Vec::as_slice);
            looked_at += others.len();
            if others.len() >= MAX_OF_PLACE || looked_at > MAX_LOOKED_AT {
                return None;
            }
            rivals.extend(others);
        }
        Some(rivals)
    }

    /// Adds a route. The first one of a name keeps it.
    pub(super) fn add(&mut self, route: usize, name: &str, matches: Option<&RouteMatch>) {
        self.names.entry(name.to_owned()).or_insert(route);
        for place in matches.into_iter().flat_map(places_of) {
            self.places.entry(place).or_default().push(route);
        }
    }
}

fn places_of(matches: &RouteMatch) -> impl Iterator<Item = PlaceOf> {
    let any = matches.hosts.is_empty().then_some(None);
    let hosts = matches.hosts.iter().cloned().map(Some).chain(any);
    hosts.map(|host| (matches.path.clone(), host, matches.is_fallback))
}
