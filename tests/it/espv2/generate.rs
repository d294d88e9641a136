//! Envoy's configuration, as ESPv2's configuration manager makes it from its flags and a service's description.
//!
//! It follows the generators of ESPv2 2.55, which brings Envoy 1.30: the same filters, and the same routes in the same order.
//! Left out are ESPv2's own filters, for the override of methods and the translation of paths, and what no answer here
//! shows: retries, tracing, deadlines.

use super::templates::{Pattern, Template, sorted};
use serde_json::{Value, json};
use std::net::SocketAddr;

const CLUSTER: &str = "backend";
const OTHER_CLUSTER: &str = "other";
const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";
pub(super) const BAD_PREFLIGHT: &str = "The CORS preflight request is missing one (or more) of the following required \
                             headers [Origin, Access-Control-Request-Method] or has an unmatched Origin header.";
pub(super) const ALLOWED_METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
pub(super) const ALLOWED_HEADERS: &str = "DNT,User-Agent,X-User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,\
                                          Range,Authorization";
pub(super) const EXPOSED: &str = "Content-Length,Content-Range";
pub(super) const UNDECLARED: &str = "The current request is not defined by this API.";

/// The flags of a scenario, each `--name=value` or a switch.
#[derive(Clone, Copy)]
pub(super) struct Flags<'a>(pub(super) &'a [&'a str]);

/// A service's description as far as routes depend on it.
struct Service {
    patterns: Vec<Pattern>,
    passes_cors: bool,
}

/// Returns the whole configuration: a listener for each scenario, and the backends for all of them.
pub(super) fn bootstrap(listeners: Vec<Value>, backend: SocketAddr, other: SocketAddr) -> Value {
    let cluster = |name: &str, at: SocketAddr| {
        let endpoint = json!({ "endpoint": { "address": address(at) } });
        json!({
            "name": name,
            "connect_timeout": "20s",
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
        })
    };
    json!({
        "admin": { "address": address(([127, 0, 0, 1], 0).into()) },
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster(CLUSTER, backend), cluster(OTHER_CLUSTER, other)],
        },
    })
}

/// Returns the listener for these flags and this description, on a port that Envoy finds.
pub(super) fn listener(name: &str, flags: Flags, description: Option<&str>) -> Value {
    let service = match description {
        Some(text) => Service::parse(text, flags),
        None => Service::undescribed(flags),
    };
    let mut filters = Vec::new();
    if flags.preset().is_some() {
        filters.push(filter("cors", "cors", "Cors", json!({})));
    }
    if let Some(path) = flags.health() {
        let exact = json!({ "name": ":path", "string_match": { "exact": path } });
        let config = json!({ "pass_through_mode": false, "headers": [exact] });
        filters.push(filter(
            "health_check",
            "health_check",
            "HealthCheck",
            config,
        ));
    }
    let config = json!({ "suppress_envoy_headers": true });
    filters.push(filter("router", "router", "Router", config));
    let mut host =
        json!({ "name": "backend", "domains": ["*"], "routes": routes(flags, &service) });
    if let Some(policy) = policy(flags) {
        host["typed_per_filter_config"] = json!({ "envoy.filters.http.cors": policy });
    }
    let manager = json!({
        "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "ingress_http",
        "codec_type": "AUTO",
        "use_remote_address": false,
        "xff_num_trusted_hops": 2,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "common_http_protocol_options": { "headers_with_underscores_action": "REJECT_REQUEST" },
        "http_protocol_options": { "enable_trailers": true },
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
        "local_reply_config": { "body_format": { "json_format": {
            "code": "%RESPONSE_CODE%",
            "message": "%LOCAL_REPLY_BODY%",
        } } },
        "http_filters": filters,
        "route_config": { "name": "local_route", "virtual_hosts": [host] },
    });
    json!({
        "name": name,
        "address": address(([127, 0, 0, 1], 0).into()),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    })
}

// === impl Flags ===

impl<'a> Flags<'a> {
    pub(super) fn value(self, name: &str) -> Option<&'a str> {
        let values = self.0.iter().rev();
        let mut values = values.filter_map(|flag| flag.strip_prefix(name)?.strip_prefix('='));
        values.next()
    }

    pub(super) fn has(self, switch: &str) -> bool {
        self.0.contains(&switch)
    }

    pub(super) fn preset(self) -> Option<&'a str> {
        self.value("--cors_preset")
            .filter(|preset| !preset.is_empty())
    }

    /// Returns how the preset compares an origin.
    fn origin(self) -> Value {
        match self.preset() {
            Some("cors_with_regex") => {
                let regex = self.value("--cors_allow_origin_regex");
                json!({ "safe_regex": { "regex": regex.expect("the preset needs it") } })
            }
            _ => json!({ "exact": self.value("--cors_allow_origin").unwrap_or("*") }),
        }
    }

    pub(super) fn health(self) -> Option<String> {
        let path = self.value("--healthz")?;
        Some(format!("/{}", path.strip_prefix('/').unwrap_or(path)))
    }

    fn without_colons(self) -> bool {
        self.has("--disallow_colon_in_wildcard_path_segment")
    }
}

// === impl Service ===

impl Service {
    fn parse(text: &str, flags: Flags) -> Self {
        let service: Value = serde_json::from_str(text).expect("a service configuration");
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        let mut patterns = Vec::new();
        for rule in list(&service["http"]["rules"]) {
            let is_declared = list(&service["apis"]).iter().any(|api| {
                let methods = list(&api["methods"]);
                let selectors = methods.iter().map(|m| format!("{}.{}", name(api), name(m)));
                selectors
                    .into_iter()
                    .any(|selector| rule["selector"] == selector)
            });
            if is_declared {
                let more = list(&rule["additional_bindings"]);
                let backends = list(&service["backend"]["rules"]);
                let has_address =
                    |b: &Value| b["selector"] == rule["selector"] && b["address"].is_string();
                let is_overridden = flags.has("--enable_backend_address_override");
                let has_other_backend = !is_overridden && backends.iter().any(has_address);
                let rules = [rule].into_iter().chain(more);
                patterns.extend(rules.map(|rule| pattern(&rule, has_other_backend)));
            }
        }
        let endpoints = list(&service["endpoints"]);
        let passes_cors = |e: &Value| e["name"] == service["name"] && e["allow_cors"] == true;
        Self {
            passes_cors: endpoints.iter().any(passes_cors),
            patterns: sorted(patterns),
        }
    }

    /// Returns what corsgate serves without a description, which ESPv2 always has: every path. OPTIONS is the
    /// preset's if there is one.
    fn undescribed(flags: Flags) -> Self {
        let methods: &[&str] = match flags.preset() {
            Some(_) => &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            None => &["*"],
        };
        let patterns = methods.iter().map(|&method| Pattern {
            method: method.to_owned(),
            template: Template::parse("/**"),
            has_other_backend: false,
        });
        Self {
            patterns: sorted(patterns.collect()),
            passes_cors: false,
        }
    }
}

/// Reads the method and the path of a rule.
fn pattern(rule: &Value, has_other_backend: bool) -> Pattern {
    if let Value::Object(custom) = &rule["custom"] {
        let text = |name| custom[name].as_str().expect("a text");
        return Pattern {
            method: text("kind").to_owned(),
            template: Template::parse(text("path")),
            has_other_backend,
        };
    }
    let methods = ["get", "put", "post", "delete", "patch"];
    let found = methods
        .iter()
        .find_map(|method| Some((method, rule[method].as_str()?)));
    let (method, path) = found.expect("a rule has a method");
    Pattern {
        method: method.to_uppercase(),
        template: Template::parse(path),
        has_other_backend,
    }
}

/// Returns the routes, in the order in which ESPv2 appends them.
fn routes(flags: Flags, service: &Service) -> Vec<Value> {
    let colons = flags.without_colons();
    let mut routes = Vec::new();
    for pattern in &service.patterns {
        for mut matched in matches(&pattern.template, colons) {
            if pattern.method != "*" {
                matched["headers"] = json!([is_method(&pattern.method)]);
            }
            routes.push(forward(matched, pattern.has_other_backend));
        }
    }
    if service.passes_cors {
        let mut seen = Vec::new();
        for pattern in &service.patterns {
            let regex = pattern.template.regex(colons);
            if pattern.method == "OPTIONS" || seen.contains(&regex) {
                continue;
            }
            seen.push(regex);
            for mut matched in matches(&pattern.template, colons) {
                matched["headers"] = json!([is_method("OPTIONS")]);
                routes.push(forward(matched, pattern.has_other_backend));
            }
        }
    }
    let health = flags.health().map(|path| Pattern {
        method: "GET".to_owned(),
        template: Template::parse(&path),
        has_other_backend: false,
    });
    if let Some(health) = &health {
        for mut matched in matches(&health.template, colons) {
            matched["headers"] = json!([is_method("GET")]);
            routes.push(forward(matched, false));
        }
    }
    if flags.preset().is_some() {
        let mut origin = json!({ "name": "origin" });
        match flags.origin() {
            any if any["exact"] == "*" => origin["present_match"] = json!(true),
            matcher => origin["string_match"] = matcher,
        }
        let asks = json!({ "name": "access-control-request-method", "present_match": true });
        let preflight = json!([is_method("OPTIONS"), origin, asks]);
        routes.push(forward(
            json!({ "prefix": "/", "headers": preflight }),
            false,
        ));
        let options = json!({ "prefix": "/", "headers": [is_method("OPTIONS")] });
        routes.push(answer(options, 400, BAD_PREFLIGHT));
    }
    let mut seen = Vec::new();
    for pattern in sorted(service.patterns.iter().cloned().chain(health).collect()) {
        for matched in matches(&pattern.template, colons) {
            if pattern.method != "*" && !seen.contains(&matched) {
                seen.push(matched.clone());
                let text = &pattern.template.text;
                let message = format!(
                    "The current request is matched to the defined url template \"{text}\" but its http method \
                     is not allowed"
                );
                routes.push(answer(matched, 405, &message));
            }
        }
    }
    routes.push(answer(json!({ "prefix": "/" }), 404, UNDECLARED));
    routes
}

/// Returns the predicates for the paths of a template.
fn matches(template: &Template, without_colons: bool) -> Vec<Value> {
    let regex = || vec![json!({ "safe_regex": { "regex": template.regex(without_colons) } })];
    let exact = |paths: Vec<String>| paths.iter().map(|path| json!({ "path": path })).collect();
    template.paths().map_or_else(regex, exact)
}

fn is_method(method: &str) -> Value {
    json!({ "name": ":method", "string_match": { "exact": method } })
}

fn forward(matched: Value, to_other: bool) -> Value {
    let cluster = if to_other { OTHER_CLUSTER } else { CLUSTER };
    json!({ "match": matched, "route": { "cluster": cluster } })
}

fn answer(matched: Value, status: u16, message: &str) -> Value {
    json!({ "match": matched, "direct_response": { "status": status, "body": { "inline_string": message } } })
}

/// Returns the policy of the virtual host; `None` without a preset.
fn policy(flags: Flags) -> Option<Value> {
    flags.preset()?;
    let value = |name, default| flags.value(name).unwrap_or(default);
    Some(json!({
        "@type": format!("{TYPES}.http.cors.v3.CorsPolicy"),
        "allow_origin_string_match": [flags.origin()],
        "allow_methods": value("--cors_allow_methods", ALLOWED_METHODS),
        "allow_headers": value("--cors_allow_headers", ALLOWED_HEADERS),
        "expose_headers": value("--cors_expose_headers", EXPOSED),
        "allow_credentials": flags.has("--cors_allow_credentials"),
        "max_age": seconds(value("--cors_max_age", "480h")).to_string(),
    }))
}

/// Returns the whole seconds of a duration in Go's notation.
fn seconds(text: &str) -> u64 {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let is_digit = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !is_digit(c)).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(is_digit).unwrap_or(behind.len()));
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" | "" => 1.0,
            "ms" => 0.001,
            other => panic!("{text}: {other} is not a unit of the scenarios"),
        };
        total += number.parse::<f64>().expect("a number") * unit;
        rest = behind;
    }
    // Go counts nanoseconds, so that sums of fractions do not fall below a whole second.
    ((total * 1e9).round() / 1e9) as u64
}

fn filter(name: &str, package: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("{TYPES}.http.{package}.v3.{kind}"));
    json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": config })
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}
