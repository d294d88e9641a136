//! The text of a configuration, kept to say where its values are written.
//!
//! Only explain asks, and seldom: the text is indexed when it does, so that a running gateway keeps no
//! index.

use super::error::Place;
use super::report::Locator as _;
use super::yaml::Places;
use std::path::{Path, PathBuf};

/// A configuration file as it was read.
#[derive(Debug, Clone, Default)]
pub struct Written {
    file: PathBuf,
    text: Box<str>,
}

/// The places of a configuration's values.
pub struct WrittenPlaces<'a> {
    file: &'a Path,
    places: Places,
}

/// The place of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPlace {
    /// The path of what is written there: behind an alias, that of the anchor.
    pub path: String,
    /// `None` in a document without any value.
    pub place: Option<Place>,
    /// Whether the value itself is written. If it is not, the place is that of the value around it.
    pub is_written: bool,
}

// === impl Written ===

impl Written {
    pub(super) fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.into(),
        }
    }

    /// Indexes the text.
    pub fn places(&self) -> WrittenPlaces<'_> {
        WrittenPlaces {
            file: &self.file,
            // The text was indexed before, when it was compiled.
            places: Places::of_document(&self.text).unwrap_or_default(),
        }
    }
}

// === impl WrittenPlaces ===

impl WrittenPlaces<'_> {
    /// Returns the name of the file, as messages about it have it.
    pub fn file(&self) -> &Path {
        self.file
    }

    /// Finds where the value at `path` is written.
    pub fn find(&self, path: &str) -> WrittenPlace {
        let is_written = self.places.contains(path);
        match self.places.written(path) {
            Some(spot) => WrittenPlace {
                path: spot.path,
                place: spot.place,
                is_written,
            },
            None => WrittenPlace {
                path: path.to_owned(),
                place: None,
                is_written,
            },
        }
    }

    /// Finds the element of the list at `path` that is written as `value`.
    pub fn element(&self, path: &str, value: &str) -> Option<WrittenPlace> {
        let elements = (0..).map(|index| format!("{path}[{index}]"));
        let found = elements
            .take_while(|element| self.places.contains(element))
            .find(|element| {
                let spot = self.places.written(element);
                spot.is_some_and(|spot| spot.value.as_deref() == Some(value))
            });
        found.map(|element| self.find(&element))
    }
}
