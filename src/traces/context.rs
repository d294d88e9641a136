//! The context of a trace, as `traceparent` states it: <https://www.w3.org/TR/trace-context/>.

use http::HeaderValue;
use std::ops::Range;

/// The field that states the context.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The field with what the systems that a trace has come through say about it.
pub(crate) const TRACESTATE: &str = "tracestate";

/// The flag of a trace of which spans are told.
pub(super) const SAMPLED: u8 = 1;

/// The place of a request in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub trace_id: u128,
    pub span_id: u64,
    pub flags: u8,
}

/// The span of a request that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The place that the upstream is told.
    pub context: TraceContext,
    /// The span that the client has told of; `None` where the trace begins here.
    pub parent: Option<u64>,
    /// The scheme of the URL that the client asked for.
    pub scheme: &'static str,
}

// === impl TraceContext ===

impl TraceContext {
    /// The place of the trace's id in the field.
    pub(crate) const TRACE_ID: Range<usize> = 3..35;

    /// Parses the field's value.
    pub(crate) fn parse(field: &[u8]) -> Option<Self> {
        let (fixed, rest) = field.split_at_checked(55)?;
        let has_dashes = [2, 35, 52].iter().all(|&at| fixed[at] == b'-');
        let version = hexadecimal(&fixed[..2])?;
        // A version to come may have more behind it; version 0 has not, and ff is not a version.
        let is_known = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with(b"-"),
        };
        let context = Self {
            trace_id: hexadecimal(&fixed[Self::TRACE_ID])?,
            span_id: u64::try_from(hexadecimal(&fixed[36..52])?).ok()?,
            flags: u8::try_from(hexadecimal(&fixed[53..])?).ok()?,
        };
        let has_ids = context.trace_id != 0 && context.span_id != 0;
        (has_dashes && is_known && has_ids).then_some(context)
    }

    pub(crate) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Writes the trace's id as text, into `room`.
    pub(crate) fn trace_id_text(self, room: &mut [u8; 32]) -> &[u8] {
        for (index, digit) in room.iter_mut().rev().enumerate() {
            let value = (self.trace_id >> (4 * index)) & 0xf;
            *digit = b"0123456789abcdef"[value as usize];
        }
        room
    }

    /// Returns the field's value.
    pub(crate) fn to_header(self) -> HeaderValue {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        let text = format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// Reads digits, of which only small ones are valid here.
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    let are_valid = digits
        .iter()
        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let digits = str::from_utf8(digits).ok().filter(|_| are_valid)?;
    u128::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_if_its_field_is_valid() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let cases = [
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                false,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                true,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
                false,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                false,
            ),
            (
                "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                false,
            ),
            ("", false),
        ];
        for (field, is_valid) in cases {
            let read = TraceContext::parse(field.as_bytes());
            let id = read.map(|context| format!("{:032x}", context.trace_id));
            assert_eq!(id.as_deref(), is_valid.then_some(ID), "{field}");
            if is_valid {
                assert_eq!(&field[TraceContext::TRACE_ID], ID);
            }
        }
    }
}
