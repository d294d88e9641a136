//! The reasons why a route takes a request or does not: its predicates, one by one.
//!
//! The router finds a route by look-ups; here each route is checked by itself. The router's tests
//! compare the two.

use super::host::{MAX_HOST_LEN, host_name};
use super::matches::{HostMatch, PathMatch, RouteMatch};
use super::route_request::RouteRequest;
use super::template::Mismatch;
use std::fmt::Display;

/// A route's predicates, applied to a request.
#[derive(Debug, Default)]
pub struct Predicates {
    pub met: Vec<String>,
    pub unmet: Vec<String>,
    has_host: bool,
    has_path: bool,
    /// The number of bytes that the paths of route and request share at their start.
    shared: usize,
}

// === impl Predicates ===

impl Predicates {
    /// Applies every predicate. `shown` returns the value of a header as it may be displayed.
    pub fn of(
        matches: &RouteMatch,
        request: &RouteRequest<'_>,
        shown: for<'v> fn(&str, &'v str) -> &'v str,
    ) -> Self {
        let RouteMatch {
            hosts,
            path,
            methods,
            headers,
            // It depends on other routes.
            is_fallback: _,
        } = matches;
        let mut predicates = Self {
            has_host: hosts.is_empty(),
            ..Self::default()
        };
        if !hosts.is_empty() {
            predicates.host(hosts, request);
        }
        predicates.path(path, request);
        if !methods.is_empty() {
            predicates.method(methods, request);
        }
        for (name, value) in headers {
            predicates.header(name, value, shown(name, value), request);
        }
        predicates
    }

    /// Returns how near the route is: by its path, which operators look at first, then by its host,
    /// then by the rest.
    pub fn nearness(&self) -> impl Ord + use<> {
        let unmet = std::cmp::Reverse(self.unmet.len());
        (self.has_path, self.has_host, self.shared, unmet)
    }

    fn add(&mut self, is_met: bool, met: String, unmet: String) {
        match is_met {
            true => self.met.push(met),
            false => self.unmet.push(unmet),
        }
    }

    fn host(&mut self, hosts: &[HostMatch], request: &RouteRequest<'_>) {
        let mut buffer = [0; MAX_HOST_LEN];
        let name = host_name(request.host, &mut buffer);
        let text = |pattern: &HostMatch| match pattern {
            HostMatch::Exact(name) => format!("`{name}`"),
            HostMatch::Subdomains(name) => format!("`*.{name}`"),
        };
        let found = name.and_then(|name| hosts.iter().find(|pattern| pattern.is_match(name)));
        self.has_host = found.is_some();
        let all = hosts.iter().map(text).collect::<Vec<_>>().join(", ");
        let met = found.map(|pattern| format!("the host is {}", text(pattern)));
        let shown = String::from_utf8_lossy(name.unwrap_or(request.host));
        let shown = shown.escape_default();
        self.add(
            found.is_some(),
            met.unwrap_or_default(),
            format!("the host is `{shown}`, not {all}"),
        );
    }

    fn path(&mut self, pattern: &PathMatch, request: &RouteRequest<'_>) {
        let path = String::from_utf8_lossy(request.path);
        let shown = path.escape_default();
        if let PathMatch::Exact(own) | PathMatch::Prefix(own) = pattern {
            let pairs = own.bytes().zip(path.bytes());
            self.shared = pairs.take_while(|(a, b)| a == b).count();
        }
        let before = self.unmet.len();
        match pattern {
            PathMatch::Exact(exact) => {
                let mut unmet = format!("the path is `{shown}`, not `{exact}`");
                if path.trim_end_matches('/') == exact.trim_end_matches('/') {
                    unmet.push_str(": the slash at the end differs");
                }
                self.add(path == *exact, format!("the path is `{exact}`"), unmet);
            }
            PathMatch::Prefix(prefix) if prefix.is_empty() => {
                let is_met = path.starts_with('/') || path.is_empty();
                let met = "every path".to_owned();
                self.add(is_met, met, format!("`{shown}` is not a path"));
            }
            PathMatch::Prefix(prefix) => {
                let rest = path.strip_prefix(prefix.as_str());
                let is_met = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                let mut unmet = format!("the path `{shown}` is not below `{prefix}`");
                if rest.is_some() {
                    unmet.push_str(": a prefix matches whole segments");
                } else if path.to_lowercase().starts_with(&prefix.to_lowercase()) {
                    unmet.push_str(": paths are case-sensitive");
                }
                self.add(is_met, format!("the path is below `{prefix}`"), unmet);
            }
            PathMatch::Template(template) => {
                let mismatch = template.mismatch(&path).err();
                self.template(template, mismatch, &path);
            }
            PathMatch::Espv2(template) => {
                let mismatch = template.mismatch(&path).err();
                self.template(template, mismatch, &path);
            }
        }
        self.has_path = self.unmet.len() == before;
    }

    fn template(
        &mut self,
        template: &impl Display,
        mismatch: Option<(usize, Mismatch<'_>)>,
        path: &str,
    ) {
        self.shared = mismatch.map_or(path.len(), |(matching, _)| matching);
        let shown = path.escape_default();
        let mut unmet = format!("the path `{shown}` does not match `{template}`");
        if let Some((_, mismatch)) = mismatch {
            unmet.push_str(&format!(": {mismatch}"));
        }
        let met = format!("the path matches `{template}`");
        self.add(mismatch.is_none(), met, unmet);
    }

    fn method(&mut self, methods: &[String], request: &RouteRequest<'_>) {
        let method = String::from_utf8_lossy(request.method());
        let shown = method.escape_default();
        let what = match request.stands_for_another() {
            true => "the method asked for",
            false => "the method",
        };
        self.add(
            methods.iter().any(|name| *name == method),
            format!("{what} is `{shown}`"),
            format!("{what} is `{shown}`, not {}", methods.join(", ")),
        );
    }

    fn header(&mut self, name: &str, value: &str, shown: &str, request: &RouteRequest<'_>) {
        let is_asked = request.stands_for_another()
            && request
                .cors
                .requested_names()
                .any(|asked| asked.eq_ignore_ascii_case(name.as_bytes()));
        // A preflight has the headers themselves that a proxy in front adds to every request.
        let mut is_there = false;
        if let Some(fields) = request.fields {
            fields.for_each(&mut |field, line| {
                let is_field = field.eq_ignore_ascii_case(name.as_bytes());
                is_there |= is_field && line == value.as_bytes();
            });
        }
        let is_met = request.fields.is_some() && (is_asked || is_there);
        let met = match is_asked {
            true => format!("the header `{name}` is asked for"),
            false => format!("the header `{name}` is `{shown}`"),
        };
        self.add(is_met, met, format!("the header `{name}` is not `{shown}`"));
    }
}
