//! One exchange: what a client does on a connection, and what the upstream makes of each request.

use std::fmt;

/// Everything that happens on one connection of a client.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) number: usize,
    pub(super) steps: Vec<Step>,
    /// The part of the upstream in each request, by the request's index.
    pub(super) scripts: Vec<Script>,
    /// Sent by the upstream on every connection before it has read anything.
    pub(super) greeting: Vec<u8>,
    pub(super) allowed: Allowed,
}

/// A thing that the client does. It waits for nothing any more once the gateway has closed.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// Sends in writes of so many bytes, as fast as they go.
    SendInPieces(Vec<u8>, usize),
    /// Waits for whole final responses, this many in all.
    AwaitResponses(usize),
    /// Waits for heads of responses, interim ones among them, this many in all.
    AwaitHeads(usize),
    /// Waits for so much content, that of all responses together.
    AwaitContent(usize),
    /// Waits until the upstream has read a request's head and so many bytes of its body.
    AwaitAsked(usize, usize),
    /// Has the upstream do what its script says for after a response, and the gateway see it.
    Afterwards(usize),
    /// Ends what is sent, and not what comes back.
    EndSending,
    /// Goes away with a reset.
    Reset,
    /// Waits until the gateway has ended all connections to the upstream.
    AwaitLeft,
}

/// The upstream's part in one request.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// Whether the request's method is HEAD, whose response ends with its header.
    pub(super) is_head: bool,
    /// The replies to the first try, the second one …; the last one goes on.
    pub(super) replies: Vec<Reply>,
    /// Done on the same connection when the client has the response.
    pub(super) afterwards: Option<Afterwards>,
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) when: When,
    /// Each is written when the gateway has read the one before.
    pub(super) pieces: Vec<Vec<u8>>,
    pub(super) then: Then,
    /// Whether it depends on how it is cut on its way how much of it is passed on: of chunks with a fault in
    /// them, and of what a reset follows.
    pub(super) is_inexact: bool,
}

/// The part of the request that the upstream has read when it replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Head,
    /// The first piece at the head, the others at the end: the word that a client may wait for.
    HeadAndWhole,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Keeps,
    Closes,
    Resets,
}

#[derive(Debug, Clone)]
pub(super) struct Afterwards {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

/// The differences that two runs may have, because they depend on how the kernel cuts what is sent, or on
/// which of two ends is noticed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    /// A message that is cut off may be cut off earlier.
    pub(super) shorter_fragments: bool,
}

// === impl Exchange ===

impl Exchange {
    /// One in which nothing happens.
    pub(super) fn empty(number: usize) -> Self {
        Self {
            number,
            steps: Vec::new(),
            scripts: Vec::new(),
            greeting: Vec::new(),
            allowed: Allowed::default(),
        }
    }

    /// Whether the number of tries may depend on whose connection a request takes: each lane keeps its own, and one that
    /// has served a request is tried again. Some request is pingora's in both gateways, and the upstream ends
    /// connections.
    pub(super) fn may_use_two_pools(&self) -> bool {
        const PINGORAS: [&str; 9] = [
            " http/1.0\r\n",
            " http://",
            "\r\nconnection:",
            "\r\nexpect:",
            "\r\nupgrade:",
            "\r\nte:",
            "\r\nkeep-alive:",
            "\r\nproxy-",
            "\r\nhttp2-settings:",
        ];
        self.is_tried_again()
            && self.steps.iter().any(|step| match step {
                Step::Send(bytes) | Step::SendInPieces(bytes, _) => {
                    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
                    PINGORAS.iter().any(|part| text.contains(part))
                }
                _ => false,
            })
    }

    /// Whether a request is tried again that may take a connection of the one before.
    pub(super) fn is_tried_again(&self) -> bool {
        self.scripts.len() > 2 && self.scripts.iter().any(|script| script.replies.len() > 1)
    }

    /// Has each request be answered at its first try.
    pub(super) fn forget_first_tries(&mut self) {
        for script in &mut self.scripts {
            let tries = script.replies.len();
            script.replies.drain(..tries.saturating_sub(1));
        }
    }

    /// The path of a request, by which the upstream finds its script.
    pub(super) fn path(number: usize, index: usize) -> String {
        format!("/x/{}", Self::mark(number, index))
    }

    /// The mark of a request and of its response.
    pub(super) fn mark(number: usize, index: usize) -> String {
        format!("{number}-{index}")
    }
}

/// Finds the mark in a text: number and index.
pub(super) fn find_mark(text: &str) -> Option<(usize, usize)> {
    let words = text.split(|c: char| c != '-' && !c.is_ascii_digit());
    let mut marks = words.filter_map(|word| {
        let (number, index) = word.split_once('-')?;
        Some((number.parse().ok()?, index.parse().ok()?))
    });
    marks.next()
}

// === impl Reply ===

impl Reply {
    pub(super) fn new(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self {
            when: When::Whole,
            pieces: vec![bytes.into()],
            is_inexact: then == Then::Resets,
            then,
        }
    }
}

// === impl Script ===

impl Script {
    pub(super) fn new(is_head: bool, reply: Reply) -> Self {
        Self {
            is_head,
            replies: vec![reply],
            afterwards: None,
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "=== exchange {} ===", self.number)?;
        for step in &self.steps {
            match step {
                Step::Send(bytes) => {
                    writeln!(f, "--- the client sends")?;
                    f.write_str(&readable(bytes))?;
                }
                Step::SendInPieces(bytes, len) => {
                    writeln!(f, "--- the client sends, {len} bytes at a time")?;
                    f.write_str(&readable(bytes))?;
                }
                other => writeln!(f, "--- the client: {other:?}")?,
            }
        }
        if !self.greeting.is_empty() {
            writeln!(f, "--- the upstream, on each connection, at once")?;
            f.write_str(&readable(&self.greeting))?;
        }
        for (index, script) in self.scripts.iter().enumerate() {
            for (at, reply) in script.replies.iter().enumerate() {
                let Reply {
                    when, pieces, then, ..
                } = reply;
                let count = pieces.len();
                let is_head = if script.is_head { "HEAD, " } else { "" };
                writeln!(
                    f,
                    "--- the upstream, to request {index} ({is_head}try {at}), when it has read: \
                     {when:?}; in {count} pieces, then it {then:?}"
                )?;
                f.write_str(&readable(&pieces.concat()))?;
            }
            if let Some(Afterwards { bytes, then }) = &script.afterwards {
                writeln!(f, "--- the upstream, when told so; then it {then:?}")?;
                f.write_str(&readable(bytes))?;
            }
        }
        Ok(())
    }
}

/// The bytes, readable: a line of theirs is a line here, and what is very long is left out.
pub(super) fn readable(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let mut text = String::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let shown = &line[..line.len().min(MOST)];
        text += &shown.escape_ascii().to_string();
        if shown.len() < line.len() {
            text += &format!(" … {} bytes in all", line.len());
        }
        text.push('\n');
        if text.len() > 40 * MOST {
            return text + "…\n";
        }
    }
    text
}
