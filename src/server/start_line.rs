//! The line of the log that says which program serves which configuration, and where.

use super::Addresses;
use crate::config::Config;
use std::net::SocketAddr;
use std::path::Path;
use tracing::info;

/// The part of the line that the configuration has.
pub(super) struct StartLine {
    hash: String,
    routes: usize,
    policies: usize,
}

// === impl StartLine ===

impl StartLine {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            hash: config.hash.clone(),
            routes: config.routes.len(),
            policies: config.policies,
        }
    }

    /// Logs that the gateway serves at `addresses` what `file` says.
    pub(super) fn log(self, addresses: &Addresses, file: &Path) {
        let Self {
            hash,
            routes,
            policies,
        } = self;
        let Addresses {
            listeners,
            admin,
            metrics,
        } = addresses;
        let listeners: Vec<String> = listeners.iter().map(SocketAddr::to_string).collect();
        info!(
            version = env!("CARGO_PKG_VERSION"),
            hash,
            listeners = listeners.join(", "),
            admin = admin.map(tracing::field::display),
            metrics = metrics.map(tracing::field::display),
            routes,
            policies,
            "gateway serves {}",
            file.display()
        );
    }
}
