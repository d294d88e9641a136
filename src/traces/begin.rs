//! The beginning of a span: whether its trace goes on or begins, and whether it is sampled.

use super::context::{SAMPLED, Span, TRACEPARENT, TraceContext};
use crate::routing::{RequestFields, single_line};

/// The flags that have a meaning: sampled, and random, which is about the trace's id. The others are sent as 0:
/// <https://www.w3.org/TR/trace-context-2/#other-flags>.
const KNOWN_FLAGS: u8 = SAMPLED | 2;

// === impl Span ===

impl Span {
    /// Begins the span of a request. The trace that its fields state decides whether it is sampled, and goes on as it
    /// came if it is not; where none is stated, one begins, and `samples` decides.
    pub(crate) fn begin(
        fields: &dyn RequestFields,
        scheme: &'static str,
        samples: impl FnOnce(u128) -> bool,
    ) -> Option<Self> {
        let span_id = fastrand::u64(1..);
        let stated = single_line(fields, TRACEPARENT, TraceContext::parse).flatten();
        match stated {
            Some(parent) if parent.is_sampled() => Some(Self {
                context: TraceContext {
                    span_id,
                    flags: parent.flags & KNOWN_FLAGS,
                    ..parent
                },
                parent: Some(parent.span_id),
                scheme,
            }),
            Some(_) => None,
            None => {
                let trace_id = fastrand::u128(1..);
                let flags = if samples(trace_id) { SAMPLED } else { 0 };
                let context = TraceContext {
                    trace_id,
                    span_id,
                    flags,
                };
                Some(Self {
                    context,
                    parent: None,
                    scheme,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue};

    const SAMPLED_PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn begun(lines: &[&'static str], is_sampled: bool) -> Option<Span> {
        let mut fields = HeaderMap::new();
        for line in lines {
            fields.append(TRACEPARENT, HeaderValue::from_static(line));
        }
        Span::begin(&fields, "http", |_| is_sampled)
    }

    #[test]
    fn a_trace_goes_on_as_it_came_or_begins() {
        let span = begun(&[SAMPLED_PARENT], false).expect("the parent is sampled");
        assert_eq!(span.parent, Some(0x00f0_67aa_0ba9_02b7));
        let told = span.context.to_header();
        let told = told.to_str().expect("text");
        assert_eq!(told[..36], SAMPLED_PARENT[..36]);
        assert_ne!(told[36..52], SAMPLED_PARENT[36..52]);
        assert_eq!(told[52..], SAMPLED_PARENT[52..]);
        assert_eq!(TraceContext::parse(told.as_bytes()), Some(span.context));
        assert_eq!(
            span.context.trace_id_text(&mut [0; 32]),
            &told.as_bytes()[TraceContext::TRACE_ID]
        );
        // Flags without a meaning are not told on.
        let flags = |flags: &str| SAMPLED_PARENT.replace("-01", flags).leak() as &str;
        for (stated, told) in [("-03", 3), ("-ff", 3), ("-05", 1)] {
            let span = begun(&[flags(stated)], false).expect("the parent is sampled");
            assert_eq!(span.context.flags, told, "{stated}");
        }
        // What is not sampled goes on untouched.
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert_eq!(begun(&[unsampled], true), None);
        for (lines, is_sampled) in [
            (&[][..], true),
            (&[], false),
            (&["00-x"], true),
            (&[SAMPLED_PARENT, SAMPLED_PARENT], false),
        ] {
            let span = begun(lines, is_sampled).expect("a trace begins");
            assert_eq!(span.parent, None, "{lines:?}");
            assert_eq!(span.context.is_sampled(), is_sampled, "{lines:?}");
            assert_ne!(
                span.context.trace_id,
                0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736
            );
        }
    }
}
