//! What is wrong with a configuration, and where.

use super::sources::Sources;
use crate::cors::Probe;
use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    Error,
    /// It can be served, and is hardly what its author means.
    Warning,
    /// It says openly what it does, and is worth a second look all the same. For `check` alone.
    Note,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    pub severity: Severity,
    pub file: PathBuf,
    /// `None` where the file as a whole is meant.
    pub place: Option<Place>,
    /// The path in the document, such as `routes[2].cors`; empty for the document itself.
    pub path: String,
    /// The value that stands there, as it is written, where that is one string, number or word.
    pub value: Option<String>,
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
    /// Everything of what a CORS scanner sends that gets through here, where that is what is wrong.
    pub probes: Vec<Probe>,
}

/// A problem without its place: the message, and what to write instead where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub message: String,
    pub hint: Option<String>,
}

/// A [`Diagnostic`] without its severity.
#[derive(Debug)]
struct Located<'a>(&'a Diagnostic);

/// Everything that is wrong with a configuration that can't be used.
#[derive(Debug)]
pub struct ConfigError {
    /// The errors, and the warnings and notes among them, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// What was read before it turned out: whoever waits for it to be mended watches these.
    pub sources: Sources,
}

// === impl Severity ===

impl Severity {
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
    pub(super) fn new(severity: Severity, file: &Path, problem: Problem) -> Self {
        let Problem { message, hint } = problem;
        Self {
            severity,
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

    /// Where and what, with the hint, on one line: for a log.
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
        // What an operator's file contains is shown with its control characters escaped: a message
        // is two lines, whatever it quotes.
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
    /// Two lines at the most: `error: FILE:LINE:COLUMN: PATH: MESSAGE`, and the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity.as_str())?;
        self.write_located(f)
    }
}

/// Whether `message` has `value` in it as a word of its own.
fn mentions(message: &str, value: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    message.match_indices(value).any(|(at, _)| {
        let (before, after) = (&message[..at], &message[at + value.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// `text` with its control characters escaped: safe to print, whoever has written it.
pub fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = c.is_control().then(|| c.escape_default());
            let plain = (!c.is_control()).then_some(c);
            escape.into_iter().flatten().chain(plain)
        })
        .collect()
}

// === impl Problem ===

impl Problem {
    /// Adds what to write instead.
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
