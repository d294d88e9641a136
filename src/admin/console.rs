//! The requests that the admin listener makes of the gateway.

use crate::pages::{PageForm, RequestBody, WrittenPage};
use async_trait::async_trait;

/// The gateway behind an admin listener.
#[async_trait]
pub trait Console: Send + Sync {
    /// Returns the running configuration as YAML, with its state in comments before it.
    fn config(&self) -> String;

    /// Returns the page of the most frequent rejections.
    fn rejections(&self, form: PageForm) -> WrittenPage;

    /// Returns the page of the upstreams, with the state of each of their endpoints.
    fn upstreams(&self, form: PageForm) -> WrittenPage;

    /// Explains what becomes of the request that a query, or the text sent with it, describes. Returns
    /// a content type and a page. Nothing is begun for a `client` that has gone.
    ///
    /// # Errors
    ///
    /// Where they describe no request, or too many explanations are waiting.
    async fn explain(
        &self,
        query: String,
        pasted: String,
        client: &mut dyn RequestBody,
    ) -> Result<(&'static str, String), ExplainError>;

    /// Reads the configuration again. Returns a line that says what is served now.
    async fn reload(&self) -> Result<String, ReloadError>;
}

/// Reason for which a request is not explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A message about the question.
    #[error("{0}")]
    Question(String),
    #[error("too many explanations are waiting: ask again in a moment")]
    Busy,
    #[error("can't explain: it panicked")]
    Panicked,
}

/// Reason for which the configuration that was running is still served.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("the configuration was not read from a file, so it can't be reloaded")]
    NoFile,
    #[error("too many reloads are waiting, and will read what this one would")]
    Busy,
    /// All errors of the new configuration.
    #[error("{0}")]
    Rejected(String),
}
