//! [`RawConfig`] → [`Config`]: every rule that the file as a whole must obey, all errors at once.

mod matches;
pub(super) mod origins;
mod policies;
mod routes;
mod upstreams;

use crate::config::error::{ConfigError, Diagnostic, Severity};
use crate::config::raw::{
    OneOrMany, RawAdmin, RawConfig, RawDuration, RawLimits, RawListener, RawServer, RawSize, Seq,
};
use crate::config::sources::Sources;
use crate::config::variables::Environment;
use crate::config::yaml::{self, Misfit, Places, Spot, SyntaxError, Unknown};
use crate::config::{Admin, Config, Limits, Listener, Server};
use crate::routing::HostMatch;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Words with a meaning of their own under `cors:`.
const PASSTHROUGH: &str = "passthrough";
const OFF: &str = "off";

/// Keys and values that the file format has and this version does not.
const NOT_YET: [&str; 10] = [
    "tls",
    "access_log",
    "health_check",
    "cors_mode",
    "block_disallowed_origins",
    "client_ca",
    "client_certificate",
    "h2",
    "random",
    "consistent_hash",
];

pub(super) fn compile(
    text: &str,
    file: &Path,
    environment: Environment<'_>,
    sources: Sources,
) -> Result<Config, ConfigError> {
    let document = match yaml::read(text, environment) {
        Ok(document) => document,
        Err(errors) => {
            let diagnostic = |error: SyntaxError| Diagnostic {
                place: error.place,
                path: error.path,
                hint: error.hint,
                ..Diagnostic::of_file(file, error.message)
            };
            return Err(ConfigError {
                diagnostics: errors.into_iter().map(diagnostic).collect(),
                sources,
            });
        }
    };
    let mut compiler = Compiler {
        file,
        places: &document.places,
        sources,
        substituted: &document.substituted,
        refused: HashSet::new(),
        found: Vec::new(),
        errors: 0,
    };
    for misfit in document.misfits {
        compiler.misfit(misfit);
    }
    // Where the file could not be read to its end, what seems to be missing may be there.
    let config = document.raw.and_then(|raw| compiler.config(raw));
    compiler.finish(config, document.resolved)
}

/// The file, and what has been found wrong with it so far.
pub(super) struct Compiler<'a> {
    file: &'a Path,
    places: &'a Places,
    pub(super) sources: Sources,
    /// What the values with variables in them became, by path.
    substituted: &'a HashMap<String, String>,
    /// The paths of values that did not fit: what depends on them is not reported as missing.
    refused: HashSet<String>,
    found: Vec<Found>,
    errors: usize,
}

/// A diagnostic, and the path that led to its place, where that goes through an alias or a merge key.
struct Found {
    diagnostic: Diagnostic,
    by_way_of: Option<String>,
}

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

    /// An error of this place rather than of the value that stands there: behind an alias it is not
    /// the anchor's.
    pub(super) fn error_here(&mut self, path: &str, message: String, hint: String) {
        self.report_here(Severity::Error, path, message, hint);
    }

    /// An error of the key at the end of the path, whatever its value: what is quoted is the key.
    pub(super) fn error_of_key(&mut self, path: &str, key: &str, message: String, hint: String) {
        self.error(path, message, hint);
        if let Some(Found { diagnostic, .. }) = self.found.last_mut() {
            diagnostic.value = Some(key.to_owned());
        }
    }

    /// As [`Compiler::error_here`], for a warning.
    pub(super) fn warn_here(&mut self, path: &str, message: String, hint: String) {
        self.report_here(Severity::Warning, path, message, hint);
    }

    fn report_here(&mut self, severity: Severity, path: &str, message: String, hint: String) {
        let mut diagnostic = self.diagnostic(severity, path, message, Some(hint));
        diagnostic.place = self.places.find(path);
        diagnostic.value = self.places.spot(path).and_then(|spot| spot.value);
        self.push(diagnostic);
    }

    /// Gives a diagnostic its own place, be there an alias or not.
    pub(super) fn place_here(&self, diagnostic: &mut Diagnostic) {
        // An element that is an alias is one, whichever key of it is spoken of.
        let element = diagnostic.path.strip_suffix(".regex");
        let path = element.filter(|element| self.places.is_alias(element));
        let path = path.unwrap_or(&diagnostic.path);
        if diagnostic.place.is_none()
            && let Some(spot) = self.places.spot_here(path)
        {
            let Spot { place, path, value } = spot;
            diagnostic.place = Some(place);
            (diagnostic.path, diagnostic.value) = (path, value);
        }
    }

    fn report(&mut self, severity: Severity, path: &str, message: String, hint: Option<String>) {
        let diagnostic = self.diagnostic(severity, path, message, hint);
        self.push(diagnostic);
    }

    fn diagnostic(
        &self,
        severity: Severity,
        path: &str,
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity,
            path: path.to_owned(),
            hint,
            ..Diagnostic::of_file(self.file, message)
        }
    }

    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        let mut by_way_of = None;
        // The value is shown as it is written: what its variables made of it is said beside it.
        if let Some(became) = self.substituted.get(&diagnostic.path)
            && diagnostic.file == self.file
            && !diagnostic.message.contains(became.as_str())
        {
            diagnostic.message = format!("`{became}`: {}", diagnostic.message);
        }
        if diagnostic.place.is_none()
            && let Some(spot) = self.places.spot(&diagnostic.path)
        {
            let Spot { place, path, value } = spot;
            diagnostic.place = Some(place);
            diagnostic.value = value;
            if path != diagnostic.path {
                by_way_of = Some(std::mem::replace(&mut diagnostic.path, path));
            }
        }
        self.errors += usize::from(diagnostic.is_error());
        self.found.push(Found {
            diagnostic,
            by_way_of,
        });
    }

    pub(super) fn error_count(&self) -> usize {
        self.errors
    }

    pub(super) fn was_refused(&self, path: &str) -> bool {
        self.refused.contains(path)
    }

    /// Whether something at `path` or below it did not fit.
    pub(super) fn was_refused_within(&self, path: &str) -> bool {
        let is_within = |refused: &String| {
            let rest = refused.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.refused.iter().any(is_within)
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
            unknown,
            message,
            hint,
        } = misfit;
        match unknown {
            Some(Unknown { name, .. }) if NOT_YET.contains(&name.as_str()) => {
                let message = format!("this version has no `{name}` yet");
                self.error_of_key(&path, &name, message, "remove it".to_owned());
            }
            Some(Unknown { kind, name, known }) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let hint = match nearest(&name, known.iter().copied()) {
                    Some(meant) => {
                        // What was meant is not missing as well.
                        let parent = path.strip_suffix(name.as_str()).unwrap_or_default();
                        self.refused.insert(format!("{parent}{meant}"));
                        format!("write `{meant}`")
                    }
                    None => format!("known here: {}", known.join(", ")),
                };
                let message = format!("`{name}` is not a {kind} here");
                match kind {
                    "key" => self.error_of_key(&path, &name, message, hint),
                    _ => self.error(&path, message, hint),
                }
            }
            None => self.error(&path, message, hint),
        }
        self.refused.insert(path);
    }

    fn finish(self, config: Option<Config>, document: String) -> Result<Config, ConfigError> {
        let has_errors = self.error_count() > 0;
        let mut diagnostics = without_repetitions(self.found);
        // The configuration first, then the files that it names, one after the other.
        diagnostics.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.file != self.file, d.place);
            let (a_key, b_key) = (key(a), key(b));
            (a_key.0, &a.file, a_key.1).cmp(&(b_key.0, &b.file, b_key.1))
        });
        match config {
            Some(config) if !has_errors => {
                let is_note = |d: &Diagnostic| d.severity == Severity::Note;
                let (notes, warnings) = diagnostics.into_iter().partition(is_note);
                Ok(Config {
                    warnings,
                    notes,
                    hash: self.sources.hash(&document),
                    document,
                    sources: self.sources,
                    ..config
                })
            }
            _ => Err(ConfigError {
                diagnostics,
                sources: self.sources,
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
            Some(_) if self.was_refused_within(key) => Vec::new(),
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

/// A mistake that several aliases lead to, or that stands in a file which several policies read, is
/// one. Where it is none but by way of an alias, the message says which.
fn without_repetitions(found: Vec<Found>) -> Vec<Diagnostic> {
    let mut unique: Vec<Found> = Vec::with_capacity(found.len());
    let mut known: HashMap<Diagnostic, usize> = HashMap::with_capacity(found.len());
    for found in found {
        match known
            .get(&found.diagnostic)
            .and_then(|at| unique.get_mut(*at))
        {
            Some(first) if found.by_way_of.is_none() => first.by_way_of = None,
            Some(_) => {}
            None => {
                known.insert(found.diagnostic.clone(), unique.len());
                unique.push(found);
            }
        }
    }
    let named = |found: Found| {
        let mut diagnostic = found.diagnostic;
        if let Some(path) = found.by_way_of {
            diagnostic.message.push_str(&format!(" (used as {path})"));
        }
        diagnostic
    };
    unique.into_iter().map(named).collect()
}

/// So many known names are shown.
const MAX_SHOWN: usize = 10;

/// The known name that `name` most likely is a misspelling of.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        match !name.is_empty() && (candidate.starts_with(&name) || candidate.ends_with(&name)) {
            // A shortened name, not a misspelt one.
            true => 1,
            false => strsim::damerau_levenshtein(&name, &candidate),
        }
    };
    known
        .map(|candidate| (distance(candidate), candidate))
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
            known => {
                let more = if known.len() > MAX_SHOWN { ", …" } else { "" };
                let shown: Vec<&str> = known.into_iter().take(MAX_SHOWN).collect();
                format!("known: {}{more}", shown.join(", "))
            }
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
        let admin = admin.and_then(|raw| self.admin(raw));
        let metrics = metrics.and_then(|raw| self.listener("metrics", raw));
        let admin_listener = admin.as_ref().map(|admin| &admin.listener);
        self.check_apart(&listeners, admin_listener, metrics.as_ref());
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
            document: String::new(),
            hash: String::new(),
            sources: Sources::default(),
            notes: Vec::new(),
        })
    }

    fn listeners(&mut self, raw: Option<Seq<RawListener>>) -> Vec<Listener> {
        let what = "the gateway must listen somewhere, such as `- address: 0.0.0.0:8080`";
        self.required("listeners", raw, what)
            .into_iter()
            .filter_map(|(path, raw)| self.listener(&path, raw))
            .collect()
    }

    fn admin(&mut self, raw: RawAdmin) -> Option<Admin> {
        let RawAdmin { address, hosts } = raw;
        let mut names = Vec::new();
        for (path, text) in self.elements("admin.hosts", hosts.unwrap_or_default()) {
            match matches::parse_host(&text) {
                Ok(HostMatch::Exact(name)) => names.push(name),
                Ok(HostMatch::Subdomains(_)) => {
                    let message = format!(
                        "`{text}` is not a host: a wildcard would let in names that others own"
                    );
                    self.error(&path, message, "write each name".to_owned());
                }
                Err((message, hint)) => self.error(&path, message, hint),
            }
        }
        let listener = self.listener("admin", RawListener { address })?;
        Some(Admin {
            listener,
            hosts: names,
        })
    }

    fn listener(&mut self, parent: &str, raw: RawListener) -> Option<Listener> {
        let RawListener { address } = raw;
        let path = format!("{parent}.address");
        let Some(address) = address else {
            if !self.was_refused(&path) {
                let port = default_port(parent);
                let hint = format!("write `address: 127.0.0.1:{port}`");
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
                let hint = listen_hint(parent, &address).unwrap_or_else(|| {
                    format!(
                        "write IP:PORT, such as `127.0.0.1:{}`",
                        default_port(parent)
                    )
                });
                self.error(&path, message, hint);
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
                self.error_here(&later.path, message, hint);
            }
        }
    }

    fn server(&mut self, raw: RawServer) -> Server {
        let RawServer {
            threads,
            express_lane,
            grace_period,
            shutdown_timeout,
        } = raw;
        let defaults = Server::default();
        if threads.is_some_and(|threads| threads > MAX_THREADS) {
            let hint = "write 0 for one a core".to_owned();
            self.error(
                "server.threads",
                format!("more than {MAX_THREADS} threads"),
                hint,
            );
        }
        Server {
            threads: threads.unwrap_or(defaults.threads),
            express_lane: express_lane.unwrap_or(defaults.express_lane),
            grace_period: duration(grace_period, defaults.grace_period),
            shutdown_timeout: duration(shutdown_timeout, defaults.shutdown_timeout),
        }
    }

    fn limits(&mut self, raw: RawLimits) -> Limits {
        let RawLimits {
            max_connections,
            max_request_header_bytes,
            header_timeout,
            keepalive_timeout,
        } = raw;
        let defaults = Limits::default();
        if let Some(RawSize(size)) = max_request_header_bytes
            && !(256..=1 << 20).contains(&size)
        {
            let hint = "write a size from 256B to 1MiB".to_owned();
            let message = "a header of this size is out of range";
            self.error("limits.max_request_header_bytes", message, hint);
        }
        if max_connections == Some(0) {
            let hint = "leave it out for the default".to_owned();
            let message = "a gateway without connections serves nobody";
            self.error("limits.max_connections", message, hint);
        }
        let header_timeout = self.positive(
            "limits.header_timeout",
            header_timeout,
            defaults.header_timeout,
        );
        let keepalive_timeout = self.positive(
            "limits.keepalive_timeout",
            keepalive_timeout,
            defaults.keepalive_timeout,
        );
        Limits {
            max_connections: max_connections.unwrap_or(defaults.max_connections),
            max_request_header_bytes: max_request_header_bytes
                .map_or(defaults.max_request_header_bytes, |RawSize(size)| size),
            header_timeout,
            keepalive_timeout,
        }
    }

    /// A duration that would switch off what it bounds if it were zero.
    fn positive(&mut self, path: &str, raw: Option<RawDuration>, default: Duration) -> Duration {
        if matches!(raw, Some(RawDuration(duration)) if duration.is_zero()) {
            let hint = "write a duration such as `10s`".to_owned();
            let message = "a time-out of zero would end everything at once";
            self.error(path, message, hint);
        }
        duration(raw, default)
    }
}

/// More threads than any machine has cores.
const MAX_THREADS: usize = 1024;

fn duration(raw: Option<RawDuration>, default: Duration) -> Duration {
    raw.map_or(default, |RawDuration(duration)| duration)
}

fn default_port(listener: &str) -> u16 {
    match listener {
        "admin" => 9901,
        "metrics" => 9902,
        _ => 8080,
    }
}

fn listen_hint(listener: &str, address: &str) -> Option<String> {
    // What an operator did not write is not opened to the world by a hint, traffic aside.
    let any = match listener {
        "admin" | "metrics" => "127.0.0.1",
        _ => "0.0.0.0",
    };
    let guess = match address.rsplit_once(':') {
        Some(("", port)) => format!("{any}:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        None if address.parse::<u16>().is_ok() => format!("{any}:{address}"),
        None => format!("{address}:{}", default_port(listener)),
        Some(_) => return None,
    };
    guess.parse::<SocketAddr>().ok()?;
    Some(format!("write `{guess}`"))
}

fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    // `[::]` takes IPv4 as well, `0.0.0.0` nothing but IPv4.
    let covers = |wide: IpAddr, other: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && other.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    let same_ip = a.ip() == b.ip() || covers(a.ip(), b.ip()) || covers(b.ip(), a.ip());
    // Port 0 takes a free port each time.
    a.port() != 0 && a.port() == b.port() && same_ip
}
