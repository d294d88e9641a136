//! Problems and remarks about flags, with where each value comes from.

use crate::config::Problem;
use std::fmt;

/// Maximum number of errors that are reported; beyond it, the first ones are.
const MAX_ERRORS: usize = 100;

/// The place that a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// An environment variable, such as `ESPv2_ARGS`.
    Variable(&'static str),
    /// Neither: it is ESPv2's default.
    Default,
}

/// An error in the arguments or the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagError {
    /// The flag as it is called, a whole argument that is not one, or the name of a variable.
    pub flag: String,
    pub source: Source,
    pub message: String,
    /// The thing to do.
    pub hint: Option<String>,
}

/// A line for the operator about a flag that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub flag: String,
    pub source: Source,
    pub kind: RemarkKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemarkKind {
    /// The flag changes nothing, and clients notice no difference.
    NoEffect,
    /// Clients, backends or the operator will notice something.
    Warning,
}

/// The problems and remarks that were found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    errors: Vec<FlagError>,
    remarks: Vec<Remark>,
}

// === impl Source ===

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

// === impl FlagError ===

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        subject(f, &self.flag, self.source)?;
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FlagError {}

// === impl Remark ===

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        subject(f, &self.flag, self.source)?;
        match self.kind {
            RemarkKind::NoEffect => write!(f, "no effect: {}", self.message),
            RemarkKind::Warning => f.write_str(&self.message),
        }
    }
}

// === impl Report ===

impl Report {
    pub(super) fn error(
        &mut self,
        flag: impl Into<String>,
        source: Source,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problem(flag, source, Problem::new(message, hint));
    }

    pub(super) fn problem(&mut self, flag: impl Into<String>, source: Source, problem: Problem) {
        let Problem { message, hint } = problem;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FlagError {
                flag: flag.into(),
                source,
                message,
                hint,
            });
        }
    }

    /// Notes a remark, once for a flag and a message.
    fn remark(&mut self, kind: RemarkKind, flag: &str, source: Source, message: String) {
        let remark = Remark {
            flag: flag.to_owned(),
            source,
            kind,
            message,
        };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    pub(super) fn no_effect(&mut self, flag: &str, source: Source, message: impl Into<String>) {
        self.remark(RemarkKind::NoEffect, flag, source, message.into());
    }

    pub(super) fn warn(&mut self, flag: &str, source: Source, message: impl Into<String>) {
        self.remark(RemarkKind::Warning, flag, source, message.into());
    }

    /// Returns the remarks.
    ///
    /// # Errors
    ///
    /// Returns the errors, if there are any.
    pub(super) fn finish(self) -> Result<Vec<Remark>, Vec<FlagError>> {
        match self.errors.is_empty() {
            true => Ok(self.remarks),
            false => Err(self.errors),
        }
    }
}

/// Writes the flag with the variable that it stands in.
fn subject(f: &mut fmt::Formatter<'_>, flag: &str, source: Source) -> fmt::Result {
    match source {
        Source::Variable(name) if name != flag => write!(f, "{flag} (in {name}): "),
        _ => write!(f, "{flag}: "),
    }
}
