//! TLS to upstreams: who is believed, who the gateway says it is, and what the client learns when it fails.

use super::GET;
use crate::support::{
    Authority, Client, Folder, Gateway, Handshake, Pair, Running, TlsUpstream, Upstream,
};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::thread;

const NAME: &str = "books.internal";

/// A folder with the authorities and the gateway's own certificate.
struct Site {
    folder: Folder,
    servers: Authority,
    others: Authority,
    clients: Authority,
}

impl Site {
    fn new() -> Self {
        let site = Self {
            folder: Folder::new(),
            servers: Authority::new("servers"),
            others: Authority::new("others"),
            clients: Authority::new("clients"),
        };
        site.folder.write("ca.pem", &site.servers.pem);
        site.folder.write("other.pem", &site.others.pem);
        site.clients
            .issue(&["gateway.internal"])
            .write(&site.folder, "own");
        site
    }

    /// Starts a gateway before these upstreams, each on a route of its name.
    fn gateway(&self, upstreams: &[(&str, SocketAddr, &str)]) -> Gateway {
        let each = upstreams.iter().map(|(name, address, keys)| {
            format!("  {name}: {{ endpoints: ['{address}'], retries: 0, connect_timeout: 2s, {keys} }}\n")
        });
        let each: String = each.collect();
        let routes = upstreams.iter().map(|(name, ..)| {
            format!(
                "  - {{ match: {{ hosts: [{name}.test] }}, upstream: {name}, cors: {{ allow_origins: ['https://app.example.com'] }} }}\n"
            )
        });
        let routes: String = routes.collect();
        let text = format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\n\
             server: {{ threads: 1 }}\nupstreams:\n{each}routes:\n{routes}"
        );
        Gateway::of_file(&self.folder.write("corsgate.yaml", &text))
    }
}

fn get(host: &str) -> String {
    GET.replace("a.test", &format!("{host}.test"))
}

fn failures(gateway: &Gateway, upstream: &str) -> Vec<(&'static str, f64)> {
    let reasons = [
        "connect",
        "tls",
        "timeout",
        "reset",
        "protocol",
        "unavailable",
    ];
    let counts = reasons.map(|reason| {
        let series = format!(
            "corsgate_upstream_failures_total{{reason=\"{reason}\",upstream=\"{upstream}\"}}"
        );
        (reason, gateway.metric(&series))
    });
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .collect()
}

#[test]
fn an_upstream_is_believed_if_its_authority_vouches_for_its_name() {
    let site = Site::new();
    let good = site.servers.issue(&[NAME, "127.0.0.1"]);
    let expired = site.servers.issue_until(&[NAME], 2001);
    let foreign = site.others.issue(&[NAME]);
    let named_otherwise = site.servers.issue(&["films.internal"]);
    const ANY: &[&str] = &[];
    const HTTP1: &[&str] = &["http/1.1"];
    let verified = "tls: { server_name: books.internal, ca: ca.pem }";
    let verified_h2 = "protocol: h2, tls: { server_name: books.internal, ca: ca.pem }";
    type Case<'a> = (&'a str, &'a Pair, &'a [&'a str], &'a str, Option<&'a str>);
    let cases: [Case<'_>; 12] = [
        ("all is well", &good, ANY, verified, None),
        ("HTTP/1.1 by ALPN", &good, HTTP1, verified, None),
        ("HTTP/2", &good, &["h2", "http/1.1"], verified_h2, None),
        (
            "an address for a name",
            &good,
            ANY,
            "tls: { server_name: 127.0.0.1, ca: ca.pem }",
            None,
        ),
        (
            "nothing is verified",
            &foreign,
            ANY,
            "tls: { server_name: any.internal, dangerously_skip_verify: true }",
            None,
        ),
        (
            "an authority of its own",
            &foreign,
            ANY,
            verified,
            Some("tls"),
        ),
        ("another name", &named_otherwise, ANY, verified, Some("tls")),
        (
            "an address that it does not have",
            &good,
            ANY,
            "tls: { server_name: 127.0.0.2, ca: ca.pem }",
            Some("tls"),
        ),
        ("expired", &expired, ANY, verified, Some("tls")),
        (
            "the machine does not trust it",
            &good,
            ANY,
            "tls: { server_name: books.internal }",
            Some("tls"),
        ),
        (
            "HTTP/1.1 where HTTP/2 is to be",
            &good,
            HTTP1,
            verified_h2,
            Some("tls"),
        ),
        (
            "no ALPN where HTTP/2 is to be",
            &good,
            ANY,
            verified_h2,
            Some("protocol"),
        ),
    ];
    for (what, pair, alpn, keys, failure) in cases {
        let upstream = TlsUpstream::start(pair, alpn, None);
        let gateway = site.gateway(&[("u", upstream.address, keys)]);
        let response = gateway.send(&get("u"));
        let expected = if failure.is_some() { 502 } else { 200 };
        assert_eq!(response.status, expected, "{what}");
        let allowed = response.get("access-control-allow-origin");
        assert_eq!(
            allowed.as_deref(),
            Some("https://app.example.com"),
            "{what}"
        );
        let counted: Vec<_> = failure.into_iter().map(|failure| (failure, 1.0)).collect();
        assert_eq!(failures(&gateway, "u"), counted, "{what}");
    }
}

#[test]
fn the_gateway_says_its_name_and_shows_its_certificate() {
    let site = Site::new();
    let pair = site.servers.issue(&[NAME]);
    let asks = TlsUpstream::start(&pair, &[], Some(&site.clients));
    let own = "tls: { server_name: books.internal, ca: ca.pem, certificate: own.crt, private_key: own.key }";
    let none = "tls: { server_name: books.internal, ca: ca.pem }";
    let h2 = TlsUpstream::start(&pair, &["h2"], None);
    let gateway = site.gateway(&[
        ("own", asks.address, own),
        ("none", asks.address, none),
        (
            "h2",
            h2.address,
            "protocol: h2, tls: { server_name: books.internal, ca: ca.pem }",
        ),
    ]);
    assert_eq!(gateway.send(&get("own")).status, 200);
    let handshake = |alpn: Option<&str>, has_client_certificate| Handshake {
        server_name: Some(NAME.to_owned()),
        alpn: alpn.map(str::to_owned),
        has_client_certificate,
    };
    assert_eq!(asks.handshakes(), [handshake(None, true)]);
    assert_eq!(gateway.send(&get("none")).status, 502);
    assert_eq!(failures(&gateway, "none"), [("tls", 1.0)]);
    assert_eq!(asks.handshakes().len(), 1);
    assert_eq!(gateway.send(&get("h2")).status, 200);
    assert_eq!(h2.handshakes(), [handshake(Some("h2"), false)]);
}

#[test]
fn upstreams_do_not_share_connections_even_at_one_address() {
    let site = Site::new();
    let upstream = TlsUpstream::start(&site.servers.issue(&[NAME]), &[], None);
    let gateway = site.gateway(&[
        (
            "any",
            upstream.address,
            "tls: { server_name: books.internal, dangerously_skip_verify: true }",
        ),
        (
            "other",
            upstream.address,
            "tls: { server_name: books.internal, ca: other.pem }",
        ),
        (
            "same",
            upstream.address,
            "tls: { server_name: books.internal, ca: ca.pem }",
        ),
    ]);
    for _ in 0..3 {
        assert_eq!(gateway.send(&get("any")).status, 200);
        assert_eq!(gateway.send(&get("other")).status, 502);
        assert_eq!(gateway.send(&get("same")).status, 200);
    }
    assert_eq!(upstream.handshakes().len(), 2, "each kept its own");
    assert_eq!(failures(&gateway, "other"), [("tls", 3.0)]);
}

#[test]
fn files_reload_and_connections_of_before_are_not_used_again() {
    let site = Site::new();
    let upstream = TlsUpstream::start(&site.servers.issue(&[NAME]), &[], None);
    let tls = "tls: { server_name: books.internal, ca: ca.pem }";
    let gateway = site.gateway(&[("u", upstream.address, tls)]);
    let reload = || assert_eq!(gateway.ask_admin("POST /reload").status, 200);
    assert_eq!(gateway.send(&get("u")).status, 200);
    // Nothing has changed: the connection stays.
    reload();
    assert_eq!(gateway.send(&get("u")).status, 200);
    assert_eq!(upstream.handshakes().len(), 1);
    // The authority is no longer trusted, and the connection that it vouched for is not used again.
    site.folder.write("ca.pem", &site.others.pem);
    reload();
    assert_eq!(gateway.send(&get("u")).status, 502);
    // The upstream gets a certificate of the new one.
    upstream.shows(&site.others.issue(&[NAME]), &[]);
    assert_eq!(gateway.send(&get("u")).status, 200);
    // A file that is wrong changes nothing.
    site.folder.write("ca.pem", "not a certificate");
    assert_eq!(gateway.ask_admin("POST /reload").status, 422);
    assert_eq!(gateway.send(&get("u")).status, 200);
}

#[test]
fn what_is_not_tls_and_what_says_nothing_fail_in_their_time() {
    let site = Site::new();
    let plain = Upstream::start(crate::support::Answer::ok());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let garbage = TcpListener::bind("127.0.0.1:0").expect("a port");
    let garbage_address = garbage.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in garbage.incoming().flatten() {
            // It may be gone.
            let _ = stream.write_all(&[0x16, 3, 3, 0xff, 0xff].repeat(100));
        }
    });
    let tls = "tls: { server_name: books.internal, ca: ca.pem }";
    let short = format!("{tls}, connect_timeout: 200ms");
    let gateway = site.gateway(&[
        ("plain", plain.address, tls),
        ("garbage", garbage_address, tls),
    ]);
    for name in ["plain", "garbage"] {
        let response = gateway.send(&get(name));
        assert_eq!(response.status, 502, "{name}");
        assert_eq!(response.lines("access-control-allow-origin"), 1, "{name}");
        assert_eq!(failures(&gateway, name), [("tls", 1.0)], "{name}");
    }
    let address = silent.local_addr().expect("bound");
    let text = format!("{{ endpoints: ['{address}'], retries: 0, {short} }}");
    let text = text.replace("ca.pem", &site.folder.path("ca.pem").display().to_string());
    let gateway = super::gateway(&text);
    let response = gateway.send(GET);
    assert_eq!(response.status, 504);
    assert_eq!(response.lines("access-control-allow-origin"), 1);
    assert_eq!(failures(&gateway, "u"), [("timeout", 1.0)]);
}

#[test]
fn the_log_says_why_an_upstream_is_not_believed() {
    let site = Site::new();
    let text = |pair: &Pair| {
        let upstream = TlsUpstream::start(pair, &[], None);
        format!(
            "listeners: [{{ address: '127.0.0.1:0' }}]\n\
             upstreams: {{ u: {{ endpoints: ['{}'], tls: {{ server_name: books.internal, ca: ca.pem }} }} }}\n\
             routes: [{{ upstream: u, cors: off }}]\n",
            upstream.address
        )
    };
    for (pair, expected) in [
        (
            site.others.issue(&[NAME]),
            "not signed by an authority that is trusted: see `ca`",
        ),
        (
            site.servers.issue(&["films.internal"]),
            "is only valid for DnsName(\"films.internal\")",
        ),
        (
            site.servers.issue_until(&[NAME], 2001),
            "certificate expired",
        ),
    ] {
        let file = site.folder.write("logged.yaml", &text(&pair));
        let mut running = Running::start(&["serve", &file.display().to_string()]);
        let log = running.log();
        let mut client = Client::connect(log.listener());
        assert_eq!(client.exchange(GET).status, 502);
        let line = log.line("requests fail: the TLS handshake failed: ");
        assert!(line.contains(expected), "{line}");
        assert!(
            line.contains("WARN") && line.contains("upstream=\"u\""),
            "{line}"
        );
        running.0.kill().expect("it runs");
    }
}
