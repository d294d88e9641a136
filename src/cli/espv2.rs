//! `corsgate espv2 FLAGS`: the gateway with the flags of ESPv2 and ESP.

use super::CommandError;
use super::log::run_logged;
use super::output::print;
use crate::compat::flags::flags;
use crate::compat::{Espv2, Notes};
use crate::config::ConfigSource;
use crate::server::HeldSignals;
use clap::Args;
use std::path::Path;
use std::process::ExitCode;
use tracing::{info, warn};

/// The name of the configuration in messages; files that it names are relative to the current folder.
const NAME: &str = "espv2";

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Flags of ESPv2 and ESP, such as `--backend=http://127.0.0.1:8082 --cors_preset=basic`.
    #[arg(
        value_name = "FLAGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub flags: Vec<String>,
}

pub(super) fn run(held: HeldSignals, options: Options) -> Result<ExitCode, CommandError> {
    let variable = |name: &str| std::env::var(name).ok();
    let Some(espv2) = Espv2::parse(&options.flags, &variable, Path::new(NAME))? else {
        print(&help())?;
        return Ok(ExitCode::SUCCESS);
    };
    run_logged(held, |process, log| {
        let (config, notes) = espv2.config()?;
        log.subscribe(config.log)?;
        log_notes(&notes);
        let again = move || espv2.config().map(|(config, _)| config);
        process.serve(
            config,
            ConfigSource::made(Path::new(NAME), again),
            false,
            |_| Ok(()),
        )
    })
}

fn log_notes(notes: &Notes) {
    for danger in &notes.dangers {
        warn!("UNSAFE: {danger}");
    }
    for warning in &notes.warnings {
        warn!("{warning}");
    }
    for note in &notes.infos {
        info!("{note}");
    }
}

/// Returns all flags, each with its effect, for the help.
pub(super) fn help() -> String {
    let mut help = "Flags:\n".to_owned();
    for flag in flags() {
        help.push_str(&format!("  {}\n      {}\n", flag.usage(), flag.effect));
    }
    help
}
