//! A real browser at a listener with TLS that asks for client certificates.

use super::chromium::{self, Fetch, Place, Site};
use crate::support::{Authority, Folder, Gateway, Pair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Returns the argument by which a browser trusts this key alone, without an authority.
pub(super) fn trusting(certificate: &CertificateDer<'_>) -> String {
    let (_, parsed) = X509Certificate::from_der(certificate).expect("a certificate");
    let provider = corsgate::tls::provider();
    let sha256 = provider.cipher_suites.iter().find_map(|suite| match suite {
        rustls::SupportedCipherSuite::Tls13(suite)
            if suite.common.suite == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256 =>
        {
            Some(suite.common.hash_provider)
        }
        _ => None,
    });
    let hash = sha256
        .expect("every provider has it")
        .hash(parsed.public_key().raw);
    let hash = STANDARD.encode(hash.as_ref());
    format!("--ignore-certificate-errors-spki-list={hash}")
}

/// The listener's settings beside its certificate.
const LISTENERS: [&str; 3] = [
    "alpn: [h2]",
    "alpn: [h2], client_ca: clients.pem, client_certificate: except_preflight",
    "alpn: [h2], client_ca: clients.pem, client_certificate: always",
];

#[test]
fn a_real_browser_speaks_http_2_over_tls_and_shows_no_certificate_with_a_preflight() {
    let Some(mut program) = chromium::program() else {
        return;
    };
    let site = Site::start();
    let folder = Folder::new();
    let pair: Pair = Authority::new("servers").issue(&["127.0.0.1"]);
    pair.write(&folder, "api");
    folder.write("clients.pem", &Authority::new("clients").pem);
    let listeners: String = LISTENERS
        .iter()
        .map(|settings| {
            format!(
                "- {{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: api.crt, private_key: api.key }}], {settings} }} }}\n"
            )
        })
        .collect();
    let text = format!(
        "listeners:\n{listeners}admin: {{ address: '127.0.0.1:0' }}\nupstreams: {{ u: {{ echo: true }} }}\n\
         policies: {{ p: {{ allow_origins: ['{}'], allow_methods: [PUT], allow_credentials: true }} }}\n\
         routes: [{{ name: r, upstream: u, cors: p }}]\n",
        site.origin()
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    program.arg(trusting(&pair.der()));
    // The listener; the method; whether there are credentials; whether the script gets a response.
    let cases = [
        (0, "GET", false, true),
        (0, "PUT", true, true),
        // 403, which the script can read.
        (1, "GET", false, true),
        (1, "PUT", false, true),
        (1, "PUT", true, true),
        // The handshake fails.
        (2, "GET", false, false),
        (2, "PUT", true, false),
    ];
    let addresses = gateway.addresses();
    let plan = cases.iter().enumerate().map(|(id, case)| Fetch {
        id,
        url: format!("https://{}/{id}", addresses[case.0]),
        method: case.1.to_owned(),
        headers: Vec::new(),
        credentials: case.2,
        cache: "no-store",
        times: 1,
        place: Place::Page,
    });
    // One at a time: once Chromium has noted which certificate to show to a server, here none, it gives up its
    // connections there, and with them requests that are under way.
    let done = site.run(program, plan.collect(), 1);
    for (id, case) in cases.iter().enumerate() {
        let is_readable = done.seen[&id].iter().all(Option::is_some);
        assert_eq!(is_readable, case.3, "{case:?}");
    }
    let counted = |series: &str| gateway.metric(series);
    let refused =
        "corsgate_requests_refused_total{reason=\"client_certificate_required\",route=\"r\"}";
    // A request is counted after its response was sent.
    gateway.wait_for_metric(refused, 3.0);
    let handled = "corsgate_preflights_total{outcome=\"handled\",reason=\"allowed\",route=\"r\"}";
    gateway.wait_for_metric(handled, 3.0);
    let without = "corsgate_tls_handshakes_total{result=\"client_certificate_refused\"}";
    assert!(counted(without) >= 1.0);
}
