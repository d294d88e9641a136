//! Problems of a configuration, each with its place, and the error that holds all of them.

use super::sources::Sources;
use super::warning::WarningName;
use crate::cors::Probe;
use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The severity of a [`Diagnostic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The configuration can't be served.
    Error,
    /// The configuration can be served, but the operator hardly means it.
    Warning,
    /// The configuration states openly what it does, and is worth a second look all the same; or
    /// it acknowledges a warning. Only `corsgate check` shows notes.
    Note,
}

/// One problem of a configuration, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The name of a warning; `None` for an error. An acknowledged warning is a note with a name.
    pub name: Option<WarningName>,
    pub file: PathBuf,
    /// `None` if the problem is about the file as a whole.
    pub place: Option<Place>,
    /// The path in the document, such as `routes[2].cors`; empty for the document itself.
    pub path: String,
    /// The value there, as it is written, if it is one string, number or word.
    pub value: Option<String>,
    pub message: String,
    /// The remedy, such as the text to write instead, if it is known.
    pub hint: Option<String>,
    /// All origins of a CORS scanner that get through here, if that is the problem.
    pub probes: Vec<Probe>,
}

/// A problem without its place: the message, and the remedy if it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: Option<String>,
}

/// Maximum number of problems of one severity that are reported; the others are counted.
pub(super) const MAX_REPORTED: usize = 100;

/// Maximum bytes of a message, a hint, a path or a value in a diagnostic; a longer one is shortened.
const MAX_TEXT: usize = 1_000;

/// The first [`MAX_REPORTED`] elements of a list, and how many more there are.
#[derive(Debug)]
pub(crate) struct Firsts<T> {
    pub kept: Vec<T>,
    pub more: usize,
}

/// A [`Diagnostic`] without its severity.
#[derive(Debug)]
struct Located<'a>(&'a Diagnostic);

/// All problems of a configuration that can't be served.
#[derive(Debug)]
pub struct ConfigError {
    /// The errors, with the warnings and notes between them, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read so far. The gateway watches them until the configuration is mended.
    pub sources: Sources,
}

// === impl Severity ===

impl Severity {
    pub(super) const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// Makes a diagnostic about a file as a whole.
    pub(crate) fn new(severity: Severity, file: &Path, problem: Problem) -> Self {
        let Problem { message, hint } = problem;
        Self {
            severity,
            name: None,
            file: file.to_owned(),
            place: None,
            path: String::new(),
            value: None,
            message,
            hint,
            probes: Vec::new(),
        }
    }

    /// Makes an error about a file as a whole.
    pub fn of_file(file: &Path, message: String) -> Self {
        Self::new(Severity::Error, file, message.into())
    }

    /// Makes the diagnostic in place of so many others of this severity; `None` if there are none.
    pub(crate) fn of_more(severity: Severity, file: &Path, more: usize) -> Option<Self> {
        let what = match more {
            0 => return None,
            1 => format!("1 more {} is not listed", severity.as_str()),
            _ => format!("{more} more {}s are not listed", severity.as_str()),
        };
        Some(Self::new(severity, file, what.into()))
    }

    /// Shortens all its texts, which quote a file of any size.
    pub(crate) fn shortened(self) -> Self {
        Self {
            path: shortened(self.path),
            value: self.value.map(shortened),
            message: shortened(self.message),
            hint: self.hint.map(shortened),
            ..self
        }
    }

    /// Returns place, message and hint on one line, for a log.
    pub fn one_line(&self) -> String {
        Located(self).to_string().replace("\n  ", "; ")
    }

    fn write_located(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(&self.file.display().to_string()))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", escaped(&self.path))?;
        }
        // Control characters from an operator's file are escaped, so that a message is at most two
        // lines, whatever it quotes.
        if let Some(value) = self.value.as_deref()
            && !mentions(&self.message, value)
        {
            write!(f, ": `{}`", escaped(value))?;
        }
        write!(f, ": {}", escaped(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", escaped(hint)),
            None => Ok(()),
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Located<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_located(f)
    }
}

impl fmt::Display for Diagnostic {
    /// Writes at most two lines: `error: FILE:LINE:COLUMN: PATH: MESSAGE`, and the hint. A warning's
    /// name stands behind its severity: `warning[NAME]: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.severity.as_str())?;
        if let Some(name) = self.name {
            write!(f, "[{}]", name.as_str())?;
        }
        f.write_str(": ")?;
        self.write_located(f)
    }
}

/// Whether `value` stands in `message` as a word of its own.
fn mentions(message: &str, value: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    message.match_indices(value).any(|(at, _)| {
        let (before, after) = (&message[..at], &message[at + value.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Escapes the control characters of `text`, so that it is safe to print whatever its author.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escape.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Leaves the middle of a long text out: its start names the value, its end says what is wrong.
pub(super) fn shortened(text: String) -> String {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let start = (0..=MAX_TEXT / 2).rev().find(is_boundary);
    let end = (text.len() - MAX_TEXT / 2..text.len()).find(is_boundary);
    let (start, end) = (start.unwrap_or(0), end.unwrap_or(text.len()));
    format!("{} … {}", &text[..start], &text[end..])
}

// === impl Firsts ===

impl<T> Firsts<T> {
    /// Adds an element, or counts it.
    pub(super) fn push(&mut self, element: T) {
        self.push_with(|| element);
    }

    /// Adds an element that is only made if it is kept, or counts it.
    pub(crate) fn push_with(&mut self, make: impl FnOnce() -> T) {
        match self.is_full() {
            true => self.more += 1,
            false => self.kept.push(make()),
        }
    }

    /// Whether another element would only be counted.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= MAX_REPORTED
    }
}

impl<T> Default for Firsts<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            more: 0,
        }
    }
}

// === impl Problem ===

impl Problem {
    /// Makes a problem with its remedy.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// Adds the remedy.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self {
            message,
            hint: None,
        }
    }
}

impl From<&str> for Problem {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

// === impl ConfigError ===

impl ConfigError {
    /// Returns the errors, which keep the configuration from being served, without the warnings and
    /// notes between them.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.is_error())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_told = |d: &&Diagnostic| d.severity != Severity::Note;
        for (index, diagnostic) in self.diagnostics.iter().filter(is_told).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}
