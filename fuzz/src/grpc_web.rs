//! The text of a request in gRPC-Web beside its twin, and what a response becomes and is again.

use super::naive::grpc_web as naive;
use corsgate::framing::{Encoding, TextDecoder, trailers_frame};

/// The first byte says how long the pieces are in which the text behind it comes.
pub fn run(input: &[u8]) {
    let [size, text @ ..] = input else { return };
    let size = usize::from(size % 9) + 1;
    let expected = naive::decode(text);
    let found = decode(text.chunks(size));
    assert_eq!(found, expected, "{} by {size}", text.escape_ascii());
    assert_eq!(decode([text]), expected, "{}", text.escape_ascii());

    // The other way round: every piece is padded, and all of them are understood.
    let mut written = String::new();
    for piece in text.chunks(size) {
        let encoded = Encoding::Text.encode(piece).expect("text");
        assert_eq!(encoded.len() % 4, 0);
        written.push_str(&encoded);
    }
    assert_eq!(naive::decode(written.as_bytes()).as_deref(), Some(text));
    assert_eq!(
        decode(written.as_bytes().chunks(size)).as_deref(),
        Some(text)
    );

    // A frame is as long as it says.
    let frame = trailers_frame([("grpc-status", text)]).expect("short");
    let length = frame[1..5]
        .iter()
        .fold(0, |length, &byte| length << 8 | usize::from(byte));
    assert_eq!((frame[0], length), (0x80, frame.len() - 5));
}

/// Decodes a text in pieces; `None` if it is not base64.
fn decode<'t>(pieces: impl IntoIterator<Item = &'t [u8]>) -> Option<Vec<u8>> {
    let mut decoder = TextDecoder::default();
    let mut decoded = Vec::new();
    for piece in pieces {
        decoded.extend(decoder.decode(piece).ok()?);
    }
    decoder.finish().ok()?;
    Some(decoded)
}
