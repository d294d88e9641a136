//! The number of fields in an HTTP/2 header block, counted from its bytes: RFC 7541 §6.
//!
//! A field may take one byte on the wire and a hundred in memory, and the h2 crate bounds only the
//! length of a decoded list. Here fields are counted before that crate sees them. Their values need not
//! be known, so there is no table and nothing is kept: indices and lengths are read, text is skipped.

/// The place in a header block, which may come in pieces of any length.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderBlock {
    /// Number of fields that have begun.
    fields: usize,
    next: Next,
    /// Integer that continues in the next byte, and the bits that are known of it.
    integer: u64,
    bits: u32,
}

/// The part of the block that its next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The beginning of a field, or of a change of the table's size.
    Field,
    /// The rest of an index or a size; then `then`.
    Integer(Then),
    /// The beginning of the length of a text.
    Length(Text),
    /// The rest of the length of a text.
    LengthRest(Text),
    /// The given number of bytes of a text.
    Skip(u64, Text),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Field,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Name,
    Value,
}

// === impl HeaderBlock ===

impl HeaderBlock {
    /// Begins with the first byte of a block.
    pub(super) const fn new() -> Self {
        Self {
            fields: 0,
            next: Next::Field,
            integer: 0,
            bits: 0,
        }
    }

    /// Returns how many fields have begun so far.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// Goes on by a piece of the block. What the h2 crate refuses may be counted wrongly: it ends the
    /// connection.
    pub(super) fn advance(&mut self, mut piece: &[u8]) {
        while let Some((&byte, rest)) = piece.split_first() {
            piece = rest;
            match self.next {
                Next::Field => self.start_field(byte),
                Next::Integer(then) => {
                    if self.continue_integer(byte) {
                        self.next = then.into();
                    }
                }
                Next::Length(text) => {
                    if self.start_integer(byte, 7) {
                        self.skip(text);
                    } else {
                        self.next = Next::LengthRest(text);
                    }
                }
                Next::LengthRest(text) => {
                    if self.continue_integer(byte) {
                        self.skip(text);
                    }
                }
                Next::Skip(left, text) => {
                    // This byte, and what else is here of the text.
                    let more = usize::try_from(left - 1)
                        .unwrap_or(usize::MAX)
                        .min(rest.len());
                    piece = &rest[more..];
                    match left - 1 - more as u64 {
                        0 => self.next = text.after(),
                        left => self.next = Next::Skip(left, text),
                    }
                }
            }
        }
    }

    fn start_field(&mut self, byte: u8) {
        let (prefix, is_indexed) = match byte {
            0x80.. => (7, true),
            0x40.. => (6, false),
            // A change of the table's size, which is not a field.
            0x20.. => {
                if !self.start_integer(byte, 5) {
                    self.next = Next::Integer(Then::Field);
                }
                return;
            }
            _ => (4, false),
        };
        self.fields += 1;
        let is_whole = self.start_integer(byte, prefix);
        self.next = match (is_indexed, is_whole) {
            (true, true) => Next::Field,
            (true, false) => Next::Integer(Then::Field),
            (false, true) if self.integer == 0 => Next::Length(Text::Name),
            (false, true) => Next::Length(Text::Value),
            (false, false) => Next::Integer(Then::Value),
        };
    }

    /// Reads the first byte of an integer with a prefix of so many bits; returns whether it is whole.
    fn start_integer(&mut self, byte: u8, prefix: u32) -> bool {
        let most = (1 << prefix) - 1;
        self.integer = u64::from(byte) & most;
        self.bits = 0;
        self.integer < most
    }

    /// Reads a further byte of an integer; returns whether it is whole.
    fn continue_integer(&mut self, byte: u8) -> bool {
        let part = u64::from(byte & 0x7f).checked_shl(self.bits).unwrap_or(0);
        self.integer = self.integer.saturating_add(part);
        self.bits = self.bits.saturating_add(7);
        byte & 0x80 == 0
    }

    fn skip(&mut self, text: Text) {
        self.next = match self.integer {
            0 => text.after(),
            length => Next::Skip(length, text),
        };
    }
}

// === impl Text ===

impl Text {
    fn after(self) -> Next {
        match self {
            Self::Name => Next::Length(Self::Value),
            Self::Value => Next::Field,
        }
    }
}

impl From<Then> for Next {
    fn from(then: Then) -> Self {
        match then {
            Then::Field => Self::Field,
            Then::Value => Self::Length(Text::Value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 §5.1, as the document has it.
    fn integer(first: u8, prefix: u32, mut value: usize) -> Vec<u8> {
        let most = (1 << prefix) - 1;
        if value < most {
            return vec![first | value as u8];
        }
        let mut bytes = vec![first | most as u8];
        value -= most;
        while value >= 128 {
            bytes.push((value % 128 + 128) as u8);
            value /= 128;
        }
        bytes.push(value as u8);
        bytes
    }

    fn text(length: usize) -> Vec<u8> {
        // Whatever is in it: these bytes would be fields.
        [integer(0x80, 7, length), vec![0x82; length]].concat()
    }

    /// Counts the fields of a block that comes in two pieces, cut at `cut`.
    fn count(block: &[u8], cut: usize) -> usize {
        let mut counted = HeaderBlock::new();
        counted.advance(&block[..cut]);
        counted.advance(&block[cut..]);
        assert_eq!(counted.next, Next::Field, "it ends where the block does");
        counted.fields()
    }

    #[test]
    fn fields_are_counted_whatever_their_form_and_however_the_block_is_cut() {
        let mut all = Vec::new();
        let mut fields = 0;
        for (form, expected) in [
            (integer(0x80, 7, 2), 1),
            (integer(0x80, 7, 127), 1),
            (integer(0x80, 7, 100_000), 1),
            (integer(0x20, 5, 0), 0),
            (integer(0x20, 5, 4096), 0),
            ([integer(0x40, 6, 5), text(3)].concat(), 1),
            ([integer(0x40, 6, 200), text(0)].concat(), 1),
            ([integer(0x40, 6, 0), text(1), text(300)].concat(), 1),
            ([integer(0x00, 4, 0), text(130), text(0)].concat(), 1),
            ([integer(0x00, 4, 15), text(126)].concat(), 1),
            ([integer(0x10, 4, 0), text(127), text(128)].concat(), 1),
            ([integer(0x10, 4, 33), text(20)].concat(), 1),
            (vec![0x82; 50], 50),
        ] {
            for cut in 0..=form.len() {
                assert_eq!(count(&form, cut), expected, "{form:?}, cut at {cut}");
            }
            all.extend(form);
            fields += expected;
        }
        for cut in 0..=all.len() {
            assert_eq!(count(&all, cut), fields, "cut at {cut}");
        }
    }

    #[test]
    fn a_length_without_an_end_is_survived() {
        let mut block = HeaderBlock::new();
        block.advance(&[0x00, 0x7f]);
        block.advance(&[0xff; 1000]);
        block.advance(&[0x7f]);
        block.advance(&[0x82; 1000]);
        assert_eq!(block.fields(), 1, "all of it is the name");
    }
}
