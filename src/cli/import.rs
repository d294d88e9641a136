//! `corsgate import`: another gateway's flags or description, printed as a configuration.

use super::output::print;
use super::{CommandError, espv2};
use crate::compat::{Espv2, Expected};
use clap::{Args, Subcommand};
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Translate the flags and the environment variables of ESPv2 and ESP, with the description that they name.
    Espv2(espv2::Options),
    /// Translate an OpenAPI document, 2.0 or 3.x, with the extensions of Google Cloud Endpoints.
    Openapi(FileOptions),
    /// Translate a service configuration of Google Cloud Endpoints, in JSON or YAML.
    ServiceConfig(FileOptions),
}

#[derive(Debug, Args)]
struct FileOptions {
    /// The document.
    #[arg(value_name = "FILE")]
    file: String,
    #[command(flatten)]
    flags: espv2::Options,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    let (kind, file, expected, flags) = match options.kind {
        Kind::Espv2(espv2::Options { flags }) => ("espv2", None, None, flags),
        Kind::Openapi(FileOptions { file, flags }) => {
            ("openapi", Some(file), Some(Expected::OpenApi), flags.flags)
        }
        Kind::ServiceConfig(FileOptions { file, flags }) => {
            let expected = Some(Expected::ServiceConfig);
            ("service-config", Some(file), expected, flags.flags)
        }
    };
    let mut command = ["corsgate", "import", kind].map(str::to_owned).to_vec();
    command.extend(file.clone());
    command.extend(flags.iter().cloned());
    // The file comes first, so that a flag that names one as well counts.
    let file = file.map(|file| format!("--service_json_path={file}"));
    let has_variables = kind == "espv2";
    let variable = |name: &str| has_variables.then(|| std::env::var(name).ok()).flatten();
    let flags: Vec<String> = file.into_iter().chain(flags).collect();
    let text = match Espv2::parse(&flags, &variable, Path::new(kind))? {
        Some(translated) => translated.printed(&command, expected)?,
        None => espv2::help(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
