//! Sets of bytes.

/// A set of bytes, made by the compiler: asking whether a byte is in it is one look-up in a table.
pub struct ByteSet([bool; 256]);

impl ByteSet {
    pub const LOWER: &'static [u8] = b"abcdefghijklmnopqrstuvwxyz";
    pub const UPPER: &'static [u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    pub const DIGITS: &'static [u8] = b"0123456789";

    /// Makes the set of all bytes in `parts`.
    pub const fn of(parts: &[&[u8]]) -> Self {
        let mut table = [false; 256];
        let mut part = 0;
        while part < parts.len() {
            let mut at = 0;
            while at < parts[part].len() {
                table[parts[part][at] as usize] = true;
                at += 1;
            }
            part += 1;
        }
        Self(table)
    }

    pub fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// Whether the set has every one of `bytes`.
    pub fn contains_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|&byte| self.contains(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_bytes_of_its_parts_and_no_others() {
        let set = ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b"-_"]);
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert_eq!(set.contains(byte), expected, "{byte}");
        }
        assert!(set.contains_all(b"") && set.contains_all(b"a-Z_9"));
        assert!(!set.contains_all(b"a.b"));
    }
}
