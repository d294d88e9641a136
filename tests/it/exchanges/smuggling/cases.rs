//! The attempts, and what was decided about each.

use super::Case;
use super::Says::{self, Early, Last, Later, Whole};

const OK: Says = Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok");

/// A request whose body two readers could end at two places: refused, and nothing behind it is read.
const fn refused(idea: &'static str, sends: &'static str) -> Case {
    Case {
        idea,
        sends,
        replies: &[OK],
        asked: &[],
        told: &["400"],
    }
}

/// A request that is passed on in one reading.
const fn passed(idea: &'static str, sends: &'static str, asked: &'static [&'static str]) -> Case {
    Case {
        idea,
        sends,
        replies: &[OK],
        asked,
        told: &["200 0", "200 S"],
    }
}

/// A GET or another request without a body, and what an upstream replies to it.
const fn replied(
    idea: &'static str,
    sends: &'static str,
    replies: &'static [Says],
    asked: &'static [&'static str],
    told: &'static [&'static str],
) -> Case {
    Case {
        idea,
        sends,
        replies,
        asked,
        told,
    }
}

const GET: &str = "GET {0} HTTP/1.1|Host: pass.test||";
const GET_FIRST: &str = "GET {0} HTTP/1.1|Host: pass.test||‖";
const POST: &str = "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 5||hello";
const HEAD: &str = "HEAD {0} HTTP/1.1|Host: pass.test||";
const BOTH: &[&str] = &["GET 0", "GET S"];
const HELLO: &[&str] = &["POST 0 hello", "GET S"];

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    // --- Two statements about the length: CL.TE, TE.CL, TE.TE ---
    refused("CL.TE: a length and chunks", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 45|Transfer-Encoding: chunked||0||{E}"),
    refused("TE.CL: chunks and a length", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked|Content-Length: 4||2d|{E}|0||"),
    refused("CL.TE that a nomination is to hide", "POST {0} HTTP/1.1|Host: pass.test|Connection: Transfer-Encoding|Content-Length: 5|Transfer-Encoding: chunked||0||{E}"),
    refused("TE.TE: a second coding that is not one", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked|Transfer-Encoding: cow||0||{E}"),
    refused("TE.TE: the same coding twice", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked, chunked||0||{E}"),
    refused("TE.TE: chunked is not the last coding", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked, identity||0||{E}"),
    refused("TE.TE: identity, and then chunked", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: identity, chunked||0||{E}"),
    refused("TE.TE: a coding that looks like it", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: xchunked||0||{E}"),
    refused("TE.TE: a coding in quotes", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: \"chunked\"||0||{E}"),
    refused("TE.TE: a parameter", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked;x||0||{E}"),
    refused("TE.TE: a vertical tab", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding:\u{b}chunked||0||{E}"),
    refused("TE.TE: a byte above ASCII", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked\u{a0}||0||{E}"),
    refused("TE.TE: nothing", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding:|Content-Length: 5||hello{E}"),
    refused("TE.TE: an underscore", "POST {0} HTTP/1.1|Host: pass.test|Transfer_Encoding: chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: a space before the colon", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding : chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: a space before the name", "POST {0} HTTP/1.1|Host: pass.test|X: y| Transfer-Encoding: chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: a folded value", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding:| chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: behind a bare LF", "POST {0} HTTP/1.1|Host: pass.test|X: y\nTransfer-Encoding: chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: behind a bare CR", "POST {0} HTTP/1.1|Host: pass.test|X: y\rTransfer-Encoding: chunked|Content-Length: 5||hello{E}"),
    refused("TE.TE: behind a NUL", "POST {0} HTTP/1.1|Host: pass.test|X: y\0Transfer-Encoding: chunked|Content-Length: 5||hello{E}"),
    refused("a coding from a client of HTTP/1.0", "POST {0} HTTP/1.0|Host: pass.test|Connection: keep-alive|Transfer-Encoding: chunked||0||{E}"),
    refused("CL.CL: two lengths", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 5|Content-Length: 0||hello{E}"),
    refused("CL.CL: the same length twice", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 5|content-length: 5||hello{E}"),
    refused("CL.CL: a list of lengths", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 5, 5||hello{E}"),
    refused("a length with a sign", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: +5||hello{E}"),
    refused("a length with a minus", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: -5||hello{E}"),
    refused("a length in another base", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 0x5||hello{E}"),
    refused("a length with an underscore in it", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 4_5||{E}"),
    refused("a length with a space in it", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 4 5||{E}"),
    refused("a length with digits of another script", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: \u{b2}||hello{E}"),
    refused("a length beyond 64 bits", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 18446744073709551621||hello{E}"),
    refused("a length that is empty", "POST {0} HTTP/1.1|Host: pass.test|Content-Length:||{E}"),
    refused("a length with an underscore for its name", "POST {0} HTTP/1.1|Host: pass.test|Content_Length: 45||{E}"),
    refused("a preflight with two lengths", "OPTIONS {0} HTTP/1.1|Host: exact.test|Origin: https://app.example.com|Access-Control-Request-Method: PUT|Content-Length: 45|Content-Length: 0||{E}"),
    // --- Bodies that one of two would not read: CL.0, 0.CL, and methods without a body ---
    passed("CL.0: the body of a GET is a request", "GET {0} HTTP/1.1|Host: pass.test|Content-Length: 39||{E}", &["GET 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n", "GET S"]),
    passed("CL.0: the body of a DELETE is a request", "DELETE {0} HTTP/1.1|Host: pass.test|Content-Length: 39||{E}", &["DELETE 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n", "GET S"]),
    passed("CL.0: chunks of a GET are a request", "GET {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||27|{E}|0||", &["GET 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n", "GET S"]),
    passed("0.CL: a length of many zeros", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 000||", &["POST 0", "GET S"]),
    passed("0.CL: zeros in front, which some read as octal", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 010||helloworld", &["POST 0 helloworld", "GET S"]),
    passed("a length that a nomination is to take away", "POST {0} HTTP/1.1|Host: pass.test|Connection: Content-Length|Content-Length: 39||{E}", &["POST 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n", "GET S"]),
    passed("chunks that a nomination is to take away", "POST {0} HTTP/1.1|Host: pass.test|Connection: Transfer-Encoding|Transfer-Encoding: chunked||5|hello|0||", HELLO),
    passed("a body behind a request for HTTP/2", "POST {0} HTTP/1.1|Host: pass.test|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABk|Content-Length: 5||hello", HELLO),
    // --- Chunks ---
    passed("extensions, and zeros in front", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0005;a=\"b;c\"|hello|00;x||", HELLO),
    passed("trailers that are statements about the body", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5|hello|0|Content-Length: 45|Transfer-Encoding: chunked|Host: evil.test||", HELLO),
    refused("an LF in an extension", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5;\nx|hello|0||{E}"),
    refused("a CR in an extension", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5;\rx|hello|0||{E}"),
    refused("an LF behind the size", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5\nhello|0||{E}"),
    refused("a size in quotes of an extension", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||2;\"|hi\"|0||{E}"),
    refused("a space behind the size", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5 |hello|0||{E}"),
    refused("a size in C's way", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0x5|hello|0||{E}"),
    refused("a size with an underscore in it", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0_5|hello|0||{E}"),
    refused("a size beyond 64 bits", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||10000000000000005|hello|0||{E}"),
    refused("no size", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked|||0||{E}"),
    refused("a chunk that is longer than it says", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||3|hello|0||{E}"),
    refused("an LF behind the data", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5|hello\n0||{E}"),
    refused("two bytes behind the data that are not CRLF", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5|helloXX0||{E}"),
    refused("an LF behind the last chunk", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0\n\n{E}"),
    refused("an LF for the end of the trailers", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0|\n{E}"),
    refused("a request in the place of trailers", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0|{E}"),
    refused("a size of whitespace", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked|| |hello|0||{E}"),
    refused("a size with a tab in front", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||\t5|hello|0||{E}"),
    refused("a size with a sign", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||+5|hello|0||{E}"),
    refused("a NUL in an extension", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5;\0|hello|0||{E}"),
    refused("two CRs behind the data", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||5|hello\r|0||{E}"),
    refused("a folded trailer", "POST {0} HTTP/1.1|Host: pass.test|Transfer-Encoding: chunked||0|X: y| z||{E}"),
    refused("a length for chunks in another case", "POST {0} HTTP/1.1|Host: pass.test|TRANSFER-ENCODING: Chunked|CONTENT-LENGTH: 5||0||{E}"),
    // --- Heads ---
    refused("two hosts", "GET {0} HTTP/1.1|Host: pass.test|Host: evil.test||{E}"),
    refused("a target of another host", "GET http://evil.test{0} HTTP/1.1|Host: pass.test||{E}"),
    refused("LF instead of CRLF", "GET {0} HTTP/1.1\nHost: pass.test\n\n{E}"),
    refused("an LF for the empty line", "GET {0} HTTP/1.1|Host: pass.test|\n{E}"),
    refused("a field before the first line", "X: y|GET {0} HTTP/1.1|Host: pass.test||{E}"),
    refused("HTTP/0.9", "GET {0}|{E}"),
    refused("a version that has no minor part", "GET {0} HTTP/2|Host: pass.test||{E}"),
    refused("a space in the target", "GET {0} HTTP/1.1 HTTP/1.1|Host: pass.test||{E}"),
    refused("a CR in the target", "GET {0}\rX HTTP/1.1|Host: pass.test||{E}"),
    replied("no host, behind which there is no body", "GET {0} HTTP/1.1|X: y||", &[OK], &["GET S"], &["400", "200 S"]),
    passed("empty lines before the first line", "||GET {0} HTTP/1.1|Host: pass.test||", BOTH),
    passed("an encoded line break in the target", "GET {0}%0d%0aX:%20y HTTP/1.1|Host: pass.test||", BOTH),
    // --- Responses: more than one, or none of the kind that was asked for ---
    replied("two responses to one request", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok{V}")], BOTH, &["200 0", "200 S"]),
    replied("a response that comes when the connection is idle", GET_FIRST, &[Later("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok", "{V}")], BOTH, &["200 0", "200 S"]),
    replied("half a response that comes when the connection is idle", GET_FIRST, &[Later("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok", "HTTP/1.1 200 OK|X-Answer: evil|")], BOTH, &["200 0", "200 S"]),
    replied("an interim response that comes when the connection is idle", GET_FIRST, &[Later("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok", "HTTP/1.1 103 Early Hints|X-Answer: evil||")], BOTH, &["200 0", "200 S"]),
    replied("a length that is too short", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok{V}ok")], BOTH, &["200 0", "200 S"]),
    replied("a response behind the last chunk", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||2|ok|0||{V}")], BOTH, &["200 0", "200 S"]),
    replied("a response behind that to HEAD", HEAD, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 58||{V}")], &["HEAD 0", "GET S"], &["200 0", "200 S"]),
    replied("chunks behind the response to HEAD", HEAD, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||3a|{V}|0||")], &["HEAD 0", "GET S"], &["200 0", "200 S"]),
    replied("content of a 304", GET, &[Whole("HTTP/1.1 304 Not Modified|X-Answer: {M}|Content-Length: 58||{V}")], BOTH, &["304 0", "200 S"]),
    replied("content of a 204", GET, &[Whole("HTTP/1.1 204 No Content|X-Answer: {M}|Content-Length: 58||{V}")], BOTH, &["204 0", "200 S"]),
    replied("content of a 205", GET, &[Whole("HTTP/1.1 205 Reset Content|X-Answer: {M}|Content-Length: 58||{V}")], BOTH, &["205 0", "200 S"]),
    replied("chunks of a 204", GET, &[Whole("HTTP/1.1 204 No Content|X-Answer: {M}|Transfer-Encoding: chunked||3a|{V}|0||")], BOTH, &["204 0", "200 S"]),
    replied("content of a 103", GET, &[Whole("HTTP/1.1 103 Early Hints|Content-Length: 2||HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok{V}")], BOTH, &["200 0", "200 S"]),
    replied("an interim response behind the response", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||okHTTP/1.1 100 Continue||")], BOTH, &["200 0", "200 S"]),
    replied("a 101 that was not asked for", GET, &[Whole("HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade||{V}")], &["GET 0"], &["502"]),
    replied("a handshake that is answered like any request", "GET {0} HTTP/1.1|Host: pass.test|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13||", &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok")], BOTH, &["200 0", "200 S"]),
    replied("a handshake with a body", "GET {0} HTTP/1.1|Host: pass.test|Connection: Upgrade|Upgrade: websocket|Content-Length: 39||{E}", &[Whole("HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade||{V}")], &["GET 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n"], &["502"]),
    replied("a tunnel that the upstream refuses by a close", "GET {0} HTTP/1.1|Host: pass.test|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Version: 13||", &[Last("HTTP/1.1 400 Bad Request|X-Answer: {M}|Connection: close|Content-Length: 0||{V}")], BOTH, &["400 0", "200 S"]),
    replied("an upgrade to a protocol that is not passed on", "GET {0} HTTP/1.1|Host: pass.test|Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABk||", &[Whole("HTTP/1.1 101 Switching Protocols|Upgrade: h2c|Connection: Upgrade||{V}")], &["GET 0"], &["502"]),
    replied("a close that the upstream does not keep to", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Connection: close|Content-Length: 2||ok{V}")], BOTH, &["200 0", "200 S"]),
    // --- Responses whose end is not certain ---
    replied("a length and chunks in a response", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2|Transfer-Encoding: chunked||2|ok|0||")], BOTH, &["200 0", "200 S"]),
    replied("two lengths of a response", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2|Content-Length: 60||ok{V}")], &["GET 0"], &["502"]),
    replied("codings of a response", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: gzip, chunked||2|ok|0||{V}")], &["GET 0"], &["502"]),
    replied("a coding that is not one, and a length", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: identity|Content-Length: 2||ok{V}")], &["GET 0"], &["502"]),
    replied("a folded coding of a response", GET, &[Last("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding:| chunked|Content-Length: 2||2|ok|0||")], BOTH, &["200 0", "200 S"]),
    replied("a space before the colon of a response's coding", GET, &[Last("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding : chunked||2|ok|0||")], BOTH, &["200 0", "200 S"]),
    replied("an LF in a chunk's extension", GET, &[Last("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||2;\nx|ok|0||{V}")], BOTH, &["200 0", "200 S"]),
    replied("a chunk that is longer than it says, of a response", GET, &[Last("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||2|ok{V}|0||")], &["GET 0"], &["200 0 (cut off)"]),
    replied("no length, from a server that keeps the connection", GET, &[Last("HTTP/1.0 200 OK|X-Answer: {M}|Connection: keep-alive||ok{V}")], BOTH, &["200 0", "200 S"]),
    replied("trailers that are statements about the response", GET, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Transfer-Encoding: chunked||2|ok|0|Content-Length: 58|X-Answer: evil||")], BOTH, &["200 0", "200 S"]),
    replied("bytes before the response", GET, &[Last("\0HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok")], &["GET 0"], &["502"]),
    // --- Responses that do not wait for their request ---
    replied("a response that overtakes a body, which is a request", "POST {0} HTTP/1.1|Host: pass.test|Content-Length: 39||‖{E}", &[Early("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok")], &["POST 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n"], &["200 0"]),
    replied("a word that a client did not wait for", "POST {0} HTTP/1.1|Host: pass.test|Expect: 100-continue|Content-Length: 39||{E}", &[Whole("HTTP/1.1 100 Continue||HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok")], &["POST 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n", "GET S"], &["200 0", "200 S"]),
    replied("a refusal of what a client announced, and the client goes on", "POST {0} HTTP/1.1|Host: pass.test|Expect: 100-continue|Content-Length: 39||‖{E}", &[Early("HTTP/1.1 417 Expectation Failed|X-Answer: {M}|Content-Length: 0||")], &["POST 0 GET /evil HTTP/1.1\\r\\nHost: pass.test\\r\\n\\r\\n"], &["417 0"]),
    replied("two responses to an upload", POST, &[Whole("HTTP/1.1 200 OK|X-Answer: {M}|Content-Length: 2||ok{V}")], HELLO, &["200 0", "200 S"]),
];
