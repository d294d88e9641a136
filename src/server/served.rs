//! The configuration that is served, as the admin listener shows it.

use crate::config::Config;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The document of the configuration that is served, and what happened to it since.
pub(super) struct Served {
    pub document: String,
    pub hash: String,
    /// The sections that the file has changed and only a restart can apply.
    pub needs_restart: Vec<&'static str>,
    /// Not before 1970, which can't be written.
    since: (SystemTime, Instant),
    /// Time and errors of the last attempt to replace it, if that was rejected.
    rejected: Option<(Instant, String)>,
}

// === impl Served ===

impl Served {
    pub(super) fn new(config: &Config, needs_restart: Vec<&'static str>) -> Self {
        Self {
            document: config.document.clone(),
            hash: config.hash.clone(),
            needs_restart,
            since: (SystemTime::now().max(UNIX_EPOCH), Instant::now()),
            rejected: None,
        }
    }

    /// Remembers an attempt to replace the configuration that failed with these errors.
    pub(super) fn reject(&mut self, errors: String) {
        self.rejected = Some((Instant::now(), errors));
    }

    /// Writes the configuration as YAML, with what is known about it in comments before it.
    pub(super) fn page(&self, file: &Path) -> String {
        let Self {
            document,
            hash,
            needs_restart,
            since: (time, instant),
            rejected,
        } = self;
        let age = |instant: &Instant| {
            let seconds = Duration::from_secs(instant.elapsed().as_secs());
            humantime::format_duration(seconds).to_string()
        };
        let mut page = format!(
            "# file: {}\n# hash: {hash}\n# since: {}\n# age: {}\n",
            file.display(),
            humantime::format_rfc3339_seconds(*time),
            age(instant)
        );
        if !needs_restart.is_empty() {
            let sections = needs_restart.join(", ");
            page.push_str(&format!(
                "# changed in the file, applied after a restart: {sections}\n"
            ));
        }
        if let Some((when, errors)) = rejected {
            page.push_str(&format!("# last reload rejected {} ago:\n", age(when)));
            for line in errors.lines() {
                page.push_str(&format!("#   {line}\n"));
            }
        }
        page + document
    }
}
