//! The words that responses are made of.

use crate::exchanges::exchange::Then;

pub(super) const STATUSES: &str = "200 OK¦200 OK¦200 OK¦200 OK¦200 OK¦200 OK¦201 Created¦204 No Content¦\
    205 Reset Content¦206 Partial Content¦301 Moved Permanently¦304 Not Modified¦304 Not Modified¦\
    400 Bad Request¦401 Unauthorized¦404 Not Found¦407 Proxy Authentication Required¦\
    413 Content Too Large¦417 Expectation Failed¦421 Misdirected Request¦425 Too Early¦\
    426 Upgrade Required¦429 Too Many Requests¦500 Internal Server Error¦502 Bad Gateway¦\
    503 Service Unavailable¦504 Gateway Timeout¦599 X";

/// Lines of a response, `|` between those that come together. A character is a byte.
pub(super) const FIELDS: &str = "Content-Type: text/plain¦content-type: text/html¦CACHE-CONTROL: no-store¦\
    Set-Cookie: a=b|Set-Cookie: c=d; Path=/¦set-cookie: a=b|SET-COOKIE: a=c|Set-Cookie: a=b¦\
    Vary: Accept-Encoding¦Vary: Origin¦vary: *¦Vary: Accept|Vary: origin, Accept¦Vary:¦\
    Access-Control-Allow-Origin: https://app.example.com¦Access-Control-Allow-Origin: *¦\
    Access-Control-Allow-Origin: https://a.test|access-control-allow-origin: https://b.test¦\
    Access-Control-Allow-Origin: https://app.example.com|Access-Control-Allow-Credentials: true¦\
    Access-Control-Allow-Credentials: false¦Access-Control-Expose-Headers: x-a, X-B¦\
    Access-Control-Max-Age: 7|access-control-allow-methods: PUT¦ACCESS-CONTROL-ALLOW-HEADERS: *¦\
    Access-Control-Allow-Private-Network: true¦Timing-Allow-Origin: *¦\
    Cross-Origin-Resource-Policy: same-origin¦Date: Sun, 06 Nov 1994 08:49:37 GMT¦date: yesterday¦\
    Date: Sun, 06 Nov 1994 08:49:37 GMT|Date: Sun, 06 Nov 1994 08:49:38 GMT¦Server: x¦\
    Keep-Alive: timeout=5, max=100¦Trailer: X-Sum¦Connection: keep-alive¦connection: Keep-Alive¦\
    Connection: X-Hop|X-Hop: 1¦Connection: X-Hop, Keep-Alive|Keep-Alive: 5|x-hop: 2¦\
    Connection: Set-Cookie|Set-Cookie: a=b¦Connection: Content-Type|Content-Type: text/plain¦\
    Proxy-Connection: close¦Upgrade: h2c¦Upgrade: h2c|Connection: Upgrade¦ETag: \"1\"¦\
    Location: http://a.test/x¦WWW-Authenticate: Basic¦Proxy-Authenticate: Basic¦Age: 1¦\
    Via: 1.0 x¦X-Request-Id: up-1¦X-Corsgate-Reason: x¦Alt-Svc: h3=\":443\"¦\
    Content-Encoding: gzip¦Content_Length: 5¦X-Empty:¦X-Empty:  ¦X-Space:  a  ¦X-Tab:\ta\t¦\
    X-Inner: a  \t b¦X-Obs: \u{e9}\u{ff}¦x-oDD-cAsE: 1¦X-A: 1|x-a: 2|X-A: 3¦\
    Content-Type: text/event-stream¦Content-Type: application/grpc¦Grpc-Status: 0¦\
    Strict-Transport-Security: max-age=1¦Traceparent: 00-1-2-3¦X-Forwarded-For: 192.0.2.1¦\
    Sec-WebSocket-Accept: x¦Content-Range: bytes 0-1/2¦Accept-Ranges: bytes¦Link: </a>; rel=x¦\
    Retry-After: 1¦TE: trailers¦Expect: 100-continue¦Host: a.test¦Content-Location: /x¦_: 1¦\
    !#$%&'*+-.^_`~: odd¦X-Long: {long}¦P3P: x¦Trailer:|X-Sum: 1¦HTTP2-Settings: AAMAAABk";

/// Ways to tell the end of the content: lines, and what is sent. `{L}` is the length, `{B}` the body; `{C}`
/// is the body in chunks, `{X}` with extensions, `{T}` with trailers, `{P}` all chunks but the last.
pub(super) const FRAMINGS: &[(&str, &str, Then)] = {
    use Then::{Closes, Keeps};
    &[
        ("content-length:{L}", "{B}", Keeps),
        ("Content-Length: \t{L} ", "{B}", Keeps),
        ("Content-Length: 0{L}", "{B}", Keeps),
        ("Content-Length: 000000000000000000000000{L}", "{B}", Keeps),
        ("Content-Length: {L}|Content-Length: {L}", "{B}", Keeps),
        ("Content-Length: {L}|content-length: 0{L}", "{B}", Keeps),
        ("Content-Length: {L}, {L}", "{B}", Keeps),
        ("Content-Length: {L},", "{B}", Keeps),
        ("Content-Length: {L}|Content-Length: 5", "{B}", Closes),
        ("Content-Length: 5|Content-Length: {L}", "{B}", Closes),
        ("Content-Length: {L}, 5", "{B}", Closes),
        ("Content-Length: +{L}", "{B}", Closes),
        ("Content-Length: -1", "{B}", Closes),
        ("Content-Length: five", "{B}", Closes),
        ("Content-Length: 0x5", "{B}", Closes),
        ("Content-Length:", "{B}", Closes),
        ("Content-Length: {L}x", "{B}", Closes),
        ("Content-Length: {L} {L}", "{B}", Closes),
        ("Content-Length : {L}", "{B}", Keeps),
        ("Content-Length: 99999999999999999999", "{B}", Closes),
        ("Content-Length: 18446744073709551615", "{B}", Closes),
        ("Content-Length: 9{L}", "{B}", Closes),
        ("Content-Length: 3", "{B}", Keeps),
        ("Content-Length: 3", "{B}", Closes),
        ("Content-Length: 0", "{B}", Keeps),
        ("Content-Length: 0", "{B}", Closes),
        ("Transfer-Encoding: chunked", "{C}", Keeps),
        ("Transfer-Encoding: chunked", "{C}", Keeps),
        ("Transfer-Encoding: chunked", "{C}", Closes),
        ("Transfer-Encoding: chunked", "{X}", Keeps),
        ("Transfer-Encoding: chunked", "{T}", Keeps),
        ("Transfer-Encoding: chunked|Trailer: X-Sum", "{T}", Keeps),
        ("transfer-encoding: CHUNKED", "{C}", Keeps),
        ("TRANSFER-ENCODING:Chunked", "{C}", Keeps),
        ("Transfer-Encoding: chunked", "0\r\n\r\n", Keeps),
        ("Transfer-Encoding: chunked", "000\r\n\r\n", Keeps),
        ("Transfer-Encoding: chunked", "{P}", Closes),
        ("Transfer-Encoding: chunked", "{P}0\r\n", Closes),
        ("Transfer-Encoding: chunked", "{P}0\r\n\r", Closes),
        ("Transfer-Encoding: chunked", "{P}zz\r\n", Closes),
        // Not `{P}\r\n0\r\n\r\n`: an empty line is the last chunk to pingora, and a malformed one to the lane.
        (
            "Transfer-Encoding: chunked",
            "{P}-1\r\na\r\n0\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}+1\r\na\r\n0\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}0x1\r\na\r\n0\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}1 \r\na\r\n0\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P} 1\r\na\r\n0\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}1\r\nab\r\n0\r\n\r\n",
            Closes,
        ),
        ("Transfer-Encoding: chunked", "{P}1\na\n0\n\n", Closes),
        (
            "Transfer-Encoding: chunked",
            "{P}1;x\ny\r\na\r\n0\r\n\r\n",
            Closes,
        ),
        ("Transfer-Encoding: chunked", "{P}1\r\na0\r\n\r\n", Closes),
        ("Transfer-Encoding: chunked", "{P}0\r\n\n", Closes),
        ("Transfer-Encoding: chunked", "{P}0\r\nX: y\n\r\n", Closes),
        ("Transfer-Encoding: chunked", "{P}0\r\n x\r\n\r\n", Closes),
        (
            "Transfer-Encoding: chunked",
            "{P}0\r\nno colon\r\n\r\n",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}ffffffffffffffffff\r\na",
            Closes,
        ),
        (
            "Transfer-Encoding: chunked",
            "{P}7fffffffffffffff\r\na",
            Closes,
        ),
        ("Transfer-Encoding: chunked", "{B}", Closes),
        ("Transfer-Encoding: chunked|Content-Length: 3", "{C}", Keeps),
        ("Content-Length: 3|Transfer-Encoding: chunked", "{C}", Keeps),
        (
            "Content-Length: {L}|Transfer-Encoding: chunked",
            "{B}",
            Closes,
        ),
        ("Transfer-Encoding: gzip", "{B}", Closes),
        ("Transfer-Encoding: gzip, chunked", "{C}", Closes),
        ("Transfer-Encoding: chunked, chunked", "{C}", Closes),
        (
            "Transfer-Encoding: chunked|Transfer-Encoding: chunked",
            "{C}",
            Closes,
        ),
        (
            "Transfer-Encoding: gzip|Transfer-Encoding: chunked",
            "{C}",
            Closes,
        ),
        ("Transfer-Encoding: chunked, identity", "{C}", Closes),
        ("Transfer-Encoding: identity", "{B}", Closes),
        (
            "Transfer-Encoding: identity|Content-Length: {L}",
            "{B}",
            Closes,
        ),
        ("Transfer-Encoding:", "{B}", Closes),
        ("Transfer-Encoding:|Content-Length: {L}", "{B}", Closes),
        ("Transfer-Encoding: xchunked", "{C}", Closes),
        ("Transfer-Encoding: \"chunked\"", "{C}", Closes),
        ("Transfer-Encoding: chunked;q=1", "{C}", Closes),
        ("Transfer-Encoding : chunked", "{C}", Keeps),
        (
            "Transfer_Encoding: chunked|Content-Length: {L}",
            "{B}",
            Keeps,
        ),
        (
            "Connection: Transfer-Encoding|Transfer-Encoding: chunked",
            "{C}",
            Keeps,
        ),
        (
            "Connection: Content-Length|Content-Length: {L}",
            "{B}",
            Closes,
        ),
        ("", "{B}", Closes),
        ("", "{B}", Closes),
        ("", "", Closes),
        ("Connection: close", "{B}", Closes),
        ("Connection: close|Content-Length: {L}", "{B}", Closes),
        ("Connection: close|Content-Length: {L}", "{B}", Keeps),
        ("connection: Close|Transfer-Encoding: chunked", "{C}", Keeps),
        (
            "Connection: keep-alive, close|Content-Length: {L}",
            "{B}",
            Keeps,
        ),
        (
            "Connection: close|Connection: keep-alive|Content-Length: {L}",
            "{B}",
            Keeps,
        ),
        ("Connection: keep-alive|Content-Length: {L}", "{B}", Keeps),
        ("Keep-Alive: timeout=0|Content-Length: {L}", "{B}", Keeps),
    ]
};

/// First lines, most of which are not one. `{S}` is a good status.
pub(super) const STARTS: &str = "HTTP/1.1 200¦HTTP/1.1 200 ¦HTTP/1.1 200  two¦HTTP/1.1 200 Odd \t \u{e9}¦\
    HTTP/1.1 404 not-found!¦HTTP/1.1  {S}¦ HTTP/1.1 {S}¦HTTP/1.2 {S}¦HTTP/2 {S}¦HTTP/2.0 {S}¦\
    HTTP/0.9 {S}¦http/1.1 {S}¦ICY {S}¦HTTP/1.1 2000 OK¦HTTP/1.1 20 OK¦HTTP/1.1 -20 OK¦\
    HTTP/1.1 000 OK¦HTTP/1.1 099 X¦HTTP/1.1 600 X¦HTTP/1.1 999 X¦HTTP/1.1 abc OK¦HTTP/1.1\t{S}¦\
    HTTP/1.1 200\tOK¦\r\nHTTP/1.1 {S}¦\nHTTP/1.1 {S}¦HTTP/1.1 200 O\0K¦HTTP/1.1 200 O\rK¦\
    HTTP/1.1 200 \u{7f}¦GET / HTTP/1.1¦HTTP¦hello¦HTTP/11 {S}¦HTTP/1.1{S}¦HTTP/1,1 {S}¦\
    XHTTP/1.1 {S}¦HTTP/1.10 {S}¦HTTP/1.1 2 00¦\0¦\u{16}\u{3}\u{1}";

/// Lines that are not fields, or are in doubt.
pub(super) const ODD_LINES: &str = " folded¦X-F: a|  b¦X-F: a|\tb|\tc¦X-F:|\tb¦no colon¦X y: a¦: a¦X: a\0b¦\
    X: a\rb¦\tX: a¦X : a¦X\t: a¦X: a\u{1}b¦X: a\u{7f}b¦X: a\u{b}b¦(X): a¦X\u{e9}: a¦{x}: y¦=: x¦\
    \"X\": a¦HTTP/1.1 200 OK¦X-F: \r¦X-F: a\r\r";

/// Interim responses, each whole.
pub(super) const INTERIM: &str = "HTTP/1.1 100 Continue|¦HTTP/1.1 103 Early Hints|Link: </a.css>; rel=preload|¦\
    HTTP/1.1 102 Processing|¦HTTP/1.1 103 Early Hints|Content-Length: 5|Connection: close|¦\
    HTTP/1.1 103 Early Hints|Transfer-Encoding: chunked|¦HTTP/1.1 199 X|¦HTTP/1.0 100 Continue|¦\
    HTTP/1.1 103 Early Hints|Access-Control-Allow-Origin: *|Vary: x|Set-Cookie: a=b|Date: x|¦\
    HTTP/1.1 100|¦HTTP/1.1 103 Early Hints|X-Answer: evil|x-odd-CASE: 1|¦\
    HTTP/1.1 103 Early Hints|Connection: X-Hop|X-Hop: 1|Keep-Alive: 5|Trailer: x|Upgrade: h2c|¦\
    HTTP/1.1 101 Switching Protocols|¦\
    HTTP/1.1 101 Switching Protocols|Upgrade: websocket|Connection: Upgrade|";
