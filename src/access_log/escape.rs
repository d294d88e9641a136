//! Bytes of clients as text that can do no harm: no quote ends a value, no control character reaches a
//! terminal, and what is not UTF-8 is shown byte by byte.

use super::bounded;
use std::io::Write as _;

/// Number of bytes that are looked at together.
const TOGETHER: usize = 16;

/// A way to write what is not plain.
pub(super) trait Escapes {
    /// Writes a character that is not plain.
    fn character(character: char, out: &mut Vec<u8>);
    /// Writes a byte that is not part of a character.
    fn byte(byte: u8, out: &mut Vec<u8>);
}

/// Whether a character can change how a line looks: controls, line separators, and the marks that turn the
/// direction of the text.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a byte stands for itself in both formats: visible ASCII and the blank, but for the quote and the
/// backslash.
fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// Returns the number of bytes at the start that are plain, or a few less. The loop over [`TOGETHER`] has no branch,
/// so that the compiler makes a few instructions of it.
fn plain_start(value: &[u8]) -> usize {
    let (chunks, rest) = value.as_chunks::<TOGETHER>();
    let are_plain = |chunk: &[u8]| chunk.iter().fold(true, |all, &byte| all & is_plain(byte));
    match chunks.iter().position(|chunk| !are_plain(chunk)) {
        Some(chunks) => chunks * TOGETHER,
        None if are_plain(rest) => value.len(),
        None => value.len() - rest.len(),
    }
}

/// Writes a value, cut to its bound and escaped.
pub(super) fn write<E: Escapes>(value: &[u8], out: &mut Vec<u8>) {
    let value = bounded(value);
    let (plain, rest) = value.split_at(plain_start(value));
    out.extend_from_slice(plain);
    for chunk in rest.utf8_chunks() {
        for character in chunk.valid().chars() {
            let is_plain_ascii = u8::try_from(character).is_ok_and(is_plain);
            match is_plain_ascii || (!character.is_ascii() && !is_hostile(character)) {
                true => {
                    let mut utf8 = [0; 4];
                    out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
                false => E::character(character, out),
            }
        }
        for &byte in chunk.invalid() {
            E::byte(byte, out);
        }
    }
}

/// In a string of JSON.
pub(super) enum Json {}

/// Between the quotes of the combined format.
pub(super) enum Combined {}

// === impl Escapes ===

impl Escapes for Json {
    fn character(character: char, out: &mut Vec<u8>) {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            // All of them are in the first plane.
            _ => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
        }
    }

    /// Writes `\xHH`: JSON has no escape for a byte, so that the backslash is one of the text.
    fn byte(byte: u8, out: &mut Vec<u8>) {
        let _ = write!(out, "\\\\x{byte:02x}");
    }
}

impl Escapes for Combined {
    fn character(character: char, out: &mut Vec<u8>) {
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            Self::byte(byte, out);
        }
    }

    fn byte(byte: u8, out: &mut Vec<u8>) {
        let _ = write!(out, "\\x{byte:02x}");
    }
}
