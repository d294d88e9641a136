//! [`RawConfig`] → [`Config`]: every rule that the file as a whole must obey, all errors at once.

use super::error::{ConfigError, Diagnostic, Severity};
use super::origins::{self, Source};
use super::raw::{
    OneOrMany, RawConfig, RawCors, RawDuration, RawLimits, RawListener, RawLoadBalancing, RawMatch,
    RawOnRejectedPreflight, RawPolicy, RawProtocol, RawRoute, RawServer, RawSize, RawUpstream,
    RawUpstreamCorsHeaders, Seq,
};
use super::route_match::{HostMatch, PathMatch, RouteMatch, check_method};
use super::yaml::{self, Misfit, Places};
use super::{
    Config, Endpoint, Limits, Listener, Protocol, Route, Server, UNMATCHED, Upstream, UpstreamKind,
    lint,
};
use crate::cors::{
    Dangers, HeaderNames, MethodNames, OnRejectedPreflight, Policy, PolicySpec, PreflightStatus,
    Rule, SpecField, UpstreamCorsHeaders,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Words with a meaning of their own under `cors:`.
const PASSTHROUGH: &str = "passthrough";
const OFF: &str = "off";

/// Keys that the file format has and this version does not.
const NOT_YET: [&str; 12] = [
    "tls",
    "express_lane",
    "max_connections",
    "header_timeout",
    "access_log",
    "health_check",
    "cors_mode",
    "block_disallowed_origins",
    "debug_header",
    "client_ca",
    "client_certificate",
    "h2",
];

pub(super) fn compile(text: &str, file: &Path) -> Result<Config, ConfigError> {
    let document = match yaml::read(text) {
        Ok(document) => document,
        Err(error) => {
            let mut diagnostic = Diagnostic::of_file(file, error.message);
            diagnostic.place = error.place;
            return Err(ConfigError {
                diagnostics: vec![diagnostic],
            });
        }
    };
    let mut compiler = Compiler {
        file,
        places: &document.places,
        refused: HashSet::new(),
        diagnostics: Vec::new(),
    };
    for misfit in document.misfits {
        compiler.misfit(misfit);
    }
    let config = compiler.config(document.raw);
    compiler.finish(config)
}

/// The file, and what has been found wrong with it so far.
pub(super) struct Compiler<'a> {
    file: &'a Path,
    places: &'a Places,
    /// The paths of values that did not fit: what depends on them is not reported as missing.
    refused: HashSet<String>,
    diagnostics: Vec<Diagnostic>,
}

type Policies = BTreeMap<String, Option<Arc<Policy>>>;

// === Reporting ===

impl Compiler<'_> {
    pub(super) fn error(
        &mut self,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.report(Severity::Error, path, message.into(), hint.into());
    }

    pub(super) fn warn(
        &mut self,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.report(Severity::Warning, path, message.into(), hint.into());
    }

    fn report(&mut self, severity: Severity, path: &str, message: String, hint: Option<String>) {
        self.push(Diagnostic {
            severity,
            file: self.file.to_owned(),
            place: None,
            path: path.to_owned(),
            message,
            hint,
        });
    }

    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        if diagnostic.place.is_none() {
            diagnostic.place = self.places.find(&diagnostic.path);
        }
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn error_count(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.is_error()).count()
    }

    pub(super) fn was_refused(&self, path: &str) -> bool {
        self.refused.contains(path)
    }

    pub(super) fn file(&self) -> &Path {
        self.file
    }

    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    fn misfit(&mut self, misfit: Misfit) {
        let Misfit {
            path,
            unknown_key,
            message,
        } = misfit;
        match unknown_key {
            Some((key, _)) if NOT_YET.contains(&key.as_str()) => {
                let hint = "remove it".to_owned();
                self.error(&path, format!("this version has no `{key}` yet"), hint);
            }
            Some((key, known)) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let hint = match nearest(&key, known.iter().copied()) {
                    Some(name) => format!("write `{name}`"),
                    None => format!("known here: {}", known.join(", ")),
                };
                self.error(&path, format!("`{key}` is not a key here"), hint);
            }
            None => self.error(&path, message, None),
        }
        self.refused.insert(path);
    }

    fn finish(mut self, config: Option<Config>) -> Result<Config, ConfigError> {
        self.diagnostics
            .sort_by(|a, b| (&a.file != self.file, a.place).cmp(&(&b.file != self.file, b.place)));
        match config {
            Some(config) if self.error_count() == 0 => Ok(Config {
                warnings: self.diagnostics,
                ..config
            }),
            _ => Err(ConfigError {
                diagnostics: self.diagnostics,
            }),
        }
    }

    /// The elements of a list that are there, each with its path. An empty one is an error.
    fn elements<T>(&mut self, path: &str, list: Seq<T>) -> Vec<(String, T)> {
        let mut elements = Vec::with_capacity(list.len());
        for (index, element) in list.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match element {
                Some(element) => elements.push((path, element)),
                None if self.was_refused(&path) => {}
                None => self.error(&path, "this element is empty", "remove it".to_owned()),
            }
        }
        elements
    }

    fn one_or_many<T>(&mut self, path: &str, list: OneOrMany<T>) -> Vec<(String, T)> {
        match list {
            OneOrMany::One(one) => vec![(path.to_owned(), one)],
            OneOrMany::Many(many) => self.elements(path, many),
        }
    }

    /// A list that must be there and have something in it.
    fn required<T>(&mut self, key: &str, list: Option<Seq<T>>, what: &str) -> Vec<(String, T)> {
        match list {
            Some(list) if !list.is_empty() => self.elements(key, list),
            Some(_) => {
                self.error(key, format!("`{key}` is empty: {what}"), None);
                Vec::new()
            }
            None => {
                if !self.was_refused(key) {
                    self.error("", format!("`{key}` is missing: {what}"), None);
                }
                Vec::new()
            }
        }
    }
}

/// The known name that `name` most likely is a misspelling of.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .map(|(_, candidate)| candidate)
}

fn unknown_name<'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> (String, String) {
    let hint = match nearest(name, known.clone()) {
        Some(near) => format!("write `{near}`"),
        None => match known.collect::<Vec<_>>() {
            known if known.is_empty() => format!("there is no {kind} in this file"),
            known => format!("known: {}", known.join(", ")),
        },
    };
    (format!("there is no {kind} `{name}`"), hint)
}

// === Sections ===

impl Compiler<'_> {
    fn config(&mut self, raw: RawConfig) -> Option<Config> {
        let RawConfig {
            listeners,
            admin,
            metrics,
            server,
            limits,
            upstreams,
            policies,
            routes,
            default_policy,
        } = raw;
        let listeners = self.listeners(listeners);
        let admin = admin.and_then(|raw| self.listener("admin", raw));
        let metrics = metrics.and_then(|raw| self.listener("metrics", raw));
        self.check_apart(&listeners, admin.as_ref(), metrics.as_ref());
        let server = self.server(server);
        let limits = self.limits(limits);
        let upstreams = self.upstreams(upstreams);
        let policies = self.policies(policies);
        let routes = self.routes(routes, &upstreams, &policies);
        let default_policy = default_policy
            .map(|name| self.named_policy("default_policy", &name, &policies))
            .unwrap_or_default();
        Some(Config {
            listeners,
            admin,
            metrics,
            server,
            limits,
            upstreams: upstreams
                .into_iter()
                .map(|(_, u)| u)
                .collect::<Option<_>>()?,
            routes: routes?,
            default_policy,
            warnings: Vec::new(),
        })
    }

    fn listeners(&mut self, raw: Option<Seq<RawListener>>) -> Vec<Listener> {
        let what = "the gateway must listen somewhere, such as `- address: 0.0.0.0:8080`";
        self.required("listeners", raw, what)
            .into_iter()
            .filter_map(|(path, raw)| self.listener(&path, raw))
            .collect()
    }

    fn listener(&mut self, parent: &str, raw: RawListener) -> Option<Listener> {
        let RawListener { address } = raw;
        let path = format!("{parent}.address");
        let Some(address) = address else {
            if !self.was_refused(&path) {
                let hint = "write `address: 127.0.0.1:8080`".to_owned();
                self.error(parent, "`address` is missing", hint);
            }
            return None;
        };
        match address.parse::<SocketAddr>() {
            Ok(address) => Some(Listener {
                address,
                place: self.places.find(&path),
                path,
            }),
            Err(_) => {
                let message = format!("`{address}` is not an address to listen on: IP:PORT");
                self.error(&path, message, listen_hint(&address));
                None
            }
        }
    }

    /// No two listeners may share an address, and the admin listener least of all: it shows and
    /// changes what traffic must not.
    fn check_apart(
        &mut self,
        listeners: &[Listener],
        admin: Option<&Listener>,
        metrics: Option<&Listener>,
    ) {
        let all: Vec<&Listener> = listeners.iter().chain(admin).chain(metrics).collect();
        for (index, later) in all.iter().enumerate() {
            if let Some(earlier) = all[..index]
                .iter()
                .find(|l| overlap(l.address, later.address))
            {
                let message = format!("`{}` is taken by {}", later.address, earlier.path);
                let hint = "give every listener a port of its own".to_owned();
                self.error(&later.path, message, hint);
            }
        }
    }

    fn server(&mut self, raw: RawServer) -> Server {
        let RawServer {
            threads,
            grace_period,
            shutdown_timeout,
        } = raw;
        let defaults = Server::default();
        Server {
            threads: threads.unwrap_or(defaults.threads),
            grace_period: duration(grace_period, defaults.grace_period),
            shutdown_timeout: duration(shutdown_timeout, defaults.shutdown_timeout),
        }
    }

    fn limits(&mut self, raw: RawLimits) -> Limits {
        let RawLimits {
            max_request_header_bytes,
            keepalive_timeout,
        } = raw;
        let defaults = Limits::default();
        if let Some(RawSize(size)) = max_request_header_bytes {
            if !(256..=1 << 20).contains(&size) {
                let hint = "write a size from 256B to 1MiB".to_owned();
                self.error("limits.max_request_header_bytes", "out of range", hint);
            }
        }
        let keepalive_timeout = self.positive(
            "limits.keepalive_timeout",
            keepalive_timeout,
            defaults.keepalive_timeout,
        );
        Limits {
            max_request_header_bytes: max_request_header_bytes
                .map_or(defaults.max_request_header_bytes, |RawSize(size)| size),
            keepalive_timeout,
        }
    }

    /// A duration that would switch off what it bounds if it were zero.
    fn positive(&mut self, path: &str, raw: Option<RawDuration>, default: Duration) -> Duration {
        if matches!(raw, Some(RawDuration(duration)) if duration.is_zero()) {
            self.error(
                path,
                "a time-out of zero would end everything at once",
                None,
            );
        }
        duration(raw, default)
    }
}

fn duration(raw: Option<RawDuration>, default: Duration) -> Duration {
    raw.map_or(default, |RawDuration(duration)| duration)
}

fn listen_hint(address: &str) -> Option<String> {
    let guess = match address.rsplit_once(':') {
        Some(("", port)) => format!("0.0.0.0:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        None if address.parse::<u16>().is_ok() => format!("0.0.0.0:{address}"),
        None => format!("{address}:8080"),
        Some(_) => return None,
    };
    guess.parse::<SocketAddr>().ok()?;
    Some(format!("write `{guess}`"))
}

fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    // Port 0 takes a free port each time.
    a.port() != 0 && a.port() == b.port() && same_ip
}

// === Upstreams ===

impl Compiler<'_> {
    /// By name; `None` where it is wrong, so that a route to it is not wrong as well.
    fn upstreams(
        &mut self,
        raw: Option<BTreeMap<String, Option<RawUpstream>>>,
    ) -> Vec<(String, Option<Upstream>)> {
        let what = "name at least one, such as `api: { endpoints: [127.0.0.1:9000] }`";
        let Some(raw) = raw else {
            if !self.was_refused("upstreams") {
                self.error("", format!("`upstreams` is missing: {what}"), None);
            }
            return Vec::new();
        };
        if raw.is_empty() {
            self.error("upstreams", format!("`upstreams` is empty: {what}"), None);
        }
        raw.into_iter()
            .map(|(name, raw)| {
                let upstream = self.upstream(&name, raw.unwrap_or_default());
                (name, upstream)
            })
            .collect()
    }

    fn upstream(&mut self, name: &str, raw: RawUpstream) -> Option<Upstream> {
        let RawUpstream {
            endpoints,
            echo,
            protocol,
            load_balancing,
            connect_timeout,
            read_timeout,
        } = raw;
        let path = format!("upstreams.{name}");
        let before = self.error_count();
        let kind = match (endpoints, echo.unwrap_or(false)) {
            (Some(endpoints), false) => self.endpoints(&format!("{path}.endpoints"), endpoints),
            (None, true) => UpstreamKind::Echo,
            (Some(_), true) => {
                let message = "an upstream is either `echo` or has `endpoints`";
                self.error(&path, message, None);
                UpstreamKind::Echo
            }
            (None, false) => {
                let refused = |key| self.was_refused(&format!("{path}.{key}"));
                if !refused("endpoints") && !refused("echo") {
                    let hint = "write `endpoints: [127.0.0.1:9000]`".to_owned();
                    self.error(&path, "`endpoints` is missing", hint);
                }
                return None;
            }
        };
        // There is one way to take endpoints in turn; the key is there to say so.
        let (Some(RawLoadBalancing::RoundRobin) | None) = load_balancing;
        let connect_path = format!("{path}.connect_timeout");
        let read_path = format!("{path}.read_timeout");
        let upstream = Upstream {
            name: name.to_owned(),
            kind,
            protocol: match protocol {
                Some(RawProtocol::H2c) => Protocol::H2c,
                Some(RawProtocol::Http1) | None => Protocol::Http1,
            },
            connect_timeout: self.positive(&connect_path, connect_timeout, DEFAULT_CONNECT_TIMEOUT),
            read_timeout: self.positive(&read_path, read_timeout, DEFAULT_READ_TIMEOUT),
        };
        (self.error_count() == before).then_some(upstream)
    }

    fn endpoints(&mut self, path: &str, raw: Seq<String>) -> UpstreamKind {
        if raw.is_empty() {
            let hint = "write `[127.0.0.1:9000]`".to_owned();
            self.error(path, "the list of endpoints is empty", hint);
        }
        let mut endpoints = Vec::new();
        for (path, text) in self.elements(path, raw) {
            match parse_endpoint(&text) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(hint) => {
                    let message = format!("`{text}` is not an endpoint: HOST:PORT");
                    self.error(&path, message, hint);
                }
            }
        }
        UpstreamKind::Endpoints(endpoints)
    }
}

fn parse_endpoint(text: &str) -> Result<Endpoint, Option<String>> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.trim_end_matches('/');
        let guess = match (rest.contains(':'), scheme) {
            (true, _) => rest.to_owned(),
            (false, "https") => format!("{rest}:443"),
            (false, _) => format!("{rest}:80"),
        };
        return Err(parse_endpoint(&guess)
            .is_ok()
            .then(|| format!("write `{guess}`")));
    }
    if let Ok(SocketAddr::V6(address)) = text.parse() {
        return Ok(Endpoint {
            host: address.ip().to_string(),
            port: address.port(),
        });
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let guess = format!("{text}:80");
        return Err(parse_endpoint(&guess)
            .is_ok()
            .then(|| format!("write `{guess}`")));
    };
    let is_name = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    match port.parse::<u16>() {
        Ok(port) if is_name && port > 0 => Ok(Endpoint {
            host: host.to_owned(),
            port,
        }),
        _ => Err(None),
    }
}

// === Policies ===

impl Compiler<'_> {
    fn policies(&mut self, raw: BTreeMap<String, Option<RawPolicy>>) -> Policies {
        raw.into_iter()
            .map(|(name, raw)| {
                let path = format!("policies.{name}");
                if name == PASSTHROUGH || name == OFF {
                    let message = format!("`{name}` has a meaning of its own under `cors`");
                    self.error(&path, message, "give the policy another name".to_owned());
                }
                let policy = self.policy(&path, raw.unwrap_or_default());
                (name, policy)
            })
            .collect()
    }

    fn named_policy(&mut self, path: &str, name: &str, policies: &Policies) -> Option<Arc<Policy>> {
        match policies.get(name) {
            Some(policy) => policy.clone(),
            None => {
                if !self.was_refused(&format!("policies.{name}")) && !self.was_refused("policies") {
                    let known = policies.keys().map(String::as_str);
                    let (message, hint) = unknown_name("policy", name, known);
                    self.error(path, message, hint);
                }
                None
            }
        }
    }

    fn policy(&mut self, path: &str, raw: RawPolicy) -> Option<Arc<Policy>> {
        let RawPolicy {
            allow_origins,
            allow_methods,
            allow_headers,
            expose_headers,
            allow_credentials,
            max_age,
            preflight_status,
            on_rejected_preflight,
            upstream_cors_headers,
            allow_private_network,
            dangerously_allow_any_origin_with_credentials,
            dangerously_allow_null_with_credentials,
            dangerously_allow_insecure_origins,
            dangerously_allow_public_suffix_wildcards,
        } = raw;
        let origins_path = format!("{path}.allow_origins");
        let origins = match allow_origins {
            Some(raw) => origins::read(self, &origins_path, raw),
            None => {
                if !self.was_refused(&origins_path) {
                    let hint = "list the origins, or write `*` for all of them".to_owned();
                    self.error(path, "`allow_origins` is missing", hint);
                }
                None
            }
        };
        let (methods, method_paths) = self.names(path, "allow_methods", allow_methods);
        let (headers, header_paths) = self.names(path, "allow_headers", allow_headers);
        let (exposed, exposed_paths) = self.names(path, "expose_headers", expose_headers);
        if methods.any && !methods.names.is_empty() {
            let message = "`*` allows every method, so that the names beside it mean nothing";
            let hint = "remove the `*` or the names".to_owned();
            self.error(&format!("{path}.allow_methods"), message, hint);
        }
        let max_age = self.max_age(path, max_age);
        let preflight_status = self.preflight_status(path, preflight_status);
        let complete = origins.is_some();
        let (patterns, sources) = origins.map(|o| (o.patterns, o.sources)).unwrap_or_default();
        let spec = PolicySpec {
            origins: patterns,
            methods: match methods.any {
                true => MethodNames::Any,
                false => MethodNames::List(methods.names),
            },
            headers,
            expose_headers: exposed,
            credentials: allow_credentials.unwrap_or(false),
            max_age,
            preflight_status,
            on_rejected_preflight: match on_rejected_preflight {
                Some(RawOnRejectedPreflight::Forward) => OnRejectedPreflight::Forward,
                Some(RawOnRejectedPreflight::Respond) | None => OnRejectedPreflight::Respond,
            },
            upstream_cors_headers: match upstream_cors_headers {
                Some(RawUpstreamCorsHeaders::Keep) => UpstreamCorsHeaders::Keep,
                Some(RawUpstreamCorsHeaders::Fill) => UpstreamCorsHeaders::Fill,
                Some(RawUpstreamCorsHeaders::Strip) | None => UpstreamCorsHeaders::Strip,
            },
            private_network: allow_private_network.unwrap_or(false),
            dangers: Dangers {
                any_origin_with_credentials: dangerously_allow_any_origin_with_credentials
                    .unwrap_or(false),
                null_with_credentials: dangerously_allow_null_with_credentials.unwrap_or(false),
                insecure_origins: dangerously_allow_insecure_origins.unwrap_or(false),
                public_suffix_wildcards: dangerously_allow_public_suffix_wildcards.unwrap_or(false),
            },
        };
        lint::policy(self, path, &spec, &sources);
        match Policy::new(spec) {
            Ok(policy) => complete.then(|| Arc::new(policy)),
            Err(errors) => {
                for error in errors {
                    let place: Cow<'_, Source> = match error.field {
                        SpecField::Origin(index) => Cow::Borrowed(&sources[index]),
                        // What was wrong with the list has been said.
                        SpecField::Origins if !complete => continue,
                        SpecField::Origins => Cow::Owned(Source::Config(origins_path.clone())),
                        SpecField::Method(i) => Cow::Owned(Source::Config(method_paths[i].clone())),
                        SpecField::Header(i) => Cow::Owned(Source::Config(header_paths[i].clone())),
                        SpecField::ExposeHeader(i) => {
                            Cow::Owned(Source::Config(exposed_paths[i].clone()))
                        }
                        SpecField::ExposeHeaders => {
                            Cow::Owned(Source::Config(format!("{path}.expose_headers")))
                        }
                    };
                    let hint = error.kind.hint().map(str::to_owned);
                    self.push(place.diagnostic(self.file, error.to_string(), hint));
                }
                None
            }
        }
    }

    /// Names, whether `*` is among them, and the path of each name.
    fn names(
        &mut self,
        path: &str,
        key: &str,
        raw: Option<OneOrMany<String>>,
    ) -> (HeaderNames, Vec<String>) {
        let mut names = HeaderNames::default();
        let mut paths = Vec::new();
        if let Some(raw) = raw {
            for (path, name) in self.one_or_many(&format!("{path}.{key}"), raw) {
                if name == "*" {
                    names.any = true;
                } else {
                    names.names.push(name);
                    paths.push(path);
                }
            }
        }
        (names, paths)
    }

    fn max_age(&mut self, path: &str, raw: Option<RawDuration>) -> Option<u64> {
        let RawDuration(duration) = raw?;
        if duration.subsec_nanos() != 0 {
            let message = "Access-Control-Max-Age is a number of whole seconds";
            self.error(&format!("{path}.max_age"), message, None);
        }
        Some(duration.as_secs())
    }

    fn preflight_status(&mut self, path: &str, raw: Option<u16>) -> PreflightStatus {
        match raw {
            None | Some(204) => PreflightStatus::NoContent,
            Some(200) => PreflightStatus::Ok,
            Some(other) => {
                let message = format!("{other} is not a status for an allowed preflight");
                let hint = "write 204 or 200".to_owned();
                self.error(&format!("{path}.preflight_status"), message, hint);
                PreflightStatus::NoContent
            }
        }
    }
}

// === Routes ===

impl Compiler<'_> {
    fn routes(
        &mut self,
        raw: Option<Seq<RawRoute>>,
        upstreams: &[(String, Option<Upstream>)],
        policies: &Policies,
    ) -> Option<Vec<Route>> {
        let what = "a request must go somewhere, such as `- { upstream: api, cors: web-app }`";
        let before = self.error_count();
        let mut routes: Vec<(String, Route)> = Vec::new();
        for (path, raw) in self.required("routes", raw, what) {
            if let Some(route) = self.route(&path, raw, upstreams, policies) {
                self.check_unique(&path, &route, &routes);
                routes.push((path, route));
            }
        }
        (self.error_count() == before).then(|| routes.into_iter().map(|(_, route)| route).collect())
    }

    fn route(
        &mut self,
        path: &str,
        raw: RawRoute,
        upstreams: &[(String, Option<Upstream>)],
        policies: &Policies,
    ) -> Option<Route> {
        let RawRoute {
            name,
            matches,
            upstream,
            cors,
        } = raw;
        let name = match name {
            Some(name) if name.is_empty() || name == UNMATCHED => {
                let message = format!("`{name}` can't be a route's name");
                let hint = "it is a metric label: write a word of your own".to_owned();
                self.error(&format!("{path}.name"), message, hint);
                name
            }
            Some(name) => name,
            None => path.to_owned(),
        };
        let matches = self.route_match(&format!("{path}.match"), matches);
        let rule = self.rule(&format!("{path}.cors"), cors, policies);
        let upstream = self.route_upstream(path, upstream, upstreams);
        Some(Route {
            name,
            matches: matches?,
            upstream: upstream?,
            rule: rule?,
        })
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
                self.error(path, message, None);
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
            match HostMatch::parse(&text) {
                Ok(host) => matches.hosts.push(host),
                Err((message, hint)) => self.error(&path, message, hint),
            }
        }
        let parsed = match (exact, path_prefix) {
            (None, None) => None,
            (Some(exact), None) => Some(("path", PathMatch::exact(&exact))),
            (None, Some(prefix)) => Some(("path_prefix", PathMatch::prefix(&prefix))),
            (Some(_), Some(_)) => {
                let hint = "remove one of them".to_owned();
                self.error(path, "a route has a `path` or a `path_prefix`", hint);
                None
            }
        };
        match parsed {
            Some((_, Ok(path))) => matches.path = path,
            Some((key, Err((message, hint)))) => {
                self.error(&format!("{path}.{key}"), message, hint)
            }
            None => {}
        }
        for (path, method) in self.optional_list(&format!("{path}.methods"), methods) {
            match check_method(&method) {
                Ok(()) => matches.methods.push(method),
                Err((message, hint)) => self.error(&path, message, hint),
            }
        }
        for (name, value) in headers.unwrap_or_default() {
            if crate::cors::is_token(name.as_bytes()) {
                matches.headers.push((name.to_ascii_lowercase(), value.0));
            } else {
                let message = format!("`{name}` is not a header name: RFC 9110 has no such token");
                self.error(&format!("{path}.headers.{name}"), message, None);
            }
        }
        (self.error_count() == before).then_some(matches)
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

    fn check_unique(&mut self, path: &str, route: &Route, earlier: &[(String, Route)]) {
        for (other_path, other) in earlier {
            if other.name == route.name {
                let message = format!("the name `{}` is taken by {other_path}", route.name);
                self.error(&format!("{path}.name"), message, None);
            }
            if other.matches.is_ambiguous_with(&route.matches) {
                let message = format!(
                    "this route matches the same requests as {other_path} (`{}`)",
                    other.name
                );
                let hint = "tell them apart by host, path, methods or headers".to_owned();
                self.error(path, message, hint);
            }
        }
    }
}
