use super::backend::LARGE;
use super::check::{has_body, readable};
use super::client::{Answer, in_time};
use super::requests::head;
use super::site::{ORIGIN, Site};
use super::tally::{End, Tally};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two bytes: a header comes within a fraction of its time-out.
const DRIP: Duration = Duration::from_millis(10);
/// Bytes of the large response that are read at once, and the time between.
const SIP: (usize, Duration) = (8 << 10, Duration::from_millis(20));

/// Sends headers and bodies a byte at a time, and reads large responses sip by sip.
pub(super) async fn slow(site: Arc<Site>, tally: Arc<Tally>) {
    for turn in 0.. {
        if !site.goes_on(DRIP).await {
            return;
        }
        let began = Instant::now();
        let is_tls = turn % 2 == 0;
        let ended = match turn % 3 {
            0 => in_time("slow header", header(&site, is_tls)).await,
            1 => in_time("slow body", body(&site, is_tls)).await,
            _ => in_time("slow reader", reader(&site, is_tls)).await,
        };
        tally.note(began, ended);
    }
}

async fn header(site: &Site, is_tls: bool) -> Result<End, String> {
    let mut client = site.connect(is_tls).await?;
    let request = head("GET", "/slow", ORIGIN, "");
    let (last, first) = request.split_last().ok_or("a request")?;
    for byte in first {
        client.write(&[*byte]).await?;
        tokio::time::sleep(DRIP).await;
    }
    let answer = client.exchange(&[*last]).await?;
    readable(&answer, 200)?;
    has_body(&answer, b"hello").map(|()| End::Answered)
}

async fn body(site: &Site, is_tls: bool) -> Result<End, String> {
    let mut client = site.connect(is_tls).await?;
    let request = head("POST", "/slow", ORIGIN, "Content-Length: 50\r\n");
    client.write(&request).await?;
    for _ in 0..49 {
        client.write(b"y").await?;
        tokio::time::sleep(DRIP).await;
    }
    let answer = client.exchange(b"y").await?;
    readable(&answer, 200)?;
    has_body(&answer, &[b'y'; 50]).map(|()| End::Answered)
}

async fn reader(site: &Site, is_tls: bool) -> Result<End, String> {
    let mut client = site.connect(is_tls).await?;
    client
        .write(&head("GET", "/slow/large", ORIGIN, ""))
        .await?;
    let head = client.head().await?;
    let answer = Answer {
        head,
        body: Vec::new(),
    };
    readable(&answer, 200)?;
    let mut read = 0;
    while read < LARGE {
        let (most, pause) = SIP;
        match client.some(most).await?.len() {
            0 => return Err(format!("{read} bytes of {LARGE}")),
            length => read += length,
        }
        tokio::time::sleep(pause).await;
    }
    Ok(End::Answered)
}
