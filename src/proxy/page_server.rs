//! Serves [`Pages`] with pingora: one request of a connection after the other.

use super::check::check_length;
use super::edge::page_connections::PageConnection;
use super::facts::HeaderLength;
use crate::config::Limits;
use crate::pages::{self, BrokenBody, Pages, RequestBody};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Response, StatusCode};
use pingora_core::Result;
use pingora_core::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Maximum time that a page waits for the next piece of a request's body; after it, the body is broken.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The application behind a connection to a server of pages.
pub(super) struct PageServer<P> {
    pages: Arc<P>,
    limits: Limits,
    connection: PageConnection,
}

/// The body of the session's current request.
struct SessionBody<'s>(&'s mut ServerSession);

// === impl PageServer ===

impl<P: Pages> PageServer<P> {
    pub(super) fn new(pages: Arc<P>, limits: Limits, connection: PageConnection) -> Self {
        Self {
            pages,
            limits,
            connection,
        }
    }

    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        if let Err(error) = check_length(HeaderLength::of(session), &self.limits) {
            session.set_keepalive(None);
            return pages::empty(error.status());
        }
        let request = session.req_header().as_owned_parts();
        self.pages
            .respond(&request, &mut SessionBody(session))
            .await
    }
}

#[async_trait]
impl<P: Pages> HttpServerApp for PageServer<P> {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.connection.renew();
        // pingora's own wait for a body is bounded here.
        session.set_read_timeout(None);
        let response = match session.read_request().await {
            Ok(true) => self.response(&mut session).await,
            Ok(false) => return None,
            // The whole header is here, so that the error is about what it says.
            Err(_) => {
                session.set_keepalive(None);
                pages::empty(StatusCode::BAD_REQUEST)
            }
        };
        if *shutdown.borrow() {
            session.set_keepalive(None);
        }
        // An error means that the client has gone, and the connection with it.
        send(&mut session, response).await.ok()?;
        let settings = HttpPersistentSettings::for_session(&session);
        let stream = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(stream, settings))
    }
}

/// Sends a response. pingora ends the connection with it if the request has a body that is not read.
async fn send(session: &mut ServerSession, response: Response<Vec<u8>>) -> Result<()> {
    let (header, body) = response.into_parts();
    session
        .write_response_header(Box::new(header.into()))
        .await?;
    if !body.is_empty() {
        session.write_response_body(body.into(), true).await?;
    }
    Ok(())
}

// === impl SessionBody ===

#[async_trait]
impl RequestBody for SessionBody<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, BrokenBody> {
        let read = timeout(BODY_TIMEOUT, self.0.read_request_body()).await;
        read.map_err(|_| BrokenBody)?.map_err(|_| BrokenBody)
    }

    async fn closed(&mut self) {
        // pingora says so with an error.
        while self.0.read_body_or_idle(false).await.is_ok() {}
    }
}
