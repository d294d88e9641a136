//! Calls of gRPC through the gateway, by HTTP/2 with prior knowledge and by TLS.

use super::service::{Backend, LARGE, Note, NotesClient, failure, note, notes, notes_of};
use super::{Site, config};
use crate::support::{Authority, Folder, Gateway, PATIENCE, Pair, TlsClient, TlsUpstream, run};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tonic::{Code, Request, Status};

/// Runs a test of calls, in time.
pub(super) fn calls<T>(test: impl Future<Output = T>) -> T {
    run(async {
        tokio::time::timeout(PATIENCE, test)
            .await
            .expect("the calls end")
    })
}

/// Makes a call of each kind, and looks at all that comes of it.
async fn every_kind(client: &mut NotesClient) {
    let mut request = Request::new(note("hello", 7));
    request
        .metadata_mut()
        .insert("x-ask", "who?".parse().expect("a value"));
    let response = client.say(request).await.expect("an answer");
    assert_eq!(
        response.metadata().get("x-answer").expect("it comes back"),
        "who?"
    );
    assert_eq!(
        response.metadata().get("x-te").expect("it passes"),
        "trailers"
    );
    assert_eq!(
        response
            .metadata()
            .get("x-content-type")
            .expect("it passes"),
        "application/grpc"
    );
    assert_eq!(response.into_inner(), note("hello", 7));

    let response = client
        .count(Request::new(note("n", 5)))
        .await
        .expect("a stream");
    let mut stream = response.into_inner();
    for number in 0..5 {
        let next = stream.message().await.expect("no error").expect("a note");
        assert_eq!(next, note("n", number));
    }
    assert_eq!(stream.message().await.expect("it ends well"), None);
    let trailers = stream
        .trailers()
        .await
        .expect("no error")
        .expect("trailers");
    assert_eq!(trailers.get("grpc-status").expect("a status"), "0");

    let all = (1..=4).map(|number| note("x", number)).collect();
    let sum = client.sum(notes(all)).await.expect("an answer");
    assert_eq!(sum.into_inner(), note("xxxx", 10));

    // Each note comes back before the next one is sent.
    let (send, response) = client.chat().await.expect("a conversation");
    let mut stream = response.into_inner();
    for number in 0..20 {
        send.send(note("ping", number)).await.expect("it is open");
        let echo = stream.message().await.expect("no error").expect("a note");
        assert_eq!(echo, note("ping", number));
    }
    drop(send);
    assert_eq!(stream.message().await.expect("it ends well"), None);
}

/// Checks that a call has failed as the server says, with all that it says.
fn assert_failed(status: &Status) {
    let expected = failure();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), expected.message());
    assert_eq!(status.details(), expected.details());
    assert_eq!(
        status.metadata().get("x-trailer"),
        expected.metadata().get("x-trailer")
    );
    let bytes = status
        .metadata()
        .get_bin("x-bytes-bin")
        .expect("it is there");
    assert_eq!(bytes.to_bytes().expect("base64"), &b"\0\xff"[..]);
}

#[test]
fn calls_of_every_kind_pass_and_so_do_metadata_and_trailers() {
    let site = Site::start();
    calls(async {
        let mut client = NotesClient::connect(site.gateway.address).await;
        every_kind(&mut client).await;
        // The status is in the header.
        let status = client.say(Request::new(note("fail", 0))).await;
        assert_failed(&status.expect_err("it fails"));
        let status = client.sum(notes(vec![note("fail", 0)])).await;
        assert_failed(&status.expect_err("it fails"));
        // It is in the trailers.
        let stream = client.count(Request::new(note("fail", 2))).await;
        let mut stream = stream.expect("a stream").into_inner();
        assert_eq!(
            stream.message().await.expect("a note"),
            Some(note("fail", 0))
        );
        assert_eq!(
            stream.message().await.expect("a note"),
            Some(note("fail", 1))
        );
        assert_failed(&stream.message().await.expect_err("it fails"));
    });
    let requests = "corsgate_requests_total{code=\"2xx\",kind=\"request\",route=\"notes\"}";
    site.gateway.wait_for_metric(requests, 7.0);
}

#[test]
fn calls_of_every_kind_pass_over_tls() {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    authority.issue(&["api.test"]).write(&folder, "api");
    let backend = Backend::start();
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0', tls: {{ certificates: [{{ certificate: api.crt, private_key: api.key }}] }} }}]\n\
         admin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\n{}",
        config(&backend, "")
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    let tls = TlsClient::new(&authority, "api.test", &["h2"]);
    calls(async {
        let address = tls_to(tls, gateway.address).await;
        every_kind(&mut NotesClient::connect(address).await).await;
    });
}

#[test]
fn calls_of_every_kind_pass_to_an_upstream_with_tls() {
    let (authority, folder) = (Authority::new("servers"), Folder::new());
    folder.write("ca.pem", &authority.pem);
    let backend = Backend::start();
    let address = before(authority.issue(&["notes.internal"]), backend.address);
    let text = format!(
        "listeners: [{{ address: '127.0.0.1:0' }}]\nadmin: {{ address: '127.0.0.1:0' }}\nserver: {{ threads: 1 }}\n\
         upstreams: {{ notes: {{ endpoints: ['{address}'], protocol: h2, tls: {{ server_name: notes.internal, ca: ca.pem }} }} }}\n\
         routes: [{{ upstream: notes, cors: off }}]\n"
    );
    let gateway = Gateway::of_file(&folder.write("corsgate.yaml", &text));
    calls(async {
        every_kind(&mut NotesClient::connect(gateway.address).await).await;
    });
}

/// Returns an address where connections with TLS and HTTP/2 are taken on to `backend`, without TLS.
fn before(pair: Pair, backend: SocketAddr) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("a socket");
    let acceptor = TlsAcceptor::from(TlsUpstream::config(&pair, &["h2"], None));
    // The thread ends with the process.
    std::thread::spawn(move || {
        run(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = acceptor.accept(stream).await.expect("a handshake");
                let mut plain = TcpStream::connect(backend).await.expect("it listens");
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut plain).await });
            }
        });
    });
    address
}

/// Returns an address where connections are taken on to `gateway`, with TLS.
async fn tls_to(tls: TlsClient, gateway: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let mut stream = tls.connect(gateway).await.expect("a handshake");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            tokio::spawn(async move { copy_bidirectional(&mut plain, &mut stream).await });
        }
    });
    address
}

#[test]
fn large_messages_pass_both_ways() {
    let site = Site::start();
    calls(async {
        let mut client = NotesClient::connect(site.gateway.address).await;
        let large = note(&"é".repeat(LARGE / 2), 1);
        let answer = client
            .say(Request::new(large.clone()))
            .await
            .expect("an answer");
        assert!(answer.into_inner() == large, "it is the same");
        let stream = client
            .count(Request::new(note(&"x".repeat(LARGE / 8), 8)))
            .await;
        let mut stream = stream.expect("a stream").into_inner();
        for number in 0..8 {
            let note = stream.message().await.expect("no error").expect("a note");
            assert_eq!((note.text.len(), note.number), (LARGE / 8, number));
        }
        assert_eq!(stream.message().await.expect("it ends well"), None);
    });
}

#[test]
fn a_thousand_calls_at_once_are_answered_over_few_connections() {
    let site = Site::start();
    calls(async {
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(NotesClient::connect(site.gateway.address).await);
        }
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..1000 {
            let mut client = clients[number as usize % 10].clone();
            calls.spawn(async move {
                let answer = client.say(Request::new(note("many", number))).await;
                assert_eq!(
                    answer.expect("an answer").into_inner(),
                    note("many", number)
                );
            });
        }
        while let Some(call) = calls.join_next().await {
            call.expect("it is answered");
        }
        site.backend.wait_for("Say ended", 1000).await;
    });
}

#[test]
fn a_deadline_reaches_the_server_and_its_end_ends_the_call_there() {
    let site = Site::start();
    calls(async {
        let mut client = NotesClient::connect(site.gateway.address).await;
        let mut request = Request::new(note("in time", 0));
        request.set_timeout(PATIENCE);
        let answer = client.say(request).await.expect("an answer");
        let sent = answer.metadata().get("x-timeout").expect("it passes");
        assert_eq!(sent, &format!("{}u", PATIENCE.as_micros()));

        // The server is still at it when the client gives up.
        let mut request = Request::new(note("wait", 0));
        request.set_timeout(Duration::from_millis(200));
        let status = client.say(request).await.expect_err("it is too late");
        let codes = [Code::DeadlineExceeded, Code::Cancelled];
        assert!(codes.contains(&status.code()), "{status:?}");
        site.backend.wait_for("Say ended", 2).await;
    });
}

#[test]
fn a_call_that_its_client_cancels_ends_at_the_server() {
    let site = Site::start();
    calls(async {
        let mut client = NotesClient::connect(site.gateway.address).await;
        // Before there is a response.
        let mut other = client.clone();
        let call = tokio::spawn(async move { other.say(Request::new(note("wait", 0))).await });
        site.backend.wait_for("Say waits", 1).await;
        call.abort();
        site.backend.wait_for("Say ended", 1).await;
        // In the middle of one.
        let stream = client.count(Request::new(note("wait", 1))).await;
        let mut stream = stream.expect("a stream").into_inner();
        assert_eq!(
            stream.message().await.expect("a note"),
            Some(note("wait", 0))
        );
        site.backend.wait_for("Count waits", 1).await;
        drop(stream);
        site.backend.wait_for("Count ended", 1).await;
        // In the middle of a request.
        let (send, sent) = mpsc::channel(1);
        let mut other = client.clone();
        let call = tokio::spawn(async move { other.sum(notes_of(sent)).await });
        send.send(note("a", 1)).await.expect("it is open");
        site.backend.wait_for("Sum got one", 1).await;
        call.abort();
        site.backend.wait_for("Sum ended", 1).await;
        // In the middle of a conversation.
        let (send, response) = client.chat().await.expect("a conversation");
        let mut stream = response.into_inner();
        send.send(note("a", 1)).await.expect("it is open");
        assert_eq!(stream.message().await.expect("a note"), Some(note("a", 1)));
        drop((send, stream));
        site.backend.wait_for("Chat ended", 1).await;
        // The connection is as good as before.
        every_kind(&mut client).await;
    });
}

#[test]
fn a_server_that_dies_never_looks_like_a_call_that_went_well() {
    let mut site = Site::start();
    calls(async {
        let mut client = NotesClient::connect(site.gateway.address).await;
        let stream = client.count(Request::new(note("wait", 1))).await;
        let mut stream = stream.expect("a stream").into_inner();
        let first: Option<Note> = stream.message().await.expect("a note");
        assert_eq!(first, Some(note("wait", 0)));
        let mut other = client.clone();
        let call = tokio::spawn(async move { other.say(Request::new(note("wait", 0))).await });
        site.backend.wait_for("Say waits", 1).await;
        site.backend.kill();
        let status = stream.message().await.expect_err("it was cut off");
        assert_ne!(status.code(), Code::Ok);
        // Clients make the status out of 502.
        let status = call.await.expect("no panic").expect_err("it was cut off");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        // There is nothing to connect to.
        let status = client.say(Request::new(note("hello", 0))).await;
        assert_eq!(
            status.expect_err("nothing is there").code(),
            Code::Unavailable
        );
    });
}
