//! Content as a chunk: RFC 9112 §7.1.

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes the pieces as one chunk behind the bytes in `out`; nothing if they are empty, for that would be the
/// last one.
pub fn write_chunk(pieces: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length == 0 {
        return;
    }
    let mut digits = [0; usize::BITS as usize / 4];
    let mut first = digits.len();
    let mut left = length;
    while left > 0 {
        first -= 1;
        digits[first] = b"0123456789ABCDEF"[left % 16];
        left /= 16;
    }
    out.extend_from_slice(&digits[first..]);
    out.extend_from_slice(b"\r\n");
    for piece in pieces {
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_chunk_and_nothing_is_none() {
        for (pieces, expected) in [
            (&[][..], ""),
            (&[b"".as_slice()], ""),
            (&[b"a".as_slice()], "1\r\na\r\n"),
            (&[b"ab".as_slice(), b"", b"c"], "3\r\nabc\r\n"),
            (&[[b'x'; 15].as_slice()], "F\r\nxxxxxxxxxxxxxxx\r\n"),
            (&[[b'x'; 16].as_slice()], "10\r\nxxxxxxxxxxxxxxxx\r\n"),
        ] {
            let mut out = Vec::new();
            write_chunk(pieces, &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
