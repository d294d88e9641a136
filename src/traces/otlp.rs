//! The way to the collector: OTLP over HTTP.
//!
//! The environment variables OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES count, as
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> says; the crates read them.

use crate::config;
use crate::probe::{Roots, tls};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use std::io;
use std::time::Duration;
use ureq::Agent;

/// Maximum time for a message to the collector and its answer; beyond it, the spans are given up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum length of the collector's answer, which says how many spans it has refused.
const MAX_ANSWER: u64 = 64 << 10;

/// A client that blocks, which is right for a thread of its own.
#[derive(Debug)]
struct Client(Agent);

/// Makes the exporter to the collector of this configuration.
///
/// # Errors
///
/// Where the machine trusts no authority that could vouch for the collector.
pub(super) fn exporter(config: &config::Traces) -> io::Result<SpanExporter> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new(config.endpoint.starts_with("https:"))?)
        .with_endpoint(&config.endpoint)
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(io::Error::other)?;
    let resource = Resource::builder()
        .with_service_name(config.service_name.clone())
        .build();
    exporter.set_resource(&resource);
    Ok(exporter)
}

// === impl Client ===

impl Client {
    fn new(is_https: bool) -> io::Result<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT));
        if is_https {
            config = config.tls_config(tls(&Roots::Machine).map_err(io::Error::other)?);
        }
        Ok(Self(config.build().new_agent()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(parts, body.as_ref()))?;
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}
