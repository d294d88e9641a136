use super::backend::{EVENTS, event};
use super::check::readable;
use super::client::{Answer, in_time};
use super::requests::head;
use super::site::{ORIGIN, Site};
use super::tally::{End, Tally};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Reads streams of events, each to its end, with TLS and without.
pub(super) async fn events(site: Arc<Site>, tally: Arc<Tally>) {
    for turn in 0.. {
        if !site.goes_on(Duration::from_millis(100)).await {
            return;
        }
        let began = Instant::now();
        tally.note(began, in_time("events", stream(&site, turn % 2 == 0)).await);
    }
}

async fn stream(site: &Site, is_tls: bool) -> Result<End, String> {
    let mut client = site.connect(is_tls).await?;
    let get = head("GET", "/events", ORIGIN, "Accept: text/event-stream\r\n");
    client.write(&get).await?;
    let head = client.head().await?;
    let answer = Answer {
        head,
        body: Vec::new(),
    };
    readable(&answer, 200)?;
    let mut come = Vec::new();
    let mut number = 0;
    // Chunks may be cut anew on the way.
    while let Some(chunk) = client.chunk().await? {
        come.extend(chunk);
        while number < EVENTS && come.starts_with(event(number).as_bytes()) {
            come.drain(..event(number).len());
            number += 1;
        }
    }
    match (number, come.is_empty()) {
        (EVENTS, true) => Ok(End::Answered),
        _ => Err(format!(
            "{number} events in order, then {:?}",
            come.escape_ascii().to_string()
        )),
    }
}
