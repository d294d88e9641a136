//! Streams that arrive in two pieces, cut at every byte, or that end there.

use super::generate::{Delivery, Ending, Piece, Stream};

pub(super) fn streams() -> Vec<Stream> {
    let request = |text: &str| Piece::new(text.as_bytes().to_vec());
    let preflight = request(
        "OPTIONS /v1 HTTP/1.1\r\nHost: exact.test\r\nOrigin: https://app.example.com\r\n\
         Access-Control-Request-Method: PUT\r\n\r\n",
    );
    let rejected = request(
        "OPTIONS / HTTP/1.1\r\nhost: old.test\r\naccess-control-request-method: PATCH\r\n\
         origin: https://app.example.com\r\n\r\n",
    );
    let get = request("GET /a HTTP/1.1\r\nHost: any.test\r\nOrigin: https://a.test\r\n\r\n");
    let post = request("POST / HTTP/1.1\r\nHost: pass.test\r\nContent-Length: 5\r\n\r\nhello");
    let chunked = request(
        "POST / HTTP/1.1\r\nHost: off.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\n",
    );
    let missing = request("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n");
    let crlf = request("\r\n");
    let garbage = request("\0\r\n\r\n");
    let folded = request("OPTIONS / HTTP/1.1\r\nHost: exact.test\r\n Origin: https://a\r\n\r\n");
    let bare = request("OPTIONS / HTTP/1.1\nHost: exact.test\nOrigin: null\n\n");
    let both = [preflight.bytes.clone(), rejected.bytes.clone()].concat();
    let mut streams = Vec::new();
    for pieces in [
        vec![preflight.clone()],
        vec![rejected, preflight.clone(), missing],
        vec![preflight.clone(), get, preflight.clone()],
        vec![post, preflight.clone()],
        vec![chunked, preflight.clone()],
        vec![crlf, preflight.clone(), garbage],
        vec![preflight.clone(), folded],
        vec![preflight, bare],
    ] {
        let len: usize = pieces.iter().map(|p| p.bytes.len()).sum();
        let stream = |delivery| Stream {
            pieces: pieces.clone(),
            delivery,
            ending: Ending::Sentinel,
        };
        // Into the sentinel as well: the gateway has answered everything then, and waits.
        streams.extend((1..len + 4).map(|at| stream(Delivery::Cut(at))));
        streams.push(stream(Delivery::ByteByByte));
    }
    let len = both.len();
    for end in 0..len {
        // What has been sent is all there will be.
        streams.push(Stream {
            pieces: vec![Piece::new(both[..end].to_vec())],
            delivery: Delivery::AtOnce,
            ending: Ending::HalfClose,
        });
    }
    streams
}
