//! The router: finds a request's route, the most specific one that matches. An exact host is more
//! specific than a wildcard, and that more than none; then an exact path, then a longer prefix;
//! then more predicates. Only between equals does the order in the file count.
//!
//! A preflight takes the route of the *actual* request that it announces: its method is the one in
//! Access-Control-Request-Method, and it meets a header predicate if Access-Control-Request-Headers
//! names the header. Operators therefore need no routes for OPTIONS.

use super::host::{MAX_HOST_LEN, host_name};
use super::matches::{HostMatch, PathMatch, RouteMatch};
use super::route_request::{RouteRequest, is_header, requested_method};
use crate::cors::CorsRequest;
use foldhash::quality::RandomState;
use std::collections::HashMap;

/// A table by the bytes of a host or a path. Clients choose the keys that are looked up, but the
/// operator those in the table, so that a quick hash is safe.
type Table<T> = HashMap<Box<[u8]>, T, RandomState>;

/// Routes by host, then by path.
#[derive(Debug, Default)]
pub struct Router {
    exact_hosts: Table<PathTable>,
    wildcard_hosts: Table<PathTable>,
    any_host: PathTable,
}

#[derive(Debug, Default)]
struct PathTable {
    exact: Table<Vec<Candidate>>,
    prefixes: Table<Vec<Candidate>>,
    /// Bytes of the longest keys; no more of a path is ever hashed.
    longest_exact: usize,
    longest_prefix: usize,
}

/// A route whose host and path match, with its other predicates.
#[derive(Debug, Clone)]
struct Candidate {
    route: usize,
    methods: Box<[Box<[u8]>]>,
    headers: Box<[HeaderPredicate]>,
}

/// A header's name in lower case, and the exact value.
type HeaderPredicate = (Box<str>, Box<[u8]>);

// === impl Router ===

impl Router {
    /// Compiles the tables. A route is known by its place in `routes`.
    pub fn new<'a>(routes: impl IntoIterator<Item = &'a RouteMatch>) -> Self {
        let mut router = Self::default();
        let mut routes: Vec<(usize, &RouteMatch)> = routes.into_iter().enumerate().collect();
        // The sort is stable, so that routes with equally many predicates keep the file's order.
        routes.sort_by_key(|(_, matches)| std::cmp::Reverse(matches.predicate_count()));
        for (route, matches) in routes {
            let candidate = Candidate::new(route, matches);
            if matches.hosts.is_empty() {
                router.any_host.insert(&matches.path, candidate.clone());
            }
            for host in &matches.hosts {
                let table = match host {
                    HostMatch::Exact(name) => router.exact_hosts.entry(name.as_bytes().into()),
                    HostMatch::Subdomains(name) => {
                        router.wildcard_hosts.entry(name.as_bytes().into())
                    }
                };
                table.or_default().insert(&matches.path, candidate.clone());
            }
        }
        router
    }

    /// Returns the route of a request; `None` if no route matches.
    pub fn find(&self, request: &RouteRequest<'_>) -> Option<usize> {
        if self.exact_hosts.is_empty() && self.wildcard_hosts.is_empty() {
            return self.any_host.find(request);
        }
        let mut buffer = [0; MAX_HOST_LEN];
        if let Some(host) = host_name(request.host, &mut buffer) {
            if let Some(table) = self.exact_hosts.get(host)
                && let Some(route) = table.find(request)
            {
                return Some(route);
            }
            if !self.wildcard_hosts.is_empty() {
                // Longest suffix first: `*.a.example.com` before `*.example.com`.
                for (at, _) in host.iter().enumerate().filter(|(_, byte)| **byte == b'.') {
                    let table = self.wildcard_hosts.get(&host[at + 1..]);
                    if let Some(route) = table.and_then(|table| table.find(request)) {
                        return Some(route);
                    }
                }
            }
        }
        self.any_host.find(request)
    }
}

// === impl PathTable ===

impl PathTable {
    fn insert(&mut self, path: &PathMatch, candidate: Candidate) {
        let (table, longest, path) = match path {
            PathMatch::Exact(path) => (&mut self.exact, &mut self.longest_exact, path),
            PathMatch::Prefix(path) => (&mut self.prefixes, &mut self.longest_prefix, path),
        };
        *longest = path.len().max(*longest);
        table
            .entry(path.as_bytes().into())
            .or_default()
            .push(candidate);
    }

    fn find(&self, request: &RouteRequest<'_>) -> Option<usize> {
        let first = |candidates: &Vec<Candidate>| {
            let mut candidates = candidates.iter();
            candidates.find(|c| c.is_match(request)).map(|c| c.route)
        };
        let path = request.path;
        if path.len() <= self.longest_exact
            && let Some(route) = self.exact.get(path).and_then(first)
        {
            return Some(route);
        }
        // Prefixes are whole segments: one look-up per slash, longest first, the empty prefix last.
        // A path may have thousands of slashes; those behind the longest prefix are skipped.
        let mut end = path.len();
        if end > self.longest_prefix {
            let reach = &path[..=self.longest_prefix];
            end = reach.iter().rposition(|&byte| byte == b'/')?;
        }
        loop {
            let prefix = &path[..end];
            if let Some(route) = self.prefixes.get(prefix).and_then(first) {
                return Some(route);
            }
            end = prefix.iter().rposition(|&byte| byte == b'/')?;
        }
    }
}

// === impl Candidate ===

impl Candidate {
    fn new(route: usize, matches: &RouteMatch) -> Self {
        let methods = matches.methods.iter();
        let headers = matches.headers.iter();
        Self {
            route,
            methods: methods.map(|method| method.as_bytes().into()).collect(),
            headers: headers
                .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
                .collect(),
        }
    }

    fn is_match(&self, request: &RouteRequest<'_>) -> bool {
        self.is_method(request.cors) && self.headers.iter().all(|(n, v)| is_header(n, v, request))
    }

    fn is_method(&self, cors: &CorsRequest<'_>) -> bool {
        if self.methods.is_empty() {
            return true;
        }
        let method = requested_method(cors);
        self.methods.iter().any(|allowed| **allowed == *method)
    }
}

#[cfg(test)]
mod tests;
