//! The router: finds a request's route, the most specific one that matches. An exact host is more
//! specific than a wildcard, and that more than none; then the path decides, as `paths` has it; then
//! more predicates. Only between equals does the order in the file count. Fallback routes come after all
//! others, in the same order among themselves.
//!
//! A preflight takes the route of the *actual* request that it announces: its method is the one in
//! Access-Control-Request-Method, and it meets a header predicate if Access-Control-Request-Headers
//! names the header. Operators therefore need no routes for OPTIONS. With [`PreflightMethod::Options`] it is
//! looked up like any other request, by its own method and its own fields.
//!
//! [`PreflightMethod::Options`]: super::PreflightMethod::Options
//!
//! The look-ups for a request are bounded by its own length, its labels, segments and fields, and
//! not by the number of routes: routes with the same host and path are found by method and header. A path
//! may match several templates; the configuration bounds the ways along which they are looked for.

use super::headers::{HeaderTable, Id, Met, Predicate};
use super::host::{MAX_HOST_LEN, host_name};
use super::matches::{HostMatch, RouteMatch};
use super::paths::Paths;
use super::route_request::RouteRequest;
use crate::cors::joined_vary;
use foldhash::quality::RandomState;
use http::HeaderValue;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

/// A table by the bytes of a host, a path or another part of a request. Clients choose the keys that
/// are looked up, but the operator those in the table, so that a quick hash is safe.
pub(super) type Table<T> = HashMap<Box<[u8]>, T, RandomState>;

/// Routes by host, then by path, then by method and headers.
#[derive(Debug, Default)]
pub struct Router {
    /// The routes that are not a fallback, then those that are.
    tiers: [Hosts; 2],
    places: Vec<Place>,
    methods: Table<Id>,
    headers: HeaderTable,
    /// Each route under the header, of those that it needs, which the fewest others do: under its
    /// value, and for preflights under its name.
    index: HashMap<Key, Vec<Group>, RandomState>,
}

/// The paths of routes by host.
#[derive(Debug, Default)]
struct Hosts {
    exact: Table<Paths>,
    wildcard: Table<Paths>,
    any: Paths,
}

/// The routes with one host and one path, all of them a fallback or none.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The most specific first.
    pub candidates: Vec<Candidate>,
    /// The headers that tell its routes apart, as a Vary; `None` if none does.
    vary: Option<HeaderValue>,
}

/// A route whose host and path match, with its other predicates.
#[derive(Debug)]
pub(super) struct Candidate {
    pub route: usize,
    headers: Box<[Predicate]>,
}

/// A place, a header and a method. 0 stands for a route without a header, or without a method.
type Key = (usize, Id, Id);

/// Candidates that differ in nothing but the values of their headers.
#[derive(Debug)]
struct Group {
    /// The names of the headers, sorted.
    names: Vec<Id>,
    candidates: Vec<u32>,
}

/// A route that was found, or that there is none.
#[derive(Debug, Default)]
pub struct Found {
    /// The route's place among those that the router was made of.
    pub route: Option<usize>,
    /// The headers of the request that the choice depended on, as a Vary; `None` if it did not.
    pub vary: Option<HeaderValue>,
}

/// The search for the routes of one request, under one path or several.
pub struct Search<'r> {
    router: &'r Router,
    request: &'r RouteRequest<'r>,
    method: Id,
    met: OnceCell<Met>,
}

// === impl Router ===

impl Router {
    /// Compiles the tables. A route is known by its place in `routes`.
    pub fn new<'a>(routes: impl IntoIterator<Item = &'a RouteMatch>) -> Self {
        let mut router = Self::default();
        let mut routes: Vec<(usize, &RouteMatch)> = routes.into_iter().enumerate().collect();
        // The sort is stable, so that routes with equally many predicates keep the file's order.
        routes.sort_by_key(|(_, matches)| std::cmp::Reverse(matches.predicate_count()));
        let mut places: Vec<Vec<(usize, &RouteMatch)>> = Vec::new();
        for (route, matches) in routes {
            let [first, fallback] = &mut router.tiers;
            let hosts = match matches.is_fallback {
                false => first,
                true => fallback,
            };
            let mut insert = |paths: &mut Paths| {
                let place = paths.place(&matches.path, places.len());
                if place == places.len() {
                    places.push(Vec::new());
                }
                places[place].push((route, matches));
            };
            if matches.hosts.is_empty() {
                insert(&mut hosts.any);
            }
            for host in &matches.hosts {
                let table = match host {
                    HostMatch::Exact(name) => hosts.exact.entry(name.as_bytes().into()),
                    HostMatch::Subdomains(name) => hosts.wildcard.entry(name.as_bytes().into()),
                };
                insert(table.or_default());
            }
        }
        for hosts in &mut router.tiers {
            let named = hosts.exact.values_mut().chain(hosts.wildcard.values_mut());
            named.chain([&mut hosts.any]).for_each(Paths::seal);
        }
        for routes in places {
            router.add_place(&routes);
        }
        router
    }

    /// Returns the route of a request.
    pub fn find(&self, request: &RouteRequest<'_>) -> Found {
        self.search(request).find(request.path)
    }

    /// Begins the search for the routes of a request.
    pub fn search<'r>(&'r self, request: &'r RouteRequest<'r>) -> Search<'r> {
        let method = self.methods.get(request.method());
        Search {
            router: self,
            request,
            method: method.copied().unwrap_or_default(),
            met: OnceCell::new(),
        }
    }

    /// Returns the paths of the routes for a host, the most specific first, those of fallback routes last.
    pub(super) fn hosts<'r, 'b>(
        &'r self,
        host: &[u8],
        buffer: &'b mut [u8; MAX_HOST_LEN],
    ) -> impl Iterator<Item = &'r Paths> + use<'r, 'b> {
        let is_needed = self.tiers.iter().any(Hosts::has_names);
        let name = is_needed.then(|| host_name(host, buffer)).flatten();
        self.tiers.iter().flat_map(move |hosts| hosts.of(name))
    }

    /// Returns hosts, among which each is like one: all tables of paths that it is looked up in are the same.
    pub(super) fn kinds_of_host(&self) -> BTreeSet<Vec<u8>> {
        // No host has such a label.
        const OTHER: &[u8] = b"\0";
        let exact = self.tiers.iter().flat_map(|hosts| hosts.exact.keys());
        let exact = exact.map(|name| name.to_vec());
        let wildcard = self.tiers.iter().flat_map(|hosts| hosts.wildcard.keys());
        let wildcard = wildcard.map(|name| [OTHER, b".", name].concat());
        exact.chain(wildcard).chain([OTHER.to_vec()]).collect()
    }

    /// Returns all tables of paths.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Paths> {
        self.tiers.iter().flat_map(|hosts| {
            let named = hosts.exact.values().chain(hosts.wildcard.values());
            named.chain(std::iter::once(&hosts.any))
        })
    }

    /// Returns the number of ways along which one path may have to be followed through the templates of a
    /// host, at most.
    pub fn ways(&self) -> usize {
        self.tables().map(Paths::ways).max().unwrap_or(0)
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    pub(super) fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// Adds the routes with one host and one path, the most specific first.
    fn add_place(&mut self, routes: &[(usize, &RouteMatch)]) {
        let at = self.places.len();
        let mut place = Place::default();
        let mut names: Vec<&str> = Vec::new();
        let mut uses: HashMap<Id, usize> = HashMap::new();
        for (route, matches) in routes {
            let add = |(name, value): &(String, String)| self.headers.add(name, value);
            let headers: Box<[Predicate]> = matches.headers.iter().map(add).collect();
            for predicate in &headers {
                *uses.entry(predicate.name).or_default() += 1;
                *uses.entry(predicate.value).or_default() += 1;
            }
            names.extend(matches.headers.iter().map(|(name, _)| name.as_str()));
            let route = *route;
            place.candidates.push(Candidate { route, headers });
        }
        for (rank, ((_, matches), candidate)) in (0..).zip(routes.iter().zip(&place.candidates)) {
            // The predicate that the fewest share, under its value and under its name: a preflight may meet
            // it by either, whichever way it meets the others.
            let rarest = candidate.headers.iter();
            let rarest = rarest.min_by_key(|p| (uses[&p.value], uses[&p.name]));
            let value = rarest.map(|p| p.value).unwrap_or_default();
            let name = rarest.map(|p| p.name);
            let mut methods: Vec<Id> = Vec::new();
            for method in &matches.methods {
                let next = Id::try_from(self.methods.len() + 1).unwrap_or_default();
                let id = self.methods.entry(method.as_bytes().into());
                methods.push(*id.or_insert(next));
            }
            if methods.is_empty() {
                methods.push(0);
            }
            for method in methods {
                for header in std::iter::once(value).chain(name) {
                    let groups = self.index.entry((at, header, method)).or_default();
                    Group::add(groups, rank, candidate);
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        if !names.is_empty() {
            // Names are tokens, so that they make a value.
            place.vary = HeaderValue::try_from(names.join(", ")).ok();
        }
        self.places.push(place);
    }
}

// === impl Hosts ===

impl Hosts {
    /// Whether some route is for certain hosts only.
    fn has_names(&self) -> bool {
        !self.exact.is_empty() || !self.wildcard.is_empty()
    }

    /// Returns the paths for a host's name, the most specific first.
    fn of<'r, 'n>(
        &'r self,
        name: Option<&'n [u8]>,
    ) -> impl Iterator<Item = &'r Paths> + use<'r, 'n> {
        let exact = name.and_then(|name| self.exact.get(name));
        // Longest suffix first: `*.a.example.com` before `*.example.com`.
        let name = name.filter(|_| !self.wildcard.is_empty());
        let name = name.unwrap_or_default();
        let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        let wildcards = dots.filter_map(|(at, _)| self.wildcard.get(&name[at + 1..]));
        exact
            .into_iter()
            .chain(wildcards)
            .chain(std::iter::once(&self.any))
    }
}

// === impl Search ===

impl Search<'_> {
    /// Returns the route that the request takes if its path is `path`.
    pub fn find(&self, path: &[u8]) -> Found {
        let mut vary: Option<HeaderValue> = None;
        let mut buffer = [0; MAX_HOST_LEN];
        let mut hosts = self.router.hosts(self.request.host, &mut buffer);
        let route = hosts.find_map(|paths| {
            paths.walk(path, |at| {
                let place = &self.router.places[at];
                if let Some(names) = &place.vary {
                    vary = Some(match &vary {
                        Some(vary) => joined_vary(vary, names),
                        None => names.clone(),
                    });
                }
                self.find_in(at, place)
            })
        });
        Found { route, vary }
    }

    /// Returns the most specific route of a place that matches.
    fn find_in(&self, at: usize, place: &Place) -> Option<usize> {
        let Router { headers, index, .. } = self.router;
        let none = Met::default();
        let met = match place.vary {
            Some(_) => self.met.get_or_init(|| headers.met(self.request)),
            None => &none,
        };
        let mut best: Option<u32> = None;
        // A method that no route has is 0, which stands for all methods: one look-up is enough.
        let methods = [0, self.method];
        for method in &methods[..=usize::from(self.method != 0)] {
            for header in [0].iter().chain(&met.values).chain(&met.asked) {
                let groups = index.get(&(at, *header, *method)).into_iter().flatten();
                for rank in groups.filter_map(|group| group.find(met, place)) {
                    best = Some(best.map_or(rank, |best| best.min(rank)));
                }
            }
        }
        best.map(|rank| place.candidates[rank as usize].route)
    }
}

// === impl Place ===

impl Place {
    /// Whether some header tells its routes apart.
    pub(super) fn has_headers(&self) -> bool {
        self.vary.is_some()
    }
}

// === impl Group ===

impl Group {
    fn add(groups: &mut Vec<Self>, rank: u32, candidate: &Candidate) {
        let mut names: Vec<Id> = candidate.headers.iter().map(|p| p.name).collect();
        names.sort_unstable();
        match groups.iter_mut().find(|group| group.names == names) {
            Some(group) => group.candidates.push(rank),
            None => groups.push(Self {
                names,
                candidates: vec![rank],
            }),
        }
    }

    /// Returns the first candidate that is met. A preflight that asks for all the headers meets them
    /// all, and a request without one of them none. Between the two, the candidates share a value
    /// that the request has, which few do, or a name that it asks for.
    fn find(&self, met: &Met, place: &Place) -> Option<u32> {
        let headers = |rank: &u32| &place.candidates[*rank as usize].headers;
        let first = self.candidates.first()?;
        if met.asks_for_all(headers(first)) {
            return Some(*first);
        }
        if !met.may_be_all(headers(first)) {
            return None;
        }
        let mut ranks = self.candidates.iter();
        ranks.find(|rank| met.all(headers(rank))).copied()
    }
}

#[cfg(test)]
mod tests;
