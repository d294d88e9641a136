//! Traces: a span for each sampled request that is forwarded, told to a collector by OTLP over HTTP.
//!
//! The spans are those of OpenTelemetry's crates, and so is the protocol. The queue is our own: that of its SDK does not
//! say what it drops, and panics where the system has no thread left.
//!
//! *Invariant:* no request waits for a collector. What a collector does not take is dropped and counted.

#[cfg(feature = "traces")]
mod begin;
mod context;
#[cfg(feature = "traces")]
mod otlp;
#[cfg(feature = "traces")]
mod partial_success;
#[cfg(feature = "traces")]
mod queue;
#[cfg(feature = "traces")]
mod span_data;
#[cfg(not(feature = "traces"))]
#[path = "absent.rs"]
mod tracer;
#[cfg(feature = "traces")]
mod tracer;

pub(crate) use context::{Span, TRACEPARENT, TRACESTATE, TraceContext};
pub use tracer::Traces;
