//! The spans that a collector gets, decoded by the protocol's own numbers:
//! <https://github.com/open-telemetry/opentelemetry-proto>.

use crate::support::{Answer, PATIENCE, Received, Upstream};
use flate2::read::GzDecoder;
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Instant;

#[derive(Clone, PartialEq, Message)]
struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
    #[prost(bytes, tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes, tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes, tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
    #[prost(double, optional, tag = "4")]
    double: Option<f64>,
}

/// A span that has arrived. Ids are in hexadecimal digits.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) trace_id: String,
    pub(super) span_id: String,
    /// Empty where there is none.
    pub(super) parent: String,
    pub(super) name: String,
    pub(super) is_of_server: bool,
    pub(super) is_error: bool,
    pub(super) nanoseconds: u64,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) resource: BTreeMap<String, String>,
    /// The request to the collector that it came with.
    pub(super) message: Received,
}

/// A collector that takes all.
pub(super) fn collector() -> Upstream {
    Upstream::start(Answer::ok())
}

/// Waits until the collector has so many spans, and returns them.
pub(super) fn spans(collector: &Upstream, count: usize) -> Vec<Arrived> {
    let started = Instant::now();
    loop {
        let spans: Vec<Arrived> = collector.received().iter().flat_map(decode).collect();
        if spans.len() >= count {
            assert_eq!(spans.len(), count, "{spans:#?}");
            return spans;
        }
        assert!(started.elapsed() < PATIENCE, "{count} spans: {spans:#?}");
        std::thread::yield_now();
    }
}

fn decode(message: &Received) -> Vec<Arrived> {
    let body = match message.get("content-encoding").as_deref() {
        Some("gzip") => {
            let mut body = Vec::new();
            let mut reader = GzDecoder::new(message.body.as_slice());
            reader.read_to_end(&mut body).expect("gzip");
            body
        }
        _ => message.body.clone(),
    };
    let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP");
    let mut arrived = Vec::new();
    for of_resource in request.resource_spans {
        let resource = texts(of_resource.resource.unwrap_or_default().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|s| s.spans) {
            arrived.push(Arrived {
                trace_id: digits(&span.trace_id),
                span_id: digits(&span.span_id),
                parent: digits(&span.parent_span_id),
                name: span.name,
                is_of_server: span.kind == 2,
                is_error: span.status.is_some_and(|status| status.code == 2),
                nanoseconds: span.end - span.start,
                attributes: texts(span.attributes),
                resource: resource.clone(),
                message: message.clone(),
            });
        }
    }
    arrived
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |KeyValue { key, value }| {
        let AnyValue {
            text,
            number,
            double,
        } = value.expect("a value");
        let number = number.map(|number| number.to_string());
        let double = double.map(|double| double.to_string());
        (key, text.or(number).or(double).expect("a known kind"))
    };
    attributes.into_iter().map(text).collect()
}
