//! Responses that end at every byte, by a close or by a reset, or that come in two pieces cut there.

use super::answers::latin1;
use super::exchange::{Exchange, Reply, Script, Step, Then, When};
use super::generate::Builder;

/// Requests, with their responses: `|` stands for CRLF, `{M}` for the mark, as in the other files.
const CASES: &[(&str, &str)] = &[
    (
        "GET",
        "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 5||hello",
    ),
    (
        "POST",
        "HTTP/1.1 201 Created|X-Answer: {M}|Transfer-Encoding: chunked||3;a=b|hel|2|lo|0|X-Sum: 1||",
    ),
    ("GET", "HTTP/1.0 200 OK|X-Answer: {M}||hello"),
    ("HEAD", "HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 5||"),
    (
        "GET",
        "HTTP/1.1 204 No Content|X-Answer: {M}|Set-Cookie: a=b||",
    ),
    (
        "GET",
        "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok",
    ),
    (
        "PUT",
        "HTTP/1.1 100 Continue||HTTP/1.1 200|x-answer: {M}|Connection: close|content-length: 2||ok",
    ),
    (
        "GET",
        "HTTP/1.1 304 Not Modified|X-Answer: {M}|Content-Length: 5|ETag: \"1\"||",
    ),
    (
        "DELETE",
        "HTTP/1.1 200 OK|X-Answer: {M}|X-F: a| b|Connection: keep-alive|Content-Length: 0||",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Closes,
    Resets,
    InPieces,
}

/// The exchange of that number, whose response is the one of that index.
pub(super) fn exchange(number: usize, index: usize) -> Exchange {
    let mark = Exchange::mark(number, 0);
    let mut cases = CASES.iter().flat_map(|(method, response)| {
        let response = latin1(&response.replace('|', "\r\n").replace("{M}", &mark));
        let cuts = (0..=response.len()).flat_map(|at| {
            use Manner::{Closes, InPieces, Resets};
            [Closes, Resets, InPieces].map(|manner| (at, manner))
        });
        let cuts: Vec<_> = cuts.collect();
        let cases = cuts.into_iter();
        cases.map(move |(at, manner)| (*method, response.clone(), at, manner))
    });
    let total: usize = CASES.iter().map(|(_, response)| 3 * response.len()).sum();
    let case = cases.nth(index % total);
    let (method, response, at, manner) = case.expect("there are more than that");
    let mut builder = Builder::new(number);
    let path = Exchange::path(number, 0);
    let body = match method {
        "POST" | "PUT" => "Content-Length: 5\r\n\r\nhello",
        _ => "\r\n",
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: exact.test\r\n{body}");
    let (first, rest) = response.split_at(at);
    let is_whole = rest.is_empty();
    let (pieces, then) = match manner {
        Manner::InPieces if response.starts_with(b"HTTP/1.0") => {
            (vec![first.to_vec(), rest.to_vec()], Then::Closes)
        }
        Manner::InPieces => (vec![first.to_vec(), rest.to_vec()], Then::Keeps),
        // A reset behind a whole response may come before or after the next request.
        Manner::Resets if !is_whole => (vec![first.to_vec()], Then::Resets),
        Manner::Resets | Manner::Closes => (vec![first.to_vec()], Then::Closes),
    };
    let reply = Reply {
        when: When::Whole,
        pieces,
        then,
        is_inexact: then == Then::Resets,
    };
    builder.push(request.as_bytes());
    builder.script(Script::new(method == "HEAD", reply));
    builder.flush();
    builder.step(Step::AwaitResponses(1));
    builder.finish_with_sentinel()
}
