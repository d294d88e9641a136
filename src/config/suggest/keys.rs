//! The keys of the file, the form of each, and the names that other software has for it.
//!
//! Names are compared without case, `-`, `_`, `.`, the prefixes `cors_` and `access_control_`, and, where
//! that finds nothing, without a final `s`: see `super::plain`. So `Access-Control-Allow-Origin`,
//! `cors_allow_origin` and `allowOrigin` need no row. The comments say who uses the names.

/// A part of the file that has keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    File,
    Listener,
    Tls,
    Certificate,
    Metrics,
    Admin,
    Server,
    Limits,
    RateLimit,
    Upstream,
    Policy,
    Origin,
    Route,
    Match,
}

/// Sections, each with a key that no other one has.
pub(super) const SECTIONS: [(Section, &str); 14] = [
    (Section::File, "listeners"),
    (Section::Policy, "allow_origins"),
    (Section::Origin, "regex"),
    (Section::Route, "cors"),
    (Section::Match, "path_prefix"),
    (Section::Upstream, "endpoints"),
    (Section::Limits, "header_timeout"),
    (Section::RateLimit, "burst"),
    (Section::Server, "threads"),
    // They have an `address`, all three.
    (Section::Admin, "hosts"),
    (Section::Listener, "proxy_protocol"),
    (Section::Tls, "certificates"),
    (Section::Certificate, "private_key"),
    (Section::Metrics, "address"),
];

/// A way to write a key, or advice in place of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// The key with a value that it could have. The value of the operator takes its place where it fits.
    Key(&'static str),
    /// The thing to do where the file has no such key.
    Advice(&'static str),
}

/// Names that lead to one form.
pub(super) struct Row {
    pub section: Section,
    pub form: Form,
    pub names: &'static [&'static str],
}

const fn key(section: Section, form: &'static str, names: &'static [&'static str]) -> Row {
    Row {
        section,
        form: Form::Key(form),
        names,
    }
}

const fn advice(section: Section, advice: &'static str, names: &'static [&'static str]) -> Row {
    Row {
        section,
        form: Form::Advice(advice),
        names,
    }
}

use Section as S;

/// Names of the address that a listener has, whether for traffic or for metrics.
const ADDRESS: &[&str] = &[
    "listen",
    "bind",
    "bind_address",
    "host",
    "ip",
    "port",
    "addr",
    "socket",
    "socket_address",
    "endpoint",
    "url",
];

/// Words of names that are in no row, and a name with a row that they lead to. The first line whose words
/// are all there is taken.
pub(super) const WORDS: &[(Section, &[&str], &str)] = &[
    (S::Policy, &["timing"], "timing_allow_origin"),
    (S::Policy, &["deny"], "deny_origins"),
    (S::Policy, &["block"], "deny_origins"),
    (S::Policy, &["exclude"], "deny_origins"),
    (S::Policy, &["disallow"], "deny_origins"),
    (S::Policy, &["origin", "reg"], "allow_origin_regex"),
    (S::Policy, &["origin", "match"], "allow_origin_regex"),
    (S::Policy, &["origin", "func"], "allow_origin_regex"),
    (S::Policy, &["origin", "pattern"], "origin_pattern"),
    (S::Policy, &["wildcard"], "origin_pattern"),
    (S::Policy, &["origin", "file"], "origins_file"),
    (S::Policy, &["origin"], "origins"),
    (S::Policy, &["credential"], "credentials"),
    (S::Policy, &["cookie"], "credentials"),
    (S::Policy, &["expose"], "exposed_headers"),
    (S::Policy, &["maxage"], "max_age_seconds"),
    (
        S::Policy,
        &["preflight", "status"],
        "options_success_status",
    ),
    (S::Policy, &["private", "network"], "private_network"),
    (S::Policy, &["method"], "methods"),
    (S::Policy, &["header"], "headers"),
    (S::Upstream, &["connect", "timeout"], "dial_timeout"),
    (S::Upstream, &["idle"], "idle_timeout"),
    (S::Upstream, &["timeout"], "timeout"),
];

/// All keys, those that name a danger aside: they are never suggested. The first row of a key has its
/// usual form.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // --- the file
    key(S::File, "listeners: [{ address: 127.0.0.1:8080 }]", &[
        "listen", "bind", "address", "port", "frontends", "entry_points", "http", "https",
    ]),
    key(S::File, "admin: { address: 127.0.0.1:9901 }", &[
        "admin_api", "management", "api", "dashboard", "control", "status", "admin_listener",
    ]),
    key(S::File, "metrics: { address: 127.0.0.1:9902 }", &[
        "prometheus", "monitoring", "telemetry", "stats", "statistics",
    ]),
    key(S::File, "trusted_proxies: [10.0.0.0/8]", &[
        // nginx; Traefik; Envoy; Express; uvicorn
        "set_real_ip_from", "real_ip", "forwarded_headers", "trusted_ips", "xff_num_trusted_hops", "trust_proxy",
        "forwarded_allow_ips", "proxies",
    ]),
    key(S::File, "server: { threads: 0 }", &["process", "global", "workers", "worker", "runtime"]),
    key(S::File, "limits: { header_timeout: 10s }", &["timeouts", "overload", "quotas"]),
    key(S::File, "upstreams: { api: { endpoints: [127.0.0.1:9000] } }", &[
        // HAProxy, Envoy, Traefik and Kong, KrakenD, Caddy
        "servers", "backends", "clusters", "services", "pools", "targets", "hosts", "reverse_proxy", "proxy",
    ]),
    key(S::File, "policies: { web-app: { allow_origins: [https://app.example.com] } }", &[
        // Spring, Istio, S3, Traefik, Kong, Azure
        "cors", "cors_configurations", "global_cors", "cors_configuration", "cors_config",
        "middlewares", "plugins", "filters", "rules",
    ]),
    key(S::File, "routes: [{ match: { path_prefix: /v1 }, upstream: api, cors: web-app }]", &[
        "paths", "routers", "locations", "virtual_hosts", "http_routes", "http_route", "ingress", "resources", "mappings",
        "apis", "sites", "handle",
    ]),
    key(S::File, "default_policy: web-app", &["default", "default_cors", "fallback_policy", "global_policy"]),
    key(S::File, "acknowledged_warnings: [max_age_too_long]", &[
        "ignore", "ignored", "ignore_warnings", "suppress", "suppress_warnings", "disable_warnings", "allow_warnings",
    ]),
    advice(S::File, "remove it: the file has one form, without a version", &["version", "schema_version"]),
    advice(S::File, "remove it: this file is not a Kubernetes object; keep it in a ConfigMap", &[
        "api_version", "kind", "metadata", "spec",
    ]),
    advice(S::File, "remove it: the log goes to stderr, and the environment variable RUST_LOG sets what is in it", &[
        "log", "logging", "log_level", "logger", "loggers",
    ]),

    // --- listeners
    key(S::Listener, "address: 127.0.0.1:8080", ADDRESS),
    key(S::Listener, "https_redirect_port: 443", &[
        // Traefik, Caddy, Gateway API
        "redirect", "redirections", "https_redirect", "redirect_to_https", "ssl_redirect", "force_https", "auto_https",
        "request_redirect",
    ]),
    key(S::Listener, "proxy_protocol: true", &["accept_proxy", "send_proxy", "use_proxy_protocol", "proxy"]),
    key(S::Listener, "tls: { certificates: [{ certificate: tls/api.crt, private_key: tls/api.key }] }", &[
        "ssl", "https", "certificate", "cert", "crt", "tls_context", "transport_socket", "ssl_certificate",
    ]),
    advice(S::Listener, "remove it: HTTP/1.1 and HTTP/2 are spoken everywhere; over TLS, `tls: { alpn: … }` says which", &[
        "http2", "h2c", "protocol", "protocols", "alpn",
    ]),

    // --- a listener's tls
    key(S::Tls, "certificates: [{ certificate: tls/api.crt, private_key: tls/api.key }]", &[
        "certificate", "cert", "certs", "crt", "tls_certificates", "certificate_refs", "ssl_certificate", "cert_file", "private_key",
        "key_file", "certificate_file",
    ]),
    key(S::Tls, "min_version: TLSv1.2", &[
        // nginx, HAProxy, Envoy, Traefik
        "ssl_protocols", "protocols", "ssl_min_ver", "tls_minimum_protocol_version", "minimum_version", "version", "versions",
    ]),
    key(S::Tls, "alpn: [h2, http/1.1]", &["alpn_protocols", "http2", "h2", "next_protos"]),
    key(S::Tls, "client_ca: tls/clients.pem", &[
        // nginx, HAProxy, Envoy, Traefik
        "ssl_client_certificate", "ca_file", "ca", "trusted_ca", "validation_context", "ca_files", "client_cas", "ca_cert",
    ]),
    key(S::Tls, "client_certificate: except_preflight", &[
        "ssl_verify_client", "verify", "verify_client", "client_auth", "client_auth_type", "require_client_certificate", "mtls",
    ]),
    key(S::Tls, "forward_client_certificate: true", &[
        "forward_client_cert_details", "pass_tls_client_cert", "xfcc", "client_cert", "set_current_client_cert_details",
    ]),
    advice(S::Tls, "remove it: the suites are those of rustls, all of them with forward secrecy and authenticated", &[
        "ciphers", "cipher_suites", "ssl_ciphers", "curves", "curve_preferences", "ecdh_curves", "ssl_ecdh_curve",
    ]),
    advice(S::Tls, "remove it: the certificate is chosen by the names in it", &["sni", "server_name", "domains", "hosts", "server_names"]),
    advice(S::Tls, "remove it: name files, which are read again when they change", &["acme", "cert_resolver", "lets_encrypt", "ocsp", "ssl_stapling"]),

    // --- a certificate
    key(S::Certificate, "certificate: tls/api.crt", &[
        "cert", "crt", "chain", "cert_file", "certificate_file", "certificate_chain", "certificate_path", "public_key", "fullchain", "pem",
    ]),
    key(S::Certificate, "private_key: tls/api.key", &[
        "key", "key_file", "private_key_file", "private_key_path", "certificate_key", "ssl_certificate_key",
    ]),

    // --- metrics, and admin further below
    advice(S::Metrics, "remove it: this listener speaks plain HTTP, and serves no client; let only Prometheus reach it", &["tls", "ssl"]),
    key(S::Metrics, "address: 127.0.0.1:9902", ADDRESS),

    // --- admin
    key(S::Admin, "address: 127.0.0.1:9901", &[
        "listen", "bind", "bind_address", "ip", "port", "addr", "socket", "socket_address",
    ]),
    advice(S::Admin, "remove it: this listener speaks plain HTTP; keep it on loopback, or behind a proxy of yours", &["tls", "ssl"]),
    key(S::Admin, "hosts: [corsgate-admin.internal]", &["allowed_hosts", "server_name", "domains", "hostnames"]),

    // --- server
    key(S::Server, "threads: 0", &[
        // nginx, Envoy, HAProxy, tokio
        "workers", "worker_processes", "concurrency", "nbthread", "worker_threads", "num_threads", "cpus",
    ]),
    key(S::Server, "express_lane: true", &["fast_path", "fast_lane"]),
    key(S::Server, "shutdown_delay: 5s", &[
        // Kubernetes, Traefik
        "pre_stop", "pre_stop_delay", "pre_stop_sleep", "readiness_delay", "request_accept_grace_timeout", "lameduck",
    ]),
    key(S::Server, "grace_period: 5s", &[
        // Envoy, Kubernetes, gunicorn
        "drain_timeout", "drain_time", "drain_period", "termination_grace_period", "termination_grace_period_seconds",
        "graceful_timeout", "shutdown_grace_period",
    ]),
    key(S::Server, "shutdown_timeout: 30s", &[
        // HAProxy, nginx, Go
        "hard_stop_after", "worker_shutdown_timeout", "graceful_shutdown_timeout", "stop_timeout",
    ]),
    advice(S::Server, "remove it: systemd or the container sets it", &["user", "group", "pid", "pid_file", "daemon"]),

    // --- limits
    key(S::Limits, "max_connections: 20000", &[
        "max_conns", "maxconn", "max_clients", "worker_connections", "connection_limit",
    ]),
    key(S::Limits, "max_requests: 10000", &[
        "max_concurrent_requests", "concurrent_requests", "max_in_flight", "max_pending_requests",
    ]),
    key(S::Limits, "max_request_header_bytes: 64KiB", &[
        // Node, Go, nginx, Envoy
        "max_header_size", "max_header_bytes", "large_client_header_buffers", "client_header_buffer_size",
        "max_request_headers_kb", "max_header_length", "header_size",
    ]),
    key(S::Limits, "max_request_headers: 100", &["max_headers", "max_headers_count", "max_header_count"]),
    key(S::Limits, "header_timeout: 10s", &[
        // Go, nginx, Envoy, HAProxy
        "read_header_timeout", "client_header_timeout", "request_headers_timeout", "request_timeout",
        "timeout_http_request", "http_request_timeout", "timeout", "read_timeout",
    ]),
    key(S::Limits, "body_timeout: 60s", &["client_body_timeout", "read_body_timeout", "request_body_timeout"]),
    key(S::Limits, "keepalive_timeout: 60s", &["idle_timeout", "keepalive", "timeout_http_keep_alive"]),
    key(S::Limits, "write_timeout: 60s", &["send_timeout", "client_timeout", "timeout_client"]),
    key(S::Limits, "max_concurrent_streams: 100", &[
        // nginx, HAProxy, Envoy, Traefik
        "max_streams", "http2_max_concurrent_streams", "tune_h2_max_concurrent_streams", "concurrent_streams",
    ]),
    key(S::Limits, "max_request_body_bytes: 10MiB", &[
        // nginx, ingress-nginx, Kong, Envoy, Caddy
        "client_max_body_size", "proxy_body_size", "allowed_payload_size", "max_request_bytes", "request_body_max_size",
        "max_body", "max_body_size", "max_body_bytes", "body_limit", "max_request_body_size", "max_upload_size", "request_body", "max_request_size",
    ]),
    key(S::Limits, "rate_limit: { requests: 50, period: 1s, burst: 100 }", &[
        // nginx, ingress-nginx, Envoy, Kong, APISIX
        "limit_req", "limit_req_zone", "limit_rps", "local_rate_limit", "http_local_rate_limit", "rate_limiting", "limit_count",
        "rate", "rps", "requests_per_second", "throttle", "throttling", "max_requests_per_second",
    ]),

    // --- a rate limit
    key(S::RateLimit, "requests: 50", &[
        // nginx; Traefik; Envoy; APISIX; express-rate-limit
        "rate", "average", "tokens_per_fill", "requests_per_unit", "count", "limit", "max", "max_requests", "requests_per_period",
        "requests_per_second", "rps", "per_second", "events",
    ]),
    // Kong
    key(S::RateLimit, "requests: 50, period: 1s", &["second"]),
    key(S::RateLimit, "requests: 50, period: 1m", &["minute", "requests_per_minute", "rpm", "per_minute"]),
    key(S::RateLimit, "requests: 50, period: 1h", &["hour", "requests_per_hour", "per_hour"]),
    key(S::RateLimit, "period: 1s", &[
        // Envoy, APISIX, Caddy
        "fill_interval", "time_window", "window", "interval", "unit", "per", "duration", "window_ms", "time",
    ]),
    key(S::RateLimit, "burst: 100", &["max_tokens", "capacity", "bucket", "bucket_size", "burst_size", "peak"]),
    advice(S::RateLimit, "remove it: a client is an address; list the proxies in front of the gateway in `trusted_proxies`", &[
        "key", "zone", "source_criterion", "ip_strategy", "limit_by", "descriptors", "key_type", "by", "remote_ip", "header_name",
    ]),
    advice(S::RateLimit, "remove it: the answer is 429 with Retry-After and CORS headers", &[
        "status", "status_code", "rejected_code", "limit_req_status", "error_code", "message", "response_headers_to_add",
    ]),
    // nginx
    advice(S::RateLimit, "remove it: a request is answered at once, whatever its bucket holds", &["no_delay", "delay"]),

    // --- upstreams
    key(S::Upstream, "endpoints: [127.0.0.1:9000]", &[
        // nginx, HAProxy, Caddy, Traefik, Kong, APISIX, Envoy
        "servers", "server", "host", "hosts", "address", "addresses", "targets", "target", "to", "dial", "url", "urls", "uri",
        "nodes", "backend", "backends", "upstreams", "members", "instances", "load_assignment", "lb_endpoints",
        "socket_address", "origin", "origins", "ip", "port",
    ]),
    key(S::Upstream, "echo: true", &["demo", "mock"]),
    advice(S::Upstream, "remove it: this version has no TLS to upstreams yet", &["tls"]),
    key(S::Upstream, "protocol: h2c", &[
        "http_version", "http2", "h2c", "version", "proto", "scheme", "http2_protocol_options", "app_protocol", "grpc",
    ]),
    key(S::Upstream, "load_balancing: round_robin", &[
        "lb_policy", "lb", "balance", "algorithm", "strategy", "policy", "load_balancer", "lb_algorithm",
        "load_balancing_policy",
    ]),
    key(S::Upstream, "connect_timeout: 1s", &[
        "connection_timeout", "dial_timeout", "proxy_connect_timeout", "timeout_connect",
    ]),
    key(S::Upstream, "read_timeout: 30s", &[
        "timeout", "request_timeout", "response_timeout", "proxy_read_timeout", "timeout_server", "server_timeout",
        "response_header_timeout", "upstream_timeout",
    ]),
    key(S::Upstream, "write_timeout: 30s", &["send_timeout", "proxy_send_timeout"]),
    key(S::Upstream, "stream_timeout: 5m", &["stream_idle_timeout", "sse_timeout", "event_stream_timeout"]),
    // HAProxy
    key(S::Upstream, "tunnel_timeout: 1h", &["timeout_tunnel", "websocket_timeout", "upgrade_timeout"]),
    key(S::Upstream, "max_connections: 1000", &[
        "max_conns", "maxconn", "connection_limit", "pool_size", "max_requests", "max_pending_requests",
    ]),
    advice(S::Upstream, "remove it: endpoints are used in turn, all alike", &["weight", "weights", "priority"]),
    advice(S::Upstream, "remove it: this version speaks to upstreams in clear text, and has no TLS to them yet", &[
        "ssl", "https", "sni", "verify", "ca", "tls_context", "insecure_skip_verify",
    ]),
    advice(S::Upstream, "remove it: idle connections are kept for as long as the upstream keeps them", &["idle_timeout", "keepalive_timeout"]),
    advice(S::Upstream, "remove it: names are resolved at start and every 30 s", &[
        "dns", "resolver", "dns_refresh_rate", "resolve",
    ]),

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
    advice(S::Policy, "remove it: this version does not send Timing-Allow-Origin", &[
        "timing_allow_origin", "timing_allow_origins", "timing_allow_origins_by_regex",
    ]),
    // gin
    advice(S::Policy, "list the origins, such as `chrome-extension://ID`, in `allow_origins`", &[
        "allow_browser_extensions", "custom_schemas", "custom_schemes", "allow_files",
    ]),
    advice(S::Policy, "remove it: browsers do not apply CORS to WebSockets", &["allow_web_sockets", "web_sockets"]),

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
    key(S::Match, "methods: [GET, PUT]", &["verb", "verbs", "http_method", "http_methods"]),
    key(S::Match, r#"headers: { x-api-version: "2" }"#, &[
        "header_matches", "header_match", "header_regex", "headers_regex", "request_headers",
    ]),
    advice(S::Match, "write `path_prefix: /v1`: paths are compared by whole segments, not by regexes", &[
        "path_regex", "regex", "path_regexp", "safe_regex", "path_reg", "regexp",
    ]),
    advice(S::Match, "remove it: routes do not look at the query", &["query", "query_params", "query_parameters", "args"]),
    advice(S::Match, "remove it: routes do not look at it", &[
        "port", "scheme", "remote_ip", "client_ip", "source_ip", "cookie", "cookies", "body",
    ]),
];
