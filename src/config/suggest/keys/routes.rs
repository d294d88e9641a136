//! Routes and their matches.

use super::{Row, Section as S, advice, key};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // --- routes
    key(S::Route, "name: books", &["id", "route_name", "route_id", "label", "title", "operation_id"]),
    key(S::Route, "match: { path_prefix: /v1 }", &[
        "matches", "rule", "rules", "when", "condition", "conditions", "predicates", "matcher", "matchers", "where",
    ]),
    key(S::Route, "fallback: true", &["catch_all", "is_default", "default_route", "is_fallback", "otherwise"]),
    // Envoy and Istio; nginx; HAProxy; load balancers of clouds; Kong; Caddy
    advice(S::Route, "write `respond: { status: 404 }` in an upstream of its own, and name that", &[
        "direct_response", "return", "http_request_return", "fixed_response", "request_termination", "respond", "status",
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
    key(S::Route, "rewrite: { path_prefix: / }", &[
        // Traefik, Kong, Envoy and Istio, ingress-nginx, Gateway API, Caddy
        "strip_prefix", "strip_path", "prefix_rewrite", "url_rewrite", "path_rewrite", "rewrite_target", "replace_prefix_match",
        "handle_path", "uri_strip_prefix", "add_prefix", "rewrite_path", "strip",
    ]),
    key(S::Route, "rewrite: { path: /x }", &["replace_path", "replace_full_path", "path_rewrite_policy", "set_path"]),
    key(S::Route, "rewrite: { host: upstream }", &[
        // Kong and Traefik; Envoy and Istio; ingress-nginx; Caddy; HAProxy
        "preserve_host", "pass_host_header", "host_rewrite", "auto_host_rewrite", "host_rewrite_literal", "upstream_vhost",
        "header_up_host", "rewrite_host", "set_host",
    ]),
    advice(S::Route, "write `rewrite: { path_prefix: / }` or `rewrite: { path: /x }`: paths are not rewritten by regexes", &[
        "regex_rewrite", "replace_path_regex", "strip_prefix_regex", "rewrite_regex", "replace_regex",
    ]),
    key(S::Route, "request_headers: { set: { x-edge: a }, remove: [x-debug] }", &[
        // nginx; Envoy; Traefik; Gateway API; Kong; Caddy; APISIX
        "proxy_set_header", "request_headers_to_add", "request_headers_to_remove", "custom_request_headers",
        "request_header_modifier", "request_transformer", "header_up", "proxy_rewrite", "set_request_headers", "headers",
        "add_request_header", "set_request_header", "remove_request_header", "header_modifier",
    ]),
    key(S::Route, "response_headers: { set: { x-frame-options: DENY }, remove: [server] }", &[
        "add_header", "more_set_headers", "response_headers_to_add", "response_headers_to_remove", "custom_response_headers",
        "response_header_modifier", "response_transformer", "header_down", "proxy_hide_header", "set_response_headers",
        "add_response_header", "set_response_header", "remove_response_header", "add_headers", "custom_headers", "set_header",
        "response_rewrite", "hsts", "security_headers",
    ]),
    advice(S::Route, "remove it: cookies and Location pass as the upstream sends them", &[
        "proxy_cookie_path", "proxy_cookie_domain", "proxy_redirect", "cookie_domain_rewrite", "cookie_path_rewrite", "location_rewrite",
    ]),
    key(S::Route, "connect_timeout: 1s", &["connection_timeout", "dial_timeout", "proxy_connect_timeout"]),
    key(S::Route, "read_timeout: 30s", &[
        "timeout", "request_timeout", "response_timeout", "proxy_read_timeout", "timeout_server",
    ]),
    key(S::Route, "write_timeout: 30s", &["send_timeout", "proxy_send_timeout"]),
    key(S::Route, "stream_timeout: 5m", &["stream_idle_timeout", "sse_timeout", "event_stream_timeout", "grpc_read_timeout"]),
    key(S::Route, "tunnel_timeout: 1h", &["timeout_tunnel", "websocket_timeout", "upgrade_timeout"]),
    key(S::Route, "max_request_body_bytes: 1GiB", &[
        "client_max_body_size", "proxy_body_size", "allowed_payload_size", "max_request_bytes", "max_body", "max_body_size",
        "max_body_bytes", "body_limit", "max_request_body_size", "max_upload_size", "request_body", "max_request_size",
    ]),
    key(S::Route, "rate_limit: { requests: 5, period: 1m }", &[
        "limit_req", "limit_rps", "local_rate_limit", "rate_limiting", "limit_count", "rate", "rps", "requests_per_second", "throttle",
        "throttling",
    ]),
    key(S::Route, "grpc_web: true", &[
        // Envoy, by the name of its filter and of older ones; others call it as it is called here
        "envoy.filters.http.grpc_web", "envoy.grpc_web", "grpc_web_filter", "grpc_web_proxy", "enable_grpc_web",
        "grpc_web_enabled", "grpc_web_text", "translate_grpc_web",
    ]),
    key(S::Route, "acknowledged_warnings: [method_of_another_route]", &[
        "ignore", "ignored", "ignore_warnings", "suppress", "suppress_warnings", "disable_warnings", "allow_warnings",
    ]),
    advice(S::Route, "remove it, and write `cors: passthrough` if the upstream does CORS itself", &[
        "passthrough", "preflight_continue", "options_passthrough",
    ]),

    // --- a route's `rewrite` and header edits
    key(S::Rewrite, "path_prefix: /", &[
        "prefix", "strip_prefix", "strip", "replace_prefix_match", "prefix_rewrite", "add_prefix", "replace_prefix",
    ]),
    key(S::Rewrite, "path: /x", &["replace_path", "full_path", "replace_full_path", "uri", "url", "target", "to"]),
    key(S::Rewrite, "prepend: /v1", &["base_path", "add_base_path", "path_base", "prepend_path", "append_path_to_address"]),
    key(S::Rewrite, "append_variables: true", &[
        "variables", "variables_to_query", "append_query", "path_params", "path_parameters", "constant_address",
    ]),
    key(S::Rewrite, "host: upstream", &[
        "hostname", "authority", "host_rewrite", "auto_host_rewrite", "preserve_host", "pass_host_header",
    ]),
    advice(S::Rewrite, "remove it: paths are not rewritten by regexes, and the query stays", &[
        "regex", "regex_rewrite", "pattern", "substitution", "query", "query_string", "from",
    ]),
    key(S::HeaderEdits, "set: { x-edge: a }", &["replace", "overwrite", "override", "rewrite", "put", "upsert"]),
    key(S::HeaderEdits, "add: { x-edge: a }", &["append", "append_if_absent", "insert"]),
    key(S::HeaderEdits, "remove: [x-debug]", &["delete", "hide", "unset", "strip", "drop", "del"]),

    // --- the search for routes
    key(S::Routing, "preflight_method: options", &["preflight", "preflights", "options", "preflight_routing"]),
    key(S::Routing, "path_templates: espv2", &[
        "template_syntax", "syntax", "path_template_syntax", "templates", "path_template",
        "disallow_colon_in_wildcard_path_segment",
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
