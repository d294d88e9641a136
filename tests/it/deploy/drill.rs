//! Two gateways to which everything happens that the alerts and the dashboard are about.

use crate::support::{
    Answer, Authority, Client, Folder, Gateway, PATIENCE, Refusing, TlsClient, Upstream, run,
};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// The alerts that are active after some rounds.
pub(super) const ALERTS: [&str; 14] = [
    "CorsgateCertificateAboutToExpire",
    "CorsgateCertificateExpiresSoon",
    "CorsgateConfigurationDrift",
    "CorsgateConfigurationRejected",
    "CorsgateConnectionsRefused",
    "CorsgateErrorRatioHigh",
    "CorsgateErrorRatioRaised",
    "CorsgateInstanceDown",
    "CorsgateNewOriginRejected",
    "CorsgatePagesTurnedAway",
    "CorsgateRejectionsUnusual",
    "CorsgateRequestsOverLimit",
    "CorsgateUpstreamEndpointsUnhealthy",
    "CorsgateUpstreamUnavailable",
];

/// The route whose usual the rules compare with.
pub(super) const ROUTE: &str = "books";

const ALLOWED: &str = "https://app.example.com";
const UNKNOWN: &str = "https://new.example.com";

const DAY: u64 = 86_400;
/// Maximum number of connections to the gateway, more than one request after the other has; one more is refused.
const CONNECTIONS: usize = 64;
/// Requests of each kind in a round: more than the floors of the alerts, 0.1 per second over five minutes.
const REQUESTS: usize = 50;

pub(super) struct Drill {
    gateway: Gateway,
    /// A replica that has another configuration.
    other: Gateway,
    /// An address of a replica that is down, and of an endpoint.
    dead: Refusing,
    authority: Authority,
    folder: Folder,
    /// The configuration.
    text: String,
    /// An upstream that never answers.
    _silent: TcpListener,
}

impl Drill {
    pub(super) fn start() -> Self {
        let authority = Authority::new("servers");
        let folder = Folder::new();
        let soon = authority.issue_for(&["soon.test"], 13 * DAY);
        soon.write(&folder, "soon");
        authority
            .issue_for(&["now.test"], DAY)
            .write(&folder, "now");
        let live = Upstream::start(Answer::ok()).address;
        let failing = Upstream::start(Answer::new(500, &[])).address;
        // The kernel accepts its connections.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let dead = Refusing::new();
        let text = format!(
            "listeners:\n\
             - address: '127.0.0.1:0'\n\
             - address: '127.0.0.1:0'\n  \
               tls:\n    \
                 certificates:\n    \
                 - {{ certificate: soon.crt, private_key: soon.key }}\n    \
                 - {{ certificate: now.crt, private_key: now.key }}\n\
             admin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1 }}\n\
             limits: {{ max_connections: {CONNECTIONS}, max_requests: 1 }}\n\
             upstreams:\n  \
               live: {{ endpoints: ['{live}'] }}\n  \
               failing: {{ endpoints: ['{failing}'] }}\n  \
               silent: {{ endpoints: ['{silent}'] }}\n  \
               dead: {{ endpoints: ['{dead}'],\n          \
                        health_check: {{ interval: 100ms, timeout: 100ms, unhealthy_threshold: 1 }} }}\n  \
               half: {{ endpoints: ['{live}', '{dead}'], retries: 1,\n          \
                        outlier_detection: {{ consecutive_failures: 1, ejection_time: 1h }} }}\n\
             policies:\n  \
               web-app: {{ allow_origins: ['{ALLOWED}'] }}\n\
             routes:\n\
             - {{ name: {ROUTE}, match: {{ path_prefix: /books }}, upstream: live, cors: web-app }}\n\
             - {{ name: own, match: {{ path_prefix: /own }}, upstream: live, cors: passthrough }}\n\
             - {{ name: failing, match: {{ path_prefix: /failing }}, upstream: failing, cors: web-app }}\n\
             - {{ name: silent, match: {{ path_prefix: /silent }}, upstream: silent, cors: web-app }}\n\
             - {{ name: dead, match: {{ path_prefix: /dead }}, upstream: dead, cors: web-app }}\n\
             - {{ name: half, match: {{ path_prefix: /half }}, upstream: half, cors: web-app }}\n",
            silent = silent.local_addr().expect("bound"),
            dead = dead.address,
        );
        let other = format!(
            "upstreams: {{ live: {{ endpoints: ['{live}'] }} }}\n\
             routes: [{{ name: {ROUTE}, upstream: live, cors: {{ allow_origins: ['{ALLOWED}'] }} }}]\n"
        );
        Self {
            gateway: Gateway::of_file(&folder.write("gate.yaml", &text)),
            other: Gateway::start(&other),
            dead,
            authority,
            folder,
            text,
            _silent: silent,
        }
    }

    /// The addresses to scrape; none listens at the last one.
    pub(super) fn targets(&self) -> [SocketAddr; 3] {
        [self.gateway.admin, self.other.admin, self.dead.address]
    }

    pub(super) fn metrics(&self) -> String {
        self.gateway.metrics()
    }

    /// Lets everything happen once. After the last round, the configuration on disk is one that is rejected.
    pub(super) fn round(&self) {
        self.reload();
        self.requests();
        self.handshakes();
        self.too_many_requests();
        self.too_many_connections();
    }

    fn reload(&self) {
        let id = self
            .gateway
            .metric(r#"corsgate_config_reloads_total{result="applied"} "#);
        self.folder
            .replace("gate.yaml", &format!("# {id}\n{}", self.text));
        assert_eq!(self.gateway.ask_admin("POST /reload").status, 200);
        self.folder.replace("gate.yaml", "routes: []\n");
        assert_eq!(self.gateway.ask_admin("POST /reload").status, 422);
    }

    fn requests(&self) {
        let mut client = Client::connect(self.gateway.address);
        for (request, times) in [
            (preflight("/books", ALLOWED, "GET"), 1),
            (preflight("/books", UNKNOWN, "GET"), REQUESTS),
            (preflight("/books", ALLOWED, "PATCH"), 1),
            (preflight("/own", ALLOWED, "GET"), 1),
            (preflight("/nowhere", ALLOWED, "GET"), 1),
            (get("/books", ALLOWED), 1),
            (get("/books", UNKNOWN), 1),
            (get("/own", ALLOWED), 1),
            (get("/nowhere", ALLOWED), 1),
            (get("/failing", ALLOWED), REQUESTS),
            (get("/dead", ALLOWED), 1),
            (get("/half", ALLOWED), 2),
        ] {
            for _ in 0..times {
                let answer = client.exchange(&request);
                // Some errors end the connection.
                if answer.get("connection").as_deref() == Some("close") {
                    client = Client::connect(self.gateway.address);
                }
            }
        }
        self.gateway.send("GET /books HTTP/1.1\r\n\r\n");
    }

    /// One that is completed, and one that fails.
    fn handshakes(&self) {
        let listener = self.gateway.addresses()[1];
        let client = TlsClient::new(&self.authority, "soon.test", &["http/1.1"]);
        run(client.exchange(listener, "GET", &[])).expect("an answer");
        let mut client = Client::connect(listener);
        client.write(b"GET / HTTP/1.1\r\n\r\n");
        client.drain();
    }

    /// One request waits, and others are refused.
    fn too_many_requests(&self) {
        let wait = || {
            let mut client = Client::connect(self.gateway.address);
            client.write(get("/silent", ALLOWED).as_bytes());
            client
        };
        let mut waiting = wait();
        let mut client = Client::connect(self.gateway.address);
        let started = Instant::now();
        while client.exchange(&get("/books", ALLOWED)).status != 503 {
            assert!(started.elapsed() < PATIENCE, "every request is taken");
            // It was refused itself, because of a request that was not quite over.
            if waiting.has_news_within(Duration::from_millis(1)) {
                waiting = wait();
            }
        }
        waiting.reset();
    }

    /// Connections, until the gateway refuses one; then none.
    fn too_many_connections(&self) {
        let refused = "corsgate_downstream_connections_refused_total ";
        let before = self.gateway.metric(refused);
        let started = Instant::now();
        let mut clients = Vec::new();
        while self.gateway.metric(refused) == before {
            assert!(started.elapsed() < PATIENCE, "every connection is taken");
            clients.push(Client::connect(self.gateway.address));
        }
        drop(clients);
        self.gateway
            .wait_for_metric("corsgate_downstream_connections ", 0.0);
    }
}

fn preflight(path: &str, origin: &str, method: &str) -> String {
    format!(
        "OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\
         Access-Control-Request-Method: {method}\r\n\r\n"
    )
}

fn get(path: &str, origin: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n")
}
