//! Arguments → one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    corsgate::cli::main()
}
