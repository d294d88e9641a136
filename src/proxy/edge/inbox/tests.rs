//! Tables of what clients send, and when; of what is next, and by when the client has to go on.

use super::*;
use crate::cors::CorsRequest;
use std::time::Duration;

const PREFLIGHT: &str = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://a.test\r\n\
                         Access-Control-Request-Method: PUT\r\n\r\n";
const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// A header that is not at its end, and will not be.
const ENDLESS: &str = "GET / HTTP/1.1\r\nX-Endless: ";

fn limits() -> Limits {
    Limits {
        max_request_header_bytes: 1 << 10,
        header_timeout: Duration::from_secs(10),
        keepalive_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// The events of a connection: the second of each, and the words for its effect.
type Steps<'t> = &'t [(u64, Event<'t>, &'t str)];

/// Something that happens to a connection.
#[derive(Debug, Clone, Copy)]
enum Event<'t> {
    /// The client has sent these bytes.
    Sent(&'t str),
    /// pingora has served the request, and left these bytes.
    Served(&'t str),
    /// The deadline has passed.
    TimeIsUp,
}
use Event::{Sent, Served, TimeIsUp};

/// A connection in seconds since its begin; plain preflights are answered.
struct Connection {
    began: Instant,
    inbox: Inbox,
    is_stopping: bool,
}

impl Connection {
    fn new() -> Self {
        let began = Instant::now();
        Self {
            began,
            inbox: Inbox::new(began),
            is_stopping: false,
        }
    }

    /// Returns what is next, and how many requests were answered before.
    fn receive(&mut self, second: u64, bytes: &[u8]) -> (usize, Next) {
        let limits = limits();
        let moment = Moment {
            now: self.began + Duration::from_secs(second),
            is_stopping: self.is_stopping,
        };
        let mut answered = 0;
        let next = self.inbox.receive(bytes, &moment, &limits, |head| {
            let mut cors = CorsRequest::default();
            if let Some(preflight) = head.plain_preflight(&mut cors) {
                answered += 1;
                return match !preflight.keep_alive {
                    true => Reply::AnsweredToLast,
                    false => Reply::Answered,
                };
            }
            match head.framing() {
                Ok(framing) => Reply::HandOver(framing),
                Err(error) => Reply::Refuse(RequestError::Framing(error)),
            }
        });
        (answered, next)
    }

    /// Returns what an event leads to, in words.
    fn after(&mut self, second: u64, event: Event<'_>) -> String {
        let (answered, next) = match event {
            Sent(bytes) => self.receive(second, bytes.as_bytes()),
            Served(left) => {
                let now = self.began + Duration::from_secs(second);
                self.inbox = Inbox::resume(left.as_bytes().into(), now);
                match self.inbox.has_news() {
                    true => self.receive(second, b""),
                    false => (0, Next::Read),
                }
            }
            TimeIsUp => (0, self.inbox.expire()),
        };
        let deadline = self.inbox.deadline(&limits()) - self.began;
        let next = match next {
            Next::Read => {
                let state = match self.inbox.is_idle() {
                    true => "silent",
                    false => "in a header",
                };
                format!("{state} until {}", deadline.as_secs())
            }
            Next::Request(header, body) => format!("pingora: {}, {body:?}", header.len()),
            Next::Http2 => "HTTP/2".to_owned(),
            Next::Refuse(error) => error.status().as_str().to_owned(),
            Next::Close => "close".to_owned(),
            Next::Leave => "leave".to_owned(),
            Next::End => "end".to_owned(),
        };
        match answered {
            0 => next,
            _ => format!("{answered} answered, {next}"),
        }
    }
}

/// Checks what each event of a connection, at its second, leads to.
fn check(name: &str, mut connection: Connection, events: Steps<'_>) {
    for &(second, event, expected) in events {
        let found = connection.after(second, event);
        assert_eq!(found, expected, "{name}: at {second}, {event:?}");
    }
}

#[test]
fn a_header_has_its_time_and_silence_has_its_own() {
    let and_more = |first: &str| format!("{first}{ENDLESS}");
    let (two, half) = (PREFLIGHT.repeat(2), PREFLIGHT.split_at(20));
    let rows: &[(&str, Steps<'_>)] = &[
        ("nothing", &[(60, TimeIsUp, "end")]),
        (
            "a preflight, and silence",
            &[
                (3, Sent(PREFLIGHT), "1 answered, silent until 63"),
                (63, TimeIsUp, "end"),
            ],
        ),
        (
            "two, with more between them than a header may take",
            &[
                (40, Sent(PREFLIGHT), "1 answered, silent until 100"),
                (80, Sent(PREFLIGHT), "1 answered, silent until 140"),
            ],
        ),
        (
            "two at once",
            &[(3, Sent(&two), "2 answered, silent until 63")],
        ),
        (
            "one that takes its time within the limit",
            &[
                (3, Sent(half.0), "in a header until 13"),
                (12, Sent(half.1), "1 answered, silent until 72"),
            ],
        ),
        (
            "a request that pingora serves, and silence",
            &[
                (0, Sent(GET), "pingora: 32, Unstated"),
                (100, Served(""), "silent until 160"),
                (160, TimeIsUp, "end"),
            ],
        ),
        (
            "a header that drips",
            &[
                (1, Sent("G"), "in a header until 11"),
                (5, Sent("E"), "in a header until 11"),
                (10, Sent("T"), "in a header until 11"),
                (11, TimeIsUp, "408"),
            ],
        ),
        (
            "one that lacks but its last line",
            &[
                (0, Sent(PREFLIGHT.trim_end()), "in a header until 10"),
                (10, TimeIsUp, "408"),
            ],
        ),
        (
            "what no header begins with, which is not waited for",
            &[
                (0, Sent("GET /"), "in a header until 10"),
                (9, Sent("a b HTTP/1.1\r\n\r\n"), "400"),
            ],
        ),
        (
            "a second header that drips",
            &[
                (0, Sent(PREFLIGHT), "1 answered, silent until 60"),
                (50, Sent(ENDLESS), "in a header until 60"),
                (59, Sent("x"), "in a header until 60"),
                (60, TimeIsUp, "408"),
            ],
        ),
        (
            "one behind a request that pingora served",
            &[
                (0, Sent(GET), "pingora: 32, Unstated"),
                (20, Served(""), "silent until 80"),
                (70, Sent(ENDLESS), "in a header until 80"),
                (80, TimeIsUp, "408"),
            ],
        ),
        (
            "one that began in the same read as a preflight",
            &[
                (
                    2,
                    Sent(&and_more(PREFLIGHT)),
                    "1 answered, in a header until 12",
                ),
                (8, Sent("x"), "in a header until 12"),
                (12, TimeIsUp, "408"),
            ],
        ),
        (
            "one that began while pingora served another",
            &[
                (2, Sent(&and_more(GET)), "pingora: 32, Unstated"),
                (20, Served(ENDLESS), "in a header until 30"),
                (29, Sent("x"), "in a header until 30"),
                (30, TimeIsUp, "408"),
            ],
        ),
        (
            "empty lines are silence",
            &[
                (1, Sent("\r\n"), "silent until 60"),
                (30, Sent("\r\n\r\n"), "silent until 60"),
                (60, TimeIsUp, "end"),
            ],
        ),
        (
            "and may precede a request",
            &[
                (1, Sent("\r\n\r\n"), "silent until 60"),
                (
                    2,
                    Sent(&format!("\r\n{two}\r\n")),
                    "2 answered, silent until 62",
                ),
                (3, Sent(&format!("\r\n{GET}")), "pingora: 32, Unstated"),
                (4, Served("\n"), "400"),
            ],
        ),
    ];
    for (name, events) in rows {
        check(name, Connection::new(), events);
    }
}

#[test]
fn each_request_ends_where_its_header_says() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (name, sent, expected, left) in [
        (
            "nothing behind it",
            GET.to_owned(),
            "pingora: 32, Unstated",
            "",
        ),
        (
            "another",
            format!("{GET}{PREFLIGHT}"),
            "pingora: 32, Unstated",
            PREFLIGHT,
        ),
        (
            "a body",
            format!("{post}hello{GET}"),
            "pingora: 47, Length(5)",
            &format!("hello{GET}"),
        ),
        (
            "chunks",
            format!("{chunked}0\r\n\r\n"),
            "pingora: 47, Chunked",
            "0\r\n\r\n",
        ),
        (
            "behind a preflight",
            format!("{PREFLIGHT}{GET}{PREFLIGHT}"),
            "1 answered, pingora: 32, Unstated",
            PREFLIGHT,
        ),
        (
            "two lengths",
            post.replace("5\r\n", "5\r\nContent-Length: 5\r\n"),
            "400",
            "",
        ),
        (
            "garbage",
            "\u{16}\u{3}\u{1}".to_owned(),
            "400",
            "\u{16}\u{3}\u{1}",
        ),
        (
            "a preface behind a request",
            format!("{PREFLIGHT}{PREFACE}"),
            "1 answered, 400",
            PREFACE,
        ),
    ] {
        let mut connection = Connection::new();
        assert_eq!(connection.after(0, Sent(&sent)), expected, "{name}");
        assert_eq!(connection.inbox.into_held(), left, "{name}");
    }
}

#[test]
fn the_last_answer_ends_a_connection_that_is_to_end() {
    for (sent, expected) in [
        (PREFLIGHT, "1 answered, close"),
        (&PREFLIGHT.repeat(2), "1 answered, close"),
        (&format!("{PREFLIGHT}{ENDLESS}"), "1 answered, close"),
        (GET, "pingora: 32, Unstated"),
        (ENDLESS, "in a header until 10"),
    ] {
        let mut connection = Connection::new();
        connection.is_stopping = true;
        assert_eq!(connection.after(0, Sent(sent)), expected, "{sent:?}");
        let is_served = expected.ends_with("close");
        assert!(!is_served || connection.inbox.into_held().is_empty());
    }
}

#[test]
fn a_client_that_says_close_is_believed_if_nothing_is_behind() {
    let last = PREFLIGHT.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let half = last.split_at(30);
    let rows: &[(&str, Steps<'_>)] = &[
        ("at once", &[(0, Sent(&last), "1 answered, leave")]),
        (
            "in two pieces",
            &[
                (0, Sent(half.0), "in a header until 10"),
                (1, Sent(half.1), "1 answered, leave"),
            ],
        ),
        (
            "behind another",
            &[(0, Sent(&format!("{PREFLIGHT}{last}")), "2 answered, leave")],
        ),
        (
            "with another behind",
            &[(0, Sent(&format!("{last}{PREFLIGHT}")), "1 answered, close")],
        ),
        (
            "with an empty line behind",
            &[(0, Sent(&format!("{last}\r\n")), "1 answered, close")],
        ),
    ];
    for &(name, steps) in rows {
        check(name, Connection::new(), steps);
    }
    let mut connection = Connection::new();
    connection.is_stopping = true;
    assert_eq!(connection.after(0, Sent(&last)), "1 answered, leave");
}

#[test]
fn a_header_without_an_end_is_refused_before_it_is_long() {
    const MOST: usize = 4 << 10;
    let padded = |len: usize| format!("{ENDLESS}{}", "x".repeat(len - ENDLESS.len()));
    let (fits, too_long) = (padded(MOST), padded(MOST + 1));
    let behind = |first: &str| format!("{first}{too_long}");
    let rows: &[(&str, Steps<'_>)] = &[
        ("at once", &[(0, Sent(&too_long), "431")]),
        (
            "with its last byte",
            &[
                (0, Sent(&fits), "in a header until 10"),
                (1, Sent("x"), "431"),
            ],
        ),
        (
            "an end that comes in time",
            &[
                (0, Sent(&fits[..MOST - 4]), "in a header until 10"),
                (1, Sent("\r\n\r\n"), "pingora: 4096, Unstated"),
            ],
        ),
        (
            "in the same read as a preflight",
            &[(0, Sent(&behind(PREFLIGHT)), "1 answered, 431")],
        ),
        (
            "behind a preflight",
            &[
                (0, Sent(PREFLIGHT), "1 answered, silent until 60"),
                (1, Sent(&too_long), "431"),
            ],
        ),
        (
            "behind a request that pingora serves",
            &[
                (0, Sent(GET), "pingora: 32, Unstated"),
                (1, Served(&too_long), "431"),
            ],
        ),
    ];
    for (name, events) in rows {
        check(name, Connection::new(), events);
    }
}

#[test]
fn pingora_gets_no_header_that_is_longer_than_it_reads() {
    let limits = Limits {
        max_request_header_bytes: u64::MAX,
        ..Limits::default()
    };
    let longest = usize::try_from(MAX_HEADER).expect("it fits");
    assert_eq!(bounded(&limits, longest), Next::Read);
    let too_large = Next::Refuse(RequestError::HeaderTooLarge);
    assert_eq!(bounded(&limits, longest + 1), too_large);
}

#[test]
fn the_http_2_preface_is_told_from_its_third_byte_on_and_waited_for() {
    let sent = format!("{PREFACE}frames");
    for piece in 1..=sent.len() {
        let mut connection = Connection::new();
        let mut received = 0;
        for bytes in sent.as_bytes().chunks(piece) {
            received += bytes.len();
            let next = connection.receive(0, bytes);
            if received >= PREFACE.len() {
                assert_eq!(next, (0, Next::Http2), "in pieces of {piece}");
                break;
            }
            assert_eq!(next, (0, Next::Read), "in pieces of {piece}");
            assert_eq!(
                connection.inbox.expire(),
                Next::Refuse(RequestError::HeaderTimeout)
            );
        }
        assert_eq!(connection.inbox.into_held(), sent[..received]);
    }
    for begins_alike in ["P", "PR", "PO", "PRI * HTTP/2.1\r\n"] {
        assert!(!is_http2(begins_alike.as_bytes()), "{begins_alike}");
    }
}

#[test]
fn however_bytes_are_cut_the_same_is_done() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    for sent in [
        PREFLIGHT.repeat(3),
        format!("\r\n{PREFLIGHT}\r\n\r\n{PREFLIGHT}\r\n"),
        format!("{PREFLIGHT}{GET}"),
        format!("{PREFLIGHT}{post}"),
        format!("{PREFLIGHT}GET / HTTP/1.1\nHost: a\n\n"),
        PREFACE.to_owned(),
    ] {
        let all = |pieces: &[&[u8]]| {
            let mut connection = Connection::new();
            let mut answered = 0;
            let mut last = Next::Read;
            for piece in pieces {
                assert_eq!(last, Next::Read, "{sent:?} ended before {piece:?}");
                let (more, next) = connection.receive(0, piece);
                answered += more;
                last = next;
            }
            (answered, last, connection.inbox.into_held())
        };
        let bytes = sent.as_bytes();
        let whole = all(&[bytes]);
        for cut in 1..bytes.len() {
            assert_eq!(all(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
        let drops: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(all(&drops), whole, "{sent:?}, byte by byte");
    }
}

#[test]
fn a_header_that_drips_is_parsed_twice_and_not_with_every_byte() {
    let mut inbox = Inbox::new(Instant::now());
    let mut parsed = 0;
    for len in 1..=PREFLIGHT.len() {
        parsed += usize::from(inbox.may_be_whole(&PREFLIGHT.as_bytes()[..len]));
        inbox.scanned = len;
    }
    assert_eq!(parsed, 2, "with its first and with its last byte");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let mut connection = Connection::new();
    let (start, end) = PREFLIGHT.split_at(20);
    for bytes in [start, end, PREFLIGHT, "\r\n"] {
        connection.receive(0, bytes.as_bytes());
    }
    assert_eq!(connection.inbox.held.capacity(), 0);
}
