//! A literal: a value of the Origin field that is compared byte by byte and not parsed.
//!
//! App shells and web views send values that no browser calls a serialized origin, such as `app://.`
//! and `file://`. Plain patterns refuse them, because a browser would never send them.
//!
//! *Invariant:* a literal is safe to echo (visible ASCII without quotes and separators), and is never a
//! value that another kind of pattern is written for.

use super::origin::{MAX_ORIGIN_LEN, is_of_an_app};
use super::pattern::TuplePattern;

/// A validated literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiteralPattern(String);

/// A string that is not a literal, the reason, and advice what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a literal: {kind}")]
pub struct LiteralError {
    pub value: String,
    pub kind: LiteralErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiteralErrorKind {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_ORIGIN_LEN} bytes")]
    TooLong,
    #[error("an Origin field has no white space, quotes, separators or control characters")]
    NotOneValue,
    #[error("an Origin field is ASCII")]
    NotAscii,
    #[error("it is a plain pattern")]
    Plain,
    #[error("it is compared byte by byte, and a `*` in it stands for itself")]
    Wildcard,
    #[error("it is compared byte by byte, and a `\\` in it stands for itself")]
    Escape,
}

// === impl LiteralPattern ===

impl LiteralPattern {
    /// Checks `text`, which is taken as it is.
    ///
    /// # Errors
    ///
    /// Refuses a value that can't stand in one Origin field, and one that was meant as another kind of
    /// pattern.
    pub fn parse(text: &str) -> Result<Self, LiteralError> {
        match problem(text) {
            None => Ok(Self(text.to_owned())),
            Some(kind) => Err(LiteralError {
                value: text.to_owned(),
                kind,
            }),
        }
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it has a scheme that pages on the web don't have.
    pub fn is_of_an_app(&self) -> bool {
        is_of_an_app(&self.0)
    }
}

fn problem(text: &str) -> Option<LiteralErrorKind> {
    use LiteralErrorKind as K;
    let is_outside = |byte: u8| !byte.is_ascii_graphic() || b",;\"'`<>".contains(&byte);
    if text.is_empty() {
        Some(K::Empty)
    } else if text.len() > MAX_ORIGIN_LEN {
        Some(K::TooLong)
    } else if !text.is_ascii() {
        Some(K::NotAscii)
    } else if text.bytes().any(is_outside) {
        Some(K::NotOneValue)
    } else if is_plain(text) {
        Some(K::Plain)
    } else if text.contains('*') {
        Some(K::Wildcard)
    } else if text.contains('\\') {
        Some(K::Escape)
    } else {
        None
    }
}

/// Whether the text without `literal:` means the same, or is another kind of pattern. A default port
/// that is written makes a difference: a plain pattern drops it.
fn is_plain(text: &str) -> bool {
    text == "*"
        || text.eq_ignore_ascii_case("null")
        || TuplePattern::parse(text).is_ok_and(|pattern| pattern.text() == text)
}

// === impl LiteralError ===

impl LiteralError {
    /// Returns what to write instead.
    pub fn hint(&self) -> String {
        let text = self.value.as_str();
        match self.kind {
            LiteralErrorKind::Empty => "write what the app sends, or remove it".to_owned(),
            LiteralErrorKind::TooLong => "remove it: such an Origin is never looked at".to_owned(),
            LiteralErrorKind::NotOneValue => {
                "write one value an element, and nothing around it".to_owned()
            }
            LiteralErrorKind::NotAscii => "write the host in Punycode (xn--…)".to_owned(),
            LiteralErrorKind::Plain if text.eq_ignore_ascii_case("null") => {
                "write \"null\" without `literal:`, in quotes and in lower case".to_owned()
            }
            LiteralErrorKind::Plain => format!("write it without `literal:`: `- {}`", quoted(text)),
            LiteralErrorKind::Wildcard => {
                "write each value as a literal of its own; only hosts of serialized origins have wildcards"
                    .to_owned()
            }
            LiteralErrorKind::Escape => {
                format!("write `literal: '{}'`", text.replace('\\', ""))
            }
        }
    }
}

/// Puts quotes around a text that YAML would read as an alias.
fn quoted(text: &str) -> String {
    match text.starts_with('*') {
        true => format!("\"{text}\""),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_sends_is_a_literal() {
        for text in [
            "app://.",
            "file://",
            "file:///",
            "app://",
            "capacitor://",
            "ionic://",
            "app://Obsidian.md",
            "https://a.example:443",
            "https://a.example/",
            "undefined",
        ] {
            let parsed = LiteralPattern::parse(text);
            assert_eq!(parsed.as_ref().map(LiteralPattern::text), Ok(text));
        }
    }

    #[test]
    fn what_can_not_be_a_literal_is_refused_with_a_remedy() {
        use LiteralErrorKind as K;
        let long = format!("app://{}", "a".repeat(MAX_ORIGIN_LEN));
        for (text, kind, remedy) in [
            ("", K::Empty, "remove it"),
            (long.as_str(), K::TooLong, "remove it"),
            ("app://. ", K::NotOneValue, "one value"),
            ("app://.,file://", K::NotOneValue, "one value"),
            ("app://\u{1}", K::NotOneValue, "one value"),
            ("app://\n", K::NotOneValue, "one value"),
            ("'app://.'", K::NotOneValue, "nothing around it"),
            ("app://b\u{fc}cher", K::NotAscii, "Punycode"),
            ("*", K::Plain, "`- \"*\"`"),
            ("null", K::Plain, "write \"null\""),
            ("Null", K::Plain, "in lower case"),
            ("https://a.example", K::Plain, "`- https://a.example`"),
            (
                "capacitor://localhost",
                K::Plain,
                "`- capacitor://localhost`",
            ),
            ("https://*.a.example", K::Plain, "`- https://*.a.example`"),
            ("http://localhost:*", K::Plain, "`- http://localhost:*`"),
            ("app://*", K::Wildcard, "each value"),
            (r"app://\.", K::Escape, "`literal: 'app://.'`"),
        ] {
            let error = LiteralPattern::parse(text).expect_err(text);
            assert_eq!(error.kind, kind, "{text:?}");
            let hint = error.hint();
            assert!(hint.contains(remedy), "{text:?}: {hint:?}");
        }
    }
}
