use super::check::readable;
use super::client::{Answer, exchange, in_time};
use super::requests::head;
use super::site::{HOST, ORIGIN, Site};
use super::tally::{End, Tally};
use crate::grpc::service::note;
use bytes::Bytes;
use prost::Message as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(150);
const TYPE: &str = "application/grpc-web+proto";
/// Messages of a stream.
const COUNT: u32 = 5;

/// Makes calls of one message and of several, by HTTP/1.1 and HTTP/2 in turn.
pub(super) async fn calls(site: Arc<Site>, tally: Arc<Tally>) {
    for turn in 0.. {
        if !site.goes_on(PAUSE).await {
            return;
        }
        let began = Instant::now();
        let is_stream = turn % 4 < 2;
        let answer = in_time("call", call(&site, turn % 2 == 0, is_stream)).await;
        tally.note(began, answer.and_then(|answer| check(&answer, is_stream)));
    }
}

/// A message with the prefix that frames it.
fn framed(text: &str, number: u32) -> Vec<u8> {
    let message = note(text, number).encode_to_vec();
    let length = (message.len() as u32).to_be_bytes();
    [&[0], &length[..], &message].concat()
}

async fn call(site: &Site, is_http1: bool, is_stream: bool) -> Result<Answer, String> {
    let path = format!("/test.Notes/{}", if is_stream { "Count" } else { "Say" });
    let message = framed("hello", COUNT);
    if is_http1 {
        let fields = format!(
            "Content-Type: {TYPE}\r\nContent-Length: {}\r\n",
            message.len()
        );
        let request = [head("POST", &path, ORIGIN, &fields), message].concat();
        return site.connect(false).await?.exchange(&request).await;
    }
    let request = http::Request::post(format!("https://{HOST}{path}"))
        .header("origin", ORIGIN)
        .header("content-type", TYPE);
    exchange(
        &site.connect_http2(true).await?,
        request,
        Bytes::from(message),
    )
    .await
}

fn check(answer: &Answer, is_stream: bool) -> Result<End, String> {
    readable(answer, 200)?;
    let messages = match is_stream {
        true => (0..COUNT)
            .flat_map(|number| framed("hello", number))
            .collect(),
        false => framed("hello", COUNT),
    };
    let trailers = answer.body.strip_prefix(messages.as_slice());
    let trailers = trailers.filter(|trailers| trailers.first() == Some(&0x80));
    let status = trailers.map(|trailers| String::from_utf8_lossy(trailers).into_owned());
    match status {
        Some(status)
            if status.contains("grpc-status: 0\r\n") || status.contains("grpc-status:0\r\n") =>
        {
            Ok(End::Answered)
        }
        _ => Err(format!("not the answer: {}", answer.body.escape_ascii())),
    }
}
