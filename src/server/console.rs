//! The gateway behind the admin listener: the content of its pages, and the reload that one asks for.

use super::background::Background;
use super::reload::{Reloader, Trigger};
use crate::admin::{Console, ReloadError};
use crate::explain::{self, Explained};
use async_trait::async_trait;
use std::sync::Arc;

/// The gateway as its admin listener sees it.
pub(super) struct GatewayConsole {
    pub reloader: Arc<Reloader>,
    pub background: Arc<Background>,
}

#[async_trait]
impl Console for GatewayConsole {
    fn config(&self) -> String {
        self.reloader.page()
    }

    async fn explain(
        &self,
        query: String,
        pasted: String,
    ) -> Result<(&'static str, String), String> {
        // In the background, because looking for the nearest of a hundred thousand patterns takes long.
        let snapshot = self.reloader.snapshot().load_full();
        let explained = self
            .background
            .run(move || explain::answer(&snapshot, &query, &pasted))
            .await;
        let explained = explained.map_err(|error| format!("can't explain: {error}"))?;
        let Explained { content_type, text } = explained.map_err(|error| error.to_string())?;
        Ok((content_type, text))
    }

    async fn reload(&self) -> Result<String, ReloadError> {
        self.reloader.reload(Trigger::Admin).await
    }
}
