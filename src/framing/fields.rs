//! The length of a request's body, as the fields of its header state it.

use super::content::decimal;
use http::Version;

/// The statement of a request's header about its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No field says anything. On HTTP/1 there is no body; on HTTP/2 it ends with the stream.
    Unstated,
    /// A body of so many bytes.
    Length(u64),
    /// A body in chunks.
    Chunked,
}

/// The reason for which the end of a request's body is not certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    #[error("the value of Content-Length is not one decimal number")]
    Length,
    #[error("the value of Transfer-Encoding is not `chunked`, alone")]
    Coding,
    #[error("only HTTP/1.1 has Transfer-Encoding")]
    CodingInOtherVersion,
    #[error("more than one field states the length of the body")]
    StatedTwice,
    #[error("`_` stands for `-` in the name of Content-Length or Transfer-Encoding")]
    Underscore,
}

/// A field that states the length of a body.
enum FramingField {
    ContentLength,
    TransferEncoding,
    /// A name that CGI, and what has its variables from there, does not tell from one of the two.
    Lookalike,
}

/// Decides where the body of a request with these fields, names and values, ends.
///
/// RFC 9112 §6.3 lets a recipient mend some of what is refused here, such as equal lengths. The
/// upstream could mend it differently.
pub fn framing<'f>(
    version: Version,
    fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
) -> Result<Framing, FramingError> {
    let mut framing = Framing::Unstated;
    for (name, value) in fields {
        let Some(field) = FramingField::named(name) else {
            continue;
        };
        let stated = match field {
            FramingField::ContentLength => {
                Framing::Length(decimal(value).ok_or(FramingError::Length)?)
            }
            FramingField::TransferEncoding if version != Version::HTTP_11 => {
                return Err(FramingError::CodingInOtherVersion);
            }
            FramingField::TransferEncoding if value.eq_ignore_ascii_case(b"chunked") => {
                Framing::Chunked
            }
            FramingField::TransferEncoding => return Err(FramingError::Coding),
            FramingField::Lookalike => return Err(FramingError::Underscore),
        };
        if framing != Framing::Unstated {
            return Err(FramingError::StatedTwice);
        }
        framing = stated;
    }
    Ok(framing)
}

/// Whether a field has a say in [`framing`].
pub fn is_framing_field(name: &[u8]) -> bool {
    FramingField::named(name).is_some()
}

// === impl Framing ===

impl Framing {
    /// Whether the statement is that there is a body.
    pub fn has_body(self) -> bool {
        !matches!(self, Self::Unstated | Self::Length(0))
    }
}

// === impl FramingField ===

impl FramingField {
    fn named(name: &[u8]) -> Option<Self> {
        const CONTENT_LENGTH: &[u8] = b"content-length";
        const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
        let (standard, field) = match name.len() {
            14 => (CONTENT_LENGTH, Self::ContentLength),
            17 => (TRANSFER_ENCODING, Self::TransferEncoding),
            _ => return None,
        };
        // Other names have these lengths, too, and differ in their first bytes.
        let is_like = |(byte, like): (&u8, &u8)| {
            byte.eq_ignore_ascii_case(like) || (*byte == b'_' && *like == b'-')
        };
        if !name.iter().zip(standard).all(is_like) {
            return None;
        }
        match name.contains(&b'_') {
            true => Some(Self::Lookalike),
            false => Some(field),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: Version, lines: &[&'static str]) -> Result<Framing, FramingError> {
        let fields = lines.iter().map(|line| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.as_bytes(), value.as_bytes())
        });
        framing(version, fields)
    }

    #[test]
    fn the_length_of_a_body_is_stated_once_and_plainly_or_refused() {
        use FramingError::{Coding, Length, StatedTwice, Underscore};
        for (lines, expected) in [
            (&[][..], Ok(Framing::Unstated)),
            (&["Host: a", "X-Content-Length: x"], Ok(Framing::Unstated)),
            (&["Content-Length: 0"], Ok(Framing::Length(0))),
            (&["content-length: 005"], Ok(Framing::Length(5))),
            (
                &["Content-Length: 18446744073709551615"],
                Ok(Framing::Length(u64::MAX)),
            ),
            (&["Content-Length: 18446744073709551616"], Err(Length)),
            (&["Content-Length: "], Err(Length)),
            (&["Content-Length: +5"], Err(Length)),
            (&["Content-Length: -0"], Err(Length)),
            (&["Content-Length: 0x5"], Err(Length)),
            (&["Content-Length: 5 5"], Err(Length)),
            (&["Content-Length: 5, 5"], Err(Length)),
            (&["Content-Length: 5,"], Err(Length)),
            (&["Content-Length: ٥"], Err(Length)),
            (
                &["Content-Length: 5", "Content-Length: 5"],
                Err(StatedTwice),
            ),
            (
                &["Content-Length: 0", "content-length: 0"],
                Err(StatedTwice),
            ),
            (&["Transfer-Encoding: chunked"], Ok(Framing::Chunked)),
            (&["TRANSFER-ENCODING: Chunked"], Ok(Framing::Chunked)),
            (&["Transfer-Encoding: "], Err(Coding)),
            (&["Transfer-Encoding: identity"], Err(Coding)),
            (&["Transfer-Encoding: gzip, chunked"], Err(Coding)),
            (&["Transfer-Encoding: chunked, chunked"], Err(Coding)),
            (&["Transfer-Encoding: chunked;q=1"], Err(Coding)),
            (&["Transfer-Encoding: \"chunked\""], Err(Coding)),
            (&["Transfer-Encoding: \u{b}chunked"], Err(Coding)),
            (
                &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
                Err(StatedTwice),
            ),
            (
                &["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
                Err(Coding),
            ),
            (
                &["Transfer-Encoding: chunked", "Content-Length: 5"],
                Err(StatedTwice),
            ),
            (
                &["Content-Length: 5", "Transfer-Encoding: chunked"],
                Err(StatedTwice),
            ),
            (&["Content_Length: 5"], Err(Underscore)),
            (&["transfer_encoding: chunked"], Err(Underscore)),
        ] {
            assert_eq!(of(Version::HTTP_11, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_http_1_1_has_transfer_codings() {
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert_eq!(
                of(version, &["Transfer-Encoding: chunked"]),
                Err(FramingError::CodingInOtherVersion)
            );
            assert_eq!(of(version, &["Content-Length: 5"]), Ok(Framing::Length(5)));
        }
    }
}
