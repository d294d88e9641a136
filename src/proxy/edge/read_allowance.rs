//! The bytes of a connection that pingora may read: those of one request, and no more.
//!
//! pingora reads ahead, and keeps what it has read too far. The next request on the connection has to
//! be looked at by the gateway again, so pingora gets only the request's body. The header it is given
//! beforehand.

use crate::framing::{Chunks, Framing, MalformedChunk};

/// The bytes that pingora may still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAllowance {
    /// The rest of a body of known length. 0 is the end of the request.
    Bytes(u64),
    /// The rest of a chunked body.
    Chunked(Chunks),
    /// All bytes up to the connection's end: another request can't follow.
    Everything,
}

// === impl ReadAllowance ===

impl ReadAllowance {
    pub(super) const NOTHING: Self = Self::Bytes(0);

    /// Returns how many of the `next` bytes pingora may have now, and counts them as read.
    pub(super) fn take(&mut self, next: &[u8]) -> Result<usize, MalformedChunk> {
        match self {
            Self::Everything => Ok(next.len()),
            Self::Bytes(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(next.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(chunks) => {
                let taken = chunks.take(next)?;
                if chunks.is_at_end() {
                    *self = Self::NOTHING;
                }
                Ok(taken)
            }
        }
    }

    /// Returns the maximum length of a read from the socket straight into pingora's buffer. Bytes that
    /// are not a chunk's data have to be looked at before.
    pub(super) fn max_direct_read(&self) -> usize {
        let left = match self {
            Self::Everything => return usize::MAX,
            Self::Bytes(left) => *left,
            Self::Chunked(chunks) => chunks.data_left(),
        };
        usize::try_from(left).unwrap_or(usize::MAX)
    }
}

impl From<Framing> for ReadAllowance {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Unstated => Self::NOTHING,
            Framing::Length(length) => Self::Bytes(length),
            Framing::Chunked => Self::Chunked(Chunks::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is passed on of `bytes`, if they come in two pieces, cut at `cut`.
    fn passed_on(framing: Framing, bytes: &str, cut: usize) -> &str {
        let mut allowance = ReadAllowance::from(framing);
        let mut at = 0;
        for end in [cut, bytes.len()] {
            while at < end {
                match allowance.take(&bytes.as_bytes()[at..end]) {
                    Ok(taken @ 1..) => at += taken,
                    Ok(0) | Err(MalformedChunk) => return &bytes[..at],
                }
            }
        }
        &bytes[..at]
    }

    #[test]
    fn a_body_is_passed_on_to_its_end_however_it_is_cut() {
        let (hello, chunks) = ("hello, next request", "1\r\na\r\n0\r\n\r\nGET /");
        for (framing, bytes, expected) in [
            (Framing::Unstated, hello, ""),
            (Framing::Length(0), hello, ""),
            (Framing::Length(1), hello, "h"),
            (Framing::Length(5), hello, "hello"),
            (Framing::Length(19), hello, hello),
            (Framing::Length(20), hello, hello),
            (Framing::Length(u64::MAX), hello, hello),
            (Framing::Chunked, chunks, "1\r\na\r\n0\r\n\r\n"),
            (Framing::Chunked, hello, ""),
        ] {
            for cut in 0..=bytes.len() {
                let found = passed_on(framing, bytes, cut);
                assert_eq!(found, expected, "{framing:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn only_what_is_certain_to_belong_to_the_body_is_read_without_a_look() {
        let mut chunked = ReadAllowance::from(Framing::Chunked);
        assert_eq!(chunked.max_direct_read(), 0);
        assert_eq!(chunked.take(b"5\r\nhe"), Ok(5));
        assert_eq!(chunked.max_direct_read(), 3);
        assert_eq!(chunked.take(b"llo"), Ok(3));
        assert_eq!(chunked.max_direct_read(), 0);
        for (allowance, expected) in [
            (ReadAllowance::NOTHING, 0),
            (ReadAllowance::Bytes(7), 7),
            (ReadAllowance::Everything, usize::MAX),
        ] {
            assert_eq!(allowance.max_direct_read(), expected, "{allowance:?}");
        }
    }
}
