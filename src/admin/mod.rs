//! The admin listener, and the one for Prometheus alone.
//!
//! | path             | answer                                                              |
//! |------------------|---------------------------------------------------------------------|
//! | `/metrics`       | the metrics, as Prometheus reads them                               |
//! | `/livez`         | 200 while the process serves                                        |
//! | `/readyz`        | 200 while traffic is taken, 503 before that and once it is draining |
//! | `/config`        | the running configuration, its hash and its age                     |
//! | `/explain`       | what would become of a request, and why                             |
//! | `POST /reload`   | 200 when the configuration was read again, 422 when it was refused  |
//!
//! The last three are on the admin listener alone. There everything but `/livez` and `/readyz` refuses
//! what a page of another site could have sent: see `guard`.

mod guard;

use crate::http_response;
use crate::metrics::Metrics;
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, StatusCode, header};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tracing::error;

/// The application of an admin listener.
pub struct Admin {
    metrics: Metrics,
    readiness: Readiness,
    console: Option<AdminConsole>,
}

/// What the admin listener has and the one for Prometheus has not.
struct AdminConsole {
    console: Arc<dyn Console>,
    hosts: Vec<String>,
}

/// The gateway behind an admin listener.
#[async_trait]
pub trait Console: Send + Sync {
    /// The running configuration as YAML, what is known about it in comments before it.
    fn config(&self) -> String;

    /// What would become of the request that a query, or a text that was sent with it, speaks of:
    /// a content type and a page. The error is what to tell who asked.
    async fn explain(
        &self,
        query: String,
        pasted: String,
    ) -> Result<(&'static str, String), String>;

    /// Reads the configuration again. Says what came of it.
    async fn reload(&self) -> Result<String, ReloadError>;
}

/// Why the configuration that was running still is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("the configuration came from no file: there is nothing to read again")]
    NoFile,
    /// Everything that is wrong with it.
    #[error("{0}")]
    Refused(String),
}

/// A pasted request is read up to this size.
const MAX_PASTED: usize = 64 << 10;
/// And waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether traffic is taken. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Metrics,
    Livez,
    Readyz,
    Config,
    Explain,
    Reload,
}

// === impl Readiness ===

impl Readiness {
    pub fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Page ===

impl Page {
    const ALL: [Self; 6] = [
        Self::Metrics,
        Self::Livez,
        Self::Readyz,
        Self::Config,
        Self::Explain,
        Self::Reload,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Livez => "/livez",
            Self::Readyz => "/readyz",
            Self::Config => "/config",
            Self::Explain => "/explain",
            Self::Reload => "/reload",
        }
    }

    fn allows(self, method: &Method) -> bool {
        match self {
            Self::Reload => *method == Method::POST,
            Self::Explain => *method == Method::GET || *method == Method::POST,
            _ => *method == Method::GET || *method == Method::HEAD,
        }
    }

    /// The methods, as the Allow field has them.
    fn methods(self) -> &'static str {
        match self {
            Self::Reload => "POST",
            Self::Explain => "GET, POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether it needs a gateway to speak of.
    fn is_of_console(self) -> bool {
        matches!(self, Self::Config | Self::Explain | Self::Reload)
    }

    /// Whether it shows or changes something. Orchestrators ask for the others, by any name.
    fn is_guarded(self) -> bool {
        !matches!(self, Self::Livez | Self::Readyz)
    }
}

// === impl Admin ===

impl Admin {
    /// The listener for Prometheus alone.
    pub fn for_metrics(metrics: Metrics, readiness: Readiness) -> Self {
        Self {
            metrics,
            readiness,
            console: None,
        }
    }

    /// The admin listener. `hosts` are the names it is known by, beside addresses and `localhost`.
    pub fn new(
        metrics: Metrics,
        readiness: Readiness,
        console: Arc<dyn Console>,
        hosts: Vec<String>,
    ) -> Self {
        Self {
            console: Some(AdminConsole { console, hosts }),
            ..Self::for_metrics(metrics, readiness)
        }
    }

    fn pages(&self) -> impl Iterator<Item = Page> {
        let has_console = self.console.is_some();
        let pages = Page::ALL.into_iter();
        pages.filter(move |page| has_console || !page.is_of_console())
    }

    async fn answer(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let (method, path) = (&request.method, request.uri.path());
        let Some(page) = self.pages().find(|page| page.path() == path) else {
            let known: Vec<&str> = self.pages().map(Page::path).collect();
            let known = format!("not found: there are {}", known.join(", "));
            return http_response::text(StatusCode::NOT_FOUND, &known);
        };
        if let Some(AdminConsole { hosts, .. }) = &self.console
            && page.is_guarded()
        {
            let authority = guard::authority(&request.uri, &request.headers);
            if let Some(refusal) = guard::refusal(&request.headers, authority, hosts) {
                return http_response::text(StatusCode::FORBIDDEN, &refusal);
            }
        }
        if !page.allows(method) {
            let mut response = http_response::empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static(page.methods());
            response.headers_mut().insert(header::ALLOW, allowed);
            return response;
        }
        match (page, &self.console) {
            (Page::Metrics, _) => self.metrics_page(),
            (Page::Readyz, _) if !self.readiness.get() => {
                http_response::text(StatusCode::SERVICE_UNAVAILABLE, "not ready")
            }
            (Page::Livez | Page::Readyz, _) => http_response::text(StatusCode::OK, "ok"),
            (Page::Config, Some(console)) => {
                let page = console.console.config().into_bytes();
                http_response::with_body(StatusCode::OK, "application/yaml", page)
            }
            (Page::Explain, Some(console)) => explain(&*console.console, session).await,
            (Page::Reload, Some(console)) => reload(&*console.console).await,
            (Page::Config | Page::Explain | Page::Reload, None) => {
                http_response::empty(StatusCode::NOT_FOUND)
            }
        }
    }

    fn metrics_page(&self) -> Response<Vec<u8>> {
        match self.metrics.page() {
            Ok(page) => http_response::with_body(StatusCode::OK, Metrics::CONTENT_TYPE, page),
            Err(error) => {
                error!(%error, "can't write the metrics");
                http_response::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

async fn explain(console: &dyn Console, session: &mut ServerSession) -> Response<Vec<u8>> {
    let pasted = match timeout(PATIENCE, read_pasted(session)).await {
        Ok(Ok(pasted)) => pasted,
        Ok(Err(status)) => return http_response::text(status, "can't read the pasted request"),
        Err(_) => return http_response::empty(StatusCode::REQUEST_TIMEOUT),
    };
    let query = session.req_header().uri.query().unwrap_or_default();
    match console.explain(query.to_owned(), pasted).await {
        Ok((content_type, page)) => {
            http_response::with_body(StatusCode::OK, content_type, page.into_bytes())
        }
        Err(error) => http_response::text(StatusCode::BAD_REQUEST, &error),
    }
}

/// The whole of a body that is no longer than a request may be.
async fn read_pasted(session: &mut ServerSession) -> Result<String, StatusCode> {
    let mut pasted = Vec::new();
    loop {
        match session.read_request_body().await {
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
        Ok(said) => http_response::text(StatusCode::OK, &said),
        Err(error) => {
            let status = match error {
                ReloadError::NoFile => StatusCode::CONFLICT,
                ReloadError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            };
            http_response::text(status, &error.to_string())
        }
    }
}

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let is_head = session.req_header().method == Method::HEAD;
        let mut response = self.answer(session).await;
        if is_head {
            response.body_mut().clear();
        }
        response
    }
}
