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
    key(S::Upstream, "stream_timeout: 5m", &["stream_idle_timeout", "sse_timeout", "event_stream_timeout", "grpc_read_timeout"]),
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
];
