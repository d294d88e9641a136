//! A service configuration, `google.api.Service`, as deploying a service makes it.
//!
//! *Invariant:* a rule is for the method that its selector names, and for no other. Where ESPv2 ignores a
//! rule, this does, and a remark says so; but a rule that demands a token is believed in doubt.

use super::backends::Backends;
use super::model::{
    Backend, Demand, DemandKind, Description, HttpMethod, Kind, Operation, PathTranslation,
};
use super::operations::{Declared, Operations, template};
use super::reader::Reader;
use super::template::Template;
use crate::config::{Shape, TreeValue};
use crate::cors::is_token;
use std::collections::HashMap;

/// The APIs that ESPv2 ignores: those of Google's discovery service.
const DISCOVERY: &str = "google.discovery";

/// The methods that need no key unless a rule says otherwise.
const WITHOUT_KEY: [&str; 2] = ["grpc.health.v1.Health.Check", "grpc.health.v1.Health.Watch"];

/// The beginning of the names of types.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// A method of an API.
struct Method<'t> {
    at: TreeValue<'t>,
    api: &'t str,
    name: &'t str,
    selector: String,
    is_streaming: bool,
    request_type: Option<&'t str>,
    backend: Option<Backend>,
    /// The backend for requests that are not gRPC's, if it is another one.
    http_backend: Option<Backend>,
    needs_key: bool,
}

/// The methods of a service's APIs.
#[derive(Default)]
struct Methods<'t> {
    list: Vec<Method<'t>>,
    by_selector: HashMap<String, usize>,
}

/// Reads a service configuration.
pub(super) fn read(reader: &mut Reader<'_>, root: TreeValue<'_>) -> Description {
    let mut methods = Methods::read(reader, root);
    if methods.list.is_empty() && !reader.has_errors() {
        let message = "the service's APIs have no methods";
        let hint = "take the service configuration that the deployment made; the file that was \
                    deployed has no methods";
        reader.error(root.get("apis").unwrap_or(root), message, hint);
    }
    methods.read_backends(reader, root);
    let mut operations = Operations::default();
    let types = json_names(reader, root);
    methods.read_http(reader, root, &types, &mut operations);
    let calls = methods.calls(reader, &mut operations);
    let mut demands = methods.tokens(reader, root);
    demands.extend(methods.keys(reader, root));
    if let Some(quota) = reader.field(root, "quota")
        && !reader.mappings(quota, "metric_rules").is_empty()
    {
        let hint = "limit the rate of requests with `rate_limit`";
        reader.remark(quota, "quotas have no effect here", hint);
    }
    let name = reader.text(root, "name").map(|(name, _)| name);
    Description {
        kind: Kind::ServiceConfig,
        name: name.unwrap_or_default().to_owned(),
        allows_cors: allows_cors(reader, root, name),
        operations: operations.into_list(),
        demands,
        remarks: Vec::new(),
        calls,
    }
}

/// Whether an endpoint of the service's own name allows CORS.
fn allows_cors(reader: &mut Reader<'_>, root: TreeValue<'_>, name: Option<&str>) -> bool {
    let mut allows_cors = false;
    for endpoint in reader.mappings(root, "endpoints") {
        if !reader.flag(endpoint, "allow_cors") {
            continue;
        }
        let own = reader.text(endpoint, "name").map(|(name, _)| name);
        match (name, own) {
            (Some(name), Some(own)) if name == own => allows_cors = true,
            (Some(name), own) => super::other_endpoint(reader, endpoint, name, own),
            (None, _) => {
                let message =
                    "`allow_cors` is for an endpoint of the service's name, and there is none";
                reader.error(endpoint, message, "write the service's `name`");
            }
        }
    }
    allows_cors
}

/// Returns the names of fields in JSON that differ from the fields' names, by type.
fn json_names<'t>(
    reader: &mut Reader<'_>,
    root: TreeValue<'t>,
) -> HashMap<&'t str, HashMap<&'t str, &'t str>> {
    let mut types = HashMap::new();
    for described in reader.mappings(root, "types") {
        let Some((name, _)) = reader.text(described, "name") else {
            continue;
        };
        let mut names = HashMap::new();
        for field in reader.mappings(described, "fields") {
            let own = reader.text(field, "name").map(|(name, _)| name);
            let json = reader.text(field, "json_name").map(|(name, _)| name);
            if let (Some(own), Some(json)) = (own, json)
                && own != json
            {
                names.insert(own, json);
            }
        }
        types.insert(name, names);
    }
    types
}

// === impl Methods ===

impl<'t> Methods<'t> {
    fn read(reader: &mut Reader<'_>, root: TreeValue<'t>) -> Self {
        let mut methods = Self::default();
        for api in reader.mappings(root, "apis") {
            let Some((name, field)) = reader.text(api, "name") else {
                reader.error(api, "this API has no name", "write its `name`");
                continue;
            };
            if name.starts_with(DISCOVERY) {
                let message =
                    "the API of Google's discovery service is ignored, as ESPv2 ignores it";
                reader.remark(field, message, "leave it out");
                continue;
            }
            for at in reader.mappings(api, "methods") {
                let Some((method, field)) = reader.text(at, "name") else {
                    reader.error(at, "this method has no name", "write its `name`");
                    continue;
                };
                methods.add(reader, (name, method), at, field);
            }
        }
        methods
    }

    fn add(
        &mut self,
        reader: &mut Reader<'_>,
        (api, name): (&'t str, &'t str),
        at: TreeValue<'t>,
        field: TreeValue<'t>,
    ) {
        let selector = format!("{api}.{name}");
        let is_streaming =
            reader.flag(at, "request_streaming") | reader.flag(at, "response_streaming");
        let request_type = reader.text(at, "request_type_url");
        let request_type = request_type.and_then(|(text, _)| text.strip_prefix(TYPE_PREFIX));
        if self.by_selector.contains_key(&selector) {
            return reader.remark(field, "this API has the method twice", "remove one of them");
        }
        self.by_selector.insert(selector.clone(), self.list.len());
        self.list.push(Method {
            at,
            api,
            name,
            needs_key: !WITHOUT_KEY.contains(&selector.as_str()),
            selector,
            is_streaming,
            request_type,
            backend: None,
            http_backend: None,
        });
    }

    /// Finds the method that a rule is for; without one, a remark says that the rule is ignored.
    fn find(&self, reader: &mut Reader<'_>, rule: TreeValue<'_>) -> Option<usize> {
        let Some((selector, field)) = reader.text(rule, "selector") else {
            let hint = "write its `selector`, such as `API.METHOD`";
            reader.remark(rule, "this rule is for no method, and has no effect", hint);
            return None;
        };
        let found = self.by_selector.get(selector).copied();
        if found.is_none() && !selector.starts_with(DISCOVERY) {
            let message = "there is no such method in `apis`: this rule has no effect";
            reader.remark(field, message, "write `API.METHOD`, by their names there");
        }
        found
    }

    fn read_backends(&mut self, reader: &mut Reader<'_>, root: TreeValue<'_>) {
        let mut backends = Backends::default();
        let Some(section) = reader.mapping(root, "backend") else {
            return;
        };
        for rule in reader.mappings(section, "rules") {
            let Some(method) = self.find(reader, rule) else {
                continue;
            };
            let backend = backends.read(reader, rule, PathTranslation::Unset);
            let for_http = reader.mapping(rule, "overrides_by_request_protocol");
            let for_http = for_http.and_then(|rules| reader.mapping(rules, "http"));
            let http_backend =
                for_http.and_then(|rule| backends.read(reader, rule, PathTranslation::Unset));
            if let Some(method) = self.list.get_mut(method) {
                method.backend = backend;
                method.http_backend = http_backend;
            }
        }
    }

    fn read_http(
        &self,
        reader: &mut Reader<'_>,
        root: TreeValue<'_>,
        types: &HashMap<&str, HashMap<&str, &str>>,
        operations: &mut Operations,
    ) {
        let Some(section) = reader.mapping(root, "http") else {
            return;
        };
        for rule in reader.mappings(section, "rules") {
            let method = self.find(reader, rule);
            let Some(method) = method.and_then(|index| self.list.get(index)) else {
                continue;
            };
            let names = method.request_type.and_then(|name| types.get(name));
            let more = reader.mappings(rule, "additional_bindings");
            for binding in [rule].into_iter().chain(more) {
                let Some((http_method, mut template, at)) = pattern(reader, binding) else {
                    continue;
                };
                if let Some(names) = names {
                    template.rename(names);
                }
                let is_call = template.to_string().starts_with(&method.call_path());
                let http_backend = method.http_backend.as_ref().filter(|_| !is_call);
                let declared = Declared {
                    selector: &method.selector,
                    method: http_method,
                    template,
                    backend: http_backend.or(method.backend.as_ref()).cloned(),
                    is_streaming: method.is_streaming,
                    is_call: false,
                    at,
                };
                operations.add(reader, declared);
            }
        }
    }

    /// Returns the operations of gRPC, but those that an HTTP rule declares.
    fn calls(&self, reader: &mut Reader<'_>, operations: &mut Operations) -> Vec<Operation> {
        let mut calls = Operations::default();
        for method in &self.list {
            let Some(template) = template(reader, &method.call_path(), method.at) else {
                continue;
            };
            if operations.is_declared("POST", &template) {
                continue;
            }
            let declared = Declared {
                selector: &method.selector,
                method: HttpMethod::Token("POST".to_owned()),
                template,
                backend: method.backend.clone(),
                is_streaming: method.is_streaming,
                is_call: true,
                at: method.at,
            };
            calls.add(reader, declared);
        }
        let mut calls = calls.into_list();
        for call in &mut calls {
            call.name = operations.name_of(&call.selector);
        }
        calls
    }

    /// Returns the demands for tokens.
    fn tokens(&self, reader: &mut Reader<'_>, root: TreeValue<'_>) -> Vec<Demand> {
        let mut demands = Vec::new();
        let Some(section) = reader.mapping(root, "authentication") else {
            return demands;
        };
        for rule in reader.mappings(section, "rules") {
            let selectors = self.selected(reader, rule);
            if reader.mappings(rule, "requirements").is_empty() || selectors.is_empty() {
                continue;
            }
            if reader.flag(rule, "allow_without_credential") {
                super::optional_token(reader, rule);
                continue;
            }
            demands.push(Demand {
                kind: DemandKind::Token,
                place: rule.place(),
                path: rule.path(),
                selectors,
            });
        }
        demands
    }

    /// Returns the selectors of the methods that a rule is for. Where ESPv2 ignores a selector with a
    /// wildcard, this does not: the operator means it to hold for them.
    fn selected(&self, reader: &mut Reader<'_>, rule: TreeValue<'_>) -> Vec<String> {
        let selector = reader.text(rule, "selector").map(|(text, _)| text);
        let prefix = selector.and_then(|selector| selector.strip_suffix('*'));
        if let Some(prefix) = prefix {
            let all = self.list.iter().map(|method| &method.selector);
            let all = all.filter(|selector| selector.starts_with(prefix));
            return all.cloned().collect();
        }
        let method = self.find(reader, rule);
        let method = method.and_then(|index| self.list.get(index));
        method.map(|m| m.selector.clone()).into_iter().collect()
    }

    /// Returns the demand for API keys: with a control plane, each method needs one that no rule frees of
    /// it. The last rule for a method counts.
    fn keys(&mut self, reader: &mut Reader<'_>, root: TreeValue<'_>) -> Option<Demand> {
        let usage = reader.mapping(root, "usage");
        let rules = usage.map(|usage| reader.mappings(usage, "rules"));
        for rule in rules.into_iter().flatten() {
            let is_free = reader.flag(rule, "allow_unregistered_calls")
                | reader.flag(rule, "skip_service_control");
            let method = self.find(reader, rule);
            if let Some(method) = method.and_then(|index| self.list.get_mut(index)) {
                method.needs_key = !is_free;
            }
        }
        let control = reader.mapping(root, "control")?;
        let (_, environment) = reader.text(control, "environment")?;
        let selectors = self.list.iter().filter(|method| method.needs_key);
        let selectors: Vec<String> = selectors.map(|method| method.selector.clone()).collect();
        (!selectors.is_empty()).then(|| Demand {
            kind: DemandKind::ApiKey,
            place: environment.place(),
            path: environment.path(),
            selectors,
        })
    }
}

// === impl Method ===

impl Method<'_> {
    /// Returns the path that gRPC has for the method.
    fn call_path(&self) -> String {
        format!("/{}/{}", self.api, self.name)
    }
}

/// Reads the method and the template of an HTTP rule or one of its bindings.
fn pattern<'t>(
    reader: &mut Reader<'_>,
    binding: TreeValue<'t>,
) -> Option<(HttpMethod, Template, TreeValue<'t>)> {
    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
    let mut found = Vec::new();
    for name in METHODS {
        if let Some(field) = reader.field(binding, name) {
            let method = HttpMethod::Token(name.to_ascii_uppercase());
            found.push((method, field, field));
        }
    }
    if let Some(custom) = reader.mapping(binding, "custom") {
        let method = custom_method(reader, custom)?;
        let path = reader.field(custom, "path").unwrap_or(custom);
        found.push((method, path, custom));
    }
    let [(method, path, field)] = found.as_slice() else {
        let message = match found.len() {
            0 => "this rule has no method with a path",
            _ => "this rule has several methods",
        };
        let hint = "write one of `get`, `put`, `post`, `delete`, `patch` and `custom`, and the \
                    others in `additional_bindings`";
        reader.error(binding, message, hint);
        return None;
    };
    let Shape::Text(text) = path.shape() else {
        reader.error(*field, "this has no path", "write one, such as `/v1/books`");
        return None;
    };
    let template = template(reader, text, *path)?;
    Some((method.clone(), template, *field))
}

fn custom_method(reader: &mut Reader<'_>, custom: TreeValue<'_>) -> Option<HttpMethod> {
    const MAX_BYTES: usize = 64;
    let hint = "write a method in capitals, such as `HEAD`, or `*` for every method";
    let Some((kind, field)) = reader.text(custom, "kind") else {
        reader.error(
            custom,
            "this has no method",
            format!("{hint}, as its `kind`"),
        );
        return None;
    };
    match kind {
        "*" => Some(HttpMethod::Any),
        _ if kind.len() <= MAX_BYTES && is_token(kind.as_bytes()) && !kind.contains('*') => {
            Some(HttpMethod::Token(kind.to_owned()))
        }
        _ => {
            reader.error(field, "this is not a method", hint);
            None
        }
    }
}
