//! Sockets of the loopback address: what a pipe can't show.

use super::*;
use std::future::poll_fn;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Returns the two ends of a connection, the gateway's and the client's.
fn connected() -> (Tcp, net::TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let client = net::TcpStream::connect(address).expect("it listens");
    let (socket, peer) = listener.accept().expect("a client");
    socket.set_nonblocking(true).expect("an option");
    (Tcp::new(socket, Some(peer)), client)
}

/// Returns the next bytes that the client gets.
fn received(client: &net::TcpStream, len: usize) -> Vec<u8> {
    let mut received = vec![0; len];
    { client }.read_exact(&mut received).expect("they come");
    received
}

/// Returns whether the client has got something.
fn has_received(client: &net::TcpStream) -> bool {
    client.set_nonblocking(true).expect("an option");
    let peeked = client.peek(&mut [0]);
    client.set_nonblocking(false).expect("an option");
    peeked.is_ok()
}

#[tokio::test]
async fn a_request_that_is_here_is_answered_without_being_waited_for() {
    let (mut tcp, mut client) = connected();
    client.write_all(b"request").expect("there is room");
    let mut request = [0; 100];
    assert_eq!(tcp.read(&mut request).await.expect("it is here"), 7);
    let sent = poll_fn(|cx| tcp.poll_send(cx, b"answer")).await;
    assert_eq!(sent.expect("there is room"), 6);
    assert!(matches!(tcp.state, State::Unwatched(..)), "{tcp:?}");
    assert_eq!(received(&client, 6), b"answer");

    // The next one as well, once others have had their turn.
    client.write_all(b"another").expect("there is room");
    let mut read = Box::pin(tcp.read(&mut request));
    let first = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await;
    assert!(first.is_pending(), "others go first");
    assert_eq!(read.await.expect("it is here"), 7);
    assert!(matches!(tcp.state, State::Unwatched(..)), "{tcp:?}");

    // The one behind that is waited for, though it is here, too.
    client.write_all(b"third").expect("there is room");
    assert_eq!(tcp.read(&mut request).await.expect("it comes"), 5);
    assert!(matches!(tcp.state, State::Watched(_)), "{tcp:?}");
    tcp.write_all(b"and ").await.expect("it is collected");
    let sent = poll_fn(|cx| tcp.poll_send(cx, b"again")).await;
    assert_eq!(sent.expect("there is room"), 5);
    assert_eq!(received(&client, 9), b"and again");
    drop(client);
    assert_eq!(tcp.read(&mut request).await.expect("its end"), 0);
}

#[tokio::test]
async fn a_client_that_has_left_by_its_turn_was_never_waited_for() {
    let (mut tcp, mut client) = connected();
    client.write_all(b"request").expect("there is room");
    let mut request = [0; 100];
    assert_eq!(tcp.read(&mut request).await.expect("it is here"), 7);
    drop(client);
    assert_eq!(tcp.read(&mut request).await.expect("its end"), 0);
    assert!(matches!(tcp.state, State::Unwatched(..)), "{tcp:?}");
}

#[tokio::test]
async fn one_that_comes_later_is_waited_for() {
    let (mut tcp, mut client) = connected();
    let mut request = [0; 100];
    {
        let mut read = std::pin::pin!(tcp.read(&mut request));
        let first = poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await;
        assert!(first.is_pending(), "nothing is here");
        client.write_all(b"request").expect("there is room");
        assert_eq!(read.await.expect("it comes"), 7);
    }
    assert!(matches!(tcp.state, State::Watched(_)), "{tcp:?}");
}

#[tokio::test]
async fn short_writes_are_sent_together() {
    let (mut tcp, client) = connected();
    let pieces = [io::IoSlice::new(b"of "), io::IoSlice::new(b"several")];
    tcp.write_all(b"header ").await.expect("it is collected");
    let written = tcp.write_vectored(&pieces).await.expect("it is collected");
    assert_eq!(written, 10);
    assert!(!has_received(&client));
    tcp.flush().await.expect("there is room");
    assert_eq!(received(&client, 17), b"header of several");
    assert_eq!(tcp.collected.capacity(), 0, "an idle connection holds none");

    // A long one goes behind those before it.
    tcp.write_all(b"before ").await.expect("it is collected");
    tcp.write_all(&[b'x'; COLLECTED])
        .await
        .expect("there is room");
    let all = received(&client, 7 + COLLECTED);
    assert!(all.starts_with(b"before x"), "{}", all.escape_ascii());
    tcp.write_all(&[b'a'; COLLECTED / 2])
        .await
        .expect("it is collected");
    tcp.write_all(&[b'b'; COLLECTED / 2 + 1])
        .await
        .expect("it is collected");
    let pieces = [io::IoSlice::new(&[b'c'; COLLECTED]), io::IoSlice::new(b"d")];
    let written = tcp.write_vectored(&pieces).await.expect("there is room");
    assert_eq!(written, COLLECTED + 1);
    let all = received(&client, 2 * COLLECTED + 2);
    assert!(all.is_sorted(), "in their order");
}

#[tokio::test]
async fn frames_are_sent_together_until_there_are_too_many() {
    let (mut tcp, client) = connected();
    tcp.collect_frames();
    let frame = [b'f'; 1024];
    let most = COLLECTED_FRAMES / frame.len();
    for _ in 0..most {
        tcp.write_all(&frame).await.expect("it is collected");
    }
    assert!(!has_received(&client), "nothing is sent before the flush");
    tcp.write_all(&frame).await.expect("the others are sent");
    assert_eq!(received(&client, COLLECTED_FRAMES).len(), COLLECTED_FRAMES);
    assert!(!has_received(&client), "the last one is collected");
    tcp.flush().await.expect("it is sent");
    assert_eq!(received(&client, frame.len()), frame);
    assert_eq!(tcp.collected.capacity(), 0, "an idle connection holds none");
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    const LENGTH: usize = 16 << 20;
    for size in [100, COLLECTED, 1 << 20] {
        let (mut tcp, mut client) = connected();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).map(|_| all)
        });
        let mut all = vec![0; LENGTH];
        for (at, byte) in all.iter_mut().enumerate() {
            *byte = (at / 7) as u8;
        }
        for piece in all.chunks(size) {
            tcp.write_all(piece).await.expect("the client reads");
        }
        tcp.shutdown().await.expect("it is connected");
        let read = reader.join().expect("no panic").expect("its end");
        assert!(read == all, "in pieces of {size}");
    }
}

#[tokio::test]
async fn the_end_is_sent_once_behind_all_that_was_written() {
    let (mut tcp, mut client) = connected();
    tcp.write_all(b"answer").await.expect("it is collected");
    tcp.shutdown().await.expect("it is connected");
    let mut all = Vec::new();
    client.read_to_end(&mut all).expect("its end");
    assert_eq!(all, b"answer");
    drop(client);
    assert_eq!(tcp.read(&mut [0]).await.expect("its end"), 0);
    // With both sides ended, the system would say that there is no connection.
    tcp.shutdown().await.expect("nothing is left to do");
}

#[tokio::test]
async fn a_connection_that_is_reset_is_an_error_and_does_not_wait() {
    let (mut tcp, client) = connected();
    tcp.write_all(b"unread").await.expect("it is collected");
    tcp.flush().await.expect("there is room");
    // Closed with bytes unread.
    drop(client);
    let read = timeout(Duration::from_secs(10), tcp.read(&mut [0])).await;
    let error = read.expect("it does not wait").expect_err("it was reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_was_not_flushed_does_not_go_because_the_client_is_waited_for() {
    let (mut tcp, client) = connected();
    tcp.write_all(b"header").await.expect("it is collected");
    let read = timeout(Duration::from_millis(1), tcp.read(&mut [0])).await;
    assert!(read.is_err(), "nothing comes");
    assert!(!has_received(&client));
}
