"""The memory that an idle connection takes of corsgate and its peers, without TLS and with it."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import measure
import origins
import traffic
import verify
from bench import Bench
from console import BenchError, say
from process import Server, allow_files
from works import Work

CONNECTIONS = 10_000
TARGETS = ("corsgate", "nginx", "haproxy", "envoy")
# The kinds of connections, as the generator calls them. None has been resumed.
KINDS = ("plain", "full")
# The first ones make a server grow by what belongs to no connection.
_FIRST = 64
_SETTLE_SECONDS = 1.0


@dataclass
class Idle:
    # Bytes for each connection, by kind, then by target.
    grown: dict[str, dict[str, float]] = field(default_factory=dict)
    # Why a target is not among them.
    excluded: dict[str, str] = field(default_factory=dict)


def idle(bench: Bench) -> Idle:
    say("idle:")
    allow_files(CONNECTIONS + 1_000)
    result = Idle({kind: {} for kind in KINDS})
    (origin,) = origins.ONE.exact
    file = bench.fresh_directory("requests") / "idle"
    measure.write_requests([traffic.preflight(origin)], file)
    with bench.backend() as backend:
        for kind in KINDS:
            tls = kind != "plain"
            work = Work("idle", "", origins.ONE, traffic.preflight, {}, tls=tls)
            for name in TARGETS:
                if name not in bench.programs:
                    continue
                try:
                    with bench.server(name, origins.ONE, backend, tls=tls) as server:
                        verify.target(server, work)
                        grown = _grown(bench, server, kind, file)
                except BenchError as error:
                    say(f"  {name} is left out: {error}")
                    result.excluded[f"{name}, {kind}"] = str(error)
                    continue
                say(f"  {name}, {kind}: {grown:,.0f} bytes a connection")
                result.grown[kind][name] = grown
    return result


def _grown(bench: Bench, server: Server, kind: str, file: Path) -> float:
    _hold(bench, server, kind, file, _FIRST)
    before = server.resident_bytes()
    return (_hold(bench, server, kind, file, CONNECTIONS) - before) / CONNECTIONS


def _hold(bench: Bench, server: Server, kind: str, file: Path, count: int) -> int:
    """The server's memory while it has so many connections that have had one answer each."""
    command = [str(bench.generator), "hold", kind, str(server.port), str(file), str(count)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as generator:
        assert generator.stdin and generator.stdout and generator.stderr
        try:
            if generator.stdout.readline() != f"HELD {count}\n":
                reason = generator.stderr.read().strip()[-500:]
                raise BenchError(f"{server.name} did not take {count} connections: {reason}")
            # For what a server does after an answer.
            time.sleep(_SETTLE_SECONDS)
            resident = server.resident_bytes()
            generator.stdin.write("\n")
            generator.stdin.flush()
            if generator.stdout.readline() != f"OPEN {count}\n":
                raise BenchError(f"{server.name} closed connections while they were measured")
        finally:
            generator.kill()
    time.sleep(_SETTLE_SECONDS)
    return resident
