//! Upstreams.

use super::{Row, Section as S, advice, key};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // --- upstreams
    key(S::Upstream, "endpoints: [127.0.0.1:9000]", &[
        // nginx, HAProxy, Caddy, Traefik, Kong, APISIX, Envoy
        "servers", "server", "host", "hosts", "address", "addresses", "targets", "target", "to", "dial", "url", "urls", "uri",
        "nodes", "backend", "backends", "upstreams", "members", "instances", "load_assignment", "lb_endpoints",
        "socket_address", "origin", "origins", "ip", "port",
    ]),
    key(S::Upstream, "echo: true", &["demo", "mock"]),
    key(S::Upstream, "respond: { status: 404 }", &[
        // Envoy and Istio; nginx; HAProxy; load balancers of clouds; Kong; Traefik
        "direct_response", "return", "http_request_return", "fixed_response", "request_termination", "static_response",
        "response", "status", "noop",
    ]),
    key(S::Upstream, "tls: { server_name: api.internal }", &[
        // nginx, Envoy, HAProxy, Caddy
        "ssl", "https", "sni", "verify", "ca", "tls_context", "transport_socket", "upstream_tls_context", "insecure_skip_verify",
        "proxy_ssl_verify", "tls_server_name", "servers_transport", "backend_tls_policy", "server_name",
    ]),
    key(S::Upstream, "resolve_interval: 30s", &[
        "dns", "resolver", "dns_refresh_rate", "resolve", "dns_refresh", "resolve_every", "dns_ttl", "respect_dns_ttl",
    ]),
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
    key(S::Upstream, "stream_timeout: 5m", &["stream_idle_timeout", "sse_timeout", "event_stream_timeout", "grpc_read_timeout"]),
    // HAProxy
    key(S::Upstream, "tunnel_timeout: 1h", &["timeout_tunnel", "websocket_timeout", "upgrade_timeout"]),
    key(S::Upstream, "max_connections: 1000", &[
        "max_conns", "maxconn", "connection_limit", "pool_size", "max_requests", "max_pending_requests",
    ]),
    advice(S::Upstream, "remove it: endpoints are used in turn, all alike", &["weight", "weights", "priority"]),
    key(S::Upstream, "hash_key: { header: x-tenant }", &[
        // nginx, Envoy, HAProxy, Traefik, Caddy, Kong
        "hash", "hash_on", "hash_policy", "hash_balance_factor", "ip_hash", "sticky", "cookie", "session_affinity", "affinity",
        "session_persistence", "hash_by", "stick_table",
    ]),
    key(S::Upstream, "idle_timeout: 60s", &[
        "keepalive_timeout", "keepalive", "idle_conn_timeout", "keepalive_pool_idle_timeout", "max_idle_time",
    ]),
    key(S::Upstream, "retries: 2", &[
        // nginx, Envoy, Traefik, HAProxy, Caddy
        "retry", "max_retries", "num_retries", "attempts", "proxy_next_upstream", "proxy_next_upstream_tries", "retry_policy", "tries",
        "lb_retries", "retry_on", "max_fails",
    ]),
    key(S::Upstream, "health_check: { path: /healthz, interval: 5s }", &[
        "health", "healthcheck", "check", "active", "active_health_check", "option_httpchk",
        "probe", "readiness_probe", "health_uri",
    ]),
    key(S::Upstream, "outlier_detection: { consecutive_failures: 5 }", &[
        // Envoy, Kong, Caddy, nginx, Traefik
        "passive", "passive_health_check", "passive_health_checks", "outlier", "circuit_breaker", "circuit_breakers", "ejection",
        "fail_timeout", "fail_duration", "observe",
    ]),

    // --- tls of an upstream
    key(S::UpstreamTls, "server_name: api.internal", &[
        // nginx, HAProxy, Envoy, Caddy, Gateway API
        "sni", "name", "proxy_ssl_name", "tls_server_name", "verify_host", "hostname", "host", "match_subject_alt_names",
    ]),
    key(S::UpstreamTls, "ca: tls/ca.pem", &[
        "ca_file", "ca_cert", "ca_certificate", "trusted_ca", "proxy_ssl_trusted_certificate", "root_cas", "root_ca", "ca_certificates",
        "validation_context", "ca_bundle", "client_ca", "authority",
    ]),
    key(S::UpstreamTls, "certificate: tls/client.crt", &[
        "cert", "crt", "client_certificate", "proxy_ssl_certificate", "tls_client_auth", "cert_file", "client_cert", "certificates",
    ]),
    key(S::UpstreamTls, "private_key: tls/client.key", &[
        "key", "key_file", "client_key", "proxy_ssl_certificate_key", "private_key_file",
    ]),
    advice(S::UpstreamTls, "remove it: certificates are verified; a private authority goes into `ca: tls/ca.pem`", &[
        "verify", "insecure", "insecure_skip_verify", "tls_insecure_skip_verify", "skip_verify", "proxy_ssl_verify", "reject_unauthorized",
    ]),
    advice(S::UpstreamTls, "remove it: both versions, 1.2 and 1.3, are spoken, with rustls's suites", &[
        "min_version", "versions", "protocols", "ciphers", "cipher_suites", "proxy_ssl_protocols", "curves",
    ]),
    advice(S::UpstreamTls, "remove it: `protocol: h2` beside `tls` asks for HTTP/2 by ALPN", &["alpn", "alpn_protocols", "protocol", "http2"]),

    // --- a hash key
    key(S::HashKey, "header: x-tenant", &["header_name", "headers", "field", "name", "hash_on_header"]),
    key(S::HashKey, "cookie: session", &["cookie_name", "hash_on_cookie", "sticky_cookie"]),
    advice(S::HashKey, "write `hash_key: client_address`", &["ip", "source_ip", "client_ip", "remote_addr", "client_address", "source"]),
    advice(S::HashKey, "write `hash_key: path`", &["path", "uri", "url"]),

    // --- a health check
    key(S::HealthCheck, "path: /healthz", &[
        "uri", "url", "http_path", "http_health_check", "endpoint", "health_uri", "request", "http", "target",
    ]),
    key(S::HealthCheck, "host: books.internal", &["hostname", "host_header", "authority", "server_name"]),
    key(S::HealthCheck, "interval: 5s", &["inter", "period", "period_seconds", "frequency", "every", "health_interval", "fastinter"]),
    key(S::HealthCheck, "timeout: 1s", &["timeout_seconds", "timeout_check", "health_timeout"]),
    key(S::HealthCheck, "healthy_threshold: 2", &["rise", "passes", "success_threshold", "healthy", "successes", "health_passes"]),
    key(S::HealthCheck, "unhealthy_threshold: 3", &["fall", "fails", "failure_threshold", "unhealthy", "failures", "health_fails"]),
    advice(S::HealthCheck, "remove it: an answer of 2xx is healthy", &[
        "status", "expected_status", "expected_statuses", "match", "http_statuses", "health_status", "expect",
    ]),
    advice(S::HealthCheck, "remove it: a check is a GET of `path`, or a connection", &["method", "type", "protocol", "grpc", "headers", "body"]),
    advice(S::HealthCheck, "remove it: a check goes to the port of the endpoint", &["port", "health_port"]),

    // --- outlier detection
    key(S::OutlierDetection, "consecutive_failures: 5", &[
        // Envoy, Istio, nginx, Caddy, HAProxy
        "consecutive_5xx", "consecutive_errors", "consecutive_5xx_errors", "consecutive_gateway_errors", "consecutive_gateway_failure",
        "max_fails", "error_limit", "failures", "unhealthy_threshold",
    ]),
    key(S::OutlierDetection, "ejection_time: 30s", &[
        "base_ejection_time", "fail_timeout", "fail_duration", "interval", "recovery_duration", "max_ejection_time",
    ]),
    key(S::OutlierDetection, "max_ejection_percent: 50", &["max_ejected_percent", "max_ejections", "min_health_percent"]),
];
