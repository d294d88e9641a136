//! `corsgate probe URL --origin ORIGIN`: whether a live server gets CORS right.

mod json;
mod text;

use super::error::{CommandError, WRONG_USAGE};
use super::output::{Format, complain, print, print_json};
use crate::cors::{Origin, OriginPattern, PatternErrorKind};
use crate::probe::{
    self, AskError, Client, ClientOptions, ProbeReport, ProbeRequest, Resolve, Roots, RootsError,
    ScanReport, Target,
};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:

  May a script of https://app.example.com send a PUT with cookies and a token there?

    corsgate probe https://api.example.com/v1/books --origin https://app.example.com \\
      --method PUT --header authorization --credentials

  Does the server let origins in that only look like that one?

    corsgate probe https://api.example.com/v1/books --origin https://app.example.com --scan

Exit status: 0 yes; 1 no, or --scan found something of medium severity or worse; 2 wrong usage;
4 no answer: unreachable, TLS error or timeout.

Requests are HTTP/1.1, each on a connection of its own. They carry no cookies, redirects aren't
followed, and bodies aren't read. HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are honoured.";

/// Send a live server a browser's requests and report what the browser would do.
///
/// Sends the preflight, if a browser would send one, and the request itself; judges both answers as
/// the Fetch standard has it; and says yes, or no with the reason and a remedy. The server need
/// not be a corsgate.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// URL that the script fetches.
    url: Target,
    /// The origin of the script's page, such as `https://app.example.com`, or `null`.
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    origin: String,
    /// The script's method, spelled as in the script.
    #[arg(short = 'X', long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// A header that the script sets; may be repeated. A bare name is sent with the value `x`.
    #[arg(short = 'H', long = "header", value_name = "NAME[: VALUE]", value_parser = parse_header)]
    headers: Vec<(String, String)>,
    /// The script asks for credentials to be included, as with `credentials: "include"`.
    #[arg(long)]
    credentials: bool,
    /// Send the request itself whatever its method, without a body. Otherwise only GET and HEAD are sent, because
    /// others may change something on the server.
    #[arg(long)]
    send: bool,
    /// Send only the preflight.
    #[arg(long, conflicts_with = "send")]
    preflight_only: bool,
    /// Scan for CORS mistakes: send origins that look like ORIGIN or like the URL's own, unrelated
    /// origins, and `null`. About a hundred GET requests, each with a preflight if the script needs one,
    /// one after the other.
    #[arg(long, conflicts_with_all = ["send", "preflight_only", "credentials"])]
    scan: bool,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Maximum time per request, connecting included.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_timeout)]
    timeout: Duration,
    /// Connect to these addresses instead of looking HOST up, as curl does; may be repeated.
    ///
    /// Separate several addresses with commas; `*` is any HOST. Host and TLS keep the URL's name. A proxy in the
    /// environment is not used.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<Resolve>,
    /// Trust the CAs in this PEM file rather than those of the machine.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca_file: Option<PathBuf>,
    /// Accept any certificate: another server could be answering.
    #[arg(long)]
    insecure: bool,
}

/// The result.
enum Found {
    Judgement(Box<ProbeReport>),
    Scan(ScanReport),
    NoAnswer(AskError),
    /// The CAs can't be read, or there are none.
    NoRoots(RootsError),
}

/// The exit status for a server that gave no answer.
const NO_ANSWER: u8 = 4;

pub(super) fn run(options: Options) -> Result<ExitCode, CommandError> {
    let Options {
        url,
        origin,
        method,
        headers,
        credentials,
        send,
        preflight_only,
        scan,
        format,
        timeout,
        resolve,
        ca_file,
        insecure,
    } = options;
    let question = ProbeRequest {
        target: url,
        method,
        origin,
        headers,
        credentials,
        preflight_only,
        send,
    };
    if let Some(wrong) = wrong_usage(&question, scan) {
        complain(&format!("error: {wrong}\n"));
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    let mut resolved = resolve.iter();
    let addresses = resolved.find_map(|resolve| resolve.addresses_for(&question.target));
    if addresses.is_none() && !resolve.is_empty() {
        complain("error: --resolve names another host or port than the URL\n");
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    let roots = match (ca_file, insecure) {
        (Some(file), _) => Roots::File(file),
        (None, true) => Roots::Unverified,
        (None, false) => Roots::Machine,
    };
    let found = match Client::new(
        &ClientOptions {
            timeout,
            roots,
            addresses,
        },
        question.target.is_https(),
    ) {
        Ok(client) => Found::by(&question, scan, &client),
        Err(error) => Found::NoRoots(error),
    };
    match format {
        Format::Json => print_json(&json::Object::of(&question, &found))?,
        Format::Text => match &found {
            Found::Judgement(report) => print(&text::report(&question, report))?,
            Found::Scan(report) => print(&text::scan(&question, report))?,
            Found::NoAnswer(error) => complain(&text::no_answer(&question, error)),
            Found::NoRoots(error) => complain(&format!("error: {error}\n")),
        },
    }
    Ok(found.status())
}

/// Returns an error if the arguments contradict each other, or there is nothing to send.
fn wrong_usage(question: &ProbeRequest, scan: bool) -> Option<String> {
    if let Err(error) = question.script().check() {
        return Some(error.to_string());
    }
    if scan || question.sends_anything() {
        return None;
    }
    let method = question.script().method();
    let other = match question.preflight_only {
        true => "leave --preflight-only out".to_owned(),
        false => format!("--send sends it; a {method} may change something on the server"),
    };
    Some(format!(
        "a browser sends no preflight for this {method}, so there is nothing to send: {other}"
    ))
}

/// Reads an origin as a browser sends it.
fn parse_origin(text: &str) -> Result<String, String> {
    let pattern = OriginPattern::parse(text);
    if let Err(error) = Origin::parse(text.as_bytes()) {
        let hint = match pattern {
            // An origin that a browser sends is never a regex.
            Err(pattern) if pattern.reason() != PatternErrorKind::Regex => pattern.hint(),
            Err(_) => None,
            Ok(_) => None,
        };
        let instead = hint.map_or_else(String::new, |hint| format!(": {hint}"));
        return Err(format!("{error}{instead}"));
    }
    match pattern {
        // A pattern may be written with a default port, which `text` leaves out.
        Ok(OriginPattern::Tuple(tuple)) if tuple.text() != text => Err(format!(
            "a browser leaves the default port out: write `{}`",
            tuple.text()
        )),
        Ok(_) | Err(_) => Ok(text.to_owned()),
    }
}

/// Reads `name: value`, or a bare name, which gets a value that means nothing.
fn parse_header(text: &str) -> Result<(String, String), String> {
    const VALUE: &str = "x";
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name, value.trim()),
        None => (text, VALUE),
    };
    match name.trim() {
        "" => Err("the name is missing: write `name: value`, or a name alone".to_owned()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(timeout) if timeout.is_zero() => {
            Err("the timeout must be longer than 0, such as `10s`".into())
        }
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!(
            "{error}: write a number and its unit, such as `10s`"
        )),
    }
}

// === impl Found ===

impl Found {
    fn by(question: &ProbeRequest, scan: bool, client: &Client) -> Self {
        if scan {
            return probe::scan(question, client).map_or_else(Self::NoAnswer, Self::Scan);
        }
        let report = probe::ask(question, client);
        report.map_or_else(Self::NoAnswer, |report| Self::Judgement(Box::new(report)))
    }

    fn status(&self) -> ExitCode {
        let is_yes = match self {
            Self::Judgement(report) => report.refusal().is_none(),
            Self::Scan(report) => !report.leaks(),
            // A file that can't be used is wrong usage.
            Self::NoRoots(RootsError::Unreadable { .. } | RootsError::NoCertificate { .. }) => {
                return ExitCode::from(WRONG_USAGE);
            }
            Self::NoAnswer(_) | Self::NoRoots(RootsError::NoMachineRoots { .. }) => {
                return ExitCode::from(NO_ANSWER);
            }
        };
        match is_yes {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}
