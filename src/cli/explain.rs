//! `corsgate explain --config FILE`

use super::config_file::ConfigFile;
use super::error::{CommandError, WRONG_USAGE};
use super::output::{Format, complain, print};
use crate::config::Config;
use crate::explain::{Flags, Question, Ruling, explain};
use crate::metrics::Metrics;
use crate::proxy::Snapshot;
use clap::Args;
use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

pub(super) const EXAMPLES: &str = "\
Examples:
  corsgate explain --config gate.yaml --url https://api.example.com/v1/books \\
    --origin https://app.example.com --method PUT --header authorization

  pbpaste | corsgate explain --config gate.yaml --origin https://app.example.com

Pasted on stdin: a request as the network tab of a browser copies it (as cURL, as fetch, as PowerShell, or its raw
headers), or a message about CORS from a browser's console.

Exit status: 0 yes, the script gets the response, or CORS has no say; 1 no; 2 wrong usage, or errors in the
configuration; 4 unknown, because the upstream's response decides.";

/// The exit status if the upstream's response decides.
const UNKNOWN: u8 = 4;

/// Maximum size of a pasted request; beyond it, it is not explained.
const MAX_PASTED: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// URL that the script fetches, such as `https://api.example.com/v1/books`.
    ///
    /// With --url, stdin is not read. At /explain, `url=` and a body together are an error.
    #[arg(long)]
    url: Option<String>,
    /// The origin of the page that the script runs in.
    #[arg(long)]
    origin: Option<String>,
    /// The script's method [default: GET, or the pasted one].
    #[arg(short = 'X', long)]
    method: Option<String>,
    /// A header that the script sets, with its value or by its name alone; may be repeated.
    ///
    /// Replaces all pasted headers of that name; repeated flags of one name are all sent.
    #[arg(short = 'H', long = "header", value_name = "NAME[: VALUE]")]
    headers: Vec<String>,
    /// The script asks with credentials: `fetch(…, { credentials: "include" })`.
    #[arg(long)]
    credentials: bool,
    /// A response header that the script reads; may be repeated.
    #[arg(long, value_name = "NAME")]
    reads: Vec<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    let Options {
        file,
        url,
        origin,
        method,
        headers,
        credentials,
        reads,
        format,
    } = options;
    let config = match Config::load_once(&file.path()) {
        Ok(config) => config,
        Err(errors) => {
            // Status 1 is an answer.
            complain(&format!("{errors}\n"));
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let flags = Flags {
        url,
        origin,
        method,
        headers,
        credentials,
        reads,
    };
    // With a URL stdin is not read: a pipe that stays open would block.
    let mut pasted = Vec::new();
    if flags.url.is_none() && !std::io::stdin().is_terminal() {
        std::io::stdin()
            .take(MAX_PASTED + 1)
            .read_to_end(&mut pasted)
            .map_err(|error| format!("can't read stdin: {error}"))?;
    }
    if pasted.len() as u64 > MAX_PASTED {
        complain("error: the pasted request is longer than 1 MiB\n");
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    let question = Question::of_text(&String::from_utf8_lossy(&pasted), flags);
    let metrics = Metrics::new().map_err(|error| error.to_string())?;
    let snapshot = Snapshot::new(config, &metrics, None, None);
    let report = match question.and_then(|question| explain(&snapshot, &question)) {
        Ok(report) => report,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    match format {
        Format::Text => print(&report.to_string())?,
        Format::Json => print(&report.to_json())?,
    }
    Ok(match report.verdict {
        Ruling::Allowed | Ruling::NoCors => ExitCode::SUCCESS,
        Ruling::Blocked | Ruling::Fails => ExitCode::FAILURE,
        Ruling::DependsOnUpstream => ExitCode::from(UNKNOWN),
    })
}
