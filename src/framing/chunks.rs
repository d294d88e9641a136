//! A body in chunks, read to its end and no further: RFC 9112 §7.1.

use crate::cors::is_token;

/// Maximum number of digits in a chunk's size, and so of hexadecimal ones in a `u64`.
const MAX_DIGITS: u8 = 16;

/// Maximum size of a chunk; a larger one is refused, so that no sum with it can overflow.
const MAX_SIZE: u64 = u64::MAX >> 1;

/// Maximum length of what stands behind a chunk's size on its line: blanks and extensions.
const MAX_EXTENSIONS: u16 = 1 << 10;

/// Maximum length of all trailers together, without the ends of their lines.
const MAX_TRAILER_BYTES: u16 = 8 << 10;

/// Maximum number of trailers.
const MAX_TRAILERS: u8 = 64;

/// A reader of a chunked body, which keeps nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    state: State,
    /// Bytes read of what has a bound: a chunk's extensions, or the trailers.
    bounded: u16,
    trailers: u8,
    /// Whether what is not data may be anything that does not end its line.
    is_lenient: bool,
}

/// The body breaks RFC 9112's grammar, or one of the bounds above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunked body is malformed")]
pub struct MalformedChunk;

/// The place in the body: what has been read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A chunk's size as far as it has been read; without a digit, the place is between two chunks.
    Size {
        size: u64,
        digits: u8,
    },
    /// A blank behind the size. An extension has to follow.
    Blank {
        size: u64,
    },
    /// A part of an extension.
    Extension {
        size: u64,
    },
    /// CR at the end of the size's line.
    SizeCr {
        size: u64,
    },
    /// All of the chunk's data but so many bytes.
    Data {
        left: u64,
    },
    /// CR behind the data.
    DataCr,
    /// The line of the last chunk, or of a trailer.
    Line,
    /// A part of a trailer's name.
    Name,
    /// A trailer's colon, or a part of its value.
    Value,
    /// CR at the end of a trailer.
    ValueCr,
    /// CR on the empty line.
    EndCr,
    End,
}

// === impl Chunks ===

impl Chunks {
    const START: Self = Self {
        state: State::Size { size: 0, digits: 0 },
        bounded: 0,
        trailers: 0,
        is_lenient: false,
    };

    /// Starts with a body of which nothing has been read.
    pub fn new() -> Self {
        Self::START
    }

    /// Starts with a body of which the data alone is passed on, in chunks that are written anew. Then blanks, extensions
    /// and trailers may be what pingora, too, reads over: servers send them, and no other reader will see them.
    pub fn for_data() -> Self {
        Self {
            is_lenient: true,
            ..Self::START
        }
    }

    /// Reads on; returns how many of the `next` bytes belong to the body, and may be passed on.
    ///
    /// Nothing of a malformed chunk is passed on if its fault is in the same bytes as its beginning.
    pub fn take(&mut self, next: &[u8]) -> Result<usize, MalformedChunk> {
        let start = Self {
            is_lenient: self.is_lenient,
            ..Self::START
        };
        let mut whole = 0;
        let mut at = 0;
        while at < next.len() && !self.is_at_end() {
            at += match self.data_left() {
                0 => match self.step(next[at]) {
                    Ok(()) => 1,
                    Err(error) if whole == 0 => return Err(error),
                    Err(_) => {
                        *self = start;
                        return Ok(whole);
                    }
                },
                left => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX);
                    let n = n.min(next.len() - at);
                    self.state = State::Data {
                        left: left - n as u64,
                    };
                    n
                }
            };
            if *self == start {
                whole = at;
            }
        }
        Ok(at)
    }

    /// Reads on; calls `data` with each piece of a chunk's data. Returns how many of the `next` bytes belong to
    /// the body.
    pub fn read<'b>(
        &mut self,
        next: &'b [u8],
        mut data: impl FnMut(&'b [u8]),
    ) -> Result<usize, MalformedChunk> {
        let mut at = 0;
        while at < next.len() && !self.is_at_end() {
            match self.data_left() {
                0 => {
                    self.step(next[at])?;
                    at += 1;
                }
                left => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX);
                    let n = n.min(next.len() - at);
                    data(&next[at..at + n]);
                    self.state = State::Data {
                        left: left - n as u64,
                    };
                    at += n;
                }
            }
        }
        Ok(at)
    }

    /// Returns how many of the next bytes are certain to be data.
    pub fn data_left(&self) -> u64 {
        match self.state {
            State::Data { left } => left,
            _ => 0,
        }
    }

    /// Whether the body has been read to its end.
    pub fn is_at_end(&self) -> bool {
        self.state == State::End
    }

    /// Reads a byte that is not data. After an error the place is the same as before.
    fn step(&mut self, byte: u8) -> Result<(), MalformedChunk> {
        self.state = match (self.state, byte) {
            (State::Size { digits: 1.., size }, b'\r') => State::SizeCr { size },
            (State::Size { digits: 1.., size } | State::Blank { size }, b' ' | b'\t') => {
                self.count(MAX_EXTENSIONS)?;
                State::Blank { size }
            }
            (State::Size { digits: 1.., size } | State::Blank { size }, b';') => {
                self.count(MAX_EXTENSIONS)?;
                State::Extension { size }
            }
            (State::Blank { size }, b'\r') if self.is_lenient => State::SizeCr { size },
            (State::Size { size, digits }, _) => {
                let digit = hexadecimal(byte).ok_or(MalformedChunk)?;
                if digits == MAX_DIGITS || size > MAX_SIZE >> 4 {
                    return Err(MalformedChunk);
                }
                State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }
            }
            (State::Extension { size }, b'\r') => State::SizeCr { size },
            (State::Extension { size }, _) if is_text(byte) || self.is_lenient => {
                self.count(MAX_EXTENSIONS)?;
                State::Extension { size }
            }
            (State::SizeCr { size }, b'\n') => {
                self.bounded = 0;
                match size {
                    0 => State::Line,
                    left => State::Data { left },
                }
            }
            (State::Data { left: 0 }, b'\r') => State::DataCr,
            (State::DataCr, b'\n') => Self::START.state,
            (State::Line, b'\r') => State::EndCr,
            (State::Line, _) if self.is_lenient && !matches!(byte, b'\r' | b'\n') => {
                self.count(MAX_TRAILER_BYTES)?;
                State::Value
            }
            (State::Line, _) if is_token(&[byte]) && self.trailers < MAX_TRAILERS => {
                self.count(MAX_TRAILER_BYTES)?;
                self.trailers += 1;
                State::Name
            }
            (State::Name, _) if is_token(&[byte]) => {
                self.count(MAX_TRAILER_BYTES)?;
                State::Name
            }
            (State::Name, b':') => State::Value,
            (State::Value, b'\r') => State::ValueCr,
            (State::Value, _) if is_text(byte) || self.is_lenient && byte != b'\n' => {
                self.count(MAX_TRAILER_BYTES)?;
                State::Value
            }
            (State::ValueCr, b'\n') => State::Line,
            (State::EndCr, b'\n') => State::End,
            _ => return Err(MalformedChunk),
        };
        Ok(())
    }

    fn count(&mut self, limit: u16) -> Result<(), MalformedChunk> {
        if self.bounded == limit {
            return Err(MalformedChunk);
        }
        self.bounded += 1;
        Ok(())
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

fn hexadecimal(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Whether a value, or an extension, may have the byte: all but control characters.
pub fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `body`, cut at `cut`; returns the bytes taken, and whether its end or a fault was found.
    fn read(body: &[u8], cut: usize) -> (usize, &'static str) {
        let mut chunks = Chunks::new();
        let mut at = 0;
        for end in [cut, body.len()] {
            while at < end && !chunks.is_at_end() {
                match chunks.take(&body[at..end]) {
                    Ok(n) => {
                        assert!(n > 0, "it goes on, or fails");
                        at += n;
                    }
                    Err(MalformedChunk) => return (at, "malformed"),
                }
            }
        }
        match chunks.is_at_end() {
            true => (at, "whole"),
            false => (at, "to be continued"),
        }
    }

    #[test]
    fn a_chunked_body_is_read_to_its_end_and_no_further() {
        for body in [
            "0\r\n\r\n",
            "00\r\n\r\n",
            "0;x\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00005\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
            "5;a=b;c=\"d e\"\r\nhello\r\n0\r\n\r\n",
            "5 \t; a = b\r\nhello\r\n0\r\n\r\n",
            "4\r\n\r\n\r\n\r\n0\r\n\r\n",
            "1\r\n\0\r\n0\r\n\r\n",
            "0\r\nX-Sum: 1\r\n\r\n",
            "0\r\nX-Sum:\r\nX-Other:\t \u{fc}\r\n\r\n",
        ] {
            let sent = [body.as_bytes(), b"GET / HTTP/1.1\r\n\r\n"].concat();
            for cut in 0..=sent.len() {
                assert_eq!(read(&sent, cut), (body.len(), "whole"), "{body:?}, {cut}");
            }
            for end in 0..body.len() {
                let (taken, found) = read(&sent[..end], end);
                assert_eq!((taken, found), (end, "to be continued"), "{body:?}");
            }
        }
    }

    #[test]
    fn a_malformed_chunk_is_refused_and_not_begun() {
        for malformed in [
            // No size, or something that is not one.
            "\r\n",
            ";x\r\n",
            " 5\r\n",
            "g\r\n",
            "-5\r\n",
            "+5\r\n",
            "0x5\r\n",
            "5,\r\n",
            "5 5\r\n",
            "5 \r\n",
            "5\t\r\n",
            "5:\r\n",
            "\u{664}\r\n",
            // Too large a size, in value or in digits.
            "8000000000000000\r\n",
            "FFFFFFFFFFFFFFFF\r\n",
            "10000000000000000\r\n",
            "00000000000000005\r\n",
            // Line ends and controls that are not CRLF.
            "5\nhello",
            "5\r\rhello",
            "5\rhello",
            "5;a\nhello",
            "5;a\rb\r\n",
            "5;a\0\r\n",
            "5;a\u{7f}\r\n",
            "5;\u{b}\r\n",
            "5\0\r\n",
            // Data that is longer or shorter than its size.
            "3\r\nabcd\r\n",
            "3\r\nabc\n",
            "3\r\nabc\r\r",
            "3\r\nab\r\n0\r\n\r\n",
        ] {
            let body = ["4\r\ngood\r\n", malformed].concat();
            let (taken, found) = read(body.as_bytes(), 0);
            assert_eq!((taken, found), (9, "malformed"), "{malformed:?}");
            for cut in 0..=body.len() {
                let (_, found) = read(body.as_bytes(), cut);
                assert_eq!(found, "malformed", "{malformed:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn malformed_trailers_are_refused() {
        for trailers in [
            "\n",
            "\r\r",
            "X\r\n\r\n",
            ": x\r\n\r\n",
            "X : y\r\n\r\n",
            " X: y\r\n\r\n",
            "X: y\n\r\n",
            "X: y\r\n\n",
            "X: y\r\n folded\r\n\r\n",
            "X: \0\r\n\r\n",
            "X: a\rb\r\n\r\n",
            "X(: y\r\n\r\n",
        ] {
            let body = ["0\r\n", trailers].concat();
            for cut in 0..=body.len() {
                let (_, found) = read(body.as_bytes(), cut);
                assert_eq!(found, "malformed", "{trailers:?}, cut at {cut}");
            }
        }
    }

    #[test]
    fn what_a_body_has_beside_its_data_is_bounded() {
        let extension = |len: usize| format!("5;{}\r\nhello\r\n", "x".repeat(len - 1));
        let trailer = |len: usize| format!("0\r\nx:{}\r\n\r\n", "y".repeat(len - 1));
        let trailers = |count: usize| format!("0\r\n{}\r\n", "x:\r\n".repeat(count));
        let most = usize::from(MAX_EXTENSIONS);
        assert_eq!(
            read(extension(most).repeat(3).as_bytes(), 0).1,
            "to be continued"
        );
        assert_eq!(read(extension(most + 1).as_bytes(), 0).1, "malformed");
        let most = usize::from(MAX_TRAILER_BYTES);
        assert_eq!(read(trailer(most).as_bytes(), 0).1, "whole");
        assert_eq!(read(trailer(most + 1).as_bytes(), 0).1, "malformed");
        let most = usize::from(MAX_TRAILERS);
        assert_eq!(read(trailers(most).as_bytes(), 0).1, "whole");
        assert_eq!(read(trailers(most + 1).as_bytes(), 0).1, "malformed");
    }
}
