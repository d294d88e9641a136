//! The text of many patterns in one buffer.

use super::{MatcherError, PatternRef};

/// A buffer of records, one behind the other: kind, length (little-endian `u16`), text.
#[derive(Debug, Default)]
pub(super) struct Arena {
    bytes: Vec<u8>,
}

/// A handle to one pattern of a matcher: the place where its record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PatternId(u32);

const KIND_TEXT: u8 = 0;
const KIND_REGEX: u8 = 1;
const KIND_LITERAL: u8 = 2;
const RECORD_HEADER: usize = 3;

// === impl Arena ===

impl Arena {
    /// Adds a pattern behind the others.
    pub(super) fn push(&mut self, pattern: PatternRef<'_>) -> Result<PatternId, MatcherError> {
        let (kind, text) = match pattern {
            PatternRef::Text(text) => (KIND_TEXT, text),
            PatternRef::Regex(text) => (KIND_REGEX, text),
            PatternRef::Literal(text) => (KIND_LITERAL, text),
        };
        let id = self.next_id()?;
        let len = u16::try_from(text.len()).map_err(|_| MatcherError::TooMuchText)?;
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(id)
    }

    /// Returns the handle of the next pattern that is added.
    pub(super) fn next_id(&self) -> Result<PatternId, MatcherError> {
        let at = u32::try_from(self.bytes.len()).map_err(|_| MatcherError::TooMuchText)?;
        Ok(PatternId(at))
    }

    /// Frees the room behind the last pattern.
    pub(super) fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Returns the text of a pattern.
    pub(super) fn text(&self, id: PatternId) -> &[u8] {
        self.record(id).1
    }

    /// Returns a pattern.
    pub(super) fn get(&self, id: PatternId) -> PatternRef<'_> {
        let (kind, text) = self.record(id);
        let text = std::str::from_utf8(text).unwrap_or_default();
        match kind {
            KIND_REGEX => PatternRef::Regex(text),
            KIND_LITERAL => PatternRef::Literal(text),
            _ => PatternRef::Text(text),
        }
    }

    /// Returns all patterns, in the order in which they were added.
    pub(super) fn ids(&self) -> impl Iterator<Item = PatternId> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let id = (at < self.bytes.len()).then_some(PatternId(at as u32))?;
            at += RECORD_HEADER + self.text(id).len();
            Some(id)
        })
    }

    /// Returns the bytes of all text, and the bytes of the records' headers.
    pub(super) fn memory_usage(&self) -> (usize, usize) {
        let headers = self.ids().count() * RECORD_HEADER;
        (self.bytes.len() - headers, headers)
    }

    fn record(&self, PatternId(at): PatternId) -> (u8, &[u8]) {
        let record = &self.bytes[at as usize..];
        let len = usize::from(u16::from_le_bytes([record[1], record[2]]));
        (record[0], &record[RECORD_HEADER..RECORD_HEADER + len])
    }
}
