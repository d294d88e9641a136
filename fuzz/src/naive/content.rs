//! Where a response's content ends: RFC 9112 §6.3, and the data of a body in chunks.

use http::{HeaderName, HeaderValue};

/// The end of a response's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    None,
    Length(u64),
    Chunked,
    Close,
    /// It states lengths that are not one.
    Unclear,
}

pub fn end(status: u16, is_head: bool, lines: &[(HeaderName, HeaderValue)]) -> End {
    let values = |wanted: &str| -> Vec<String> {
        let lines = lines.iter().filter(|(name, _)| name.as_str() == wanted);
        lines
            .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect()
    };
    let (codings, lengths) = (values("transfer-encoding"), values("content-length"));
    let length = match (codings.as_slice(), lengths.as_slice()) {
        ([_, ..], _) | (_, []) => None,
        ([], lengths) => {
            let all = lengths.join(",");
            let mut numbers: Vec<Option<u64>> = all
                .split(',')
                .map(str::trim_ascii)
                .map(
                    |text| match text.bytes().all(|byte| byte.is_ascii_digit()) {
                        true => text.parse().ok(),
                        false => None,
                    },
                )
                .collect();
            numbers.dedup();
            match numbers.as_slice() {
                [Some(number)] => Some(*number),
                _ => return End::Unclear,
            }
        }
    };
    if is_head || matches!(status, 100..=199 | 204 | 304) {
        return End::None;
    }
    let last = codings.last().and_then(|line| line.split(',').next_back());
    match (last.map(str::trim_ascii), length) {
        (Some("chunked"), _) => End::Chunked,
        (_, Some(length)) => End::Length(length),
        (_, None) => End::Close,
    }
}

/// Returns the data of the chunks of a body, as far as they are sound.
pub fn data(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") else {
            return data;
        };
        let digits: Vec<u8> = body[..end]
            .iter()
            .copied()
            .take_while(u8::is_ascii_hexdigit)
            .collect();
        let size = std::str::from_utf8(&digits).ok();
        let size = size.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let Some(size @ 1..) = size else {
            return data;
        };
        let rest = &body[end + 2..];
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        data.extend_from_slice(&rest[..size.min(rest.len())]);
        match rest.get(size..).and_then(|behind| behind.get(2..)) {
            Some(behind) => body = behind,
            None => return data,
        }
    }
}
