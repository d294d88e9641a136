//! The place that a configuration comes from, to be read there again.

use super::compiled::Config;
use super::error::ConfigError;
use super::sources::Sources;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The place that a configuration comes from: a file, or a function that makes it of other files.
#[derive(Clone)]
pub struct ConfigSource {
    /// The path of the file, or the name that messages have for the configuration.
    name: PathBuf,
    read: Option<Read>,
}

/// Makes the configuration.
type Read = Arc<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

// === impl ConfigSource ===

impl ConfigSource {
    /// Makes the source of a configuration in the file at `path`.
    pub fn file(path: &Path) -> Self {
        Self {
            name: path.to_owned(),
            read: None,
        }
    }

    /// Makes the source of a configuration that `read` makes. Messages call it `name`.
    pub fn made(
        name: &Path,
        read: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            read: Some(Arc::new(read)),
        }
    }

    /// Returns the path of the file, or the name of the configuration.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`], and of the function.
    pub fn load(&self) -> Result<Config, ConfigError> {
        match &self.read {
            Some(read) => read(),
            None => Config::load(&self.name),
        }
    }

    /// Returns the files of a configuration that came from here, whose change makes it worth reading
    /// again: none if the configuration's own file is not among them, because it was given as text.
    pub fn files(&self, sources: &Sources) -> Vec<PathBuf> {
        match self.read.is_some() || sources.contains(&self.name) {
            true => sources.paths().map(Path::to_owned).collect(),
            false => Vec::new(),
        }
    }
}
