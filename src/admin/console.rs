//! The requests that the admin listener makes of the gateway.

use async_trait::async_trait;

/// The gateway behind an admin listener.
#[async_trait]
pub trait Console: Send + Sync {
    /// Returns the running configuration as YAML, with its state in comments before it.
    fn config(&self) -> String;

    /// Explains what becomes of the request that a query, or the text sent with it, describes. Returns
    /// a content type and a page.
    ///
    /// # Errors
    ///
    /// A message for the client, where they describe no request.
    async fn explain(
        &self,
        query: String,
        pasted: String,
    ) -> Result<(&'static str, String), String>;

    /// Reads the configuration again. Returns a line that says what is served now.
    async fn reload(&self) -> Result<String, ReloadError>;
}

/// Reason for which the configuration that was running is still served.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("the configuration was not read from a file, so it can't be reloaded")]
    NoFile,
    /// All errors of the new configuration.
    #[error("{0}")]
    Rejected(String),
}
