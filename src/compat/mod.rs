//! The drop-in for Google's ESPv2, and for its predecessor ESP: their flags, the environment of their
//! serverless images and the descriptions of services become an ordinary configuration.
//!
//! ```text
//! command line, environment ──▶ flags/        Options
//! service configuration, OpenAPI ──▶ description/  Description
//!                     Options + Description ──▶ translate/   YAML with comments ──▶ config
//! ```
//!
//! *Invariant:* the text that `corsgate import` prints is the one that `corsgate espv2` serves, and nothing
//! in it is an option that only a translation may set.

mod address;
pub mod description;
pub mod flags;
mod translate;

pub use address::{Address, Scheme};
pub use translate::Notes;

use crate::config::{Config, ConfigError, Diagnostic, Severity, Sources};
use description::{Demand, Description, Kind};
use flags::{CertificateFiles, FlagError, Options, Source};
use std::path::{Path, PathBuf};
use translate::{Origins, Translation, translate};

/// A gateway as the flags of ESPv2 describe it. Its description is read each time that it is asked for.
pub struct Espv2 {
    /// The name that messages have for its configuration.
    name: PathBuf,
    options: Options,
}

/// The kind of description that a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    OpenApi,
    ServiceConfig,
}

/// A translation with its sources.
struct Translated {
    translation: Translation,
    sources: Sources,
}

/// Maximum number of demands for keys and tokens that an error lists; the others are counted.
const MAX_DEMANDS: usize = 10;

// === impl Espv2 ===

impl Espv2 {
    /// Reads the flags, and environment variables by a look-up; `None` if they ask for help. Messages call the
    /// configuration `name`.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the flags.
    pub fn parse(
        arguments: &[String],
        environment: &dyn Fn(&str) -> Option<String>,
        name: &Path,
    ) -> Result<Option<Self>, ConfigError> {
        match flags::parse(arguments, environment) {
            Ok(options) => Ok(options.map(|options| Self {
                name: name.to_owned(),
                options,
            })),
            Err(errors) => Err(ConfigError {
                diagnostics: errors
                    .into_iter()
                    .map(|error| of_flag(name, error))
                    .collect(),
                sources: Sources::default(),
            }),
        }
    }

    /// Makes the configuration. The notes have its warnings, too.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the description or with files that flags name, and refuses a
    /// description that demands keys or tokens, which are not checked here.
    pub fn config(&self) -> Result<(Config, Notes), ConfigError> {
        let Translated {
            translation,
            sources,
        } = self.translated(None, true)?;
        let Translation {
            text,
            mut notes,
            origins,
        } = translation;
        let config = Config::parse_made(&text, &self.name, sources);
        let config = config.map_err(|error| located(error, &origins, |_| true))?;
        notes.add_warnings(&config.warnings, &origins);
        Ok((config, notes))
    }

    /// Returns the configuration as text, which says at its top that `command` made it.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the description, or with values of flags that the check of the
    /// configuration refuses.
    pub fn printed(
        &self,
        command: &[String],
        expected: Option<Expected>,
    ) -> Result<String, ConfigError> {
        let Translated {
            translation,
            sources,
        } = self.translated(expected, false)?;
        let Translation {
            text,
            mut notes,
            origins,
        } = translation;
        match Config::parse_made(&text, &self.name, sources) {
            Ok(config) => notes.add_warnings(&config.warnings, &origins),
            Err(error) => {
                // The files of TLS may be on another machine.
                let is_of_file = |d: &Diagnostic| d.path.contains(".tls.");
                let error = located(error, &origins, |d| !is_of_file(d));
                if error.errors().next().is_some() {
                    return Err(error);
                }
            }
        }
        notes.warn_of_size(text.len());
        let command: Vec<String> = command.iter().map(|word| shell_word(word)).collect();
        Ok(notes.heading(&command.join(" ")) + &text)
    }

    fn translated(
        &self,
        expected: Option<Expected>,
        is_served: bool,
    ) -> Result<Translated, ConfigError> {
        let Self { name, options } = self;
        let mut sources = Sources::default();
        let refused = |diagnostics, sources: &Sources| ConfigError {
            diagnostics,
            sources: sources.clone(),
        };
        let description = read_description(name, options, expected, &mut sources)
            .map_err(|errors| refused(errors, &sources))?;
        let mut errors = Vec::new();
        if is_served {
            errors.extend(missing_files(name, options));
            errors.extend(unmet_demands(options, description.as_ref()));
        }
        if !errors.is_empty() {
            return Err(refused(errors, &sources));
        }
        match translate(options, description.as_ref()) {
            Ok(translation) => Ok(Translated {
                translation,
                sources,
            }),
            Err(error) => Err(refused(vec![of_flag(name, *error)], &sources)),
        }
    }
}

/// Puts the errors of a made configuration where their causes are, each once, and leaves out those that do not
/// count.
fn located(
    error: ConfigError,
    origins: &Origins,
    counts: impl Fn(&Diagnostic) -> bool,
) -> ConfigError {
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let errors = error.diagnostics.into_iter();
    for diagnostic in errors.filter(|d| d.is_error() && counts(d)) {
        let diagnostic = origins.located(diagnostic);
        if !diagnostics.contains(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }
    ConfigError {
        diagnostics,
        sources: error.sources,
    }
}

/// Writes an argument as a shell reads it.
fn shell_word(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    match !argument.is_empty() && argument.chars().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

/// Makes the diagnostic of a flag's error.
fn of_flag(name: &Path, error: FlagError) -> Diagnostic {
    let FlagError {
        flag,
        source,
        message,
        hint,
    } = error;
    let path = match source {
        Source::Variable(variable) if variable != flag => format!("{flag} in {variable}"),
        Source::Flag | Source::Variable(_) | Source::Default => flag,
    };
    Diagnostic {
        path,
        hint,
        ..Diagnostic::of_file(name, message)
    }
}

/// Reads the description that the flags name, if they name one.
fn read_description(
    name: &Path,
    options: &Options,
    expected: Option<Expected>,
    sources: &mut Sources,
) -> Result<Option<Description>, Vec<Diagnostic>> {
    let Some(file) = &options.description else {
        return Ok(None);
    };
    let path = Path::new(file);
    let text = sources.read_description(path).map_err(|error| {
        let message = format!("can't read the description {file}: {error}");
        vec![Diagnostic {
            path: "--service_json_path".to_owned(),
            hint: Some(
                "name the file of a service configuration or of an OpenAPI document".to_owned(),
            ),
            ..Diagnostic::of_file(name, message)
        }]
    })?;
    let mut description = description::read(&text, path)?;
    let is_openapi = description.kind != Kind::ServiceConfig;
    let command = match expected {
        Some(Expected::OpenApi) if !is_openapi => Some("service-config"),
        Some(Expected::ServiceConfig) if is_openapi => Some("openapi"),
        _ => None,
    };
    if let Some(command) = command {
        let message = format!("this is {}", description.kind.with_article());
        return Err(vec![Diagnostic {
            hint: Some(format!("write `corsgate import {command}`")),
            ..Diagnostic::of_file(path, message)
        }]);
    }
    if options.overrides_backend_addresses {
        description.override_backends();
    }
    description.declare_grpc_methods(options.backend.scheme.is_grpc());
    Ok(Some(description))
}

/// Returns an error for each file of TLS that is not there.
fn missing_files(name: &Path, options: &Options) -> Vec<Diagnostic> {
    let pair = |files: &CertificateFiles| {
        let CertificateFiles {
            certificate,
            private_key,
            flag,
        } = files.clone();
        [(flag, certificate), (flag, private_key)]
    };
    let listeners = options.listeners.iter();
    let pairs = listeners.filter_map(|listener| listener.certificate.as_ref());
    let pairs = pairs.chain(&options.backend_tls.client_certificate);
    let of = |flag, file: &Option<String>| Some((flag, file.clone()?));
    let others = [
        of("--ssl_server_root_cert_path", &options.client_authorities),
        of(
            "--ssl_backend_client_root_certs_file",
            &options.backend_tls.root_certificates,
        ),
    ];
    let files = pairs.flat_map(pair).chain(others.into_iter().flatten());
    let missing = files.filter_map(|(flag, path)| {
        let error = Sources::check(Path::new(&path)).err()?;
        Some(Diagnostic {
            path: flag.to_owned(),
            hint: Some("put it there, or name another place".to_owned()),
            ..Diagnostic::of_file(name, format!("can't read {path}: {error}"))
        })
    });
    missing.collect()
}

/// Returns the errors about keys and tokens that the description demands, unless the operator has said that
/// they are checked elsewhere.
fn unmet_demands(options: &Options, description: Option<&Description>) -> Vec<Diagnostic> {
    let Some((file, description)) = options.description.as_ref().zip(description) else {
        return Vec::new();
    };
    if options.dangerously_no_authentication {
        return Vec::new();
    }
    let file = Path::new(file);
    let of = |demand: &Demand| Diagnostic {
        place: Some(demand.place),
        path: demand.path.clone(),
        hint: Some(
            "have the backend check it, and then add `--corsgate_dangerously_no_authentication`"
                .to_owned(),
        ),
        ..Diagnostic::of_file(file, format!("{demand} is demanded, and not checked here"))
    };
    let mut errors: Vec<Diagnostic> = description
        .demands
        .iter()
        .take(MAX_DEMANDS)
        .map(of)
        .collect();
    let more = description.demands.len() - errors.len();
    errors.extend(Diagnostic::of_more(Severity::Error, file, more));
    errors
}

#[cfg(test)]
mod tests;
