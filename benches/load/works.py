"""What there is to do, and how much more of it corsgate is expected to do than each peer."""

from collections.abc import Callable
from dataclasses import dataclass

import origins
import traffic
from origins import Policy
from traffic import Request


@dataclass(frozen=True)
class Work:
    name: str
    about: str
    policy: Policy
    request: Callable[[str], Request]
    # By the name of a target, in the order in which they take turns: corsgate's requests must be at
    # least this many times the target's, see by_cpu_time.
    expected: dict[str, float]
    # Whether requests are expected by the server's CPU second in any case. Otherwise they are by
    # the second, where the servers were what limited the load.
    by_cpu_time: bool = False
    http2: bool = False
    # Calls of gRPC: the backend speaks HTTP/2 as well, without TLS. Only with http2.
    grpc: bool = False
    tls: bool = False
    # Each request on a connection of its own, of this kind: see handshakes.rs.
    connections: str = ""
    # How many connections wrk opens.
    clients: int = 64
    # corsgate without its express lane, and bare as a proxy: pingora's HttpProxy forwards.
    pingora: bool = False

    def requests(self) -> list[Request]:
        return [self.request(origin) for origin in origins.samples(self.policy)]


WORKS = (
    Work(
        "preflight-one",
        "Preflights over HTTP/1.1, one allowed origin. `wrk -t1 -c64`.",
        origins.ONE,
        traffic.preflight,
        {
            "nginx": 1.25,
            "haproxy": 1.3,
            "envoy": 3.3,
            "traefik": 4.5,
            "caddy": 4.5,
            "bare": 0.95,
        },
    ),
    Work(
        "preflight-many",
        "Preflights over HTTP/1.1, 10,000 exact origins and 1,000 regexes. 4,096 different origins "
        "take turns: half of them exact, half for the regexes, spread evenly over all patterns, "
        "and shuffled. `wrk -t1 -c64`.",
        origins.MANY,
        traffic.preflight,
        {
            "nginx": 5,
            "haproxy": 1.2,
            "envoy": 15,
            "traefik": 10,
            "caddy": 10,
            "bare": 0.85,
        },
    ),
    Work(
        "preflight-h2",
        "Preflights over HTTP/2 without TLS, one allowed origin. `h2load -t1 -c8 -m16`.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.0, "envoy": 1.9},
        http2=True,
    ),
    Work(
        "proxied-get",
        "GETs with an Origin over HTTP/1.1, forwarded to a backend that answers with 1 KiB. "
        "`wrk -t1 -c64`.",
        origins.ONE,
        traffic.get,
        {"nginx": 1.4, "haproxy": 0.95, "envoy": 3.2, "traefik": 5, "caddy": 7},
        by_cpu_time=True,
    ),
    Work(
        "proxied-get-h2",
        "The same GETs over HTTP/2 without TLS; the backend speaks HTTP/1.1. "
        "`h2load -t1 -c8 -m16`.",
        origins.ONE,
        traffic.get,
        {"nginx": 1.2, "envoy": 2.2},
        by_cpu_time=True,
        http2=True,
    ),
    Work(
        "tls-proxied-get",
        "The same GETs over TLS and HTTP/1.1; to the backend without TLS. `wrk -t1 -c64`.",
        origins.ONE,
        traffic.get,
        {"nginx": 1.2, "haproxy": 0.95, "envoy": 2.5},
        by_cpu_time=True,
        tls=True,
    ),
    Work(
        "proxied-post",
        "POSTs with an Origin and a body of 16 KiB over HTTP/1.1; the backend answers with the "
        "body. `wrk -t1 -c64`.",
        origins.ONE,
        traffic.post,
        {"nginx": 1.1, "haproxy": 0.9, "envoy": 2},
        by_cpu_time=True,
    ),
    Work(
        "proxied-download",
        "GETs with an Origin over HTTP/1.1; the backend answers with 1 MiB. `wrk -t1 -c16`.",
        origins.ONE,
        traffic.download,
        {"nginx": 1.0, "haproxy": 0.9, "envoy": 1.3},
        by_cpu_time=True,
        clients=16,
    ),
    Work(
        "proxied-upload",
        "POSTs with an Origin and a body of 1 MiB over HTTP/1.1; the backend answers with its "
        "size once it has all of it. `wrk -t1 -c16`.",
        origins.ONE,
        traffic.upload,
        {"nginx": 1.0, "haproxy": 0.9, "envoy": 1.3},
        by_cpu_time=True,
        clients=16,
    ),
    Work(
        "proxied-get-pingora",
        "The GETs of `proxied-get`, forwarded by pingora's HttpProxy: corsgate has `express_lane: "
        "false`, and bare is a proxy that looks at nothing. `wrk -t1 -c64`.",
        origins.ONE,
        traffic.get,
        {"bare": 0.95},
        by_cpu_time=True,
        pingora=True,
    ),
    Work(
        "grpc-unary",
        "Unary calls of gRPC with an Origin, over HTTP/2 without TLS on both sides: a message of "
        "32 bytes, answered with one of 100 bytes and the trailer `grpc-status`. The backend is "
        "`benches/load/grpc_backend.rs`. `h2load -t1 -c8 -m16`, which also sends Content-Length.",
        origins.ONE,
        traffic.call,
        {"envoy": 1.3},
        http2=True,
        grpc=True,
    ),
    Work(
        "connections",
        "Connections without TLS, with one preflight each, and closed by the client after it. "
        "`handshakes rate plain`, 32 at a time.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.0, "haproxy": 1.0, "envoy": 2.5},
        by_cpu_time=True,
        connections="plain",
    ),
    Work(
        "tls-preflight",
        "Preflights over TLS and HTTP/1.1, one allowed origin. `wrk -t1 -c64`.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.2, "haproxy": 1.1, "envoy": 3},
        tls=True,
    ),
    Work(
        "tls-preflight-h2",
        "Preflights over TLS and HTTP/2, one allowed origin. `h2load -t1 -c8 -m16`.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.2, "haproxy": 1.0, "envoy": 2},
        http2=True,
        tls=True,
    ),
    Work(
        "tls-handshakes",
        "Connections with a full handshake, one preflight over HTTP/1.1 each, and closed by the "
        "client after it. `handshakes rate full`, 32 at a time.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.0, "haproxy": 1.0, "envoy": 1.3},
        by_cpu_time=True,
        tls=True,
        connections="full",
    ),
    Work(
        "tls-resumptions",
        "The same, but each handshake resumes a session by the ticket that the connection before "
        "it got. `handshakes rate resumed`, 32 at a time.",
        origins.ONE,
        traffic.preflight,
        {"nginx": 1.0, "haproxy": 0.9, "envoy": 1.2},
        tls=True,
        connections="resumed",
    ),
)
