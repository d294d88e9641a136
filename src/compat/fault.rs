//! A reason to refuse a value, with its remedy, before its place is known.

use std::borrow::Cow;

/// A reason to refuse a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub message: Cow<'static, str>,
    /// The text to write instead.
    pub hint: Cow<'static, str>,
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(
        message: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}
