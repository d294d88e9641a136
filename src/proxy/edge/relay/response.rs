//! The header of an upstream's response, read where it lies. It is what pingora reads in the same bytes.

use crate::cors::MessageFields as _;
use crate::framing::{Content, UnclearLength, keeps_connection};
use crate::proxy::edge::head::{MAX_FIELDS, MAX_NAME, Slots};
use crate::proxy::edge::lines::{Lines, Written};
use crate::proxy::stages::StatusLine;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use pingora_http::header_value_from_raw;

/// Maximum length of the beginning of a header; beyond it, no more is read of it, and the answer is 502.
pub(super) const MAX_HEADER: usize = (1 << 20) - 1;

/// The whole header of a response.
pub(super) struct ResponseHead<'h, 'w> {
    /// Number of its bytes.
    pub len: usize,
    pub line: StatusLine,
    /// The end of the content that the upstream sends.
    pub content: Content,
    /// Whether the upstream keeps the connection.
    pub keeps_connection: bool,
    reason: &'h str,
    pub fields: Lines<'h, 'w>,
}

/// Bytes that are not the header of a response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Header(#[from] httparse::Error),
    #[error("a status that is not one")]
    Status,
    #[error("a field whose name is longer than {MAX_NAME} bytes")]
    Name,
    #[error(transparent)]
    Length(#[from] UnclearLength),
}

// === impl ResponseHead ===

impl<'h, 'w> ResponseHead<'h, 'w> {
    /// Reads the header at the beginning of `bytes`, of the response to a request that is HEAD or not. Returns
    /// `None` if there is a part of it. The fields are those for a client: what is only for the gateway is taken
    /// out, and a length that counts is the only statement about the content's end.
    pub(super) fn parse<'b: 'h>(
        bytes: &'b [u8],
        slots: &'h mut Slots<'b>,
        written: &'w mut Written,
        is_head: bool,
    ) -> Result<Option<Self>, Unreadable> {
        let mut parser = httparse::ParserConfig::default();
        parser.allow_spaces_after_header_name_in_responses(true);
        parser.allow_obsolete_multiline_headers_in_responses(true);
        let mut response = httparse::Response::new(&mut []);
        let parsed = parser.parse_response_with_uninit_headers(
            &mut response,
            bytes,
            slots.as_mut_slice(),
        )?;
        let httparse::Status::Complete(len) = parsed else {
            return Ok(None);
        };
        let status = StatusCode::from_u16(response.code.unwrap_or_default());
        let status = status.map_err(|_| Unreadable::Status)?;
        let version = match response.version {
            Some(1) => Version::HTTP_11,
            _ => Version::HTTP_10,
        };
        debug_assert!(response.headers.len() <= MAX_FIELDS);
        let is_too_long = |field: &httparse::Header<'_>| field.name.len() > MAX_NAME;
        if response.headers.iter().any(is_too_long) {
            return Err(Unreadable::Name);
        }
        let mut fields = Lines::new(response.headers, written);
        unfold(&mut fields);
        if fields.has(&TRANSFER_ENCODING) {
            // RFC 9112 §6.3: the coding is what counts.
            fields.remove(&CONTENT_LENGTH);
        }
        let content = Content::of(status, is_head, &fields)?;
        let keeps_connection = keeps_connection(version, &fields);
        if content == Content::UntilClose && !fields.has(&TRANSFER_ENCODING) {
            // The client's connection need not end with the upstream's.
            fields.set_text("Transfer-Encoding", b"chunked");
        }
        Ok(Some(Self {
            len,
            line: StatusLine { status, version },
            content,
            keeps_connection,
            reason: response.reason.unwrap_or_default(),
            fields,
        }))
    }

    /// Writes an interim response behind the bytes in `out`.
    pub(super) fn write_interim(&self, out: &mut Vec<u8>) {
        self.write(self.line.version, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes a final response behind the bytes in `out`.
    pub(super) fn write_final(&mut self, date: &[u8], keep_alive: bool, out: &mut Vec<u8>) {
        self.fields.remove(&DATE);
        self.fields.remove(&CONNECTION);
        self.write(Version::HTTP_11, out);
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(match keep_alive {
            true => b"\r\nConnection: keep-alive\r\n\r\n".as_slice(),
            false => b"\r\nConnection: close\r\n\r\n",
        });
    }

    fn write(&self, version: Version, out: &mut Vec<u8>) {
        out.extend_from_slice(match version {
            Version::HTTP_10 => b"HTTP/1.0 ",
            _ => b"HTTP/1.1 ",
        });
        out.extend_from_slice(self.line.status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.fields.write_lines(out);
    }
}

/// Makes one line of each value that goes on in the next: RFC 9112 §5.2.
fn unfold(fields: &mut Lines<'_, '_>) {
    let is_folded = |value: &[u8]| value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let mut has_folded = false;
    fields.for_each(|_, value| has_folded |= is_folded(value));
    if has_folded {
        fields.rewrite(|value| header_value_from_raw(Bytes::copy_from_slice(value)));
    }
}

#[cfg(test)]
mod tests;
