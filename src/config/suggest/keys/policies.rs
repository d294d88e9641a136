//! Policies and their origins.

use super::{Row, Section as S, advice, key};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // --- policies
    key(S::Policy, "allow_origins: [https://app.example.com]", &[
        // Express and Kong; Spring, rs/cors, S3, Django; Traefik; Envoy; older Django and Play; Keycloak; ASP.NET
        "origin", "origins", "allowed_origin", "allowed_origins", "allow_origin_list", "allow_origin_string_match",
        "allow_origin_exact", "origin_whitelist", "origin_allowlist", "whitelist", "allowlist",
        "any_host", "allow_host", "web_origins", "with_origins", "allowed_origins_list", "origins_list", "trusted_origins", "permitted_origins",
        "domains", "allow_domains", "allowed_domains", "hosts", "allowed_hosts", "acao", "from", "urls", "allow_from",
        "clients",
    ]),
    key(S::Policy, r#"allow_origins: [{ list: "${ORIGINS}" }]"#, &["list", "env", "from_env", "variable", "split"]),
    key(S::Policy, r"allow_origins: [{ regex: 'https://pr-[0-9]+\.example\.com' }]", &[
        // FastAPI; Traefik; APISIX; Django; older Envoy
        "allow_origin_regex", "allow_origin_regexes", "allow_origin_list_regex", "allow_origins_by_regex",
        "allowed_origin_regex", "allowed_origin_regexes", "allowed_origins_regex", "origin_regex", "origin_regexes",
        "origins_regex", "origin_regex_whitelist", "origin_regexp", "regex", "regexp", "regexes", "allow_origin_match",
        // rs/cors, gin, Fiber
        "allow_origin_func", "allow_origins_func", "allow_origin_request_func", "allow_origin_vary_request_func",
        "allow_origin_with_context_func", "origin_func",
    ]),
    key(S::Policy, r#"allow_origins: ["https://*.example.com"]"#, &[
        // Spring; ASP.NET; gin; AWS
        "allowed_origin_pattern", "allowed_origin_patterns", "origin_pattern", "origin_patterns", "allow_origin_pattern",
        "allow_origin_patterns", "set_is_origin_allowed_to_allow_wildcard_subdomains", "allow_wildcard",
        "allow_subdomains", "include_subdomains",
    ]),
    key(S::Policy, r#"allow_origins: "*""#, &[
        // Django and gin; ASP.NET; older Django; Flask
        "allow_all_origins", "allow_any_origin", "origin_allow_all", "allow_all", "allow_any", "any_origin",
        "all_origins", "send_wildcard", "permissive",
    ]),
    key(S::Policy, r#"allow_origins: ["null"]"#, &["allow_null", "allow_null_origin", "null_origin"]),
    key(S::Policy, "allow_origins: [{ file: origins.txt }]", &[
        "allow_origins_file", "origins_file", "origin_file", "allow_origins_from", "file", "files", "include",
    ]),
    key(S::Policy, "allow_methods: [PUT, PATCH, DELETE]", &[
        // Express and Kong; Spring, rs/cors, S3; ASP.NET
        "method", "methods", "allowed_methods", "http_methods", "allowed_http_methods", "with_methods", "verbs",
        "allow_verbs",
    ]),
    key(S::Policy, r#"allow_methods: "*""#, &["allow_all_methods", "allow_any_method", "any_method", "all_methods"]),
    key(S::Policy, "allow_headers: [content-type, authorization]", &[
        "header", "headers", "allowed_headers", "request_headers", "allow_request_headers", "allowed_request_headers",
        "with_headers", "http_headers",
    ]),
    key(S::Policy, r#"allow_headers: ["*", authorization]"#, &[
        "allow_all_headers", "allow_any_header", "any_header", "all_headers",
    ]),
    key(S::Policy, "expose_headers: [x-request-id]", &[
        // rs/cors, Spring, Express; Rack; ASP.NET; Google Cloud Storage
        "exposed_headers", "expose", "exposed", "with_exposed_headers", "response_header", "response_headers",
        "allow_expose_headers", "allowed_response_headers", "headers_exposed", "readable_headers",
    ]),
    key(S::Policy, "presets: [grpc_web]", &["preset", "grpc_web", "grpc", "grpc_web_headers", "protocols"]),
    key(S::Policy, "allow_credentials: true", &[
        // Express and Kong; Flask, Laravel, actix and Azure; the browser's own
        "credentials", "supports_credentials", "support_credentials", "with_credentials", "include_credentials",
        "credentialed", "use_credentials", "allowed_credentials", "credentials_allowed", "allow_cookies", "cookies",
    ]),
    key(S::Policy, "max_age: 2h", &[
        // S3 and Google Cloud Storage; Azure; Django and ASP.NET
        "max_age_seconds", "max_age_in_seconds", "max_age_sec", "max_age_secs", "max_age_ms", "preflight_max_age",
        "set_preflight_max_age", "preflight_cache", "preflight_cache_duration", "preflight_cache_seconds",
        "preflight_expiration", "cache_duration", "cache_max_age", "cache", "ttl", "preflight_ttl", "age", "maximum_age",
    ]),
    key(S::Policy, "preflight_status: 200", &[
        // Express and KrakenD
        "options_success_status", "success_status", "preflight_success_status", "preflight_status_code", "preflight_response_code",
        "options_status", "options_response_code", "status_code", "status",
    ]),
    key(S::Policy, "acknowledged_warnings: [max_age_too_long]", &[
        "ignore", "ignored", "ignore_warnings", "suppress", "suppress_warnings", "disable_warnings", "allow_warnings",
    ]),
    key(S::Policy, "on_rejected_preflight: forward", &[
        // Istio, Envoy
        "unmatched_preflights", "forward_not_matching_preflights",
    ]),
    key(S::Policy, "other_options_requests: reject", &[
        "other_options", "options_requests", "plain_options", "non_preflight_options", "reject_options", "reject_other_options",
    ]),
    key(S::Policy, "upstream_cors_headers: strip", &[
        // CloudFront, Spring Cloud Gateway
        "origin_override", "override", "dedupe_response_header", "strip_upstream_headers", "upstream_headers",
        "strip_headers", "hide_headers", "backend_headers",
    ]),
    key(S::Policy, "allow_private_network: true", &["private_network", "allow_private_network_access"]),
    key(S::Policy, "debug_header: true", &["debug", "debug_headers", "verbose"]),
    // Express and Kong; Tyk, KrakenD and rs/cors
    advice(S::Policy, "remove it, and write `cors: passthrough` in the route if its upstream answers preflights", &[
        "preflight_continue", "options_passthrough", "passthrough", "chain_preflight",
    ]),
    key(S::Policy, "block_disallowed_origins: websocket", &[
        // Phoenix and gorilla/websocket; Go; Rails
        "check_origin", "origin_check", "verify_origin", "cross_origin_protection", "block_disallowed", "forgery_protection_origin_check",
        "reject_disallowed_origins", "websocket_origins",
    ]),
    advice(S::Policy, "remove it, and write a key for each header, such as `allow_origins`", &[
        "add_header", "set_header", "more_set_headers", "custom_headers", "add_headers", "custom_response_headers",
    ]),
    // Traefik, Flask
    advice(S::Policy, "remove it: the gateway adds Vary wherever an answer depends on the request", &[
        "vary", "vary_header", "add_vary_header",
    ]),
    // ingress-nginx, Envoy, Tyk
    advice(S::Policy, "remove it: a policy holds on the routes that name it; write `cors: off` in others", &[
        "enable", "enabled", "active", "disabled", "filter_enabled", "enable_cors",
    ]),
    advice(S::Policy, "remove it: this version has no `cors_mode: report_only` yet", &["shadow_enabled", "report_only"]),
    // Kong, nginx, Flask
    advice(S::Policy, "remove it: every response to an allowed origin has the headers, errors included", &[
        "always", "always_send", "allow_origin_absent", "intercept_exceptions", "automatic_options", "simple_headers",
    ]),
    advice(S::Policy, "remove it: an origin that is not in `allow_origins` is not allowed", &[
        "deny_origins", "denied_origins", "blocked_origins", "block_origins", "blacklist", "blocklist", "denylist",
        "exclude_origins", "disallow_origins",
    ]),
    // Flask, Django, Spring, Azure
    advice(S::Policy, "remove it: a route says where a policy holds, by `match: { path_prefix: /v1 }` and `cors: NAME`", &[
        "resources", "resource", "urls_regex", "path", "paths", "path_prefix", "prefix", "route", "routes", "pattern",
        "mapping", "match",
    ]),
    advice(S::Policy, "remove it: the name of a policy is its key under `policies`", &["name", "id"]),
    advice(S::Policy, "remove it: browsers send it with a preflight, and the gateway reads it there", &[
        "request_method", "request_private_network",
    ]),
    advice(S::Policy, "write it in the route: `response_headers: { set: { timing-allow-origin: https://app.example.com } }`", &[
        "timing_allow_origin", "timing_allow_origins", "timing_allow_origins_by_regex",
    ]),
    // gin
    advice(S::Policy, "list the origins, such as `chrome-extension://ID`, in `allow_origins`", &[
        "allow_browser_extensions", "custom_schemas", "custom_schemes", "allow_files",
    ]),
    advice(S::Policy, "remove it: browsers do not apply CORS to WebSockets; `block_disallowed_origins: websocket` refuses those of other origins", &["allow_web_sockets", "web_sockets"]),

    advice(S::Policy, r#"write it in one of the lists: `allow_methods: { verbatim: "GET, PUT" }`"#, &["verbatim", "as_written"]),

    // --- lists of methods and headers
    key(S::NameList, r#"verbatim: "GET, PUT""#, &[
        "raw", "as_written", "as_is", "literal", "value", "text", "string", "exact", "header",
    ]),
    advice(S::NameList, "write the names as a list, in brackets, or `\"*\"` for all", &[
        "names", "list", "values", "any", "all", "regex", "file",
    ]),

    // --- elements of `allow_origins`
    key(S::Origin, r"regex: 'https://pr-[0-9]+\.example\.com'", &[
        // Envoy
        "safe_regex", "google_re2", "regexp", "re", "pattern", "match", "matches", "regexes", "expression",
    ]),
    key(S::Origin, "file: origins.txt", &["path", "files", "file_path", "from_file", "include", "source"]),
    key(S::Origin, "literal: 'app://.'", &["raw", "verbatim", "bytes", "scheme", "custom_scheme"]),
    key(S::Origin, r#"list: "${ORIGINS}""#, &[
        "env", "variable", "from_env", "environment", "split", "values", "origins", "lists",
    ]),
    // Envoy and Istio
    advice(S::Origin, "write the origin alone, as in `- https://app.example.com`", &[
        "exact", "origin", "value", "url", "name", "host", "domain", "equals", "string",
    ]),
    advice(S::Origin, "write the wildcard alone, as in `- https://*.example.com`", &["wildcard", "glob", "ends_with"]),
    advice(S::Origin, "write `- https://*.example.com`: an attacker's name could begin or end like that, too", &[
        "prefix", "suffix", "contains", "starts_with", "substring",
    ]),
    advice(S::Origin, "remove it: browsers send origins in lower case, and compare them byte for byte", &[
        "ignore_case", "case_insensitive", "flags", "options",
    ]),
    advice(S::Origin, "write the port behind the host, as in `- http://localhost:3000` or `- http://localhost:*`", &[
        "port", "ports",
    ]),
];
