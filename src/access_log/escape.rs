//! Bytes of clients as text that can do no harm: no quote ends a value, no control character reaches a
//! terminal, and what is not UTF-8 is shown byte by byte.

use super::bounded;
use super::line::{Line, is_plain};

/// A way to write what is not plain.
pub(super) trait Escapes {
    /// Writes a character that is not plain.
    fn character(character: char, out: &mut Line);
    /// Writes a byte that is not part of a character.
    fn byte(byte: u8, out: &mut Line);
}

/// Whether a character can change how a line looks: controls, line separators, and the marks that turn the
/// direction of the text.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Writes a value, cut to its bound and escaped.
pub(super) fn write<E: Escapes>(value: &[u8], out: &mut Line) {
    let rest = out.plain(bounded(value));
    if !rest.is_empty() {
        write_any::<E>(rest, out);
    }
}

#[cold]
fn write_any<E: Escapes>(value: &[u8], out: &mut Line) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            let is_plain_ascii = u8::try_from(character).is_ok_and(is_plain);
            match is_plain_ascii || (!character.is_ascii() && !is_hostile(character)) {
                true => {
                    let mut utf8 = [0; 4];
                    out.slice(character.encode_utf8(&mut utf8).as_bytes());
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
    fn character(character: char, out: &mut Line) {
        match character {
            '"' => out.array(b"\\\""),
            '\\' => out.array(b"\\\\"),
            // All of them are in the first plane.
            _ => out.shown(format_args!("\\u{:04x}", u32::from(character))),
        }
    }

    /// Writes `\xHH`: JSON has no escape for a byte, so that the backslash is one of the text.
    fn byte(byte: u8, out: &mut Line) {
        out.shown(format_args!("\\\\x{byte:02x}"));
    }
}

impl Escapes for Combined {
    fn character(character: char, out: &mut Line) {
        let mut utf8 = [0; 4];
        for byte in character.encode_utf8(&mut utf8).bytes() {
            Self::byte(byte, out);
        }
    }

    fn byte(byte: u8, out: &mut Line) {
        out.shown(format_args!("\\x{byte:02x}"));
    }
}
