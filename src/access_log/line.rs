//! The buffer that a line is written in. Most of a line are short pieces whose length is not known when this is
//! compiled. Copied with some bytes more, of which the next piece takes the place, each takes a few instructions
//! and no call.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Maximum length of a line, which none reaches because its values are bounded; beyond it, pieces are left out.
pub(super) const MAX_LINE: usize = 64 << 10;

/// Number of bytes of a value that are looked at together.
const TOGETHER: usize = 16;

/// A line, as far as it is written.
#[derive(Debug)]
pub(super) struct Line {
    bytes: Box<[u8; MAX_LINE]>,
    length: usize,
}

/// A short piece that many lines have, with room behind it.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    bytes: [u8; 32],
    length: usize,
}

/// Whether a byte stands for itself in every format: visible ASCII and the blank, but for the quote and the
/// backslash.
pub(super) fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// Without a branch for each byte, so that the compiler looks at all of them at once.
#[inline(always)]
fn are_plain(bytes: &[u8; TOGETHER]) -> bool {
    let others = bytes.iter().map(|&byte| u8::from(!is_plain(byte)));
    others.fold(0, |any, other| any | other) == 0
}

/// Returns a value of fewer bytes, with blanks behind it.
#[inline(always)]
fn padded(value: &[u8]) -> [u8; TOGETHER] {
    let mut padded = [b' '; TOGETHER];
    // Two halves that overlap are as quick for all of these lengths.
    if !halves::<8>(value, &mut padded) && !halves::<4>(value, &mut padded) {
        for (to, from) in padded.iter_mut().zip(value) {
            *to = *from;
        }
    }
    padded
}

/// Copies the first and the last `N` bytes of a value that has from `N` to twice as many; else returns `false`.
#[inline(always)]
fn halves<const N: usize>(value: &[u8], to: &mut [u8; TOGETHER]) -> bool {
    let (Some(first), Some(last)) = (value.first_chunk::<N>(), value.last_chunk::<N>()) else {
        return false;
    };
    let at = value.len() - N;
    let (Some(start), true) = (to.first_chunk_mut::<N>(), at <= N) else {
        return false;
    };
    *start = *first;
    if let Some(end) = to.get_mut(at..at + N) {
        end.copy_from_slice(last);
    }
    true
}

// === impl Piece ===

impl Piece {
    /// Makes a piece of a text of at most 32 bytes.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        Some(Self {
            bytes,
            length: text.len(),
        })
    }
}

// === impl Line ===

impl Line {
    pub(super) fn new() -> Self {
        Self {
            bytes: Box::new([0; MAX_LINE]),
            length: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.array(&[byte]);
    }

    pub(super) fn array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.start_of(bytes, N);
    }

    pub(super) fn piece(&mut self, piece: &Piece) {
        self.start_of(&piece.bytes, piece.length);
    }

    /// Writes the first `length` bytes.
    fn start_of<const N: usize>(&mut self, bytes: &[u8; N], length: usize) {
        let room = self.bytes.get_mut(self.length..);
        if let Some(room) = room.and_then(<[u8]>::first_chunk_mut) {
            *room = *bytes;
            self.length += length;
        }
    }

    pub(super) fn slice(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.length..self.length + bytes.len());
        if let Some(room) = room {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    /// Writes the plain bytes at the start of a value, or a few less; returns the rest.
    pub(super) fn plain<'v>(&mut self, value: &'v [u8]) -> &'v [u8] {
        let (chunks, rest) = value.as_chunks();
        for (index, chunk) in chunks.iter().enumerate() {
            if !are_plain(chunk) {
                return &value[index * TOGETHER..];
            }
            self.array(chunk);
        }
        let last = padded(rest);
        if !are_plain(&last) {
            return rest;
        }
        self.start_of(&last, rest.len());
        &[]
    }

    /// Writes a number in decimal digits.
    pub(super) fn number(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(value) => self.octet(value),
            Err(_) => self.slice(itoa::Buffer::new().format(value).as_bytes()),
        }
    }

    /// Writes the last digits of a number.
    pub(super) fn digits<const N: usize>(&mut self, mut value: u64) {
        let mut digits = [b'0'; N];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(value % 10).unwrap_or_default();
            value /= 10;
        }
        self.array(&digits);
    }

    pub(super) fn ip(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.ipv4(address),
            IpAddr::V6(address) => self.shown(format_args!("{address}")),
        }
    }

    /// Writes an address and its port.
    pub(super) fn socket(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                self.ipv4(*address.ip());
                self.push(b':');
                self.number(address.port().into());
            }
            SocketAddr::V6(address) => self.shown(format_args!("{address}")),
        }
    }

    fn ipv4(&mut self, address: Ipv4Addr) {
        let [first, rest @ ..] = address.octets();
        self.octet(first);
        for octet in rest {
            self.push(b'.');
            self.octet(octet);
        }
    }

    fn octet(&mut self, value: u8) {
        match value {
            0..10 => self.digits::<1>(value.into()),
            10..100 => self.digits::<2>(value.into()),
            100.. => self.digits::<3>(value.into()),
        }
    }

    /// Writes what is seldom enough to be formatted by the standard library.
    pub(super) fn shown(&mut self, arguments: fmt::Arguments<'_>) {
        // A line takes all that is written.
        let _ = fmt::write(self, arguments);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Line)) -> String {
        let mut line = Line::new();
        // What was there before is not part of the line.
        line.slice(&[b'x'; 100]);
        line.clear();
        write(&mut line);
        String::from_utf8(line.as_bytes().to_vec()).expect("text")
    }

    #[test]
    fn pieces_are_written_up_to_the_end_and_no_further() {
        let piece = Piece::of(",\"status\":").expect("short");
        assert_eq!(written(|line| line.piece(&piece)), ",\"status\":");
        assert!(Piece::of(&"x".repeat(33)).is_none());
        let mut line = Line::new();
        for _ in 0..MAX_LINE {
            line.slice(b"ab");
            line.piece(&piece);
            line.push(b'c');
        }
        assert!(line.as_bytes().len() <= MAX_LINE);
    }

    proptest! {
        #[test]
        fn numbers_and_addresses_are_written_as_the_standard_library_does(
            number in prop_oneof![0..1000_u64, any::<u64>()],
            ip in any::<IpAddr>(),
            port in any::<u16>(),
        ) {
            let socket = SocketAddr::new(ip, port);
            let line = written(|line| {
                line.number(number);
                line.push(b' ');
                line.ip(ip);
                line.push(b' ');
                line.socket(socket);
                line.push(b' ');
                line.digits::<3>(number);
            });
            prop_assert_eq!(line, format!("{number} {ip} {socket} {:03}", number % 1000));
        }

        #[test]
        fn plain_bytes_are_written_and_the_others_left(value in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut line = Line::new();
            let rest = line.plain(&value);
            prop_assert_eq!([line.as_bytes(), rest].concat(), value.clone());
            prop_assert!(line.as_bytes().iter().all(|&byte| is_plain(byte)));
            let plain = value.iter().take_while(|&&byte| is_plain(byte)).count();
            prop_assert!(plain - line.as_bytes().len() < TOGETHER);
        }

        #[test]
        fn plain_values_are_written_whole(value in "[ !#-\\[\\]-~]{0,100}") {
            prop_assert_eq!(written(|line| assert!(line.plain(value.as_bytes()).is_empty())), value);
        }
    }
}
