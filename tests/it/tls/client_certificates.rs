//! Client certificates: the clients that each mode accepts, and what upstreams are told.

use super::{ACTUAL, BOTH, PREFLIGHT, Site, assert_allowed};
use crate::support::{Authority, Folder, LANES, Pair, TlsClient, WITH_LANE, corsgate, run};
use base64::Engine as _;

/// A gateway that asks for certificates in this mode, and the certificates of two clients.
struct Asking {
    site: Site,
    known: Pair,
    stranger: Pair,
}

impl Asking {
    fn start(lane: &str, mode: &str, more: &str) -> Self {
        let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
        let folder = Folder::new();
        authority.issue(&["a.test"]).write(&folder, "api");
        folder.write("clients.pem", &clients.pem);
        let listeners = format!(
            "- {{ address: '127.0.0.1:0', tls: {{ {{tls}}, client_ca: clients.pem, client_certificate: {mode}, {more} }} }}"
        );
        Self {
            site: Site::in_folder(authority, folder, lane, &listeners, ""),
            known: clients.issue(&["client.test"]),
            stranger: Authority::new("strangers").issue(&["client.test"]),
        }
    }

    fn client(&self, alpn: &str, certificate: Option<&Pair>) -> TlsClient {
        let versions = rustls::ALL_VERSIONS;
        TlsClient::with(
            &self.site.authority.pem,
            "a.test",
            &[alpn],
            versions,
            certificate,
        )
    }
}

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    NoConnection,
    Status(u16),
}

#[test]
fn each_mode_lets_by_whom_it_says() {
    use End::{NoConnection, Status};
    // The mode; a preflight and a request without a certificate; and with one; with one of a stranger.
    for (mode, without, with, stranger) in [
        (
            "optional",
            [Status(204), Status(200)],
            [Status(204), Status(200)],
            NoConnection,
        ),
        (
            "except_preflight",
            [Status(204), Status(403)],
            [Status(204), Status(200)],
            NoConnection,
        ),
        (
            "always",
            [NoConnection; 2],
            [Status(204), Status(200)],
            NoConnection,
        ),
    ] {
        for lane in LANES {
            let asking = Asking::start(lane, mode, "");
            let address = asking.site.gateway.address;
            for alpn in BOTH {
                for (certificate, expected) in [
                    (None, without),
                    (Some(&asking.known), with),
                    (Some(&asking.stranger), [stranger; 2]),
                ] {
                    let client = asking.client(alpn, certificate);
                    for (method, fields, expected) in [
                        ("OPTIONS", &PREFLIGHT[..], expected[0]),
                        ("GET", &ACTUAL[..], expected[1]),
                    ] {
                        let name = format!(
                            "{mode}, {lane}, {alpn}, {method}, {}",
                            certificate.is_some()
                        );
                        match (run(client.exchange(address, method, fields)), expected) {
                            (Ok(response), Status(status)) => {
                                assert_allowed(&name, &response, status);
                            }
                            // The alert, and not a reset.
                            (Err(reason), NoConnection) => {
                                assert!(
                                    reason.contains("received fatal alert"),
                                    "{name}: {reason}"
                                );
                            }
                            (got, _) => panic!("{name}: {got:?}, not {expected:?}"),
                        }
                    }
                }
            }
            let refused = if mode == "always" { 8.0 } else { 4.0 };
            assert_eq!(
                asking.site.handshakes("client_certificate_refused"),
                refused,
                "{mode}"
            );
            let unanswered = if mode == "except_preflight" { 2.0 } else { 0.0 };
            assert_eq!(
                asking.site.refused("client_certificate_required", "r"),
                unanswered,
                "{mode}"
            );
        }
    }
}

#[test]
fn only_a_preflight_as_browsers_send_it_needs_no_certificate() {
    let asking = Asking::start(WITH_LANE, "except_preflight", "");
    let client = asking.client("http/1.1", None);
    let origin = PREFLIGHT[0];
    for (method, fields, status) in [
        ("OPTIONS", &PREFLIGHT[..], 204),
        ("OPTIONS", &[origin], 403),
        ("OPTIONS", &[PREFLIGHT[1]], 403),
        (
            "OPTIONS",
            &[origin, PREFLIGHT[1], ("Content-Length", "0")],
            204,
        ),
        (
            "OPTIONS",
            &[origin, PREFLIGHT[1], ("Content-Length", "1")],
            403,
        ),
        ("POST", &PREFLIGHT, 403),
        ("GET", &[], 403),
    ] {
        let response = run(client.exchange(asking.site.gateway.address, method, fields));
        assert_eq!(
            response.expect("an answer").status,
            status,
            "{method} {fields:?}"
        );
    }
    assert!(asking.site.upstream.received().is_empty());
    // The policy rejects OPTIONS that is not a preflight, but the certificate is asked for before.
    assert_eq!(asking.site.refused("client_certificate_required", "r"), 5.0);
}

#[test]
fn probe_says_what_a_demand_for_certificates_does_to_browsers() {
    let asking = Asking::start(WITH_LANE, "always", "");
    asking
        .site
        .folder
        .write("servers.pem", &asking.site.authority.pem);
    let roots = asking.site.folder.path("servers.pem");
    let port = asking.site.gateway.address.port();
    let url = format!("https://a.test:{port}/");
    let output = corsgate(&[
        "probe",
        &url,
        "--origin",
        "https://app.example.com",
        "--method",
        "PUT",
        "--resolve",
        &format!("a.test:{port}:127.0.0.1"),
        "--ca-file",
        &roots.display().to_string(),
    ]);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        text.contains("demands a certificate of every client"),
        "{text}"
    );
}

#[test]
fn a_preflight_with_a_body_that_no_field_states_needs_a_certificate() {
    // The upstream answers preflights itself.
    let asking = Asking::start(WITH_LANE, "except_preflight", "");
    let text = std::fs::read_to_string(asking.site.folder.path("corsgate.yaml")).expect("readable");
    let text = text.replace("cors: p", "cors: passthrough");
    asking.site.folder.write("corsgate.yaml", &text);
    let applied = "corsgate_config_reloads_total{result=\"applied\"}";
    super::wait_until("it is applied", || {
        asking.site.gateway.metric(applied) > 0.0
    });
    let client = asking.client("h2", None);
    for (has_body, expected) in [(false, 200), (true, 403)] {
        let status = run(async {
            let stream = client
                .connect(asking.site.gateway.address)
                .await
                .expect("TLS");
            let (mut sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
            tokio::spawn(connection);
            let request = http::Request::options("https://a.test/");
            let request = PREFLIGHT.iter().fold(request, |r, (n, v)| r.header(*n, *v));
            let request = request.body(()).expect("a request");
            let (response, mut body) = sender.send_request(request, !has_body).expect("sent");
            if has_body {
                body.send_data("a body".into(), true).expect("sent");
            }
            response.await.expect("an answer").status().as_u16()
        });
        assert_eq!(status, expected, "{has_body}");
    }
    assert_eq!(asking.site.upstream.received().len(), 1);
}

#[test]
fn upstreams_learn_a_certificate_from_the_gateway_alone() {
    let claims = [
        ("Client-Cert", ":AAAA:"),
        ("client_cert", ":AAAA:"),
        ("Client-Cert-Chain", ":AAAA:"),
        ("Client-Cert_Chain", ":AAAA:"),
        ("Client.Cert", ":AAAA:"),
        ("Client~Cert", ":AAAA:"),
        ("X-Forwarded-Client-Cert", "Hash=0"),
        ("X_Forwarded_Client_Cert", "Hash=0"),
    ];
    for (forwards, shows) in [(true, true), (true, false), (false, true)] {
        let more = format!("forward_client_certificate: {forwards}");
        let asking = Asking::start(WITH_LANE, "optional", &more);
        let certificate = shows.then_some(&asking.known);
        for alpn in BOTH {
            let client = asking.client(alpn, certificate);
            let response = run(client.exchange(asking.site.gateway.address, "GET", &claims));
            assert_eq!(response.expect("a response").status, 200);
        }
        let der = base64::engine::general_purpose::STANDARD.encode(asking.known.der());
        let expected = (forwards && shows).then(|| format!(":{der}:"));
        let received = asking.site.upstream.received();
        assert_eq!(received.len(), 2);
        for request in received {
            assert_eq!(request.get("client-cert"), expected, "{forwards}, {shows}");
            for (name, _) in &claims[1..] {
                assert_eq!(request.get(name), None, "{name}");
            }
        }
    }
}
