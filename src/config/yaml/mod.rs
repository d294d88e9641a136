//! Text → [`RawConfig`], with every error of shape at once. Only this file, `fitting` and `places`
//! name YAML crates.
//!
//! The text is read for its places first, and within bounds. serde_yaml makes values of it then, of a
//! text that was read to its end. It has no bounds of its own that would do: it collects all events
//! before it looks at them, and copies whatever an alias repeats.
//!
//! serde_yaml knows only the place of its first error. [`Places`] knows all places.

mod bounds;
mod fitting;
mod nodes;
mod paths;
mod places;
mod tree;
mod wording;

pub(super) use places::Places;
pub use tree::{Shape, Tree, Value as TreeValue};
pub(super) use wording::Unknown;

use super::error::{Diagnostic, Firsts, Place, Problem, Severity};
use super::raw::RawConfig;
use super::variables::{self, Environment, MAX_SUBSTITUTED, VariableError};
use fitting::Fitting;
use paths::push_key;
use places::{Stop, end_of};
use serde::de::IgnoredAny;
use serde_yaml::{Mapping, Value};
use std::collections::HashMap;
use std::path::Path;

/// A document, as far as it could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` if more was wrong than could be taken out.
    pub raw: Option<RawConfig>,
    pub places: Places,
    /// The document's text with aliases, merge keys and variables resolved.
    pub resolved: String,
    pub misfits: Firsts<Misfit>,
}

/// A value that does not fit where it stands.
#[derive(Debug)]
pub(super) struct Misfit {
    pub path: String,
    /// The unknown key or word, if that is what is wrong.
    pub unknown: Option<Unknown>,
    pub problem: Problem,
}

/// The reason why a text is not a YAML document.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub place: Option<Place>,
    pub path: String,
    pub problem: Problem,
}

/// Bytes of a text behind its first syntax error that serde_yaml is shown, to word the error.
const MAX_BEHIND: usize = 1_024;

/// Characters that end a line in YAML 1.1, as serde_yaml reads it, and do not in YAML 1.2, as the index
/// of places does: what is a comment for the one is a value for the other.
const YAML_1_1_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Reads `text`, which may start with a byte order mark.
pub(super) fn read(
    text: &str,
    environment: Environment<'_>,
) -> Result<Document, Firsts<SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find(YAML_1_1_BREAKS) {
        return Err(SyntaxError::ambiguous_break(text, at).into());
    }
    let mut places = Places::of(text).map_err(|stop| SyntaxError::of_stop(stop, text))?;
    if !places.duplicates.kept.is_empty() {
        let Firsts { kept, more } = places.duplicates;
        let kept = kept.into_iter().map(SyntaxError::duplicate).collect();
        return Err(Firsts { kept, more });
    }
    let mut value: Value =
        serde_yaml::from_str(text).map_err(|error| SyntaxError::new(&error, text))?;
    value.apply_merge().map_err(|error| {
        let mut error = SyntaxError::new(&error, text);
        if let Some((place, path)) = places.wrong_merge() {
            (error.place, error.path) = (Some(place), path);
        }
        error
    })?;
    if value.is_null() {
        value = Value::Mapping(Mapping::new());
    }
    let mut misfits = Firsts::default();
    take_out_empty_keys(&mut value, "", &mut misfits);
    let mut substitution = Substitution {
        environment,
        room: MAX_SUBSTITUTED,
        substituted: &mut places.substituted,
        misfits: &mut misfits,
    };
    substitution.replace_in(&mut value, "");
    let mut fitting = Fitting {
        value,
        misfits,
        substituted: &places.substituted,
        as_texts: HashMap::new(),
    };
    let raw = fitting.read();
    let Fitting { value, misfits, .. } = fitting;
    Ok(Document {
        raw,
        places,
        resolved: serde_yaml::to_string(&value).unwrap_or_default(),
        misfits,
    })
}

/// The replacing of variables by their values.
struct Substitution<'a> {
    environment: Environment<'a>,
    /// Bytes that values with variables may still have.
    room: usize,
    substituted: &'a mut HashMap<String, String>,
    misfits: &'a mut Firsts<Misfit>,
}

// === impl Substitution ===

impl Substitution<'_> {
    /// Replaces the variables in all values of `value`. One whose variables can't be replaced is taken
    /// out.
    fn replace_in(&mut self, value: &mut Value, path: &str) {
        let text = match value {
            Value::Mapping(map) => {
                return map.retain(|key, value| {
                    let mut path = path.to_owned();
                    push_key(&mut path, key.as_str().unwrap_or_default());
                    let is_text = value.is_string();
                    self.replace_in(value, &path);
                    !is_text || !value.is_null()
                });
            }
            Value::Sequence(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.replace_in(element, &format!("{path}[{index}]"));
                }
                return;
            }
            Value::String(text) => text,
            _ => return,
        };
        match variables::substituted(text, self.environment, self.room) {
            Ok(None) => {}
            Ok(Some(became)) => {
                self.room -= became.len();
                self.substituted.insert(path.to_owned(), became.clone());
                *text = became;
            }
            Err(error) => {
                if error == VariableError::TooLong {
                    self.room = 0;
                }
                self.misfits.push(Misfit {
                    path: path.to_owned(),
                    unknown: None,
                    problem: Problem::from(error.to_string()).hint(error.hint()),
                });
                *value = Value::Null;
            }
        }
    }
}

/// Returns `document` with these sections taken from `other`, and without those that `other` lacks.
pub(super) fn with_sections(document: &str, other: &str, sections: &[&str]) -> String {
    let read = |text: &str| serde_yaml::from_str::<Mapping>(text).unwrap_or_default();
    let (mut document, other) = (read(document), read(other));
    for section in sections {
        match other.get(section) {
            Some(value) => document.insert((*section).into(), value.clone()),
            None => document.remove(section),
        };
    }
    serde_yaml::to_string(&document).unwrap_or_default()
}

/// Takes out keys without a value, as misfits. The operator forgot the value or commented it out,
/// and may not mean the default that a missing key has.
fn take_out_empty_keys(value: &mut Value, path: &str, misfits: &mut Firsts<Misfit>) {
    match value {
        Value::Mapping(map) => map.retain(|key, value| {
            let Value::String(key) = key else { return true };
            let mut path = path.to_owned();
            push_key(&mut path, key);
            if value.is_null() {
                misfits.push(Misfit {
                    problem: format!("`{key}` has no value: write one, or remove the key").into(),
                    path,
                    unknown: None,
                });
                return false;
            }
            take_out_empty_keys(value, &path, misfits);
            true
        }),
        Value::Sequence(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                take_out_empty_keys(element, &format!("{path}[{index}]"), misfits);
            }
        }
        _ => {}
    }
}

// === impl SyntaxError ===

impl SyntaxError {
    /// Makes the diagnostics of a text that messages call `file`.
    pub(super) fn diagnostics(errors: Firsts<Self>, file: &Path) -> Vec<Diagnostic> {
        let diagnostic = |error: Self| Diagnostic {
            place: error.place,
            path: error.path,
            ..Diagnostic::new(Severity::Error, file, error.problem)
        };
        let more = Diagnostic::of_more(Severity::Error, file, errors.more);
        let errors = errors.kept.into_iter().map(diagnostic);
        errors.map(Diagnostic::shortened).chain(more).collect()
    }

    fn new(error: &serde_yaml::Error, text: &str) -> Self {
        let place = error.location().map(|location| Place {
            line: location.line(),
            column: location.column(),
        });
        // At the end of a text without a final line break the parser counts one.
        let place = place.map(|place| place.min(end_of(text)));
        let is_in_line = |word: &str| has_nearby(text, place, word);
        Self {
            place,
            path: String::new(),
            problem: wording::syntax(&error.to_string(), around(text, place), is_in_line),
        }
    }

    /// Words the reason why `text` was not read to its end.
    fn of_stop(stop: Stop, text: &str) -> Self {
        let (place, at, reason) = match stop {
            Stop::Excess(place, excess) => {
                return Self {
                    place: Some(place),
                    path: String::new(),
                    problem: Problem::from(excess.to_string()).hint(excess.hint()),
                };
            }
            Stop::Refused(place, problem) => {
                return Self {
                    place: Some(place),
                    path: String::new(),
                    problem,
                };
            }
            Stop::Syntax { place, at, reason } => (place, at, reason),
        };
        // serde_yaml's words are the ones with hints. It is shown no more than it takes to find the
        // same mistake: what is behind was not held against the bounds.
        let end = (text.len().min(at + MAX_BEHIND)..=text.len())
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(text.len());
        let shown = &text[..end];
        let theirs = serde_yaml::from_str::<IgnoredAny>(shown).err();
        let theirs = theirs.map(|error| Self::new(&error, shown));
        let is_own = |error: &Self| end == text.len() || error.place < Some(end_of(shown));
        theirs.filter(is_own).unwrap_or_else(|| Self {
            place: Some(place),
            path: String::new(),
            problem: wording::syntax(&reason, around(text, Some(place)), |word| {
                has_nearby(text, Some(place), word)
            }),
        })
    }

    fn ambiguous_break(text: &str, at: usize) -> Self {
        let character = text[at..].chars().next().unwrap_or_default();
        let code = u32::from(character);
        let message =
            format!("U+{code:04X} ends a line for some readers of YAML and not for others");
        Self {
            place: Some(end_of(&text[..at])),
            path: String::new(),
            problem: Problem::from(message).hint("remove it, or end the line"),
        }
    }

    fn duplicate((path, first, second): (String, Place, Place)) -> Self {
        let message = format!("this key stands here twice, first in line {}", first.line);
        Self {
            place: Some(second),
            path,
            problem: Problem::from(message).hint("remove one of them"),
        }
    }
}

impl From<SyntaxError> for Firsts<SyntaxError> {
    fn from(error: SyntaxError) -> Self {
        Self {
            kept: vec![error],
            more: 0,
        }
    }
}

/// Returns the line of `place`, up to it and from there.
fn around(text: &str, place: Option<Place>) -> (&str, &str) {
    let Some(Place { line, column }) = place else {
        return ("", "");
    };
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let at = line.char_indices().nth(column.saturating_sub(1));
    line.split_at(at.map_or(line.len(), |(at, _)| at))
}

/// Whether `word` is in the line of `place` or in the one before it.
fn has_nearby(text: &str, place: Option<Place>, word: &str) -> bool {
    place.is_some_and(|Place { line, .. }| {
        let mut lines = text.lines().skip(line.saturating_sub(2)).take(2);
        lines.any(|line| line.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_misfit_hides_no_other() {
        let document = read(
            "listeners:\n  - adress: a\n  - address: [b]\nlimits: 7\n\
             policies:\n  p: {allow_credentials: maybe, max_age: 7200, allow_origin: x}\n",
            &|_| None,
        )
        .expect("it is YAML");
        let mut paths: Vec<&str> = document
            .misfits
            .kept
            .iter()
            .map(|m| m.path.as_str())
            .collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "limits",
                "listeners[0].adress",
                "listeners[1].address",
                "policies.p.allow_credentials",
                "policies.p.allow_origin",
                "policies.p.max_age",
            ]
        );
    }
}
