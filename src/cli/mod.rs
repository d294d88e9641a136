//! The command line: one file per command.

mod check;
mod completions;
mod config_file;
mod demo;
mod error;
mod espv2;
mod explain;
mod health;
mod import;
mod log;
mod man;
mod output;
mod probe;
mod schema;
mod serve;

use error::CommandError;
use output::complain;

use crate::server::HeldSignals;
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;
use std::process::ExitCode;

/// An edge gateway for CORS.
///
/// Answers preflights at the edge, so that they never reach a backend; puts the right CORS headers
/// on every response, its own errors included; or passes preflights through to backends that do
/// CORS themselves, route by route.
#[derive(Debug, Parser)]
#[command(name = "corsgate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// SIGTERM makes /readyz fail, takes no more connections after server.shutdown_delay, waits for
    /// running requests, then exits; SIGINT or a second signal exits at once. SIGHUP reads the file
    /// again, and so does a change of it; SIGUSR1 opens the access log's file again; SIGQUIT hands the listeners
    /// over to a process that was started with --upgrade. RUST_LOG sets the detail of the log, such as
    /// `corsgate=debug`.
    Serve(serve::Options),
    /// Check a configuration file and report all its problems.
    ///
    /// Errors, warnings, and notes on what is worth a second look, such as access that is open to any
    /// site. Exit status: 0 valid, 1 invalid, 3 valid with warnings under --strict.
    Check(check::Options),
    /// Explain what the gateway does with a request, without sending it.
    ///
    /// Shows the route, the policy, the pattern, every step of the decision, the nearest allowed value
    /// if it is denied, the response, and the browser's reaction. Without --url it reads stdin: a
    /// `curl` command, as browsers' tools copy it, or a raw request; flags replace parts of it. A
    /// running gateway offers the same at /explain on its admin listener.
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(explain::Options),
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
    /// Print a completion script for a shell.
    ///
    /// Example: `corsgate completions bash > /etc/bash_completion.d/corsgate`.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages, one per command, into a folder.
    ///
    /// Example: `corsgate man /usr/local/share/man/man1`.
    Man {
        /// The folder, which is made if it is not there.
        folder: PathBuf,
    },
    /// Run a demo: a gateway with a built-in upstream, and a page that sends requests to it.
    ///
    /// Needs no configuration and touches nothing outside this machine.
    Demo(demo::Options),
    /// Ask a running gateway whether it takes traffic.
    ///
    /// Exit status: 0 ready, 1 not ready or no answer.
    Health(health::Options),
    Probe(Box<probe::Options>),
    /// Run the gateway with the flags of ESPv2 or ESP.
    ///
    /// Takes the flags and the environment variables of Google Cloud Endpoints' proxies as they are, and the
    /// description of a service: `--service_json_path` names a service configuration or an OpenAPI document.
    /// `corsgate import espv2` prints the configuration that they mean. Keys and tokens are not checked.
    #[command(after_long_help = espv2::help())]
    Espv2(espv2::Options),
    /// Print the configuration that another gateway's flags or description mean.
    ///
    /// With comments that say what came from where, what is unsafe, and what has no effect.
    Import(import::Options),
}

/// Runs the command that the arguments name. Wrong usage exits with 2.
pub fn main() -> ExitCode {
    // First of all, because reading the arguments takes long enough for a signal to come. Commands that
    // end by themselves are not stopped by it.
    let held = HeldSignals::hold();
    let Cli { command } = Cli::parse();
    let result = match command {
        Command::Serve(options) => serve::run(held, options),
        Command::Demo(options) => demo::run(held, options),
        Command::Check(options) => check::run(options),
        Command::Explain(options) => explain::run(options),
        Command::Schema => schema::run(),
        Command::Completions { shell } => completions::run(shell),
        Command::Health(options) => health::run(options),
        Command::Man { folder } => man::run(&folder),
        Command::Probe(options) => probe::run(*options),
        Command::Espv2(options) => espv2::run(held, options),
        Command::Import(options) => import::run(options),
    };
    result.unwrap_or_else(|error| {
        complain(&format!("{error}\n"));
        ExitCode::FAILURE
    })
}
