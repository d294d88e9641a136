//! HTTP/2's frames, from the whole of a connection's bytes: RFC 9113 §4.1, §6.2, and RFC 7541 §6.

/// The state of a connection after its bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct State {
    /// Whether a header block had more fields than it may.
    pub has_excess: bool,
    /// Whether nothing is unfinished but the payload of DATA.
    pub is_idle: bool,
}

const PREFACE: usize = 24;

/// Reads a connection; `None` where a client breaks a rule for which its connection is ended.
pub fn read(bytes: &[u8], max_fields: usize) -> Option<State> {
    let mut state = State {
        has_excess: false,
        is_idle: bytes.is_empty(),
    };
    if bytes.len() < PREFACE {
        state.is_idle = false;
        return Some(state);
    }
    let mut rest = &bytes[PREFACE..];
    state.is_idle = true;
    let mut block: Option<Vec<u8>> = None;
    while !rest.is_empty() {
        let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest else {
            state.is_idle = false;
            return Some(state);
        };
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        let is_whole = after.len() >= length;
        let payload = &after[..length.min(after.len())];
        // A block is one HEADERS frame, and then nothing but CONTINUATION.
        match (kind, &block) {
            (1, None) => block = Some(Vec::new()),
            (9, Some(_)) => {}
            (1 | 9, _) | (_, Some(_)) => return None,
            _ => {}
        }
        if let Some(read) = &mut block {
            let has = |flag: u8| *kind == 1 && flags & flag != 0;
            let ahead = usize::from(has(8)) + 5 * usize::from(has(32));
            let padding = match payload.first() {
                Some(&padding) if has(8) => usize::from(padding),
                _ => 0,
            };
            if ahead + padding > length {
                return None;
            }
            let end = (length - padding).min(payload.len());
            read.extend(payload.get(ahead..end).unwrap_or_default());
            state.has_excess |= fields(read)? > max_fields;
            if is_whole && flags & 4 != 0 {
                block = None;
            }
        }
        let is_data = *kind == 0;
        state.is_idle = block.is_none() && (is_whole || is_data);
        rest = &after[payload.len()..];
    }
    Some(state)
}

/// Counts the fields that have begun in a block, or in its beginning; `None` if an integer is longer than
/// any that is allowed.
fn fields(block: &[u8]) -> Option<usize> {
    let mut rest = block;
    let mut fields = 0;
    while let Some(&first) = rest.first() {
        let (prefix, texts) = match first {
            0x80.. => (7, 0),
            0x40.. => (6, 1),
            0x20.. => (5, 0),
            _ => (4, 1),
        };
        if !(0x20..0x40).contains(&first) {
            fields += 1;
        }
        let Some((index, after)) = integer(rest, prefix)? else {
            return Some(fields);
        };
        rest = after;
        let has_name = texts == 1 && index == 0;
        for _ in 0..texts + usize::from(has_name) {
            if rest.is_empty() {
                return Some(fields);
            }
            let Some((length, after)) = integer(rest, 7)? else {
                return Some(fields);
            };
            if after.len() as u64 <= length {
                let whole = after.len() as u64 == length;
                rest = &[];
                if !whole {
                    return Some(fields);
                }
            } else {
                rest = &after[length as usize..];
            }
        }
    }
    Some(fields)
}

type Integer<'b> = Option<(u64, &'b [u8])>;

/// Reads an integer: RFC 7541 §5.1. The inner `None` is one that is not whole.
fn integer(bytes: &[u8], prefix: u32) -> Option<Integer<'_>> {
    let most = (1_u64 << prefix) - 1;
    let (&first, mut rest) = bytes.split_first()?;
    let mut value = u64::from(first) & most;
    if value < most {
        return Some(Some((value, rest)));
    }
    for shift in [0, 7, 14, 21, 28] {
        let Some((&byte, after)) = rest.split_first() else {
            return Some(None);
        };
        rest = after;
        value += u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(Some((value, rest)));
        }
    }
    None
}
