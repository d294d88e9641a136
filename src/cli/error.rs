//! What a command fails with.

use crate::config::{ConfigError, Diagnostic};
use crate::server::StartError;
use std::io;

/// Why a command failed, as it is told on stderr; the exit status is 1. Wrong usage is not among it:
/// that is the argument parser's, and 2.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    /// Each of its diagnostics says by itself how bad it is.
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

// === impl CommandError ===

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Listen(diagnostic) => Self::Diagnostic(diagnostic),
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
