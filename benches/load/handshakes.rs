//! The load generator for connections: each has a handshake and one request, and is closed after it or
//! held open. It runs on one thread, as cheaply as it can: it verifies neither the certificate nor the
//! server's signature, and the request leaves together with the handshake's last message.
//!
//! `handshakes rate KIND PORT FILE SECONDS` opens connections to 127.0.0.1 one after the other, 32 at a
//! time, and prints how many there were. `handshakes hold KIND PORT FILE COUNT` opens COUNT connections,
//! prints `HELD`, waits for a line on stdin, and prints how many the server has left open. KIND is
//! `plain` (no TLS), `full` or `resumed` (each with the ticket of the one before). FILE has the request,
//! ended by a NUL byte.
//!
//! Every handshake is checked: TLS 1.3, one cipher, one key exchange, and resumed where it has to be.

use std::io::{self, Read as _, Write as _};
use std::iter::Cycle;
use std::net::{self, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::ring::{default_provider, kx_group::X25519};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind,
    NamedGroup, ProtocolVersion, SignatureScheme,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinSet, LocalSet};

/// Connections under way at once: enough that the server never waits for the generator.
const CONCURRENCY: u8 = 32;

/// Ports that connections are opened from, in turn. Linux keeps a closed one for a second; with those of
/// one address, that would be the limit of what there is to measure.
const PORTS: RangeInclusive<u16> = 32768..=60999;

/// The name in the certificate of the benchmark.
const NAME: &str = "api.example.com";

/// A whole answer is shorter, with the tickets before it.
const INPUT: usize = 16 << 10;

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: handshakes rate|hold KIND PORT FILE SECONDS|COUNT");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [action, kind, port, file, number] = args.as_slice() else {
        return Err(usage());
    };
    let kind = Kind::parse(kind).ok_or_else(usage)?;
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let number: u32 = number.parse().map_err(io::Error::other)?;
    let mut request = std::fs::read(file)?;
    request.truncate(
        request
            .iter()
            .position(|&byte| byte == 0)
            .ok_or_else(usage)?,
    );
    let plan = Plan {
        kind,
        server: (Ipv4Addr::LOCALHOST, port).into(),
        request: request.into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    match action.as_str() {
        "rate" => runtime.block_on(rate(plan, Duration::from_secs(number.into()))),
        "hold" => runtime.block_on(hold(plan, number as usize)),
        _ => Err(usage()),
    }
}

/// Opens and closes connections for some time.
async fn rate(plan: Plan, duration: Duration) -> io::Result<()> {
    let started = Instant::now();
    let requests = spread(plan, move |mut client, _| async move {
        let mut requests: u64 = 0;
        while started.elapsed() < duration {
            let connection = client.open().await?;
            client.close(connection).await?;
            requests += 1;
        }
        Ok(requests)
    });
    let requests: u64 = requests.await?.into_iter().sum();
    let microseconds = started.elapsed().as_micros();
    println!("RESULT requests={requests} microseconds={microseconds}");
    Ok(())
}

/// Opens connections, and keeps them until stdin has a line.
async fn hold(plan: Plan, count: usize) -> io::Result<()> {
    let held = spread(plan, move |mut client, first| async move {
        let mut held = Vec::new();
        for _ in (first..count).step_by(CONCURRENCY.into()) {
            // Without the state of TLS, and not watched: a connection costs this program next to nothing.
            held.push(client.open().await?.stream.into_std()?);
        }
        Ok(held)
    });
    let held: Vec<net::TcpStream> = held.await?.into_iter().flatten().collect();
    println!("HELD {}", held.len());
    io::stdin().read_line(&mut String::new())?;
    println!(
        "OPEN {}",
        held.iter().filter(|stream| is_open(stream)).count()
    );
    Ok(())
}

/// Runs a task for each connection that is under way at once; returns what they return.
async fn spread<T, F>(plan: Plan, task: impl Fn(Client, usize) -> F) -> io::Result<Vec<T>>
where
    T: 'static,
    F: Future<Output = io::Result<T>> + 'static,
{
    let local = LocalSet::new();
    let mut tasks = JoinSet::new();
    for number in 0..CONCURRENCY {
        // An address for each task: all of 127.0.0.0/8 is this machine.
        let address = Ipv4Addr::new(127, 0, 1, number);
        let mut client = Client::new(plan.clone(), address)?;
        client.prepare().await?;
        tasks.spawn_local_on(task(client, number.into()), &local);
    }
    let joined = local.run_until(async {
        let mut all = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            all.push(joined.map_err(io::Error::other)??);
        }
        Ok(all)
    });
    joined.await
}

/// Whether the server has not closed a connection, whatever it sent.
fn is_open(mut stream: &net::TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// The kind of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Full,
    Resumed,
}

#[derive(Debug, Clone)]
struct Plan {
    kind: Kind,
    server: SocketAddr,
    request: Arc<[u8]>,
}

/// The opener of one connection after the other.
struct Client {
    plan: Plan,
    address: Ipv4Addr,
    ports: Cycle<RangeInclusive<u16>>,
    tls: Arc<ClientConfig>,
    name: ServerName<'static>,
    input: Box<[u8]>,
    output: Vec<u8>,
    answer: Answer,
}

/// A connection that has had its answer. Without TLS `tls` is `None`.
struct Connection {
    stream: TcpStream,
    tls: Option<ClientConnection>,
}

/// The part of an answer that has come.
#[derive(Debug, Default)]
struct Answer(Vec<u8>);

// === impl Kind ===

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "plain" => Some(Self::Plain),
            "full" => Some(Self::Full),
            "resumed" => Some(Self::Resumed),
            _ => None,
        }
    }
}

// === impl Client ===

impl Client {
    fn new(plan: Plan, address: Ipv4Addr) -> io::Result<Self> {
        let provider = CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![X25519],
            ..default_provider()
        };
        let algorithms = provider.signature_verification_algorithms;
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Trusting(algorithms)))
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.resumption = match plan.kind {
            Kind::Resumed => Resumption::in_memory_sessions(8),
            Kind::Plain | Kind::Full => Resumption::disabled(),
        };
        Ok(Self {
            plan,
            address,
            ports: PORTS.cycle(),
            tls: Arc::new(tls),
            name: ServerName::try_from(NAME).map_err(io::Error::other)?,
            input: vec![0; INPUT].into(),
            output: Vec::new(),
            answer: Answer::default(),
        })
    }

    /// Gets the first ticket, where tickets are used.
    async fn prepare(&mut self) -> io::Result<()> {
        if self.plan.kind == Kind::Resumed {
            let connection = self.connect().await?;
            self.close(connection).await?;
        }
        Ok(())
    }

    /// Opens a connection and exchanges a request for its answer.
    async fn open(&mut self) -> io::Result<Connection> {
        let connection = self.connect().await?;
        if let Some(tls) = &connection.tls {
            self.check(tls)?;
        }
        Ok(connection)
    }

    async fn connect(&mut self) -> io::Result<Connection> {
        let mut stream = self.socket()?.connect(self.plan.server).await?;
        let tls = match self.plan.kind {
            Kind::Plain => {
                self.plainly(&mut stream).await?;
                None
            }
            Kind::Full | Kind::Resumed => Some(self.over_tls(&mut stream).await?),
        };
        Ok(Connection { stream, tls })
    }

    /// Returns a socket with the next port that is free.
    fn socket(&mut self) -> io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        // Closed ones may be used again.
        socket.set_reuseaddr(true)?;
        for port in self.ports.by_ref().take(100) {
            match socket.bind((self.address, port).into()) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound.map(|()| socket),
            }
        }
        Err(io::Error::other("no port is free"))
    }

    async fn plainly(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.plan.request).await?;
        self.answer.clear();
        while !self.answer.is_whole()? {
            let read = stream.read(&mut self.input).await?;
            self.answer.receive(&self.input[..read])?;
        }
        Ok(())
    }

    async fn over_tls(&mut self, stream: &mut TcpStream) -> io::Result<ClientConnection> {
        let mut tls = ClientConnection::new(Arc::clone(&self.tls), self.name.clone())
            .map_err(io::Error::other)?;
        // Kept by rustls until the handshake is done.
        tls.writer().write_all(&self.plan.request)?;
        self.answer.clear();
        loop {
            self.flush(stream, &mut tls).await?;
            if self.answer.is_whole()? {
                return Ok(tls);
            }
            let read = stream.read(&mut self.input).await?;
            if read == 0 {
                return Err(ended());
            }
            let mut unread = &self.input[..read];
            while !unread.is_empty() {
                tls.read_tls(&mut unread)?;
                let state = tls.process_new_packets().map_err(io::Error::other)?;
                let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
                if !plaintext.is_empty() {
                    tls.reader().read_exact(&mut plaintext)?;
                    self.answer.receive(&plaintext)?;
                }
            }
        }
    }

    async fn flush(
        &mut self,
        stream: &mut TcpStream,
        tls: &mut ClientConnection,
    ) -> io::Result<()> {
        self.output.clear();
        while tls.wants_write() {
            tls.write_tls(&mut self.output)?;
        }
        match self.output.is_empty() {
            true => Ok(()),
            false => stream.write_all(&self.output).await,
        }
    }

    /// Closes a connection, over TLS after a close_notify (RFC 8446 §6.1).
    async fn close(&mut self, connection: Connection) -> io::Result<()> {
        let Connection { mut stream, tls } = connection;
        if let Some(mut tls) = tls {
            tls.send_close_notify();
            self.flush(&mut stream, &mut tls).await?;
        }
        Ok(())
    }

    /// Checks that the handshake was the one that is measured.
    fn check(&self, tls: &ClientConnection) -> io::Result<()> {
        let kind = match self.plan.kind {
            Kind::Resumed => HandshakeKind::Resumed,
            Kind::Plain | Kind::Full => HandshakeKind::Full,
        };
        let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
        let group = tls
            .negotiated_key_exchange_group()
            .map(|group| group.name());
        let is_right = tls.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && suite == Some(CipherSuite::TLS13_AES_128_GCM_SHA256)
            && group == Some(NamedGroup::X25519)
            && tls.handshake_kind() == Some(kind);
        match is_right {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "instead of a {kind:?} handshake the server took {:?} with {suite:?}, {group:?}, {:?}",
                tls.handshake_kind(),
                tls.protocol_version(),
            ))),
        }
    }
}

// === impl Answer ===

impl Answer {
    fn clear(&mut self) {
        self.0.clear();
    }

    fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Err(ended());
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether the header is here: the answers to preflights have no body.
    fn is_whole(&self) -> io::Result<bool> {
        let is_whole = self.0.ends_with(b"\r\n\r\n");
        let status = self.0.get(..12).unwrap_or_default();
        if is_whole && !matches!(status, b"HTTP/1.1 204" | b"HTTP/1.1 200") {
            let answer = String::from_utf8_lossy(&self.0).into_owned();
            return Err(io::Error::other(format!("the answer is wrong: {answer}")));
        }
        Ok(is_whole)
    }
}

fn ended() -> io::Error {
    io::Error::other("the server ended a connection before its answer")
}

/// A verifier that trusts every server, because verification would only cost the generator time.
#[derive(Debug)]
struct Trusting(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
