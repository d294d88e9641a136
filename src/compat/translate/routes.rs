//! The routes that operations, health checks and refusals become.

use super::policy::{PRESET, PRESET_ELSE_UPSTREAM};
use super::text::{Text, list, quoted, scalar};
use super::upstreams::{
    DEADLINE_SECONDS, HEALTHY, LOCAL, METHOD_NOT_ALLOWED, NOT_FOUND, Upstreams,
};
use super::{Notes, written};
use crate::compat::description::{
    Backend, Description, HttpMethod, Operation, PathTranslation, Template,
};
use crate::compat::flags::{HeaderAction, HeaderEdit, Options};
use crate::config::Place;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Maximum number of characters of a name, which is a label of metrics; a longer one is cut.
const MAX_NAME: usize = 200;

/// The routes in their order, which does not count.
pub(super) struct Routes<'a> {
    routes: Vec<Route<'a>>,
    /// The names of the upstreams that some route has.
    upstreams: HashSet<&'a str>,
    has_description: bool,
    /// Whether preflights are routed by their own method.
    routes_options: bool,
}

/// One route.
struct Route<'a> {
    name: String,
    comment: Option<String>,
    /// The place of the operation that it comes from.
    place: Option<Place>,
    path: Path<'a>,
    method: Option<&'a str>,
    is_fallback: bool,
    upstream: &'a str,
    cors: Cors,
    target: Target<'a>,
}

/// The paths of a route.
#[derive(Clone, Copy)]
enum Path<'a> {
    All,
    Exact(&'a str),
    Template(&'a Template),
}

/// The `cors` of a route.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cors {
    Off,
    Passthrough,
    Preset,
    /// The preset, but that what it rejects goes to the upstream.
    PresetElseUpstream,
}

/// The upstream's side of a route.
#[derive(Clone, Copy, Default)]
struct Target<'a> {
    /// Whether it is a backend, and not an answer of the gateway.
    is_backend: bool,
    is_grpc: bool,
    /// The backend of the description; `None` for the flag's.
    backend: Option<&'a Backend>,
    /// Whether it is a stream of gRPC, which may be quiet for longer than a call.
    is_streaming: bool,
    has_variables: bool,
}

// === impl Routes ===

impl<'a> Routes<'a> {
    pub(super) fn of(
        options: &'a Options,
        description: Option<&'a Description>,
        upstreams: &'a Upstreams,
        notes: &mut Notes,
    ) -> Self {
        let mut builder = Builder {
            options,
            upstreams,
            routes: Vec::new(),
            names: HashSet::new(),
        };
        let mut routes_options = false;
        let healthz = options.healthz.as_deref();
        let healthz = healthz.and_then(|path| Template::parse(path).ok());
        match description {
            None => builder.backend(),
            Some(description) => {
                routes_options = options.cors.is_none()
                    || description.allows_cors
                    || description.operations.iter().any(Operation::takes_options);
                builder.operations(description);
                builder.fallbacks(description, healthz.as_ref());
                if let Some(operation) = takes_healthz(healthz.as_ref(), description) {
                    notes.warn(format!(
                        "--healthz: it goes before the operation {}, whose template has its path, too",
                        operation.selector
                    ));
                }
            }
        }
        builder.healthz(healthz.as_ref(), description);
        builder.finish(description.is_some(), routes_options)
    }

    /// Whether some route has an upstream of this name.
    pub(super) fn need(&self, upstream: &str) -> bool {
        self.upstreams.contains(upstream)
    }

    /// Returns the place of the operation that each route comes from.
    pub(super) fn places(&self) -> impl Iterator<Item = Option<Place>> {
        self.routes.iter().map(|route| route.place)
    }

    /// Whether some route has the second policy.
    pub(super) fn has_elsewhere(&self) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|route| route.cors == Cors::PresetElseUpstream)
    }

    /// Writes the section `routing`.
    pub(super) fn write_routing(&self, text: &mut Text, options: &Options) {
        if !self.has_description {
            return;
        }
        text.blank();
        text.line(0, "routing:");
        let syntax = match options.disallows_colons {
            true => "espv2_without_colons",
            false => "espv2",
        };
        text.line(2, &format!("path_templates: {syntax}"));
        if self.routes_options {
            text.comment(
                2,
                "As in ESPv2, an OPTIONS request takes a route for OPTIONS, preflight or not.",
            );
            text.line(2, "preflight_method: options");
        }
    }

    pub(super) fn write(&self, text: &mut Text, options: &Options) {
        text.blank();
        text.line(0, "routes:");
        let mut edits = EditsWriter::default();
        for route in &self.routes {
            route.write(text, options, &mut edits);
        }
    }
}

/// Returns an operation whose template has the path of health checks among others.
fn takes_healthz<'a>(
    path: Option<&Template>,
    description: &'a Description,
) -> Option<&'a Operation> {
    let path = path?;
    let mut operations = description.operations.iter();
    operations.find(|o| o.template.covers(path) && o.template.shape() != path.shape())
}

// === impl Operation ===

impl Operation {
    fn takes_options(&self) -> bool {
        self.takes("OPTIONS")
    }

    fn takes(&self, method: &str) -> bool {
        match &self.method {
            HttpMethod::Any => true,
            HttpMethod::Token(token) => token == method,
        }
    }
}

/// The routes so far.
struct Builder<'a> {
    options: &'a Options,
    upstreams: &'a Upstreams,
    routes: Vec<Route<'a>>,
    names: HashSet<String>,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn finish(self, has_description: bool, routes_options: bool) -> Routes<'a> {
        Routes {
            upstreams: self.routes.iter().map(|route| route.upstream).collect(),
            routes: self.routes,
            has_description,
            routes_options,
        }
    }

    /// Returns the name, or one made of it that no other route has.
    fn unique(&mut self, name: &str) -> String {
        let name: String = name.escape_debug().take(MAX_NAME).collect();
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let name = names
            .find(|name| !self.names.contains(name))
            .unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    fn preset_or(&self, without: Cors) -> Cors {
        match self.options.cors {
            Some(_) => Cors::Preset,
            None => without,
        }
    }

    fn preset_else_upstream_or(&self, without: Cors) -> Cors {
        match self.options.cors {
            Some(_) => Cors::PresetElseUpstream,
            None => without,
        }
    }

    /// Adds the route of every path to the backend, where there is no description.
    fn backend(&mut self) {
        let name = self.unique("backend");
        let cors = self.preset_or(Cors::Off);
        self.routes.push(Route {
            name,
            comment: None,
            place: None,
            path: Path::All,
            method: None,
            is_fallback: false,
            upstream: LOCAL,
            cors,
            target: self.local(),
        });
    }

    fn local(&self) -> Target<'a> {
        Target {
            is_backend: true,
            is_grpc: self.options.backend.scheme.is_grpc(),
            ..Target::default()
        }
    }

    fn target(&self, operation: &'a Operation) -> Target<'a> {
        let backend = operation.backend.as_ref();
        let address = backend.and_then(|backend| backend.address.as_ref());
        Target {
            is_grpc: address.map_or(self.local().is_grpc, |address| address.scheme.is_grpc()),
            backend,
            is_streaming: operation.is_streaming,
            has_variables: operation.template.variables().next().is_some(),
            ..self.local()
        }
    }

    /// Adds a route for each operation, and where the description has `allowCors` one for OPTIONS on each
    /// path.
    fn operations(&mut self, description: &'a Description) {
        let without = match description.allows_cors {
            true => Cors::Passthrough,
            false => Cors::Off,
        };
        for operation in &description.operations {
            let name = self.unique(&operation.name);
            let cors = match operation.takes_options() {
                true => self.preset_else_upstream_or(without),
                false => self.preset_or(without),
            };
            let method = match &operation.method {
                HttpMethod::Any => None,
                HttpMethod::Token(method) => Some(method.as_str()),
            };
            let target = self.target(operation);
            self.routes.push(Route {
                name,
                comment: Some(format!("line {}", operation.place.line)),
                place: Some(operation.place),
                path: Path::Template(&operation.template),
                method,
                is_fallback: false,
                upstream: self.upstreams.name(target.backend),
                cors,
                target,
            });
        }
        if !description.allows_cors {
            return;
        }
        let taking: Vec<&Operation> = description
            .operations
            .iter()
            .filter(|operation| operation.takes_options())
            .collect();
        let mut known = BTreeSet::new();
        for operation in description.operations.iter().filter(|o| !o.is_call) {
            // A declared OPTIONS comes first, also one that has a wider template.
            if !known.insert(operation.template.shape())
                || taking
                    .iter()
                    .any(|o| o.template.covers(&operation.template))
            {
                continue;
            }
            let target = self.target(operation);
            let name = self.unique(&format!("OPTIONS {}", operation.template));
            let cors = self.preset_else_upstream_or(Cors::Passthrough);
            self.routes.push(Route {
                name,
                comment: Some(format!("line {}, for allowCors", operation.place.line)),
                place: Some(operation.place),
                path: Path::Template(&operation.template),
                method: Some("OPTIONS"),
                is_fallback: false,
                upstream: self.upstreams.name(target.backend),
                cors,
                target,
            });
        }
    }

    /// Adds the route of health checks. An operation with the same path goes before it, for its method.
    fn healthz(&mut self, template: Option<&Template>, description: Option<&'a Description>) {
        let Some(path) = &self.options.healthz else {
            return;
        };
        let operations = description.into_iter().flat_map(|d| &d.operations);
        let mut templates = operations.map(|operation| &operation.template);
        let same = template.and_then(|path| templates.find(|t| t.shape() == path.shape()));
        let path = same.map_or(Path::Exact(path), Path::Template);
        let name = self.unique("healthz");
        let cors = self.preset_else_upstream_or(Cors::Off);
        self.routes.push(Route {
            name,
            comment: Some(written(self.options, "healthz")),
            place: None,
            path,
            method: None,
            is_fallback: false,
            upstream: HEALTHY,
            cors,
            target: Target::default(),
        });
    }

    /// Adds the answers 405 and 404. They come after all other routes, as in ESPv2.
    fn fallbacks(&mut self, description: &'a Description, healthz: Option<&Template>) {
        let cors = self.preset_or(Cors::Off);
        let mut templates: BTreeMap<String, (&'a Template, bool)> = BTreeMap::new();
        for operation in &description.operations {
            let template = &operation.template;
            let (_, any) = templates
                .entry(template.shape())
                .or_insert((template, false));
            *any |= operation.method == HttpMethod::Any;
        }
        let mut fallbacks: Vec<(Path<'a>, &'static str, String)> = Vec::new();
        // The route of health checks takes every method.
        let healthz = healthz.map(Template::shape);
        for (shape, (template, takes_any)) in templates {
            if !takes_any && healthz.as_ref() != Some(&shape) {
                let name = format!("405 {template}");
                fallbacks.push((Path::Template(template), METHOD_NOT_ALLOWED, name));
            }
        }
        fallbacks.push((Path::All, NOT_FOUND, "404".to_owned()));
        for (path, upstream, name) in fallbacks {
            let name = self.unique(&name);
            self.routes.push(Route {
                name,
                comment: None,
                place: None,
                path,
                method: None,
                is_fallback: true,
                upstream,
                cors,
                target: Target::default(),
            });
        }
    }
}

// === impl Route ===

impl Route<'_> {
    fn write(&self, text: &mut Text, options: &Options, edits: &mut EditsWriter) {
        if let Some(comment) = &self.comment {
            text.comment(2, comment);
        }
        text.line(2, &format!("- name: {}", scalar(&self.name)));
        let path = match self.path {
            Path::All => None,
            Path::Exact(path) => Some(format!("path: {}", quoted(path))),
            Path::Template(template) => {
                Some(format!("path_template: {}", quoted(&template.to_string())))
            }
        };
        let method = self
            .method
            .map(|method| format!("methods: {}", list([method])));
        let predicates: Vec<String> = path.into_iter().chain(method).collect();
        if !predicates.is_empty() {
            text.line(4, &format!("match: {{ {} }}", predicates.join(", ")));
        }
        if self.is_fallback {
            text.line(4, "fallback: true");
        }
        text.line(4, &format!("upstream: {}", scalar(self.upstream)));
        let cors = match self.cors {
            Cors::Off => "off",
            Cors::Passthrough => "passthrough",
            Cors::Preset => PRESET,
            Cors::PresetElseUpstream => PRESET_ELSE_UPSTREAM,
        };
        text.line(4, &format!("cors: {cors}"));
        if self.target.is_grpc {
            text.line(4, "grpc_web: true");
        }
        if self.target.is_backend {
            self.target.write(text);
            edits.write(text, options);
        }
    }
}

// === impl Target ===

impl Target<'_> {
    fn write(&self, text: &mut Text) {
        let Some(backend) = self.backend else { return };
        if let Some(address) = &backend.address {
            text.line(4, "rewrite:");
            // ESPv2 asks a backend that the description names for its own host.
            text.line(6, "host: upstream");
            self.write_path(text, backend.translation, &address.path);
        }
        let deadline = backend.deadline.map(|deadline| deadline.as_millis());
        let Some(millis) = deadline else { return };
        if millis != u128::from(DEADLINE_SECONDS) * 1_000 {
            text.line(4, &format!("read_timeout: {millis}ms"));
        }
        // A call of gRPC has the longer one of both; a stream may be quiet for as long as any.
        if self.is_grpc && !self.is_streaming {
            text.line(4, &format!("stream_timeout: {millis}ms"));
        }
    }

    fn write_path(&self, text: &mut Text, translation: PathTranslation, path: &str) {
        match translation {
            PathTranslation::Unset => {}
            PathTranslation::AppendPathToAddress if path.is_empty() => {}
            PathTranslation::AppendPathToAddress => {
                text.line(6, &format!("prepend: {}", quoted(path)));
            }
            PathTranslation::ConstantAddress => {
                let path = match path {
                    "" => "/",
                    path => path,
                };
                text.line(6, &format!("path: {}", quoted(path)));
                if self.has_variables {
                    text.line(6, "append_variables: true");
                }
            }
        }
    }
}

/// The edits of fields, which all routes to a backend have: written once, and referred to.
#[derive(Default)]
struct EditsWriter {
    has_written: bool,
}

/// Fields in which ESPv2 tells backends whose key or token it has checked. Here none is checked, so that they
/// would be what a client says of itself.
const UNCHECKED: [&str; 6] = [
    "x-endpoint-api-userinfo",
    "x-endpoint-api-consumer-type",
    "x-endpoint-api-consumer-number",
    "x-apigateway-api-userinfo",
    "x-apigateway-api-consumer-type",
    "x-apigateway-api-consumer-number",
];

// === impl EditsWriter ===

impl EditsWriter {
    fn write(&mut self, text: &mut Text, options: &Options) {
        for (key, anchor, edits) in [
            (
                "request_headers",
                "added-to-requests",
                &options.request_headers,
            ),
            (
                "response_headers",
                "added-to-responses",
                &options.response_headers,
            ),
        ] {
            let unchecked = match key {
                "request_headers" => &UNCHECKED[..],
                _ => &[],
            };
            if edits.is_empty() && unchecked.is_empty() {
                continue;
            }
            if self.has_written {
                text.line(4, &format!("{key}: *{anchor}"));
                continue;
            }
            text.line(4, &format!("{key}: &{anchor}"));
            let mut removed: Vec<&str> = unchecked.to_vec();
            let (mut set, mut add) = (Vec::new(), Vec::new());
            for HeaderEdit { name, action, .. } in edits {
                match action {
                    HeaderAction::Remove => removed.push(name.as_str()),
                    HeaderAction::Replace(value) => set.push((name, value)),
                    HeaderAction::Append(value) => add.push((name, value)),
                }
            }
            if !removed.is_empty() {
                if !unchecked.is_empty() {
                    text.comment(
                        6,
                        "Only ESPv2 itself wrote these, of keys and tokens that it had checked.",
                    );
                }
                text.line(6, &format!("remove: {}", list(removed)));
            }
            for (kind, fields) in [("set", set), ("add", add)] {
                if !fields.is_empty() {
                    text.line(6, &format!("{kind}:"));
                }
                for (name, value) in fields {
                    text.line(8, &format!("{}: {}", quoted(name), quoted(value)));
                }
            }
        }
        self.has_written = true;
    }
}
