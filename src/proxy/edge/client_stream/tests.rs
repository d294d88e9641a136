//! The stream over a pipe, in a time that passes only while all wait.

use super::*;
use tokio::io::{AsyncReadExt, duplex};
use tokio::time::sleep;

const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let (ours, theirs) = duplex(64);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    let started = Instant::now();
    let error = stream
        .write_all(&[0; 65])
        .await
        .expect_err("the client does not read");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_slowly_is_not() {
    let (ours, mut theirs) = duplex(64);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    let reader = tokio::spawn(async move {
        for _ in 0..10 {
            sleep(WRITE_TIMEOUT / 2).await;
            theirs.read_exact(&mut [0; 64]).await.expect("it comes");
        }
    });
    stream.write_all(&[0; 640]).await.expect("the client reads");
    reader.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_the_client_and_not_for_ever() {
    let (ours, mut theirs) = duplex(64);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    let started = Instant::now();
    let (closed, sent) = tokio::join!(AsyncWriteExt::shutdown(&mut stream), async {
        // All of it is taken, though the gateway has no use for it.
        theirs.write_all(&[0; 1000]).await
    });
    closed.expect("closed");
    sent.expect("taken");
    assert_eq!(started.elapsed().as_secs(), LINGER.as_secs());
    drop(theirs);
}

/// Returns what is read of a connection on which `sent` comes, in reads of `size` bytes, and whether
/// that ends with an error.
async fn read(framing: Framing, sent: &[u8], size: usize) -> (Vec<u8>, bool) {
    let (ours, mut theirs) = duplex(1024);
    theirs.write_all(sent).await.expect("there is room");
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    stream.start_request(framing, BytesMut::new(), BODY_TIMEOUT);
    let mut all = Vec::new();
    let mut piece = vec![0; size];
    loop {
        let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut piece)).await;
        let Ok(Ok(n @ 1..)) = read else {
            return (all, matches!(read, Ok(Err(_))));
        };
        all.extend_from_slice(&piece[..n]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_to_its_end_and_no_further() {
    let chunked = b"4\r\n\r\n\r\n\r\n1\r\na\r\n0\r\n\r\n";
    for size in 1..=40 {
        let behind = [chunked, b"GET / HTTP/1.1\r\n\r\n".as_slice()].concat();
        for (framing, expected) in [
            (Framing::Chunked, chunked.as_slice()),
            (Framing::Length(7), &chunked[..7]),
            (Framing::Length(0), b""),
            (Framing::Unstated, b""),
        ] {
            let (body, is_error) = read(framing, &behind, size).await;
            assert_eq!(body, expected, "{framing:?} in reads of {size}");
            assert!(!is_error);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_chunk_is_an_error_and_is_not_passed_on() {
    for size in 1..=40 {
        let sent = b"3\r\nabc\r\n3;\0\r\nabc\r\n0\r\n\r\n";
        let (body, is_error) = read(Framing::Chunked, sent, size).await;
        assert!(body.starts_with(b"3\r\nabc\r\n"), "in reads of {size}");
        assert!(body.len() <= 10, "in reads of {size}");
        assert!(is_error);
    }
}

/// A client that sends nothing, whose request waits for its upstream.
fn waiting() -> (ClientStream, tokio::io::DuplexStream) {
    let (ours, theirs) = duplex(1024);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    stream.start_request(Framing::Unstated, BytesMut::new(), BODY_TIMEOUT);
    (stream, theirs)
}

/// Returns the seconds after which reading from a client fails because its upstream is late.
async fn late_after(stream: &mut ClientStream) -> u64 {
    let started = Instant::now();
    let read = tokio::time::timeout(Duration::from_secs(300), stream.read(&mut [0])).await;
    let error = read.expect("it ends").expect_err("nothing comes");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(stream.is_upstream_late());
    started.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_its_upstream_and_not_for_ever() {
    const SECOND: Duration = Duration::from_secs(1);
    let (mut stream, _client) = waiting();
    stream.await_header(Instant::now() + 30 * SECOND);
    assert_eq!(late_after(&mut stream).await, 30);

    // An interim response is written to the client, and changes nothing.
    let (mut stream, _client) = waiting();
    stream.await_header(Instant::now() + 30 * SECOND);
    sleep(20 * SECOND).await;
    stream.write_all(b"103").await.expect("there is room");
    assert_eq!(late_after(&mut stream).await, 10);

    // Content is waited for piece by piece, however it is written.
    for is_vectored in [false, true] {
        let (mut stream, _client) = waiting();
        stream.await_content(30 * SECOND, 30 * SECOND);
        sleep(20 * SECOND).await;
        let piece = [io::IoSlice::new(b"pie"), io::IoSlice::new(b"ce")];
        let written = match is_vectored {
            true => stream.write_vectored(&piece).await,
            false => stream.write(b"piece").await,
        };
        assert_eq!(written.expect("there is room"), 5);
        assert_eq!(late_after(&mut stream).await, 30);
    }

    // A client that ends its side may be gone, and does not keep an event stream for as long.
    let (mut stream, mut client) = waiting();
    stream.await_content(300 * SECOND, 30 * SECOND);
    let waited = tokio::time::timeout(20 * SECOND, stream.read(&mut [0])).await;
    assert!(waited.is_err(), "it is not late yet");
    AsyncWriteExt::shutdown(&mut client)
        .await
        .expect("it is connected");
    assert_eq!(late_after(&mut stream).await, 30);

    // One that takes nothing is not the upstream's fault.
    let (ours, _theirs) = duplex(64);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), 300 * SECOND);
    stream.start_request(Framing::Unstated, BytesMut::new(), BODY_TIMEOUT);
    stream.await_content(30 * SECOND, 30 * SECOND);
    let sent = tokio::time::timeout(SECOND, stream.write_all(&[0; 65])).await;
    assert!(sent.is_err(), "there is no room");
    let waited = tokio::time::timeout(200 * SECOND, stream.read(&mut [0])).await;
    assert!(waited.is_err() && !stream.is_upstream_late());

    // A client that has ended its side waits no longer than any other.
    let (mut stream, mut client) = waiting();
    AsyncWriteExt::shutdown(&mut client)
        .await
        .expect("it is connected");
    stream.await_header(Instant::now() + 30 * SECOND);
    assert_eq!(late_after(&mut stream).await, 30);

    // In a tunnel, and with the next request, there is no end.
    for stop in [
        |stream: &mut ClientStream| stream.end_http(),
        |stream: &mut ClientStream| {
            stream.start_request(Framing::Unstated, BytesMut::new(), BODY_TIMEOUT);
        },
    ] {
        let (mut stream, _client) = waiting();
        stream.await_header(Instant::now() + 30 * SECOND);
        let waited = tokio::time::timeout(SECOND, stream.read(&mut [0])).await;
        assert!(waited.is_err(), "it is not late yet");
        stop(&mut stream);
        let waited = tokio::time::timeout(300 * SECOND, stream.read(&mut [0])).await;
        assert!(waited.is_err() && !stream.is_upstream_late());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_pause_in_its_body_and_not_for_ever() {
    const SECOND: Duration = Duration::from_secs(1);
    let (ours, mut theirs) = duplex(1024);
    let mut stream = ClientStream::plain(Tcp::pipe(ours), WRITE_TIMEOUT);
    stream.start_request(Framing::Length(100), BytesMut::new(), 10 * SECOND);
    let mut piece = [0; 5];

    // Each pause has its own time.
    for _ in 0..3 {
        let (read, ()) = tokio::join!(stream.read(&mut piece), async {
            sleep(9 * SECOND).await;
            theirs.write_all(b"piece").await.expect("there is room");
        });
        assert_eq!(read.expect("it comes"), 5);
    }

    // For as long as pingora does not read, it is not the client that is waited for.
    sleep(60 * SECOND).await;
    theirs.write_all(b"piece").await.expect("there is room");
    assert_eq!(stream.read(&mut piece).await.expect("it is here"), 5);

    // The client waits for the upstream's word, or takes the response.
    stream.await_header(Instant::now() + 60 * SECOND);
    let waited = tokio::time::timeout(30 * SECOND, stream.read(&mut piece)).await;
    assert!(waited.is_err(), "it is not late yet");
    stream.await_content(60 * SECOND, 60 * SECOND);
    for _ in 0..3 {
        let waited = tokio::time::timeout(9 * SECOND, stream.read(&mut piece)).await;
        assert!(waited.is_err(), "it is not late yet");
        stream.write_all(b"piece").await.expect("there is room");
    }

    let began = Instant::now();
    let error = stream.read(&mut piece).await.expect_err("nothing comes");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(began.elapsed(), 10 * SECOND);
    assert!(stream.is_body_late() && !stream.is_upstream_late());
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_has_no_body_that_could_pause() {
    let (mut stream, _client) = waiting();
    stream.end_http();
    let waited = tokio::time::timeout(BODY_TIMEOUT * 10, stream.read(&mut [0])).await;
    assert!(waited.is_err(), "it is silent");
}
