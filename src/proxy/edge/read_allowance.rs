//! The bytes of a connection that pingora may read: those of one request, and no more.
//!
//! pingora reads ahead, and keeps what it has read too far. The next request on the connection has to
//! be looked at by the gateway again, so pingora gets only the request's body. The header it is given
//! beforehand.

use super::head::Body;

/// The end of a chunked body, or an empty line within it: RFC 9112 §7.1.
const EMPTY_LINE: &[u8; 4] = b"\r\n\r\n";

/// The bytes that pingora may still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadAllowance {
    /// The rest of a body of known length. 0 is the end of the request.
    Bytes(u64),
    /// A chunked body up to its next empty line, of which `matched` bytes have been passed on.
    Chunked { matched: u8 },
    /// All bytes up to the connection's end: another request can't follow.
    Everything,
}

// === impl ReadAllowance ===

impl ReadAllowance {
    pub(super) const NOTHING: Self = Self::Bytes(0);

    /// Returns how many of the `next` bytes pingora may have now, and counts them as read.
    ///
    /// Of a chunked body these are never more than up to an empty line: it is the body's end, or lies
    /// in the body and pingora asks again. Either way nothing behind the body is passed on, and chunks
    /// need not be understood here.
    pub(super) fn take(&mut self, next: &[u8]) -> usize {
        match self {
            Self::Everything => next.len(),
            Self::Bytes(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(next.len());
                *left -= taken as u64;
                taken
            }
            Self::Chunked { matched } => up_to_empty_line(next, matched),
        }
    }

    /// Returns the maximum length of a read from the socket straight into pingora's buffer. 0 for a
    /// chunked body, whose bytes have to be looked at before.
    pub(super) fn max_direct_read(&self) -> usize {
        match self {
            Self::Everything => usize::MAX,
            Self::Bytes(left) => usize::try_from(*left).unwrap_or(usize::MAX),
            Self::Chunked { .. } => 0,
        }
    }
}

impl From<Body> for ReadAllowance {
    fn from(body: Body) -> Self {
        match body {
            Body::Length(length) => Self::Bytes(length),
            Body::Chunked => Self::Chunked { matched: 0 },
            Body::Unframed => Self::Everything,
        }
    }
}

fn up_to_empty_line(bytes: &[u8], matched: &mut u8) -> usize {
    for (at, &byte) in bytes.iter().enumerate() {
        *matched = match byte {
            byte if byte == EMPTY_LINE[usize::from(*matched)] => *matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if usize::from(*matched) == EMPTY_LINE.len() {
            *matched = 0;
            return at + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pieces in which `bytes` are passed on, if they come in two, cut at `cut`.
    fn pieces(body: Body, bytes: &str, cut: usize) -> Vec<&str> {
        let mut allowance = ReadAllowance::from(body);
        let mut pieces = Vec::new();
        let mut at = 0;
        for end in [cut, bytes.len()] {
            while at < end {
                let taken = allowance.take(&bytes.as_bytes()[at..end]);
                if taken == 0 {
                    return pieces;
                }
                pieces.push(&bytes[at..at + taken]);
                at += taken;
            }
        }
        pieces
    }

    #[test]
    fn a_body_of_known_length_is_read_to_its_end_however_it_is_cut() {
        let bytes = "hello, next request";
        for (body, expected) in [
            (Body::Length(0), ""),
            (Body::Length(1), "h"),
            (Body::Length(5), "hello"),
            (Body::Length(19), bytes),
            (Body::Length(20), bytes),
            (Body::Length(u64::MAX), bytes),
            (Body::Unframed, bytes),
        ] {
            for cut in 0..=bytes.len() {
                let read = pieces(body, bytes, cut).concat();
                assert_eq!(read, expected, "{body:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn a_chunked_body_is_passed_on_up_to_each_empty_line_however_it_is_cut() {
        for expected in [
            &["0\r\n\r\n"][..],
            &["5\r\nhello\r\n0\r\n\r\n"],
            &["0\r\nTrailer: x\r\n\r\n"],
            // The next request, were it asked for, would be a piece of its own.
            &["0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n"],
            &["0\r\n\r\n", "0\r\n\r\n"],
            // Empty lines in chunks.
            &["4\r\n\r\n", "\r\n\r\n", "1\r\na\r\n0\r\n\r\n"],
            &["6\r\n\r\n", "\r\na\r\n0\r\n\r\n"],
            // Lines that are almost empty.
            &["3\r\r\n\r\n", "0\r\n\r\n"],
            &["\r\n\r\r\n\r\n", "\n\r\n\r\n"],
            &["3\nabc\n0\n\n"],
            &["\r\n\n\r\r\r\n"],
        ] {
            let bytes = expected.concat();
            let ends = |pieces: &[&str]| {
                let mut end = 0;
                let after = |piece: &&str| {
                    end += piece.len();
                    end
                };
                pieces.iter().map(after).collect::<Vec<_>>()
            };
            for cut in 0..=bytes.len() {
                let pieces = pieces(Body::Chunked, &bytes, cut);
                assert_eq!(pieces.concat(), bytes);
                let mut found = ends(&pieces);
                found.retain(|&end| end != cut);
                let mut wanted = ends(expected);
                wanted.retain(|&end| end != cut);
                assert_eq!(found, wanted, "{bytes:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn only_a_chunked_body_has_to_be_looked_at() {
        for (allowance, expected) in [
            (ReadAllowance::NOTHING, 0),
            (ReadAllowance::Bytes(7), 7),
            (ReadAllowance::Chunked { matched: 3 }, 0),
            (ReadAllowance::Everything, usize::MAX),
        ] {
            assert_eq!(allowance.max_direct_read(), expected, "{allowance:?}");
        }
    }
}
