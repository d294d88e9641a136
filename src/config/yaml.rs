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
use serde_path_to_error::Segment;
use serde_yaml::Value;

/// A document that was read, as far as it could be.
#[derive(Debug)]
pub(super) struct Document {
    /// `None` where there was more wrong than could be taken out.
    pub raw: Option<RawConfig>,
    pub places: Places,
    /// The document as it was read, aliases and merge keys resolved.
    pub resolved: String,
    pub misfits: Vec<Misfit>,
}

/// A value that does not fit where it stands.
#[derive(Debug)]
pub(super) struct Misfit {
    pub path: String,
    /// The unknown key or word, where that is what is wrong, and those that are known there.
    pub unknown: Option<Unknown>,
    pub message: String,
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
pub(super) fn read(text: &str) -> Result<Document, Vec<SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::of(text);
    if !places.duplicates.is_empty() {
        return Err(places
            .duplicates
            .into_iter()
            .map(SyntaxError::duplicate)
            .collect());
    }
    let syntax_error = |error| vec![SyntaxError::new(&error)];
    let mut value: Value = serde_yaml::from_str(text).map_err(syntax_error)?;
    value.apply_merge().map_err(|error| {
        let mut error = SyntaxError::new(&error);
        if let Some(Spot { place, path, .. }) = places.wrong_merge() {
            (error.place, error.path) = (Some(place), path);
        }
        vec![error]
    })?;
    if value.is_null() {
        value = Value::Mapping(serde_yaml::Mapping::new());
    }
    let resolved = serde_yaml::to_string(&value).unwrap_or_default();
    let mut misfits = Vec::new();
    take_out_empty_keys(&mut value, "", &mut misfits);
    let raw = loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(raw) => break Some(raw),
            Err(error) => error,
        };
        let segments: Vec<Segment> = error.path().iter().cloned().collect();
        let misfit = Misfit::new(path_of(&segments), error.inner());
        let is_last = misfits.len() + 1 >= MAX_MISFITS || !take_out(&mut value, &segments);
        misfits.push(misfit);
        if is_last {
            break None;
        }
    };
    Ok(Document {
        raw,
        places,
        resolved,
        misfits,
    })
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
            path,
            unknown,
            message: in_the_files_words(&message),
        }
    }
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
        .replace(", expected a Value::Tagged enum", ", expected one word");
    found + &expected
}

// === impl SyntaxError ===

impl SyntaxError {
    fn new(error: &serde_yaml::Error) -> Self {
        let place = error.location().map(|location| Place {
            line: location.line(),
            column: location.column(),
        });
        let whole = error.to_string();
        // The place is said once, in front.
        let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        let hint = if whole.contains("while scanning an alias")
            || whole.contains("while scanning an anchor")
        {
            Some("a value that starts with `*` or `&` needs quotes: write `\"*\"`")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_misfit_hides_no_other() {
        let document = read(
            "listeners:\n  - adress: a\n  - address: [b]\nlimits: 7\n\
             policies:\n  p: {allow_credentials: maybe, max_age: 7200, allow_origin: x}\n",
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
