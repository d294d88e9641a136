//! The id of a request, by which it is found in the logs of several programs: `x-request-id`.

use crate::cors::ByteSet;
use crate::routing::{RequestFields, single_line};
use bytes::Bytes;
use http::HeaderValue;

/// The field's name.
pub(super) const FIELD: &str = "X-Request-Id";

/// Maximum length of an id that is kept; a longer one is replaced.
const MAX_LENGTH: usize = 128;

/// Bytes of ids that are kept: those of UUIDs, base64 and the like. No log and no backend takes them for
/// anything else.
static ALLOWED: ByteSet =
    ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b"._~+/=-"]);

/// Returns the client's id if there is one, and one that makes sense, or else a new one.
pub(super) fn of(fields: &dyn RequestFields) -> HeaderValue {
    let read = |line: &[u8]| {
        HeaderValue::from_bytes(line)
            .ok()
            .filter(|_| is_allowed(line))
    };
    let stated = single_line(fields, FIELD, read).flatten();
    stated.unwrap_or_else(new)
}

/// Makes a UUID, version 4.
pub(super) fn new() -> HeaderValue {
    let random = fastrand::u128(..).to_ne_bytes();
    let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = uuid.hyphenated().encode_lower(&mut text);
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(text.as_bytes()))
        .unwrap_or(HeaderValue::from_static("-"))
}

fn is_allowed(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && ALLOWED.contains_all(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn ids_of_clients_are_kept_if_they_are_one_and_make_sense() {
        let long = "x".repeat(MAX_LENGTH);
        let too_long = "x".repeat(MAX_LENGTH + 1);
        let cases: [(&[&str], bool); 10] = [
            (&["7e4f-a.b_c~d+e/f="], true),
            (&["a"], true),
            (&[&long], true),
            (&[&too_long], false),
            (&[""], false),
            (&["a b"], false),
            (&["a,b"], false),
            (&["a\"b"], false),
            (&["a", "b"], false),
            (&[], false),
        ];
        for (lines, is_kept) in cases {
            let mut fields = HeaderMap::new();
            for line in lines {
                fields.append(FIELD, line.parse().expect("a value"));
            }
            let id = of(&fields);
            let stated = lines.first().copied().unwrap_or_default();
            assert_eq!(id == stated, is_kept, "{lines:?}: {id:?}");
            if !is_kept {
                let uuid = uuid::Uuid::parse_str(id.to_str().expect("text")).expect("a UUID");
                assert_eq!(uuid.get_version_num(), 4);
            }
        }
        assert_ne!(new(), new());
    }
}
