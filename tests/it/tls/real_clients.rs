//! curl and openssl, where they are installed; `CORSGATE_TEST_CLIENTS=require` makes it a failure that one
//! is not.

use super::{ORIGIN, PLAIN_TLS, Site};
use crate::support::{Authority, Folder, WITH_LANE, without_proxies};
use std::process::{Command, Stdio};

/// Runs a client; `None` if it is not installed.
fn output(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    without_proxies(&mut command);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let required = std::env::var("CORSGATE_TEST_CLIENTS").is_ok_and(|v| v == "require");
    match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((
                output.status.success(),
                String::from_utf8_lossy(&text).into_owned(),
            ))
        }
        Err(error) if required => panic!("{program}: {error}"),
        Err(_) => {
            eprintln!("there is no {program}: it is not tested here");
            None
        }
    }
}

#[test]
fn curl_speaks_both_protocols_and_shows_its_certificate() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let folder = Folder::new();
    authority.issue(&["localhost"]).write(&folder, "api");
    clients.issue(&["client.test"]).write(&folder, "client");
    for (name, pem) in [
        ("clients.pem", &clients.pem),
        ("servers.pem", &authority.pem),
    ] {
        folder.write(name, pem);
    }
    let listeners = "- { address: '127.0.0.1:0', proxy_protocol: true, tls: { {tls}, client_ca: clients.pem, client_certificate: except_preflight } }";
    let site = Site::in_folder(authority, folder, WITH_LANE, listeners, "");
    let url = format!("https://localhost:{}/", site.gateway.address.port());
    let file = |name: &str| site.folder.path(name).display().to_string();
    let (roots, certificate, key) = (file("servers.pem"), file("client.crt"), file("client.key"));
    let origin = format!("Origin: {ORIGIN}");
    let common = [
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} HTTP/%{http_version}",
        "--haproxy-protocol",
        "--cacert",
        &roots,
        "-H",
        &origin,
    ];
    let preflight = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: PUT"];
    let shown = ["--cert", &certificate, "--key", &key];
    for (more, expected) in [
        (&preflight[..], "204 HTTP/2"),
        (&[&preflight[..], &["--http1.1"]].concat(), "204 HTTP/1.1"),
        (
            &[&preflight[..], &["--tls-max", "1.2"]].concat(),
            "204 HTTP/2",
        ),
        (&["--http2"], "403 HTTP/2"),
        (&shown, "200 HTTP/2"),
        (
            &[&shown[..], &["--http1.1", "--tls-max", "1.2"]].concat(),
            "200 HTTP/1.1",
        ),
    ] {
        let Some((_, text)) = output("curl", &[&common[..], more, &[&url]].concat()) else {
            return;
        };
        assert_eq!(text, expected, "{more:?}");
    }
}

#[test]
fn openssl_negotiates_and_resumes() {
    let site = Site::start(PLAIN_TLS);
    site.folder.write("servers.pem", &site.authority.pem);
    let address = site.gateway.address.to_string();
    let file = |name: &str| site.folder.path(name).display().to_string();
    let (roots, session) = (file("servers.pem"), file("session"));
    let common = [
        "s_client",
        "-connect",
        &address,
        "-servername",
        "a.test",
        "-verify_hostname",
        "a.test",
        "-CAfile",
        &roots,
    ];
    for (more, expected) in [
        (
            &["-tls1_3", "-alpn", "h2"][..],
            &["TLSv1.3", "ALPN protocol: h2", "Verify return code: 0 (ok)"][..],
        ),
        (
            &["-tls1_2", "-alpn", "http/1.1"],
            &[
                "TLSv1.2",
                "ALPN protocol: http/1.1",
                "Secure Renegotiation IS supported",
            ],
        ),
        (&["-tls1_2", "-sess_out", &session], &["New, TLSv1.2"]),
        (&["-tls1_2", "-sess_in", &session], &["Reused, TLSv1.2"]),
        (&["-tls1_1"], &["alert"]),
        (
            &["-tls1_2", "-cipher", "AES128-SHA"],
            &["handshake failure"],
        ),
    ] {
        let Some((_, text)) = output("openssl", &[&common[..], more].concat()) else {
            return;
        };
        for phrase in expected {
            assert!(
                text.contains(phrase),
                "{more:?}: {phrase} is not in\n{text}"
            );
        }
    }
}
