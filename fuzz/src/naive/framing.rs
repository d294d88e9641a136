//! Where a request's body ends: RFC 9112 §6 and §7.1, less what a recipient may mend.

use http::Version;

/// The statement of a header about the body.
pub enum Body {
    None,
    Length(u64),
    Chunked,
}

/// The body at the beginning of a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// A body of so many bytes.
    Whole(usize),
    /// The beginning of one.
    Unfinished,
    Malformed,
}

/// Longest extensions of a chunk, longest trailers together, and most of them.
const EXTENSIONS: usize = 1024;
const TRAILER_BYTES: usize = 8192;
const TRAILERS: usize = 64;

/// The body, if no two readers can disagree about it.
pub fn body(version: Version, fields: &[(&[u8], &[u8])]) -> Option<Body> {
    let mut stating = Vec::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if matches!(
            &*name.replace('_', "-"),
            "content-length" | "transfer-encoding"
        ) {
            stating.push((name, String::from_utf8_lossy(value).to_ascii_lowercase()));
        }
    }
    match stating.as_slice() {
        [] => Some(Body::None),
        [(name, value)] if name == "content-length" => {
            let is_number = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit());
            let number = value.parse().ok().filter(|_| is_number);
            number.map(Body::Length)
        }
        [(name, value)]
            if name == "transfer-encoding" && value == "chunked" && version == Version::HTTP_11 =>
        {
            Some(Body::Chunked)
        }
        _ => None,
    }
}

/// Reads a chunked body.
pub fn chunked(bytes: &[u8]) -> Read {
    let mut at = whole_chunks(bytes);
    let Some(line) = line(&bytes[at..]) else {
        return unfinished(could_begin(
            &bytes[at..],
            &["\r\n", "0\r\n", ";\r\n", "\n"],
            size,
        ));
    };
    at += line.len() + 2;
    match size(line) {
        None => Read::Malformed,
        Some(0) => trailers(&bytes[at..], at),
        Some(size) => {
            // Not whole: its data is too short, or has no CRLF behind it.
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let behind = bytes[at..].get(size..);
            unfinished(behind.is_none_or(|behind| b"\r\n".starts_with(behind)))
        }
    }
}

/// Length of the whole chunks at the beginning; the last one, without data, is not among them.
pub fn whole_chunks(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let Some(line) = line(&bytes[at..]) else {
            return at;
        };
        let size = match size(line).map(usize::try_from) {
            Some(Ok(size @ 1..)) => size,
            _ => return at,
        };
        let data = at + line.len() + 2;
        let end = data.saturating_add(size);
        match bytes.get(end..end.saturating_add(2)) {
            Some(b"\r\n") => at = end + 2,
            _ => return at,
        }
    }
}

/// Reads what is behind the last chunk's line, which ends at `at`.
fn trailers(bytes: &[u8], at: usize) -> Read {
    let mut rest = bytes;
    let (mut count, mut length) = (0, 0);
    while let Some(line) = line(rest) {
        rest = &rest[line.len() + 2..];
        if line.is_empty() {
            return Read::Whole(at + bytes.len() - rest.len());
        }
        count += 1;
        length += line.len() - 1;
        if !is_trailer(line) || count > TRAILERS || length > TRAILER_BYTES {
            return Read::Malformed;
        }
    }
    let begun = rest.strip_suffix(b"\r").unwrap_or(rest);
    let has_colon = begun.contains(&b':');
    let is_bounded = (begun.is_empty() || count < TRAILERS)
        && length + begun.len() - usize::from(has_colon) <= TRAILER_BYTES;
    let is_trailer = |line: &[u8]| (line.is_empty() || is_trailer(line)).then_some(0);
    unfinished(is_bounded && could_begin(rest, &["\r\n", ":\r\n", "\n"], is_trailer))
}

fn unfinished(could_go_on: bool) -> Read {
    match could_go_on {
        true => Read::Unfinished,
        false => Read::Malformed,
    }
}

/// Whether the bytes with one of the ends are a line that can be read.
fn could_begin(bytes: &[u8], ends: &[&str], read: impl Fn(&[u8]) -> Option<u64>) -> bool {
    let is_line = |end: &&str| {
        let bytes = [bytes, end.as_bytes()].concat();
        line(&bytes).is_some_and(|line| line.len() + 2 == bytes.len() && read(line).is_some())
    };
    ends.iter().any(is_line)
}

/// The bytes before the first CRLF.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}

/// The size on a chunk's line.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (digits, rest) = line.split_at(digits.count());
    let extension = rest.trim_ascii_start();
    let is_extension = extension.starts_with(b";")
        && rest.len() <= EXTENSIONS
        && rest.iter().all(|&byte| is_text(byte));
    if !(1..=16).contains(&digits.len()) || !(rest.is_empty() || is_extension) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    let size = u64::from_str_radix(digits, 16).ok()?;
    (size <= i64::MAX as u64).then_some(size)
}

fn is_trailer(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let is_token = |byte: &u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte);
    colon > 0
        && line[..colon].iter().all(is_token)
        && line[colon..].iter().all(|&byte| is_text(byte))
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
