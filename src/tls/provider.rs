//! The one implementation of cryptography in the program.

use rustls::crypto::CryptoProvider;
use std::sync::{Arc, LazyLock};

/// Returns the provider of every TLS connection, those of listeners and of `probe`.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    Arc::clone(&PROVIDER)
}
