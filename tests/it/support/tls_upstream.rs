use super::{Authority, Pair};
use corsgate::tls::provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An upstream that speaks TLS, and HTTP/1.1 or HTTP/2 as negotiated. It answers each request with 200.
pub(crate) struct TlsUpstream {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    config: Mutex<Arc<ServerConfig>>,
    handshakes: Mutex<Vec<Handshake>>,
}

/// A handshake that was completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) has_client_certificate: bool,
}

impl TlsUpstream {
    pub(crate) fn start(pair: &Pair, alpn: &[&str], clients: Option<&Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            config: Mutex::new(Self::config(pair, alpn, clients)),
            handshakes: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        // The thread ends with the process.
        thread::spawn(move || super::run(serve(listener, shared)));
        Self { address, state }
    }

    /// Shows another certificate from now on.
    pub(crate) fn shows(&self, pair: &Pair, alpn: &[&str]) {
        *self.state.config.lock().expect("unpoisoned") = Self::config(pair, alpn, None);
    }

    /// Returns the settings of a server that shows this certificate.
    pub(crate) fn config(
        pair: &Pair,
        alpn: &[&str],
        clients: Option<&Authority>,
    ) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM");
                roots.add(root).expect("an authority");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build().expect("roots"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let config = builder.with_single_cert(vec![pair.der()], key);
        let mut config = config.expect("they belong together");
        config.alpn_protocols = alpn.iter().map(|&name| name.into()).collect();
        Arc::new(config)
    }

    pub(crate) fn handshakes(&self) -> Vec<Handshake> {
        self.state.handshakes.lock().expect("unpoisoned").clone()
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    listener.set_nonblocking(true).expect("an option");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        let config = Arc::clone(&state.config.lock().expect("unpoisoned"));
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A client that refuses the certificate is gone.
            let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else {
                return;
            };
            let session = stream.get_ref().1;
            let handshake = Handshake {
                server_name: session.server_name().map(str::to_owned),
                alpn: session
                    .alpn_protocol()
                    .map(|alpn| String::from_utf8_lossy(alpn).into()),
                has_client_certificate: session.peer_certificates().is_some(),
            };
            let is_http2 = handshake.alpn.as_deref() == Some("h2");
            state.handshakes.lock().expect("unpoisoned").push(handshake);
            match is_http2 {
                true => http2(stream).await,
                false => http1(stream).await,
            }
        });
    }
}

async fn http2(stream: TlsStream<TcpStream>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let response = http::Response::new(());
        // A client that has gone does not matter.
        let _ = respond.send_response(response, true);
    }
}

/// Reads requests without a body.
async fn http1(mut stream: TlsStream<TcpStream>) {
    let mut read = Vec::new();
    let mut piece = [0; 4 << 10];
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        read.extend_from_slice(&piece[..n]);
        if read.ends_with(b"\r\n\r\n") {
            read.clear();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}
