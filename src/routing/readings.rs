//! The readings of a path: what servers make of it that do not take it as it was sent.
//!
//! A gateway that takes `/admin%2Fx` for one segment, before a server that takes it for two, would
//! apply the rules of one route to what another is for. Servers differ in few steps, but each does
//! its own selection of them. Therefore a path is read with every selection of the steps that
//! change something about it, and the caller finds out whether the routes of all readings agree.

use super::path::{hex, is_plain, may_be_bare};

/// Maximum bytes of all readings of a path together; one that needs more is not read at all.
const MAX_BYTES: usize = 64 << 10;

/// A path that can be read in too many ways for all of them to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyReadings;

/// A selection of steps, one bit each.
type Steps = u16;

/// An encoded slash is decoded.
const SLASHES: Steps = 1;
/// A backslash, encoded or not, is a slash.
const BACKSLASHES: Steps = 1 << 1;
/// Segments end before a semicolon, encoded or not.
const PARAMETERS: Steps = 1 << 2;
/// The path ends before an encoded `?`, `#` or NUL.
const ENDS: Steps = 1 << 3;
/// Two slashes at the beginning are followed by a host, as in a relative reference.
const HOST: Steps = 1 << 4;
/// Empty segments are left out.
const MERGE: Steps = 1 << 5;
/// Dots and blanks at the end of a segment are cut off, as Windows does.
const TRIM: Steps = 1 << 6;
/// A character that has been encoded twice is decoded once more; with `DEEP` as often as it takes.
const AGAIN: Steps = 1 << 7;
const DEEP: Steps = 1 << 8;
/// A character that may stand in a segment as it is, such as a colon, is decoded.
const BARE: Steps = 1 << 9;

/// A part of a path in normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Plain(u8),
    /// A character that stays encoded.
    Encoded(u8),
}

/// Calls `each` with the readings of a path that differ from the path itself, until it returns
/// `false`. Some come more than once. A plain path has none, and costs one look at its bytes.
///
/// `path` is in the form of [`super::normalized_path`], and so are the readings. They have no dot
/// segments: a server that finds one by such a step resolves it.
///
/// # Errors
///
/// Fails, without a call, if the path is too long for the number of its readings.
pub fn each_reading(
    path: &[u8],
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<(), TooManyReadings> {
    if is_plain(path) || !path.starts_with(b"/") {
        return Ok(());
    }
    let steps = steps_of(path);
    // With both bits: nothing, once more, as often as it takes.
    let is_selection = |selection: &Steps| {
        selection & !steps == 0 && (selection & DEEP == 0 || selection & AGAIN != 0)
    };
    let count = (1 << steps.count_ones()) * path.len();
    if steps != 0 && count > MAX_BYTES {
        return Err(TooManyReadings);
    }
    let mut reading = Reading::default();
    for selection in (1..=steps).filter(is_selection) {
        let read = reading.of(path, selection);
        if read != path && !each(read) {
            break;
        }
    }
    Ok(())
}

/// Returns the steps that may change something about a path, perhaps after others of them.
fn steps_of(path: &[u8]) -> Steps {
    let mut steps = 0;
    let mut depth = 0;
    for (token, encodings) in tokens(path, usize::MAX) {
        depth = encodings.max(depth);
        steps |= match token {
            Token::Encoded(byte) if may_be_bare(byte) => BARE,
            _ => 0,
        };
        steps |= match token {
            Token::Encoded(b'/') => SLASHES,
            Token::Plain(b'\\') | Token::Encoded(b'\\') => BACKSLASHES,
            Token::Plain(b';') | Token::Encoded(b';') => PARAMETERS,
            Token::Encoded(b'?' | b'#' | 0) => ENDS,
            _ => 0,
        };
    }
    if depth > 0 {
        steps |= AGAIN;
    }
    if depth > 1 {
        steps |= DEEP;
    }
    let mut reading = Reading::default();
    for parameters in [0, steps & PARAMETERS] {
        // Where a slash, or what follows it, is decoded.
        let flat = reading.flatten(path, steps & !(PARAMETERS | ENDS) | parameters);
        if flat.starts_with(b"//") {
            steps |= HOST;
        }
        if flat.windows(2).any(|pair| pair == b"//") {
            steps |= MERGE;
        }
        if flat.split(|&byte| byte == b'/').any(|s| trimmed(s) != s) {
            steps |= TRIM | MERGE;
        }
    }
    steps
}

/// Splits a path into its characters, each with the number of times that it was encoded over and
/// above once. At most `depth` of these are decoded.
fn tokens(path: &[u8], depth: usize) -> impl Iterator<Item = (Token, usize)> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let Some(mut byte) = encoded(rest) else {
            rest = after;
            return Some((Token::Plain(first), 0));
        };
        rest = &rest[3..];
        let mut encodings = 0;
        while byte == b'%'
            && encodings < depth
            && let [high, low, after @ ..] = rest
            && let Some(inner) = encoded(&[b'%', *high, *low])
        {
            byte = inner;
            rest = after;
            encodings += 1;
        }
        let is_unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let token = match is_unreserved {
            true => Token::Plain(byte),
            false => Token::Encoded(byte),
        };
        Some((token, encodings))
    })
}

/// Returns the byte that is encoded at the beginning.
fn encoded(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
        _ => None,
    }
}

/// Cuts off dots and blanks at the end of a segment. Dot segments stay what they are.
fn trimmed(segment: &[u8]) -> &[u8] {
    let without = |mut bytes: &[u8], ends: &[&[u8]]| -> usize {
        while let Some(rest) = ends.iter().find_map(|end| bytes.strip_suffix(*end)) {
            bytes = rest;
        }
        bytes.len()
    };
    let unblank = &segment[..without(segment, &[b"%20", b"%09", b"%00"])];
    match unblank {
        b"." | b".." => unblank,
        _ => &segment[..without(segment, &[b"%20", b"%09", b"%00", b"."])],
    }
}

/// Room for one reading after the other.
#[derive(Default)]
struct Reading {
    flat: Vec<u8>,
    path: Vec<u8>,
}

// === impl Reading ===

impl Reading {
    /// Takes the steps of a selection.
    fn of(&mut self, path: &[u8], steps: Steps) -> &[u8] {
        self.flatten(path, steps);
        let mut rest = &self.flat[1..];
        if steps & HOST != 0 && rest.starts_with(b"/") {
            let start = rest.iter().position(|&byte| byte != b'/');
            let host = &rest[start.unwrap_or(rest.len())..];
            let end = host.iter().position(|&byte| byte == b'/');
            rest = end.map_or(&[], |end| &host[end + 1..]);
        }
        self.path.clear();
        let mut segments = rest.split(|&byte| byte == b'/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            let segment = match steps & TRIM {
                0 => segment,
                _ => trimmed(segment),
            };
            match segment {
                b"" if steps & MERGE != 0 && !is_last => {}
                b"." if is_last => self.path.push(b'/'),
                b"." => {}
                b".." => {
                    let parent = self.path.iter().rposition(|&byte| byte == b'/');
                    self.path.truncate(parent.unwrap_or(0));
                    if is_last {
                        self.path.push(b'/');
                    }
                }
                _ => {
                    self.path.push(b'/');
                    self.path.extend_from_slice(segment);
                }
            }
        }
        &self.path
    }

    /// Takes the steps that make slashes and ends. Segments are looked at when all are known.
    fn flatten(&mut self, path: &[u8], steps: Steps) -> &[u8] {
        let depth = match steps & (AGAIN | DEEP) {
            0 => 0,
            AGAIN => 1,
            _ => usize::MAX,
        };
        self.flat.clear();
        let mut is_parameter = false;
        for (token, _) in tokens(path, depth) {
            let takes = |step: Steps| steps & step != 0;
            match token {
                Token::Plain(b'/') => is_parameter = false,
                Token::Encoded(b'/') if takes(SLASHES) => is_parameter = false,
                Token::Plain(b'\\') | Token::Encoded(b'\\') if takes(BACKSLASHES) => {
                    is_parameter = false;
                }
                Token::Plain(b';') | Token::Encoded(b';') if takes(PARAMETERS) => {
                    is_parameter = true;
                    continue;
                }
                Token::Encoded(b'?' | b'#' | 0) if takes(ENDS) => break,
                _ if is_parameter => continue,
                Token::Plain(byte) => {
                    self.flat.push(byte);
                    continue;
                }
                Token::Encoded(byte) if takes(BARE) && may_be_bare(byte) => {
                    self.flat.push(byte);
                    continue;
                }
                Token::Encoded(byte) => {
                    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                    let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                    self.flat.extend([b'%', DIGITS[high], DIGITS[low]]);
                    continue;
                }
            }
            self.flat.push(b'/');
        }
        &self.flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::normalized;
    use std::collections::BTreeSet;

    fn readings(path: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let counted = each_reading(normalized(path).as_bytes(), |reading| {
            all.insert(String::from_utf8_lossy(reading).into_owned());
            true
        });
        assert_eq!(counted, Ok(()), "{path}");
        all
    }

    #[test]
    fn every_selection_of_a_servers_steps_is_a_reading() {
        for (path, expected) in [
            ("//admin/x", &["/admin/x", "/x"] as &[&str]),
            ("///admin/x", &["/admin/x", "/x"]),
            ("/a//b/", &["/a/b/"]),
            ("/admin%2fx", &["/admin/x"]),
            ("/%2Fadmin/x", &["//admin/x", "/admin/x", "/x"]),
            ("/admi%6E%2fx", &["/admin/x"]),
            ("/admin\\x", &["/admin/x"]),
            ("/admin%5cx", &["/admin/x"]),
            ("/admin;v=1/x", &["/admin/x"]),
            ("/admin%3Bv=1/x", &["/admin/x", "/admin;v=1/x"]),
            ("/books/1%3Aarchive", &["/books/1:archive"]),
            ("/%40admin/x", &["/@admin/x"]),
            ("/a%2Cb%2fc", &["/a,b%2Fc", "/a%2Cb/c", "/a,b/c"]),
            ("/a%253Ab", &["/a%3Ab", "/a:b"]),
            ("/;a/admin", &["//admin", "/admin", "/"]),
            ("/%2561dmin/x", &["/admin/x"]),
            ("/admin%252Fx", &["/admin%2Fx", "/admin/x"]),
            ("/%252561dmin/x", &["/%2561dmin/x", "/admin/x"]),
            ("/admin./x", &["/admin/x"]),
            ("/admin.%20./x", &["/admin/x"]),
            ("/admin%20/x", &["/admin/x"]),
            ("/admin%3F/x", &["/admin"]),
            ("/admin%23x", &["/admin"]),
            ("/admin%00x", &["/admin"]),
            ("/a/%252e%252e/admin", &["/admin"]),
            ("/a/..%20/admin", &["/admin"]),
            ("/a/b/%252e", &["/a/b/"]),
            ("/a%2F/b", &["/a//b", "/a/b"]),
        ] {
            let expected: BTreeSet<String> = expected.iter().map(|&s| s.to_owned()).collect();
            assert_eq!(readings(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_all_servers_read_alike_has_no_other_reading() {
        for path in [
            "/",
            "/v1/books/7",
            "/.well-known/x",
            "/a.b/c..d",
            "/caf%C3%A9",
            "/a%20b/c",
            "/100%",
            "/%zz",
            "/a%25",
            "/a%25zz",
            "*",
            "",
        ] {
            assert_eq!(readings(path), BTreeSet::new(), "{path}");
        }
    }

    #[test]
    fn readings_are_bounded_by_the_length_of_the_path() {
        let path = |len: usize| [b"/a%2Fb;c//", "x".repeat(len).as_bytes()].concat();
        assert_eq!(each_reading(&path(100), |_| true), Ok(()));
        let mut calls = 0;
        let long = each_reading(&path(60_000), |_| {
            calls += 1;
            true
        });
        assert_eq!((long, calls), (Err(TooManyReadings), 0));
    }
}
