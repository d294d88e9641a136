"""The requests of the benchmark: what Chrome sends, byte for byte but for names; calls of gRPC."""

from dataclasses import dataclass, replace

HOST = "api.example.com"
PATH = "/v1/orders/42"
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
# The sizes of large bodies, and of those that are a bit of work.
LARGE = 2**20
MEDIUM = 2**14


def _orders(size: int) -> str:
    """JSON of this size."""
    return '{"orders":["' + "x" * (size - len('{"orders":[""]}')) + '"]}'


# Paths of the backend, which answers all others with BODY: one that answers with the request's
# body, one that says how large it is, one with a large answer, and one that says what of the
# request came, see `seen` in templates/backend.conf.
ECHO_PATH = "/v1/echo"
UPLOAD_PATH = "/v1/upload"
DOWNLOAD_PATH = "/v1/download"
SEEN_PATH = "/v1/seen"
# The body that the backend answers with: 1 KiB of JSON.
BODY = _orders(2**10)
DOWNLOAD = _orders(LARGE)


def _message(text: str) -> bytes:
    """A message of gRPC: not compressed, its size, and itself."""
    return b"\0" + len(text).to_bytes(4, "big") + text.encode()


# Of these sizes in grpc_backend.rs.
CALL = _message("x" * 32)
REPLY = _message("x" * 100)


@dataclass(frozen=True)
class Request:
    method: str
    # Without Host and Connection, which are the protocol's business.
    fields: tuple[tuple[str, str], ...]
    path: str = PATH
    body: bytes = b""
    # The body of the right answer.
    answer: bytes = b""

    def http1(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {HOST}", "Connection: keep-alive"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        lines += [f"Content-Length: {len(self.body)}"] if self.body else []
        return "\r\n".join([*lines, "", ""]).encode() + self.body

    def http2(self) -> list[str]:
        """As `name: value`, the pseudo-fields that h2load and nghttp can't know among them."""
        fields = [(":method", self.method), (":authority", HOST), *self.fields]
        return [f"{name.lower()}: {value}" for name, value in fields]


def preflight(origin: str) -> Request:
    return Request(
        "OPTIONS",
        (
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", "PUT"),
            ("Access-Control-Request-Headers", "authorization,content-type"),
            ("Origin", origin),
            ("User-Agent", _AGENT),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Dest", "empty"),
            ("Referer", origin + "/"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Accept-Language", "en-US,en;q=0.9"),
        ),
    )


def get(origin: str, path: str = PATH, answer: str = BODY) -> Request:
    return Request(
        "GET",
        (
            ("sec-ch-ua-platform", '"Linux"'),
            ("User-Agent", _AGENT),
            ("sec-ch-ua", '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"'),
            ("sec-ch-ua-mobile", "?0"),
            ("Accept", "*/*"),
            ("Origin", origin),
            ("Sec-Fetch-Site", "same-site"),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Dest", "empty"),
            ("Referer", origin + "/"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Accept-Language", "en-US,en;q=0.9"),
        ),
        path=path,
        answer=answer.encode(),
    )


def download(origin: str) -> Request:
    return get(origin, DOWNLOAD_PATH, DOWNLOAD)


def post(origin: str) -> Request:
    """As its body an answer of the backend; it comes back."""
    body = _orders(MEDIUM)
    return _with_body(origin, ECHO_PATH, body, body)


def upload(origin: str) -> Request:
    return _with_body(origin, UPLOAD_PATH, DOWNLOAD, f'{{"bytes":{LARGE}}}')


def _with_body(origin: str, path: str, body: str, answer: str) -> Request:
    like = get(origin, path, answer)
    fields = (("Content-Type", "application/json"), *like.fields)
    return replace(like, method="POST", fields=fields, body=body.encode())


def call(origin: str) -> Request:
    """A unary call of gRPC, with an Origin as if a browser could make it."""
    return Request(
        "POST",
        (
            ("Content-Type", "application/grpc"),
            ("TE", "trailers"),
            ("User-Agent", "grpc-go/1.76.0"),
            ("Origin", origin),
        ),
        path="/orders.v1.Orders/Get",
        body=CALL,
        answer=REPLY,
    )
