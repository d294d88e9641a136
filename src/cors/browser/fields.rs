//! A response's fields as a browser reads them.

use super::super::fetch_lists::is_token;
use super::super::response_fields::FieldName;
use http::{HeaderMap, HeaderName};

/// The tokens of a list field, as written.
#[derive(Debug, Default)]
pub(super) struct Tokens(pub(super) Vec<String>);

// === impl Tokens ===

impl Tokens {
    /// Extracts the tokens: <https://fetch.spec.whatwg.org/#extract-header-list-values>. The error
    /// is the value.
    pub(super) fn of(fields: &HeaderMap, name: FieldName) -> Result<Self, String> {
        let Some(value) = combined(fields, name) else {
            return Ok(Self::default());
        };
        value
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            // RFC 9110 §5.6.1.2: empty elements are skipped.
            .filter(|element| !element.is_empty())
            .map(|element| is_token(element).then(|| text(element)))
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(|| text(&value))
    }

    pub(super) fn has_star(&self) -> bool {
        self.0.iter().any(|token| token == "*")
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.0.iter().any(|token| token.eq_ignore_ascii_case(name))
    }
}

/// Joins the values of all lines of the field, as a browser does before it looks at them:
/// <https://fetch.spec.whatwg.org/#concept-header-list-get>.
pub(super) fn combined(fields: &HeaderMap, name: FieldName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = fields
        .get_all(HeaderName::from(name))
        .iter()
        .map(|value| value.as_bytes().trim_ascii())
        .collect();
    (!lines.is_empty()).then(|| lines.join(b", ".as_slice()))
}

pub(super) fn lines(fields: &HeaderMap, name: FieldName) -> usize {
    fields.get_all(HeaderName::from(name)).iter().count()
}

/// Returns a server's bytes for a message; invisible ones are escaped.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&byte.escape_ascii().to_string()),
        }
    }
    text
}

/// Reads Access-Control-Max-Age: `delta-seconds`, once; `None` for anything else.
pub(super) fn max_age(fields: &HeaderMap) -> Option<u64> {
    let value = combined(fields, FieldName::MaxAge)?;
    let digits = std::str::from_utf8(&value).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number that is too large becomes the largest.
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}
