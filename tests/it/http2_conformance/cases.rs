//! The cases, by section of the standards.

use super::Deed::{Acknowledge, Answer, Close, Goaway, Http1, Ignore, Pong, Reset};
use super::{Deed, Departure, PREFACE};
use crate::support::{codes, frame, kinds};
use codes::{
    COMPRESSION_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, REFUSED_STREAM,
    STREAM_CLOSED,
};
use kinds::{
    CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE,
};

/// The bytes of a client, and the reactions that a server may have.
pub(super) struct Case {
    /// The section of RFC 9113, or of RFC 7541 with `hpack` before it.
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    /// The whole connection, from its preface on.
    pub(super) sent: fn() -> Vec<u8>,
    pub(super) permitted: &'static [Deed],
    pub(super) departure: Option<Departure>,
}

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITIZED: u8 = 0x20;
/// A whole request without a body.
const WHOLE: u8 = END_STREAM | END_HEADERS;

/// `:method: GET`, `:scheme: http`, `:path: /`, `:authority: a.test`.
const GET: &[u8] = b"\x82\x86\x84\x41\x06a.test";
/// The same with `:method: POST`.
const POST: &[u8] = b"\x83\x86\x84\x41\x06a.test";

/// The largest frame that a server takes that says nothing else: RFC 9113 §6.5.2.
const MAX_FRAME: usize = 16_384;

/// A connection with empty settings and these frames.
fn after_start(frames: &[Vec<u8>]) -> Vec<u8> {
    let start = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[])];
    [&start, frames].concat().concat()
}

fn headers(flags: u8, stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, flags, stream, block)
}

/// A request that is open: its body is still to come.
fn open() -> Vec<u8> {
    headers(END_HEADERS, 1, POST)
}

/// A whole request.
fn get() -> Vec<u8> {
    headers(WHOLE, 1, GET)
}

/// A request of `GET` and other fields.
fn get_with(fields: &[u8]) -> Vec<u8> {
    headers(WHOLE, 1, &[GET, fields].concat())
}

/// A field that is not indexed, with a name of its own.
fn field(name: &str, value: &str) -> Vec<u8> {
    let (name_length, value_length) = (name.len() as u8, value.len() as u8);
    let name = [&[0, name_length], name.as_bytes()].concat();
    [&name[..], &[value_length], value.as_bytes()].concat()
}

fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

fn setting(identifier: u16, value: u32) -> Vec<u8> {
    let setting = [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &setting)
}

/// A dependency on a stream, and a weight: RFC 9113 §6.3.
fn priority(stream: u32, depends_on: u32) -> Vec<u8> {
    frame(
        PRIORITY,
        0,
        stream,
        &[&depends_on.to_be_bytes()[..], &[9]].concat(),
    )
}

const fn case(
    section: &'static str,
    name: &'static str,
    sent: fn() -> Vec<u8>,
    permitted: &'static [Deed],
) -> Case {
    Case {
        section,
        name,
        sent,
        permitted,
        departure: None,
    }
}

/// A case for which the gateway departs from the standards.
const fn departs(does: Deed, reason: &'static str, case: Case) -> Case {
    let Case {
        section,
        name,
        sent,
        permitted,
        ..
    } = case;
    let departure = Some(Departure { does, reason });
    Case {
        section,
        name,
        sent,
        permitted,
        departure,
    }
}

const SERVED: &[Deed] = &[Answer(1, 200)];
const IGNORED: &[Deed] = &[Ignore];
/// A malformed request: RFC 9113 §8.1.1. A server may say so with a response.
const MALFORMED: &[Deed] = &[
    Reset(1, PROTOCOL_ERROR),
    Goaway(PROTOCOL_ERROR),
    Answer(1, 400),
];
const PROTOCOL: &[Deed] = &[Goaway(PROTOCOL_ERROR)];
const SIZE: &[Deed] = &[Goaway(FRAME_SIZE_ERROR)];
const FLOW: &[Deed] = &[Goaway(FLOW_CONTROL_ERROR)];
const COMPRESSION: &[Deed] = &[Goaway(COMPRESSION_ERROR)];
/// A stream that the client has ended, or that was reset: an error of the stream or of the connection.
const CLOSED: &[Deed] = &[Reset(1, STREAM_CLOSED), Goaway(STREAM_CLOSED)];

/// The reasons of departures. All of them lie in the h2 crate, and none lets a client do more than it may.
const ONE_CODE: &str = "h2 ends the connection, and has one code for all frames and header blocks that \
                        it can't read";
const ENDED: &str = "h2 takes what comes behind the end of a stream for an error of the connection";
const LATE_SETTINGS: &str = "h2 takes the first SETTINGS frame whenever it comes";
const TRAILERS: &str =
    "h2 leaves trailers to the application, and the gateway does not forward them";

// One case per line.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // --- What every client does
    case("3.4", "an empty SETTINGS frame and nothing else", || after_start(&[]), IGNORED),
    case("5.1", "a priority of an idle stream", || after_start(&[priority(1, 0), get()]), SERVED),
    case("5.1", "a window for a stream that is half closed", || after_start(&[get(), window_update(1, 100)]), SERVED),
    case("5.1", "a priority for a stream that is half closed", || after_start(&[get(), priority(1, 0)]), SERVED),
    case("5.1", "a reset of a stream that is half closed", || after_start(&[get(), reset(1)]), IGNORED),
    case("5.1", "a priority for a stream that is closed", || after_start(&[get(), reset(1), priority(1, 0)]), IGNORED),
    case("5.1", "a window for a stream that was just reset", || after_start(&[open(), reset(1), window_update(1, 9)]), IGNORED),
    case("5.1", "a reset of a stream that was just reset", || after_start(&[open(), reset(1), reset(1)]), IGNORED),
    case("6.1", "a body in one DATA frame", || after_start(&[open(), frame(DATA, END_STREAM, 1, b"body")]), SERVED),
    case("6.1", "a body in several DATA frames", || after_start(&[open(), frame(DATA, 0, 1, b"bo"), frame(DATA, END_STREAM, 1, b"dy")]), SERVED),
    case("6.1", "a body with padding", || after_start(&[open(), frame(DATA, END_STREAM | PADDED, 1, b"\x02body\0\0")]), SERVED),
    case("6.1", "an empty body", || after_start(&[open(), frame(DATA, END_STREAM, 1, b"")]), SERVED),
    case("6.2", "a request in one HEADERS frame", || after_start(&[get()]), SERVED),
    case("6.2", "a header block with padding", || after_start(&[headers(WHOLE | PADDED, 1, &[b"\x03", GET, b"\0\0\0"].concat())]), SERVED),
    case("6.2", "a header block with a priority", || after_start(&[headers(WHOLE | PRIORITIZED, 1, &[b"\0\0\0\0\x09", GET].concat())]), SERVED),
    case("6.3", "priorities among streams", || after_start(&[priority(3, 0), priority(5, 3), get()]), SERVED),
    case("6.5", "settings with a value of their own", || after_start(&[setting(3, 100), get()]), SERVED),
    case("6.7", "a ping", || after_start(&[frame(PING, 0, 0, b"12345678")]), &[Pong]),
    case("6.10", "a header block in two frames", || after_start(&[headers(END_STREAM, 1, &GET[..3]), frame(CONTINUATION, END_HEADERS, 1, &GET[3..])]), SERVED),
    case("6.10", "a header block in four frames, one of them empty", || after_start(&[headers(END_STREAM, 1, &GET[..1]), frame(CONTINUATION, 0, 1, &GET[1..2]), frame(CONTINUATION, 0, 1, b""), frame(CONTINUATION, END_HEADERS, 1, &GET[2..])]), SERVED),
    case("8.1", "a body and trailers", || after_start(&[open(), frame(DATA, 0, 1, b"body"), headers(WHOLE, 1, &field("x-trailer", "1"))]), SERVED),
    case("8.3.1", "a HEAD request", || after_start(&[headers(WHOLE, 1, b"\x42\x04HEAD\x86\x84\x41\x06a.test")]), SERVED),
    case("8.3.1", "`*` as the path of OPTIONS", || after_start(&[headers(WHOLE, 1, b"\x42\x07OPTIONS\x86\x44\x01*\x41\x06a.test")]), &[Answer(1, 204), Answer(1, 200)]),
    case("8.8.4", "two requests, one behind the other", || after_start(&[get(), headers(WHOLE, 3, GET)]), &[Answer(3, 200)]),
    case("hpack 6.1", "fields from the static table", || after_start(&[get()]), SERVED),
    case("hpack 6.1", "a field from the dynamic table", || after_start(&[get(), headers(WHOLE, 3, b"\x82\x86\x84\xbe")]), &[Answer(3, 200)]),
    case("hpack 6.2.1", "a field that is to be indexed, with an indexed name", || after_start(&[get_with(b"\x7a\x01x")]), SERVED),
    case("hpack 6.2.1", "a field that is to be indexed, with a new name", || after_start(&[get_with(b"\x40\x01x\x01y")]), SERVED),
    case("hpack 6.2.2", "a field that is not indexed, with an indexed name", || after_start(&[get_with(b"\x0f\x2b\x01x")]), SERVED),
    case("hpack 6.2.2", "a field that is not indexed, with a new name", || after_start(&[get_with(b"\x00\x01x\x01y")]), SERVED),
    case("hpack 6.2.3", "a field that is never indexed, with an indexed name", || after_start(&[get_with(b"\x1f\x2b\x01x")]), SERVED),
    case("hpack 6.2.3", "a field that is never indexed, with a new name", || after_start(&[get_with(b"\x10\x01x\x01y")]), SERVED),
    case("hpack 6.3", "a smaller table", || after_start(&[headers(WHOLE, 1, &[b"\x30", GET].concat())]), SERVED),
    case("hpack 6.3", "a table of 0, and then of the size that it had", || after_start(&[headers(WHOLE, 1, &[b"\x20\x3f\xe1\x1f", GET].concat())]), SERVED),
    case("hpack 5.2", "text in the Huffman code", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff")]), SERVED),

    // --- Starting HTTP/2
    case("3.4", "a preface that is another protocol's", || b"SPDY * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[Close, Goaway(PROTOCOL_ERROR), Http1(400), Http1(505)]),
    case("3.4", "a preface whose second half is wrong", || b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), &[Close, Goaway(PROTOCOL_ERROR), Http1(400), Http1(505)]),
    departs(Answer(1, 200), LATE_SETTINGS, case("3.4", "a first frame that is not SETTINGS", || [PREFACE.to_vec(), frame(PING, 0, 0, &[0; 8]), get()].concat(), &[Goaway(PROTOCOL_ERROR)])),

    // --- Frames
    case("4.1", "a frame of an unknown kind", || after_start(&[frame(0xbe, 0, 0, b"what"), get()]), SERVED),
    case("4.1", "flags that a frame does not have", || after_start(&[frame(PING, 0x16, 0, b"12345678")]), &[Pong]),
    case("4.1", "the reserved bit of the stream's number", || after_start(&[headers(WHOLE, 1 | 1 << 31, GET)]), SERVED),
    case("4.2", "a DATA frame as large as may be", || after_start(&[open(), frame(DATA, END_STREAM, 1, &[b'x'; MAX_FRAME])]), SERVED),
    case("4.2", "a DATA frame that is too large", || after_start(&[open(), frame(DATA, END_STREAM, 1, &[b'x'; MAX_FRAME + 1])]), &[Goaway(FRAME_SIZE_ERROR), Reset(1, FRAME_SIZE_ERROR)]),
    case("4.2", "a HEADERS frame that is too large", || after_start(&[get_with(&field("x", &"y".repeat(100)).repeat(200))]), SIZE),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("4.3", "a header block that can not be decoded", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x84\x40")]), COMPRESSION)),
    case("4.3", "a PRIORITY frame in a header block", || after_start(&[headers(END_STREAM, 1, GET), priority(1, 0), frame(CONTINUATION, END_HEADERS, 1, b"")]), PROTOCOL),
    case("4.3", "another stream's HEADERS frame in a header block", || after_start(&[headers(END_STREAM, 1, GET), headers(WHOLE, 3, GET)]), PROTOCOL),

    // --- States of streams
    case("5.1", "idle: DATA", || after_start(&[frame(DATA, END_STREAM, 1, b"x")]), PROTOCOL),
    case("5.1", "idle: RST_STREAM", || after_start(&[reset(1)]), PROTOCOL),
    case("5.1", "idle: WINDOW_UPDATE", || after_start(&[window_update(1, 100)]), PROTOCOL),
    case("5.1", "idle: CONTINUATION", || after_start(&[frame(CONTINUATION, END_HEADERS, 1, GET)]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("5.1", "half closed: DATA", || after_start(&[get(), frame(DATA, END_STREAM, 1, b"x")]), CLOSED)),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("5.1", "half closed: HEADERS", || after_start(&[get(), headers(WHOLE, 1, GET)]), CLOSED)),
    case("5.1", "half closed: CONTINUATION", || after_start(&[get(), frame(CONTINUATION, END_HEADERS, 1, b"")]), &[Goaway(PROTOCOL_ERROR), Goaway(STREAM_CLOSED), Reset(1, STREAM_CLOSED)]),
    case("5.1", "reset: DATA", || after_start(&[open(), reset(1), frame(DATA, END_STREAM, 1, b"x")]), CLOSED),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("5.1", "reset: HEADERS", || after_start(&[open(), reset(1), headers(WHOLE, 1, GET)]), CLOSED)),
    case("5.1", "reset: CONTINUATION", || after_start(&[open(), reset(1), frame(CONTINUATION, END_HEADERS, 1, b"")]), &[Goaway(PROTOCOL_ERROR), Goaway(STREAM_CLOSED), Reset(1, STREAM_CLOSED)]),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("5.1", "ended: DATA", || after_start(&[open(), frame(DATA, END_STREAM, 1, b"x"), frame(DATA, END_STREAM, 1, b"x")]), CLOSED)),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("5.1", "ended: HEADERS", || after_start(&[open(), frame(DATA, END_STREAM, 1, b"x"), headers(WHOLE, 1, GET)]), CLOSED)),
    case("5.1", "ended: CONTINUATION", || after_start(&[open(), frame(DATA, END_STREAM, 1, b"x"), frame(CONTINUATION, END_HEADERS, 1, b"")]), &[Goaway(PROTOCOL_ERROR), Goaway(STREAM_CLOSED)]),
    case("5.1.1", "a stream with an even number", || after_start(&[headers(WHOLE, 2, GET)]), PROTOCOL),
    case("5.1.1", "a stream with a smaller number than one before", || after_start(&[headers(WHOLE, 5, GET), headers(WHOLE, 3, GET)]), PROTOCOL),
    case("5.1.1", "a stream of number 0", || after_start(&[headers(WHOLE, 0, GET)]), PROTOCOL),
    case("5.1.2", "one stream more than may be open", || after_start(&(0..101).map(|n| headers(END_HEADERS, 2 * n + 1, POST)).collect::<Vec<_>>()), &[Reset(201, REFUSED_STREAM), Reset(201, PROTOCOL_ERROR), Goaway(PROTOCOL_ERROR)]),
    case("5.3.2", "a header block whose stream depends on itself", || after_start(&[headers(WHOLE | PRIORITIZED, 1, &[b"\0\0\0\x01\x09", GET].concat())]), &[Reset(1, PROTOCOL_ERROR), Goaway(PROTOCOL_ERROR), Answer(1, 200)]),
    case("5.3.2", "a priority of a stream that depends on itself", || after_start(&[priority(1, 1)]), &[Reset(1, PROTOCOL_ERROR), Goaway(PROTOCOL_ERROR), Ignore]),
    case("5.4.1", "an error of the connection ends it", || after_start(&[frame(PING, 0, 1, &[0; 8])]), PROTOCOL),
    case("5.5", "a frame of an unknown kind on a stream", || after_start(&[open(), frame(0xbe, 0, 1, b"what"), frame(DATA, END_STREAM, 1, b"x")]), SERVED),
    case("5.5", "a frame of an unknown kind in a header block", || after_start(&[headers(END_STREAM, 1, GET), frame(0xbe, 0, 1, b"what"), frame(CONTINUATION, END_HEADERS, 1, b"")]), PROTOCOL),

    // --- DATA
    case("6.1", "DATA for the connection", || after_start(&[frame(DATA, END_STREAM, 0, b"x")]), PROTOCOL),
    case("6.1", "DATA with more padding than payload", || after_start(&[open(), frame(DATA, END_STREAM | PADDED, 1, b"\x06body")]), PROTOCOL),
    case("6.1", "DATA with a padding as long as the payload", || after_start(&[open(), frame(DATA, END_STREAM | PADDED, 1, b"\x05body")]), PROTOCOL),
    case("6.1", "DATA without the length of its padding", || after_start(&[open(), frame(DATA, END_STREAM | PADDED, 1, b"")]), &[Goaway(FRAME_SIZE_ERROR), Goaway(PROTOCOL_ERROR), Reset(1, FRAME_SIZE_ERROR)]),
    case("6.1", "a padding that is all of the payload", || after_start(&[open(), frame(DATA, END_STREAM | PADDED, 1, b"\x03\0\0\0")]), SERVED),

    // --- HEADERS
    case("6.2", "HEADERS with more padding than payload", || after_start(&[headers(WHOLE | PADDED, 1, &[b"\xff", GET].concat())]), PROTOCOL),
    case("6.2", "HEADERS too short for a priority", || after_start(&[headers(WHOLE | PRIORITIZED, 1, b"\0\0\0")]), &[Goaway(FRAME_SIZE_ERROR), Goaway(PROTOCOL_ERROR), Reset(1, FRAME_SIZE_ERROR)]),
    case("6.2", "HEADERS and then DATA, without the block's end", || after_start(&[headers(0, 1, POST), frame(DATA, END_STREAM, 1, b"x")]), PROTOCOL),
    case("6.2", "HEADERS and then a ping, without the block's end", || after_start(&[headers(0, 1, POST), frame(PING, 0, 0, &[0; 8])]), PROTOCOL),

    // --- PRIORITY
    case("6.3", "a priority for the connection", || after_start(&[priority(0, 1)]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.3", "a priority that is too short", || after_start(&[open(), frame(PRIORITY, 0, 1, &[0; 4])]), &[Reset(1, FRAME_SIZE_ERROR), Goaway(FRAME_SIZE_ERROR)])),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.3", "a priority that is too long", || after_start(&[open(), frame(PRIORITY, 0, 1, &[0; 6])]), &[Reset(1, FRAME_SIZE_ERROR), Goaway(FRAME_SIZE_ERROR)])),

    // --- RST_STREAM
    case("6.4", "a reset of the connection", || after_start(&[reset(0)]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.4", "a reset that is too short", || after_start(&[open(), frame(RST_STREAM, 0, 1, &[0; 3])]), SIZE)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.4", "a reset that is too long", || after_start(&[open(), frame(RST_STREAM, 0, 1, &[0; 5])]), SIZE)),

    // --- SETTINGS
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.5", "an acknowledgement with a payload", || after_start(&[frame(SETTINGS, ACK, 0, &[0; 6])]), SIZE)),
    case("6.5", "settings of a stream", || after_start(&[frame(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 9])]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.5", "settings of a length that is not a multiple of 6", || after_start(&[frame(SETTINGS, 0, 0, &[0, 3, 0])]), SIZE)),
    case("6.5.2", "a push setting that is neither 0 nor 1", || after_start(&[setting(2, 2)]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.5.2", "an initial window that is too wide", || after_start(&[setting(4, 1 << 31)]), FLOW)),
    case("6.5.2", "frames smaller than may be", || after_start(&[setting(5, 16_383)]), PROTOCOL),
    case("6.5.2", "frames larger than may be", || after_start(&[setting(5, 1 << 24)]), PROTOCOL),
    case("6.5.2", "an unknown setting", || after_start(&[setting(0xff, 9), get()]), SERVED),
    case("6.5.3", "a setting is acknowledged", || after_start(&[setting(4, 100)]), &[Acknowledge]),
    case("6.5.3", "a setting twice in a frame", || after_start(&[frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0xff, 0xff]), get()]), SERVED),

    // --- PUSH_PROMISE
    case("8.4", "a promise by the client", || after_start(&[open(), frame(PUSH_PROMISE, END_HEADERS, 1, &[b"\0\0\0\x02", GET].concat())]), PROTOCOL),

    // --- PING
    case("6.7", "an answer to no ping", || after_start(&[frame(PING, ACK, 0, &[9; 8]), get()]), SERVED),
    case("6.7", "a ping of a stream", || after_start(&[frame(PING, 0, 3, &[0; 8])]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.7", "a ping that is too short", || after_start(&[frame(PING, 0, 0, &[0; 6])]), SIZE)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.7", "a ping that is too long", || after_start(&[frame(PING, 0, 0, &[0; 9])]), SIZE)),

    // --- GOAWAY
    case("6.8", "an end of a stream that is none", || after_start(&[frame(GOAWAY, 0, 1, &[0; 8])]), PROTOCOL),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.8", "an end that is too short", || after_start(&[frame(GOAWAY, 0, 0, &[0; 7])]), SIZE)),

    // --- WINDOW_UPDATE
    case("6.9", "a window of 0 for the connection", || after_start(&[window_update(0, 0)]), PROTOCOL),
    case("6.9", "a window of 0 for a stream", || after_start(&[open(), window_update(1, 0)]), &[Reset(1, PROTOCOL_ERROR), Goaway(PROTOCOL_ERROR)]),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.9", "a window that is too short", || after_start(&[frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])]), SIZE)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("6.9", "a window that is too long", || after_start(&[frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0, 1])]), SIZE)),
    case("6.9", "the reserved bit of a window", || after_start(&[window_update(0, 1 | 1 << 31), get()]), SERVED),
    case("6.9.1", "windows of the connection that are too wide together", || after_start(&[window_update(0, (1 << 31) - 1), window_update(0, 9)]), FLOW),
    case("6.9.1", "windows of a stream that are too wide together", || after_start(&[open(), window_update(1, (1 << 31) - 1), window_update(1, 9)]), &[Reset(1, FLOW_CONTROL_ERROR), Goaway(FLOW_CONTROL_ERROR)]),
    case("6.9.1", "more of a body than the window has room for", || after_start(&[vec![open()], vec![frame(DATA, 0, 1, &[b'x'; MAX_FRAME]); 5000]].concat()), &[Reset(1, FLOW_CONTROL_ERROR), Goaway(FLOW_CONTROL_ERROR)]),
    case("6.9.2", "an initial window that makes one too wide", || after_start(&[open(), window_update(1, (1 << 31) - 1 - 65_535), setting(4, 65_536)]), FLOW),

    // --- CONTINUATION
    case("6.10", "a continuation of the connection", || after_start(&[headers(END_STREAM, 1, GET), frame(CONTINUATION, END_HEADERS, 0, b"")]), PROTOCOL),
    case("6.10", "a continuation of another stream", || after_start(&[headers(END_STREAM, 1, GET), frame(CONTINUATION, END_HEADERS, 3, b"")]), PROTOCOL),
    case("6.10", "a continuation behind a block that has ended", || after_start(&[open(), frame(CONTINUATION, END_HEADERS, 1, b"")]), PROTOCOL),
    case("6.10", "a continuation behind the last one", || after_start(&[headers(0, 1, POST), frame(CONTINUATION, END_HEADERS, 1, b""), frame(CONTINUATION, END_HEADERS, 1, b"")]), PROTOCOL),
    case("6.10", "a continuation behind DATA", || after_start(&[open(), frame(DATA, 0, 1, b"x"), frame(CONTINUATION, END_HEADERS, 1, b"")]), PROTOCOL),
    case("6.10", "another frame behind a continuation", || after_start(&[headers(0, 1, POST), frame(CONTINUATION, 0, 1, b""), frame(DATA, END_STREAM, 1, b"x")]), PROTOCOL),

    // --- Error codes
    case("7", "an end with an unknown code", || after_start(&[frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff])]), &[Close, Ignore]),
    case("7", "a reset with an unknown code", || after_start(&[open(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 0xff]), headers(WHOLE, 3, GET)]), &[Answer(3, 200)]),

    // --- Messages
    case("8.1", "a second header block that does not end the stream", || after_start(&[open(), headers(END_HEADERS, 1, &field("x-trailer", "1"))]), MALFORMED),
    departs(Goaway(PROTOCOL_ERROR), ENDED, case("8.1", "trailers, and data behind them", || after_start(&[open(), headers(WHOLE, 1, &field("x-trailer", "1")), frame(DATA, END_STREAM, 1, b"x")]), CLOSED)),
    case("8.2.1", "an upper-case field name", || after_start(&[get_with(&field("X-Test", "1"))]), MALFORMED),
    case("8.2.1", "an empty field name", || after_start(&[get_with(&field("", "1"))]), MALFORMED),
    case("8.2.1", "a field name with a blank", || after_start(&[get_with(&field("x test", "1"))]), MALFORMED),
    case("8.2.1", "a field name with a colon", || after_start(&[get_with(&field("x:test", "1"))]), MALFORMED),
    case("8.2.1", "a field value with a line feed", || after_start(&[get_with(&field("x", "a\nb: c"))]), MALFORMED),
    case("8.2.1", "a field value with a carriage return", || after_start(&[get_with(&field("x", "a\rb"))]), MALFORMED),
    case("8.2.1", "a field value with a zero byte", || after_start(&[get_with(&field("x", "a\0b"))]), MALFORMED),
    case("8.2.1", "a field value that begins with a blank", || after_start(&[get_with(&field("x", " a"))]), MALFORMED),
    case("8.2.1", "a field value that ends with a tab", || after_start(&[get_with(&field("x", "a\t"))]), MALFORMED),
    case("8.2.2", "Connection", || after_start(&[get_with(&field("connection", "keep-alive"))]), MALFORMED),
    case("8.2.2", "Keep-Alive", || after_start(&[get_with(&field("keep-alive", "timeout=5"))]), MALFORMED),
    case("8.2.2", "Proxy-Connection", || after_start(&[get_with(&field("proxy-connection", "close"))]), MALFORMED),
    case("8.2.2", "Transfer-Encoding", || after_start(&[get_with(&field("transfer-encoding", "chunked"))]), MALFORMED),
    case("8.2.2", "Upgrade", || after_start(&[get_with(&field("upgrade", "h2c"))]), MALFORMED),
    case("8.2.2", "TE that asks for trailers", || after_start(&[get_with(&field("te", "trailers"))]), SERVED),
    case("8.2.2", "TE that asks for more", || after_start(&[get_with(&field("te", "trailers, deflate"))]), MALFORMED),
    case("8.3", "an unknown pseudo-header field", || after_start(&[headers(WHOLE, 1, &[GET, &field(":test", "1")].concat())]), MALFORMED),
    case("8.3", "a pseudo-header field of responses", || after_start(&[get_with(b"\x88")]), MALFORMED),
    departs(Answer(1, 200), TRAILERS, case("8.3", "a pseudo-header field in trailers", || after_start(&[open(), headers(WHOLE, 1, b"\x82")]), MALFORMED)),
    case("8.3", "a pseudo-header field behind a field", || after_start(&[headers(WHOLE, 1, &[b"\x82\x86\x41\x06a.test", &field("x", "1")[..], b"\x84"].concat())]), MALFORMED),
    case("8.3.1", "an empty path", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x44\x00\x41\x06a.test")]), MALFORMED),
    case("8.3.1", "no method", || after_start(&[headers(WHOLE, 1, b"\x86\x84\x41\x06a.test")]), MALFORMED),
    case("8.3.1", "no scheme", || after_start(&[headers(WHOLE, 1, b"\x82\x84\x41\x06a.test")]), MALFORMED),
    case("8.3.1", "no path", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x41\x06a.test")]), MALFORMED),
    case("8.3.1", "no authority and no Host", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x84")]), MALFORMED),
    case("8.3.1", "Host in place of the authority", || after_start(&[headers(WHOLE, 1, &[b"\x82\x86\x84", &field("host", "a.test")[..]].concat())]), SERVED),
    case("8.3.1", "an authority and another Host", || after_start(&[get_with(&field("host", "b.test"))]), MALFORMED),
    case("8.3.1", "an authority with user information", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x84\x41\x08u@a.test")]), MALFORMED),
    case("8.3.1", "two methods", || after_start(&[headers(WHOLE, 1, &[b"\x82", GET].concat())]), MALFORMED),
    case("8.3.1", "two schemes", || after_start(&[headers(WHOLE, 1, &[b"\x86", GET].concat())]), MALFORMED),
    case("8.3.1", "two paths", || after_start(&[headers(WHOLE, 1, &[b"\x84", GET].concat())]), MALFORMED),
    case("8.3.1", "two authorities", || after_start(&[get_with(b"\x41\x06b.test")]), MALFORMED),
    case("8.3.1", "a path that does not begin with a slash", || after_start(&[headers(WHOLE, 1, b"\x82\x86\x44\x01a\x41\x06a.test")]), MALFORMED),
    case("8.5", "CONNECT with a path", || after_start(&[headers(WHOLE, 1, b"\x42\x07CONNECT\x86\x84\x41\x06a.test")]), &[Reset(1, PROTOCOL_ERROR), Goaway(PROTOCOL_ERROR), Answer(1, 400), Answer(1, 405)]),
    case("8.1.1", "a body shorter than its length", || after_start(&[headers(END_HEADERS, 1, &[POST, &field("content-length", "9")].concat()), frame(DATA, END_STREAM, 1, b"body")]), MALFORMED),
    case("8.1.1", "a body longer than its length, in one frame", || after_start(&[headers(END_HEADERS, 1, &[POST, &field("content-length", "1")].concat()), frame(DATA, END_STREAM, 1, b"body")]), MALFORMED),
    case("8.1.1", "a body longer than its length, in two frames", || after_start(&[headers(END_HEADERS, 1, &[POST, &field("content-length", "5")].concat()), frame(DATA, 0, 1, b"body"), frame(DATA, END_STREAM, 1, b"body")]), MALFORMED),
    case("8.1.1", "no body, and a length", || after_start(&[headers(WHOLE, 1, &[POST, &field("content-length", "9")].concat())]), MALFORMED),
    case("8.1.1", "two lengths that differ", || after_start(&[headers(END_HEADERS, 1, &[POST, &field("content-length", "4"), &field("content-length", "5")].concat()), frame(DATA, END_STREAM, 1, b"body")]), MALFORMED),
    case("8.1.1", "a length that is not a number", || after_start(&[headers(END_HEADERS, 1, &[POST, &field("content-length", "+4")].concat()), frame(DATA, END_STREAM, 1, b"body")]), MALFORMED),

    // --- HPACK
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 2.3.3", "an index beyond the tables", || after_start(&[get_with(b"\xff\x7f")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 2.3.3", "a name's index beyond the tables", || after_start(&[get_with(b"\x7f\x7f\x01x")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 4.2", "a change of the table's size at the end of a block", || after_start(&[get_with(b"\x30")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 4.2", "a change of the table's size between fields", || after_start(&[headers(WHOLE, 1, b"\x82\x30\x86\x84\x41\x06a.test")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 5.1", "an integer without an end", || after_start(&[get_with(&[&[0xff][..], &[0x80; 40], &[0]].concat())]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 5.2", "text that is longer than its block", || after_start(&[get_with(b"\x00\x01x\x7fy")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 5.2", "a padding of more than 7 bits", || after_start(&[get_with(b"\x00\x01x\x82\xf9\xff")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 5.2", "a padding of zeros", || after_start(&[get_with(b"\x00\x01x\x81\x18")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 5.2", "the end of the code in a text", || after_start(&[get_with(b"\x00\x01x\x85\x1f\xff\xff\xff\xff")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 6.1", "the index 0", || after_start(&[get_with(b"\x80")]), COMPRESSION)),
    departs(Goaway(PROTOCOL_ERROR), ONE_CODE, case("hpack 6.3", "a table larger than may be", || after_start(&[headers(WHOLE, 1, &[b"\x3f\xe2\x1f", GET].concat())]), COMPRESSION)),
];
