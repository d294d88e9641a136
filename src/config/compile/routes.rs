//! `routes`: the upstream and the CORS rule of each request.

use super::acknowledged::acknowledge;
use super::edits::{RawEdits, TemplateVariables};
use super::espv2_templates::parse_espv2_template;
use super::inputs::Inputs;
use super::matches::{check_method, parse_host, parse_path, parse_prefix};
use super::policies::Policies;
use super::policy_lists::PolicyLists;
use super::rate_limits::{body_bytes, rate_limit};
use super::taken::{MAX_OF_PLACE, Taken};
use super::templates::parse_template;
use super::timeouts::RawTimeouts;
use super::upstreams::Upstreams;
use super::values::{one_or_many, required};
use super::written_answers::refuse_before_respond;
use crate::config::compiled::{
    Protocol, RateLimit, Route, Timeouts, UNMATCHED, Upstream, UpstreamKind,
};
use crate::config::edits::{Edits, PathRewrite};
use crate::config::error::Problem;
use crate::config::lint::fallback;
use crate::config::lint::grpc_web::{self, GrpcWebPolicy, GrpcWebRoute};
use crate::config::lint::is_word_for_all;
use crate::config::lint::reuse::{self, RouteParts};
use crate::config::raw::{OneOrMany, RawMatch, RawPathTemplates, RawRoute, Seq};
use crate::config::report::Report;
use crate::config::suggest::known_names;
use crate::config::warning::WarningName;
use crate::cors::{NORMALIZED_METHODS, Rule};
use crate::routing::{
    PathMatch, PreflightMethod, RouteMatch, Router, TooManyPlaces, Variables, indistinct,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Maximum bytes of a route's name, which each of its metrics repeats; a longer one is refused.
const MAX_NAME: usize = 256;
/// Maximum number of routes, each of which has metrics of its own; more are refused.
const MAX_ROUTES: usize = 10_000;

/// Maximum number of ways along which a path is followed through the templates of one host. With two of each
/// segment, literal and `*`, six segments reach it.
const MAX_WAYS: usize = 64;

/// The compiled `routing`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Routing {
    pub preflight_method: PreflightMethod,
    pub path_templates: RawPathTemplates,
}

/// Compiles `routes`, of which there must be one; `None` if something is wrong with them.
pub(super) fn routes(
    report: &mut Report<'_>,
    inputs: &mut Inputs,
    raw: Option<Seq<RawRoute>>,
    routing: Routing,
    upstreams: &Upstreams,
    policies: &Policies,
) -> Option<Vec<Route>> {
    let what = "a request must go somewhere, such as `- { upstream: api, cors: web-app }`";
    let before = report.error_count();
    let raw = required(report, "routes", raw, MAX_ROUTES, what);
    let mut compiler = RouteCompiler {
        report,
        inputs,
        routing,
        upstreams,
        lists: PolicyLists::new(policies),
    };
    let mut routes: Vec<RouteDraft> = Vec::with_capacity(raw.len());
    let mut taken = Taken::default();
    for (path, raw) in raw {
        let draft = compiler.route(path, raw);
        compiler.check_unique(&draft, &routes, &taken);
        taken.add(routes.len(), &draft.name, draft.matches.as_ref());
        routes.push(draft);
    }
    check_rules(report, &routes, routing.preflight_method);
    if report.error_count() == 0 {
        check_grpc_web(report, &routes, &inputs.grpc_web);
        note_silence(report, &routes, upstreams);
    }
    let routes: Option<Vec<Route>> = routes.into_iter().map(RouteDraft::complete).collect();
    routes.filter(|_| report.error_count() == before)
}

/// The context of all routes: upstreams and policies that they refer to, and the inputs of inline
/// policies.
struct RouteCompiler<'r, 'a> {
    report: &'r mut Report<'a>,
    inputs: &'r mut Inputs,
    routing: Routing,
    upstreams: &'r Upstreams,
    lists: PolicyLists<'r>,
}

/// The parts of a route that are right so far.
struct RouteDraft {
    path: String,
    name: String,
    matches: Option<RouteMatch>,
    upstream: Option<usize>,
    rule: Option<Rule>,
    timeouts: Timeouts,
    max_request_body_bytes: Option<u64>,
    rate_limit: Option<RateLimit>,
    edits: Edits,
    grpc_web: bool,
    /// Whether it has a `cors`.
    says_cors: bool,
}

// === impl RouteDraft ===

impl RouteDraft {
    /// Returns the parts that other routes are compared with, if all of them are right.
    fn parts(&self) -> Option<RouteParts<'_>> {
        Some(RouteParts {
            path: &self.path,
            name: &self.name,
            matches: self.matches.as_ref()?,
            rule: self.rule.as_ref()?,
        })
    }

    fn complete(self) -> Option<Route> {
        Some(Route {
            name: self.name,
            matches: self.matches?,
            upstream: self.upstream?,
            rule: self.rule?,
            timeouts: self.timeouts,
            max_request_body_bytes: self.max_request_body_bytes,
            rate_limit: self.rate_limit,
            edits: self.edits,
            grpc_web: self.grpc_web,
        })
    }
}

// === impl RouteCompiler ===

impl RouteCompiler<'_, '_> {
    fn route(&mut self, path: String, raw: RawRoute) -> RouteDraft {
        let RawRoute {
            name,
            matches,
            fallback,
            upstream,
            cors,
            connect_timeout: connect,
            read_timeout: read,
            write_timeout: write,
            stream_timeout: stream,
            tunnel_timeout: tunnel,
            max_request_body_bytes: body,
            rate_limit: rate,
            rewrite,
            request_headers: request,
            response_headers: response,
            grpc_web,
            acknowledged_warnings,
        } = raw;
        acknowledge(self.report, &path, acknowledged_warnings);
        let name = match name {
            Some(name)
                if name == UNMATCHED
                    || name.trim().is_empty()
                    || name.len() > MAX_NAME
                    || name.chars().any(char::is_control) =>
            {
                let message = format!("`{name}` can't be a route's name");
                self.report
                    .error(format!("{path}.name"), message)
                    .hint("it is a metric label: write a word of your own");
                name
            }
            Some(name) => name,
            None => path.clone(),
        };
        let is_fallback = fallback.unwrap_or(false);
        let (matches, variables) = self.route_match(&format!("{path}.match"), matches, is_fallback);
        let says_cors = cors.is_some();
        let path_of_cors = format!("{path}.cors");
        let rule = self
            .lists
            .rule(self.report, self.inputs, &path_of_cors, cors);
        let upstream = self.upstream(&path, upstream);
        let timeouts = RawTimeouts {
            connect,
            read,
            write,
            stream,
            tunnel,
        };
        let upstreams = self.upstreams;
        let defaults = upstream.and_then(|at| upstreams.get(at)?.1.as_ref());
        let grpc_web = grpc_web.unwrap_or(false);
        if let Some(upstream) = defaults
            && upstream.answers_itself()
        {
            let keys = [
                ("connect_timeout", timeouts.connect.is_some()),
                ("read_timeout", timeouts.read.is_some()),
                ("write_timeout", timeouts.write.is_some()),
                ("stream_timeout", timeouts.stream.is_some()),
                ("tunnel_timeout", timeouts.tunnel.is_some()),
                ("rewrite", rewrite.is_some()),
                ("request_headers", request.is_some()),
                ("response_headers", response.is_some()),
                ("grpc_web", grpc_web),
            ];
            refuse_before_respond(self.report, &path, &upstream.name, &keys);
        } else if let Some(upstream) = defaults.filter(|_| grpc_web) {
            check_speaks_http2(self.report, &path, upstream);
        }
        let defaults = defaults.map_or(Timeouts::default(), |upstream| upstream.timeouts);
        let timeouts = timeouts.over(self.report, &path, defaults);
        let path_of_body = format!("{path}.max_request_body_bytes");
        let max_request_body_bytes = body_bytes(self.report, &path_of_body, body);
        let rate_limit = rate_limit(self.report, &format!("{path}.rate_limit"), rate);
        let edits = RawEdits {
            rewrite,
            request,
            response,
        };
        let edits = edits.compile(self.report, &path, variables);
        self.check_prefix(&path, matches.as_ref(), &edits.path);
        RouteDraft {
            path,
            name,
            matches,
            upstream,
            rule,
            timeouts,
            max_request_body_bytes,
            rate_limit,
            edits,
            grpc_web,
            says_cors,
        }
    }

    /// Checks that there is a prefix where one is to be replaced.
    fn check_prefix(&mut self, path: &str, matches: Option<&RouteMatch>, rewrite: &PathRewrite) {
        let is_template =
            matches.is_some_and(|m| matches!(m.path, PathMatch::Template(_) | PathMatch::Espv2(_)));
        if is_template && matches!(rewrite, PathRewrite::Prefix(_)) {
            let message = "the path that a template matches has no prefix to replace";
            self.report
                .error(format!("{path}.rewrite.path_prefix"), message)
                .hint("write `rewrite: { path: … }`, or match by `path_prefix`");
        }
    }

    fn upstream(&mut self, path: &str, name: Option<String>) -> Option<usize> {
        let path_of_key = format!("{path}.upstream");
        let upstreams = self.upstreams;
        let known = upstreams.iter().map(|(known, _)| known.as_str());
        let Some(name) = name else {
            if !self.report.was_refused(&path_of_key) {
                let message = "`upstream` is missing: where do its requests go?";
                let hint = known_names("upstream", known);
                self.report.error(path, message).hint(hint);
            }
            return None;
        };
        let found = upstreams.binary_search_by(|(known, _)| known.as_str().cmp(&name));
        let found = found.ok();
        let refused = |path: &str| self.report.was_refused(path);
        if found.is_none() && !refused("upstreams") && !refused(&format!("upstreams.{name}")) {
            self.report
                .unknown_name(&path_of_key, "upstream", &name, known);
        }
        found
    }

    /// Compiles a `match`. Returns the variables of its template as well, as far as they could be read.
    fn route_match(
        &mut self,
        path: &str,
        raw: RawMatch,
        is_fallback: bool,
    ) -> (Option<RouteMatch>, TemplateVariables) {
        let RawMatch {
            hosts,
            path: exact,
            path_prefix,
            path_template,
            methods,
            headers,
        } = raw;
        let before = self.report.error_count();
        let mut matches = RouteMatch {
            hosts: Vec::new(),
            path: PathMatch::Prefix(String::new()),
            methods: Vec::new(),
            headers: Vec::new(),
            is_fallback,
        };
        for (path, text) in self.optional_list(&format!("{path}.hosts"), hosts) {
            match parse_host(&text) {
                Ok(host) => matches.hosts.push(host),
                Err(problem) => {
                    self.report.error(&path, problem);
                }
            }
        }
        let mut variables = match self.report.was_refused(&format!("{path}.path_template")) {
            true => TemplateVariables::Unknown,
            false => TemplateVariables::NoTemplate,
        };
        let parsed = match (exact, path_prefix, path_template) {
            (None, None, None) => None,
            (Some(exact), None, None) => Some(("path", parse_path(&exact))),
            (None, Some(prefix), None) => Some(("path_prefix", parse_prefix(&prefix))),
            (None, None, Some(template)) => {
                let parsed = match self.parse_template(&template) {
                    Ok((path, read)) => {
                        variables = TemplateVariables::Of(read);
                        Ok(path)
                    }
                    Err(problem) => {
                        variables = TemplateVariables::Unknown;
                        Err(problem)
                    }
                };
                Some(("path_template", parsed))
            }
            _ => {
                let message = "a route has a `path`, a `path_prefix` or a `path_template`";
                self.report
                    .error(path, message)
                    .hint("write one of them, and a route for each of the others");
                variables = TemplateVariables::Unknown;
                None
            }
        };
        match parsed {
            Some((_, Ok(path))) => matches.path = path,
            Some((key, Err(problem))) => {
                self.report.error(format!("{path}.{key}"), problem);
            }
            None => {}
        }
        for (path, method) in self.optional_list(&format!("{path}.methods"), methods) {
            match check_method(&method) {
                Ok(()) => {
                    let upper = method.to_ascii_uppercase();
                    if is_word_for_all(&method) {
                        let message =
                            format!("`{method}` is one method of that name, and not all methods");
                        self.report
                            .warn(WarningName::WordForSeveral, &path, message)
                            .hint("leave `methods` out to match every method");
                    } else if method != upper && NORMALIZED_METHODS.contains(&upper.as_str()) {
                        let message = format!("methods are case-sensitive: this is not `{upper}`");
                        self.report
                            .warn(WarningName::MethodCase, &path, message)
                            .hint(format!("write `{upper}`"));
                    }
                    matches.methods.push(method);
                }
                Err(problem) => {
                    self.report.error(&path, problem);
                }
            }
        }
        let mut known = HashSet::new();
        for (name, value) in headers.unwrap_or_default() {
            let path = format!("{path}.headers.{name}");
            if crate::cors::is_token(name.as_bytes()) {
                let lower = name.to_ascii_lowercase();
                if !known.insert(lower.clone()) {
                    let message =
                        format!("`{name}` stands here twice: names are compared without case");
                    self.report
                        .error(&path, message)
                        .hint("remove one of them")
                        .quoting(&name);
                }
                if value.0 == "*" {
                    let message =
                        "a header is compared with its exact value; `*` is not a wildcard";
                    self.report
                        .error(&path, message)
                        .hint("write the value, or remove the header");
                }
                matches.headers.push((lower, value.0));
            } else {
                let message = format!("`{name}` is not a header name: RFC 9110 has no such token");
                self.report
                    .error(&path, message)
                    .hint("write a name such as `x-api-version`")
                    .quoting(&name);
            }
        }
        // A part that was refused could make it match less: it is not compared with other routes.
        let is_whole = self.report.error_count() == before && !self.report.was_refused_within(path);
        (is_whole.then_some(matches), variables)
    }

    fn parse_template(&self, text: &str) -> Result<(PathMatch, Variables), Problem> {
        match self.routing.path_templates {
            RawPathTemplates::Standard => parse_template(text),
            RawPathTemplates::Espv2 => parse_espv2_template(text, true),
            RawPathTemplates::Espv2WithoutColons => parse_espv2_template(text, false),
        }
    }

    /// Reads a list that may be left out. An empty one is an error, because it would match nothing.
    fn optional_list(
        &mut self,
        path: &str,
        raw: Option<OneOrMany<String>>,
    ) -> Vec<(String, String)> {
        let Some(raw) = raw else { return Vec::new() };
        if matches!(&raw, OneOrMany::Many(many) if many.is_empty()) {
            self.report
                .error(path, "an empty list would match nothing")
                .hint("leave it out to match everything");
        }
        one_or_many(self.report, path, raw)
    }

    /// Reports the first of the earlier routes that this one clashes with.
    fn check_unique(&mut self, route: &RouteDraft, earlier: &[RouteDraft], taken: &Taken) {
        let path = &route.path;
        if let Some(other) = taken.named(&route.name).and_then(|at| earlier.get(at)) {
            let message = format!("the name `{}` is taken by {}", route.name, other.path);
            self.report
                .error(format!("{path}.name"), message)
                .hint("give every route a name of its own")
                .where_used();
        }
        let rivals = match route.matches.as_ref().map(|matches| taken.rivals(matches)) {
            Some(Some(rivals)) => rivals,
            Some(None) => {
                let message = format!("more than {MAX_OF_PLACE} routes have this host and path");
                self.report
                    .error(path, message)
                    .hint("tell them apart by host or path")
                    .where_used();
                return;
            }
            None => return,
        };
        let mut rivals = rivals.iter().filter_map(|at| earlier.get(*at));
        let clash = rivals.find(|other| {
            let both = route.matches.as_ref().zip(other.matches.as_ref());
            both.is_some_and(|(mine, others)| mine.is_ambiguous_with(others))
        });
        if let Some(other) = clash {
            let message = format!(
                "some requests match this route and {} (`{}`), and neither is more specific",
                other.path, other.name
            );
            self.report
                .error(path, message)
                .hint("tell them apart by host, path, methods or headers")
                .where_used();
        }
    }
}

/// Refuses to translate gRPC-Web for an upstream that can't speak gRPC.
fn check_speaks_http2(report: &mut Report<'_>, path: &str, upstream: &Upstream) {
    let name = &upstream.name;
    let (message, hint) = match (&upstream.kind, upstream.protocol) {
        (UpstreamKind::Echo, _) => (
            format!(
                "`grpc_web: true` needs HTTP/2, and the built-in upstream `{name}` does not speak it"
            ),
            "name a gRPC server",
        ),
        (UpstreamKind::Endpoints(_), Protocol::Http1) => (
            format!(
                "`grpc_web: true` needs HTTP/2, and the upstream `{name}` is spoken to in HTTP/1.1"
            ),
            "write `protocol: h2c` in the upstream",
        ),
        (UpstreamKind::Endpoints(_) | UpstreamKind::Respond(_), _) => return,
    };
    report
        .error(format!("{path}.grpc_web"), message)
        .hint(hint)
        .where_used();
}

/// Notes which routes do not say anything about CORS. Among errors, the note would hide what matters.
fn note_silence(report: &mut Report<'_>, routes: &[RouteDraft], upstreams: &Upstreams) {
    for route in routes.iter().filter(|route| !route.says_cors) {
        let upstream = route.upstream.and_then(|at| upstreams.get(at)?.1.as_ref());
        let message = match upstream.is_some_and(Upstream::answers_itself) {
            true => {
                "this route has no `cors`: its answers have no CORS headers, those to preflights included"
            }
            false => {
                "this route has no `cors`: preflights go to the upstream, and responses stay as they are"
            }
        };
        report
            .note(&route.path, message)
            .hint("write `cors: NAME` for a policy, or `cors: off` to say that it is meant")
            .where_used();
    }
}

/// Compares the rules of routes that share requests.
fn check_rules(report: &mut Report<'_>, routes: &[RouteDraft], preflight_method: PreflightMethod) {
    // A route that is wrong may be the one that takes what others seem to leave.
    if let Some(routes) = routes
        .iter()
        .map(RouteDraft::parts)
        .collect::<Option<Vec<_>>>()
    {
        let router = Router::new(routes.iter().map(|route| route.matches));
        if router.ways() > MAX_WAYS {
            let message = format!(
                "the templates for one host overlap too much: a path may have to be followed along {} of \
                 them, and at most {MAX_WAYS}",
                router.ways()
            );
            report
                .error("routes", message)
                .hint("write fewer that have `*` where others have a literal segment");
            return;
        }
        check_indistinct(report, &routes);
        reuse::methods(report, &routes, &router, preflight_method);
        fallback::routes(report, &routes, &router);
    }
}

/// Holds routes and policies for gRPC-Web against each other. A route that is wrong could be the one that
/// uses a policy.
fn check_grpc_web(report: &mut Report<'_>, routes: &[RouteDraft], policies: &[GrpcWebPolicy]) {
    let parts = routes.iter().filter_map(|route| {
        Some(GrpcWebRoute {
            path: &route.path,
            translates: route.grpc_web,
            rule: route.rule.as_ref()?,
        })
    });
    grpc_web::routes(report, &parts.collect::<Vec<_>>(), policies);
}

/// Reports routes that a preflight can't tell apart although their rules differ: the policy of the
/// route that a request takes would not be asked.
fn check_indistinct(report: &mut Report<'_>, routes: &[RouteParts<'_>]) {
    let mut policies = HashMap::new();
    let mut number = |rule: &Rule| match rule {
        Rule::Off | Rule::NoRoute(_) => 0,
        Rule::Passthrough => 1,
        Rule::Policies(list) => {
            let next = policies.len() + 2;
            *policies.entry(Arc::as_ptr(list)).or_insert(next)
        }
    };
    let numbered = routes
        .iter()
        .map(|route| (route.matches, number(route.rule)));
    let clashes = indistinct(&numbered.collect::<Vec<_>>()).unwrap_or_else(|TooManyPlaces| {
        let message = "hosts and paths whose routes have `headers` lead to too many other routes";
        report
            .error("routes", message)
            .hint("give each such host and path a route without `headers`, too");
        Vec::new()
    });
    for (route, other) in clashes {
        let (route, other) = (&routes[route], &routes[other]);
        let message = format!(
            "preflights can't tell this route from {} (`{}`), and its CORS rule differs: a preflight \
             names headers, not their values",
            other.path, other.name
        );
        report
            .error(route.path, message)
            .hint("give both the same policy by its name, or tell them apart by host, path or methods")
            .where_used();
    }
}
