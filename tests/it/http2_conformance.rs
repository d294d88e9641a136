//! HTTP/2 by the letter: what a client sends, and what the standards say a server does. RFC 9113, RFC 7541.
//!
//! The cases cover the sections that the tool h2spec has cases for, which is where the gateway's peers are
//! held to. They are written from the standards.

mod cases;

use crate::support::{Frame, Frames, Gateway, codes, frame, kinds};
use cases::{CASES, Case};
use kinds::{DATA, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use std::time::Duration;

/// The gateway's reaction to what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// It ends the connection, with this code in a GOAWAY frame.
    Goaway(u32),
    /// It ends the connection without a word.
    Close,
    /// It resets this stream, with this code.
    Reset(u32, u32),
    /// It answers the request on this stream with a status.
    Answer(u32, u16),
    /// It acknowledges a SETTINGS frame of the case.
    Acknowledge,
    /// It answers a PING frame of the case.
    Pong,
    /// Nothing: the connection goes on.
    Ignore,
    /// It answers in HTTP/1.1.
    Http1(u16),
}

/// A departure from what the standards permit, and the reason for it.
struct Departure {
    does: Deed,
    reason: &'static str,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Time in which nothing more comes once a connection has settled. No case depends on it that passes.
const QUIET: Duration = Duration::from_secs(2);

fn gateway() -> Gateway {
    Gateway::start(
        "limits: { max_concurrent_streams: 100 }\n\
         upstreams: { u: { echo: true } }\n\
         routes: [{ name: r, upstream: u, cors: off }]\n",
    )
}

/// Sends the bytes of a case and returns the first deed that is `wanted`, or the last one.
fn deed(gateway: &Gateway, case: &Case, wanted: &[Deed]) -> Deed {
    let mut client = Frames::connect(gateway.address);
    client.send(&(case.sent)());
    let is_known = |deed: Deed| wanted.contains(&deed);
    let mut acks = 0;
    let mut last = Deed::Ignore;
    let mut settled = 0;
    loop {
        let deed = match client.next_within(QUIET) {
            Ok(None) if client.rest().starts_with(b"HTTP/1.1 ") => {
                let status = std::str::from_utf8(&client.rest()[9..12]).expect("a status");
                Deed::Http1(status.parse().expect("a status"))
            }
            Ok(None) => {
                return if last == Deed::Ignore {
                    Deed::Close
                } else {
                    last
                };
            }
            Err(_) => return last,
            Ok(Some(frame)) => match frame.kind {
                GOAWAY if frame.code() != codes::NO_ERROR => return Deed::Goaway(frame.code()),
                GOAWAY => continue,
                RST_STREAM => Deed::Reset(frame.stream, frame.code()),
                HEADERS => Deed::Answer(frame.stream, status(&frame)),
                SETTINGS if frame.is_ack() => {
                    acks += 1;
                    // The first one is for the settings that every client begins with.
                    if acks == 1 {
                        settle(&mut client);
                        continue;
                    }
                    Deed::Acknowledge
                }
                PING if frame.payload == SETTLE => {
                    settled += 1;
                    if settled < 3 {
                        settle(&mut client);
                        continue;
                    }
                    Deed::Ignore
                }
                PING => Deed::Pong,
                _ => continue,
            },
        };
        if is_known(deed) {
            return deed;
        }
        if deed != Deed::Ignore {
            last = deed;
        } else if !wanted.iter().any(|deed| matches!(deed, Deed::Answer(..))) {
            return last;
        }
    }
}

const SETTLE: &[u8] = b"settle!!";

/// Asks for a sign that everything was read.
fn settle(client: &mut Frames) {
    client.send(&frame(PING, 0, 0, SETTLE));
}

/// The status of a response, of those that the static table has: RFC 7541, appendix A.
fn status(frame: &Frame) -> u16 {
    const STATUSES: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let index = frame
        .payload
        .first()
        .and_then(|first| first.checked_sub(0x88));
    let known = index.and_then(|index| STATUSES.get(usize::from(index)));
    known.copied().unwrap_or(0)
}

#[test]
fn the_gateway_does_what_the_standards_permit() {
    let gateway = gateway();
    let mut wrong = Vec::new();
    for case in CASES {
        let Case {
            section,
            name,
            permitted,
            departure,
            ..
        } = case;
        let wanted = match departure {
            None => permitted.to_vec(),
            Some(Departure { does, reason }) => {
                assert!(
                    !reason.is_empty() && !permitted.contains(does),
                    "{section}: {name}"
                );
                vec![*does]
            }
        };
        let does = deed(&gateway, case, &wanted);
        if !wanted.contains(&does) {
            wrong.push(format!(
                "{section}: {name}: {does:?}, not one of {wanted:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(CASES.len(), 171, "cases");
}

#[test]
fn no_two_cases_have_the_same_name() {
    let mut names: Vec<_> = CASES.iter().map(|case| (case.section, case.name)).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

/// The length of the next DATA frame.
fn next_data(client: &mut Frames) -> usize {
    loop {
        let frame = client.next().expect("the response");
        if frame.kind == DATA {
            return frame.payload.len();
        }
    }
}

/// Whether no DATA frame comes before the connection is settled.
fn is_silent(client: &mut Frames) -> bool {
    // What is sent in answer may come behind the first sign.
    (0..2).all(|_| {
        let frames = client.settle().expect("an open connection");
        frames.iter().all(|frame| frame.kind != DATA)
    })
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

fn initial_window(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat())
}

/// RFC 9113 §6.9.1, §6.9.2.
#[test]
fn a_response_keeps_to_its_windows_however_they_change() {
    let gateway = gateway();
    let get = frame(HEADERS, 5, 1, b"\x82\x86\x84\x41\x06a.test");

    // One byte at a time.
    let mut client = Frames::connect(gateway.address);
    client.send(&[PREFACE, &initial_window(1), &get].concat());
    assert_eq!(next_data(&mut client), 1);
    for _ in 0..3 {
        assert!(is_silent(&mut client), "the window is 0");
        client.send(&window_update(1, 1));
        assert_eq!(next_data(&mut client), 1);
    }

    // A window that new settings open, and one that they make negative.
    let mut client = Frames::connect(gateway.address);
    client.send(&[PREFACE, &initial_window(0), &get].concat());
    while client.next().expect("a response").kind != HEADERS {}
    assert!(is_silent(&mut client), "the window is 0");
    client.send(&initial_window(3));
    assert_eq!(next_data(&mut client), 3);
    client.send(&[initial_window(1), window_update(1, 2)].concat());
    assert!(is_silent(&mut client), "the window is 0");
    client.send(&window_update(1, 2));
    assert_eq!(next_data(&mut client), 2);
    assert!(is_silent(&mut client), "the window is 0");
}
