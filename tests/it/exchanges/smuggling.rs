//! Attempts to smuggle: requests and responses that two readers could take for two, as RFC 9112 §11.2 and the
//! published work on desynchronization have them. Behind each comes another request on the same connection, and
//! then another client, whose request may go to the upstream by a connection that served the first.
//!
//! The upstream sees no request but those that were decided on, and each client gets the responses to its
//! own requests.

mod cases;

use super::answers::{Asked, EVIL, good, latin1};
use super::client::{End, Heard};
use super::exchange::{Afterwards, Exchange, Reply, Script, Step, Then, When};
use super::message::Message;
use super::play::Clients;
use super::twins::Twins;
use super::upstream::Seen;
use std::sync::Arc;

/// One attempt. In the texts `|` stands for CRLF, and a character is a byte.
struct Case {
    idea: &'static str,
    /// Bytes of the client: `{0}` is the path of its first request, `{E}` a request that must not be seen by
    /// anyone. Behind `‖` comes what is sent when there are as many responses as there were parts.
    sends: &'static str,
    replies: &'static [Says],
    /// The requests that the upstream gets: method, number and body. `S` is the one behind the attempt.
    asked: &'static [&'static str],
    /// The final responses that the client gets: status, and the number of the request that it is for.
    told: &'static [&'static str],
}

/// The upstream's reply to one request. `{M}` is its mark, `{V}` a response that no client must get; behind
/// `¦` comes what is sent when the gateway has read what is before.
enum Says {
    Whole(&'static str),
    /// Before it has read the body.
    Early(&'static str),
    /// It closes behind the reply.
    Last(&'static str),
    /// The second text comes when the client has the first.
    Later(&'static str, &'static str),
}

#[test]
fn no_request_is_smuggled_and_no_client_gets_the_response_to_another() {
    let twins = Twins::start(0, Clients::Http1);
    let mut wrong = Vec::new();
    for (number, case) in cases::CASES.iter().enumerate() {
        let exchange = case.exchange(number);
        let victim = victim_of(&exchange);
        for (lane, half) in twins.halves() {
            let clients = [Arc::clone(&exchange), Arc::clone(&victim)];
            let (heard, seen) = half.hold_each(&clients);
            let found = case.faults(&exchange, &heard, &seen);
            wrong.extend(found.map(|found| format!("{} ({lane} the lane)\n{found}\n", case.idea)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

// === impl Case ===

impl Case {
    fn exchange(&self, number: usize) -> Arc<Exchange> {
        let sentinel = self.replies.len();
        let mut text = self.sends.to_owned();
        for index in 0..sentinel {
            text = text.replace(&format!("{{{index}}}"), &Exchange::path(number, index));
        }
        let path = Exchange::path(number, sentinel);
        text += &format!("GET {path} HTTP/1.1|Host: pass.test|Connection: close||");
        let text = text.replace("{E}", "GET /evil HTTP/1.1|Host: pass.test||");
        let mut steps = Vec::new();
        for (count, part) in text.split('‖').enumerate() {
            if count > 0 {
                steps.push(Step::AwaitResponses(count));
                if let Some(Says::Later(..)) = self.replies.get(count - 1) {
                    steps.push(Step::Afterwards(count - 1));
                }
            }
            steps.push(Step::Send(latin1(&part.replace('|', "\r\n"))));
        }
        // What lacks something is not to wait for it.
        steps.push(Step::EndSending);
        let is_head = self.sends.starts_with("HEAD ");
        let mut scripts: Vec<Script> = (self.replies.iter().enumerate())
            .map(|(index, says)| says.script(is_head && index == 0, &Exchange::mark(number, index)))
            .collect();
        for index in [sentinel, sentinel + 1] {
            let mark = Exchange::mark(number, index);
            scripts.push(Script::new(false, good(Asked::plainly(&mark))));
        }
        Arc::new(Exchange {
            steps,
            scripts,
            ..Exchange::empty(number)
        })
    }

    /// Returns what is not as it is decided, in words.
    fn faults(&self, exchange: &Exchange, heard: &[Heard], seen: &Seen) -> Option<String> {
        let sentinel = self.replies.len();
        let name = |index: usize| match index.checked_sub(sentinel) {
            None => index.to_string(),
            Some(0) => "S".to_owned(),
            Some(_) => "V".to_owned(),
        };
        // The upstream has not taken one that was cut off for a request: it never came to its end.
        let requests = seen.connections.iter().flat_map(|c| &c.messages);
        let requests = requests.filter(|request| request.is_whole);
        let mut asked: Vec<String> = requests.map(|request| asked(request, &name)).collect();
        // The victim is the last one that asks.
        let victim = asked.pop_if(|asked| asked == "GET V");
        let told: Vec<Vec<String>> = heard.iter().map(|heard| told(heard, &name)).collect();
        let is_right = victim.is_some()
            && asked == self.asked
            && told[0] == self.told
            && told[1] == ["200 V"]
            && heard.iter().all(|heard| heard.end != End::TimedOut);
        (!is_right).then(|| {
            format!(
                "decided: {:?}, {:?}\nthe upstream got {asked:?}\nthe clients got {told:?}, {:?}\n{exchange}",
                self.asked,
                self.told,
                heard.iter().map(|heard| heard.end).collect::<Vec<_>>()
            )
        })
    }
}

/// Another client, which asks when the first has gone.
fn victim_of(exchange: &Arc<Exchange>) -> Arc<Exchange> {
    let path = Exchange::path(exchange.number, exchange.scripts.len() - 1);
    let request = format!("GET {path} HTTP/1.1\r\nHost: pass.test\r\nConnection: close\r\n\r\n");
    Arc::new(Exchange {
        steps: vec![Step::Send(request.into_bytes())],
        ..Exchange::clone(exchange)
    })
}

fn asked(request: &Message, name: &dyn Fn(usize) -> String) -> String {
    let method = request.start.split(|&byte| byte == b' ').next();
    let method = method.unwrap_or_default().escape_ascii();
    let index = match request.request_mark() {
        Some((_, index)) => name(index),
        None => request.start.escape_ascii().to_string(),
    };
    let body = request.body.escape_ascii();
    let body = if request.body.is_empty() {
        String::new()
    } else {
        format!(" {body}")
    };
    format!("{method} {index}{body}")
}

fn told(heard: &Heard, name: &dyn Fn(usize) -> String) -> Vec<String> {
    let messages = heard.messages.messages.iter();
    let told = messages
        .filter(|message| !message.is_interim())
        .map(|response| {
            let status = response.status().unwrap_or_default();
            let index = match response.response_mark() {
                Some((_, index)) => format!(" {}", name(index)),
                None if response.values("x-answer").next().is_some() => " evil".to_owned(),
                None => String::new(),
            };
            let end = if response.is_whole { "" } else { " (cut off)" };
            format!("{status}{index}{end}")
        });
    let mut told: Vec<String> = told.collect();
    if !heard.messages.rest.is_empty() {
        told.push(heard.messages.rest.escape_ascii().to_string());
    }
    told
}

// === impl Says ===

impl Says {
    fn script(&self, is_head: bool, mark: &str) -> Script {
        let (text, when, then) = match self {
            Self::Whole(text) | Self::Later(text, _) => (text, When::Whole, Then::Keeps),
            Self::Early(text) => (text, When::Head, Then::Keeps),
            Self::Last(text) => (text, When::Whole, Then::Closes),
        };
        let text = text
            .replace("{M}", mark)
            .replace("{V}", &EVIL.replace("\r\n", "|"));
        let pieces = text.split('¦');
        let pieces = pieces
            .map(|piece| latin1(&piece.replace('|', "\r\n")))
            .collect();
        let reply = Reply {
            when,
            pieces,
            then,
            is_inexact: false,
        };
        let afterwards = match self {
            Self::Later(_, later) => Some(Afterwards {
                bytes: latin1(&later.replace("{V}", EVIL).replace('|', "\r\n")),
                then: Then::Keeps,
            }),
            _ => None,
        };
        Script {
            afterwards,
            ..Script::new(is_head, reply)
        }
    }
}
