//! The log and the handshakes of clients, which can write nothing into it.

use crate::support::{Authority, Folder, Running, TlsClient};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

#[test]
fn a_handshake_with_an_address_for_a_name_is_not_worth_a_line() {
    let (folder, authority) = (Folder::new(), Authority::new("servers"));
    authority.issue(&["api.test"]).write(&folder, "api");
    let file = folder.write(
        "corsgate.yaml",
        "listeners: [{ address: '127.0.0.1:0', tls: { certificates: [{ certificate: api.crt, private_key: api.key }] } }]\n\
         upstreams: { u: { echo: true } }\nroutes: [{ upstream: u, cors: off }]\n",
    );
    let mut process = Running::start(&["serve", "--config", &file.display().to_string()]);
    let log = process.log();
    let address = log.listener();
    log.line("gateway serves");
    // No client's library sends an address; some programs do.
    const NAME: &str = "aaa.bbb.c";
    let client = TlsClient::new(&authority, NAME, &[]);
    let name = ServerName::try_from(NAME).expect("a name");
    let mut client = ClientConnection::new(client.config(), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a vector");
    let at = hello
        .windows(NAME.len())
        .position(|part| part == NAME.as_bytes());
    let at = at.expect("the name is there");
    hello[at..at + NAME.len()].copy_from_slice(b"127.0.0.1");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(&hello).expect("it is sent");
    // The server has read it when it answers.
    assert!(stream.read(&mut [0; 16]).expect("an answer") > 0);
    drop(stream);
    process.signal("TERM");
    let text = log.whole();
    assert!(!text.contains("SNI") && !text.contains("rustls"), "{text}");
}
