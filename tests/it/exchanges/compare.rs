//! Compares what two gateways made of an exchange, and holds each against what may never be.

use super::client::{End, Heard};
use super::exchange::{Exchange, find_mark};
use super::message::{Message, Messages};
use super::upstream::Seen;
use std::fmt;

/// The result of an exchange at both ends of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) heard: Heard,
    pub(super) seen: Seen,
}

// === impl Outcome ===

impl Outcome {
    /// Takes out what differs from run to run; `own` are the addresses of this gateway's, with their names.
    pub(super) fn normalized(mut self, own: &[(Vec<u8>, &str)]) -> Self {
        if self.heard.end == End::Reset {
            // Whether there was something that the gateway had not read is a matter of time.
            self.heard.end = End::Closed;
        }
        let connections = self.seen.connections.iter_mut();
        for messages in connections.chain([&mut self.heard.messages]) {
            messages.messages.iter_mut().for_each(|m| m.normalize(own));
        }
        self
    }

    /// Takes out what says whether the connection is kept, where the client has ended its side: whether the gateway has
    /// seen that before it responds is a matter of time, and the connection ends in any case.
    pub(super) fn forget_who_ends(&mut self) {
        for message in &mut self.heard.messages.messages {
            message
                .fields
                .retain(|line| !line.name.eq_ignore_ascii_case(b"connection"));
        }
    }

    /// Takes out the case of the names in requests to the upstream, where the client speaks HTTP/2. There all names are in
    /// lower case, and so pingora writes those that it does not know as well. The lane writes the gateway's own as on
    /// HTTP/1.1, and an operator's as they are configured. To the upstream they are the same: RFC 9110 §5.1.
    pub(super) fn forget_how_names_are_written(&mut self) {
        for messages in &mut self.seen.connections {
            let lines = messages.messages.iter_mut().flat_map(|m| &mut m.fields);
            lines.for_each(|line| line.name.make_ascii_lowercase());
        }
    }

    /// Whether the other one may come of the same exchange. A message that is cut off may be cut off earlier: that
    /// depends on how the kernel cuts what is sent.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let (mut with, mut without) = (self.seen.clone(), other.seen.clone());
        with.separate();
        without.separate();
        let (with, without) = (&with.connections, &without.connections);
        let mut pairs = with.iter().zip(without);
        self.heard.end == other.heard.end
            && self.heard.in_vain == other.heard.in_vain
            && agree(&self.heard.sure(), &other.heard.sure())
            && with.len() == without.len()
            && pairs.all(|(with, without)| agree(with, without))
    }

    /// Returns what must not be, whatever the other gateway does.
    pub(super) fn violations(&self, exchange: &Exchange) -> Vec<String> {
        let mut found = Vec::new();
        let mut last = None;
        for message in &self.heard.messages.messages {
            let is_evil = message.values("x-answer").any(|value| value == b"evil");
            if message.is_interim() {
                continue;
            }
            if is_evil {
                found.push("the client got a response that was not asked for".to_owned());
            }
            let Some((number, index)) = message.response_mark() else {
                continue;
            };
            if number != exchange.number || last.is_some_and(|last| index <= last) {
                found.push(format!(
                    "the client got the response {number}-{index} out of turn"
                ));
            }
            last = Some(index);
            let text = String::from_utf8_lossy(&message.body);
            for part in text.split("answer ").skip(1) {
                if find_mark(part).is_some_and(|mark| mark != (number, index)) {
                    found.push(format!(
                        "the response {number}-{index} has another's content"
                    ));
                }
            }
        }
        for messages in &self.seen.connections {
            for message in &messages.messages {
                let is_own = message.request_mark().is_some_and(|(number, index)| {
                    number == exchange.number && index < exchange.scripts.len()
                });
                if !is_own {
                    let start = message.start.escape_ascii();
                    found.push(format!(
                        "the upstream got a request that nobody sent: {start}"
                    ));
                }
            }
            if messages.is_broken {
                found.push("the upstream got what two readers read differently".to_owned());
            }
        }
        if self.heard.end == End::TimedOut || !self.heard.in_vain.is_empty() {
            found.push("the client waited in vain".to_owned());
        }
        if self.seen.kept > 0 {
            found.push("the gateway kept a connection that its upstream had ended".to_owned());
        }
        found
    }
}

impl Heard {
    /// Returns the messages without the interim ones before an answer of the gateway's own: of those that came with
    /// the fault that it tells, pingora passes on as many as its queue has let by.
    fn sure(&self) -> Messages {
        let all = &self.messages.messages;
        let is_sure = |at: usize| {
            let mut behind = all[at..].iter();
            let own = behind.find(|message| !message.is_interim());
            !all[at].is_interim() || own.is_some_and(|own| own.values("x-answer").next().is_some())
        };
        let sure = (0..all.len()).filter(|&at| is_sure(at));
        Messages {
            messages: sure.map(|at| all[at].clone()).collect(),
            ..self.messages.clone()
        }
    }
}

/// Whether two directions of a connection are the same but for where they were cut off.
fn agree(with: &Messages, without: &Messages) -> bool {
    let (with, without) = (&with.messages, &without.messages);
    with.len() == without.len()
        && with.iter().zip(without).all(|(with, without)| {
            let are_cut_off = !with.is_whole && !without.is_whole;
            let has_prefix =
                with.body.starts_with(&without.body) || without.body.starts_with(&with.body);
            with == without || (are_cut_off && has_prefix && have_one_head(with, without))
        })
}

fn have_one_head(with: &Message, without: &Message) -> bool {
    (&with.start, &with.fields, with.framing) == (&without.start, &without.fields, without.framing)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heard {
            messages,
            end,
            in_vain,
        } = &self.heard;
        writeln!(f, "--- the client got")?;
        write_messages(f, messages)?;
        writeln!(f, "({end:?}; steps that waited in vain: {in_vain:?})")?;
        for (number, messages) in self.seen.connections.iter().enumerate() {
            writeln!(f, "--- the upstream got, on its connection {number}")?;
            write_messages(f, messages)?;
        }
        Ok(())
    }
}

fn write_messages(f: &mut fmt::Formatter<'_>, messages: &Messages) -> fmt::Result {
    for message in &messages.messages {
        write!(f, "{message}")?;
    }
    if !messages.rest.is_empty() {
        let rest = super::exchange::readable(&messages.rest);
        writeln!(f, "(not a message, broken: {})\n{rest}", messages.is_broken)?;
    }
    Ok(())
}
