//! The way to the collector: OTLP over HTTP.
//!
//! The environment variables OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES count, as
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/> says; the crates read them.

use super::partial_success::PartialSuccess;
use crate::config;
use crate::probe::{Roots, exchange_error, tls};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use parking_lot::Mutex;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use ureq::Agent;

/// Maximum time for a message to the collector and its answer. Beyond it, the message is not sent again either, and its
/// spans are given up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum length of the collector's answer, which says how many spans it has refused; a longer one counts as none.
const MAX_ANSWER: u64 = 64 << 10;

/// A collector that spans are sent to.
#[derive(Debug)]
pub(super) struct Collector {
    exporter: SpanExporter,
    word: Arc<Mutex<Word>>,
}

/// The fate of the spans of one message.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Number of spans that the collector did not take.
    pub lost: usize,
    /// Reason for it.
    pub problem: Option<String>,
}

/// The collector's word about the last message, which the crate keeps to itself.
#[derive(Debug, Default)]
struct Word {
    /// Reason for which there is no answer that counts.
    problem: Option<String>,
    refused: PartialSuccess,
}

/// A client that blocks, which is right for a thread of its own.
#[derive(Debug)]
struct Client {
    agent: Agent,
    word: Arc<Mutex<Word>>,
}

// === impl Sent ===

impl Sent {
    /// Returns the fate of spans whose sending has panicked.
    pub(super) fn panicked(lost: usize) -> Self {
        Self {
            lost,
            problem: Some("it can't be asked: see the panic above".to_owned()),
        }
    }
}

// === impl Collector ===

impl Collector {
    /// Makes the way to the collector of this configuration.
    ///
    /// # Errors
    ///
    /// Where the machine trusts no authority that could vouch for the collector.
    pub(super) fn of(config: &config::Traces) -> io::Result<Self> {
        let word = Arc::default();
        let client = Client::new(config.endpoint.starts_with("https:"), Arc::clone(&word))?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(&config.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            .build()
            .map_err(io::Error::other)?;
        let resource = Resource::builder()
            .with_service_name(config.service_name.clone())
            .build();
        exporter.set_resource(&resource);
        Ok(Self { exporter, word })
    }

    /// Sends spans in one message, again if the collector is away or busy, and waits for the answer.
    pub(super) fn send(&self, spans: Vec<SpanData>) -> Sent {
        let count = spans.len();
        let sent = finished(self.exporter.export(spans));
        let Word { problem, refused } = std::mem::take(&mut *self.word.lock());
        match sent {
            Ok(()) => Sent {
                lost: refused.spans().min(count),
                problem: refused.problem(),
            },
            Err(error) => Sent {
                lost: count,
                problem: Some(problem.unwrap_or_else(|| error.to_string())),
            },
        }
    }
}

// === impl Client ===

impl Client {
    fn new(is_https: bool, word: Arc<Mutex<Word>>) -> io::Result<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT));
        if is_https {
            config = config.tls_config(tls(&Roots::Machine).map_err(io::Error::other)?);
        }
        let agent = config.build().new_agent();
        Ok(Self { agent, word })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.as_ref());
        let (parts, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let sent = self.send(request);
        let mut word = self.word.lock();
        *word = Word::default();
        match sent {
            Ok(response) if response.status().is_success() => {
                word.refused = PartialSuccess::of(response.body());
                Ok(response)
            }
            Ok(response) => {
                word.problem = Some(format!("it answers with status {}", response.status()));
                Ok(response)
            }
            Err(error) => {
                let error = exchange_error(error, host, TIMEOUT);
                word.problem = Some(error.to_string());
                Err(error.into())
            }
        }
    }
}

/// Runs the future of an exporter whose client blocks, so that it never has to wait.
fn finished(export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
    match pin!(export).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(OTelSdkError::InternalFailure(
            "the exporter waits for something".to_owned(),
        )),
    }
}
