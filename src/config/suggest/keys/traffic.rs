//! The file itself, listeners, the process and its limits.

use super::{ADDRESS, Row, Section as S, advice, key};

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
    key(S::File, "routing: { preflight_method: options }", &["router", "route_options", "matching"]),
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
    key(S::File, "log: { format: json }", &["logging", "logger", "loggers", "error_log"]),
    advice(S::File, "remove it: the environment variable RUST_LOG sets what is in the log", &["log_level", "verbosity"]),
    key(S::File, "access_log: { format: json, path: stdout }", &[
        // Traefik, Envoy, HAProxy, Kong
        "access_logs", "accesslog", "access", "http_log", "request_log", "proxy_access_log",
    ]),

    key(S::File, "traces: { endpoint: \"http://127.0.0.1:4318\", sample_ratio: 0.01 }", &[
        // Traefik, Envoy, nginx, Caddy
        "tracing", "trace", "opentelemetry", "otel", "otlp", "zipkin", "jaeger", "otel_exporter",
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
    key(S::Server, "run_directory: /run/corsgate", &["runtime_directory", "run_dir", "upgrade_sock", "upgrade_socket", "socket_dir"]),
    advice(S::Server, "remove it: systemd or the container sets it", &["user", "group", "pid", "pid_file", "daemon"]),

    // --- the logs
    key(S::Log, "format: json", &["encoding", "type", "style", "formatter"]),
    advice(S::Log, "remove it: the environment variable RUST_LOG sets what is in the log", &["level", "log_level", "filter", "verbosity"]),
    advice(S::Log, "remove it: this log goes to stderr; `access_log` can go to a file", &["path", "file", "output", "target"]),
    key(S::AccessLog, "format: json", &["encoding", "type", "style", "log_format", "json"]),
    key(S::AccessLog, "path: stdout", &["file", "file_path", "filename", "output", "target", "destination", "to"]),
    key(S::AccessLog, "fields: [time, client, method, path, status]", &[
        "columns", "keys", "include", "only", "json_format",
    ]),
    advice(S::AccessLog, "remove it: every request has its line; `fields` says what is in it", &[
        "filters", "filter", "sample", "sampling", "status_codes", "exclude", "enabled", "buffer", "buffering_size",
    ]),

    // --- traces
    key(S::Traces, "endpoint: \"http://127.0.0.1:4318\"", &["url", "address", "collector", "otlp", "exporter", "http", "target"]),
    key(S::Traces, "sample_ratio: 0.01", &[
        "sample_rate", "sampling", "sampling_rate", "ratio", "sampler", "random_sampling", "sampling_percentage",
    ]),
    key(S::Traces, "service_name: corsgate", &["service", "name", "otel_service_name"]),
    advice(S::Traces, "remove it: the environment variable OTEL_EXPORTER_OTLP_HEADERS has the collector's keys", &[
        "headers", "authorization", "token", "api_key",
    ]),
    advice(S::Traces, "remove it: the environment variable OTEL_RESOURCE_ATTRIBUTES has them", &[
        "resource", "resource_attributes", "attributes", "tags",
    ]),
    advice(S::Traces, "remove it: spans go by OTLP over HTTP", &["protocol", "grpc", "provider", "insecure"]),

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
];
