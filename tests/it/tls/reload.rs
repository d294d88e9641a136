//! Certificates that are replaced while clients connect.

use super::{ACTUAL, BOTH, PLAIN_TLS, PREFLIGHT, Site, run, wait_until};
use crate::support::{Authority, Folder, TlsClient, WITH_LANE};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The names of the certificate that is served now.
fn serves(site: &Site, name: &str) -> bool {
    let client = TlsClient::new(&site.authority, name, &BOTH);
    run(async { client.connect(site.gateway.address).await.is_ok() })
}

#[test]
fn certificates_are_replaced_under_load_without_a_failed_handshake() {
    let authority = Authority::new("servers");
    let folder = Folder::new();
    // As cert-manager's are mounted: a link to a folder is swapped.
    let write = |generation: usize| {
        let names = ["a.test".to_owned(), format!("g{generation}.test")];
        let pair = authority.issue(&[&names[0], &names[1]]);
        let data = folder.path(&format!("..{generation}"));
        fs::create_dir(&data).expect("a folder");
        fs::write(data.join("tls.crt"), &pair.certificate).expect("written");
        fs::write(data.join("tls.key"), &pair.key).expect("written");
        let new = folder.path("..new");
        symlink(&data, &new).expect("a link");
        fs::rename(&new, folder.path("..data")).expect("swapped");
    };
    write(0);
    for file in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{file}"), folder.path(file)).expect("a link");
    }
    let listeners = "- { address: '127.0.0.1:0', tls: { certificates: [{ certificate: tls.crt, private_key: tls.key }] } }";
    let upstream = crate::support::Upstream::start(crate::support::Answer::ok());
    let text = super::configuration(WITH_LANE, listeners, "", upstream.address);
    let gateway = crate::support::Gateway::of_file(&folder.write("corsgate.yaml", &text));
    let address = gateway.address;
    let is_over = AtomicBool::new(false);
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for alpn in BOTH {
            let client = TlsClient::new(&authority, "a.test", &[alpn]);
            let (is_over, done) = (&is_over, &done);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let answer = run(client.exchange(address, "OPTIONS", &PREFLIGHT));
                    assert_eq!(answer.expect("no handshake fails").status, 204);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Ends(&is_over);
        for generation in 1..6 {
            write(generation);
            let name = format!("g{generation}.test");
            let client = TlsClient::new(&authority, &name, &BOTH);
            wait_until(&name, || {
                run(async { client.connect(address).await.is_ok() })
            });
        }
        drop(end);
    });
    assert!(done.load(Ordering::Relaxed) > 10, "there was load");
}

/// Ends the load, if the test fails, too.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_file_that_is_renamed_over_another_is_noticed_and_a_broken_one_changes_nothing() {
    let site = Site::start(PLAIN_TLS);
    assert!(serves(&site, "a.test"));
    // An editor's way. The pair does not fit until both are there.
    let new = site.authority.issue(&["b.test"]);
    for (file, content) in [("api.crt", &new.certificate), ("api.key", &new.key)] {
        let temporary = site.folder.write("temporary", content);
        fs::rename(temporary, site.folder.path(file)).expect("renamed");
    }
    wait_until("the new certificate", || serves(&site, "b.test"));
    let rejected = "corsgate_config_reloads_total{result=\"rejected\"}";
    let before = site.gateway.metric(rejected);
    site.folder.write("api.crt", "nothing of use");
    wait_until("it is rejected", || site.gateway.metric(rejected) > before);
    assert!(serves(&site, "b.test"));
}

#[test]
fn sessions_outlive_a_reload_that_does_not_change_tls_and_no_other() {
    let site = Site::start(PLAIN_TLS);
    let client = site.client(&["http/1.1"]);
    let is_resumed = || {
        run(async {
            let stream = client.connect(site.gateway.address).await.expect("TLS");
            let done = client.exchange_on(stream, "OPTIONS", &PREFLIGHT).await;
            done.expect("an answer").1
        })
    };
    let applied = "corsgate_config_reloads_total{result=\"applied\"}";
    let reload = |listeners: &str, more: &str| {
        let before = site.gateway.metric(applied);
        let text = super::configuration(WITH_LANE, listeners, more, site.upstream.address);
        site.folder.write("corsgate.yaml", &text);
        wait_until("it is applied", || site.gateway.metric(applied) > before);
    };
    assert!(!is_resumed());
    assert!(is_resumed());
    reload(PLAIN_TLS, "limits: { max_requests: 5 }");
    assert!(is_resumed(), "TLS has not changed");
    reload(
        "- { address: '127.0.0.1:0', tls: { {tls}, min_version: TLSv1.3 } }",
        "",
    );
    assert!(!is_resumed(), "it has");
}

#[test]
fn a_connection_without_a_certificate_is_refused_once_the_listener_asks_for_one() {
    let site = Site::start(PLAIN_TLS);
    site.folder
        .write("clients.pem", &Authority::new("clients").pem);
    let ask = |mode: &str| {
        let listeners = format!(
            "- {{ address: '127.0.0.1:0', tls: {{ {{tls}}, client_ca: clients.pem, client_certificate: {mode} }} }}"
        );
        let text = super::configuration(WITH_LANE, &listeners, "", site.upstream.address);
        site.folder.write("corsgate.yaml", &text);
    };
    let mut kept = Kept::connect(&site);
    let mut status = |method: &str, fields: &[(&str, &str)]| kept.status(method, fields);
    assert_eq!(status("GET", &ACTUAL), 200);
    ask("except_preflight");
    wait_until("it asks", || {
        site.gateway
            .metric("corsgate_config_reloads_total{result=\"applied\"}")
            > 0.0
    });
    assert_eq!(status("GET", &ACTUAL), 403);
    assert_eq!(status("OPTIONS", &PREFLIGHT), 204);
    ask("always");
    wait_until("it asks", || {
        site.gateway
            .metric("corsgate_config_reloads_total{result=\"applied\"}")
            > 1.0
    });
    assert_eq!(status("OPTIONS", &PREFLIGHT), 403);
}

#[test]
fn a_certificate_is_good_for_as_long_as_its_authority_is_trusted() {
    let clients = Authority::new("clients");
    let site = Site::start(PLAIN_TLS);
    site.folder.write("clients.pem", &clients.pem);
    let mode = "client_ca: clients.pem, client_certificate: except_preflight, forward_client_certificate: true";
    let listeners = format!("- {{ address: '127.0.0.1:0', tls: {{ {{tls}}, {mode} }} }}");
    let applied = || {
        let series = "corsgate_config_reloads_total{result=\"applied\"}";
        site.gateway.metric(series)
    };
    let text = super::configuration(WITH_LANE, &listeners, "", site.upstream.address);
    site.folder.write("corsgate.yaml", &text);
    wait_until("it asks", || applied() == 1.0);
    let known = clients.issue(&["client.test"]);
    let client = site.client_with(&known);
    let mut kept = Kept::connect_by(&site, &client);
    assert_eq!(kept.status("GET", &ACTUAL), 200);
    // The server's own certificate changes, and that of its clients stays good.
    site.authority.issue(&["a.test"]).write(&site.folder, "api");
    wait_until("the new certificate", || {
        applied() >= 2.0 && serves(&site, "a.test")
    });
    assert_eq!(kept.status("GET", &ACTUAL), 200);
    let before = applied();
    site.folder
        .write("clients.pem", &Authority::new("others").pem);
    wait_until("it trusts others", || applied() > before);
    assert_eq!(kept.status("GET", &ACTUAL), 403);
    assert_eq!(kept.status("OPTIONS", &PREFLIGHT), 204);
    let told = site.upstream.received();
    assert_eq!(
        told.iter()
            .filter(|r| r.get("client-cert").is_some())
            .count(),
        2
    );
}

#[test]
fn a_certificate_that_expires_is_none_also_where_a_session_is_resumed() {
    let clients = Authority::new("clients");
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    authority.issue(&["a.test"]).write(&folder, "api");
    folder.write("clients.pem", &clients.pem);
    let listeners = "- { address: '127.0.0.1:0', tls: { {tls}, client_ca: clients.pem, client_certificate: except_preflight } }";
    let site = Site::in_folder(authority, folder, WITH_LANE, listeners, "");
    let client = site.client_with(&clients.issue_for(&["client.test"], 10));
    let resumed = || {
        run(async {
            let stream = client.connect(site.gateway.address).await.expect("TLS");
            let done = client.exchange_on(stream, "GET", &ACTUAL).await;
            let (response, is_resumed) = done.expect("an answer");
            (response.status, is_resumed)
        })
    };
    let mut kept = Kept::connect_by(&site, &client);
    assert_eq!(kept.status("GET", &ACTUAL), 200);
    assert_eq!(resumed(), (200, true));
    let began = std::time::Instant::now();
    while kept.status("GET", &ACTUAL) == 200 {
        assert!(began.elapsed() < crate::support::PATIENCE, "it expires");
    }
    assert_eq!(kept.status("GET", &ACTUAL), 403);
    assert_eq!(resumed(), (403, true));
}

#[test]
fn a_listener_that_needs_a_restart_for_one_thing_gets_the_rest() {
    let site = Site::start(PLAIN_TLS);
    site.authority.issue(&["b.test"]).write(&site.folder, "api");
    let listeners = "- { address: '127.0.0.1:0', proxy_protocol: true, tls: { {tls} } }";
    let text = super::configuration(WITH_LANE, listeners, "", site.upstream.address);
    site.folder.write("corsgate.yaml", &text);
    wait_until("the new certificate", || serves(&site, "b.test"));
}

/// An HTTP/1.1 connection over TLS that is kept.
struct Kept {
    runtime: tokio::runtime::Runtime,
    stream: tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
}

impl Kept {
    fn connect(site: &Site) -> Self {
        Self::connect_by(site, &site.client(&["http/1.1"]))
    }

    fn connect_by(site: &Site, client: &TlsClient) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let stream = runtime.block_on(client.connect(site.gateway.address));
        Self {
            stream: stream.expect("TLS"),
            runtime,
        }
    }

    fn status(&mut self, method: &str, fields: &[(&str, &str)]) -> u16 {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let lines: String = fields
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        let request = format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
        self.runtime.block_on(async {
            self.stream
                .write_all(request.as_bytes())
                .await
                .expect("it reads");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.stream.read_u8().await.expect("an answer"));
            }
            crate::support::Response::parse(&head)
                .expect("a response")
                .status
        })
    }
}
