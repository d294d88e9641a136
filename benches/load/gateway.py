"""What only corsgate is asked: how much memory it takes, and how it uses a second core."""

import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

import measure
import origins
import traffic
from bench import Bench
from console import BenchError, say
from measure import Sample, Summary
from origins import Policy
from process import Server, allow_files
from traffic import Request

REQUESTS = 10_000
CONNECTIONS = 10_000
# Requests written at once: then the load generator takes a small part of what the gateway takes,
# and can share a core with it.
DEPTH = 32
# Connections of the backend, files of the programs.
_SPARE_FILES = 1_000


@dataclass(frozen=True)
class Memory:
    """In bytes."""

    at_start: int
    after_requests: int
    idle_after_preflight: float
    idle_after_get: float


def memory(bench: Bench) -> Memory:
    say("memory:")
    allow_files(CONNECTIONS + _SPARE_FILES)
    try:
        return _memory(bench)
    except OSError as error:
        raise BenchError(f"a connection to corsgate broke, see its log: {error!r}") from error


def scaling(bench: Bench) -> tuple[Summary, Summary]:
    """What comes of load with one worker on one core, and with two on both cores, of which the load
    generator takes its part."""
    say("scaling:")
    file = bench.fresh_directory("requests") / "scaling"
    measure.write_requests([traffic.preflight(origin) for origin in origins.ONE.exact], file)
    with ExitStack() as stack:
        backend = stack.enter_context(bench.backend())
        servers = {
            str(threads): stack.enter_context(
                bench.server("corsgate", origins.ONE, backend, threads=threads)
            )
            for threads in (1, 2)
        }

        def turn(threads: str) -> Sample:
            return measure.wrk(servers[threads], file, bench.seconds, DEPTH)

        summaries, failed = bench.take_turns(list(servers), turn)
    if failed:
        raise BenchError(f"scaling can't be measured: {failed}")
    return summaries["1"], summaries["2"]


def _memory(bench: Bench) -> Memory:
    with bench.backend() as backend:
        with bench.server("corsgate", origins.HUGE, backend) as server:
            at_start = server.resident_bytes()
            _send(server, [traffic.preflight(origin) for origin in _some(origins.HUGE)])
            after_requests = server.resident_bytes()
        say(f"  {at_start / 2**20:.1f} MiB at start, {after_requests / 2**20:.1f} MiB later")
        (origin,) = origins.ONE.exact
        idle_preflight = _idle(bench, backend, traffic.preflight(origin))
        idle_get = _idle(bench, backend, traffic.get(origin))
    say(f"  {idle_preflight:,.0f} and {idle_get:,.0f} bytes an idle connection")
    return Memory(at_start, after_requests, idle_preflight, idle_get)


def _some(policy: Policy) -> list[str]:
    return [policy.exact[n * len(policy.exact) // REQUESTS] for n in range(REQUESTS)]


def _idle(bench: Bench, backend: Server, request: Request) -> float:
    """By how much each connection that has served one request, and is kept, makes corsgate grow."""
    with bench.server("corsgate", origins.ONE, backend) as server, ExitStack() as stack:
        # What the first requests allocate belongs to no connection.
        _send(server, [request] * 100)
        before = server.resident_bytes()
        connections = [stack.enter_context(_connect(server)) for _ in range(CONNECTIONS)]
        for connection in connections:
            _exchange(connection, request)
        # For what the gateway does after an answer.
        time.sleep(1)
        after = server.resident_bytes()
        if not all(map(_is_open, connections)):
            raise BenchError("corsgate closed idle connections while their memory was measured")
    return (after - before) / CONNECTIONS


def _send(server: Server, requests: list[Request]) -> None:
    with _connect(server) as connection:
        for request in requests:
            _exchange(connection, request)


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def _exchange(connection: socket.socket, request: Request) -> None:
    """One request and its answer, which has no body, or the backend's."""
    connection.sendall(request.http1())
    body = 0 if request.method == "OPTIONS" else len(traffic.BODY)
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < body or b"\r\n\r\n" not in answer:
        received = connection.recv(65536)
        if not received:
            raise BenchError(f"corsgate closed a connection; the answer until then: {answer!r}")
        answer += received
    if not answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 204 ")):
        raise BenchError(f"corsgate's answer is wrong: {answer!r}")


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
