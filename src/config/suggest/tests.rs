use super::*;
use crate::config::{Config, schema};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::sync::LazyLock;

/// Returns the name of a section in the schema; `None` for the file itself.
fn name_in_schema(section: Section) -> Option<&'static str> {
    Some(match section {
        Section::File => return None,
        Section::Listener => "Listener",
        Section::Tls => "Tls",
        Section::Certificate => "Certificate",
        Section::Metrics => "Metrics",
        Section::Admin => "Admin",
        Section::Server => "Server",
        Section::Log => "Log",
        Section::AccessLog => "AccessLog",
        Section::Traces => "Traces",
        Section::Limits => "Limits",
        Section::RateLimit => "RateLimit",
        Section::Upstream => "Upstream",
        Section::UpstreamTls => "UpstreamTls",
        Section::HashKey => "HashKeyField",
        Section::HealthCheck => "HealthCheck",
        Section::OutlierDetection => "OutlierDetection",
        Section::Policy => "Policy",
        Section::Origin => "OriginEntry",
        Section::NameList => "VerbatimList",
        Section::Route => "Route",
        Section::Rewrite => "Rewrite",
        Section::HeaderEdits => "HeaderEdits",
        Section::Match => "Match",
        Section::Routing => "Routing",
    })
}

/// Returns the keys of a section, from the schema.
fn keys_of(section: Section) -> Vec<String> {
    static SCHEMA: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(&schema()).expect("JSON"));
    let object = match name_in_schema(section) {
        Some(name) => &SCHEMA["$defs"][name],
        None => &SCHEMA,
    };
    let properties = object["properties"].as_object().expect("it has keys");
    properties.keys().cloned().collect()
}

#[test]
fn every_key_but_the_dangerous_has_a_row_and_every_row_a_key() {
    for (section, sign) in SECTIONS {
        let keys = keys_of(section);
        assert!(keys.iter().any(|key| key == sign), "{section:?}");
        let rows: HashSet<&str> = rows()
            .filter(|row| row.section == section)
            .filter_map(Row::key)
            .collect();
        let harmless = keys.iter().map(String::as_str);
        let harmless: HashSet<&str> = harmless.filter(|k| !k.starts_with(DANGEROUS)).collect();
        assert_eq!(rows, harmless, "{section:?}");
    }
}

#[test]
fn a_name_leads_to_one_row_of_a_section() {
    let mut known = HashSet::new();
    for row in rows() {
        for name in row.names {
            let is_new = known.insert((format!("{:?}", row.section), plain(name)));
            assert!(is_new, "{name} is there twice in {:?}", row.section);
        }
    }
}

#[test]
fn words_lead_to_rows() {
    for (section, _, name) in WORDS {
        assert!(row_called(*section, &plain(name)).is_some(), "{name}");
    }
}

#[test]
fn every_form_is_one_that_loads() {
    for row in rows() {
        let (Form::Key(form), Some(key)) = (row.form, row.key()) else {
            continue;
        };
        let form = form.replace("origins.txt", "examples/tenants.txt");
        let form = form.replace("tls/", "../tests/bad_conf/tls/");
        let with = |section: Section, other: &'static str| match row.section == section {
            true => form.clone(),
            false => other.to_owned(),
        };
        let policy = match (row.section, key) {
            (Section::Policy, "allow_origins") => form.clone(),
            (Section::Origin, _) => format!("allow_origins: [{{ {form} }}]"),
            (Section::NameList, _) => {
                format!("allow_origins: [https://a.example], allow_methods: {{ {form} }}")
            }
            _ => format!(
                "allow_origins: [https://a.example], {}",
                with(Section::Policy, "max_age: 1s")
            ),
        };
        let certificate = [
            "certificate: ../tests/bad_conf/tls/api.crt",
            "private_key: ../tests/bad_conf/tls/api.key",
        ]
        .join(", ");
        let ca = "ca: ../tests/bad_conf/tls/clients.pem";
        let upstream = match (row.section, key) {
            (Section::Upstream, "endpoints" | "echo" | "respond") => form.clone(),
            (Section::Upstream, "hash_key") => {
                format!("endpoints: [127.0.0.1:1], load_balancing: consistent_hash, {form}")
            }
            (Section::UpstreamTls, "server_name") => {
                format!("endpoints: [127.0.0.1:1], tls: {{ {form}, {ca} }}")
            }
            (Section::UpstreamTls, "ca") => {
                format!("endpoints: [127.0.0.1:1], tls: {{ server_name: a.b, {ca} }}")
            }
            (Section::UpstreamTls, _) => {
                format!(
                    "endpoints: [127.0.0.1:1], tls: {{ server_name: a.b, {ca}, {certificate} }}"
                )
            }
            (Section::HashKey, _) => format!(
                "endpoints: [127.0.0.1:1], load_balancing: consistent_hash, hash_key: {{ {form} }}"
            ),
            (Section::HealthCheck, _) => {
                format!("endpoints: [127.0.0.1:1], health_check: {{ path: /, {form} }}")
                    .replace("path: /, path:", "path:")
            }
            (Section::OutlierDetection, _) => {
                format!("endpoints: [127.0.0.1:1], outlier_detection: {{ {form} }}")
            }
            _ => format!(
                "endpoints: [127.0.0.1:1], {}",
                with(Section::Upstream, "read_timeout: 1s")
            ),
        };
        let route = match (row.section, key) {
            (Section::Route, _) => [
                ("upstream", "upstream: api"),
                ("match", "match: { path: /a }"),
                ("name", "name: r"),
                ("cors", "cors: off"),
            ]
            .map(|(other, usual)| if other == key { form.as_str() } else { usual })
            .join(", "),
            (Section::Rewrite, "append_variables") => format!(
                "upstream: api, match: {{ path_template: '/a/{{b}}' }}, rewrite: {{ path: /x, {form} }}"
            ),
            (Section::Rewrite, _) => {
                format!("upstream: api, match: {{ path: /a }}, rewrite: {{ {form} }}")
            }
            _ => format!(
                "upstream: api, match: {{ {} }}",
                with(Section::Match, "path: /a")
            ),
        };
        let admin = match (row.section, key) {
            (Section::Admin, "hosts") => format!("address: 127.0.0.1:9901, {form}"),
            _ => with(Section::Admin, "address: 127.0.0.1:9901"),
        };
        let tls = match (row.section, key) {
            (Section::Tls, "certificates") => form.clone(),
            // Each of these needs the others.
            (Section::Tls, "client_ca" | "client_certificate" | "forward_client_certificate") => {
                let others = [
                    "client_ca: ../tests/bad_conf/tls/clients.pem",
                    "client_certificate: always",
                ];
                let others = others.into_iter().filter(|other| !other.starts_with(key));
                let others: Vec<&str> = others.chain([form.as_str()]).collect();
                format!("certificates: [{{ {certificate} }}], {}", others.join(", "))
            }
            (Section::Tls, _) => format!("certificates: [{{ {certificate} }}], {form}"),
            _ => format!("certificates: [{{ {certificate} }}]"),
        };
        let listener = match (row.section, key) {
            (Section::Listener, "address") => form.clone(),
            (Section::Listener, _) => format!("address: 127.0.0.1:80, {form}"),
            _ => format!("address: 127.0.0.1:80, tls: {{ {tls} }}"),
        };
        let limits = match (row.section, key) {
            (Section::RateLimit, "requests") => format!("rate_limit: {{ {form} }}"),
            (Section::RateLimit, _) => format!("rate_limit: {{ requests: 1, {form} }}"),
            _ => with(Section::Limits, "header_timeout: 1s"),
        };
        let sections = [
            ("listeners", format!("listeners: [{{ {listener} }}]")),
            (
                "metrics",
                format!(
                    "metrics: {{ {} }}",
                    with(Section::Metrics, "address: 127.0.0.1:9902")
                ),
            ),
            ("admin", format!("admin: {{ {admin} }}")),
            (
                "server",
                format!("server: {{ {} }}", with(Section::Server, "threads: 1")),
            ),
            ("limits", format!("limits: {{ {limits} }}")),
            (
                "routing",
                format!(
                    "routing: {{ {} }}",
                    with(Section::Routing, "preflight_method: announced")
                ),
            ),
            (
                "upstreams",
                format!("upstreams: {{ api: {{ {upstream} }} }}"),
            ),
            (
                "policies",
                format!("policies: {{ web-app: {{ {policy} }} }}"),
            ),
            ("routes", format!("routes: [{{ {route} }}]")),
        ];
        let is_replaced = |section: &str| row.section == Section::File && section == key;
        let mut text: String = sections
            .iter()
            .filter(|(section, _)| !is_replaced(section))
            .map(|(_, text)| format!("{text}\n"))
            .collect();
        if row.section == Section::File {
            text += &form;
        }
        let environment = |_: &str| Some("https://a.example".to_owned());
        let loaded = Config::parse_in(&text, Path::new("conf/x.yaml"), &environment);
        assert!(loaded.is_ok(), "{form}:\n{text}\n{}", loaded.unwrap_err());
    }
}

fn hint(section: Section, name: &str, value: Option<&str>) -> String {
    for_key(name, &keys_of(section), value).hint
}

#[test]
fn names_of_other_software_lead_to_a_key_with_its_form() {
    use Section as S;
    #[rustfmt::skip]
    let cases = [
        // Envoy, Istio, Gateway API
        (S::Policy, "allow_origin_string_match", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "allow_private_network_access", Some("true"), "write `allow_private_network: true`"),
        (S::Policy, "allowOrigins", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "maxAge", Some("24h"), "write `max_age: 24h`"),
        (S::Policy, "unmatchedPreflights", Some("FORWARD"), "write `on_rejected_preflight: forward`"),
        // nginx, ingress-nginx, Apache, CDNs: the header itself
        (S::Policy, "Access-Control-Allow-Origin", Some("https://shop.example.com"), "write `allow_origins: [https://shop.example.com]`"),
        (S::Policy, "Access-Control-Allow-Origin", Some("*"), "write `allow_origins: \"*\"`"),
        (S::Policy, "access_control_max_age", Some("600"), "write `max_age: 600s`"),
        (S::Policy, "nginx.ingress.kubernetes.io/cors-allow-origin", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "cors_allow_origin", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "Access-Control-Allow-Methods", Some("GET, POST, PUT"), "write `allow_methods: [GET, POST, PUT]`"),
        // Traefik
        (S::Policy, "accessControlAllowOriginList", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "accessControlAllowOriginListRegex", Some(r"^https://.*\.example\.com$"), r"write `allow_origins: [{ regex: 'https://.*\.example\.com' }]`"),
        (S::Policy, "accessControlMaxAge", Some("100"), "write `max_age: 100s`"),
        (S::Policy, "addVaryHeader", Some("true"), "remove it: the gateway adds Vary wherever an answer depends on the request"),
        // Kong, APISIX, Tyk, KrakenD
        (S::Policy, "origins", Some("https://a.example,https://b.example"), "write `allow_origins: [https://a.example, https://b.example]`"),
        (S::Policy, "exposed_headers", None, "write `expose_headers: [x-request-id]`"),
        (S::Policy, "allow_credential", Some("true"), "write `allow_credentials: true`"),
        (S::Policy, "allow_origins_by_regex", None, r"write `allow_origins: [{ regex: 'https://pr-[0-9]+\.example\.com' }]`"),
        (S::Policy, "options_passthrough", Some("true"), "remove it, and write `cors: passthrough` in the route if its upstream answers preflights"),
        // AWS, Google Cloud, Azure
        (S::Policy, "AllowedOrigins", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "MaxAgeSeconds", Some("3000"), "write `max_age: 3000s`"),
        (S::Policy, "ExposeHeaders", None, "write `expose_headers: [x-request-id]`"),
        (S::Policy, "responseHeader", None, "write `expose_headers: [x-request-id]`"),
        (S::Policy, "supportCredentials", Some("false"), "write `allow_credentials: false`"),
        // Spring, ASP.NET, Express, Flask, Django, Rack, Go
        (S::Policy, "allowedOriginPatterns", None, "write `allow_origins: [\"https://*.example.com\"]`"),
        (S::Policy, "SetPreflightMaxAge", None, "write `max_age: 2h`"),
        (S::Policy, "origin", Some("https://app.example.com"), "write `allow_origins: [https://app.example.com]`"),
        // It says that some are allowed, and the widest is not to be proposed.
        (S::Policy, "origin", Some("true"), "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "optionsSuccessStatus", Some("200"), "write `preflight_status: 200`"),
        (S::Policy, "supports_credentials", Some("true"), "write `allow_credentials: true`"),
        (S::Policy, "with_credentials", Some("true"), "write `allow_credentials: true`"),
        (S::Policy, "CORS_ALLOWED_ORIGINS", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "CORS_ALLOW_ALL_ORIGINS", Some("true"), "write `allow_origins: \"*\"`"),
        (S::Policy, "CORS_ALLOWED_ORIGIN_REGEXES", None, r"write `allow_origins: [{ regex: 'https://pr-[0-9]+\.example\.com' }]`"),
        (S::Policy, "allow_origin_regex", Some(r"https://.*\.example\.com"), r"write `allow_origins: [{ regex: 'https://.*\.example\.com' }]`"),
        (S::Policy, "max_age_seconds", Some("86400"), "write `max_age: 86400s`"),
        (S::Policy, "max_age_ms", Some("5000"), "write `max_age: 5000ms`"),
        (S::Policy, "AllowOriginFunc", None, r"write `allow_origins: [{ regex: 'https://pr-[0-9]+\.example\.com' }]`"),
        (S::Policy, "resource", Some("*"), "remove it: a route says where a policy holds, by `match: { path_prefix: /v1 }` and `cors: NAME`"),
        (S::Policy, "http.cors.allow-origin", Some("*"), "write `allow_origins: \"*\"`"),
        (S::Policy, "match_origins", None, r"write `allow_origins: [{ regex: 'https://pr-[0-9]+\.example\.com' }]`"),
        (S::Policy, "cors_origin_hosts", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "Credentialed", Some("true"), "write `allow_credentials: true`"),
        (S::Policy, "AccessControlMaxAgeSec", Some("600"), "write `max_age: 600s`"),
        (S::Policy, "blocked_origin_list", None, "remove it: an origin that is not in `allow_origins` is not allowed"),
        // Elements of `allow_origins`.
        (S::Origin, "safe_regex", None, r"write `regex: 'https://pr-[0-9]+\.example\.com'`"),
        (S::Origin, "exact", Some("https://a.example"), "write the origin alone, as in `- https://app.example.com`"),
        (S::Origin, "prefix", Some("https://a.example"), "write `- https://*.example.com`: an attacker's name could begin or end like that, too"),
        // Other sections.
        (S::File, "servers", None, "write `upstreams: { api: { endpoints: [127.0.0.1:9000] } }`"),
        (S::File, "clusters", None, "write `upstreams: { api: { endpoints: [127.0.0.1:9000] } }`"),
        (S::File, "listen", None, "write `listeners: [{ address: 127.0.0.1:8080 }]`"),
        (S::File, "cors", None, "write `policies: { web-app: { allow_origins: [https://app.example.com] } }`"),
        (S::File, "paths", None, "write `routes: [{ match: { path_prefix: /v1 }, upstream: api, cors: web-app }]`"),
        (S::File, "apiVersion", Some("v1"), "remove it: this file is not a Kubernetes object; keep it in a ConfigMap"),
        (S::Listener, "port", Some("8081"), "write `address: 127.0.0.1:8081`"),
        (S::Admin, "port", Some("9901"), "write `address: 127.0.0.1:9901`"),
        (S::Server, "workers", Some("4"), "write `threads: 4`"),
        (S::Limits, "client_max_body_size", Some("1MiB"), "write `max_request_body_bytes: 1MiB`"),
        (S::Limits, "client_max_body_size", Some("1m"), "write `max_request_body_bytes: 10MiB`"),
        (S::Limits, "limit_req", Some("zone=one burst=5"), "write `rate_limit: { requests: 50, period: 1s, burst: 100 }`"),
        (S::Limits, "rate", Some("10"), "write `rate_limit: { requests: 50, period: 1s, burst: 100 }`"),
        (S::Limits, "rate-limiting", None, "write `rate_limit: { requests: 50, period: 1s, burst: 100 }`"),
        (S::Route, "throttling", None, "write `rate_limit: { requests: 5, period: 1m }`"),
        (S::Route, "proxy-body-size", Some("8MiB"), "write `max_request_body_bytes: 8MiB`"),
        (S::RateLimit, "average", Some("10"), "write `requests: 10`"),
        (S::RateLimit, "minute", Some("5"), "write `requests: 5, period: 1m`"),
        (S::RateLimit, "requests_per_unit", Some("5"), "write `requests: 5`"),
        (S::RateLimit, "fill_interval", Some("60s"), "write `period: 60s`"),
        (S::RateLimit, "max_tokens", Some("7"), "write `burst: 7`"),
        (S::RateLimit, "nodelay", Some("true"), "remove it: a request is answered at once, whatever its bucket holds"),
        (S::RateLimit, "sourceCriterion", None, "remove it: a client is an address; list the proxies in front of the gateway in `trusted_proxies`"),
        (S::File, "rate_limit", None, "it belongs in `limits`: write `limits: { rate_limit: { requests: 50, period: 1s, burst: 100 } }`"),
        (S::Server, "max_request_body_bytes", Some("1MiB"), "it belongs in `limits`: write `limits: { max_request_body_bytes: 1MiB }`"),
        (S::Upstream, "servers", None, "write `endpoints: [127.0.0.1:9000]`"),
        (S::Upstream, "url", Some("api:9000"), "write `endpoints: [api:9000]`"),
        (S::Upstream, "timeout", Some("5s"), "write `read_timeout: 5s`"),
        (S::Route, "backend", Some("books"), "write `upstream: books`"),
        (S::Route, "cors_policy", Some("web"), "write `cors: web`"),
        (S::Route, "enable_cors", Some("true"), "write `cors: web-app`"),
        (S::Match, "host", Some("a.example"), "write `hosts: [a.example]`"),
        (S::Match, "path_match_policy", None, "write `path_template: '/shelves/{shelf}'`"),
        (S::Match, "path_templat", Some("/v2/*"), "write `path_template`"),
        (S::Route, "uri_template", None, "it belongs in the route's `match`: write `match: { path_template: '/shelves/{shelf}' }`"),
        (S::Match, "prefix", Some("/v2"), "write `path_prefix: /v2`"),
        (S::Match, "query", None, "remove it: routes do not look at the query"),
        // Keys of other sections.
        (S::Route, "allow_origins", Some("*"), "it belongs in a policy: write `cors: { allow_origins: \"*\" }`"),
        (S::Route, "supports_credentials", Some("true"), "it belongs in a policy: write `cors: { allow_credentials: true }`"),
        (S::Route, "path_prefix", Some("/v1"), "it belongs in the route's `match`: write `match: { path_prefix: /v1 }`"),
        (S::Route, "paths", None, "it belongs in the route's `match`: write `match: { path_prefix: /v1 }`"),
        (S::Route, "host", Some("a.example"), "it belongs in the route's `match`: write `match: { hosts: [a.example] }`"),
        (S::Route, "endpoints", None, "it belongs in an upstream: write `upstreams: { api: { endpoints: [127.0.0.1:9000] } }`"),
        (S::Match, "upstream", Some("api"), "write `upstream: api` beside `match`, not in it"),
        (S::File, "allow_origins", None, "it belongs in a policy: write `policies: { web-app: { allow_origins: [https://app.example.com] } }`"),
        (S::File, "threads", Some("2"), "it belongs in `server`: write `server: { threads: 2 }`"),
        (S::File, "keepalive_timeout", Some("5s"), "it belongs in `limits`: write `limits: { keepalive_timeout: 5s }`"),
        (S::Server, "max_connections", Some("5"), "it belongs in `limits`: write `limits: { max_connections: 5 }`"),
        (S::Server, "listeners", None, "write `listeners: [{ address: 127.0.0.1:8080 }]` at the top of the file, not in a section"),
        (S::Route, "cors_allowed_origin_hosts", None, "it belongs in a policy: write `cors: { allow_origins: [https://app.example.com] }`"),
        // Misspelt, and unknown.
        (S::Policy, "alow_origins", None, "write `allow_origins: [https://app.example.com]`"),
        (S::Policy, "max_aeg", None, "write `max_age`"),
        (S::Match, "colour", None, "known here: headers, hosts, methods, path, path_prefix, path_template"),
    ];
    let mut wrong = String::new();
    for (section, name, value, expected) in cases {
        let hint = hint(section, name, value);
        if hint != expected {
            wrong += &format!("{name}:\n  {hint}\n  {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_key_that_permits_a_danger_is_never_suggested() {
    let names = rows().flat_map(|row| row.names.iter().copied());
    let near = [
        "with_credentials",
        "any_origin_with_credentials",
        "allow_any_origin_with_credentials",
        "null_with_credentials",
        "allow_null_with_credentials",
        "allow_insecure_origins",
        "insecure_origins",
        "public_suffix_wildcards",
        "dangerously_allow_any_origin",
        "dangerously_allow_any_origin_with_credential",
        "dangerouslyAllowInsecureOrigins",
        "dangerous",
        "credentials_with",
        "x",
    ];
    for (section, _) in SECTIONS {
        let keys = keys_of(section);
        for name in names.clone().chain(near) {
            let advice = for_key(name, &keys, None);
            assert!(!advice.hint.contains(DANGEROUS), "{name}: {}", advice.hint);
        }
    }
}
