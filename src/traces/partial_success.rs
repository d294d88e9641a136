//! The spans of a message that its collector has refused, although it took the others:
//! <https://opentelemetry.io/docs/specs/otlp/#partial-success-1>.

use crate::lines::start_of;
use prost::Message;

/// Maximum number of bytes of the collector's reason; beyond it, the reason is cut.
const MAX_REASON: usize = 512;

/// The part of a collector's answer that matters.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// The number of refused spans, and the reason.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

// === impl PartialSuccess ===

impl PartialSuccess {
    /// Reads an answer. One that can't be read refuses nothing: its status says that the spans were taken.
    pub(super) fn of(answer: &[u8]) -> Self {
        let read = Answer::decode(answer).unwrap_or_default();
        read.partial_success.unwrap_or_default()
    }

    /// Returns the number of refused spans.
    pub(super) fn spans(&self) -> usize {
        usize::try_from(self.rejected_spans).unwrap_or(0)
    }

    /// Returns the reason, if there are refused spans. Without any, the message is advice.
    pub(super) fn problem(&self) -> Option<String> {
        let spans = self.spans();
        let reason = start_of(self.error_message.as_bytes(), MAX_REASON);
        let reason = String::from_utf8_lossy(reason);
        (spans > 0).then(|| format!("it refuses {spans} of the spans in a message: {reason:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_spans_are_read_and_their_reason_is_escaped_and_bounded() {
        let cases: [(&[u8], usize, Option<&str>); 7] = [
            (b"", 0, None),
            (b"\x0a\x00", 0, None),
            (
                b"\x0a\x02\x08\x03",
                3,
                Some("it refuses 3 of the spans in a message: \"\""),
            ),
            (
                b"\x0a\x07\x08\x03\x12\x03a\x1bb",
                3,
                Some("it refuses 3 of the spans in a message: \"a\\u{1b}b\""),
            ),
            // Advice, a negative number, and something else.
            (b"\x0a\x03\x12\x01a", 0, None),
            (
                b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                0,
                None,
            ),
            (b"<html>", 0, None),
        ];
        for (answer, spans, problem) in cases {
            let read = PartialSuccess::of(answer);
            assert_eq!(read.spans(), spans, "{answer:?}");
            assert_eq!(read.problem().as_deref(), problem, "{answer:?}");
        }
        let long = Answer {
            partial_success: Some(PartialSuccess {
                rejected_spans: 1,
                error_message: "x".repeat(MAX_REASON + 1),
            }),
        };
        let problem = PartialSuccess::of(&long.encode_to_vec()).problem();
        let reason = "x".repeat(MAX_REASON);
        let expected = format!("it refuses 1 of the spans in a message: {reason:?}");
        assert_eq!(problem, Some(expected));
    }
}
