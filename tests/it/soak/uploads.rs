use super::check::{has_body, readable};
use super::client::{Answer, exchange, in_time};
use super::requests::head;
use super::site::{HOST, ORIGIN, Site};
use super::tally::{End, Tally};
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(400);
const SIZES: [usize; 5] = [1 << 10, 3 << 20, 60 << 10, 1 << 20, 200 << 10];

/// Uploads that come back, each on a connection of its own, by HTTP/1.1 and HTTP/2 in turn.
pub(super) async fn uploads(site: Arc<Site>, tally: Arc<Tally>) {
    for turn in 0.. {
        if !site.goes_on(PAUSE).await {
            return;
        }
        let body = content(SIZES[turn % SIZES.len()], turn);
        let began = Instant::now();
        let answer = in_time("upload", upload(&site, turn, &body)).await;
        let checked = answer.and_then(|answer| {
            readable(&answer, 200)?;
            // Without the body in the error.
            let is_same = has_body(&answer, &body).is_ok();
            let whole = is_same.then_some(End::Answered);
            whole.ok_or_else(|| format!("{} bytes came back changed", body.len()))
        });
        tally.note(began, checked);
    }
}

/// Bytes that differ along the body, and from turn to turn.
fn content(size: usize, turn: usize) -> Bytes {
    (0..size)
        .map(|at| ((at ^ (at >> 8)) + turn) as u8)
        .collect()
}

async fn upload(site: &Site, turn: usize, body: &Bytes) -> Result<Answer, String> {
    let is_tls = turn % 4 < 2;
    if turn.is_multiple_of(2) {
        let length = format!("Content-Length: {}\r\n", body.len());
        let mut client = site.connect(is_tls).await?;
        client
            .write(&head("POST", "/uploads", ORIGIN, &length))
            .await?;
        return client.exchange(body).await;
    }
    let scheme = if is_tls { "https" } else { "http" };
    let request = http::Request::post(format!("{scheme}://{HOST}/uploads"))
        .header("origin", ORIGIN)
        .header("content-length", body.len());
    exchange(&site.connect_http2(is_tls).await?, request, body.clone()).await
}
