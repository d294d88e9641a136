//! Two gateways, one with the express lane and one without, and exchanges of all kinds with a scripted
//! upstream behind each: whatever is sent at one end, the same comes out at the other, as often, on the
//! same connections, and the same is counted and logged.

mod answers;
mod client;
mod compare;
mod counts;
mod coverage;
mod crowd;
mod cut;
mod exchange;
mod generate;
mod http2;
mod message;
mod paced;
mod play;
mod requests;
mod smuggling;
mod twins;
mod upstream;

use coverage::Coverage;
use play::Clients;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use twins::{Settled, Twins};

/// Number of connections that are generated. They have nearly twice as many requests, each with its response.
/// `CORSGATE_EXCHANGES` is another number, `CORSGATE_EXCHANGES_FROM` the first one, and `CORSGATE_EXCHANGE` the
/// one that is to be held alone.
const EXCHANGES: usize = 30_000;
/// Number of requests that they must have.
const REQUESTS: usize = 50_000;
/// Number of connections of HTTP/2 beside them; `CORSGATE_HTTP2_EXCHANGES` is another number.
const HTTP2_EXCHANGES: usize = 4_000;
/// Number of exchanges after which metrics and logs are compared.
const BATCH: usize = 500;
/// More make nothing faster.
const THREADS: usize = 6;
/// Maximum share of exchanges, of a thousand, that may need another run because of noise.
const NOISE: usize = 2;

/// Number of those that are printed if there are too many.
const SHOWN: usize = 20;

#[derive(Default)]
struct Tally {
    retried: Vec<String>,
    differences: Vec<String>,
    coverage: Coverage,
}

#[test]
fn both_lanes_carry_every_exchange_in_the_same_way() {
    if let Some(number) = variable("CORSGATE_EXCHANGE") {
        return hold_alone(number, Clients::Http1);
    }
    let count = variable("CORSGATE_EXCHANGES").unwrap_or(EXCHANGES);
    let first = variable("CORSGATE_EXCHANGES_FROM").unwrap_or(0);
    let coverage = hold(first..first + count, THREADS, Clients::Http1);
    if count >= EXCHANGES {
        coverage.check(coverage::HTTP1);
        assert!(
            coverage.requests >= REQUESTS,
            "{} requests",
            coverage.requests
        );
    }
}

#[test]
fn both_lanes_carry_exchanges_of_http_2_in_the_same_way() {
    if let Some(number) = variable("CORSGATE_EXCHANGE") {
        return hold_alone(number, Clients::Http2);
    }
    let count = variable("CORSGATE_HTTP2_EXCHANGES").unwrap_or(HTTP2_EXCHANGES);
    let coverage = hold(0..count, 2, Clients::Http2);
    if count >= HTTP2_EXCHANGES {
        coverage.check(coverage::HTTP2);
    }
}

fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

fn hold_alone(number: usize, clients: Clients) {
    println!("{}", clients.play(number));
    let mut twins = Twins::start(number / BATCH, clients);
    let settled = twins.run(number..number + 1);
    let found = settled.retried.iter().chain(&settled.differences);
    let found: Vec<&str> = found.map(String::as_str).collect();
    assert!(found.is_empty(), "{}", found.concat());
}

/// Holds the exchanges of these numbers; returns what they came to.
fn hold(numbers: Range<usize>, threads: usize, clients: Clients) -> Coverage {
    let first = numbers.start / (2 * BATCH) * 2 * BATCH;
    // Every other batch is for a configuration of the second kind.
    let next = [0, 1].map(|variant| AtomicUsize::new(first / BATCH + variant));
    let tally = Mutex::new(Tally::default());
    let started = Instant::now();
    thread::scope(|scope| {
        for worker in 0..threads {
            let (next, tally, end) = (&next, &tally, numbers.end);
            scope.spawn(move || {
                let next = &next[worker % next.len()];
                let mut twins = Twins::start(worker, clients);
                loop {
                    let batch = next.fetch_add(2, Ordering::Relaxed) * BATCH;
                    let is_over = || tally.lock().expect("no panic").differences.len() >= THREADS;
                    if batch >= end || is_over() {
                        return;
                    }
                    let settled = twins.run(batch..batch + BATCH);
                    tally.lock().expect("no panic").add(settled);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no panic");
    let (found, noise) = (tally.differences.len(), tally.retried.len());
    let (count, elapsed) = (numbers.len(), started.elapsed());
    println!("{elapsed:?} for {count} exchanges; {noise} were held again");
    let is_noisy = noise * 1000 > count * NOISE;
    let shown = if is_noisy && found == 0 { SHOWN } else { 0 };
    for text in tally.retried.iter().take(shown).chain(&tally.differences) {
        println!("{text}");
    }
    assert_eq!(
        found, 0,
        "so many exchanges differ; they are printed above, and CORSGATE_EXCHANGE holds one alone"
    );
    assert!(
        !is_noisy,
        "{noise} of {count} exchanges differed once; some of them are printed above"
    );
    tally.coverage
}

// === impl Tally ===

impl Tally {
    fn add(&mut self, settled: Settled) {
        self.retried.extend(settled.retried);
        self.differences.extend(settled.differences);
        self.coverage.merge(settled.coverage);
    }
}
