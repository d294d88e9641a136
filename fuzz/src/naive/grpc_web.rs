//! Base64 with padding, RFC 4648 §4, as many texts behind one another: four characters after another.

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the bytes that a text stands for; `None` if it is not base64.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::new();
    for group in text.chunks(4) {
        let padding = match group {
            [_, _, b'=', b'='] => 2,
            [_, _, _, b'='] => 1,
            _ => 0,
        };
        let mut bits: u32 = 0;
        for &character in &group[..4 - padding] {
            let value = ALPHABET.iter().position(|&known| known == character)?;
            bits = bits << 6 | value as u32;
        }
        bits <<= 6 * padding;
        let all = bits.to_be_bytes();
        let (kept, cut) = all[1..].split_at(3 - padding);
        if cut.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}
