//! The taking out of values that do not fit.
//!
//! serde stops at the first value that does not fit. So that one mistake hides no other, a value
//! that does not fit is taken out of the document and the rest is read again, until it fits.
//! Indexes stay as they are in the file: an element of a sequence is not removed but becomes null.

use super::paths::path_of;
use super::{Misfit, wording};
use crate::config::error::Firsts;
use crate::config::raw::{
    RawAdmin, RawConfig, RawLimits, RawListener, RawMetrics, RawPolicy, RawRoute, RawServer,
    RawUpstream,
};
use serde_path_to_error::{Segment, deserialize};
use serde_yaml::Value;
use std::collections::HashMap;

/// A document whose values are made to fit.
pub(super) struct Fitting<'a> {
    pub value: Value,
    pub misfits: Firsts<Misfit>,
    pub substituted: &'a HashMap<String, String>,
    /// Misfits that were texts with variables and are now tried as numbers or truth values. If one
    /// does not fit either way, this is its message.
    pub as_texts: HashMap<String, Misfit>,
}

type Reading<T> = Result<T, serde_path_to_error::Error<serde_yaml::Error>>;

/// A check whether a value fits its section.
type Check = fn(&Value) -> Reading<()>;

/// The sections, and a check of each.
const SECTIONS: [(&str, Check); 4] = [
    ("admin", |value| deserialize::<_, RawAdmin>(value).map(drop)),
    ("metrics", |value| {
        deserialize::<_, RawMetrics>(value).map(drop)
    }),
    ("server", |value| {
        deserialize::<_, RawServer>(value).map(drop)
    }),
    ("limits", |value| {
        deserialize::<_, RawLimits>(value).map(drop)
    }),
];

/// The sections that are lists, and a check of one element.
const LISTS: [(&str, Check); 2] = [
    ("listeners", |value| {
        deserialize::<_, Option<RawListener>>(value).map(drop)
    }),
    ("routes", |value| {
        deserialize::<_, Option<RawRoute>>(value).map(drop)
    }),
];

/// The sections that are mappings by names, and a check of one value.
const MAPPINGS: [(&str, Check); 2] = [
    ("upstreams", |value| {
        deserialize::<_, Option<RawUpstream>>(value).map(drop)
    }),
    ("policies", |value| {
        deserialize::<_, Option<RawPolicy>>(value).map(drop)
    }),
];

// === impl Fitting ===

impl Fitting<'_> {
    /// Reads the document, without what does not fit; `None` if that is too much.
    ///
    /// Reading again after each misfit takes as long as what is read, so that the parts of a large
    /// document are read by themselves first. What is left for the whole are its keys.
    pub(super) fn read(&mut self) -> Option<RawConfig> {
        for (section, check) in SECTIONS {
            self.fit(&[key_segment(section)], check);
        }
        for (section, check) in LISTS {
            let section = key_segment(section);
            let list = value_at(&mut self.value, std::slice::from_ref(&section));
            for index in 0..list.and_then(|list| list.as_sequence()).map_or(0, Vec::len) {
                self.fit(&[section.clone(), Segment::Seq { index }], check);
            }
        }
        for (section, check) in MAPPINGS {
            let section = key_segment(section);
            let mapping = value_at(&mut self.value, std::slice::from_ref(&section));
            let keys = mapping.and_then(|mapping| mapping.as_mapping()).into_iter();
            let keys = keys.flat_map(|mapping| mapping.keys().filter_map(Value::as_str));
            for key in keys.map(key_segment).collect::<Vec<_>>() {
                self.fit(&[section.clone(), key], check);
            }
        }
        self.fit(&[], |value| deserialize(value))
    }

    /// Reads the value at a path, without what does not fit; `None` if that is all of it, or too much.
    fn fit<T>(&mut self, at: &[Segment], read: impl Fn(&Value) -> Reading<T>) -> Option<T> {
        loop {
            if self.misfits.is_full() {
                return None;
            }
            let error = match read(value_at(&mut self.value, at)?) {
                Ok(read) => return Some(read),
                Err(error) => error,
            };
            let segments: Vec<Segment> = at.iter().chain(error.path()).cloned().collect();
            let path = path_of(&segments);
            let elements = value_at(&mut self.value, &segments).and_then(|value| elements(value));
            let message = error.inner().to_string();
            let (unknown, problem) = wording::misfit(&path, &message, elements.as_deref());
            let misfit = Misfit {
                path: path.clone(),
                unknown,
                problem,
            };
            let misfit = match self.as_texts.remove(&path) {
                Some(as_text) => as_text,
                None => {
                    let scalar = self.substituted.get(&path);
                    let scalar = scalar.and_then(|text| plain_scalar(text));
                    let place = value_at(&mut self.value, &segments);
                    if let (Some(scalar), Some(place)) = (scalar, place) {
                        *place = scalar;
                        self.as_texts.insert(path, misfit);
                        continue;
                    }
                    misfit
                }
            };
            let is_out = take_out(&mut self.value, &segments);
            self.misfits.push(misfit);
            if !is_out {
                return None;
            }
        }
    }
}

fn key_segment(key: &str) -> Segment {
    Segment::Map {
        key: key.to_owned(),
    }
}

/// Maximum number of a list's elements that a message is about.
const MAX_ELEMENTS: usize = 10;

/// Returns the first elements of a list of scalars; `None` for anything else.
fn elements(value: &Value) -> Option<Vec<String>> {
    let elements = value.as_sequence()?.iter().take(MAX_ELEMENTS);
    let text = |element: &Value| match element {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    elements.map(text).collect()
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
