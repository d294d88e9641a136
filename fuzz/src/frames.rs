//! HTTP/2's frames beside their twin: whether a header block has too many fields, and whether anything
//! is unfinished.

use super::naive::frames as naive;
use corsgate::framing::Frames;

/// Few, so that short inputs have more.
const MAX_FIELDS: usize = 5;

/// The input is a connection behind its preface. One that starts with the digit of a number of bytes is
/// given in pieces of so many.
pub fn run(input: &[u8]) {
    let [size, frames @ ..] = input else {
        return;
    };
    let connection = [&[b'P'; 24], frames].concat();
    let Some(expected) = naive::read(&connection, MAX_FIELDS) else {
        return;
    };
    let size = match size {
        b'1'..=b'9' => usize::from(size - b'0'),
        _ => connection.len(),
    };
    let mut read = Frames::new(MAX_FIELDS);
    for piece in connection.chunks(size) {
        read.advance(piece);
    }
    let found = naive::State {
        has_excess: read.has_excess(),
        is_idle: read.is_idle(),
    };
    assert_eq!(found, expected, "{}", frames.escape_ascii());
}
