//! A client's bytes before its handshake is done: whatever they are, the listener's side ends in an error or
//! waits, and writes no more than a handshake needs.

use corsgate::tls::{Alpn, Certificate, ClientCertificate, MinVersion, ServerTls, TlsSettings};
use rustls::{RootCertStore, ServerConnection};
use std::sync::{Arc, LazyLock};

/// The most that a handshake's first flight has here.
const MAX_WRITTEN: usize = 4096;

static SERVER: LazyLock<ServerTls> = LazyLock::new(|| {
    let chain = include_bytes!("../../tests/bad_conf/tls/api.crt");
    let key = include_bytes!("../../tests/bad_conf/tls/api.key");
    let settings = TlsSettings {
        certificates: vec![Certificate::from_pem(chain, key).expect("they belong together")],
        min_version: MinVersion::Tls12,
        alpn: vec![Alpn::H2, Alpn::Http11],
        client_certificate: ClientCertificate::Never,
        client_authorities: Arc::new(RootCertStore::empty()),
    };
    ServerTls::new(&settings).expect("rustls takes them")
});

/// The input is what a client sends. One that starts with a digit is given in pieces of so many bytes.
pub fn run(input: &[u8]) {
    let [size, bytes @ ..] = input else {
        return;
    };
    let size = match size {
        b'1'..=b'9' => usize::from(size - b'0'),
        _ => bytes.len().max(1),
    };
    let mut connection = ServerConnection::new(Arc::clone(SERVER.config())).expect("a connection");
    let mut written = Vec::new();
    for mut piece in bytes.chunks(size) {
        while !piece.is_empty() {
            // Refused once there is more than rustls wants to hold.
            if !matches!(connection.read_tls(&mut piece), Ok(1..)) {
                return;
            }
            let processed = connection.process_new_packets();
            while connection.wants_write() {
                connection
                    .write_tls(&mut written)
                    .expect("a vector takes all");
            }
            assert!(written.len() < MAX_WRITTEN, "{} bytes", written.len());
            // No client can end a handshake without the other half of its key.
            assert!(connection.is_handshaking());
            if processed.is_err() {
                return;
            }
        }
    }
}
