//! `corsgate serve --config FILE`

use super::{CommandError, start_logging};
use crate::config::Config;
use crate::server::Server;
use std::path::Path;
use std::process::ExitCode;
use tracing::warn;

pub(super) fn run(file: &Path) -> Result<ExitCode, CommandError> {
    let config = Config::load(file)?;
    start_logging()?;
    for warning in &config.warnings {
        warn!("{}", warning.one_line());
    }
    Server::serve(config, file, |_| Ok::<(), CommandError>(()))?;
    Ok(ExitCode::SUCCESS)
}
