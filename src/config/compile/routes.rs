//! `routes`: which requests go where, under which rule.

use super::matches::{check_method, parse_host, parse_path, parse_prefix};
use super::policies::Policies;
use super::{Compiler, OFF, PASSTHROUGH, unknown_name};
use crate::config::raw::{OneOrMany, RawCors, RawMatch, RawRoute, Seq};
use crate::config::{Route, UNMATCHED, Upstream};
use crate::cors::{NORMALIZED_METHODS, Rule};
use crate::routing::{PathMatch, RouteMatch};
use std::sync::Arc;

/// A route with what of it is right.
struct RouteDraft {
    path: String,
    name: String,
    matches: Option<RouteMatch>,
    upstream: Option<usize>,
    rule: Option<Rule>,
}

impl RouteDraft {
    fn complete(self) -> Option<Route> {
        Some(Route {
            name: self.name,
            matches: self.matches?,
            upstream: self.upstream?,
            rule: self.rule?,
        })
    }
}

impl Compiler<'_> {
    pub(super) fn routes(
        &mut self,
        raw: Option<Seq<RawRoute>>,
        upstreams: &[(String, Option<Upstream>)],
        policies: &Policies,
    ) -> Option<Vec<Route>> {
        let what = "a request must go somewhere, such as `- { upstream: api, cors: web-app }`";
        let before = self.error_count();
        let mut routes: Vec<RouteDraft> = Vec::new();
        for (path, raw) in self.required("routes", raw, what) {
            let draft = self.route(path, raw, upstreams, policies);
            self.check_unique(&draft, &routes);
            routes.push(draft);
        }
        let routes: Option<Vec<Route>> = routes.into_iter().map(RouteDraft::complete).collect();
        routes.filter(|_| self.error_count() == before)
    }

    fn route(
        &mut self,
        path: String,
        raw: RawRoute,
        upstreams: &[(String, Option<Upstream>)],
        policies: &Policies,
    ) -> RouteDraft {
        let RawRoute {
            name,
            matches,
            upstream,
            cors,
        } = raw;
        let name = match name {
            Some(name)
                if name == UNMATCHED
                    || name.trim().is_empty()
                    || name.chars().any(char::is_control) =>
            {
                let message = format!("`{name}` can't be a route's name");
                let hint = "it is a metric label: write a word of your own".to_owned();
                self.error(&format!("{path}.name"), message, hint);
                name
            }
            Some(name) => name,
            None => path.clone(),
        };
        let matches = self.route_match(&format!("{path}.match"), matches);
        let rule = self.rule(&format!("{path}.cors"), cors, policies);
        let upstream = self.route_upstream(&path, upstream, upstreams);
        RouteDraft {
            path,
            name,
            matches,
            upstream,
            rule,
        }
    }

    fn route_upstream(
        &mut self,
        path: &str,
        name: Option<String>,
        upstreams: &[(String, Option<Upstream>)],
    ) -> Option<usize> {
        let path_of_key = format!("{path}.upstream");
        let Some(name) = name else {
            if !self.was_refused(&path_of_key) {
                let message = "`upstream` is missing: where do its requests go?";
                let (_, known) =
                    unknown_name("upstream", "", upstreams.iter().map(|(u, _)| u.as_str()));
                self.error(path, message, known);
            }
            return None;
        };
        let found = upstreams.iter().position(|(known, _)| *known == name);
        let refused =
            self.was_refused("upstreams") || self.was_refused(&format!("upstreams.{name}"));
        if found.is_none() && !refused {
            let known = upstreams.iter().map(|(known, _)| known.as_str());
            let (message, hint) = unknown_name("upstream", &name, known);
            self.error(&path_of_key, message, hint);
        }
        found
    }

    fn rule(&mut self, path: &str, raw: Option<RawCors>, policies: &Policies) -> Option<Rule> {
        match raw {
            None => (!self.was_refused(path)).then_some(Rule::Off),
            Some(RawCors::Name(name)) => match name.as_str() {
                PASSTHROUGH => Some(Rule::Passthrough),
                OFF => Some(Rule::Off),
                _ => self.named_policy(path, &name, policies).map(Rule::Policy),
            },
            Some(RawCors::Inline(raw)) => self.policy(path, *raw).map(Rule::Policy),
        }
    }

    fn route_match(&mut self, path: &str, raw: RawMatch) -> Option<RouteMatch> {
        let RawMatch {
            hosts,
            path: exact,
            path_prefix,
            methods,
            headers,
        } = raw;
        let before = self.error_count();
        let mut matches = RouteMatch {
            hosts: Vec::new(),
            path: PathMatch::Prefix(String::new()),
            methods: Vec::new(),
            headers: Vec::new(),
        };
        for (path, text) in self.optional_list(&format!("{path}.hosts"), hosts) {
            match parse_host(&text) {
                Ok(host) => matches.hosts.push(host),
                Err((message, hint)) => self.error(&path, message, hint),
            }
        }
        let parsed = match (exact, path_prefix) {
            (None, None) => None,
            (Some(exact), None) => Some(("path", parse_path(&exact))),
            (None, Some(prefix)) => Some(("path_prefix", parse_prefix(&prefix))),
            (Some(_), Some(_)) => {
                let hint = "remove one of them".to_owned();
                self.error(path, "a route has a `path` or a `path_prefix`", hint);
                None
            }
        };
        match parsed {
            Some((_, Ok(path))) => matches.path = path,
            Some((key, Err((message, hint)))) => {
                self.error(&format!("{path}.{key}"), message, hint);
            }
            None => {}
        }
        for (path, method) in self.optional_list(&format!("{path}.methods"), methods) {
            match check_method(&method) {
                Ok(()) => {
                    let upper = method.to_ascii_uppercase();
                    if method != upper && NORMALIZED_METHODS.contains(&upper.as_str()) {
                        let message =
                            format!("methods are compared with case: this is not `{upper}`");
                        self.warn(&path, message, format!("write `{upper}`"));
                    }
                    matches.methods.push(method);
                }
                Err((message, hint)) => self.error(&path, message, hint),
            }
        }
        for (name, value) in headers.unwrap_or_default() {
            if crate::cors::is_token(name.as_bytes()) {
                let lower = name.to_ascii_lowercase();
                if matches.headers.iter().any(|(known, _)| *known == lower) {
                    let message = format!("`{name}` stands here twice: names have no case");
                    let hint = "remove one of them".to_owned();
                    self.error_of_key(&format!("{path}.headers.{name}"), &name, message, hint);
                }
                if value.0 == "*" {
                    let message = "a header is compared with its exact value; `*` is no wildcard";
                    let hint = "write the value, or remove the header".to_owned();
                    self.error(&format!("{path}.headers.{name}"), message, hint);
                }
                matches.headers.push((lower, value.0));
            } else {
                let message = format!("`{name}` is not a header name: RFC 9110 has no such token");
                let hint = "write a name such as `x-api-version`".to_owned();
                self.error_of_key(&format!("{path}.headers.{name}"), &name, message, hint);
            }
        }
        // What was refused could make it match less: it is compared with no other route.
        let is_whole = self.error_count() == before && !self.was_refused_within(path);
        is_whole.then_some(matches)
    }

    /// A list that may be left out; where it is given, an empty one would match nothing.
    fn optional_list(
        &mut self,
        path: &str,
        raw: Option<OneOrMany<String>>,
    ) -> Vec<(String, String)> {
        let Some(raw) = raw else { return Vec::new() };
        if matches!(&raw, OneOrMany::Many(many) if many.is_empty()) {
            let hint = "leave it out to match everything".to_owned();
            self.error(path, "an empty list would match nothing", hint);
        }
        self.one_or_many(path, raw)
    }

    /// Reports the first of the earlier routes that this one clashes with.
    fn check_unique(&mut self, route: &RouteDraft, earlier: &[RouteDraft]) {
        let path = &route.path;
        if let Some(other) = earlier.iter().find(|other| other.name == route.name) {
            let message = format!("the name `{}` is taken by {}", route.name, other.path);
            let hint = "give every route a name of its own".to_owned();
            self.error_here(&format!("{path}.name"), message, hint);
        }
        let clash = |is_clash: fn(&RouteMatch, &RouteMatch) -> bool| {
            let mine = route.matches.as_ref()?;
            let mut earlier = earlier.iter();
            earlier.find(|other| {
                other
                    .matches
                    .as_ref()
                    .is_some_and(|others| is_clash(mine, others))
            })
        };
        if let Some(other) = clash(RouteMatch::is_ambiguous_with) {
            let message = format!(
                "some requests match this route and {} (`{}`), and neither is more specific",
                other.path, other.name
            );
            let hint = "tell them apart by host, path, methods or headers".to_owned();
            self.error_here(path, message, hint);
        } else if let Some(other) =
            clash(RouteMatch::is_alike_to_preflights).filter(|other| !has_same_policy(route, other))
        {
            let message = format!(
                "preflights can't tell this route from {} (`{}`): they name headers, not values",
                other.path, other.name
            );
            let hint = "give both the same policy, or tell them apart by host or path".to_owned();
            self.warn_here(path, message, hint);
        }
    }
}

fn has_same_policy(a: &RouteDraft, b: &RouteDraft) -> bool {
    match (&a.rule, &b.rule) {
        (Some(Rule::Policy(a)), Some(Rule::Policy(b))) => Arc::ptr_eq(a, b),
        (Some(Rule::Passthrough), Some(Rule::Passthrough)) | (Some(Rule::Off), Some(Rule::Off)) => {
            true
        }
        // What is wrong in one of them is said already.
        (None, _) | (_, None) => true,
        _ => false,
    }
}
