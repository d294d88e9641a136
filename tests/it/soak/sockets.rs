use super::client::in_time;
use super::requests::head;
use super::site::{ORIGIN, Site};
use super::tally::{End, Tally};
use std::sync::Arc;
use std::time::{Duration, Instant};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const MESSAGES: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Opens WebSockets, and holds a conversation on each, with TLS and without.
pub(super) async fn sockets(site: Arc<Site>, tally: Arc<Tally>) {
    for turn in 0.. {
        if !site.goes_on(PAUSE).await {
            return;
        }
        let began = Instant::now();
        tally.note(began, in_time("socket", talk(&site, turn % 2 == 0)).await);
    }
}

async fn talk(site: &Site, is_tls: bool) -> Result<End, String> {
    let mut client = site.connect(is_tls).await?;
    client
        .write(&head("GET", "/sockets", ORIGIN, UPGRADE))
        .await?;
    let head = client.head().await?;
    if head.status != 101 {
        return Err(format!("not switched: {head:?}"));
    }
    for number in 0..MESSAGES {
        let message = format!("message {number}");
        client.write(&frame(&message)).await?;
        let expected = [&[0x81, message.len() as u8], message.as_bytes()].concat();
        let came = client.take(expected.len()).await;
        let came = came.map_err(|error| format!("after {number} messages: {error}"))?;
        if came != expected {
            return Err(format!(
                "{:?} came for {message:?}",
                came.escape_ascii().to_string()
            ));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(End::Answered)
}

/// A short text with its mask: RFC 6455 §5.2.
fn frame(text: &str) -> Vec<u8> {
    let masked = text.bytes().zip(MASK.iter().cycle());
    let masked: Vec<u8> = masked.map(|(byte, mask)| byte ^ mask).collect();
    [&[0x81, 0x80 | text.len() as u8], &MASK[..], &masked].concat()
}
