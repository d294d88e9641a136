//! The error of a command, and the exit status of wrong usage.

use crate::config::{ConfigError, Diagnostic};
use crate::server::StartError;
use std::io;

/// Error of a command, for stderr; the exit status is 1. Wrong usage has the status 2 and is not among
/// these errors: most of it is found by the argument parser.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// Each diagnostic has its own severity, so that no `error: ` is put before them.
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Diagnostic(Box<Diagnostic>),
    #[error("error: {0}")]
    Start(StartError),
    #[error("error: {0}")]
    Io(#[from] io::Error),
    #[error("error: {0}")]
    Other(String),
}

/// The exit status of wrong usage: the one that the argument parser exits with.
pub(super) const WRONG_USAGE: u8 = 2;

// === impl CommandError ===

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configured(diagnostic) => Self::Diagnostic(diagnostic),
            other => Self::Start(other),
        }
    }
}

impl From<String> for CommandError {
    fn from(message: String) -> Self {
        Self::Other(message)
    }
}

impl From<&str> for CommandError {
    fn from(message: &str) -> Self {
        Self::Other(message.to_owned())
    }
}
