//! `corsgate serve --config FILE`

use super::CommandError;
use super::config_file::ConfigFile;
use super::log::run_logged;
use crate::config::{Config, ConfigSource};
use crate::server::HeldSignals;
use clap::Args;
use std::process::ExitCode;
use tracing::warn;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Take the listeners of the running process over: start this one, then send SIGQUIT to that one.
    ///
    /// Both need the same server.run_directory, or $RUNTIME_DIRECTORY, and the same user. The running
    /// process serves on until this one does, and then drains. This one ends if it is not sent the signal
    /// within five minutes.
    #[arg(long)]
    upgrade: bool,
}

pub(super) fn run(held: HeldSignals, options: Options) -> Result<ExitCode, CommandError> {
    let Options { file, upgrade } = options;
    let file = file.path();
    run_logged(held, |process, log| {
        let config = Config::load(&file)?;
        log.subscribe(config.log)?;
        for warning in config.logged() {
            warn!("{}", warning.one_line());
        }
        process.serve(config, ConfigSource::file(&file), upgrade, |_| Ok(()))
    })
}
