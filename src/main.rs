//! The program: it runs the command that its arguments name.

use std::process::ExitCode;

/// mimalloc, because a proxied request allocates dozens of times, sometimes in large blocks. The
/// results in `benches/` compare it with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    corsgate::cli::main()
}
