//! The exchanges: the same ones in every run, so that exchange 17 is exchange 17.

use super::answers::{Asked, afterwards, good, replies};
use super::exchange::{Exchange, Script, Step};
use super::requests::Request;
use super::{cut, paced};
use crate::lanes::draft::Rng;

const SEED: u64 = 0x4558_4348;

/// The exchange of that number. Of each twelve, one has a response that is cut, and two have a pace.
pub(super) fn exchange(number: usize) -> Exchange {
    let mut rng = Rng::new(seed(number));
    let mut exchange = match number % 12 {
        0 => cut::exchange(number, number / 12),
        1 | 2 => paced::exchange(number, &mut rng),
        _ => mixed(number, &mut rng),
    };
    if exchange.may_use_two_pools() {
        exchange.forget_first_tries();
    }
    exchange
}

/// The seed of the exchange of that number.
pub(super) fn seed(number: usize) -> u64 {
    SEED ^ (number as u64) << 24
}

/// One request or several, of all kinds, and responses of all kinds.
fn mixed(number: usize, rng: &mut Rng) -> Exchange {
    let count = match rng.below(100) {
        0..78 => 1,
        78..94 => 2,
        _ => 3 + rng.below(2),
    };
    let is_in_turn = rng.chance(40);
    // Without one, the last request says itself that it is the last.
    let mut has_sentinel = rng.chance(60);
    let mut builder = Builder::new(number);
    for index in 0..count {
        let mut request = Request::new(number, index, rng);
        let changes = match rng.below(100) {
            0..30 => 0,
            30..85 => 1,
            _ => 2,
        };
        for _ in 0..changes {
            request.change(number, index, rng);
        }
        let is_last = !has_sentinel && index + 1 == count;
        if is_last && request.has_connection_line() {
            // The gateway, as it is, does not see a second line.
            has_sentinel = true;
        } else if is_last || rng.chance(4) {
            request.close();
        }
        builder.add(&request, is_in_turn, rng);
    }
    match has_sentinel {
        true => builder.finish_with_sentinel(),
        false => builder.finish(&[]),
    }
}

/// An exchange as it is made.
pub(super) struct Builder {
    exchange: Exchange,
    /// Sent together with what follows.
    unsent: Vec<u8>,
}

// === impl Builder ===

impl Builder {
    pub(super) fn new(number: usize) -> Self {
        Self {
            exchange: Exchange::empty(number),
            unsent: Vec::new(),
        }
    }

    pub(super) fn greeting(&mut self, bytes: Vec<u8>) {
        self.exchange.greeting = bytes;
    }

    pub(super) fn script(&mut self, script: Script) {
        let is_inexact = script.replies.iter().any(|reply| reply.is_inexact);
        self.exchange.allowed.shorter_fragments |= is_inexact;
        self.exchange.scripts.push(script);
    }

    pub(super) fn step(&mut self, step: Step) {
        self.exchange.steps.push(step);
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Sends what has been pushed.
    pub(super) fn flush(&mut self) {
        let bytes = std::mem::take(&mut self.unsent);
        self.step(Step::Send(bytes));
    }

    pub(super) fn finish(mut self, steps: &[Step]) -> Exchange {
        if !self.unsent.is_empty() {
            self.flush();
        }
        self.exchange.steps.extend_from_slice(steps);
        self.exchange
    }

    fn add(&mut self, request: &Request, is_in_turn: bool, rng: &mut Rng) {
        let index = self.exchange.scripts.len();
        let mark = Exchange::mark(self.exchange.number, index);
        let asked = Asked {
            mark: &mark,
            is_head: request.is_head(),
            asks_for_websocket: request.asks_for_websocket(),
        };
        let mut script = Script {
            is_head: asked.is_head,
            replies: replies(asked, rng),
            afterwards: None,
        };
        self.exchange.allowed.shorter_fragments |= request.is_inexact;
        self.push(&request.head());
        self.push(request.body());
        if is_in_turn || rng.chance(20) {
            self.send(rng);
        }
        if is_in_turn {
            self.step(Step::AwaitResponses(index + 1));
            if rng.chance(10) {
                script.afterwards = Some(afterwards(rng));
                self.step(Step::Afterwards(index));
            }
        }
        self.script(script);
    }

    fn send(&mut self, rng: &mut Rng) {
        let bytes = std::mem::take(&mut self.unsent);
        self.step(match rng.chance(30) {
            true => Step::SendInPieces(bytes, 20 + rng.below(300)),
            false => Step::Send(bytes),
        });
    }

    /// Sends a last request that asks for the end. If it is answered, the connection was kept up to there,
    /// and the upstream's connection was used again or not.
    pub(super) fn finish_with_sentinel(mut self) -> Exchange {
        let (number, index) = (self.exchange.number, self.exchange.scripts.len());
        let (path, mark) = (Exchange::path(number, index), Exchange::mark(number, index));
        let sentinel =
            format!("GET {path} HTTP/1.1\r\nHost: pass.test\r\nConnection: close\r\n\r\n");
        self.push(sentinel.as_bytes());
        self.flush();
        self.script(Script::new(false, good(Asked::plainly(&mark))));
        self.exchange
    }
}
