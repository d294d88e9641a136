//! Writing results.

use clap::ValueEnum;
use serde::Serialize;
use std::io::{self, Write as _};

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// One object, for programs.
    Json,
}

/// Writes one object to stdout, its keys in the order in which they are declared.
///
/// # Errors
///
/// As [`print()`].
pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Writes to stdout. A reader that has closed it, as `head` does, has read enough: not an error.
///
/// # Errors
///
/// Where stdout can't be written, such as on a full disk.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes to stderr. If that can't be written, there is no other place to say so.
pub(super) fn complain(text: &str) {
    // Unlike `eprintln!`, which panics.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
