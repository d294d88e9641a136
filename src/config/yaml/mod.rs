//! Text → [`RawConfig`], with every error of shape at once. Only this file and `places` name YAML
//! crates.
//!
//! serde stops at the first value that does not fit. So that one mistake hides no other, a value
//! that does not fit is taken out of the document and the rest is read again, until it fits.
//! Indexes stay as they are in the file: an element of a sequence is not removed but becomes null.
//!
//! serde_yaml knows only the place of its first error. [`Places`] knows all places.

mod paths;
mod places;
mod wording;

pub(super) use places::Places;
pub(super) use wording::Unknown;

use super::error::{Place, Problem};
use super::raw::RawConfig;
use super::variables::{self, Environment};
use paths::{path_of, push_key};
use places::{YAML_1_1_BREAKS, end_of};
use serde_path_to_error::Segment;
use serde_yaml::Value;
use std::collections::HashMap;

/// A document, as far as it could be read.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` if more was wrong than could be taken out.
    pub raw: Option<RawConfig>,
    pub places: Places,
    /// The document's text with aliases, merge keys and variables resolved.
    pub resolved: String,
    pub misfits: Vec<Misfit>,
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

/// Maximum number of misfits that are reported; a file with more is not a configuration.
const MAX_MISFITS: usize = 100;

/// Reads `text`, which may start with a byte order mark.
pub(super) fn read(text: &str, environment: Environment<'_>) -> Result<Document, Vec<SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut places = Places::of(text);
    if !places.duplicates.is_empty() {
        return Err(places
            .duplicates
            .into_iter()
            .map(SyntaxError::duplicate)
            .collect());
    }
    let syntax_error = |error| vec![SyntaxError::new(&error, text)];
    let mut value: Value = serde_yaml::from_str(text).map_err(syntax_error)?;
    value.apply_merge().map_err(|error| {
        let mut error = SyntaxError::new(&error, text);
        if let Some((place, path)) = places.wrong_merge() {
            (error.place, error.path) = (Some(place), path);
        }
        vec![error]
    })?;
    if value.is_null() {
        value = Value::Mapping(serde_yaml::Mapping::new());
    }
    let mut misfits = Vec::new();
    take_out_empty_keys(&mut value, "", &mut misfits);
    let substituted = &mut places.substituted;
    substitute(&mut value, "", environment, &mut misfits, substituted);
    // Misfits that were texts with variables and are now tried as numbers or truth values. If one
    // does not fit either way, this is its message.
    let mut as_texts: HashMap<String, Misfit> = HashMap::new();
    let raw = loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(raw) => break Some(raw),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let path = path_of(&segments);
        let (unknown, problem) = wording::misfit(&path, &error.inner().to_string());
        let misfit = Misfit {
            path: path.clone(),
            unknown,
            problem,
        };
        let misfit = match as_texts.remove(&path) {
            Some(as_text) => as_text,
            None => {
                let scalar = substituted.get(&path).and_then(|text| plain_scalar(text));
                if let (Some(scalar), Some(place)) = (scalar, value_at(&mut value, &segments)) {
                    *place = scalar;
                    as_texts.insert(path, misfit);
                    continue;
                }
                misfit
            }
        };
        let is_last = misfits.len() + 1 >= MAX_MISFITS || !take_out(&mut value, &segments);
        misfits.push(misfit);
        if is_last {
            break None;
        }
    };
    Ok(Document {
        raw,
        places,
        resolved: serde_yaml::to_string(&value).unwrap_or_default(),
        misfits,
    })
}

/// Replaces the variables in the document's values. A value whose variables can't be replaced is
/// taken out.
fn substitute(
    value: &mut Value,
    path: &str,
    environment: Environment<'_>,
    misfits: &mut Vec<Misfit>,
    substituted: &mut HashMap<String, String>,
) {
    let text = match value {
        Value::Mapping(map) => {
            return map.retain(|key, value| {
                let mut path = path.to_owned();
                push_key(&mut path, key.as_str().unwrap_or_default());
                let before = misfits.len();
                let is_text = value.is_string();
                substitute(value, &path, environment, misfits, substituted);
                !is_text || misfits.len() == before
            });
        }
        Value::Sequence(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let path = format!("{path}[{index}]");
                substitute(element, &path, environment, misfits, substituted);
            }
            return;
        }
        Value::String(text) => text,
        _ => return,
    };
    match variables::substituted(text, environment) {
        Ok(None) => {}
        Ok(Some(became)) => {
            substituted.insert(path.to_owned(), became.clone());
            *text = became;
        }
        Err(error) => {
            misfits.push(Misfit {
                path: path.to_owned(),
                unknown: None,
                problem: Problem::from(error.to_string()).hint(error.hint()),
            });
            *value = Value::Null;
        }
    }
}

/// Returns the number or truth value that `text` would be in YAML without quotes.
fn plain_scalar(text: &str) -> Option<Value> {
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ if !is_number => None,
        _ => {
            let unsigned = text.parse::<u64>().map(Value::from);
            let signed = || text.parse::<i64>().map(Value::from);
            let float = |_| text.parse::<f64>().map(Value::from);
            unsigned.or_else(|_| signed()).or_else(float).ok()
        }
    }
}

/// Finds the value at `path`.
fn value_at<'a>(document: &'a mut Value, path: &[Segment]) -> Option<&'a mut Value> {
    path.iter()
        .try_fold(document, |value, segment| match segment {
            Segment::Map { key } => value.get_mut(key.as_str()),
            Segment::Seq { index } => value.get_mut(*index),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
}

/// Returns `document` with these sections taken from `other`, and without those that `other` lacks.
pub(super) fn with_sections(document: &str, other: &str, sections: &[&str]) -> String {
    let read = |text: &str| serde_yaml::from_str::<serde_yaml::Mapping>(text).unwrap_or_default();
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
fn take_out_empty_keys(value: &mut Value, path: &str, misfits: &mut Vec<Misfit>) {
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

/// Takes the value at `path` out of the document; returns `false` if there is none.
fn take_out(document: &mut Value, path: &[Segment]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut parent = document;
    for segment in parents {
        let child = match segment {
            Segment::Map { key } => parent.get_mut(key.as_str()),
            Segment::Seq { index } => parent.get_mut(*index),
            // An enum's variant or a value without a name: the value around it is taken out.
            Segment::Enum { .. } | Segment::Unknown => break,
        };
        match child {
            Some(child) => parent = child,
            None => return false,
        }
    }
    match (parent, last) {
        (Value::Mapping(map), Segment::Map { key }) => map.remove(key.as_str()).is_some(),
        (Value::Sequence(elements), Segment::Seq { index }) => match elements.get_mut(*index) {
            Some(element) if !element.is_null() => {
                *element = Value::Null;
                true
            }
            _ => false,
        },
        _ => false,
    }
}

// === impl SyntaxError ===

impl SyntaxError {
    fn new(error: &serde_yaml::Error, text: &str) -> Self {
        let place = error.location().map(|location| Place {
            line: location.line(),
            column: location.column(),
        });
        // At the end of a text without a final line break the parser counts one.
        let place = place.map(|place| place.min(end_of(text, &YAML_1_1_BREAKS)));
        let is_in_line = |word: &str| has_nearby(text, place, word);
        Self {
            place,
            path: String::new(),
            problem: wording::syntax(&error.to_string(), is_in_line),
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
        let mut paths: Vec<&str> = document.misfits.iter().map(|m| m.path.as_str()).collect();
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
