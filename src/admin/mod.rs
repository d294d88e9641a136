//! The admin listener, and the one for Prometheus alone.
//!
//! | path             | answer                                                              |
//! |------------------|---------------------------------------------------------------------|
//! | `/metrics`       | the metrics, as Prometheus reads them                               |
//! | `/livez`         | 200 while the process serves                                        |
//! | `/readyz`        | 200 while traffic is taken, 503 before that and once it is draining |
//! | `/config`        | the running configuration, its hash and its age                     |
//! | `/explain`       | what would become of a request, and why                             |
//! | `/rejections`    | the origins, methods and headers that are rejected most often       |
//! | `/upstreams`     | the endpoints of each upstream, their state, and why                |
//! | `POST /reload`   | 200 when the configuration was read again, 422 when it was rejected |
//!
//! The last five are on the admin listener alone. All its pages but `/livez` and `/readyz` answer 403
//! to requests that a page of another site could have sent: see `guard`.

mod console;
mod guard;
mod page;

pub use console::{Console, ExplainError, ReloadError};

use crate::metrics::Metrics;
use crate::pages::{self, PageForm, Pages, RequestBody, WrittenPage};
use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use page::Page;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;

/// The application of an admin listener.
pub struct Admin {
    metrics: Metrics,
    readiness: Readiness,
    /// `None` for the listener for Prometheus.
    admin: Option<AdminOnly>,
}

/// The part of an admin listener that the one for Prometheus lacks.
struct AdminOnly {
    console: Arc<dyn Console>,
    /// The host names that the listener is known by.
    hosts: Vec<String>,
}

/// Maximum size of a pasted request; beyond it, the answer is 413.
const MAX_PASTED: usize = 64 << 10;
/// Maximum time to wait for a pasted request; beyond it, the answer is 408.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether traffic is taken. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

// === impl Readiness ===

impl Readiness {
    pub fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Admin ===

impl Admin {
    /// Makes the application of a listener for Prometheus alone.
    pub fn for_metrics(metrics: Metrics, readiness: Readiness) -> Self {
        Self {
            metrics,
            readiness,
            admin: None,
        }
    }

    /// Makes the application of an admin listener. `hosts` are the names that it is known by, beside
    /// addresses and `localhost`.
    pub fn new(
        metrics: Metrics,
        readiness: Readiness,
        console: Arc<dyn Console>,
        hosts: Vec<String>,
    ) -> Self {
        Self {
            admin: Some(AdminOnly { console, hosts }),
            ..Self::for_metrics(metrics, readiness)
        }
    }

    /// Returns the pages of this listener.
    fn pages(&self) -> impl Iterator<Item = Page> {
        let has_console = self.admin.is_some();
        let pages = Page::ALL.into_iter();
        pages.filter(move |page| has_console || !page.needs_console())
    }

    async fn answer(&self, request: &Parts, body: &mut dyn RequestBody) -> Response<Vec<u8>> {
        let (method, path) = (&request.method, request.uri.path());
        let Some(page) = self.pages().find(|page| page.path() == path) else {
            let known: Vec<&str> = self.pages().map(Page::path).collect();
            let known = format!("not found; pages: {}", known.join(", "));
            return pages::text(StatusCode::NOT_FOUND, &known);
        };
        if let Some(AdminOnly { hosts, .. }) = &self.admin
            && page.is_guarded()
            && let Err(reason) = guard::check(&request.uri, &request.headers, hosts)
        {
            return pages::text(StatusCode::FORBIDDEN, &reason);
        }
        if !page.allows(method) {
            let mut response = pages::empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static(page.methods());
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        match (page, &self.admin) {
            (Page::Metrics, _) => self.metrics_page(),
            (Page::Readyz, _) if !self.readiness.get() => {
                pages::text(StatusCode::SERVICE_UNAVAILABLE, "not ready")
            }
            (Page::Livez | Page::Readyz, _) => pages::text(StatusCode::OK, "ok"),
            (Page::Config, Some(AdminOnly { console, .. })) => {
                let page = console.config().into_bytes();
                pages::with_body(StatusCode::OK, "application/yaml", page)
            }
            (Page::Explain, Some(AdminOnly { console, .. })) => {
                explain(&**console, request, body).await
            }
            (Page::Rejections, Some(AdminOnly { console, .. })) => {
                written(request, |form| console.rejections(form))
            }
            (Page::Upstreams, Some(AdminOnly { console, .. })) => {
                written(request, |form| console.upstreams(form))
            }
            (Page::Reload, Some(AdminOnly { console, .. })) => reload(&**console).await,
            (page, None) => {
                debug_assert!(page.needs_console());
                pages::empty(StatusCode::NOT_FOUND)
            }
        }
    }

    fn metrics_page(&self) -> Response<Vec<u8>> {
        match self.metrics.page() {
            Ok(page) => pages::with_body(StatusCode::OK, Metrics::CONTENT_TYPE, page),
            Err(error) => {
                error!(%error, "metrics page can't be written");
                pages::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// Answers with a page in the form that its query asks for.
fn written(request: &Parts, write: impl FnOnce(PageForm) -> WrittenPage) -> Response<Vec<u8>> {
    match PageForm::of_query(request.uri.query().unwrap_or_default()) {
        Ok(form) => {
            let WrittenPage { content_type, text } = write(form);
            pages::with_body(StatusCode::OK, content_type, text.into_bytes())
        }
        Err(message) => pages::text(StatusCode::BAD_REQUEST, &message),
    }
}

async fn explain(
    console: &dyn Console,
    request: &Parts,
    body: &mut dyn RequestBody,
) -> Response<Vec<u8>> {
    let pasted = match timeout(PATIENCE, read_pasted(body)).await {
        Ok(Ok(pasted)) => pasted,
        Ok(Err(status)) => return pages::text(status, "can't read the pasted request"),
        Err(_) => return pages::empty(StatusCode::REQUEST_TIMEOUT),
    };
    let query = request.uri.query().unwrap_or_default();
    let error = match console.explain(query.to_owned(), pasted, body).await {
        Ok((content_type, page)) => {
            return pages::with_body(StatusCode::OK, content_type, page.into_bytes());
        }
        Err(error) => error,
    };
    match error {
        ExplainError::Question(message) => pages::text(StatusCode::BAD_REQUEST, &message),
        ExplainError::Busy => busy(&error.to_string()),
        ExplainError::Panicked => {
            pages::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
    }
}

/// Reads the whole body. The error is the status to answer with.
async fn read_pasted(body: &mut dyn RequestBody) -> Result<String, StatusCode> {
    let mut pasted = Vec::new();
    loop {
        match body.next().await {
            Ok(Some(chunk)) if pasted.len() + chunk.len() <= MAX_PASTED => {
                pasted.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(None) => return Ok(String::from_utf8_lossy(&pasted).into_owned()),
            Err(_) => return Err(StatusCode::BAD_REQUEST),
        }
    }
}

async fn reload(console: &dyn Console) -> Response<Vec<u8>> {
    match console.reload().await {
        Ok(said) => pages::text(StatusCode::OK, &said),
        Err(error) => {
            let message = error.to_string();
            match error {
                ReloadError::NoFile => pages::text(StatusCode::CONFLICT, &message),
                ReloadError::Busy => busy(&message),
                ReloadError::Rejected(_) => pages::text(StatusCode::UNPROCESSABLE_ENTITY, &message),
            }
        }
    }
}

/// Answers that there is too much to do, and when to ask again.
fn busy(message: &str) -> Response<Vec<u8>> {
    let mut response = pages::text(StatusCode::SERVICE_UNAVAILABLE, message);
    let second = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, second);
    response
}

#[async_trait]
impl Pages for Admin {
    async fn respond(&self, request: &Parts, body: &mut dyn RequestBody) -> Response<Vec<u8>> {
        let is_head = request.method == Method::HEAD;
        let mut response = self.answer(request, body).await;
        if is_head {
            response.body_mut().clear();
        }
        response
    }
}
