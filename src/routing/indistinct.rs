//! Finds routes that a preflight can't tell apart. It names the headers of the request that it
//! announces without their values, and not even all of them: a browser adds cookies, for one. The
//! request can therefore miss the header predicates of the route that answered its preflight, and go
//! on to the next route that matches; or meet those of a more specific one, which was not asked.
//!
//! A preflight does say which method is to come, so that routes of different methods may differ. A request
//! that misses all other routes goes on to the fallback routes.

use super::host::MAX_HOST_LEN;
use super::matches::RouteMatch;
use super::overlap::Kinds;
use super::paths::Paths;
use super::router::{Place, Router};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// Maximum number of hosts with paths whose routes are walked. It is reached only if many hosts have
/// routes by header and no other, and routes for every host have many paths.
const MAX_WALKS: usize = 1_000_000;
/// Maximum number of pairs of places that are looked at where there are templates: a place with headers,
/// and another one.
const MAX_PAIRS: usize = 5_000_000;

/// There are more hosts with paths than can be walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPlaces;

/// Returns pairs of routes, by their places in `routes`, between which only headers decide, although
/// their rules differ; each of them once, as the later one of a pair, which comes first.
///
/// Each route has its rule as a number: the same number means the same rule.
///
/// # Errors
///
/// Fails if too many routes lie behind those with headers.
pub fn indistinct(routes: &[(&RouteMatch, usize)]) -> Result<Vec<(usize, usize)>, TooManyPlaces> {
    indistinct_within(routes, MAX_PAIRS)
}

fn indistinct_within(
    routes: &[(&RouteMatch, usize)],
    max_pairs: usize,
) -> Result<Vec<(usize, usize)>, TooManyPlaces> {
    if routes.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        return Ok(Vec::new());
    }
    let router = Router::new(routes.iter().map(|(matches, _)| *matches));
    let has_templates = router.tables().any(Paths::has_templates);
    let kinds = match has_templates {
        true => router
            .places()
            .map(|place| kinds_of(place, routes))
            .collect(),
        false => Vec::new(),
    };
    let mut search = Clashes {
        routes,
        router: &router,
        kinds,
        clashes: BTreeMap::new(),
        sorted: HashMap::new(),
        walks: 0,
        pairs_left: max_pairs,
    };
    let mut buffer = [0; MAX_HOST_LEN];
    let hosts = router.kinds_of_host();
    let chains = hosts
        .iter()
        .map(|host| router.hosts(host, &mut buffer).collect());
    let chains: Vec<Vec<&Paths>> = chains.collect();
    // Where a table is the first one of some host, with the same ones behind it, that host has all requests
    // that come by it. Only fallback routes have tables that are never first, or are behind different ones.
    let firsts: HashSet<Vec<*const Paths>> = chains.iter().map(|chain| keys(chain)).collect();
    for chain in &chains {
        for at in 0..chain.len() {
            if at == 0 || !firsts.contains(&keys(&chain[at..])) {
                search.own(chain, at)?;
            }
        }
    }
    Ok(search.clashes.into_iter().collect())
}

/// Returns the kinds of path that a place has, which all of its routes have in common.
fn kinds_of(place: &Place, routes: &[(&RouteMatch, usize)]) -> Rc<Kinds> {
    let first = place.candidates.first();
    let matches = first.and_then(|first| routes.get(first.route));
    Rc::new(matches.map_or_else(Kinds::default, |(matches, _)| Kinds::of(&matches.path)))
}

/// Returns a path below `prefix` that no route names.
fn below(prefix: &[u8]) -> Vec<u8> {
    [prefix, b"/\0"].concat()
}

/// Returns what tells tables apart.
fn keys(tables: &[&Paths]) -> Vec<*const Paths> {
    let tables = tables.iter();
    tables.map(|paths| std::ptr::from_ref(*paths)).collect()
}

struct Clashes<'r> {
    routes: &'r [(&'r RouteMatch, usize)],
    router: &'r Router,
    /// The kinds of path of each place; empty if there are no templates.
    kinds: Vec<Rc<Kinds>>,
    /// The later route of each pair, with the other.
    clashes: BTreeMap<usize, usize>,
    /// The tables with their longer paths, for those that have been asked about.
    sorted: HashMap<*const Paths, Rc<Longer<'r>>>,
    walks: usize,
    pairs_left: usize,
}

/// The routes that requests of one host and one path have come by, from the most specific on.
#[derive(Default)]
struct Passed<'r> {
    /// The first route with header predicates for a method, or under `None` for all methods.
    by_header: HashMap<Option<&'r str>, usize>,
    /// Methods that no later route gets.
    taken: HashSet<&'r str>,
}

/// The paths of a table, sorted, and whether they are prefixes.
struct Longer<'r>(Vec<(&'r [u8], bool)>);

// === impl Clashes ===

impl<'r> Clashes<'r> {
    /// Compares the routes with headers in one table of a chain with all others that the same requests may
    /// take, in this table and in those behind it.
    fn own(&mut self, chain: &[&'r Paths], at: usize) -> Result<(), TooManyPlaces> {
        let router = self.router;
        if chain.iter().any(|paths| paths.has_templates()) {
            return self.pairs(chain, at);
        }
        let (own, (until, behind)) = (chain[at], chain.split_at(at + 1));
        let has_headers = |place: &usize| router.place(*place).has_headers();
        for (path, _) in own.exact.iter().filter(|(_, place)| has_headers(place)) {
            self.walk_within(chain, path)?;
        }
        for (path, _) in own.prefixes.iter().filter(|(_, place)| has_headers(place)) {
            self.walk_within(chain, path)?;
            self.walk_within(chain, &below(path))?;
            if self.walk(until, &below(path)) {
                continue;
            }
            // Requests go on to the routes of less specific hosts and to fallback routes, which may have
            // longer paths.
            for &other in behind {
                let key = std::ptr::from_ref(other);
                let longer = self.sorted.entry(key);
                let longer = Rc::clone(longer.or_insert_with(|| Rc::new(Longer::of(other))));
                for (path, is_prefix) in longer.below(path) {
                    self.walk_within(chain, path)?;
                    if *is_prefix {
                        self.walk(chain, &below(path));
                    }
                }
            }
        }
        Ok(())
    }

    /// Walks, unless there have been too many walks.
    fn walk_within(&mut self, chain: &[&'r Paths], path: &[u8]) -> Result<bool, TooManyPlaces> {
        match self.walks > MAX_WALKS {
            true => Err(TooManyPlaces),
            false => Ok(self.walk(chain, path)),
        }
    }

    /// Does the same where there are templates. A path may match two of them without being below either, so
    /// that each place with headers is held against each other place, by a path of every kind that both match.
    fn pairs(&mut self, chain: &[&'r Paths], at: usize) -> Result<(), TooManyPlaces> {
        let router = self.router;
        let (own, (until, behind)) = (chain[at], chain.split_at(at + 1));
        for place in own
            .places()
            .filter(|place| router.place(*place).has_headers())
        {
            let Some(kinds) = self.kinds.get(place) else {
                continue;
            };
            let kinds = Rc::clone(kinds);
            // Where the routes up to here take all that come by, those behind them get nothing.
            let mut is_taken = true;
            for path in kinds.common(&kinds) {
                self.walk(chain, path.as_bytes());
                is_taken &= self.walk(until, path.as_bytes());
            }
            let behind = if is_taken { &[] } else { behind };
            let reached = std::iter::once(&own).chain(behind);
            for other in reached.flat_map(|paths| paths.places()) {
                if self.walks > MAX_WALKS || self.pairs_left == 0 {
                    return Err(TooManyPlaces);
                }
                self.pairs_left -= 1;
                let other = self.kinds.get(other);
                for path in other.map_or(Vec::new(), |other| kinds.common(other)) {
                    self.walk(chain, path.as_bytes());
                }
            }
        }
        Ok(())
    }

    /// Compares the routes that requests for `path` may take, in the order in which they are tried.
    /// Returns whether one of them takes all that are left.
    fn walk(&mut self, chain: &[&'r Paths], path: &[u8]) -> bool {
        self.walks += 1;
        let mut passed = Passed::default();
        let router = self.router;
        let mut visit = |place: usize| {
            let mut candidates = router.place(place).candidates.iter();
            candidates.any(|candidate| self.pass(&mut passed, candidate.route))
        };
        let mut chain = chain.iter();
        chain.any(|paths| {
            paths
                .walk(path, |place| visit(place).then_some(()))
                .is_some()
        })
    }

    /// Compares a route with those before it. Returns whether it takes all that are left.
    fn pass(&mut self, passed: &mut Passed<'r>, route: usize) -> bool {
        let (matches, _) = self.routes[route];
        let methods = matches.methods.iter().map(String::as_str);
        let left = methods.filter(|method| !passed.taken.contains(method));
        let left: Vec<&'r str> = left.collect();
        let takes_all = matches.methods.is_empty();
        let by_header = &mut passed.by_header;
        if takes_all {
            by_header
                .values()
                .for_each(|&other| self.compare(route, other));
        } else if !left.is_empty() {
            let same_methods = left.iter().copied().map(Some).chain([None]);
            let others = same_methods.filter_map(|method| by_header.get(&method));
            others.for_each(|&other| self.compare(route, other));
        }
        match (matches.headers.is_empty(), takes_all) {
            (true, true) => return true,
            (true, false) => {
                for method in left {
                    by_header.remove(&Some(method));
                    passed.taken.insert(method);
                }
            }
            (false, true) => {
                // It stands for those before it: they have its rule, or a clash was found.
                let first = by_header.get(&None).copied().unwrap_or(route);
                *by_header = HashMap::from([(None, first)]);
            }
            (false, false) => {
                for method in left {
                    by_header.entry(Some(method)).or_insert(route);
                }
            }
        }
        false
    }

    fn compare(&mut self, route: usize, other: usize) {
        if self.routes[route].1 != self.routes[other].1 {
            let (earlier, later) = (route.min(other), route.max(other));
            self.clashes.entry(later).or_insert(earlier);
        }
    }
}

// === impl Longer ===

impl<'r> Longer<'r> {
    fn of(paths: &'r Paths) -> Self {
        let exact = paths.exact.keys().map(|path| (&**path, false));
        let prefixes = paths.prefixes.keys().map(|path| (&**path, true));
        let mut all: Vec<(&[u8], bool)> = exact.chain(prefixes).collect();
        all.sort_unstable();
        Self(all)
    }

    /// Returns the paths below a prefix.
    fn below(&self, prefix: &[u8]) -> &[(&'r [u8], bool)] {
        // `0` is the byte after the slash.
        let first = |end: u8| {
            let bound = [prefix, &[end]].concat();
            self.0.partition_point(|(path, _)| *path < bound.as_slice())
        };
        &self.0[first(b'/')..first(b'0')]
    }
}

#[cfg(test)]
mod twin;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::HostMatch;
    use crate::routing::naive::short;

    /// A route in short: host or none, path, with `?` before that of a fallback, methods, headers, rule.
    type Short<'a> = (
        &'a str,
        &'a str,
        &'a [&'a str],
        &'a [(&'a str, &'a str)],
        usize,
    );

    /// The routes that clash, each with an earlier one.
    type Clashing = Vec<(usize, usize)>;

    fn compiled(routes: &[Short<'_>]) -> Vec<(RouteMatch, usize)> {
        routes
            .iter()
            .map(|(host, path, methods, headers, rule)| {
                let host = match host.strip_prefix("*.") {
                    Some(name) => HostMatch::Subdomains(name.to_owned()),
                    None => HostMatch::Exact((*host).to_owned()),
                };
                let (path, is_fallback) = match path.strip_prefix('?') {
                    Some(path) => (path, true),
                    None => (*path, false),
                };
                let hosts = Some(host).filter(|host| *host != HostMatch::Exact(String::new()));
                let matches = RouteMatch {
                    hosts: hosts.into_iter().collect(),
                    path: short(path),
                    methods: methods.iter().map(|m| (*m).to_owned()).collect(),
                    headers: headers
                        .iter()
                        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                        .collect(),
                    is_fallback,
                };
                (matches, *rule)
            })
            .collect()
    }

    fn clashes(routes: &[Short<'_>]) -> Clashing {
        let routes = compiled(routes);
        let routes: Vec<(&RouteMatch, usize)> = routes.iter().map(|(m, r)| (m, *r)).collect();
        indistinct(&routes).expect("few routes")
    }

    #[test]
    fn more_places_than_can_be_compared_are_an_error() {
        let hosts: Vec<String> = (0..1_100).map(|i| format!("h{i}")).collect();
        let paths: Vec<String> = (0..1_100).map(|i| format!("/{i}")).collect();
        let by_header = hosts
            .iter()
            .map(|host| (host.as_str(), "", &[] as &[&str], ONE, 1));
        let others = paths
            .iter()
            .map(|path| ("", path.as_str(), &[] as &[&str], &[] as &[_], 1));
        let another_rule = [("other", "", &[] as &[&str], &[] as &[_], 2)];
        let routes: Vec<Short<'_>> = by_header.chain(others).chain(another_rule).collect();
        let routes = compiled(&routes);
        let routes: Vec<(&RouteMatch, usize)> = routes.iter().map(|(m, r)| (m, *r)).collect();
        assert_eq!(indistinct(&routes), Err(TooManyPlaces));
        assert_eq!(indistinct(&routes[1_000..]), Ok(Vec::new()));
        let with_one_rule = &routes[..routes.len() - 1];
        assert_eq!(indistinct(with_one_rule), Ok(Vec::new()));
    }

    #[test]
    fn more_pairs_of_templates_than_can_be_compared_are_an_error() {
        let paths: Vec<String> = (0..100).map(|i| format!("/{i}/*")).collect();
        let by_header = paths.iter();
        let by_header = by_header.map(|path| ("h", path.as_str(), &[] as &[&str], ONE, 1));
        let another_rule = [("other", "", &[] as &[&str], &[] as &[_], 2)];
        let routes: Vec<Short<'_>> = by_header.chain(another_rule).collect();
        let routes = compiled(&routes);
        let routes: Vec<(&RouteMatch, usize)> = routes.iter().map(|(m, r)| (m, *r)).collect();
        assert_eq!(indistinct_within(&routes, 100 * 100), Ok(Vec::new()));
        let one_less = indistinct_within(&routes, 100 * 100 - 1);
        assert_eq!(one_less, Err(TooManyPlaces));
    }

    const ONE: &[(&str, &str)] = &[("x-v", "1")];
    const TWO: &[(&str, &str)] = &[("x-v", "2")];

    #[test]
    fn routes_that_only_headers_tell_apart_have_one_rule() {
        let cases: Vec<(Vec<Short<'_>>, Clashing)> = vec![
            // Another value, and none.
            (
                vec![("", "/a", &[], ONE, 1), ("", "/a", &[], TWO, 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/a", &[], ONE, 1), ("", "/a", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/a", &[], &[], 1), ("", "/a", &[], ONE, 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/a", &[], ONE, 1), ("", "/a", &[], &[], 1)],
                vec![],
            ),
            // A shorter prefix, an exact path, and a less specific host take what is left.
            (
                vec![("", "/a", &[], ONE, 1), ("", "", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "=/a", &[], ONE, 1), ("", "/a", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("h", "/a", &[], ONE, 1), ("", "/a", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("h.s", "/a", &[], ONE, 1), ("*.s", "", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("*.h.s", "/a", &[], ONE, 1), ("*.s", "", &[], &[], 2)],
                vec![(1, 0)],
            ),
            // So does one with a longer path for every host.
            (
                vec![("h", "/a", &[], ONE, 1), ("", "/a/b", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("h", "", &[], ONE, 1), ("", "=/a/b", &[], &[], 2)],
                vec![(1, 0)],
            ),
            // Not where something else takes it first.
            (
                vec![
                    ("h", "/a", &[], ONE, 1),
                    ("h", "/a", &[], &[], 1),
                    ("", "/a/b", &[], &[], 2),
                ],
                vec![],
            ),
            (
                vec![
                    ("h", "/a", &[], ONE, 1),
                    ("h", "/a/b", &[], &[], 2),
                    ("", "/a/b", &[], &[], 3),
                ],
                vec![],
            ),
            (
                vec![("", "/a", &[], ONE, 1), ("", "/b", &[], &[], 2)],
                vec![],
            ),
            (
                vec![("h", "/a", &[], ONE, 1), ("i", "/a", &[], &[], 2)],
                vec![],
            ),
            (
                vec![("", "=/a", &[], ONE, 1), ("", "/a/b", &[], &[], 2)],
                vec![],
            ),
            // By methods, as far as both have them.
            (
                vec![("", "/a", &["PUT"], ONE, 1), ("", "/a", &["GET"], &[], 2)],
                vec![],
            ),
            (
                vec![
                    ("", "/a", &["PUT"], ONE, 1),
                    ("", "/a", &["GET", "PUT"], &[], 2),
                ],
                vec![(1, 0)],
            ),
            (
                vec![("", "/a", &[], ONE, 1), ("", "/a", &["GET"], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![
                    ("", "/a", &["PUT"], ONE, 1),
                    ("", "/a", &["PUT"], &[], 1),
                    ("", "/a", &[], &[], 2),
                ],
                vec![],
            ),
            (
                vec![
                    ("", "/a", &[], ONE, 1),
                    ("", "/a", &["PUT"], &[], 1),
                    ("", "/a", &["PUT"], TWO, 2),
                ],
                vec![(2, 0)],
            ),
            // Where two templates overlap, and neither is below the other.
            (
                vec![("", "/*/a", &[], &[], 1), ("", "/a/*", &[], ONE, 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/*/a", &[], ONE, 1), ("", "/a/*", &[], &[], 2)],
                vec![],
            ),
            (
                vec![("", "/*/b", &[], &[], 1), ("", "/a/b", &[], ONE, 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/*/b", &[], &[], 1), ("", "/a/c", &[], ONE, 2)],
                vec![],
            ),
            (
                vec![
                    ("", "/*:go", &[], ONE, 1),
                    ("", "/a", &[], &[], 2),
                    ("", "/**:go", &[], &[], 1),
                ],
                vec![],
            ),
            (
                vec![("", "/*:go", &[], ONE, 1), ("", "/*", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/*:go", &[], ONE, 1), ("", "/*:stop", &[], &[], 2)],
                vec![],
            ),
            (
                vec![("h", "/*", &[], ONE, 1), ("", "=/a", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![
                    ("h", "/*", &[], ONE, 1),
                    ("h", "/*/**", &[], &[], 1),
                    ("", "=/a", &[], &[], 2),
                ],
                vec![],
            ),
            // Fallback routes come after those of all hosts.
            (
                vec![("", "/a", &[], ONE, 1), ("h", "?", &[], &[], 2)],
                vec![(1, 0)],
            ),
            (
                vec![("h", "?", &[], &[], 2), ("", "/*", &[], ONE, 1)],
                vec![(1, 0)],
            ),
            (
                vec![("", "/a", &[], &[], 1), ("h", "?", &[], ONE, 2)],
                vec![],
            ),
            (
                vec![
                    ("", "/a", &[], ONE, 1),
                    ("", "/a", &[], &[], 1),
                    ("", "?/a", &[], &[], 2),
                ],
                vec![],
            ),
            (
                vec![
                    ("h", "", &[], &[], 1),
                    ("", "", &[], &[], 1),
                    ("", "?/a", &[], ONE, 2),
                    ("", "?/a", &[], &[], 1),
                ],
                vec![],
            ),
            // Through a third one, which has two headers.
            (
                vec![
                    ("", "/a", &[], &[("x-v", "1"), ("x-w", "1")], 1),
                    ("", "/a", &[], ONE, 1),
                    ("", "/a", &[], &[], 2),
                ],
                vec![(2, 0)],
            ),
        ];
        for (routes, expected) in cases {
            assert_eq!(clashes(&routes), expected, "{routes:?}");
        }
    }
}
