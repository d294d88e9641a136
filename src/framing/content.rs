//! The end of the content of a response, as its status and its fields state it: RFC 9112 §6.3.

use crate::cors::MessageFields;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Version};

/// The end of a response's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// There is none, whatever the fields say.
    None,
    /// A number of bytes.
    Length(u64),
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// The lengths that a response states are not one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Content-Length that is not one number")]
pub struct UnclearLength;

// === impl Content ===

impl Content {
    /// Decides where the content of a response with this status and these fields ends.
    pub fn of(
        status: StatusCode,
        is_head: bool,
        fields: &impl MessageFields,
    ) -> Result<Self, UnclearLength> {
        let coding = last_line(fields);
        let length = match coding {
            // It is stronger than any length: RFC 9112 §6.1.
            Some(_) => None,
            None => stated_length(fields)?,
        };
        let has_none = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_head || has_none || status.is_informational() {
            return Ok(Self::None);
        }
        let is_chunked = coding.is_some_and(|line| {
            let last = line.rsplit(|&byte| byte == b',').next().unwrap_or(line);
            last.trim_ascii().eq_ignore_ascii_case(b"chunked")
        });
        Ok(match (is_chunked, length) {
            (true, _) => Self::Chunked,
            (false, Some(length)) => Self::Length(length),
            (false, None) => Self::UntilClose,
        })
    }
}

/// Whether the sender of a response keeps the connection behind it: RFC 9112 §9.3.
pub fn keeps_connection(version: Version, fields: &impl MessageFields) -> bool {
    // RFC 9112 §6.1: the end of such a response is not certain.
    if version != Version::HTTP_11 && fields.has(&TRANSFER_ENCODING) {
        return false;
    }
    let (mut closes, mut keeps) = (false, version == Version::HTTP_11);
    fields.for_each_line(&CONNECTION, |line| {
        for option in line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            closes |= option.eq_ignore_ascii_case(b"close");
            keeps |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    });
    keeps && !closes
}

fn last_line(fields: &impl MessageFields) -> Option<&[u8]> {
    let mut last = None;
    fields.for_each_line(&TRANSFER_ENCODING, |line| last = Some(line));
    last
}

/// Returns the length that all lines state; they may repeat it.
pub fn stated_length(fields: &impl MessageFields) -> Result<Option<u64>, UnclearLength> {
    let mut stated = Ok(None);
    fields.for_each_line(&CONTENT_LENGTH, |line| {
        for number in line.split(|&byte| byte == b',') {
            let number = decimal(number.trim_ascii());
            stated = match (stated, number) {
                (Ok(None), Some(number)) => Ok(Some(number)),
                (Ok(Some(known)), Some(number)) if known == number => stated,
                _ => Err(UnclearLength),
            };
        }
    });
    stated
}

/// Reads a number that is nothing but digits.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn fields(lines: &[&'static str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field");
            fields.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        fields
    }

    #[test]
    fn content_ends_where_its_status_and_its_fields_say() {
        use Content::{Chunked, Length, None, UntilClose};
        for (status, is_head, lines, expected) in [
            (200, false, &[][..], Ok(UntilClose)),
            (200, false, &["content-length: 5"], Ok(Length(5))),
            (200, false, &["content-length: 005"], Ok(Length(5))),
            (
                200,
                false,
                &["content-length: 5", "content-length: 5"],
                Ok(Length(5)),
            ),
            (200, false, &["content-length: 5 , 05"], Ok(Length(5))),
            (
                200,
                false,
                &["content-length: 5", "content-length: 6"],
                Err(UnclearLength),
            ),
            (200, false, &["content-length: 5, 6"], Err(UnclearLength)),
            (200, false, &["content-length: 5, 6, 5"], Err(UnclearLength)),
            (200, false, &["content-length: 5,"], Err(UnclearLength)),
            (200, false, &["content-length: +5"], Err(UnclearLength)),
            (200, false, &["content-length: -5"], Err(UnclearLength)),
            (200, false, &["content-length: 0x5"], Err(UnclearLength)),
            (200, false, &["content-length: "], Err(UnclearLength)),
            (
                200,
                false,
                &["content-length: 18446744073709551616"],
                Err(UnclearLength),
            ),
            (200, false, &["transfer-encoding: chunked"], Ok(Chunked)),
            (
                200,
                false,
                &["transfer-encoding: gzip, Chunked"],
                Ok(Chunked),
            ),
            (
                200,
                false,
                &["transfer-encoding: gzip", "transfer-encoding: chunked"],
                Ok(Chunked),
            ),
            (
                200,
                false,
                &["transfer-encoding: chunked", "transfer-encoding: gzip"],
                Ok(UntilClose),
            ),
            (
                200,
                false,
                &["content-length: x", "transfer-encoding: chunked"],
                Ok(Chunked),
            ),
            (200, true, &["content-length: 5"], Ok(None)),
            (200, true, &["content-length: x"], Err(UnclearLength)),
            (200, true, &["transfer-encoding: chunked"], Ok(None)),
            (204, false, &["content-length: 5"], Ok(None)),
            (304, false, &["transfer-encoding: chunked"], Ok(None)),
            (103, false, &["content-length: 5"], Ok(None)),
            (205, false, &["content-length: 5"], Ok(Length(5))),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let content = Content::of(status, is_head, &fields(lines));
            assert_eq!(content, expected, "{status} {lines:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_where_its_sender_says_so() {
        for (version, lines, expected) in [
            (Version::HTTP_11, &[][..], true),
            (Version::HTTP_11, &["connection: keep-alive"], true),
            (Version::HTTP_11, &["connection: Close"], false),
            (Version::HTTP_11, &["connection: x-hop, close"], false),
            (
                Version::HTTP_11,
                &["connection: keep-alive", "connection: close"],
                false,
            ),
            (Version::HTTP_11, &["transfer-encoding: chunked"], true),
            (Version::HTTP_10, &[], false),
            (Version::HTTP_10, &["connection: Keep-Alive"], true),
            (Version::HTTP_10, &["connection: keep-alive, close"], false),
            (
                Version::HTTP_10,
                &["connection: keep-alive", "transfer-encoding: chunked"],
                false,
            ),
        ] {
            let keeps = keeps_connection(version, &fields(lines));
            assert_eq!(keeps, expected, "{version:?} {lines:?}");
        }
    }
}
