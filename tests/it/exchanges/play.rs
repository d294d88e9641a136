//! An exchange with its client, of either version of HTTP.

use super::client::Heard;
use super::exchange::Exchange;
use super::generate;
use super::http2::Streams;
use super::twins::Half;
use std::fmt;
use std::sync::Arc;

/// The version of HTTP that clients speak.
#[derive(Clone, Copy)]
pub(super) enum Clients {
    Http1,
    Http2,
}

pub(super) struct Play {
    pub(super) exchange: Arc<Exchange>,
    /// The client's side if it speaks HTTP/2; otherwise the exchange has its steps.
    streams: Option<Streams>,
}

// === impl Clients ===

impl Clients {
    /// The exchange of that number.
    pub(super) fn play(self, number: usize) -> Play {
        match self {
            Self::Http1 => Play {
                exchange: Arc::new(generate::exchange(number)),
                streams: None,
            },
            Self::Http2 => {
                let streams = Streams::of(number);
                Play {
                    exchange: Arc::new(streams.exchange.clone()),
                    streams: Some(streams),
                }
            }
        }
    }
}

// === impl Play ===

impl Play {
    pub(super) fn is_http2(&self) -> bool {
        self.streams.is_some()
    }

    /// Does the client's part with a gateway whose upstream has begun.
    pub(super) fn visit(&self, half: &Half) -> Heard {
        match &self.streams {
            Some(streams) => streams.hold(half.address()),
            None => half.visit(&self.exchange),
        }
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.streams {
            Some(streams) => write!(f, "{streams}"),
            None => write!(f, "{}", self.exchange),
        }
    }
}
