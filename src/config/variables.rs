//! `${NAME}` and `${NAME:-default}` in a value.
//!
//! *Invariant:* a variable is always one string. Variables are replaced in the values of a YAML
//! document that has been read already, so that colons, braces and newlines in them are never read
//! as YAML.

mod hint;

pub(super) use hint::hint;

use std::ffi::OsString;

/// A look-up of a variable by its name.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The reason why a value's variables can't be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VariableError {
    #[error("the variable `{0}` is not set")]
    Unset(String),
    #[error("the variable `{0}` is not UTF-8")]
    NotUtf8(String),
    #[error("`{0}` is not a reference to a variable: {1}")]
    Malformed(String, &'static str),
    #[error("the values of variables have more than {} MiB in all up to here", MAX_SUBSTITUTED >> 20)]
    TooLong,
}

/// Maximum bytes of all values that have variables in them, with these replaced: a short name may stand
/// for a long text, many times.
pub(super) const MAX_SUBSTITUTED: usize = 8 << 20;

// === impl VariableError ===

impl VariableError {
    /// Returns the remedy.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Unset(name) => format!("write `${{{name}:-default}}` or set it"),
            Self::NotUtf8(_) => "set it to text in UTF-8".to_owned(),
            Self::TooLong => "set shorter values, or write them once".to_owned(),
            Self::Malformed(..) => {
                "write `${NAME}` or `${NAME:-default}`, and `$${` for `${` itself".to_owned()
            }
        }
    }
}

/// Replaces the references in `text`; returns `None` if there are none. `$${` is a plain `${`. The
/// result has at most `room` bytes.
///
/// As in a shell, the default is also taken for a variable that is empty.
///
/// # Errors
///
/// Returns the first reference that is malformed or has no value.
pub(super) fn substituted(
    text: &str,
    environment: Environment<'_>,
    room: usize,
) -> Result<Option<String>, VariableError> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = &reference["${".len()..];
            continue;
        }
        result.push_str(before);
        let malformed = |why| VariableError::Malformed(reference.to_owned(), why);
        let (inside, after) = reference["${".len()..]
            .split_once('}')
            .ok_or_else(|| malformed("its `}` is missing"))?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let malformed = |why| VariableError::Malformed(format!("${{{inside}}}"), why);
        if !is_name(name) {
            return Err(malformed(
                "a name has letters, digits and `_`, and no digit in front",
            ));
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(malformed("a default is plain text"));
        }
        let value = environment(name)
            .map(OsString::into_string)
            .transpose()
            .map_err(|_| VariableError::NotUtf8(name.to_owned()))?;
        match (
            value.filter(|v| default.is_none() || !v.is_empty()),
            default,
        ) {
            (Some(value), _) => result.push_str(&value),
            (None, Some(default)) => result.push_str(default),
            (None, None) => return Err(VariableError::Unset(name.to_owned())),
        }
        rest = after;
        if result.len() + rest.len() > room {
            return Err(VariableError::TooLong);
        }
    }
    result.push_str(rest);
    Ok(Some(result))
}

fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && text.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    fn of(text: &str) -> Result<Option<String>, VariableError> {
        let environment = |name: &str| {
            Some(match name {
                "HOST" => "api.internal".into(),
                "EMPTY" => OsString::new(),
                "_1" => "${HOST}".into(),
                "LATIN_1" => OsString::from_vec(b"caf\xe9".to_vec()),
                _ => return None,
            })
        };
        substituted(text, &environment, 60)
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        for (text, expected) in [
            ("${HOST}", "api.internal"),
            (
                "http://${HOST}:9000/${HOST}",
                "http://api.internal:9000/api.internal",
            ),
            ("${NONE:-a b}", "a b"),
            ("${NONE:-}", ""),
            ("${NONE:-http://a:-b}", "http://a:-b"),
            ("${HOST:-x}", "api.internal"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("$${HOST}", "${HOST}"),
            ("$$${HOST}", "$${HOST}"),
            ("a$${b ${HOST}", "a${b api.internal"),
            // The value of a variable is not searched for references again.
            ("${_1}", "${HOST}"),
        ] {
            assert_eq!(
                of(text).as_ref().map(Option::as_deref),
                Ok(Some(expected)),
                "{text}"
            );
        }
        for text in [
            "",
            "plain",
            "$HOST",
            r"https://a\.example$",
            "a{2}",
            "$",
            "$$",
        ] {
            assert_eq!(of(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_or_has_no_value_is_an_error() {
        assert_eq!(of("${NONE}"), Err(VariableError::Unset("NONE".to_owned())));
        // The variable is set, so that its default does not replace it.
        for text in ["${LATIN_1}", "${LATIN_1:-x}"] {
            assert_eq!(of(text), Err(VariableError::NotUtf8("LATIN_1".to_owned())));
        }
        for text in [
            "${",
            "${}",
            "${A",
            "x${A",
            "${1A}",
            "${A-B}",
            "${A:}",
            "${ A}",
            "${A }",
            "${:-x}",
            "${A:-${HOST}}",
            "${HOST} ${",
            "${A:=x}",
            "${\u{e4}}",
        ] {
            let result = of(text);
            assert!(
                matches!(result, Err(VariableError::Malformed(..))),
                "{text}: {result:?}"
            );
        }
        // Five values have sixty bytes.
        let text = "${HOST}".repeat(5);
        assert_eq!(
            of(&text).map(|became| became.map(|b| b.len())),
            Ok(Some(60))
        );
        assert_eq!(of(&(text + "x")), Err(VariableError::TooLong));
    }
}
