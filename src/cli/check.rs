//! `corsgate check FILE`

use super::CommandError;
use crate::config::Config;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(file: &Path) -> Result<ExitCode, CommandError> {
    let config = Config::load(file)?;
    for warning in &config.warnings {
        eprintln!("{warning}");
    }
    let (routes, upstreams) = (config.routes.len(), config.upstreams.len());
    println!(
        "{}: ok (routes: {routes}, upstreams: {upstreams})",
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}
