//! The rule by which a route takes requests. The search is in `router`.

use super::espv2_template::Espv2Template;
use super::template::Template;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// The rule by which a route takes requests. Every part that is written must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// One of them must match; if the list is empty, any host does.
    pub hosts: Vec<HostMatch>,
    pub path: PathMatch,
    /// One of them must match, with case; if the list is empty, any method does.
    pub methods: Vec<String>,
    /// All of them must be there: a name in lower case with the exact value.
    pub headers: Vec<(String, String)>,
    /// Whether it takes a request only if no route without this matches, whatever the host and the path.
    pub is_fallback: bool,
}

/// A host without its port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostMatch {
    Exact(String),
    /// One or more labels below the name; the name is without the `*.`.
    Subdomains(String),
}

/// A path, without the query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathMatch {
    Exact(String),
    /// Whole segments, without a trailing slash: the empty prefix is every path.
    Prefix(String),
    /// Segments, some of which may be any.
    Template(Template),
    /// The same in ESPv2's syntax. The templates of a router are of one syntax.
    Espv2(Espv2Template),
}

// === impl RouteMatch ===

impl RouteMatch {
    /// Returns the number of predicates beside host and path; a rule with more is more specific.
    pub fn predicate_count(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.headers.len()
    }

    /// Whether some request matches both rules and neither of them is the more specific.
    pub fn is_ambiguous_with(&self, other: &Self) -> bool {
        let is_contradiction = || {
            let others: HashMap<&String, &String> = other
                .headers
                .iter()
                .map(|(name, value)| (name, value))
                .collect();
            let mut headers = self.headers.iter();
            headers.any(|(name, value)| others.get(name).is_some_and(|other| *other != value))
        };
        self.is_fallback == other.is_fallback
            && self.predicate_count() == other.predicate_count()
            && self.is_on_the_way_of(other)
            && !is_contradiction()
    }

    /// Whether host, path and method are the same for both rules for some request.
    fn is_on_the_way_of(&self, other: &Self) -> bool {
        let same_host = (self.hosts.is_empty() && other.hosts.is_empty())
            || have_common(&self.hosts, &other.hosts);
        let same_method = self.methods.is_empty()
            || other.methods.is_empty()
            || have_common(&self.methods, &other.methods);
        self.path == other.path && same_host && same_method
    }
}

/// Whether an element is in both lists, which may be long.
fn have_common<T: Eq + Hash>(a: &[T], b: &[T]) -> bool {
    let a: HashSet<&T> = a.iter().collect();
    b.iter().any(|element| a.contains(element))
}
