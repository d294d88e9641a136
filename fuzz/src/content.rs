//! The content of a response, and the body of a request, beside their twins: what the fields say about the end,
//! what is read however it is cut, and what another reader finds in the bytes that are passed on.

use super::naive::content as naive;
use super::naive::framing::{Read, chunked};
use corsgate::framing::{Chunks, Content, ContentReader, LAST_CHUNK, write_chunk};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// The first byte of an input that has a status of three digits, `H` for HEAD or another byte, and fields on a line
/// each. All other inputs are bodies in chunks, behind their first byte.
pub const FIELDS: u8 = b'F';

pub fn run(input: &[u8]) {
    match input {
        [FIELDS, a, b, c, method, fields @ ..] => {
            compare_fields(&[*a, *b, *c], *method == b'H', fields);
        }
        [_, body @ ..] => {
            compare_reader(body);
            compare_pair(body);
        }
        [] => {}
    }
}

fn compare_fields(status: &[u8], is_head: bool, fields: &[u8]) {
    let Ok(status) = StatusCode::from_bytes(status) else {
        return;
    };
    let lines: Vec<(HeaderName, HeaderValue)> = fields
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
            Some((name, value))
        })
        .collect();
    let mut map = HeaderMap::new();
    for (name, value) in &lines {
        map.append(name, value.clone());
    }
    let found = match Content::of(status, is_head, &map) {
        Err(_) => naive::End::Unclear,
        Ok(Content::None) => naive::End::None,
        Ok(Content::Length(length)) => naive::End::Length(length),
        Ok(Content::Chunked) => naive::End::Chunked,
        Ok(Content::UntilClose) => naive::End::Close,
    };
    let expected = naive::end(status.as_u16(), is_head, &lines);
    assert_eq!(found, expected, "{status} {is_head} {lines:?}");
}

/// Compares the reader of a response's content: the same content however it is cut, and not a byte behind it.
fn compare_reader(body: &[u8]) {
    let shown = body.escape_ascii();
    let expected = chunked(body);
    for cut in cuts(body) {
        let mut reader = ContentReader::new(Content::Chunked);
        let (mut data, mut taken, mut is_sound) = (Vec::new(), 0, true);
        for piece in [&body[..cut], &body[cut..]] {
            match reader.read(piece, |piece| data.extend_from_slice(piece)) {
                Ok(read) if is_sound => taken += read,
                Ok(_) => {}
                Err(_) => is_sound = false,
            }
            if !is_sound {
                break;
            }
        }
        let whole = naive::data(body);
        assert!(whole.starts_with(&data), "{shown}, cut at {cut}");
        match expected {
            Read::Whole(end) => {
                assert!(reader.is_at_end() && is_sound, "{shown}, cut at {cut}");
                assert_eq!((taken, &data), (end, &whole), "{shown}, cut at {cut}");
            }
            Read::Unfinished => {
                assert!(is_sound && reader.end().is_err(), "{shown}, cut at {cut}");
                assert_eq!(
                    (taken, &data),
                    (body.len(), &whole),
                    "{shown}, cut at {cut}"
                );
            }
            // Extensions and trailers that no other reader sees may be anything.
            Read::Malformed => {}
        }
    }
}

/// Compares two parsers of one stream: what the gateway has read and writes anew is, for the next reader, one body
/// with the same data, and nothing behind it.
fn compare_pair(body: &[u8]) {
    let Read::Whole(end) = chunked(body) else {
        return;
    };
    for cut in cuts(&body[..end]) {
        let mut chunks = Chunks::new();
        let mut written = Vec::new();
        for piece in [&body[..cut], &body[cut..end]] {
            let mut pieces = Vec::new();
            let read = chunks.read(piece, |data| pieces.push(data));
            assert_eq!(read, Ok(piece.len()), "it is sound");
            write_chunk(&pieces, &mut written);
        }
        assert!(chunks.is_at_end(), "it is whole");
        written.extend_from_slice(LAST_CHUNK);
        assert_eq!(chunked(&written), Read::Whole(written.len()));
        assert_eq!(naive::data(&written), naive::data(body));
    }
}

/// The places of a cut: all of a short body, and some of a long one.
fn cuts(body: &[u8]) -> impl Iterator<Item = usize> {
    let step = body.len() / 64 + 1;
    (0..=body.len()).step_by(step)
}
