//! The content of a response, read to its end and no further.

use super::chunks::{Chunks, MalformedChunk};
use super::content::Content;

/// See the module's documentation. It keeps nothing of the content.
#[derive(Debug, Clone, Copy)]
pub struct ContentReader(Left);

/// The connection ended, and the content did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutOff {
    #[error("{0} bytes of the content are missing")]
    Bytes(u64),
    #[error("the last chunk is missing")]
    LastChunk,
}

/// The content that is still to come.
#[derive(Debug, Clone, Copy)]
enum Left {
    Nothing,
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

// === impl ContentReader ===

impl ContentReader {
    /// Starts with a content of which nothing has been read.
    pub fn new(content: Content) -> Self {
        Self(match content {
            Content::None | Content::Length(0) => Left::Nothing,
            Content::Length(length) => Left::Bytes(length),
            Content::Chunked => Left::Chunks(Chunks::for_data()),
            Content::UntilClose => Left::UntilClose,
        })
    }

    /// Whether the content has been read to its end.
    pub fn is_at_end(&self) -> bool {
        matches!(self.0, Left::Nothing)
    }

    /// Reads on; calls `data` with each piece of the content's own bytes. Returns how many of the `next` bytes
    /// belong to the content, as far as it is sound: of a malformed chunk nothing is read if its fault is among
    /// the same bytes as its beginning.
    pub fn read<'b>(
        &mut self,
        next: &'b [u8],
        mut data: impl FnMut(&'b [u8]),
    ) -> Result<usize, MalformedChunk> {
        match &mut self.0 {
            Left::Nothing => Ok(0),
            Left::UntilClose => {
                data(next);
                Ok(next.len())
            }
            Left::Bytes(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(next.len());
                *left -= taken as u64;
                data(&next[..taken]);
                if *left == 0 {
                    self.0 = Left::Nothing;
                }
                Ok(taken)
            }
            Left::Chunks(chunks) => {
                let sound = chunks.clone().take(next)?;
                let read = chunks.read(&next[..sound], data)?;
                if chunks.is_at_end() {
                    self.0 = Left::Nothing;
                } else if read < next.len() {
                    return Err(MalformedChunk);
                }
                Ok(read)
            }
        }
    }

    /// Takes the end of the connection. It is the content's where nothing else is.
    pub fn end(&mut self) -> Result<(), CutOff> {
        match self.0 {
            Left::Nothing => Ok(()),
            Left::UntilClose => {
                self.0 = Left::Nothing;
                Ok(())
            }
            Left::Bytes(left) => Err(CutOff::Bytes(left)),
            Left::Chunks(_) => Err(CutOff::LastChunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads bytes in two pieces, cut at `cut`, and then the end of the connection. Returns the content, and how
    /// much of the bytes was read; `None` for a content that is not whole.
    fn read(content: Content, bytes: &str, cut: usize) -> (String, Option<usize>) {
        let mut reader = ContentReader::new(content);
        let (mut found, mut read) = (Vec::new(), 0);
        for piece in [&bytes.as_bytes()[..cut], &bytes.as_bytes()[cut..]] {
            match reader.read(piece, |data| found.extend_from_slice(data)) {
                Ok(taken) => read += taken,
                Err(MalformedChunk) => return (String::from_utf8(found).expect("text"), None),
            }
        }
        let is_whole = reader.end().is_ok();
        (
            String::from_utf8(found).expect("text"),
            is_whole.then_some(read),
        )
    }

    #[test]
    fn content_is_read_to_its_end_however_it_is_cut() {
        use Content::{Chunked, Length, None as Nothing, UntilClose};
        for (content, bytes, expected, whole) in [
            (Nothing, "next", "", Some(0)),
            (Length(0), "next", "", Some(0)),
            (Length(3), "abcnext", "abc", Some(3)),
            (Length(9), "abc", "abc", None),
            (UntilClose, "abc", "abc", Some(3)),
            (UntilClose, "", "", Some(0)),
            (Chunked, "3\r\nabc\r\n0\r\n\r\nnext", "abc", Some(13)),
            (
                Chunked,
                "1;x=y\r\na\r\n2\r\nbc\r\n0\r\nX: y\r\n\r\n",
                "abc",
                Some(28),
            ),
            (Chunked, "3\r\nabc\r\n", "abc", None),
            (Chunked, "3\r\nab", "ab", None),
            (Chunked, "3\r\nabc\r\n0\r\n", "abc", None),
            (Chunked, "x", "", None),
            // What is not data, and is not passed on.
            (Chunked, "1 \r\na\r\n0\r\n\r\n", "a", Some(12)),
            (
                Chunked,
                "1;\n\r\na\r\n0\r\nno colon\r\n x\r\n\r\n",
                "a",
                Some(27),
            ),
            (Chunked, "1\r\na\r\n0\r\nX: y\n\r\n", "a", None),
            (Chunked, "\r\n", "", None),
        ] {
            for cut in 0..=bytes.len() {
                let found = read(content, bytes, cut);
                assert_eq!(
                    found,
                    (expected.to_owned(), whole),
                    "{bytes:?}, cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn nothing_of_a_chunk_is_read_that_comes_with_its_fault() {
        let mut reader = ContentReader::new(Content::Chunked);
        let mut found = Vec::new();
        let read = reader.read(b"1\r\na\r\n2\r\nbcX", |data| found.extend_from_slice(data));
        assert_eq!(
            (read, found.as_slice()),
            (Err(MalformedChunk), b"a".as_slice())
        );
    }
}
