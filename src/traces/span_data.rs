//! A request at its end as a span, with the names of OpenTelemetry's conventions for HTTP:
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.

use super::Span;
use crate::access_log::{Entry, bounded};
use crate::cors::host_and_port;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::time::UNIX_EPOCH;

/// Methods that stand for themselves. A client can send any others, which must not become names of spans.
const METHODS: [&str; 8] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];

/// Makes the span of a request.
pub(super) fn of(span: &Span, entry: &Entry<'_>) -> SpanData {
    let Span {
        context,
        parent,
        scheme,
    } = *span;
    let start = UNIX_EPOCH + entry.time;
    let method = known_method(entry);
    let error = error_type(entry);
    SpanData {
        span_context: SpanContext::new(
            context.trace_id.into(),
            context.span_id.into(),
            TraceFlags::new(context.flags),
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: format!("{} {}", method.unwrap_or("HTTP"), entry.route).into(),
        start_time: start,
        end_time: start + entry.duration,
        attributes: attributes(entry, scheme, method, error.as_deref()),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match error {
            Some(error) => Status::error(error),
            None => Status::Unset,
        },
        instrumentation_scope: InstrumentationScope::builder("corsgate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn known_method(entry: &Entry<'_>) -> Option<&'static str> {
    let method = entry.method.unwrap_or_default();
    METHODS.into_iter().find(|known| known.as_bytes() == method)
}

/// The error of a request that failed for the gateway or its upstream, or whose client had gone.
fn error_type(entry: &Entry<'_>) -> Option<String> {
    match entry.status {
        None => Some("client_gone".to_owned()),
        Some(status @ 500..) => Some(status.to_string()),
        Some(_) => None,
    }
}

fn attributes(
    entry: &Entry<'_>,
    scheme: &'static str,
    method: Option<&'static str>,
    error: Option<&str>,
) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(24);
    let mut add = |key: &'static str, value: Option<Value>| {
        attributes.extend(value.map(|value| KeyValue::new(key, value)));
    };
    add(
        "http.request.method",
        Some(method.unwrap_or("_OTHER").into()),
    );
    if method.is_none() {
        add("http.request.method_original", entry.method.map(text));
    }
    add("url.path", entry.path.map(text));
    add("url.scheme", Some(scheme.into()));
    if let Some(authority) = entry.host {
        let authority = String::from_utf8_lossy(bounded(authority));
        let (host, port) = host_and_port(&authority);
        add("server.address", Some(host.to_owned().into()));
        add(
            "server.port",
            port.and_then(|port| port.parse().ok()).map(Value::I64),
        );
    }
    add(
        "client.address",
        entry.client.map(|ip| ip.to_string().into()),
    );
    let version = entry.protocol.and_then(|name| name.strip_prefix("HTTP/"));
    add("network.protocol.version", version.map(Value::from));
    add("user_agent.original", entry.user_agent.map(text));
    add(
        "http.response.status_code",
        entry.status.map(|status| Value::I64(status.into())),
    );
    add("http.request.body.size", Some(size(entry.request_bytes)));
    add("http.response.body.size", Some(size(entry.response_bytes)));
    add("error.type", error.map(|error| error.to_owned().into()));
    add("corsgate.route", Some(entry.route.to_owned().into()));
    add(
        "corsgate.policy",
        entry.policy.map(|policy| policy.to_owned().into()),
    );
    add("corsgate.outcome", entry.outcome.map(Value::from));
    add("corsgate.reason", entry.reason.map(Value::from));
    add("corsgate.request_id", entry.request_id.map(text));
    if let Some(upstream) = &entry.upstream {
        add("corsgate.upstream", Some(upstream.name.to_owned().into()));
        add(
            "corsgate.endpoint",
            upstream.endpoint.map(|address| address.to_string().into()),
        );
        add("corsgate.retries", Some(size(upstream.retries as u64)));
        let until_header = upstream
            .duration
            .map(|time| Value::F64(time.as_secs_f64() * 1e3));
        add("corsgate.upstream_duration_ms", until_header);
    }
    attributes
}

/// A client's text, cut to its bound.
fn text(value: &[u8]) -> Value {
    String::from_utf8_lossy(bounded(value)).into_owned().into()
}

fn size(number: u64) -> Value {
    Value::I64(i64::try_from(number).unwrap_or(i64::MAX))
}
