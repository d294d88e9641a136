//! `corsgate serve --config FILE`

use super::CommandError;
use super::log::run_logged;
use crate::config::{Config, ConfigSource};
use crate::server::HeldHangups;
use std::path::Path;
use std::process::ExitCode;
use tracing::warn;

pub(super) fn run(held: HeldHangups, file: &Path) -> Result<ExitCode, CommandError> {
    run_logged(held, |process, log| {
        let config = Config::load(file)?;
        log.subscribe()?;
        for warning in config.logged() {
            warn!("{}", warning.one_line());
        }
        process.serve(config, ConfigSource::file(file), |_| Ok(()))
    })
}
