//! Exchanges over sockets: HTTP/1.1, with TLS where the URL has it.
//!
//! This file and `traces/otlp.rs` name the client's crate, and no other does.

use super::exchange::{Answer, ExchangeError, Transport};
use crate::tls::provider;
use http::{Request, Uri};
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::config::Config;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// A client that sends what it is told: no cookies, no compression, no redirects, and a connection
/// of its own for every request.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Maximum time for an exchange, connecting included; beyond it, there is no answer.
    pub timeout: Duration,
    pub roots: Roots,
    /// The addresses of the server, if its name is not to be looked up. No proxy is used then.
    pub addresses: Option<Vec<SocketAddr>>,
}

/// A resolver that finds the same addresses for every name.
#[derive(Debug)]
struct FixedResolver(Vec<SocketAddr>);

/// The CAs whose certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Those that the machine trusts.
    Machine,
    /// Those in a PEM file, and no others.
    File(PathBuf),
    /// None: every certificate is accepted, without verification.
    Unverified,
}

#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    #[error("can't read `{}`: {error}", .file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("`{}` has no certificate: write PEM, `-----BEGIN CERTIFICATE-----`", .file.display())]
    NoCertificate { file: PathBuf },
    #[error(
        "this machine has no list of trusted CAs ({reason}): \
             install `ca-certificates`, or name a file with --ca-file"
    )]
    NoMachineRoots { reason: String },
}

// === impl Client ===

impl Client {
    /// Makes a client. It reads no CAs unless `is_https`.
    ///
    /// # Errors
    ///
    /// Where the CAs can't be read, or there are none.
    pub fn new(options: &ClientOptions, is_https: bool) -> Result<Self, RootsError> {
        let timeout = options.timeout;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            // No connection is reused, so that no answer depends on the one before.
            .max_idle_connections(0)
            .user_agent(concat!("corsgate/", env!("CARGO_PKG_VERSION"), " (probe)"))
            .timeout_global(Some(timeout))
            .timeout_connect(Some(timeout));
        if is_https {
            config = config.tls_config(tls(&options.roots)?);
        }
        let agent = match &options.addresses {
            None => config.build().new_agent(),
            Some(addresses) => Agent::with_parts(
                config.proxy(None).build(),
                DefaultConnector::default(),
                FixedResolver(addresses.clone()),
            ),
        };
        Ok(Self { agent, timeout })
    }
}

impl Transport for Client {
    fn exchange(&self, request: Request<()>) -> Result<Answer, ExchangeError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        match self.agent.run(request) {
            Ok(response) => {
                // The body is not read: it may never end, and CORS does not depend on it.
                let (head, _) = response.into_parts();
                Ok(Answer {
                    status: head.status,
                    fields: head.headers,
                })
            }
            Err(error) => Err(exchange_error(error, host, self.timeout)),
        }
    }
}

impl Resolver for FixedResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut resolved = self.empty();
        for address in &self.0 {
            // `Resolve` has no more than the client takes.
            let _ = resolved.try_push(*address);
        }
        match resolved.is_empty() {
            true => Err(Error::HostNotFound),
            false => Ok(resolved),
        }
    }
}

/// Returns the settings for TLS of a client that trusts these roots.
///
/// # Errors
///
/// Where they can't be read, or there are none.
pub fn tls(roots: &Roots) -> Result<TlsConfig, RootsError> {
    let builder = TlsConfig::builder().unversioned_rustls_crypto_provider(provider());
    let builder = match roots {
        Roots::Machine => builder.root_certs(RootCerts::new_with_certs(&machine_roots()?)),
        Roots::File(file) => builder.root_certs(RootCerts::new_with_certs(&roots_in(file)?)),
        Roots::Unverified => builder.disable_verification(true),
    };
    Ok(builder.build())
}

fn machine_roots() -> Result<Vec<Certificate<'static>>, RootsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let reason = match reasons.is_empty() {
            true => "none was found".to_owned(),
            false => reasons.join("; "),
        };
        return Err(RootsError::NoMachineRoots { reason });
    }
    let certificates = found.certs.iter();
    Ok(certificates
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect())
}

/// Maximum bytes of a file of certificates; a larger one is refused. All roots of a browser have less than
/// one MiB.
const MAX_ROOTS_BYTES: u64 = 16 << 20;

fn roots_in(file: &Path) -> Result<Vec<Certificate<'static>>, RootsError> {
    let unreadable = |error| RootsError::Unreadable {
        file: file.to_owned(),
        error,
    };
    let mut pem = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAX_ROOTS_BYTES + 1).read_to_end(&mut pem))
        .map_err(unreadable)?;
    if pem.len() as u64 > MAX_ROOTS_BYTES {
        let message = format!("it is larger than {} MiB", MAX_ROOTS_BYTES >> 20);
        return Err(unreadable(io::Error::new(
            io::ErrorKind::FileTooLarge,
            message,
        )));
    }
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(RootsError::NoCertificate {
            file: file.to_owned(),
        }),
        false => Ok(certificates),
    }
}

/// Translates the client crate's errors. `after` is the time that an exchange may take.
pub fn exchange_error(error: Error, host: String, after: Duration) -> ExchangeError {
    match error {
        Error::Timeout(_) => ExchangeError::Timeout { after },
        Error::HostNotFound => ExchangeError::Unresolved { host },
        Error::Tls(reason) => ExchangeError::Tls {
            reason: reason.to_owned(),
        },
        Error::Rustls(error) => ExchangeError::Tls {
            reason: error.to_string(),
        },
        Error::Io(error) => of_io(error, host, after),
        Error::ConnectionFailed => ExchangeError::Unreachable {
            reason: "none of its addresses accepts connections".to_owned(),
        },
        Error::InvalidProxyUrl | Error::ConnectProxyFailed(_) => ExchangeError::Unreachable {
            reason: format!("the proxy from the environment failed: {error}"),
        },
        other => ExchangeError::Protocol {
            reason: other.to_string(),
        },
    }
}

/// Translates an I/O error, in which the client crate wraps errors of TLS and its own.
fn of_io(error: io::Error, host: String, after: Duration) -> ExchangeError {
    let error = match error.downcast::<Error>() {
        Ok(own) => return exchange_error(own, host, after),
        Err(error) => error,
    };
    match error.downcast::<rustls::Error>() {
        Ok(error) => ExchangeError::Tls {
            reason: error.to_string(),
        },
        Err(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ExchangeError::Timeout { after },
            io::ErrorKind::UnexpectedEof => ExchangeError::Protocol {
                reason: "the connection ended before the answer did".to_owned(),
            },
            // A name without an address has no `ErrorKind`.
            _ if error.to_string().contains("failed to lookup address") => {
                ExchangeError::Unresolved { host }
            }
            _ => ExchangeError::Unreachable {
                reason: error.to_string(),
            },
        },
    }
}
