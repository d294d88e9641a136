//! `corsgate import`: another gateway's flags or description, printed as a configuration.

use super::output::print;
use super::{CommandError, espv2};
use crate::compat::{Espv2, Expected};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Translate the flags of ESPv2 and ESP, with the description that they name.
    ///
    /// The environment variables of ESPv2's serverless image are not read.
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
    let (kind, expected, flags) = match options.kind {
        Kind::Espv2(espv2::Options { flags }) => ("espv2", None, flags),
        Kind::Openapi(options) => ("openapi", Some(Expected::OpenApi), options.all()),
        Kind::ServiceConfig(options) => {
            let expected = Some(Expected::ServiceConfig);
            ("service-config", expected, options.all())
        }
    };
    let espv2 = Espv2::new(flags, |_| None);
    print(&espv2.printed(kind, expected)?)?;
    Ok(ExitCode::SUCCESS)
}

// === impl FileOptions ===

impl FileOptions {
    /// Returns all flags, the file's first, so that one that is given as well counts.
    fn all(self) -> Vec<String> {
        let file = format!("--service_json_path={}", self.file);
        std::iter::once(file).chain(self.flags.flags).collect()
    }
}
