//! Many clients at once, whose requests share the connections to one upstream: each gets the responses to
//! its own requests, in their order, or none.

use super::answers::{Asked, EVIL, latin1};
use super::client::{End, Heard};
use super::exchange::{Exchange, Reply, Script, Step, Then, When, find_mark};
use super::play::Clients;
use super::twins::{Half, Twins};
use super::upstream::Seen;
use crate::lanes::draft::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

/// Number of clients at a time.
const CLIENTS: usize = 8;
/// Number of connections that each of them makes, one after the other.
const VISITS: usize = 12;
/// Number of times that all of them come.
const ROUNDS: usize = 10;

/// Replies, with `|` for CRLF and `{B}` for the content. `{L}` is its length, also as a chunk's.
const REPLIES: &[(&str, Then)] = &[
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}||{B}{V}",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}|Connection: close||{B}",
        Then::Closes,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||{X}|{B}|0||",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||{X};a|{B}|0|X-Answer: evil||",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 103 Early Hints||HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Keeps,
    ),
    ("HTTP/1.1 200 OK|X-Answer: {M}||{B}", Then::Closes),
    (
        "HTTP/1.0 200 OK|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Closes,
    ),
    ("HTTP/1.1 204 No Content|X-Answer: {M}||", Then::Keeps),
    (
        "HTTP/1.1 204 No Content|X-Answer: {M}|Content-Length: {L}||{B}",
        Then::Keeps,
    ),
    (
        "HTTP/1.1 304 Not Modified|X-Answer: {M}|Content-Length: {L}||",
        Then::Keeps,
    ),
    // Broken in the middle.
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 9{L}||{B}",
        Then::Closes,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||{X}|{B}|",
        Then::Resets,
    ),
    (
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: {L}|Content-Length: 3||{B}",
        Then::Keeps,
    ),
    ("", Then::Closes),
];

/// The deeds of all clients, and what the upstream is to make of them.
struct Round {
    /// Has the scripts, and no steps.
    exchange: Arc<Exchange>,
    /// The visits of each client, with the numbers of the requests.
    clients: Vec<Vec<(Arc<Exchange>, Vec<usize>)>>,
    methods: Vec<&'static str>,
}

#[test]
fn clients_that_share_an_upstream_get_their_own_responses() {
    let twins = Twins::start(0, Clients::Http1);
    for number in 0..ROUNDS {
        let round = Round::new(number);
        for (lane, half) in twins.halves() {
            let (answered, seen) = round.hold(half);
            round.check_requests(&seen);
            let asked = round.methods.len();
            // The others are those whose connection the upstream closed, or whose client has left.
            assert!(
                answered * 2 > asked,
                "{answered} of {asked} were answered in round {number} {lane} the lane"
            );
        }
    }
}

// === impl Round ===

impl Round {
    fn new(number: usize) -> Self {
        let mut rng = Rng::new(0x4352_4f57 + number as u64);
        let (mut scripts, mut methods, mut plans) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..CLIENTS * VISITS {
            let (mut steps, mut indices) = (Vec::new(), Vec::new());
            for _ in 0..1 + rng.below(4) {
                let index = scripts.len();
                let method = rng.pick(&["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"]);
                let path = Exchange::path(number, index);
                let body = if matches!(method, "POST" | "PUT") {
                    "Content-Length: 4|"
                } else {
                    ""
                };
                let content = if body.is_empty() { "" } else { "body" };
                let request = format!("{method} {path} HTTP/1.1|Host: pass.test|{body}|{content}");
                steps.push(Step::Send(latin1(&request.replace('|', "\r\n"))));
                if rng.chance(70) {
                    steps.push(Step::AwaitResponses(indices.len() + 1));
                }
                scripts.push(script(method, &Exchange::mark(number, index), &mut rng));
                methods.push(method);
                indices.push(index);
            }
            steps.push(if rng.chance(80) {
                Step::EndSending
            } else {
                Step::Reset
            });
            plans.push((steps, indices));
        }
        let exchange = Exchange {
            scripts,
            ..Exchange::empty(number)
        };
        let visits = plans.into_iter().map(|(steps, indices)| {
            let visit = Exchange {
                steps,
                ..exchange.clone()
            };
            (Arc::new(visit), indices)
        });
        let visits: Vec<_> = visits.collect();
        Self {
            clients: visits.chunks(VISITS).map(<[_]>::to_vec).collect(),
            exchange: Arc::new(exchange),
            methods,
        }
    }

    /// Lets all clients do what they do; returns the number of responses from the upstream.
    fn hold(&self, half: &Half) -> (usize, Seen) {
        half.upstream().begin(&self.exchange);
        let answered = thread::scope(|scope| {
            let clients = self.clients.iter().map(|visits| {
                scope.spawn(|| {
                    let visits = visits.iter();
                    let answered =
                        visits.map(|(visit, own)| check_responses(&half.visit(visit), own));
                    answered.sum::<usize>()
                })
            });
            let clients: Vec<_> = clients.collect();
            clients
                .into_iter()
                .map(|client| client.join().expect("no panic"))
                .sum()
        });
        (answered, half.upstream().end())
    }

    /// Checks that no request was made up, and that none came more often than it may.
    fn check_requests(&self, seen: &Seen) {
        let mut times: BTreeMap<usize, usize> = BTreeMap::new();
        for request in seen.connections.iter().flat_map(|c| &c.messages) {
            let mark = request.request_mark();
            let (number, index) = mark.unwrap_or_else(|| panic!("nobody sent {request}"));
            assert_eq!(number, self.exchange.number);
            let method = self.methods[index].as_bytes();
            assert!(request.start.starts_with(method), "{request}");
            let has_body = matches!(self.methods[index], "POST" | "PUT");
            let body: &[u8] = if has_body { b"body" } else { b"" };
            assert!(body.starts_with(&request.body), "{request}");
            *times.entry(index).or_default() += 1;
        }
        for (index, times) in times {
            let most = if self.methods[index] == "POST" { 1 } else { 3 };
            assert!(
                times <= most,
                "{} {index} came {times} times",
                self.methods[index]
            );
        }
    }
}

/// Checks that a client got the responses to its own requests; returns how many there were.
fn check_responses(heard: &Heard, own: &[usize]) -> usize {
    let mut left = own.iter();
    let mut answered = 0;
    let messages = heard.messages.messages.iter();
    for response in messages.filter(|message| !message.is_interim()) {
        let next = left.next();
        assert!(
            next.is_some(),
            "one response more than requests: {response}"
        );
        let answer = response.values("x-answer").next();
        let mark = response.response_mark().map(|(_, index)| index);
        assert!(
            answer.is_none() || mark == next.copied(),
            "{next:?} got {response}"
        );
        answered += usize::from(mark.is_some());
        let text = String::from_utf8_lossy(&response.body);
        for part in text.split("answer ").skip(1) {
            let content = find_mark(part).map(|(_, index)| index);
            assert!(content.is_none() || content == mark, "{response}");
        }
        assert!(
            !text.contains("evil") || !response.is_whole || mark.is_none(),
            "{response}"
        );
    }
    assert_ne!(heard.end, End::TimedOut);
    answered
}

fn script(method: &str, mark: &str, rng: &mut Rng) -> Script {
    let (text, then) = REPLIES[rng.below(REPLIES.len())];
    let asked = Asked::plainly(mark);
    let mut content = format!("answer {} ", asked.mark);
    content += &".".repeat(rng.below(3000));
    let is_head = method == "HEAD";
    let (head, sent) = text.rsplit_once("||{").unwrap_or((text, ""));
    let text = match is_head && !sent.is_empty() {
        true => format!("{head}||"),
        false => text.to_owned(),
    };
    let text = text
        .replace("{M}", mark)
        .replace("{L}", &content.len().to_string())
        .replace("{X}", &format!("{:x}", content.len()))
        .replace('|', "\r\n")
        .replace("{B}", &content)
        .replace("{V}", EVIL);
    let reply = Reply {
        when: When::Whole,
        ..Reply::new(latin1(&text), then)
    };
    Script::new(is_head, reply)
}
