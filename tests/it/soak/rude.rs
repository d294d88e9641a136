use super::client::in_time;
use super::requests::head;
use super::site::{HEADER_TIMEOUT, ORIGIN, Site};
use super::tally::{End, Tally};
use crate::support::{HTTP2_START, frame, kinds};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PAUSE: Duration = Duration::from_millis(80);

/// The way in which a client leaves, when it has said what it has to say.
#[derive(Clone, Copy)]
enum Then {
    /// Nothing: it leaves with a reset.
    Reset,
    /// Nothing: it leaves.
    Leave,
    /// The gateway's own end of the connection, behind an answer that begins like this.
    Answer(&'static [u8]),
}

/// Begins what is not ended, and says what means nothing.
pub(super) async fn rude(site: Arc<Site>, tally: Arc<Tally>) {
    let manners = manners();
    for (is_tls, bytes, then) in manners.iter().cycle() {
        if !site.goes_on(PAUSE).await {
            return;
        }
        let address = if *is_tls { site.tls } else { site.plain };
        let began = Instant::now();
        let ended = in_time("rude client", say(address, bytes, *then)).await;
        tally.note(began, ended);
    }
}

/// Whether it is said to the listener with TLS, the bytes, and what comes then.
fn manners() -> Vec<(bool, Vec<u8>, Then)> {
    let get = head("GET", "/rude/large", ORIGIN, "");
    let post = head("POST", "/rude", ORIGIN, "Content-Length: 1000\r\n");
    let half = get[..get.len() / 2].to_vec();
    let garbage: Vec<u8> = (0..200_u8)
        .map(|byte| byte.wrapping_mul(97) | 0x80)
        .collect();
    // The beginning of a ClientHello, whose rest never comes.
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let frames = frame(kinds::HEADERS, 4, 1, &garbage);
    let opened = frame(kinds::HEADERS, 4, 1, b"\x82\x86\x84\x41\x06a.test");
    let reset = frame(kinds::RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    vec![
        (false, Vec::new(), Then::Reset),
        (false, half.clone(), Then::Reset),
        (false, half, Then::Leave),
        (false, [post.clone(), b"abc".to_vec()].concat(), Then::Reset),
        (false, [post, b"abc".to_vec()].concat(), Then::Leave),
        (false, get.clone(), Then::Reset),
        (false, get, Then::Leave),
        (false, garbage.clone(), Then::Answer(b"HTTP/1.1 400 ")),
        (
            false,
            [HTTP2_START, &garbage].concat(),
            Then::Answer(b"\0\0"),
        ),
        (
            false,
            [HTTP2_START, &frames].concat(),
            Then::Answer(b"\0\0"),
        ),
        (false, [HTTP2_START, &opened, &reset].concat(), Then::Reset),
        (true, Vec::new(), Then::Reset),
        (true, hello.clone(), Then::Reset),
        (true, hello, Then::Leave),
        // A fatal alert: RFC 8446 §6.
        (true, garbage, Then::Answer(b"\x15\x03")),
        (
            true,
            b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".to_vec(),
            Then::Answer(b""),
        ),
    ]
}

async fn say(address: SocketAddr, bytes: &[u8], then: Then) -> Result<End, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).await.map_err(text)?;
    stream.write_all(bytes).await.map_err(text)?;
    match then {
        Then::Leave => {}
        Then::Reset => {
            let socket = socket2::SockRef::from(&stream);
            socket.set_linger(Some(Duration::ZERO)).map_err(text)?;
        }
        Then::Answer(begin) => {
            let mut came = Vec::new();
            // A reset is an end, too.
            let _ = stream.read_to_end(&mut came).await;
            if !came.starts_with(begin) {
                return Err(format!(
                    "{:?} was answered with {:?}",
                    bytes.escape_ascii().to_string(),
                    came.escape_ascii().to_string()
                ));
            }
        }
    }
    Ok(End::Provoked)
}

/// Begins headers that do not come to their end in time.
pub(super) async fn late(site: Arc<Site>, tally: Arc<Tally>) {
    while site.goes_on(HEADER_TIMEOUT / 2).await {
        let began = Instant::now();
        let answer = in_time(
            "late header",
            say(site.plain, b"GET /rude", Then::Answer(b"HTTP/1.1 408 ")),
        )
        .await;
        let waited = began.elapsed();
        let in_time = answer.and_then(|end| match waited >= HEADER_TIMEOUT - PAUSE {
            true => Ok(end),
            false => Err(format!("given up after {waited:?}")),
        });
        tally.note(began, in_time);
    }
}
