//! The parts of the configuration that a reload can't change.

use crate::config::{self, Admin, Config, ListenAddress, Listener, LogFormat, Server};
use std::net::SocketAddr;

/// The sections that need a restart, as they were at the start. Of a listener that is its socket, and
/// what is spoken there first; the rest of it reloads.
#[derive(Debug)]
pub(super) struct FixedSections {
    /// The traffic listeners in the order in which they were bound.
    listeners: Vec<FixedListener>,
    /// The addresses that they were bound to: port 0 is resolved.
    bound: Vec<SocketAddr>,
    admin: Option<(SocketAddr, Vec<String>)>,
    metrics: Option<SocketAddr>,
    server: Server,
    log: LogFormat,
    document: String,
}

/// The part of a listener that needs a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FixedListener {
    address: SocketAddr,
    proxy_protocol: bool,
    has_tls: bool,
}

// === impl FixedSections ===

impl FixedSections {
    /// Takes the sections of the configuration that the process starts with. `bound` has the address
    /// of each traffic listener.
    pub(super) fn new(config: &Config, bound: &[SocketAddr]) -> Self {
        Self {
            bound: bound.to_owned(),
            ..Self::of(config)
        }
    }

    fn of(config: &Config) -> Self {
        let address = |listen: &ListenAddress| listen.address;
        let admin = |admin: &Admin| (admin.listener.address, admin.hosts.clone());
        Self {
            listeners: config.listeners.iter().map(FixedListener::of).collect(),
            bound: Vec::new(),
            admin: config.admin.as_ref().map(admin),
            metrics: config.metrics.as_ref().map(address),
            server: config.server.clone(),
            log: config.log,
            document: config.document.clone(),
        }
    }

    /// Puts the sections back as they were at the start, in the document too. Returns the names of those
    /// that had changed. `serving` has the listeners as they are served now: one that the new
    /// configuration does not have goes on as it is.
    pub(super) fn restore(&self, config: &mut Config, serving: &[Listener]) -> Vec<&'static str> {
        let changed = self.changed_in(config);
        if !changed.is_empty() {
            config.document = config::with_sections(&config.document, &self.document, &changed);
        }
        config.server = self.server.clone();
        config.log = self.log;
        config.listeners = self.listeners(std::mem::take(&mut config.listeners), serving);
        changed
    }

    /// Returns the bound listeners, each with what the new configuration says of it.
    fn listeners(&self, configured: Vec<Listener>, serving: &[Listener]) -> Vec<Listener> {
        let mut configured: Vec<Option<Listener>> = configured.into_iter().map(Some).collect();
        let bound = self.listeners.iter().zip(&self.bound).enumerate();
        bound
            .filter_map(|(index, (fixed, address))| {
                let is_it = |one: &&mut Option<Listener>| {
                    one.as_ref()
                        .is_some_and(|l| FixedListener::of(l).is_at(fixed))
                };
                // With port 0, several can be the same: then their order counts.
                let new = configured.iter_mut().find(is_it).and_then(Option::take);
                let mut listener = new.or_else(|| serving.get(index).cloned())?;
                listener.listen.address = *address;
                listener.proxy_protocol = fixed.proxy_protocol;
                if let (Some(tls), Some(served)) = (&mut listener.tls, serving.get(index))
                    && let Some(served) = &served.tls
                {
                    tls.server.continue_from(&served.server);
                }
                Some(listener)
            })
            .collect()
    }

    fn changed_in(&self, config: &Config) -> Vec<&'static str> {
        let Self {
            listeners,
            bound: _,
            admin,
            metrics,
            server,
            log,
            document: _,
        } = Self::of(config);
        [
            (
                "listeners",
                sorted(listeners) != sorted(self.listeners.clone()),
            ),
            ("admin", admin != self.admin),
            ("metrics", metrics != self.metrics),
            ("server", server != self.server),
            ("log", log != self.log),
        ]
        .into_iter()
        .filter_map(|(section, is_different)| is_different.then_some(section))
        .collect()
    }
}

/// Puts listeners in an order of their own: that in the file changes nothing.
fn sorted(mut listeners: Vec<FixedListener>) -> Vec<FixedListener> {
    listeners.sort_unstable();
    listeners
}

// === impl FixedListener ===

impl FixedListener {
    /// Whether the rest of the other one can be served on this one's socket.
    fn is_at(&self, other: &Self) -> bool {
        self.address == other.address && self.has_tls == other.has_tls
    }

    fn of(listener: &Listener) -> Self {
        Self {
            address: listener.listen.address,
            proxy_protocol: listener.proxy_protocol,
            has_tls: listener.tls.is_some(),
        }
    }
}
