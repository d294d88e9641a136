//! The sections of the configuration that a reload can't change.

use crate::config::{self, Admin, Config, Listener, Server};
use std::net::SocketAddr;

/// The sections that need a restart, as they were at the start.
#[derive(Debug)]
pub(super) struct FixedSections {
    /// The traffic listeners with the addresses they were bound to: port 0 is resolved.
    bound: Vec<Listener>,
    listeners: Vec<SocketAddr>,
    admin: Option<(SocketAddr, Vec<String>)>,
    metrics: Option<SocketAddr>,
    server: Server,
    document: String,
}

// === impl FixedSections ===

impl FixedSections {
    /// Takes the sections of the configuration that the process starts with. `bound` has the address
    /// of each traffic listener.
    pub(super) fn new(config: &Config, bound: &[SocketAddr]) -> Self {
        let mut fixed = Self::of(config);
        for (listener, address) in fixed.bound.iter_mut().zip(bound) {
            listener.address = *address;
        }
        fixed
    }

    fn of(config: &Config) -> Self {
        let address = |listener: &Listener| listener.address;
        let admin = |admin: &Admin| (admin.listener.address, admin.hosts.clone());
        Self {
            bound: config.listeners.clone(),
            listeners: config.listeners.iter().map(address).collect(),
            admin: config.admin.as_ref().map(admin),
            metrics: config.metrics.as_ref().map(address),
            server: config.server,
            document: config.document.clone(),
        }
    }

    /// Puts the sections back as they were at the start, in the document too. Returns the names of
    /// those that had changed.
    pub(super) fn restore(&self, config: &mut Config) -> Vec<&'static str> {
        let changed = self.changed_in(config);
        if !changed.is_empty() {
            config.document = config::with_sections(&config.document, &self.document, &changed);
        }
        config.server = self.server;
        config.listeners.clone_from(&self.bound);
        changed
    }

    fn changed_in(&self, config: &Config) -> Vec<&'static str> {
        let Self {
            bound: _,
            listeners,
            admin,
            metrics,
            server,
            document: _,
        } = Self::of(config);
        [
            ("listeners", listeners != self.listeners),
            ("admin", admin != self.admin),
            ("metrics", metrics != self.metrics),
            ("server", server != self.server),
        ]
        .into_iter()
        .filter_map(|(section, is_different)| is_different.then_some(section))
        .collect()
    }
}
