use super::{Folder, PATIENCE, Response};
use corsgate::tls::provider;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Signs a certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_until(names, 2100)
    }

    /// Signs one that is good until the beginning of a year.
    pub(crate) fn issue_until(&self, names: &[&str], year: i32) -> Pair {
        self.issue_with(names, |params| {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        })
    }

    /// Signs one that is good for so many seconds.
    pub(crate) fn issue_for(&self, names: &[&str], seconds: u64) -> Pair {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let end = now.expect("it is later") + Duration::from_secs(seconds);
        let end = rcgen::date_time_ymd(1970, 1, 1) + end;
        self.issue_with(names, |params| {
            params.not_after = end;
        })
    }

    fn issue_with(&self, names: &[&str], set_end: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        set_end(&mut params);
        let signed = params.signed_by(&key, &self.issuer).expect("signed");
        Pair {
            certificate: signed.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    /// Writes it into a folder, as `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, folder: &Folder, name: &str) {
        folder.write(&format!("{name}.crt"), &self.certificate);
        folder.write(&format!("{name}.key"), &self.key);
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("PEM")
    }
}

/// A client that speaks TLS, with HTTP/2 or HTTP/1.1 as negotiated.
#[derive(Clone)]
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
    name: String,
    /// Sent before the handshake.
    before: Vec<u8>,
}

impl TlsClient {
    pub(crate) fn new(authority: &Authority, name: &str, alpn: &[&str]) -> Self {
        Self::with(&authority.pem, name, alpn, rustls::ALL_VERSIONS, None)
    }

    /// `authority` is the PEM of the one that it trusts.
    pub(crate) fn with(
        authority: &str,
        name: &str,
        alpn: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        certificate: Option<&Pair>,
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots(authority));
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
                let certified = builder.with_client_auth_cert(vec![pair.der()], key);
                certified.expect("they belong together")
            }
        };
        config.alpn_protocols = alpn.iter().map(|&name| name.into()).collect();
        config.resumption = Resumption::in_memory_sessions(8);
        Self {
            config: Arc::new(config),
            name: name.to_owned(),
            before: Vec::new(),
        }
    }

    /// The settings of its handshakes.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Does not send the name.
    pub(crate) fn without_sni(mut self) -> Self {
        Arc::make_mut(&mut self.config).enable_sni = false;
        self
    }

    /// Sends these bytes before each handshake.
    pub(crate) fn after(mut self, before: &[u8]) -> Self {
        before.clone_into(&mut self.before);
        self
    }

    pub(crate) async fn connect(
        &self,
        address: SocketAddr,
    ) -> Result<TlsStream<TcpStream>, String> {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let _ = stream.write_all(&self.before).await;
        let name = ServerName::try_from(self.name.clone()).expect("a name");
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| error.to_string())
    }

    /// Sends one request on a connection of its own; the error says why there is no response.
    pub(crate) async fn exchange(
        &self,
        address: SocketAddr,
        method: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, String> {
        let exchange = async {
            let stream = self.connect(address).await?;
            self.exchange_on(stream, method, fields)
                .await
                .map(|(r, _)| r)
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .expect("an answer")
    }

    /// Sends one request; returns the response, and whether the handshake resumed a session.
    pub(crate) async fn exchange_on(
        &self,
        mut stream: TlsStream<TcpStream>,
        method: &str,
        fields: &[(&str, &str)],
    ) -> Result<(Response, bool), String> {
        let session = stream.get_ref().1;
        let is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        if session.alpn_protocol() == Some(b"h2") {
            let (sender, connection) = h2::client::handshake(stream)
                .await
                .map_err(|e| e.to_string())?;
            let driver = tokio::spawn(connection);
            let response = exchange_http2(sender, &self.name, method, fields).await;
            driver.abort();
            return Ok((response?, is_resumed));
        }
        let lines: String = fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n",
            self.name
        );
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(|e| e.to_string())?;
        let mut whole = Vec::new();
        let read = stream.read_to_end(&mut whole).await;
        match Response::parse(&whole) {
            Some(response) => Ok((response, is_resumed)),
            None => Err(read.err().map_or("nothing".to_owned(), |e| e.to_string())),
        }
    }
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    roots.add(certificate).expect("an authority");
    roots
}

async fn exchange_http2(
    mut sender: h2::client::SendRequest<bytes::Bytes>,
    name: &str,
    method: &str,
    fields: &[(&str, &str)],
) -> Result<Response, String> {
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("https://{name}/"));
    for (name, value) in fields {
        request = request.header(name.to_lowercase(), *value);
    }
    let request = request.body(()).expect("a request");
    let text = |error: h2::Error| error.to_string();
    let (response, _) = sender.send_request(request, true).map_err(text)?;
    let (parts, mut body) = response.await.map_err(text)?.into_parts();
    let mut whole = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(text)?;
        body.flow_control()
            .release_capacity(chunk.len())
            .map_err(text)?;
        whole.extend_from_slice(&chunk);
    }
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Response {
        status: parts.status.as_u16(),
        headers: parts
            .headers
            .iter()
            .map(|(n, v)| (n.to_string(), value(v)))
            .collect(),
        body: String::from_utf8_lossy(&whole).into_owned(),
    })
}
