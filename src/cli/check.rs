//! `corsgate check FILE`

use super::{CommandError, say};
use crate::config::Config;
use std::path::Path;

pub(super) fn run(file: &Path) -> Result<(), CommandError> {
    let config = Config::load(file)?;
    for warning in &config.warnings {
        say(&warning.to_string());
    }
    let (routes, upstreams) = (config.routes.len(), config.upstreams.len());
    println!(
        "{}: ok (routes: {routes}, upstreams: {upstreams})",
        file.display()
    );
    Ok(())
}
