"""The requests of the benchmark: what Chrome sends, byte for byte but for names; calls of gRPC."""

from dataclasses import dataclass

HOST = "api.example.com"
PATH = "/v1/orders/42"
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
# The body that the backend answers with: 1 KiB of JSON.
BODY = '{"orders":["' + "x" * (1024 - len('{"orders":[""]}')) + '"]}'


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
    # Over HTTP/2 only.
    body: bytes = b""

    def http1(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {HOST}", "Connection: keep-alive"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        return "\r\n".join([*lines, "", ""]).encode()

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


def get(origin: str) -> Request:
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
    )


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
    )
