//! The admin listener, and the one for Prometheus alone.
//!
//! | path       | answer                                                             |
//! |------------|--------------------------------------------------------------------|
//! | `/metrics` | the metrics, as Prometheus reads them                               |
//! | `/livez`   | 200 while the process serves                                        |
//! | `/readyz`  | 200 while traffic is taken, 503 before that and once it is draining |

use crate::http_response;
use crate::metrics::Metrics;
use async_trait::async_trait;
use http::{Method, Response, StatusCode};
use pingora_core::apps::http_app::ServeHttp;
use pingora_core::protocols::http::ServerSession;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::error;

/// The application of an admin listener.
#[derive(Debug)]
pub struct Admin {
    metrics: Metrics,
    readiness: Readiness,
}

/// Whether traffic is taken. Cheap to clone; all clones are one.
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
    pub fn new(metrics: Metrics, readiness: Readiness) -> Self {
        Self { metrics, readiness }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Vec<u8>> {
        if !matches!(path, "/metrics" | "/livez" | "/readyz") {
            let known = "not found: try /metrics, /livez or /readyz";
            return http_response::text(StatusCode::NOT_FOUND, known);
        }
        if *method != Method::GET && *method != Method::HEAD {
            let mut response = http_response::empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = http::HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(http::header::ALLOW, allowed);
            return response;
        }
        match path {
            "/metrics" => self.metrics_page(),
            "/readyz" if !self.readiness.get() => {
                http_response::text(StatusCode::SERVICE_UNAVAILABLE, "not ready")
            }
            _ => http_response::text(StatusCode::OK, "ok"),
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

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let is_head = request.method == Method::HEAD;
        let mut response = self.answer(&request.method, request.uri.path());
        if is_head {
            response.body_mut().clear();
        }
        response
    }
}
