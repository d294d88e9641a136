"""The memory of corsgate while large bodies go through it, and some readers are slow."""

import re
import subprocess
from dataclasses import dataclass

import origins
from bench import Bench
from console import BenchError, say
from process import Server

# Of each kind: streams that are fast, and those that are slow beside them.
FAST = 24
SLOW = 8
KINDS = (("get", "http1"), ("put", "http1"), ("get", "http2"), ("put", "http2"))
# In bytes, of all kinds together.
TOTAL = 10 * 10**9
# For what belongs to no stream: one small body.
_FIRST = 16 * 2**10
_MOST_SECONDS = 120


@dataclass(frozen=True)
class Transfer:
    direction: str
    protocol: str
    bytes: int
    seconds: float
    # By how many bytes the peak of resident memory is above what it was before, for each stream.
    grown: float


def transfers(bench: Bench) -> list[Transfer]:
    say("transfer:")
    return [_transfer(bench, direction, protocol) for direction, protocol in KINDS]


def _transfer(bench: Bench, direction: str, protocol: str) -> Transfer:
    """In a gateway of its own, which owes no memory to another kind."""
    h2 = protocol == "http2"
    with (
        bench.transfer_backend(protocol) as backend,
        bench.server("corsgate", origins.ONE, backend, http2=h2, h2c=h2) as server,
    ):
        _run(bench, server, direction, protocol, 1, 0, _FIRST)
        before = server.resident_bytes()
        server.forget_peak()
        count = TOTAL // len(KINDS)
        seconds = _run(bench, server, direction, protocol, FAST, SLOW, count)
        grown = (server.peak_bytes() - before) / (FAST + SLOW)
    say(f"  {direction}, {protocol}: {grown:,.0f} bytes a stream, {count / seconds:,.0f} bytes/s")
    return Transfer(direction, protocol, count, seconds, grown)


def _run(
    bench: Bench, server: Server, direction: str, protocol: str, fast: int, slow: int, count: int
) -> float:
    """How long it took, in seconds. The client checks that bodies come whole."""
    options = [direction, protocol, str(server.port), str(fast), str(slow), str(count)]
    command = [str(bench.transfer_program), *options]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        message = f"{direction} over {protocol} takes longer than {_MOST_SECONDS} s"
        raise BenchError(message) from error
    result = re.search(r"^RESULT bytes=(\d+) microseconds=(\d+)$", run.stdout, re.MULTILINE)
    if run.returncode or not result or int(result[1]) != count:
        raise BenchError(f"{direction} over {protocol} failed: {run.stderr.strip()[-500:]}")
    return int(result[2]) / 1e6
