//! Serves [`Pages`] with pingora.

use crate::pages::{BrokenBody, Pages, RequestBody};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;

/// The application of a listener that serves pages.
pub(super) struct PageServer<P>(pub P);

/// The body of the session's current request.
struct SessionBody<'s>(&'s mut ServerSession);

#[async_trait]
impl<P: Pages> ServeHttp for PageServer<P> {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header().as_owned_parts();
        self.0.respond(&request, &mut SessionBody(session)).await
    }
}

#[async_trait]
impl RequestBody for SessionBody<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenBody> {
        self.0.read_request_body().await.map_err(|_| BrokenBody)
    }
}
