//! A list that is sent as the operator wrote it.
//!
//! Other gateways send their lists like that, and leave the comparison to the browser. A client that has come to
//! depend on a value gets the same bytes here.
//!
//! *Invariant:* the text is empty, or one field value: visible ASCII, with blanks and tabs only between.

use crate::cors::fetch_lists::is_token;
use http::HeaderValue;

/// The value of a list's header; empty, if the header is not sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerbatimList(String);

/// A reason for which a text is not the value of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerbatimError {
    #[error("the value has {0} bytes, more than {max}", max = VerbatimList::MAX)]
    TooLong(usize),
    #[error("blanks at the ends of a value are not part of it")]
    Padded,
    #[error("a header's value is one line of ASCII")]
    NotOneLine,
}

// === impl VerbatimList ===

impl VerbatimList {
    /// Maximum bytes of the value; a longer one is refused.
    pub const MAX: usize = 8 << 10;

    /// Checks `text`, which is taken as it is.
    ///
    /// # Errors
    ///
    /// Refuses a text that can't be the value of a header, or that is too long.
    pub fn parse(text: &str) -> Result<Self, VerbatimError> {
        let is_allowed = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic();
        if text.len() > Self::MAX {
            Err(VerbatimError::TooLong(text.len()))
        } else if !text.bytes().all(is_allowed) {
            Err(VerbatimError::NotOneLine)
        } else if text.trim_matches([' ', '\t']) != text {
            Err(VerbatimError::Padded)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the header's value; `None` if the header is not sent.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        let value = HeaderValue::try_from(&self.0).ok();
        value.filter(|_| !self.0.is_empty())
    }

    /// Returns the names that a browser reads; `None` if the value is not a list of names to it:
    /// <https://fetch.spec.whatwg.org/#extract-header-list-values>.
    pub fn names(&self) -> Option<Vec<&str>> {
        let elements = self.0.split(',').map(|name| name.trim_matches([' ', '\t']));
        // RFC 9110 §5.6.1.2: empty elements are skipped.
        let names: Vec<&str> = elements.filter(|name| !name.is_empty()).collect();
        let are_tokens = names.iter().all(|name| is_token(name.as_bytes()));
        are_tokens.then_some(names)
    }
}

// === impl VerbatimError ===

impl VerbatimError {
    /// Returns advice what to write instead.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TooLong(_) => "write a shorter one",
            Self::Padded => "remove them",
            Self::NotOneLine => "write names with commas between them, such as `GET, PUT`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_as_it_is_or_refused() {
        for text in ["", "*", "GET,PUT", "get , GET,\t,,PUT", "a b;\"c\"", "~"] {
            assert_eq!(
                VerbatimList::parse(text).map(|list| list.0),
                Ok(text.to_owned())
            );
        }
        let longest = "a".repeat(VerbatimList::MAX);
        assert!(VerbatimList::parse(&longest).is_ok());
        for (text, error) in [
            (
                format!("{longest}a"),
                VerbatimError::TooLong(VerbatimList::MAX + 1),
            ),
            (" GET".to_owned(), VerbatimError::Padded),
            ("GET\t".to_owned(), VerbatimError::Padded),
            (" ".to_owned(), VerbatimError::Padded),
            ("GET\r\nX: y".to_owned(), VerbatimError::NotOneLine),
            ("GET\n".to_owned(), VerbatimError::NotOneLine),
            ("GET\0".to_owned(), VerbatimError::NotOneLine),
            ("GET\x7f".to_owned(), VerbatimError::NotOneLine),
            ("GÉT".to_owned(), VerbatimError::NotOneLine),
        ] {
            assert_eq!(VerbatimList::parse(&text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn names_are_those_that_a_browser_reads() {
        let names: [(&str, Option<&[&str]>); 8] = [
            ("", Some(&[])),
            (",", Some(&[])),
            ("GET,PUT", Some(&["GET", "PUT"])),
            ("GET ,\t, PUT", Some(&["GET", "PUT"])),
            ("*", Some(&["*"])),
            ("GET PUT", None),
            ("[GET, PUT]", None),
            ("GET, \"PUT\"", None),
        ];
        for (text, names) in names {
            let list = VerbatimList::parse(text).expect(text);
            assert_eq!(list.names().as_deref(), names, "{text:?}");
        }
    }
}
