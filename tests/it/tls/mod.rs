//! TLS listeners: versions, protocols, certificates by name, client certificates, and what comes before
//! and instead of a handshake.

mod bad_input;
mod client_certificates;
mod log;
mod proxy_protocol;
mod real_clients;
mod redirect;
mod reload;

use crate::support::{
    Answer, Authority, Folder, Gateway, LANES, PATIENCE, Pair, Response, TlsClient, Upstream,
    WITH_LANE, run,
};
use rustls::version::{TLS12, TLS13};
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

const BOTH: [&str; 2] = ["h2", "http/1.1"];
const ORIGIN: &str = "https://app.example.com";
const PREFLIGHT: [(&str, &str); 2] = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")];
const ACTUAL: [(&str, &str); 1] = [("Origin", ORIGIN)];

/// A gateway with the certificate `api` for `a.test`, behind its listeners.
struct Site {
    authority: Authority,
    folder: Folder,
    upstream: Upstream,
    gateway: Gateway,
}

impl Site {
    /// `listeners` is a list in YAML; `{tls}` stands for the certificate.
    fn start(listeners: &str) -> Self {
        Self::start_with(WITH_LANE, listeners, "")
    }

    fn start_with(server: &str, listeners: &str, more: &str) -> Self {
        let authority = Authority::new("servers");
        let folder = Folder::new();
        authority.issue(&["a.test"]).write(&folder, "api");
        Self::in_folder(authority, folder, server, listeners, more)
    }

    fn in_folder(
        authority: Authority,
        folder: Folder,
        server: &str,
        listeners: &str,
        more: &str,
    ) -> Self {
        let upstream = Upstream::start(Answer::ok());
        let text = configuration(server, listeners, more, upstream.address);
        let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
        Self {
            authority,
            folder,
            upstream,
            gateway,
        }
    }

    fn client(&self, alpn: &[&str]) -> TlsClient {
        TlsClient::new(&self.authority, "a.test", alpn)
    }

    /// A client that shows a certificate, and speaks HTTP/1.1.
    fn client_with(&self, certificate: &Pair) -> TlsClient {
        let (versions, alpn) = (rustls::ALL_VERSIONS, &BOTH[1..]);
        TlsClient::with(
            &self.authority.pem,
            "a.test",
            alpn,
            versions,
            Some(certificate),
        )
    }

    /// The number of handshakes with this result.
    fn handshakes(&self, result: &str) -> f64 {
        let series = format!("corsgate_tls_handshakes_total{{result=\"{result}\"}}");
        self.gateway.metric(&series)
    }

    fn refused(&self, reason: &str, route: &str) -> f64 {
        self.gateway.metric(&format!(
            "corsgate_requests_refused_total{{reason=\"{reason}\",route=\"{route}\"}}"
        ))
    }
}

/// Waits until it is so: what is counted when a connection ends may be so a moment later.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

fn configuration(server: &str, listeners: &str, more: &str, upstream: SocketAddr) -> String {
    let listeners = listeners.replace(
        "{tls}",
        "certificates: [{ certificate: api.crt, private_key: api.key }]",
    );
    format!(
        "listeners:\n{listeners}\nadmin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1, {server} }}\n{more}\n\
         upstreams: {{ u: {{ endpoints: ['{upstream}'] }} }}\n\
         policies: {{ p: {{ allow_origins: ['{ORIGIN}'], allow_methods: [PUT], other_options_requests: reject }} }}\n\
         routes: [{{ name: r, upstream: u, cors: p }}]\n"
    )
}

const PLAIN_TLS: &str = "- { address: '127.0.0.1:0', tls: { {tls} } }";

fn assert_allowed(name: &str, response: &Response, status: u16) {
    assert_eq!(response.status, status, "{name}: {response:?}");
    let origin = response.get("access-control-allow-origin");
    assert_eq!(origin.as_deref(), Some(ORIGIN), "{name}");
}

#[test]
fn preflights_are_answered_and_requests_forwarded_over_both_protocols_by_both_lanes() {
    for lane in LANES {
        let site = Site::start_with(lane, PLAIN_TLS, "");
        for alpn in BOTH {
            let client = site.client(&[alpn]);
            let ask = |method, fields| run(client.exchange(site.gateway.address, method, fields));
            let preflight = ask("OPTIONS", &PREFLIGHT[..]).expect("an answer");
            assert_allowed(alpn, &preflight, 204);
            let actual = ask("GET", &ACTUAL[..]).expect("a response");
            assert_allowed(alpn, &actual, 200);
        }
        for received in site.upstream.received() {
            assert_eq!(received.method, "GET");
            assert_eq!(received.get("x-forwarded-proto").as_deref(), Some("https"));
            assert_eq!(
                received.get("x-forwarded-for").as_deref(),
                Some("127.0.0.1")
            );
        }
        assert_eq!(site.upstream.received().len(), 2, "{lane}");
        assert_eq!(site.handshakes("completed"), 4.0);
    }
}

#[test]
fn a_client_and_a_listener_agree_on_a_version_and_a_protocol_or_there_is_no_connection() {
    let (old, new) = (&[&TLS12][..], &[&TLS13][..]);
    let both = rustls::ALL_VERSIONS;
    let (h2, http1) = ("h2", "http/1.1");
    // The listener's settings; the client's; the HTTP version of the answer.
    for (settings, versions, alpn, spoken) in [
        ("", both, &BOTH[..], Some("h2")),
        ("", both, &["http/1.1", "h2"], Some("h2")),
        ("alpn: [http/1.1, h2]", both, &BOTH, Some("http/1.1")),
        ("", old, &BOTH, Some("h2")),
        ("", new, &BOTH, Some("h2")),
        ("", both, &[], Some("http/1.1")),
        ("", both, &["http/1.0"], None),
        ("min_version: TLSv1.2", old, &BOTH, Some("h2")),
        ("min_version: TLSv1.3", old, &BOTH, None),
        ("min_version: TLSv1.3", new, &BOTH, Some("h2")),
        ("alpn: [http/1.1]", both, &BOTH, Some("http/1.1")),
        ("alpn: [http/1.1]", both, &[h2], None),
        ("alpn: [h2]", both, &BOTH, Some("h2")),
        ("alpn: [h2]", both, &[http1], None),
    ] {
        let listeners = format!("- {{ address: '127.0.0.1:0', tls: {{ {{tls}}, {settings} }} }}");
        let site = Site::start(&listeners);
        let client = TlsClient::with(&site.authority.pem, "a.test", alpn, versions, None);
        let address = site.gateway.address;
        let got = run(async {
            let stream = client.connect(address).await?;
            let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            let (response, _) = client.exchange_on(stream, "OPTIONS", &PREFLIGHT).await?;
            assert_allowed(settings, &response, 204);
            Ok::<_, String>(protocol.map_or(http1.to_owned(), |p| {
                String::from_utf8_lossy(&p).into_owned()
            }))
        });
        let shown = format!("{settings:?}, {alpn:?}: {got:?}");
        assert_eq!(got.ok().as_deref(), spoken, "{shown}");
        let expected = if spoken.is_some() {
            "completed"
        } else {
            "failed"
        };
        assert_eq!(site.handshakes(expected), 1.0, "{shown}");
    }
}

#[test]
fn a_listener_for_http_2_alone_refuses_a_client_that_negotiates_nothing() {
    let site = Site::start("- { address: '127.0.0.1:0', tls: { {tls}, alpn: [h2] } }");
    let response = run(site
        .client(&[])
        .exchange(site.gateway.address, "GET", &ACTUAL));
    assert_eq!(response.expect("an answer").status, 505);
    assert_eq!(site.refused("malformed", "unmatched"), 1.0);
}

#[test]
fn http_2_is_negotiated_and_its_preface_alone_means_nothing_over_tls() {
    let site = Site::start(PLAIN_TLS);
    let client = site.client(&["http/1.1"]);
    let answer = run(async {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = client.connect(site.gateway.address).await.expect("TLS");
        let sent = stream.write_all(crate::support::HTTP2_START).await;
        sent.expect("it reads");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    });
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let authority = Authority::new("servers");
    let folder = Folder::new();
    let pairs: Vec<(&str, Pair)> = [
        ("first", &["first.test"][..]),
        ("exact", &["www.b.test"]),
        ("wildcard", &["*.b.test"]),
    ]
    .map(|(name, names)| (name, authority.issue(names)))
    .into();
    let mut written = Vec::new();
    for (name, pair) in &pairs {
        pair.write(&folder, name);
        written.push(format!(
            "{{ certificate: {name}.crt, private_key: {name}.key }}"
        ));
    }
    let listeners = format!(
        "- {{ address: '127.0.0.1:0', tls: {{ certificates: [{}] }} }}",
        written.join(", ")
    );
    let site = Site::in_folder(authority, folder, WITH_LANE, &listeners, "");
    for (name, sends_it, expected) in [
        ("first.test", true, Some("first")),
        ("www.b.test", true, Some("exact")),
        ("WWW.B.test", true, Some("exact")),
        ("api.b.test", true, Some("wildcard")),
        // The first, which is for another name.
        ("a.api.b.test", true, None),
        ("b.test", true, None),
        ("www.b.test", false, None),
        ("first.test", false, Some("first")),
    ] {
        let client = TlsClient::new(&site.authority, name, &BOTH);
        let client = if sends_it {
            client
        } else {
            client.without_sni()
        };
        let served = run(async {
            let stream = client.connect(site.gateway.address).await.ok()?;
            let chain = stream.get_ref().1.peer_certificates()?;
            let found = pairs.iter().find(|(_, pair)| pair.der() == chain[0]);
            found.map(|(name, _)| *name)
        });
        assert_eq!(served, expected, "{name}, {sends_it}");
    }
}

#[test]
fn sessions_are_resumed_with_either_version() {
    let site = Site::start(PLAIN_TLS);
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let client = TlsClient::with(&site.authority.pem, "a.test", &BOTH[1..], versions, None);
        let resumed = [(); 3].map(|()| {
            run(async {
                let stream = client.connect(site.gateway.address).await.expect("TLS");
                let done = client.exchange_on(stream, "OPTIONS", &PREFLIGHT).await;
                done.expect("an answer").1
            })
        });
        assert_eq!(resumed, [false, true, true], "{versions:?}");
    }
}

#[test]
fn the_end_of_a_certificate_is_a_metric_and_an_expired_one_is_served() {
    let authority = Authority::new("servers");
    let folder = Folder::new();
    authority
        .issue_until(&["a.test"], 2001)
        .write(&folder, "api");
    let site = Site::in_folder(authority, folder, WITH_LANE, PLAIN_TLS, "");
    let series = "corsgate_tls_certificate_not_after_seconds{certificate=\"api.crt\"}";
    assert_eq!(site.gateway.metric(series), 978_307_200.0);
    let refused = run(site
        .client(&BOTH)
        .exchange(site.gateway.address, "GET", &ACTUAL));
    let reason = refused.expect_err("the client looks at it");
    assert!(reason.contains("xpired"), "{reason}");
}
