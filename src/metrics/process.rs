//! The process: the version of the program, and what the operating system says of it.

use super::register;
use prometheus::{IntGaugeVec, Opts, Registry};

/// Registers the metrics that need no handle: none of them changes by what the gateway does.
pub(super) fn register_all(registry: &Registry) -> prometheus::Result<()> {
    let build = Opts::new(
        "corsgate_build_info",
        "Always 1; the label names the version of the program.",
    );
    let build = register(registry, IntGaugeVec::new(build, &["version"]))?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    // The crate reads /proc, which other systems don't have.
    #[cfg(target_os = "linux")]
    {
        use prometheus::process_collector::ProcessCollector;
        registry.register(Box::new(ProcessCollector::for_self()))?;
    }
    Ok(())
}
