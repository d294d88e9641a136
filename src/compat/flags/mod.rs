//! The command lines and variables of ESP and ESPv2, Google's gateways for Cloud Endpoints, as typed options.
//!
//! [`parse`] reads them as those gateways do, by the rules of Python's argparse, and reports everything that
//! is wrong at once, each with its flag and what to write instead. Flags that have no effect here, or another
//! one, are remarks of [`Options`]: see [`flags`] for all of them. Where ESP and ESPv2 differ, ESPv2 counts.
//!
//! ```
//! use corsgate::compat::flags::{OriginOption, parse};
//!
//! let arguments = ["--cors_preset=basic", "--backend=grpc://127.0.0.1:50051"].map(str::to_owned);
//! let options = parse(&arguments, &|_| None).expect("flags of ESPv2");
//! let options = options.expect("no `--help`");
//! assert_eq!(options.backend.port, 50051);
//! assert_eq!(options.cors.expect("a preset").origin, OriginOption::Any);
//! ```

mod arguments;
mod backend;
mod cors_options;
mod duration;
mod given;
mod headers;
mod limits;
mod listeners;
mod nearest;
mod options;
mod re2;
mod report;
mod serverless;
mod table;

pub use options::{
    BackendTls, CertificateFiles, CorsOptions, HeaderAction, HeaderEdit, ListenerOptions, Options,
    OriginOption, TlsVersion,
};
pub use report::{FlagError, Remark, RemarkKind, Source};
pub use table::Effect;

use arguments::{Argument, shown};
use given::Given;
use report::Report;

/// A flag, for a list of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagHelp {
    /// All spellings, short ones first.
    pub names: &'static [&'static str],
    /// Whether the flag takes a value.
    pub takes_value: bool,
    /// Whether ESPv2 has it; ESP or this gateway has it otherwise.
    pub is_of_espv2: bool,
    pub effect: Effect,
}

/// Reads the command line, without the program's name, and the variables of the serverless images, to which
/// the command line is preferred; `None` if they ask for help.
///
/// # Errors
///
/// Returns everything that is wrong with them.
pub fn parse(
    arguments: &[String],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Options>, Vec<FlagError>> {
    let mut report = Report::default();
    let mut all = serverless::arguments(environment, &mut report);
    all.extend(arguments.iter().map(|text| Argument {
        text: text.clone(),
        source: Source::Flag,
    }));
    let arguments = arguments::read(&all, &mut report);
    if arguments.wants_help {
        return Ok(None);
    }
    let given = Given::new(arguments, &mut report);
    let mut options = options(&given, &mut report);
    options.remarks = report.finish()?;
    Ok(Some(options))
}

/// Returns all flags with their effects: what works first, ESPv2's before ESP's.
pub fn flags() -> Vec<FlagHelp> {
    let mut flags: Vec<FlagHelp> = table::all()
        .map(|known| FlagHelp {
            names: known.flag.names,
            takes_value: !known.flag.is_switch(),
            is_of_espv2: known.flag.project == table::Project::EspV2,
            effect: known.effect,
        })
        .collect();
    flags.sort_by_key(|flag| match flag.effect {
        Effect::Works(_) => 0,
        Effect::Warns(_) => 1,
        Effect::Refused { .. } => 2,
        Effect::None(_) => 3,
    });
    flags
}

// === impl FlagHelp ===

impl FlagHelp {
    /// Returns the spellings as help shows them, such as `-a, --backend=VALUE`.
    pub fn usage(&self) -> String {
        let value = if self.takes_value { "=VALUE" } else { "" };
        format!("{}{value}", self.names.join(", "))
    }
}

// === impl Effect ===

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Works(text) => f.write_str(text),
            Self::None(reason) => write!(f, "no effect: {reason}"),
            Self::Warns(reason) => write!(f, "warning: {reason}"),
            Self::Refused { reason, remedy } => write!(f, "error: {reason}; {remedy}"),
        }
    }
}

/// Reads the options from flags whose values have the right form.
fn options(given: &Given, report: &mut Report) -> Options {
    let text = |flag: &str| given.filled(flag).map(|value| value.text.clone());
    let ports = listeners::read(given, report);
    let client_authorities = listeners::client_authorities(&ports.listeners, given, report);
    let description = text("--service_json_path");
    if description.is_none() && given.is_on("--service_json_path") {
        report.error(
            "--service_json_path",
            given.source("--service_json_path"),
            "the name of the file is empty",
            "name the description, or leave the flag out, which lets every path through",
        );
    }
    let service = text("--service");
    if let Some(service) = &service {
        let source = given.source("--service");
        let service = shown(service);
        match description {
            Some(_) => report.no_effect("--service", source, "the description is a file"),
            None => report.warn(
                "--service",
                source,
                format!(
                    "the description of {service} can't be fetched from Google: every path goes to the backend; \
                     write it into a file, and name that by `--service_json_path`"
                ),
            ),
        }
    }
    Options {
        cors: cors_options::read(given, report),
        backend: backend::address(given, report),
        overrides_backend_addresses: given.is_on("--enable_backend_address_override"),
        backend_tls: backend::tls(given, report),
        backend_retries: backend::retries(given, report),
        listeners: ports.listeners,
        client_authorities,
        lowest_tls: listeners::lowest_tls(given, report),
        healthz: limits::healthz(given, report),
        access_log: text("--access_log"),
        admin_port: ports.admin,
        description,
        service,
        disallows_colons: given.is_on("--disallow_colon_in_wildcard_path_segment"),
        is_strict: given.is_on("--corsgate_strict"),
        dangerously_no_authentication: given.is_on("--corsgate_dangerously_no_authentication"),
        request_headers: headers::of_requests(given, report),
        response_headers: headers::of_responses(given, report),
        max_request_body_bytes: limits::max_body(given, report),
        trusted_proxies: limits::trusted_proxies(given, report),
        remarks: Vec::new(),
        sources: given.sources(),
    }
}

#[cfg(test)]
mod tests;
