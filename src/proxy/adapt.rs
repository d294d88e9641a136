//! Makes of a request one that every upstream reads the same way.

use http::{HeaderValue, header};
use pingora_core::Result;
use pingora_http::RequestHeader;

/// Edits a request to the upstream.
pub(super) fn request(upstream: &mut RequestHeader) -> Result<()> {
    write_length(upstream)
}

/// Writes Content-Length without zeros in front, which make it octal to some readers.
fn write_length(upstream: &mut RequestHeader) -> Result<()> {
    let length = upstream.headers.get(header::CONTENT_LENGTH);
    let Some(digits @ [b'0', _, ..]) = length.map(HeaderValue::as_bytes) else {
        return Ok(());
    };
    let first = digits.iter().position(|&digit| digit != b'0');
    let digits = digits[first.unwrap_or(digits.len() - 1)..].to_vec();
    upstream.insert_header("Content-Length", digits)
}
