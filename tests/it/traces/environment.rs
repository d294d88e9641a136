//! The variables of the environment that say something about the collector, and its certificate.

use super::configuration;
use super::otlp::{collector, spans};
use crate::support::{Answer, Authority, Client, Folder, Gateway, Log, Running, Upstream};
use std::path::Path;
use std::process::Command;

/// Starts a program that trusts one authority, and sends it a request that gets a span.
fn traced(file: &Path, authorities: &Path) -> (Running, Log) {
    let mut gateway = Running::start_as(
        Command::new(env!("CARGO_BIN_EXE_corsgate"))
            .args(["serve", "--config"])
            .arg(file)
            .env("SSL_CERT_FILE", authorities)
            .env_remove("SSL_CERT_DIR")
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20a%2Cb,x-team=edge",
            )
            .env(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test,service.name=another",
            )
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    );
    let log = gateway.log();
    let request = "GET /books HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(
        Client::connect(log.listener()).exchange(request).status,
        200
    );
    (gateway, log)
}

#[test]
fn the_environment_has_the_collectors_keys_and_its_certificate_is_verified() {
    let (folder, authority) = (Folder::new(), Authority::new("servers"));
    authority.issue(&["localhost"]).write(&folder, "collector");
    let (collector, upstream) = (collector(), Upstream::start(Answer::ok()));
    // Another gateway gives the collector its TLS.
    let terminator = format!(
        "listeners: [{{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: collector.crt, private_key: collector.key }}] }} }}]\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         upstreams: {{ collector: {{ endpoints: ['{}'] }} }}\n\
         routes: [{{ name: all, match: {{ path_prefix: / }}, upstream: collector, cors: off }}]\n",
        collector.address
    );
    let terminator = Gateway::of_file(&folder.write("terminator.yaml", &terminator));
    let endpoint = format!("https://localhost:{}/otlp/", terminator.address.port());
    let traces = format!("traces: {{ endpoint: '{endpoint}', sample_ratio: 1 }}");
    let text = configuration(&traces, &upstream);
    let text = format!("listeners: [{{ address: '127.0.0.1:0' }}]\n{text}");
    let file = folder.write("corsgate.yaml", &text);

    let trusted = folder.write("trusted.pem", &authority.pem);
    let gateway = traced(&file, &trusted);
    let span = spans(&collector, 1).remove(0);
    drop(gateway);
    assert_eq!(span.message.target, "/otlp/v1/traces");
    for (field, value) in [
        ("authorization", Some("Bearer a,b")),
        ("x-team", Some("edge")),
        ("content-encoding", None),
    ] {
        assert_eq!(span.message.get(field).as_deref(), value, "{field}");
    }
    assert_eq!(span.resource["deployment.environment.name"], "test");
    // What the file says comes first.
    assert_eq!(span.resource["service.name"], "corsgate");

    let others = folder.write("others.pem", &Authority::new("others").pem);
    let (_gateway, log) = traced(&file, &others);
    let line = log.line("the collector does not take spans");
    assert!(line.contains("TLS: "), "{line}");
    assert_eq!(collector.received().len(), 1);
}
