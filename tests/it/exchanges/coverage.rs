//! Counts what exchanges came to, so that a change of the generator can't make the test one of nothing.

use super::client::End;
use super::compare::Outcome;
use super::exchange::Exchange;
use super::message::{Framing, Message};
use std::collections::BTreeMap;

/// The number of exchanges in which each thing was seen, by its name.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    seen: BTreeMap<&'static str, usize>,
    /// Number of requests, each with a response of its own.
    pub(super) requests: usize,
}

/// The things that must have been seen, and in how many exchanges at least.
type Wanted = &'static [(&'static str, usize)];

pub(super) const HTTP1: Wanted = &[
    ("a request that reached the upstream", 15_000),
    ("an upstream's connection that was used again", 5_000),
    ("an upstream's connection that was not", 2_000),
    ("a second try", 150),
    ("a third try", 150),
    ("a body in chunks for the upstream", 3_000),
    ("a body of known length for the upstream", 2_500),
    ("a request that the upstream got in part", 1_000),
    ("content of known length", 8_000),
    ("content in chunks", 1_200),
    ("content up to the connection's end", 120),
    ("content that is cut off", 500),
    ("an interim response", 1_000),
    ("a tunnel", 90),
    ("a response of the gateway's own", 5_000),
    ("502", 3_000),
    ("504", 200),
    ("400", 2_000),
    ("413", 400),
    ("431", 400),
    ("204", 400),
    ("205", 250),
    ("304", 500),
    ("599", 250),
    ("a client that left", 700),
    ("a kept connection", 6_000),
    (
        "a connection that was closed before its last request",
        7_000,
    ),
];

pub(super) const HTTP2: Wanted = &[
    ("a request that reached the upstream", 2_800),
    ("an upstream's connection that was used again", 800),
    ("a second try", 40),
    ("a third try", 40),
    ("a body in chunks for the upstream", 400),
    ("a body of known length for the upstream", 400),
    ("a request that the upstream got in part", 10),
    ("content that is cut off", 40),
    ("a response of the gateway's own", 600),
    ("502", 400),
    ("413", 20),
    ("204", 40),
    ("304", 40),
];

// === impl Coverage ===

impl Coverage {
    pub(super) fn add(&mut self, exchange: &Exchange, outcome: &Outcome) {
        self.requests += exchange.scripts.len();
        let seen = &outcome.seen.connections;
        let (heard, end) = (&outcome.heard.messages.messages, outcome.heard.end);
        let requests: Vec<&Message> = seen.iter().flat_map(|c| &c.messages).collect();
        let tries = |count: usize| {
            let first = requests
                .iter()
                .filter(|r| r.request_mark() == requests[0].request_mark());
            !requests.is_empty() && first.count() == count
        };
        let last = exchange.scripts.len() - 1;
        let has_last = heard
            .iter()
            .any(|m| m.response_mark().is_some_and(|(_, at)| at == last));
        let is_in = |messages: &[&Message], framing: fn(Framing) -> bool| {
            messages.iter().any(|message| framing(message.framing))
        };
        let finals: Vec<&Message> = heard.iter().filter(|m| !m.is_interim()).collect();
        let has_status = |status| finals.iter().any(|m| m.status() == Some(status));
        let is_length = |framing| matches!(framing, Framing::Length(1..));
        let is_chunked = |framing| framing == Framing::Chunked;
        let is_open = |framing| framing == Framing::Open;
        for (name, is_seen) in [
            ("a request that reached the upstream", !requests.is_empty()),
            (
                "an upstream's connection that was used again",
                seen.iter().any(|connection| connection.messages.len() > 1),
            ),
            ("an upstream's connection that was not", seen.len() > 1),
            ("a second try", tries(2)),
            ("a third try", tries(3)),
            (
                "a body in chunks for the upstream",
                is_in(&requests, is_chunked),
            ),
            (
                "a body of known length for the upstream",
                is_in(&requests, is_length),
            ),
            (
                "a request that the upstream got in part",
                requests.iter().any(|request| !request.is_whole),
            ),
            ("content of known length", is_in(&finals, is_length)),
            ("content in chunks", is_in(&finals, is_chunked)),
            (
                "content up to the connection's end",
                is_in(&finals, is_open),
            ),
            (
                "content that is cut off",
                finals.iter().any(|response| !response.is_whole),
            ),
            ("an interim response", heard.len() > finals.len()),
            ("a tunnel", has_status(101)),
            (
                "a response of the gateway's own",
                finals
                    .iter()
                    .any(|response| response.response_mark().is_none()),
            ),
            ("a client that left", end == End::Left),
            ("a kept connection", has_last && finals.len() > 1),
            (
                "a connection that was closed before its last request",
                !has_last && end == End::Closed,
            ),
        ] {
            *self.seen.entry(name).or_default() += usize::from(is_seen);
        }
        for name in [
            "502", "504", "400", "413", "431", "204", "205", "304", "599",
        ] {
            let status = name.parse().expect("a number");
            *self.seen.entry(name).or_default() += usize::from(has_status(status));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        for (name, count) in other.seen {
            *self.seen.entry(name).or_default() += count;
        }
    }

    pub(super) fn check(&self, wanted: Wanted) {
        for (name, least) in wanted {
            let count = self.seen.get(name).copied().unwrap_or_default();
            assert!(count >= *least, "{name}: in {count} exchanges; {self:#?}");
        }
    }
}
