//! The configuration file, which commands take as an argument or as a flag.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct ConfigFile {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The configuration file, as a flag.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

// === impl ConfigFile ===

impl ConfigFile {
    /// Returns the path. The argument parser sees to it that there is one.
    pub(super) fn path(self) -> PathBuf {
        self.file.or(self.config).unwrap_or_default()
    }
}
