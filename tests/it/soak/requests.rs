use super::check::{has_body, preflight, readable, unreadable};
use super::client::{Answer, Http1, exchange, in_time};
use super::site::{FOREIGN, HOST, ORIGIN, Site};
use super::tally::{End, Tally};
use bytes::Bytes;
use h2::client::SendRequest;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(60);
/// Requests that a client sends on one connection.
const KEPT: usize = 40;

/// The header of a request by HTTP/1.1.
pub(super) fn head(method: &str, path: &str, origin: &str, fields: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\n{fields}\r\n").into()
}

const ANNOUNCED: &str = "Access-Control-Request-Method: PUT\r\n";

/// Judges an answer.
type Check<'c> = &'c (dyn Fn(&Answer) -> Result<End, String> + Sync);

/// Asks one request after the other by HTTP/1.1, on connections that are kept for a while.
async fn one_by_one(site: &Site, tally: &Tally, is_tls: bool, requests: &[(Vec<u8>, Check<'_>)]) {
    let mut client = Client::new(is_tls);
    let mut requests = requests.iter().cycle();
    while site.goes_on(PAUSE).await {
        if let Some((request, check)) = requests.next() {
            let began = Instant::now();
            let answer = in_time(tally.name, client.exchange(site, request)).await;
            tally.note(began, answer.and_then(|answer| check(&answer)));
        }
    }
}

/// A client of HTTP/1.1, which connects again now and then, and after an error.
struct Client {
    is_tls: bool,
    connection: Option<Http1>,
    sent: usize,
}

impl Client {
    fn new(is_tls: bool) -> Self {
        Self {
            is_tls,
            connection: None,
            sent: 0,
        }
    }

    async fn exchange(&mut self, site: &Site, request: &[u8]) -> Result<Answer, String> {
        self.sent += 1;
        let kept = self
            .connection
            .take()
            .filter(|_| !self.sent.is_multiple_of(KEPT));
        let mut connection = match kept {
            Some(connection) => connection,
            None => site.connect(self.is_tls).await?,
        };
        let answer = connection.exchange(request).await?;
        let is_last = answer.head.get("connection").as_deref() == Some("close");
        self.connection = (!is_last).then_some(connection);
        Ok(answer)
    }
}

fn answered(checked: Result<(), String>) -> Result<End, String> {
    checked.map(|()| End::Answered)
}

fn provoked(checked: Result<(), String>) -> Result<End, String> {
    checked.map(|()| End::Provoked)
}

fn hello(answer: &Answer) -> Result<End, String> {
    readable(answer, 200)?;
    answered(has_body(answer, b"hello"))
}

/// Preflights and GETs, with TLS or without.
pub(super) async fn http1(site: Arc<Site>, tally: Arc<Tally>, is_tls: bool) {
    let path = format!("/{}", tally.name);
    let allowed = |answer: &Answer| answered(preflight(answer).map(drop));
    // Its body, however short, takes it the long way, through pingora.
    let long = format!("{ANNOUNCED}Content-Length: 0\r\n");
    one_by_one(
        &site,
        &tally,
        is_tls,
        &[
            (head("OPTIONS", &path, ORIGIN, ANNOUNCED), &allowed),
            (head("GET", &path, ORIGIN, ""), &hello),
            (head("OPTIONS", &path, ORIGIN, &long), &allowed),
        ],
    )
    .await;
}

/// Preflights and GETs of an origin that is not allowed.
pub(super) async fn rejected(site: Arc<Site>, tally: Arc<Tally>) {
    let refused = |answer: &Answer| provoked(unreadable(answer, 403));
    let denied = |answer: &Answer| {
        unreadable(answer, 200)?;
        provoked(has_body(answer, b"hello"))
    };
    one_by_one(
        &site,
        &tally,
        false,
        &[
            (head("OPTIONS", "/rejected", FOREIGN, ANNOUNCED), &refused),
            (head("GET", "/rejected", FOREIGN, ""), &denied),
        ],
    )
    .await;
}

/// Bursts beyond a rate, the end of which is refused.
pub(super) async fn limited(site: Arc<Site>, tally: Arc<Tally>) {
    let get = head("GET", "/limited", ORIGIN, "");
    let mut client = Client::new(false);
    while site.goes_on(Duration::from_secs(1)).await {
        for _ in 0..14 {
            let began = Instant::now();
            let answer = in_time("limited", client.exchange(&site, &get)).await;
            tally.note(began, answer.and_then(|answer| within_rate(&answer)));
        }
    }
}

fn within_rate(answer: &Answer) -> Result<End, String> {
    match answer.head.get("retry-after") {
        Some(_) => provoked(readable(answer, 429)),
        None => hello(answer),
    }
}

/// GETs to an upstream with TLS, or to one that has an endpoint which lives.
pub(super) async fn gets(site: Arc<Site>, tally: Arc<Tally>) {
    let path = format!("/{}", tally.name);
    let well = |answer: &Answer| answered(readable(answer, 200));
    one_by_one(
        &site,
        &tally,
        false,
        &[(head("GET", &path, ORIGIN, ""), &well)],
    )
    .await;
}

/// GETs to an upstream that comes and goes: its errors are readable as well.
pub(super) async fn flapping(site: Arc<Site>, tally: Arc<Tally>) {
    let well = |answer: &Answer| match answer.head.status {
        status @ (502 | 503) => provoked(readable(answer, status)),
        _ => hello(answer),
    };
    let get = head("GET", "/flapping", ORIGIN, "");
    one_by_one(&site, &tally, false, &[(get, &well)]).await;
}

/// Preflights and GETs by HTTP/2, several at once.
pub(super) async fn http2(site: Arc<Site>, tally: Arc<Tally>, is_tls: bool) {
    while site.is_on() {
        let began = Instant::now();
        match in_time("http2", site.connect_http2(is_tls)).await {
            Ok(sender) => at_once(&site, &tally, is_tls, &sender).await,
            Err(error) => tally.note(began, Err(error)),
        }
    }
}

async fn at_once(site: &Site, tally: &Tally, is_tls: bool, sender: &SendRequest<Bytes>) {
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        if !site.goes_on(4 * PAUSE).await {
            return;
        }
        let (first, second) = (
            asks(tally, is_tls, sender, true),
            asks(tally, is_tls, sender, true),
        );
        let (third, fourth) = (
            asks(tally, is_tls, sender, false),
            asks(tally, is_tls, sender, false),
        );
        tokio::join!(first, second, third, fourth);
    }
}

async fn asks(tally: &Tally, is_tls: bool, sender: &SendRequest<Bytes>, is_preflight: bool) {
    let began = Instant::now();
    let scheme = if is_tls { "https" } else { "http" };
    let mut request = http::Request::builder()
        .uri(format!("{scheme}://{HOST}/http2"))
        .header("origin", ORIGIN);
    if is_preflight {
        request = request.method("OPTIONS");
        request = request.header("access-control-request-method", "PUT");
    }
    let answer = in_time("http2", exchange(sender, request, Bytes::new())).await;
    let checked = answer.and_then(|answer| match is_preflight {
        true => answered(preflight(&answer).map(drop)),
        false => hello(&answer),
    });
    tally.note(began, checked);
}
