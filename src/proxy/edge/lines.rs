//! The fields of a header as it came, edited without a copy: lines are crossed out, and new ones are written
//! behind the others.

use crate::config::FieldEdit;
use crate::cors::MessageFields;
use crate::framing::is_text;
use crate::proxy::edge::head::MAX_FIELDS;
use crate::proxy::header_edits::EditFields;
use http::{HeaderName, HeaderValue};
use std::ops::Range;

/// The number of bits of a word of [`Lines::crossed`].
const WORD: usize = u64::BITS as usize;

/// See the module's documentation.
pub(super) struct Lines<'b, 'w> {
    came: &'b [httparse::Header<'b>],
    /// One bit for each line that came: whether it is crossed out.
    crossed: [u64; MAX_FIELDS / WORD],
    written: &'w mut Written,
    /// The bits of all names, see [`bit`]. Most of the fields that are asked for are not there, and are not
    /// looked for.
    names: u64,
}

/// Lines that were written. Kept from one header to the next, so that none has to allocate.
#[derive(Debug, Default)]
pub(super) struct Written {
    names: String,
    values: Vec<u8>,
    lines: Vec<Line>,
}

/// The places of a line's name and value.
#[derive(Debug, Clone)]
struct Line {
    name: Range<usize>,
    value: Range<usize>,
}

// === impl Lines ===

impl<'b, 'w> Lines<'b, 'w> {
    /// Begins with the lines of a header, of which there are no more than [`MAX_FIELDS`].
    pub(super) fn new(came: &'b [httparse::Header<'b>], written: &'w mut Written) -> Self {
        debug_assert!(came.len() <= MAX_FIELDS);
        written.names.clear();
        written.values.clear();
        written.lines.clear();
        Self {
            came,
            crossed: [0; MAX_FIELDS / WORD],
            written,
            names: came.iter().fold(0, |names, field| names | bit(field.name)),
        }
    }

    /// Adds a line behind the others.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        self.write(name, value);
    }

    /// Returns the length of the lines that came, and of those that were written.
    pub(super) fn length(&self) -> usize {
        let came = self
            .came
            .iter()
            .map(|field| field.name.len() + field.value.len() + 4);
        let Written {
            names,
            values,
            lines,
        } = &*self.written;
        came.sum::<usize>() + names.len() + values.len() + 4 * lines.len()
    }

    /// Writes all lines behind the bytes in `out`.
    pub(super) fn write_lines(&self, out: &mut Vec<u8>) {
        self.for_each(|name, value| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Writes all lines that came anew, with other values.
    pub(super) fn rewrite(&mut self, value: impl Fn(&[u8]) -> HeaderValue) {
        for line in 0..self.came.len() {
            if !self.is_crossed(line) {
                let field = self.came[line];
                self.write(field.name, value(field.value).as_bytes());
            }
        }
        self.crossed = [0; MAX_FIELDS / WORD];
        self.came = &[];
    }

    fn is_crossed(&self, line: usize) -> bool {
        self.crossed[line / WORD] & (1 << (line % WORD)) != 0
    }

    fn write(&mut self, name: &str, value: &[u8]) {
        self.names |= bit(name);
        let Written {
            names,
            values,
            lines,
        } = &mut *self.written;
        let (name_at, value_at) = (names.len(), values.len());
        names.push_str(name);
        values.extend_from_slice(value);
        lines.push(Line {
            name: name_at..names.len(),
            value: value_at..values.len(),
        });
    }

    /// Whether there may be a line of this name.
    fn may_have(&self, name: &str) -> bool {
        self.names & bit(name) != 0
    }

    fn remove_named(&mut self, name: &str) {
        if !self.may_have(name) {
            return;
        }
        for (line, field) in self.came.iter().enumerate() {
            if field.name.eq_ignore_ascii_case(name) {
                self.crossed[line / WORD] |= 1 << (line % WORD);
            }
        }
        let Written { names, lines, .. } = &mut *self.written;
        lines.retain(|line| !names[line.name.clone()].eq_ignore_ascii_case(name));
    }
}

/// Returns one of 64 bits for a name, the same in any case. Few of a header's names share one.
fn bit(name: &str) -> u64 {
    const CASE: u8 = b'a' ^ b'A';
    let [first, .., last] = name.as_bytes() else {
        return 1;
    };
    let sum = 5 * usize::from(first | CASE) + 11 * usize::from(last | CASE) + name.len();
    1 << (sum % u64::BITS as usize)
}

impl MessageFields for Lines<'_, '_> {
    fn count(&self) -> usize {
        let crossed: u32 = self.crossed.iter().map(|word| word.count_ones()).sum();
        self.came.len() - crossed as usize + self.written.lines.len()
    }

    fn for_each<'f>(&'f self, mut each: impl FnMut(&'f str, &'f [u8])) {
        for (line, field) in self.came.iter().enumerate() {
            if !self.is_crossed(line) {
                each(field.name, field.value);
            }
        }
        let Written {
            names,
            values,
            lines,
        } = &*self.written;
        for line in lines {
            each(&names[line.name.clone()], &values[line.value.clone()]);
        }
    }

    fn for_each_line<'f>(&'f self, name: &HeaderName, mut each: impl FnMut(&'f [u8])) {
        let name = name.as_str();
        if !self.may_have(name) {
            return;
        }
        self.for_each(|known, value| {
            if known.eq_ignore_ascii_case(name) {
                each(value);
            }
        });
    }

    fn set(&mut self, name: &'static str, value: HeaderValue) {
        self.remove_named(name);
        self.write(name, value.as_bytes());
    }

    fn set_text(&mut self, name: &'static str, value: &[u8]) {
        self.remove_named(name);
        // A line's end in a value would be the next line's beginning.
        if value.iter().copied().all(is_text) {
            self.write(name, value);
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove_named(name.as_str());
    }
}

impl EditFields for Lines<'_, '_> {
    fn set_line(&mut self, field: &FieldEdit) {
        self.remove_named(field.name.as_str());
        self.add_line(field);
    }

    fn add_line(&mut self, field: &FieldEdit) {
        // As it was written in the configuration: text.
        let name = str::from_utf8(&field.written).unwrap_or(field.name.as_str());
        self.write(name, field.value.as_bytes());
    }
}

#[cfg(test)]
mod tests;
