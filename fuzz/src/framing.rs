//! The framing of a request beside its twin: what the fields of a header say about the body, and where
//! a body in chunks ends.

use super::naive::framing as naive;
use super::naive::framing::Read;
use corsgate::framing::{Chunks, Framing, framing};
use http::Version;

/// The first byte of an input that has fields, on a line each; the next byte stands for a version. All
/// other inputs are bodies, behind their first byte.
pub const FIELDS: u8 = b'F';

pub fn run(input: &[u8]) {
    match input {
        [FIELDS, version, fields @ ..] => compare_fields(*version, fields),
        [_, body @ ..] => compare_chunks(body),
        [] => {}
    }
}

fn compare_fields(version: u8, fields: &[u8]) {
    let version = match version {
        b'0' => Version::HTTP_10,
        b'2' => Version::HTTP_2,
        _ => Version::HTTP_11,
    };
    let lines = fields.split(|&byte| byte == b'\n');
    let fields: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], line[colon + 1..].trim_ascii()))
        })
        .collect();
    let found = framing(version, fields.iter().copied()).ok();
    let expected = naive::body(version, &fields);
    let expected = expected.map(|body| match body {
        naive::Body::None => Framing::Unstated,
        naive::Body::Length(length) => Framing::Length(length),
        naive::Body::Chunked => Framing::Chunked,
    });
    assert_eq!(found, expected, "{version:?}, {fields:?}");
}

fn compare_chunks(body: &[u8]) {
    let shown = body.escape_ascii();
    let expected = naive::chunked(body);
    // In one piece, in two, and byte by byte.
    let middle = body.len() / 2;
    let pieces: [Vec<&[u8]>; 3] = [
        vec![body],
        vec![&body[..middle], &body[middle..]],
        body.chunks(1).collect(),
    ];
    for pieces in pieces {
        let (taken, found) = read(&pieces);
        assert_eq!(found, expected, "{shown}, in {} pieces", pieces.len());
        let whole = naive::whole_chunks(body);
        match found {
            Read::Whole(end) => assert_eq!(taken, end, "{shown}"),
            Read::Unfinished => assert_eq!(taken, body.len(), "{shown}"),
            // What comes with its fault is not begun.
            Read::Malformed if pieces.len() == 1 => assert_eq!(taken, whole, "{shown}"),
            Read::Malformed => assert!(taken >= whole.min(middle), "{shown}"),
        }
    }
}

/// Returns how many bytes are passed on, and how that ends.
fn read(pieces: &[&[u8]]) -> (usize, Read) {
    let mut chunks = Chunks::new();
    let mut taken = 0;
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            if chunks.is_at_end() {
                return (taken, Read::Whole(taken));
            }
            match chunks.take(piece) {
                Ok(n) => {
                    assert!(n > 0, "it goes on");
                    taken += n;
                    piece = &piece[n..];
                }
                Err(_) => return (taken, Read::Malformed),
            }
        }
    }
    match chunks.is_at_end() {
        true => (taken, Read::Whole(taken)),
        false => (taken, Read::Unfinished),
    }
}
