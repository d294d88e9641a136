use super::backend;
use super::client::{Http1, http2};
use crate::grpc::service::Backend;
use crate::support::{
    Answer, Authority, Folder, Log, Mortal, Pair, Running, TlsClient, TlsUpstream,
};
use bytes::Bytes;
use h2::client::SendRequest;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(super) const ORIGIN: &str = "https://app.example.com";
pub(super) const FOREIGN: &str = "https://evil.example";
pub(super) const HOST: &str = "a.test";

/// Maximum time for the header of a request, in which none that is not meant to be late comes too late.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// The routes, each with its upstream. A route is the first segment of its path, but for gRPC.
const ROUTES: [(&str, &str); 14] = [
    ("plain", "api"),
    ("tls", "api"),
    ("http2", "api"),
    ("rejected", "api"),
    ("limited", "api"),
    ("uploads", "api"),
    ("events", "api"),
    ("sockets", "api"),
    ("grpc_web", "notes"),
    ("secure", "secure"),
    ("pair", "pair"),
    ("flapping", "flapping"),
    ("slow", "api"),
    ("rude", "api"),
];

/// The gateway as its clients know it, and the end of the soak.
pub(super) struct Site {
    pub(super) plain: SocketAddr,
    pub(super) tls: SocketAddr,
    pub(super) admin: SocketAddr,
    http1: TlsClient,
    http2: TlsClient,
    end: Instant,
    /// Number by which the pauses of clients are divided.
    pace: u32,
}

/// The files of the gateway, and its upstreams.
pub(super) struct Stage {
    pub(super) folder: Folder,
    pub(super) authority: Authority,
    pub(super) flapping: Mortal,
    api: SocketAddr,
    notes: Backend,
    secure: TlsUpstream,
}

// === impl Stage ===

impl Stage {
    pub(super) fn new() -> Self {
        let (folder, authority) = (Folder::new(), Authority::new("servers"));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec();
        let secure = authority.issue(&["secure.test"]);
        folder.write("ca.pem", &authority.pem);
        for file in ["tls.crt", "tls.key"] {
            symlink(format!("..data/{file}"), folder.path(file)).expect("a link");
        }
        let stage = Self {
            api: backend::start(),
            notes: Backend::start(),
            secure: TlsUpstream::start(&secure, &["h2"], None),
            flapping: Mortal::start_with(move |_| Answer(answer.clone())),
            folder,
            authority,
        };
        stage.write_certificate(0);
        stage.configure(0);
        stage
    }

    /// Starts a build of the gateway, and says what its clients know.
    pub(super) fn start(&self, program: &str, lasts: Duration, pace: u32) -> (Running, Log, Site) {
        let mut command = Command::new(program);
        let config = self.folder.path("gate.yaml");
        let mut process = Running::start_as(command.args(["serve", "--config"]).arg(config));
        let log = process.log();
        let (plain, tls, admin) = (log.listener(), log.listener(), log.admin());
        log.line("gateway serves");
        let client = |alpn| TlsClient::new(&self.authority, HOST, &[alpn]);
        let site = Site {
            plain,
            tls,
            admin,
            http1: client("http/1.1"),
            http2: client("h2"),
            end: Instant::now() + lasts,
            pace,
        };
        (process, log, site)
    }

    /// Puts the configuration of a generation in place.
    pub(super) fn configure(&self, generation: usize) {
        let text = self.configuration(generation);
        self.folder.replace("gate.yaml", &text);
    }

    /// Generations say the same word in all that a preflight is told, so that an answer which is made of two shows.
    fn configuration(&self, generation: usize) -> String {
        let (word, age) = word(generation);
        let (api, notes, secure) = (self.api, self.notes.address, self.secure.address);
        let flapping = self.flapping.address;
        let origins: String = (0..50)
            .map(|tenant| format!("    - https://t{tenant}.g{generation}.example\n"))
            .collect();
        let mut text = format!(
            "listeners:\n- {{ address: '127.0.0.1:0' }}\n\
             - {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: tls.crt, private_key: tls.key }}] }} }}\n\
             admin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 2 }}\naccess_log: {{ path: access }}\n\
             limits: {{ header_timeout: {timeout}s, max_request_body_bytes: 8MiB }}\n\
             upstreams:\n\
             \x20 api: {{ endpoints: ['{api}'], {QUICK} }}\n\
             \x20 notes: {{ endpoints: ['{notes}'], protocol: h2c, {QUICK} }}\n\
             \x20 secure: {{ endpoints: ['{secure}'], protocol: h2, tls: {{ server_name: secure.test, ca: ca.pem }}, {QUICK} }}\n\
             \x20 flapping: {{ endpoints: ['{flapping}'], {QUICK} }}\n\
             \x20 pair: {{ endpoints: ['{api}', '{flapping}'], {QUICK}, {HEALTH} }}\n\
             \x20 {word}: {{ endpoints: ['{api}'], {QUICK} }}\n\
             policies:\n  web:\n    allow_methods: [PUT, X-{word}]\n    allow_headers: [content-type, x-{word}]\n\
             \x20   max_age: {age}s\n    presets: [grpc_web]\n    allow_origins:\n    - {ORIGIN}\n{origins}\
             routes:\n- {{ name: '{word}', match: {{ path: '/{word}' }}, upstream: '{word}', cors: web }}\n",
            timeout = HEADER_TIMEOUT.as_secs(),
        );
        for (name, upstream) in ROUTES {
            let (path, more) = match name {
                "grpc_web" => ("test.Notes", ", grpc_web: true"),
                "limited" => (name, ", rate_limit: { requests: 10 }"),
                _ => (name, ""),
            };
            text.push_str(&format!(
                "- {{ name: {name}, match: {{ path_prefix: /{path} }}, upstream: {upstream}, cors: web{more} }}\n"
            ));
        }
        text
    }

    /// Puts the certificate of a generation in place, as cert-manager's are mounted: a link to a folder is
    /// swapped. Its second name says which one it is.
    pub(super) fn write_certificate(&self, generation: usize) {
        let pair: Pair = self.authority.issue(&[HOST, &name(generation)]);
        let data = self.folder.path(&format!("..{generation}"));
        std::fs::create_dir(&data).expect("a folder");
        std::fs::write(data.join("tls.crt"), &pair.certificate).expect("written");
        std::fs::write(data.join("tls.key"), &pair.key).expect("written");
        let new = self.folder.path("..new");
        symlink(&data, &new).expect("a link");
        std::fs::rename(&new, self.folder.path("..data")).expect("swapped");
    }
}

/// So that the descriptors of idle connections are back soon after the last request. pingora keeps a timer for each
/// 10 ms in which a request was forwarded, until the longest time-out has passed: with the five minutes of the default,
/// memory would grow for as long.
const QUICK: &str = "idle_timeout: 2s, read_timeout: 15s, stream_timeout: 15s, write_timeout: 15s, tunnel_timeout: 15s";
/// Takes the endpoint that is dead out after a while, and brings it back.
const HEALTH: &str = "health_check: { interval: 500ms, timeout: 500ms, unhealthy_threshold: 1, healthy_threshold: 1 }, \
                      outlier_detection: { consecutive_failures: 3, ejection_time: 500ms }";

/// The word and the age of a configuration's generation.
pub(super) fn word(generation: usize) -> (&'static str, usize) {
    [("even", 100), ("odd", 200)][generation % 2]
}

/// The second name of a certificate's generation.
pub(super) fn name(generation: usize) -> String {
    format!("g{generation}.test")
}

// === impl Site ===

impl Site {
    /// Waits until a client may go on; returns `false` at the end of the soak.
    pub(super) async fn goes_on(&self, pause: Duration) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        tokio::time::sleep((pause / self.pace).min(left)).await;
        self.is_on()
    }

    pub(super) fn is_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// Connects with HTTP/1.1, with TLS or without.
    pub(super) async fn connect(&self, is_tls: bool) -> Result<Http1, String> {
        match is_tls {
            true => Ok(Http1::new(over_tls(&self.http1, self.tls).await?)),
            false => Ok(Http1::new(tcp(self.plain).await?)),
        }
    }

    /// Connects with HTTP/2: by ALPN, or with prior knowledge.
    pub(super) async fn connect_http2(&self, is_tls: bool) -> Result<SendRequest<Bytes>, String> {
        match is_tls {
            true => http2(over_tls(&self.http2, self.tls).await?).await,
            false => http2(tcp(self.plain).await?).await,
        }
    }
}

async fn tcp(address: SocketAddr) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let set = stream.set_nodelay(true);
    set.map(|()| stream).map_err(|error| error.to_string())
}

async fn over_tls(client: &TlsClient, address: SocketAddr) -> Result<TlsStream<TcpStream>, String> {
    let stream = client.connect(address).await?;
    let set = stream.get_ref().0.set_nodelay(true);
    set.map(|()| stream).map_err(|error| error.to_string())
}
