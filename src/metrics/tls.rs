//! TLS of the listeners: handshakes, and the certificates' expiry.

use super::register;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The handles for TLS.
#[derive(Debug, Clone)]
pub struct TlsMetrics {
    handshakes: [IntCounter; Handshake::ALL.len()],
    not_after: IntGaugeVec,
    /// The certificates that are shown.
    shown: Arc<Mutex<BTreeSet<String>>>,
}

/// The result of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    Completed,
    Failed,
    /// The client's certificate is of an authority that is not trusted, has expired, or is missing where
    /// all clients need one.
    ClientCertificateRefused,
    Timeout,
}

// === impl Handshake ===

impl Handshake {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 4] = [
        Self::Completed,
        Self::Failed,
        Self::ClientCertificateRefused,
        Self::Timeout,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::ClientCertificateRefused => "client_certificate_refused",
            Self::Timeout => "timeout",
        }
    }
}

// === impl TlsMetrics ===

impl TlsMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let handshakes = Opts::new(
            "corsgate_tls_handshakes_total",
            "TLS handshakes that clients have begun, by their result.",
        );
        let handshakes = register(registry, IntCounterVec::new(handshakes, &["result"]))?;
        let not_after = Opts::new(
            "corsgate_tls_certificate_not_after_seconds",
            "End of the validity of a listener's certificate, in seconds since 1970.",
        );
        Ok(Self {
            handshakes: Handshake::ALL
                .map(|result| handshakes.with_label_values(&[result.as_str()])),
            not_after: register(registry, IntGaugeVec::new(not_after, &["certificate"]))?,
            shown: Arc::default(),
        })
    }

    /// Counts a handshake.
    pub fn handshake(&self, result: Handshake) {
        self.handshakes[result as usize].inc();
    }

    /// Shows these certificates and no others: the paths of their files, as configured, and the ends of their
    /// validity. Of several with one path the earliest end counts.
    pub fn serves<'c>(&self, certificates: impl Iterator<Item = (&'c str, i64)>) {
        let mut ends = BTreeMap::new();
        for (path, not_after) in certificates {
            let end = ends.entry(path).or_insert(not_after);
            *end = not_after.min(*end);
        }
        for (path, not_after) in &ends {
            self.not_after.with_label_values(&[path]).set(*not_after);
        }
        // Afterwards, so that no scrape in between misses one that stays.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown
            .iter()
            .filter(|path| !ends.contains_key(path.as_str()))
        {
            // It is there, since it was shown.
            let _ = self.not_after.remove_label_values(&[gone]);
        }
        *shown = ends.into_keys().map(str::to_owned).collect();
    }
}
