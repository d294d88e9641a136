//! `corsgate completions SHELL`

use super::output::print;
use super::{Cli, CommandError};
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

pub(super) fn run(shell: Shell) -> Result<ExitCode, CommandError> {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    // Into a buffer, because the generators panic when a pipe is closed.
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
