//! The outlines of HTTP/2's frames: where one ends, how many fields a header block has, and what a frame
//! costs that carries no request. RFC 9113 §4.1, §10.5.

use super::header_block::HeaderBlock;

/// The first bytes of a connection, before its frames: RFC 9113 §3.4.
pub const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEADER: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Bytes of the length of a frame's padding.
const PAD_LENGTH: u32 = 1;
/// Bytes of the priority in a HEADERS frame: RFC 9113 §6.2.
const PRIORITY_LENGTH: u32 = 5;

/// Cost of a request that the client takes back. Its upstream may have been asked already.
const RESET_COST: i64 = 10;
/// Length of a frame's payload that costs as much as the frame itself.
const COSTLY_LENGTH: u32 = 64;
/// Cost that a request makes up for: of the frames that clients send with it, such as its priority, two
/// windows, and a ping.
const REQUEST_CREDIT: i64 = 4;

/// The place of a connection in its sequence of frames.
#[derive(Debug)]
pub struct Frames {
    /// Received bytes of the next frame's header.
    header: [u8; FRAME_HEADER],
    header_len: usize,
    /// Bytes still to come of the frame, or at first of the preface.
    payload: u32,
    frame: Frame,
    /// The header block that has begun and not ended.
    block: Option<HeaderBlock>,
    /// Maximum number of fields of a header block.
    max_fields: usize,
    has_excess: bool,
    /// Cost of the frames that have begun since it was taken last.
    cost: i64,
}

/// The frame whose payload is read.
#[derive(Debug)]
enum Frame {
    Data,
    /// HEADERS or CONTINUATION: a piece of a header block.
    Fragment(Fragment),
    Other,
}

#[derive(Debug)]
struct Fragment {
    /// Bytes still to come before the piece.
    ahead: u32,
    /// Whether the first of these is the length of the padding, and has not come yet.
    is_padded: bool,
    /// Length of the padding behind the piece.
    padding: u32,
    ends_block: bool,
}

// === impl Frames ===

impl Frames {
    /// Starts with a connection of which nothing has come, not even the preface. A header block has an
    /// excess with more than `max_fields`.
    pub fn new(max_fields: usize) -> Self {
        Self {
            header: [0; FRAME_HEADER],
            header_len: 0,
            // 24 bytes.
            payload: PREFACE.len() as u32,
            frame: Frame::Other,
            block: None,
            max_fields,
            has_excess: false,
            cost: 0,
        }
    }

    /// Returns whether nothing is unfinished that has to be finished in time. A body may take its
    /// time.
    pub fn is_idle(&self) -> bool {
        let is_data = matches!(self.frame, Frame::Data);
        self.header_len == 0 && (self.payload == 0 || is_data) && self.block.is_none()
    }

    /// Whether a header block had too many fields.
    pub fn has_excess(&self) -> bool {
        self.has_excess
    }

    /// Takes the cost of the frames that have begun since the last call: 1 for one that carries neither a
    /// request nor a part of its body, more for a long one and for a reset, less for requests.
    pub fn take_cost(&mut self) -> i64 {
        std::mem::take(&mut self.cost)
    }

    /// Goes on by `bytes`; returns whether something was finished on the way.
    pub fn advance(&mut self, mut bytes: &[u8]) -> bool {
        let mut has_finished = false;
        while !bytes.is_empty() {
            if self.payload > 0 {
                let (piece, rest) = bytes.split_at(bytes.len().min(self.payload as usize));
                bytes = rest;
                // No more than `payload`, which is a u32.
                self.payload -= piece.len() as u32;
                self.read_payload(piece);
            } else {
                let n = bytes.len().min(FRAME_HEADER - self.header_len);
                self.header[self.header_len..][..n].copy_from_slice(&bytes[..n]);
                self.header_len += n;
                bytes = &bytes[n..];
                if self.header_len == FRAME_HEADER {
                    self.start_frame();
                }
            }
            has_finished |= self.is_idle();
        }
        has_finished
    }

    fn start_frame(&mut self) {
        let [a, b, c, kind, flags, ..] = self.header;
        self.header_len = 0;
        self.payload = u32::from_be_bytes([0, a, b, c]);
        self.cost += cost(kind, flags, self.payload);
        self.frame = match kind {
            DATA => Frame::Data,
            HEADERS | CONTINUATION => Frame::Fragment(Fragment::new(kind, flags)),
            _ => Frame::Other,
        };
        if let Frame::Fragment(_) = self.frame {
            self.block.get_or_insert(HeaderBlock::new());
            // It may be empty.
            self.read_payload(&[]);
        }
    }

    /// Reads the next piece of a frame's payload, behind which `payload` more bytes come.
    fn read_payload(&mut self, piece: &[u8]) {
        let (Frame::Fragment(fragment), Some(block)) = (&mut self.frame, &mut self.block) else {
            return;
        };
        block.advance(fragment.of_block(piece, self.payload));
        self.has_excess |= block.fields() > self.max_fields;
        if fragment.ends_block && self.payload == 0 {
            self.block = None;
        }
    }
}

/// Returns the cost of a frame.
fn cost(kind: u8, flags: u8, payload: u32) -> i64 {
    match kind {
        // Small ones are bounded by the h2 crate.
        DATA if payload > 0 || flags & END_STREAM != 0 => 0,
        HEADERS => -REQUEST_CREDIT,
        RST_STREAM => RESET_COST,
        _ => 1 + i64::from(payload / COSTLY_LENGTH),
    }
}

// === impl Fragment ===

impl Fragment {
    fn new(kind: u8, flags: u8) -> Self {
        // CONTINUATION has neither.
        let has = |flag: u8| kind == HEADERS && flags & flag != 0;
        let length = |flag: u8, length: u32| if has(flag) { length } else { 0 };
        Self {
            ahead: length(PADDED, PAD_LENGTH) + length(PRIORITY, PRIORITY_LENGTH),
            is_padded: has(PADDED),
            padding: 0,
            ends_block: flags & END_HEADERS != 0,
        }
    }

    /// Returns the bytes of the block in a piece of the payload, behind which `left` more bytes come.
    fn of_block<'b>(&mut self, mut piece: &'b [u8], left: u32) -> &'b [u8] {
        while self.ahead > 0
            && let Some((&byte, rest)) = piece.split_first()
        {
            if std::mem::take(&mut self.is_padded) {
                self.padding = byte.into();
            }
            self.ahead -= 1;
            piece = rest;
        }
        let padding = self.padding.saturating_sub(left) as usize;
        &piece[..piece.len().saturating_sub(padding)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 256;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut frame = (payload as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(vec![0; payload]);
        frame
    }

    /// Returns whether the connection is idle after each byte.
    fn idle(bytes: &[u8]) -> Vec<bool> {
        let mut outline = Frames::new(MOST);
        let idle = |byte: &u8| {
            outline.advance(&[*byte]);
            outline.is_idle()
        };
        bytes.iter().map(idle).collect()
    }

    #[test]
    fn a_connection_is_idle_between_frames_and_within_a_body() {
        let preface = PREFACE.as_bytes().to_vec();
        for (name, frames, busy) in [
            ("nothing", vec![], 23),
            ("settings", frame(0x4, 0, 6), 23 + 14),
            ("headers", frame(HEADERS, END_HEADERS, 5), 23 + 13),
            ("empty settings", frame(0x4, 1, 0), 23 + 8),
            ("data", frame(DATA, 0, 100), 23 + 8),
            (
                "a header block in three frames",
                [
                    frame(HEADERS, 0, 3),
                    frame(CONTINUATION, 0, 3),
                    frame(CONTINUATION, END_HEADERS, 3),
                ]
                .concat(),
                23 + 12 + 12 + 11,
            ),
        ] {
            let bytes = [preface.clone(), frames].concat();
            let states = idle(&bytes);
            assert_eq!(states.iter().filter(|idle| !**idle).count(), busy, "{name}");
            assert_eq!(states.last(), Some(&true), "{name}");
            // However the bytes are cut, the end is the same.
            for cut in 0..bytes.len() {
                let mut outline = Frames::new(MOST);
                outline.advance(&bytes[..cut]);
                outline.advance(&bytes[cut..]);
                assert!(outline.is_idle(), "{name}, cut at {cut}");
            }
        }
    }

    #[test]
    fn frames_that_carry_no_request_cost_something() {
        let (settings, priority, ping, window_update) = (0x4, 0x2, 0x6, 0x8);
        for (name, frames, expected) in [
            ("nothing but the preface", vec![], 0),
            (
                "a request",
                frame(HEADERS, END_HEADERS | END_STREAM, 30),
                -4,
            ),
            (
                "a request with a body",
                [
                    frame(HEADERS, 0, 3),
                    frame(CONTINUATION, END_HEADERS, 3),
                    frame(DATA, 0, 9),
                ]
                .concat(),
                -3,
            ),
            ("a ping", frame(ping, 0, 8), 1),
            ("settings", frame(settings, 0, 36), 1),
            ("many settings", frame(settings, 0, 6 * 1000), 94),
            ("a priority", frame(priority, 0, 5), 1),
            ("a window", frame(window_update, 0, 4), 1),
            ("a frame of an unknown kind", frame(0xbe, 0, 640), 11),
            ("a part of a body", frame(DATA, 0, 1), 0),
            ("an empty one", frame(DATA, 0, 0), 1),
            ("the end of a body", frame(DATA, END_STREAM, 0), 0),
            (
                "a request that is taken back",
                [frame(HEADERS, END_HEADERS, 30), frame(RST_STREAM, 0, 4)].concat(),
                6,
            ),
        ] {
            let bytes = [PREFACE.as_bytes(), &frames].concat();
            for step in [1, 7, bytes.len()] {
                let mut outline = Frames::new(MOST);
                for piece in bytes.chunks(step) {
                    outline.advance(piece);
                }
                assert_eq!(outline.take_cost(), expected, "{name}, in pieces of {step}");
                assert_eq!(outline.take_cost(), 0, "{name}: it is taken once");
            }
        }
    }

    /// A HEADERS frame with these flags, its fields in front of and behind other bytes.
    fn headers(flags: u8, ahead: &[u8], fields: usize, behind: usize) -> Vec<u8> {
        let payload = [ahead, &vec![0x82; fields], &vec![0x82; behind]].concat();
        let mut frame = frame(HEADERS, flags, 0);
        frame[..3].copy_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        [frame, payload].concat()
    }

    #[test]
    fn fields_are_counted_in_every_frame_that_may_have_some() {
        let begun = |fields| headers(0, &[], fields, 0);
        let mut continued = headers(END_HEADERS, &[], 1, 0);
        continued[3] = CONTINUATION;
        for (name, frames, is_excess) in [
            (
                "as many as may be",
                headers(END_HEADERS, &[], MOST, 0),
                false,
            ),
            ("one more", headers(END_HEADERS, &[], MOST + 1, 0), true),
            ("one more, in a block without an end", begun(MOST + 1), true),
            (
                "one more, in another frame",
                [begun(MOST), continued.clone()].concat(),
                true,
            ),
            (
                "two blocks",
                [begun(MOST - 1), continued, begun(MOST)].concat(),
                false,
            ),
            (
                "padding of what would be fields",
                headers(END_HEADERS | PADDED, &[200], MOST, 200),
                false,
            ),
            (
                "priority, too",
                headers(
                    END_HEADERS | PADDED | PRIORITY,
                    &[9, 0x82, 0x82, 0x82, 0x82, 0x82],
                    MOST,
                    9,
                ),
                false,
            ),
            (
                "one more behind a priority",
                headers(END_HEADERS | PRIORITY, &[0x82; 5], MOST + 1, 0),
                true,
            ),
            (
                "padding longer than the frame",
                headers(PADDED, &[255], 1, 0),
                false,
            ),
            ("data", frame(DATA, 0, MOST + 100), false),
        ] {
            let bytes = [PREFACE.as_bytes(), &frames].concat();
            for step in [1, 7, bytes.len()] {
                let mut outline = Frames::new(MOST);
                for piece in bytes.chunks(step) {
                    outline.advance(piece);
                }
                assert_eq!(outline.has_excess, is_excess, "{name}, in pieces of {step}");
            }
        }
    }
}
