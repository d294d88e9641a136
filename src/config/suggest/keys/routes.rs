//! Routes and their matches.

use super::{Row, Section as S, advice, key};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // --- routes
    key(S::Route, "name: books", &["id", "route_name", "route_id", "label", "title", "operation_id"]),
    key(S::Route, "match: { path_prefix: /v1 }", &[
        "matches", "rule", "rules", "when", "condition", "conditions", "predicates", "matcher", "matchers", "where",
    ]),
    key(S::Route, "upstream: api", &[
        // nginx, Envoy, Traefik and Kong, Gateway API, KrakenD
        "upstreams", "backend", "backends", "service", "services", "cluster", "target", "to", "destination", "proxy_pass",
        "proxy", "forward_to", "backend_ref", "backend_refs", "backend_refs_name", "upstream_name", "pool", "server",
        "servers", "dest", "reverse_proxy", "forward", "action",
    ]),
    key(S::Route, "cors: web-app", &[
        // Istio, Gateway API, Traefik, Kong
        "policy", "policies", "filters", "filter", "middlewares", "middleware", "plugins",
        "plugin", "cors_config", "enable_cors", "enabled", "default_policy",
    ]),
    advice(S::Route, "remove it: the most specific match wins, whatever the order", &["priority", "order", "weight", "rank"]),
    advice(S::Route, "remove it: this version sends the path to the upstream as it came", &[
        "strip_prefix", "strip_path", "rewrite_target", "prefix_rewrite", "regex_rewrite",
    ]),
    key(S::Route, "connect_timeout: 1s", &["connection_timeout", "dial_timeout", "proxy_connect_timeout"]),
    key(S::Route, "read_timeout: 30s", &[
        "timeout", "request_timeout", "response_timeout", "proxy_read_timeout", "timeout_server",
    ]),
    key(S::Route, "write_timeout: 30s", &["send_timeout", "proxy_send_timeout"]),
    key(S::Route, "stream_timeout: 5m", &["stream_idle_timeout", "sse_timeout", "event_stream_timeout"]),
    key(S::Route, "tunnel_timeout: 1h", &["timeout_tunnel", "websocket_timeout", "upgrade_timeout"]),
    key(S::Route, "max_request_body_bytes: 1GiB", &[
        "client_max_body_size", "proxy_body_size", "allowed_payload_size", "max_request_bytes", "max_body", "max_body_size",
        "max_body_bytes", "body_limit", "max_request_body_size", "max_upload_size", "request_body", "max_request_size",
    ]),
    key(S::Route, "rate_limit: { requests: 5, period: 1m }", &[
        "limit_req", "limit_rps", "local_rate_limit", "rate_limiting", "limit_count", "rate", "rps", "requests_per_second", "throttle",
        "throttling",
    ]),
    key(S::Route, "acknowledged_warnings: [method_of_another_route]", &[
        "ignore", "ignored", "ignore_warnings", "suppress", "suppress_warnings", "disable_warnings", "allow_warnings",
    ]),
    advice(S::Route, "remove it, and write `cors: passthrough` if the upstream does CORS itself", &[
        "passthrough", "preflight_continue", "options_passthrough",
    ]),

    // --- a route's match
    key(S::Match, "hosts: [api.example.com]", &[
        "host", "hostname", "hostnames", "domain", "domains", "server_name", "server_names", "authority", "virtual_host",
    ]),
    key(S::Match, "path: /v1/books", &["exact_path", "path_exact", "exact", "full_path"]),
    key(S::Match, "path_prefix: /v1", &[
        // Envoy and Istio; HAProxy; nginx; OpenAPI and Kong
        "prefix", "path_beg", "location", "route", "uri", "url", "paths", "path_prefixes", "prefix_path", "path_pattern",
        "base_path", "context_path", "uri_prefix", "starts_with", "path_separated_prefix", "urls", "uris",
    ]),
    key(S::Match, "path_template: '/shelves/{shelf}'", &[
        // Envoy; the others' words for it
        "path_match_policy", "uri_template", "path_templates", "template", "templates", "url_template", "uri_pattern",
        "url_pattern", "path_match", "http_pattern", "path_template_match", "path_glob", "glob", "path_parameters", "path_params",
    ]),
    key(S::Match, "methods: [GET, PUT]", &["verb", "verbs", "http_method", "http_methods"]),
    key(S::Match, r#"headers: { x-api-version: "2" }"#, &[
        "header_matches", "header_match", "header_regex", "headers_regex", "request_headers",
    ]),
    advice(S::Match, "write `path_template: '/v1/{book}'` or `path_prefix: /v1`: paths are compared by whole segments, not by regexes", &[
        "path_regex", "regex", "path_regexp", "safe_regex", "path_reg", "regexp",
    ]),
    advice(S::Match, "remove it: routes do not look at the query", &["query", "query_params", "query_parameters", "args"]),
    advice(S::Match, "remove it: routes do not look at it", &[
        "port", "scheme", "remote_ip", "client_ip", "source_ip", "cookie", "cookies", "body",
    ]),
];
