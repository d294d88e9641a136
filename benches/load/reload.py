#!/usr/bin/env python3
"""Reloads a configuration with 100,000 origins while preflights are answered, and says how long a
reload takes and how long the slowest answer took meanwhile.

    cargo build --release && python3 benches/load/reload.py

One client sends a preflight every half millisecond and times each answer; the gateway has the
first core, or with `--cores 2` both, the client the second. Prints Markdown.
"""

import sys

# Before the modules beside this file are imported: nothing is written among the sources.
sys.dont_write_bytecode = True

import argparse
import os
import socket
import statistics
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from origins import HUGE
from patience import Patience
from process import LOAD_CORE, SERVER_CORE, Server, free_port

_BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "corsgate"
_PAUSE_SECONDS = 0.000_5
_RELOADS = 30

_CONFIG = """\
listeners: [{{ address: '127.0.0.1:{port}' }}]
admin: {{ address: '127.0.0.1:{admin}' }}
server: {{ threads: 1 }}
upstreams: {{ u: {{ echo: true }} }}
routes: [{{ upstream: u, cors: {{ allow_origins: [{{ file: origins.txt }}] }} }}]
"""


class Client:
    """Sends one preflight after the other and keeps how long each answer took, with when."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = (
            f"OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: {HUGE.exact[77]}\r\n"
            "Access-Control-Request-Method: GET\r\n\r\n"
        ).encode()
        self.answers: list[tuple[float, float]] = []

    def ask_until(self, is_over: threading.Event) -> None:
        while not is_over.is_set():
            before = time.perf_counter()
            self._socket.sendall(self._request)
            answer = self._socket.recv(4096)
            after = time.perf_counter()
            assert answer.startswith(b"HTTP/1.1 204") and answer.endswith(b"\r\n\r\n"), answer
            self.answers.append((before, after - before))
            time.sleep(_PAUSE_SECONDS)


def reload(admin: int) -> tuple[float, float]:
    """When it began, and how long it took."""
    request = urllib.request.Request(f"http://127.0.0.1:{admin}/reload", method="POST")
    before = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    return before, time.perf_counter() - before


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, choices=(1, 2), default=1)
    cores = parser.parse_args().cores
    os.sched_setaffinity(0, {LOAD_CORE})
    server_cores = str(SERVER_CORE) if cores == 1 else f"{SERVER_CORE},{LOAD_CORE}"
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        port, admin = free_port(), free_port()
        (directory / "origins.txt").write_text("\n".join(HUGE.exact))
        config = directory / "gate.yaml"
        config.write_text(_CONFIG.format(port=port, admin=admin))
        argv = [str(_BINARY), "serve", "--config", str(config)]
        with Server("corsgate", argv, server_cores, directory, port):
            Patience(120).wait_until_quiet()
            report(port, admin, cores)


def report(port: int, admin: int, cores: int) -> None:
    client, is_over = Client(port), threading.Event()
    thread = threading.Thread(target=client.ask_until, args=(is_over,))
    thread.start()
    time.sleep(5)
    usual = [seconds for _, seconds in client.answers]
    reloads = []
    for _ in range(_RELOADS):
        time.sleep(0.2)
        reloads.append(reload(admin))
    is_over.set()
    thread.join()
    meanwhile = [
        seconds
        for at, seconds in client.answers
        if any(began - seconds <= at <= began + took for began, took in reloads)
    ]
    took = [seconds for _, seconds in reloads]
    p99 = percentile(usual, 0.99)
    ms = 1_000
    print(f"cores of the gateway: {cores}")
    print(
        f"reloads: {len(took)}, median {statistics.median(took) * ms:.0f} ms, "
        f"slowest {max(took) * ms:.0f} ms"
    )
    print(
        f"answers without a reload: {len(usual)}, p99 {p99 * ms:.3f} ms, "
        f"slowest {max(usual) * ms:.3f} ms: {max(usual) / p99:.1f} times the p99"
    )
    print(
        f"answers during a reload: {len(meanwhile)}, p99 {percentile(meanwhile, 0.99) * ms:.3f} ms, "
        f"slowest {max(meanwhile) * ms:.3f} ms: {max(meanwhile) / p99:.1f} times the usual p99"
    )


if __name__ == "__main__":
    main()
