//! Statements about clients: those that backends get, and from whom they are believed.

use crate::support::{Answer, Client, Gateway, Http2Client, Received, Upstream};

const NOT_TRUSTED: &str = "";
/// The tests' clients are at 127.0.0.1.
const TRUSTED: &str = "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8, \"fd00::/8\"]";

/// The fields that say something about a client, as the upstream got them in lower case.
fn statements(received: &Received) -> Vec<(String, String)> {
    let lines = received.headers.iter();
    let lines = lines.map(|(name, value)| (name.to_lowercase(), value.clone()));
    let is_statement = |name: &str| {
        let name = name.replace('_', "-");
        name.contains("forwarded") || name == "x-real-ip"
    };
    let mut lines: Vec<_> = lines.filter(|(name, _)| is_statement(name)).collect();
    lines.sort();
    lines
}

/// Sends the same request over both protocols, and returns what arrived, which must be the same.
fn arriving(trust: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let upstream = Upstream::start(Answer::ok());
    let gateway = Gateway::start(&format!(
        "{trust}\nupstreams: {{ u: {{ endpoints: ['{}'] }} }}\nroutes: [{{ upstream: u }}]\n",
        upstream.address
    ));
    let lines: String = fields
        .iter()
        .map(|(n, v)| format!("{n}: {v}\r\n"))
        .collect();
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n");
    let response = Client::connect(gateway.address).exchange(&request);
    assert_eq!(response.status, 200, "{fields:?}");
    let lower: Vec<_> = fields.iter().map(|(n, v)| (n.to_lowercase(), *v)).collect();
    let lower: Vec<_> = lower.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let response = Http2Client::connect(gateway.address).exchange("GET", &lower);
    assert_eq!(response.expect("a response").status, 200, "{fields:?}");
    let received = upstream.received();
    let [http1, http2] = received.as_slice() else {
        panic!("{} requests", received.len());
    };
    assert_eq!(statements(http1), statements(http2), "{fields:?}");
    statements(http1)
}

#[test]
fn statements_about_the_client_are_believed_from_trusted_proxies_alone() {
    const OWN: [(&str, &str); 3] = [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "a.test"),
        ("x-forwarded-proto", "http"),
    ];
    let of_a_proxy = [
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.test:8443"),
        ("X-Forwarded-Port", "8443"),
        ("X-Forwarded-Prefix", "/shop"),
        ("X-Real-IP", "192.0.2.7"),
        ("Forwarded", "for=192.0.2.7;proto=https"),
    ];
    let spelled_otherwise = [
        ("X_Forwarded_For", "192.0.2.1"),
        ("x_forwarded-proto", "https"),
        ("X-FORWARDED_HOST", "evil.test"),
        ("X_Real_IP", "192.0.2.1"),
        ("X_Forwarded_Anything", "1"),
    ];
    for (trust, sent, expected) in [
        (NOT_TRUSTED, &[][..], &OWN[..]),
        (TRUSTED, &[], &OWN),
        (NOT_TRUSTED, &of_a_proxy, &OWN),
        (NOT_TRUSTED, &spelled_otherwise, &OWN),
        // A proxy passes on what its client wrote in a spelling that it does not know.
        (TRUSTED, &spelled_otherwise, &OWN),
        (
            TRUSTED,
            &of_a_proxy,
            &[
                ("forwarded", "for=192.0.2.7;proto=https"),
                ("x-forwarded-for", "192.0.2.7, 127.0.0.1"),
                ("x-forwarded-host", "shop.test:8443"),
                ("x-forwarded-port", "8443"),
                ("x-forwarded-prefix", "/shop"),
                ("x-forwarded-proto", "https"),
                ("x-real-ip", "192.0.2.7"),
            ],
        ),
        (
            TRUSTED,
            &[
                ("X-Forwarded-For", "1.1.1.1, 192.0.2.7"),
                ("X-Forwarded-For", "10.1.2.3"),
            ],
            &[
                ("x-forwarded-for", "192.0.2.7, 10.1.2.3, 127.0.0.1"),
                ("x-forwarded-host", "a.test"),
                ("x-forwarded-proto", "http"),
            ],
        ),
        (
            TRUSTED,
            &[
                ("X-Forwarded-For", "unknown"),
                ("X-Forwarded-Proto", "gopher"),
                ("X-Forwarded-Host", "a.test, evil.test"),
                ("X-Forwarded-Port", "eighty"),
                ("X-Real-IP", "me"),
            ],
            &OWN,
        ),
    ] {
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(arriving(trust, sent), expected, "{trust:?} {sent:?}");
    }
}
