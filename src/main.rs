//! Arguments → one command.

use std::process::ExitCode;

/// A proxied request allocates dozens of times, some of it in large blocks; see the results in
/// `benches/` for what the system's allocator takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    corsgate::cli::main()
}
