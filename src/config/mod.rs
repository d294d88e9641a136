//! A configuration file's text → a validated, compiled [`Config`], or everything wrong with it.
//!
//! `yaml` reads text into `raw`, which mirrors the file and has no rules. `compile` applies the
//! rules, and `lint` warns of configurations that can be served but that the operator hardly means.
//! All of them hand what they find to a `report`, which locates it in the file.
//!
//! *Invariant:* nothing here starts anything, and no raw value leaves this module. A [`Config`]
//! that exists can be served, ports and files permitting.

mod compile;
mod compiled;
mod edits;
mod error;
mod lint;
mod raw;
mod report;
mod schema;
mod source;
mod sources;
mod suggest;
mod variables;
mod warning;
mod written;
mod yaml;

pub use compile::{
    EditAction, EditedHeader, Espv2Segment, Espv2TemplateForm, MAX_RETRIES, MAX_TRUSTED_PROXIES,
    espv2_template, refused_edit,
};
pub use compiled::{
    AccessLog, AccessLogFormat, Admin, Config, Endpoint, HashKey, HealthCheck, Limits,
    ListenAddress, Listener, ListenerTls, LoadBalancing, LogField, LogFields, LogFormat, LogPath,
    OutlierDetection, Protocol, RateLimit, Route, ServedCertificate, Server, Timeouts, Traces,
    UNMATCHED, Upstream, UpstreamKind, bracketed,
};
pub use edits::{Edits, FieldEdit, HeaderEdits, HostRewrite, PathRewrite};
pub(crate) use error::Firsts;
pub use error::{ConfigError, Diagnostic, Place, Problem, Severity, escaped};
pub use lint::MAX_USEFUL_MAX_AGE;
pub use schema::schema;
pub use source::ConfigSource;
pub use sources::{MAX_CONFIG_BYTES, Sources};
pub use warning::WarningName;
pub use written::{Written, WrittenPlace, WrittenPlaces};
pub use yaml::{Shape, Tree, TreeValue};

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

// === impl Config ===

impl Config {
    /// Reads and compiles the file at `path`.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with it and with the files that it names, in their order.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_by(Sources::read_config, path)
    }

    /// Does the same as [`Config::load`] for a file that is read once and not served, which may be
    /// a pipe.
    ///
    /// # Errors
    ///
    /// The same as [`Config::load`].
    pub fn load_once(path: &Path) -> Result<Self, ConfigError> {
        Self::load_by(Sources::read_config_from_anything, path)
    }

    fn load_by(
        read: fn(&mut Sources, &Path) -> io::Result<String>,
        path: &Path,
    ) -> Result<Self, ConfigError> {
        let mut sources = Sources::default();
        match read(&mut sources, path) {
            Ok(text) => compile::compile(&text, path, &variable, sources),
            Err(error) => {
                let message = format!("can't read the configuration: {error}");
                Err(ConfigError {
                    diagnostics: vec![Diagnostic {
                        hint: sources::hint(&error).map(str::to_owned),
                        ..Diagnostic::of_file(path, message)
                    }],
                    sources,
                })
            }
        }
    }

    /// Compiles `text`. Messages call it `path`, and the files that it names are relative to
    /// `path`.
    ///
    /// # Errors
    ///
    /// The same as [`Config::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        compile::compile(text, path, &variable, Sources::default())
    }

    /// Does the same as [`Config::parse`] for a text that was made of the files in `sources`.
    ///
    /// # Errors
    ///
    /// The same as [`Config::load`].
    pub fn parse_made(text: &str, path: &Path, sources: Sources) -> Result<Self, ConfigError> {
        compile::compile(text, path, &variable, sources)
    }

    /// Does the same as [`Config::parse`], with the variables of `environment`.
    ///
    /// # Errors
    ///
    /// The same as [`Config::load`].
    pub fn parse_in(
        text: &str,
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let environment = |name: &str| environment(name).map(OsString::from);
        compile::compile(text, path, &environment, Sources::default())
    }
}

/// Returns a configuration's `document` with these sections taken from `other`.
pub fn with_sections(document: &str, other: &str, sections: &[&str]) -> String {
    yaml::with_sections(document, other, sections)
}

/// Returns the time in seconds since 1970, as certificates state theirs.
pub fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

/// Reads a variable of the process.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
