//! The id of a request, by which it is found in the logs of several programs: `x-request-id`.

use crate::cors::ByteSet;
use crate::routing::{RequestFields, single_line};
use bytes::Bytes;
use http::HeaderValue;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The field's name.
pub(super) const FIELD: &str = "X-Request-Id";

/// Maximum length of an id that is kept; a longer one is replaced.
const MAX_LENGTH: usize = 128;

/// Bytes of ids that are kept: those of UUIDs, base64 and the like. No log and no backend takes them for
/// anything else.
static ALLOWED: ByteSet =
    ByteSet::of(&[ByteSet::LOWER, ByteSet::UPPER, ByteSet::DIGITS, b"._~+/=-"]);

/// The id under which the client, the upstream and the logs know a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestId {
    /// The client's own.
    Stated(HeaderValue),
    /// The gateway's, a UUID of version 4. It becomes text where it is told, which for most preflights is the log alone.
    Made(Uuid),
}

/// Room for the text of an id that the gateway made.
pub(super) type MadeText = [u8; Hyphenated::LENGTH];
pub(super) const ROOM: MadeText = [0; Hyphenated::LENGTH];

// === impl RequestId ===

impl RequestId {
    /// Returns the client's id if there is one, and one that makes sense, or else a new one.
    pub(super) fn of(fields: &dyn RequestFields) -> Self {
        let read = |line: &[u8]| {
            HeaderValue::from_bytes(line)
                .ok()
                .filter(|_| is_allowed(line))
        };
        let stated = single_line(fields, FIELD, read).flatten();
        stated.map_or_else(Self::new, Self::Stated)
    }

    fn new() -> Self {
        let random = fastrand::u128(..).to_ne_bytes();
        Self::Made(uuid::Builder::from_random_bytes(random).into_uuid())
    }

    /// Returns the id as text, in `room` if the gateway has made it.
    pub(super) fn text<'t>(&'t self, room: &'t mut MadeText) -> &'t [u8] {
        match self {
            Self::Stated(id) => id.as_bytes(),
            Self::Made(id) => id.hyphenated().encode_lower(room).as_bytes(),
        }
    }

    /// Returns the id as the value of [`FIELD`].
    pub(super) fn to_header(&self) -> HeaderValue {
        match self {
            Self::Stated(id) => id.clone(),
            Self::Made(_) => {
                let mut room = ROOM;
                let text = Bytes::copy_from_slice(self.text(&mut room));
                HeaderValue::from_maybe_shared(text).unwrap_or(HeaderValue::from_static("-"))
            }
        }
    }
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
            let id = RequestId::of(&fields);
            let header = id.to_header();
            let stated = lines.first().copied().unwrap_or_default();
            assert_eq!(header == stated, is_kept, "{lines:?}: {header:?}");
            if !is_kept {
                let uuid = Uuid::parse_str(header.to_str().expect("text")).expect("a UUID");
                assert_eq!(uuid.get_version_num(), 4);
            }
            assert_eq!(header, id.text(&mut { ROOM }));
        }
        assert_ne!(RequestId::new(), RequestId::new());
    }
}
