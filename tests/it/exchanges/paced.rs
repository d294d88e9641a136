//! Exchanges in which it matters who goes first: words that a client waits for, responses that overtake
//! their requests, clients that leave. Each side waits for the other where a test can't tell otherwise.

use super::answers::{Asked, EVIL, good, latin1};
use super::exchange::{Exchange, Reply, Script, Step, Then, When};
use super::generate::Builder;
use crate::lanes::draft::Rng;

const HOSTS: &str = "exact.test¦any.test¦pass.test¦off.test¦fill.test¦once.test¦edited.test";
const METHODS: &str = "POST¦POST¦PUT¦PATCH¦DELETE¦GET";
const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// A request whose body comes in its time.
struct Upload {
    head: Vec<u8>,
    /// Parts of the body as they are sent, each with the length of what has been sent of the body then.
    parts: Vec<(Vec<u8>, usize)>,
}

/// The exchange of that number.
pub(super) fn exchange(number: usize, rng: &mut Rng) -> Exchange {
    match rng.below(100) {
        0..25 => expecting(number, rng),
        25..50 => overtaken(number, rng),
        50..70 => cut_off(number, rng),
        70..82 => left(number, rng),
        82..92 => greeted(number, rng),
        92 => silent(number, rng),
        _ => half_closed(number, rng),
    }
}

/// A client that waits for the upstream's word before it sends the body.
fn expecting(number: usize, rng: &mut Rng) -> Exchange {
    let expect = rng.word("Expect: 100-continue¦Expect: 100-continue¦expect: 100-Continue");
    let is_waiting = rng.chance(50);
    // RFC 9110 §10.1.1: an HTTP/1.0 client gets no such word.
    let upload = Upload::new(number, expect, !is_waiting, rng);
    let interim = rng.word(
        "HTTP/1.1 100 Continue||¦HTTP/1.1 100 Continue|X-A: 1|Content-Length: 0||¦HTTP/1.1 103 X||¦\
         HTTP/1.1 102 Processing||HTTP/1.1 100 Continue||",
    );
    let mut reply = good_reply(number);
    let mut builder = Builder::new(number);
    builder.push(&upload.head);
    builder.flush();
    match rng.below(2) {
        // It gets the word.
        _ if is_waiting => {
            reply.when = When::HeadAndWhole;
            reply
                .pieces
                .insert(0, latin1(&interim.replace('|', "\r\n")));
            builder.step(Step::AwaitHeads(1));
        }
        // It sends without waiting.
        0 => {}
        // It gets the response at once, and sends the body all the same.
        _ => {
            reply.when = When::Head;
            builder.step(Step::AwaitResponses(1));
        }
    }
    builder.push(&upload.body());
    builder.script(Script::new(false, reply));
    builder.flush();
    builder.step(Step::AwaitResponses(1));
    builder.finish_with_sentinel()
}

/// A response that comes before the request is whole.
fn overtaken(number: usize, rng: &mut Rng) -> Exchange {
    let upload = Upload::new(number, "", false, rng);
    let mark = Exchange::mark(number, 0);
    let response = rng.word(
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 6||answer¦\
         HTTP/1.1 413 Content Too Large|X-Answer: {M}|Connection: close|Content-Length: 0||¦\
         HTTP/1.1 401 Unauthorized|X-Answer: {M}|Transfer-Encoding: chunked||6|answer|0||¦\
         HTTP/1.1 204 No Content|X-Answer: {M}||¦\
         HTTP/1.1 303 See Other|X-Answer: {M}|Content-Length: 0|Connection: keep-alive||",
    );
    let response = latin1(&response.replace('|', "\r\n").replace("{M}", &mark));
    let (first, rest) = upload.split();
    let mut builder = Builder::new(number);
    builder.push(&upload.head);
    builder.push(first.0);
    builder.script(Script::new(
        false,
        Reply {
            when: When::Head,
            pieces: vec![response],
            then: Then::Keeps,
            is_inexact: false,
        },
    ));
    builder.flush();
    builder.step(Step::AwaitResponses(1));
    match rng.below(4) {
        0 | 1 => {
            builder.push(&rest);
            builder.finish_with_sentinel()
        }
        2 => builder.finish(&[Step::EndSending, Step::AwaitLeft]),
        _ => builder.finish(&[Step::Reset, Step::AwaitLeft]),
    }
}

/// A client that ends in the middle of a body.
fn cut_off(number: usize, rng: &mut Rng) -> Exchange {
    let upload = Upload::new(number, "", true, rng);
    let (first, _) = upload.split();
    let mut builder = Builder::new(number);
    builder.push(&upload.head);
    builder.push(first.0);
    builder.script(Script::new(false, good_reply(number)));
    builder.flush();
    builder.step(Step::AwaitAsked(0, first.1));
    let end = match rng.chance(50) {
        true => Step::EndSending,
        false => Step::Reset,
    };
    builder.finish(&[end, Step::AwaitLeft])
}

/// A client that leaves while it waits for the response, or for the rest of it.
fn left(number: usize, rng: &mut Rng) -> Exchange {
    let mut builder = Builder::new(number);
    let mark = Exchange::mark(number, 0);
    let (path, host) = (Exchange::path(number, 0), rng.word(HOSTS));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    builder.push(request.as_bytes());
    let head = format!(
        "HTTP/1.1 200 OK\r\nX-Answer: {mark}\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nanswer\r\n"
    );
    let (bytes, wait) = match rng.below(3) {
        0 => (String::new(), Step::AwaitAsked(0, 0)),
        1 => (INTERIM.to_owned(), Step::AwaitHeads(1)),
        _ => (head, Step::AwaitContent("answer".len())),
    };
    // The upstream has more to say, and would say it on a connection that it keeps.
    builder.script(Script::new(false, Reply::new(bytes, Then::Keeps)));
    builder.flush();
    builder.finish(&[wait, Step::Reset, Step::AwaitLeft])
}

/// An upstream that speaks first: nothing that it says before a request came is an answer.
fn greeted(number: usize, rng: &mut Rng) -> Exchange {
    let greeting = rng.word(
        "HTTP/1.1 408 Request Timeout|Connection: close|Content-Length: 0||¦||¦x¦HTTP/1.1 200 OK|¦\
         HTTP/1.1 100 Continue||¦220 mail.test ESMTP|",
    );
    let mut builder = Builder::new(number);
    builder.greeting(latin1(&greeting.replace('|', "\r\n")));
    let (path, host, method) = (
        Exchange::path(number, 0),
        rng.word(HOSTS),
        rng.word(METHODS),
    );
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    builder.push(request.as_bytes());
    let mut reply = good_reply(number);
    if rng.chance(30) {
        reply.pieces[0].extend_from_slice(EVIL.as_bytes());
    }
    builder.script(Script::new(false, reply));
    builder.flush();
    builder.finish(&[Step::AwaitResponses(1), Step::EndSending])
}

/// An upstream that stops in the middle: the route's time-out ends it.
fn silent(number: usize, rng: &mut Rng) -> Exchange {
    let mark = Exchange::mark(number, 0);
    let said = rng.word(
        "¦H¦HTTP/1.1 200 OK|X-Answer: {M}|¦HTTP/1.1 100 Continue||¦\
         HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 10||hello¦\
         HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||5|hello|",
    );
    let said = latin1(&said.replace('|', "\r\n").replace("{M}", &mark));
    let (path, method) = (Exchange::path(number, 0), rng.word("GET¦PUT¦POST"));
    let mut builder = Builder::new(number);
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: slow.test\r\nContent-Length: 0\r\n\r\n");
    builder.push(request.as_bytes());
    builder.script(Script::new(false, Reply::new(said, Then::Keeps)));
    builder.flush();
    builder.step(Step::AwaitResponses(1));
    builder.finish_with_sentinel()
}

/// A client that has sent its last request, and says so.
fn half_closed(number: usize, rng: &mut Rng) -> Exchange {
    let mut builder = Builder::new(number);
    for index in 0..1 + rng.below(2) {
        let (path, host) = (Exchange::path(number, index), rng.word(HOSTS));
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        builder.push(request.as_bytes());
        let mark = Exchange::mark(number, index);
        builder.script(Script::new(false, good(Asked::plainly(&mark))));
    }
    builder.flush();
    builder.finish(&[Step::EndSending])
}

fn good_reply(number: usize) -> Reply {
    good(Asked::plainly(&Exchange::mark(number, 0)))
}

// === impl Upload ===

impl Upload {
    fn new(number: usize, field: &str, may_be_old: bool, rng: &mut Rng) -> Self {
        let (method, host) = (rng.word(METHODS), rng.word(HOSTS));
        let path = Exchange::path(number, 0);
        let is_old = may_be_old && rng.chance(10);
        let version = if is_old { "HTTP/1.0" } else { "HTTP/1.1" };
        let is_chunked = version == "HTTP/1.1" && rng.chance(50);
        let lengths = [1 + rng.below(40), 1 + rng.below(40), 1 + rng.below(3000)];
        let framing = match is_chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {}", lengths.iter().sum::<usize>()),
        };
        let field = if field.is_empty() {
            String::new()
        } else {
            format!("{field}\r\n")
        };
        let mut sent = 0;
        let parts = lengths.iter().map(|&length| {
            sent += length;
            let data = "b".repeat(length);
            let part = if is_chunked {
                format!("{length:x}\r\n{data}\r\n")
            } else {
                data
            };
            (part.into_bytes(), sent)
        });
        let mut parts: Vec<_> = parts.collect();
        if is_chunked {
            parts.push((b"0\r\n\r\n".to_vec(), sent));
        }
        let head = format!("{method} {path} {version}\r\nHost: {host}\r\n{field}{framing}\r\n\r\n");
        Self {
            head: head.into_bytes(),
            parts,
        }
    }

    fn body(&self) -> Vec<u8> {
        self.parts
            .iter()
            .flat_map(|(bytes, _)| bytes.clone())
            .collect()
    }

    /// The first part, with what it has of the body, and the rest.
    fn split(&self) -> ((&[u8], usize), Vec<u8>) {
        let (bytes, length) = &self.parts[0];
        let rest = self.parts[1..].iter().flat_map(|(bytes, _)| bytes.clone());
        ((bytes, *length), rest.collect())
    }
}
