//! Text → [`RawConfig`], with every error of shape at once. The only file that names YAML crates.
//!
//! serde stops at the first value that does not fit. So that one mistake hides no other, what did
//! not fit is taken out of the document and the rest is read again, until it fits. Indexes stay
//! what they are in the file: an element of a sequence is not removed but becomes null.
//!
//! serde_yaml knows the place of its first error only. [`Places`] knows all.

mod places;

pub(super) use places::{Places, Spot};

use super::error::Place;
use super::raw::RawConfig;
use super::variables::{self, Environment};
use serde_path_to_error::Segment;
use serde_yaml::Value;
use std::collections::HashMap;

/// A document that was read, as far as it could be.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` where there was more wrong than could be taken out.
    pub raw: Option<RawConfig>,
    pub places: Places,
    /// The document as it was read, aliases, merge keys and variables resolved.
    pub resolved: String,
    pub misfits: Vec<Misfit>,
    /// What the values with variables in them became, by path.
    pub substituted: HashMap<String, String>,
}

/// A value that does not fit where it stands.
#[derive(Debug)]
pub(super) struct Misfit {
    pub path: String,
    /// The unknown key or word, where that is what is wrong, and those that are known there.
    pub unknown: Option<Unknown>,
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

/// A key or a word that the file format does not have.
#[derive(Debug)]
pub(super) struct Unknown {
    pub kind: &'static str,
    pub name: String,
    pub known: Vec<String>,
}

/// Why a text is no YAML document.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub place: Option<Place>,
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
}

/// So many misfits are reported; a file with more is not a configuration.
const MAX_MISFITS: usize = 100;

/// Reads `text`, which may start with a byte order mark.
pub(super) fn read(text: &str, environment: Environment<'_>) -> Result<Document, Vec<SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::of(text);
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
        if let Some(Spot { place, path, .. }) = places.wrong_merge() {
            (error.place, error.path) = (Some(place), path);
        }
        vec![error]
    })?;
    if value.is_null() {
        value = Value::Mapping(serde_yaml::Mapping::new());
    }
    let mut misfits = Vec::new();
    take_out_empty_keys(&mut value, "", &mut misfits);
    let mut substituted = HashMap::new();
    substitute(&mut value, "", environment, &mut misfits, &mut substituted);
    // What was said of a text before it was taken for a number.
    let mut as_texts: HashMap<String, Misfit> = HashMap::new();
    let raw = loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(raw) => break Some(raw),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let path = path_of(&segments);
        let misfit = Misfit::new(path.clone(), error.inner());
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
        substituted,
    })
}

/// Replaces the variables in the document's values. Where that can't be done, the value is taken out.
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
                message: error.to_string(),
                hint: Some(error.hint()),
            });
            *value = Value::Null;
        }
    }
}

/// The number or truth value that `text` is in YAML, where the file would have it without quotes.
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

fn value_at<'a>(document: &'a mut Value, path: &[Segment]) -> Option<&'a mut Value> {
    path.iter()
        .try_fold(document, |value, segment| match segment {
            Segment::Map { key } => value.get_mut(key.as_str()),
            Segment::Seq { index } => value.get_mut(*index),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
}

/// `document` with these sections as `other` has them, or without those that it has not.
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

/// A key whose value was forgotten or commented out says nothing, and must not be taken to mean what
/// leaving it out means.
fn take_out_empty_keys(value: &mut Value, path: &str, misfits: &mut Vec<Misfit>) {
    match value {
        Value::Mapping(map) => map.retain(|key, value| {
            let Value::String(key) = key else { return true };
            let mut path = path.to_owned();
            push_key(&mut path, key);
            if value.is_null() {
                misfits.push(Misfit {
                    message: format!("`{key}` has no value: write one, or remove the key"),
                    path,
                    unknown: None,
                    hint: None,
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

/// Takes the value at `path` out of the document; `false` where there is none.
fn take_out(document: &mut Value, path: &[Segment]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    let mut parent = document;
    for segment in parents {
        let child = match segment {
            Segment::Map { key } => parent.get_mut(key.as_str()),
            Segment::Seq { index } => parent.get_mut(*index),
            // An enum's variant or something without a name: the value around it goes.
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

fn path_of(segments: &[Segment]) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Map { key } => push_key(&mut path, key),
            Segment::Seq { index } => path.push_str(&format!("[{index}]")),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    path
}

/// Appends a key to a path, as all of the configuration's messages write it.
pub(super) fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

// === impl Misfit ===

impl Misfit {
    fn new(path: String, error: &serde_yaml::Error) -> Self {
        let message = error.to_string();
        // serde hands on the names only in its message: unknown field `a`, expected one of `b`, `c`
        let unknown = [("unknown field ", "key"), ("unknown variant ", "value")];
        let unknown = unknown.into_iter().find_map(|(start, kind)| {
            let rest = message.strip_prefix(start)?;
            let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
            Some(Unknown {
                kind,
                name: quoted.next()?,
                known: quoted.collect(),
            })
        });
        Self {
            unknown,
            ..with_hint(path, in_the_files_words(&message))
        }
    }
}

/// The message, and what to write instead, where it says so or that can be told from it.
fn with_hint(path: String, message: String) -> Misfit {
    let said = |start: &str| {
        let (message, meant) = message.rsplit_once(start)?;
        let hint = format!("write `{meant}");
        message
            .contains("lacks its unit")
            .then(|| (message.to_owned(), hint))
    };
    let (message, hint) = match said(", as in `").or_else(|| said(": write `")) {
        Some((message, hint)) => (message, Some(hint)),
        None => {
            let hint = match message.ends_with("expected a string") {
                // A port alone, in quotes, would be the next mistake.
                true if path.ends_with(".address") => Some("write IP:PORT".to_owned()),
                true if path.contains(".endpoints") => Some("write HOST:PORT".to_owned()),
                _ => hint_for_type(&message),
            };
            (message, hint)
        }
    };
    Misfit {
        path,
        unknown: None,
        message,
        hint,
    }
}

/// For `invalid type: WHAT, expected WHAT`, in the file's words.
fn hint_for_type(message: &str) -> Option<String> {
    let (found, expected) = message
        .strip_prefix("invalid type: ")?
        .split_once(", expected ")?;
    let quoted = found
        .split_once('`')
        .and_then(|(_, rest)| rest.split_once('`'));
    let text = found
        .strip_prefix("string \"")
        .and_then(|text| text.strip_suffix('"'));
    let value = quoted.map(|(value, _)| value).or(text);
    let hint = match (expected, value) {
        ("a string", Some(value)) => format!("write `\"{value}\"`, in quotes"),
        ("a boolean", value) => match value.unwrap_or_default().to_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "1" => "write `true`".to_owned(),
            "false" | "no" | "off" | "n" | "0" => "write `false`".to_owned(),
            _ => "write `true` or `false`".to_owned(),
        },
        ("a whole number", Some(value)) if value.parse::<u64>().is_ok() => {
            format!("write `{value}`, without quotes")
        }
        ("a list", Some(value)) => format!("write `[{value}]`"),
        ("a list", None) => "write a `-` before each element".to_owned(),
        ("a mapping", _) => "write a name before each, as in `name: …`".to_owned(),
        (expected, Some("false")) if expected.contains("`off`") => "write `off`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

/// serde's message without the words of Rust and of its own data model.
fn in_the_files_words(message: &str) -> String {
    if message.contains("expected field identifier") {
        return "a key here is a string: put it in quotes".to_owned();
    }
    // What serde says is `invalid type: WHAT, expected WHAT`; what is quoted is the operator's.
    let (found, expected) = match message.split_once(", expected ") {
        Some((found, expected)) => (found, format!(", expected {expected}")),
        None => (message, String::new()),
    };
    let found = found
        .replace("invalid type: map", "invalid type: a mapping")
        .replace("invalid type: sequence", "invalid type: a list")
        .replace("invalid type: unit value", "invalid type: nothing")
        .replace("invalid type: enum", "invalid type: a tagged value");
    let expected = expected
        .replace(", expected usize", ", expected a whole number")
        .replace(", expected u16", ", expected a whole number")
        .replace(", expected a sequence", ", expected a list")
        .replace(", expected a map", ", expected a mapping")
        .replace(", expected a mappingping", ", expected a mapping")
        .replace(", expected a Value::Tagged enum", ", expected one word");
    found + &expected
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
        let whole = error.to_string();
        // The place is said once, in front.
        let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        let hint = if whole.contains("while scanning an alias")
            || whole.contains("while scanning an anchor")
        {
            Some("a value that starts with `*` or `&` needs quotes: write `\"*\"`")
        } else if message.contains("did not find expected ','") && has_variable(text, place) {
            Some("within `{ }` and `[ ]` a variable needs quotes: write `\"${NAME}\"`")
        } else if message.contains("found character that cannot start any token") {
            Some("indent with spaces, not with tabs")
        } else if message.contains("escape") {
            Some("write the value in single quotes: they leave backslashes alone")
        } else {
            None
        };
        Self {
            place,
            path: String::new(),
            message,
            hint: hint.map(str::to_owned),
        }
    }

    fn duplicate((path, first, second): (String, Place, Place)) -> Self {
        Self {
            place: Some(second),
            message: format!("this key stands here twice, first in line {}", first.line),
            path,
            hint: Some("remove one of them".to_owned()),
        }
    }
}

/// What ends a line for serde_yaml's parser, and for the other one the first two.
const YAML_1_1_BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// The place behind the last character.
fn end_of(text: &str, breaks: &[char]) -> Place {
    let text = text.replace("\r\n", "\n");
    let last = text.rsplit(breaks).next().unwrap_or_default();
    Place {
        line: text.matches(breaks).count() + 1,
        column: last.chars().count() + 1,
    }
}

/// Whether the line, or the one before it, has a reference to a variable.
fn has_variable(text: &str, place: Option<Place>) -> bool {
    place.is_some_and(|Place { line, .. }| {
        let mut lines = text.lines().skip(line.saturating_sub(2)).take(2);
        lines.any(|line| line.contains("${"))
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
