//! The path of a request, as routes compare it.

use arrayvec::ArrayVec;
use std::borrow::Cow;

/// Returns the path in RFC 3986's normal form (§6.2.2): unreserved characters decoded, the others
/// encoded in upper case. Backends take `/%61dmin` for `/admin`, and so must routes.
pub fn normalized_path(path: &str) -> Cow<'_, [u8]> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut normal = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((character, after)) = split_character(rest) {
        normal.extend(character);
        rest = after;
    }
    Cow::Owned(normal)
}

/// Returns the rest of a path behind a prefix in normal form, byte for byte as it was sent; `None` if the
/// path's normal form does not begin with it.
pub fn strip_normal_prefix<'p>(path: &'p [u8], prefix: &[u8]) -> Option<&'p [u8]> {
    let (mut rest, mut prefix) = (path, prefix);
    while !prefix.is_empty() {
        let (character, after) = split_character(rest)?;
        prefix = prefix.strip_prefix(character.as_slice())?;
        rest = after;
    }
    Some(rest)
}

/// Splits the first character, encoded or not, off a path. Returns it in normal form.
fn split_character(path: &[u8]) -> Option<(ArrayVec<u8, 3>, &[u8])> {
    let (&first, after) = path.split_first()?;
    let mut normal = ArrayVec::new();
    let encoded = match path {
        [b'%', high, low, rest @ ..] => hex(*high).zip(hex(*low)).map(|digits| (digits, rest)),
        _ => None,
    };
    let Some(((high, low), rest)) = encoded else {
        normal.push(first);
        return Some((normal, after));
    };
    match high << 4 | low {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => normal.push(byte),
        _ => normal.extend(path.iter().take(3).map(u8::to_ascii_uppercase)),
    }
    Some((normal, rest))
}

/// Whether a character that stays encoded in the normal form may also stand in a segment as it is: RFC 3986
/// §3.3. Many servers decode it before they look at a path.
pub(super) fn may_be_bare(byte: u8) -> bool {
    b":@!$&'()*+,;=".contains(&byte)
}

/// Returns the first of these in a path that is encoded, as it is written there, with the character.
pub fn encoded_bare(path: &str) -> Option<(&str, char)> {
    let mut at = 0;
    while let Some(found) = path.get(at..)?.find('%') {
        at += found;
        let digits = path.as_bytes().get(at + 1..at + 3)?;
        let byte = hex(digits[0]).zip(hex(digits[1]));
        if let Some(byte) = byte.map(|(high, low)| high << 4 | low)
            && may_be_bare(byte)
        {
            return Some((path.get(at..at + 3)?, char::from(byte)));
        }
        at += 1;
    }
    None
}

/// Whether all servers read the path alike: nothing in it is encoded, no separator may be another
/// one, no segment is empty, begins with a dot or ends with one.
pub fn is_plain(path: &[u8]) -> bool {
    let mut last = b' ';
    for &byte in path {
        let is_odd = match byte {
            b'%' | b'\\' | b';' => true,
            b'/' => matches!(last, b'/' | b'.'),
            b'.' => matches!(last, b'/' | b' '),
            _ => false,
        };
        if is_odd {
            return false;
        }
        last = byte;
    }
    last != b'.'
}

/// Whether a backend that resolves the path could arrive at another one than the routes. Browsers
/// resolve dot segments, `%2e` too, before they send: none of their requests has any.
pub fn has_dot_segment(path: &str) -> bool {
    // Nearly every path is plain, and no copy of it is needed.
    if is_plain(path.as_bytes()) {
        return false;
    }
    // Some backends decode separators before they resolve.
    let normal = normalized(path)
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace('\\', "/");
    normal.split('/').any(is_dot_segment)
}

fn is_dot_segment(segment: &str) -> bool {
    // Backends that know path parameters take `..;x` for `..`.
    matches!(segment.split(';').next(), Some("." | ".."))
}

pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Returns the [`normalized_path`] as text.
pub fn normalized(path: &str) -> String {
    String::from_utf8_lossy(&normalized_path(path)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_found_in_all_their_spellings() {
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/a/.%2E",
            "/a\\..\\b",
            "/%2e",
            "/a/..%2fb",
            "/a/..%5cb",
            "/a/..;/b",
            "/a/.;x=1/b",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in [
            "/",
            "/a.b",
            "/a/...",
            "/.well-known/x",
            "/a%2eb",
            "/a/..b",
            "/%2f",
            "/a;b/c",
        ] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }

    #[test]
    fn what_is_behind_a_prefix_stays_as_it_was_sent() {
        let paths = [
            "/api/x%2Fy",
            "/%61pi/x",
            "/%61%70%69",
            "/api",
            "/api/",
            "/ap%69//%41",
            "/a%2fb/c",
            "/a%2Fb",
            "/%zz/%4",
            "/\u{e4}/x",
            "/",
            "",
        ];
        for path in paths {
            for prefix in ["", "/", "/api", "/a%2Fb", "/%zz", "/ap", "/x"] {
                // The naive way: the shortest beginning whose normal form is the prefix.
                let begins =
                    |at: &usize| path.is_char_boundary(*at) && normalized(&path[..*at]) == prefix;
                let whole = |at: &usize| {
                    normalized(&path[..*at]) + &normalized(&path[*at..]) == normalized(path)
                };
                let mut ends = 0..=path.len();
                let expected = ends
                    .find(|at| begins(at) && whole(at))
                    .map(|at| &path.as_bytes()[at..]);
                let actual = strip_normal_prefix(path.as_bytes(), prefix.as_bytes());
                assert_eq!(actual, expected, "{path} {prefix}");
            }
        }
    }

    #[test]
    fn paths_are_compared_in_their_normal_form() {
        for (path, normal) in [
            ("/admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%7Euser/%2d%2E%5F", "/~user/-._"),
            ("/a%2fb%C3%bc", "/a%2Fb%C3%BC"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("/%2561", "/%2561"),
        ] {
            let actual = normalized_path(path);
            assert_eq!(String::from_utf8_lossy(&actual), normal, "{path}");
        }
    }
}
