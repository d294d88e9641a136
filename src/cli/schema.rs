//! `corsgate schema`

use super::CommandError;
use super::output::print;
use std::process::ExitCode;

pub(super) fn run() -> Result<ExitCode, CommandError> {
    print(&format!("{}\n", crate::config::schema()))?;
    Ok(ExitCode::SUCCESS)
}
