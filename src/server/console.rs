//! The gateway behind the admin listener: the content of its pages, and the reload that one asks for.

use super::background::{Background, JobError};
use super::reload::{Reloader, Trigger};
use crate::admin::{Console, ExplainError, ReloadError};
use crate::explain::{self, Explained};
use crate::pages::{PageForm, RequestBody, WrittenPage};
use async_trait::async_trait;
use std::sync::Arc;

/// The gateway as its admin listener sees it.
pub(super) struct GatewayConsole {
    pub reloader: Arc<Reloader>,
    /// Its thread is not the one that reloads, so that a reload never waits for explanations.
    pub explaining: Background,
}

#[async_trait]
impl Console for GatewayConsole {
    fn config(&self) -> String {
        self.reloader.page()
    }

    fn rejections(&self, form: PageForm) -> WrittenPage {
        self.reloader.snapshot().load().rejections(form)
    }

    fn upstreams(&self, form: PageForm) -> WrittenPage {
        self.reloader.snapshot().load().upstreams(form)
    }

    async fn explain(
        &self,
        query: String,
        pasted: String,
        client: &mut dyn RequestBody,
    ) -> Result<(&'static str, String), ExplainError> {
        // In the background, because looking for the nearest of a hundred thousand patterns takes long.
        let snapshot = self.reloader.snapshot().load_full();
        let explaining = move || explain::answer(&snapshot, &query, &pasted);
        let mut explained = self.explaining.submit(explaining)?;
        tokio::select! {
            biased;
            () = explained.begun() => {}
            // It has gone, or sends no more and only listens: if so, it is told to ask again.
            () = client.closed() => return Err(ExplainError::Busy),
        }
        match explained.result().await? {
            Ok(Explained { content_type, text }) => Ok((content_type, text)),
            Err(error) => Err(ExplainError::Question(error.to_string())),
        }
    }

    async fn reload(&self) -> Result<String, ReloadError> {
        let reloader = Arc::clone(&self.reloader);
        // In a task, so that it is finished even if the client's connection is not.
        let reload = tokio::spawn(async move { reloader.reload(Trigger::Admin).await });
        // Only the end of the process ends the task before its time.
        reload.await.unwrap_or(Err(ReloadError::Busy))
    }
}

impl From<JobError> for ExplainError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Busy => Self::Busy,
            JobError::Panicked => Self::Panicked,
        }
    }
}
