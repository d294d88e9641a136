//! `corsgate check FILE`

use super::CommandError;
use super::config_file::ConfigFile;
use super::output::{Format, complain, print, print_json};
use crate::config::{Config, ConfigError, Diagnostic, Severity, WarningName};
use crate::cors::Probe;
use clap::Args;
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Output format: text on stderr, JSON on stdout.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Exit with 3 if there are warnings but no errors.
    #[arg(long)]
    strict: bool,
}

/// The exit status for warnings under `--strict`; 2 is for wrong usage.
const WARNED: u8 = 3;

/// The diagnostics of a file.
struct Findings<'a> {
    file: &'a Path,
    /// The numbers of routes and upstreams; `None` if the file can't be served.
    served: Option<(usize, usize)>,
    diagnostics: Vec<Diagnostic>,
}

/// The diagnostics of a file, for programs.
#[derive(Serialize)]
struct FindingsJson<'a> {
    file: String,
    ok: bool,
    errors: usize,
    warnings: usize,
    notes: usize,
    routes: Option<usize>,
    upstreams: Option<usize>,
    diagnostics: Vec<DiagnosticJson<'a>>,
}

#[derive(Serialize)]
struct DiagnosticJson<'a> {
    severity: &'static str,
    name: Option<&'static str>,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    path: &'a str,
    value: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
    probes: Vec<ProbeJson<'a>>,
}

#[derive(Serialize)]
struct ProbeJson<'a> {
    kind: &'static str,
    origin: &'a str,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    let Options {
        file,
        format,
        strict,
    } = options;
    let file = file.path();
    let findings = Findings::of(&file, Config::load_once(&file));
    match format {
        Format::Text => findings.print_text()?,
        Format::Json => print_json(&findings.json())?,
    }
    Ok(findings.status(strict))
}

// === impl Findings ===

impl<'a> Findings<'a> {
    fn of(file: &'a Path, loaded: Result<Config, ConfigError>) -> Self {
        let (served, diagnostics) = match loaded {
            Ok(config) => {
                let numbers = (config.routes.len(), config.upstreams.len());
                let all = config.warnings.into_iter().chain(config.notes);
                (Some(numbers), all.collect())
            }
            Err(error) => (None, error.diagnostics),
        };
        Self {
            file,
            served,
            diagnostics,
        }
    }

    fn count(&self, severity: Severity) -> usize {
        let same = self.diagnostics.iter().filter(|d| d.severity == severity);
        same.count()
    }

    fn status(&self, strict: bool) -> ExitCode {
        match self.served {
            None => ExitCode::FAILURE,
            Some(_) if strict && self.count(Severity::Warning) > 0 => ExitCode::from(WARNED),
            Some(_) => ExitCode::SUCCESS,
        }
    }

    fn print_text(&self) -> std::io::Result<()> {
        for diagnostic in &self.diagnostics {
            complain(&format!("{diagnostic}\n"));
        }
        let Some((routes, upstreams)) = self.served else {
            return Ok(());
        };
        let file = self.file.display();
        print(&format!(
            "{file}: ok (routes: {routes}, upstreams: {upstreams})\n"
        ))
    }

    fn json(&self) -> FindingsJson<'_> {
        FindingsJson {
            file: self.file.display().to_string(),
            ok: self.served.is_some(),
            errors: self.count(Severity::Error),
            warnings: self.count(Severity::Warning),
            notes: self.count(Severity::Note),
            routes: self.served.map(|(routes, _)| routes),
            upstreams: self.served.map(|(_, upstreams)| upstreams),
            diagnostics: self.diagnostics.iter().map(DiagnosticJson::of).collect(),
        }
    }
}

// === impl DiagnosticJson ===

impl<'a> DiagnosticJson<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic {
            severity,
            name,
            file,
            place,
            path,
            value,
            message,
            hint,
            probes,
        } = diagnostic;
        Self {
            severity: severity.as_str(),
            name: name.map(WarningName::as_str),
            file: file.display().to_string(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            path,
            value: value.as_deref(),
            message,
            hint: hint.as_deref(),
            probes: probes.iter().map(ProbeJson::of).collect(),
        }
    }
}

// === impl ProbeJson ===

impl<'a> ProbeJson<'a> {
    fn of(Probe { kind, origin }: &'a Probe) -> Self {
        let kind = kind.as_str();
        Self { kind, origin }
    }
}
