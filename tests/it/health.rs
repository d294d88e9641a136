//! `corsgate health`: the question of containers.

use crate::support::{Gateway, Refusing, corsgate};

#[test]
fn a_gateway_is_ready_and_nothing_else_is() {
    let gateway = Gateway::start(
        "upstreams: { u: { echo: true } }\nroutes: [{ name: r, upstream: u, cors: off }]\n",
    );
    let refusing = Refusing::new();
    for (url, status, says) in [
        (format!("http://{}/readyz", gateway.admin), 0, "ready\n"),
        (format!("http://{}/livez", gateway.admin), 0, "ready\n"),
        (
            format!("http://{}/none", gateway.admin),
            1,
            "not ready: the answer is 404 Not Found\n",
        ),
        (
            format!("http://{}/readyz", refusing.address),
            1,
            "not ready: can't connect",
        ),
        (
            "https://127.0.0.1:1/readyz".to_owned(),
            1,
            "not ready: the admin and metrics listeners speak plain HTTP",
        ),
    ] {
        let output = corsgate(&["health", &url, "--timeout", "60s"]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(said.starts_with(says), "{url}: {said}");
        assert_eq!(output.status.code(), Some(status), "{url}: {said}");
    }
}
