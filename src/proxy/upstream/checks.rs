//! Active checks: what is asked of an endpoint, and whether the answer is good enough.

use super::endpoint::Endpoint;
use super::failure::Failure;
use super::peer::{Way, connector_options};
use super::reason::reason;
use crate::config::HealthCheck;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::RequestHeader;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Maximum number of checks of one upstream at once.
pub(super) const MAX_AT_ONCE: usize = 64;

const USER_AGENT: &str = concat!("corsgate/", env!("CARGO_PKG_VERSION"), " (health check)");

/// Checks endpoints, each time on a connection of its own: an old one may work where a new one does not.
pub(super) struct Checker {
    rule: HealthCheck,
    /// `None` where a connection is enough.
    http: Option<Connector>,
}

// === impl Checker ===

impl Checker {
    pub(super) fn new(rule: &HealthCheck) -> Self {
        Self {
            http: rule
                .path
                .is_some()
                .then(|| Connector::new(Some(connector_options(1)))),
            rule: rule.clone(),
        }
    }

    /// Checks an endpoint; the error is the reason for the operator.
    pub(super) async fn check(&self, endpoint: &Endpoint, way: &Way) -> Result<(), String> {
        let patience = self.rule.timeout;
        let check = async {
            match (&self.http, &self.rule.path) {
                (Some(http), Some(path)) => self.get(http, path, endpoint, way).await,
                _ => match TcpStream::connect(endpoint.address).await {
                    Ok(_) => Ok(()),
                    Err(error) => Err(format!("a check could not connect: {error}")),
                },
            }
        };
        match timeout(patience, check).await {
            Ok(result) => result,
            Err(_) => Err(format!("a check took longer than {patience:?}")),
        }
    }

    async fn get(
        &self,
        http: &Connector,
        path: &str,
        endpoint: &Endpoint,
        way: &Way,
    ) -> Result<(), String> {
        let failed = |error: Box<pingora_core::Error>| {
            let error = error.into_up();
            format!(
                "a check failed: {}",
                reason(Failure::of_exchange(&error), &error)
            )
        };
        let not_connected = |error: Box<pingora_core::Error>| {
            format!(
                "a check failed: {}",
                reason(Failure::of_connect(&error), &error)
            )
        };
        let peer = way.checked_peer(endpoint.address, self.rule.timeout);
        let request = self.request(path, endpoint, way).map_err(failed)?;
        let connected = http.get_http_session(&*peer).await;
        let (mut session, _) = connected.map_err(not_connected)?;
        if way.is_http2() != matches!(session, HttpSession::H2(_)) {
            return Err("a check failed: the upstream did not choose HTTP/2".to_owned());
        }
        session
            .write_request_header(Box::new(request))
            .await
            .map_err(failed)?;
        session.finish_request_body().await.map_err(failed)?;
        loop {
            session.read_response_header().await.map_err(failed)?;
            let Some(response) = session.response_header() else {
                return Err("a check got no answer".to_owned());
            };
            let status = response.status;
            // What follows an interim response is the answer. The whole has its time.
            if status.is_informational() {
                continue;
            }
            return match status.is_success() {
                true => Ok(()),
                false => Err(format!("a check was answered with {status}")),
            };
        }
    }

    fn request(
        &self,
        path: &str,
        endpoint: &Endpoint,
        way: &Way,
    ) -> pingora_core::Result<RequestHeader> {
        let mut request = RequestHeader::build("GET", path.as_bytes(), Some(3))?;
        match &self.rule.host {
            Some(host) => request.insert_header("Host", host)?,
            None => request.insert_header("Host", &endpoint.host)?,
        }
        request.insert_header("User-Agent", USER_AGENT)?;
        if !way.is_http2() {
            request.insert_header("Connection", "close")?;
        }
        Ok(request)
    }
}
