//! The opening of a connection: admission, the PROXY protocol, TLS, and the protocol that is spoken then.
//!
//! The order is the same on every listener, and each step has a deadline of its own,
//! `limits.header_timeout`. A connection counts as open from its first byte on, so that handshakes are
//! among `limits.max_connections`.

use super::Edge;
use super::admission::{Admission, OpenConnection};
use super::client_stream::ClientStream;
use super::http1;
use super::tcp::Tcp;
use super::transport::{Socket, Transport};
use crate::config::{Limits, Listener};
use crate::framing::ProxyHeader;
use crate::metrics::Handshake;
use crate::proxy::check::RequestError;
use crate::proxy::client::{Client, ClientTls, Via};
use crate::proxy::record::Record;
use crate::proxy::snapshot::Snapshot;
use crate::tls::{Alpn, ServerTls};
use bytes::BytesMut;
use http::StatusCode;
use pingora_core::server::ShutdownWatch;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

/// Bytes that are read at once before it is known what a client speaks: more than a handshake's first
/// message has, in nearly every case.
const FIRST_READ: usize = 2048;

/// The answer to plain HTTP where TLS is spoken. Its body is for the person who wrote the URL.
const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\n\
    Connection: close\r\n\r\n\
    This port speaks TLS: use https, not http.\n";

/// A connection that is ready for HTTP.
pub(super) struct Opened {
    pub stream: Box<ClientStream>,
    pub client: Arc<Client>,
    pub speaks: Speaks,
    /// Counts the connection as open.
    pub open: OpenConnection,
}

/// The versions of HTTP that a connection can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Its first bytes tell.
    Any,
    Http1,
    Http2,
}

/// Reason for which a connection ends before HTTP.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the client has sent nothing until it went, its time was up, or the process ended")]
    Gone,
    #[error("{0}")]
    ProxyHeader(RequestError),
    /// Holds the socket, for the answer.
    #[error("the client speaks HTTP without TLS")]
    PlainHttp(Socket),
    /// The client has to be told, and may have sent more than was read. Holds the socket, for a clean end.
    #[error("the handshake failed: {0}")]
    Handshake(io::Error, Socket),
    #[error("the handshake took longer than `limits.header_timeout`")]
    HandshakeTimeout,
    #[error("{}", RequestError::HttpVersion)]
    NoProtocol(Box<TlsStream<Socket>>),
}

/// Opens a connection; `None` if it has ended.
pub(super) async fn open(edge: &Edge, tcp: Tcp, stopped: &ShutdownWatch) -> Option<Opened> {
    let snapshot = edge.snapshot.load_full();
    let limits = &snapshot.limits;
    let listener = snapshot.listeners.get(edge.listener)?;
    let started = Instant::now();
    let open = match edge.connections.admit(limits.max_connections) {
        Admission::Open(open) => open,
        // A handshake for a refusal would cost more than most requests do.
        Admission::Refused(_) if listener.tls.is_some() => return None,
        Admission::Refused(_refused) => {
            let stream = Box::new(ClientStream::plain(tcp, limits.write_timeout));
            http1::farewell(stream, StatusCode::SERVICE_UNAVAILABLE).await;
            return None;
        }
        Admission::Dropped => return None,
    };
    let mut client = Client {
        via: Via::Listener(edge.listener),
        // An IPv4 address that comes in by a socket of IPv6 is one of IPv4.
        peer: tcp.peer().map(|peer| peer.ip().to_canonical()),
        ..Client::default()
    };
    match handshakes(edge, tcp, listener, limits, &mut client, stopped).await {
        Ok((transport, speaks)) => Some(Opened {
            stream: Box::new(ClientStream::new(transport, limits.write_timeout)),
            client: Arc::new(client),
            speaks,
            open,
        }),
        Err(ended) => {
            let address = listener.listen.address;
            let peer = client.peer.map(tracing::field::display);
            debug!(%address, client = peer, %ended, "a connection ended before its first request");
            Box::pin(end(edge, ended, &snapshot, &client, started)).await;
            None
        }
    }
}

/// Goes through the steps after admission.
async fn handshakes(
    edge: &Edge,
    tcp: Tcp,
    listener: &Listener,
    limits: &Limits,
    client: &mut Client,
    stopped: &ShutdownWatch,
) -> Result<(Transport, Speaks), Ended> {
    let mut socket = Socket::new(tcp);
    let mut held = BytesMut::new();
    if listener.proxy_protocol {
        first_bytes(&mut socket, &mut held, limits, stopped).await?;
        let header = proxy_header(&mut socket, &mut held);
        let named = match timeout(limits.header_timeout, header).await {
            Ok(named) => named?,
            Err(_) => return Err(Ended::ProxyHeader(RequestError::HeaderTimeout)),
        };
        client.peer = named.or(client.peer);
    }
    let Some(tls) = &listener.tls else {
        socket.unread(held.freeze());
        return Ok((Transport::Plain(socket), Speaks::Any));
    };
    if held.is_empty() {
        first_bytes(&mut socket, &mut held, limits, stopped).await?;
    }
    let accepted = Box::pin(accept(&tls.server, socket, held));
    let stream = match timeout(limits.header_timeout, accepted).await {
        Ok(accepted) => accepted?,
        Err(_) => return Err(Ended::HandshakeTimeout),
    };
    edge.tls.handshake(Handshake::Completed);
    let (_, session) = stream.get_ref();
    client.tls = Some(ClientTls::new(session, tls.server.authorities()));
    let speaks = match session.alpn_protocol() {
        Some(protocol) if protocol == Alpn::H2.as_str().as_bytes() => Speaks::Http2,
        // RFC 9113 §3.3: over TLS, HTTP/2 is negotiated.
        _ if tls.server.speaks(Alpn::Http11) => Speaks::Http1,
        _ => return Err(Ended::NoProtocol(stream)),
    };
    Ok((Transport::Tls(stream), speaks))
}

/// Waits for a client to begin. Browsers connect before they need to, and balancers only look whether a port
/// is open: those have nothing to be told, and hold up no end of the process.
async fn first_bytes(
    socket: &mut Socket,
    held: &mut BytesMut,
    limits: &Limits,
    stopped: &ShutdownWatch,
) -> Result<(), Ended> {
    let mut stopped = stopped.clone();
    held.reserve(FIRST_READ);
    let read = async {
        tokio::select! {
            biased;
            read = socket.read_buf(held) => matches!(read, Ok(1..)),
            _ = stopped.wait_for(|&is_stopped| is_stopped) => false,
        }
    };
    match timeout(limits.header_timeout, read).await {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Ended::Gone),
    }
}

/// Reads the rest of the PROXY protocol's header, and leaves in `held` what came behind it.
async fn proxy_header(socket: &mut Socket, held: &mut BytesMut) -> Result<Option<IpAddr>, Ended> {
    loop {
        match ProxyHeader::take(held) {
            ProxyHeader::Whole(header) => return Ok(header.client),
            ProxyHeader::Malformed => return Err(Ended::ProxyHeader(RequestError::ProxyHeader)),
            ProxyHeader::Partial => {}
        }
        held.reserve(FIRST_READ);
        match socket.read_buf(held).await {
            Ok(1..) => {}
            Ok(_) | Err(_) => return Err(Ended::ProxyHeader(RequestError::ProxyHeader)),
        }
    }
}

/// Takes a TLS handshake from a client whose first bytes are `held`.
async fn accept(
    tls: &ServerTls,
    mut socket: Socket,
    held: BytesMut,
) -> Result<Box<TlsStream<Socket>>, Ended> {
    // A handshake begins with a byte that is not a letter, and a request with a method.
    if held.first().is_some_and(u8::is_ascii_uppercase) {
        return Err(Ended::PlainHttp(socket));
    }
    socket.unread(held.freeze());
    let acceptor = TlsAcceptor::from(Arc::clone(tls.config()));
    match acceptor.accept(socket).into_fallible().await {
        Ok(stream) => Ok(Box::new(stream)),
        Err((error, socket)) => Err(Ended::Handshake(error, socket)),
    }
}

/// Returns the result that a failed handshake is counted under.
fn result_of(error: &io::Error) -> Handshake {
    let cause = error.get_ref();
    match cause.and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            Handshake::ClientCertificateRefused
        }
        _ => Handshake::Failed,
    }
}

/// Ends a connection, with an answer where the protocol lets it, and counts that.
async fn end(edge: &Edge, ended: Ended, snapshot: &Snapshot, client: &Client, started: Instant) {
    let count = |error, status| Record::refused(snapshot, client, error, started, status);
    let write_timeout = snapshot.limits.write_timeout;
    match ended {
        Ended::Gone => {}
        Ended::ProxyHeader(error) => count(error, None),
        Ended::PlainHttp(socket) => {
            edge.tls.handshake(Handshake::Failed);
            let mut stream = ClientStream::new(Transport::Plain(socket), write_timeout);
            // The connection ends either way.
            if stream.write_all(PLAIN_HTTP.as_bytes()).await.is_ok() {
                let _ = stream.shutdown().await;
            }
        }
        Ended::Handshake(error, socket) => {
            edge.tls.handshake(result_of(&error));
            // The alert is sent. Were the socket closed with bytes unread, it would be lost.
            let mut stream = ClientStream::new(Transport::Plain(socket), write_timeout);
            let _ = stream.shutdown().await;
        }
        Ended::HandshakeTimeout => edge.tls.handshake(Handshake::Timeout),
        Ended::NoProtocol(stream) => {
            let error = RequestError::HttpVersion;
            count(error, Some(error.status()));
            let stream = ClientStream::new(Transport::Tls(stream), write_timeout);
            http1::farewell(Box::new(stream), error.status()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_plain_http_has_the_length_that_it_says() {
        let (head, body) = PLAIN_HTTP.split_once("\r\n\r\n").expect("a header");
        let length = format!("Content-Length: {}\r\n", body.len());
        assert!(head.contains(&length), "{length}");
    }
}
