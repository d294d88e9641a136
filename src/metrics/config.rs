//! The configuration: its reloads, and the hash of the one that is served.

use super::register;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The handles for the configuration and its reloads.
#[derive(Debug, Clone)]
pub struct ConfigMetrics {
    reloads: IntCounterVec,
    last_reload_successful: IntGauge,
    info: IntGaugeVec,
}

/// The values of `result`.
const APPLIED: &str = "applied";
const REJECTED: &str = "rejected";

// === impl ConfigMetrics ===

impl ConfigMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let reloads = Opts::new(
            "corsgate_config_reloads_total",
            "Attempts to take a new configuration, by what became of them.",
        );
        let last_reload_successful = IntGauge::new(
            "corsgate_config_last_reload_successful",
            "Whether the configuration that was read last is the one that is served.",
        );
        let info = Opts::new(
            "corsgate_config_info",
            "Always 1; the label names the content of the configuration that is served.",
        );
        let reloads = register(registry, IntCounterVec::new(reloads, &["result"]))?;
        // A rate over a counter needs its first value, 0, before the first attempt.
        for result in [APPLIED, REJECTED] {
            reloads.with_label_values(&[result]);
        }
        Ok(Self {
            reloads,
            last_reload_successful: register(registry, last_reload_successful)?,
            info: register(registry, IntGaugeVec::new(info, &["hash"]))?,
        })
    }

    /// Shows that the configuration with this hash is served, without counting a reload.
    pub fn serves(&self, hash: &str) {
        self.info.reset();
        self.info.with_label_values(&[hash]).set(1);
        self.last_reload_successful.set(1);
    }

    /// Counts a reload after which the configuration with this hash is served.
    pub fn applied(&self, hash: &str) {
        self.reloads.with_label_values(&[APPLIED]).inc();
        self.serves(hash);
    }

    /// Counts a reload whose configuration can't be served.
    pub fn rejected(&self) {
        self.reloads.with_label_values(&[REJECTED]).inc();
        self.last_reload_successful.set(0);
    }
}
