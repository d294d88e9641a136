"""One stretch of load on one server, and what came of it."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

import traffic
from certificate import CIPHER, GROUP
from console import BenchError
from process import Server, neighbours_cpu_seconds
from traffic import Request

_SCRIPT = Path(__file__).parent / "load.lua"
# Of h2load, for load at a rate: the clients of one send at the same moment, those of different ones
# do not.
GENERATORS = 16
CLIENTS = 8
# How many streams it has open on each of as many connections over HTTP/2, at no rate.
_STREAMS = 16


@dataclass(frozen=True)
class Sample:
    requests: int
    seconds: float
    # Of the server under load.
    cpu_seconds: float
    # How many cores were busy with what has nothing to do with the benchmark.
    neighbours: float
    # The 99th percentile of how long requests took, in seconds; only of `paced`.
    p99: float = 0.0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def busy(self) -> float:
        """How many cores the server kept busy. Where one core is its own and this is clearly less
        than one, something else was the limit: the load generator, the backend, a neighbour."""
        return self.cpu_seconds / self.seconds

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu_seconds


@dataclass(frozen=True)
class Summary:
    """The medians of some samples, and between which rates they lie."""

    rate: float
    slowest: float
    fastest: float
    busy: float
    per_cpu_second: float
    # The most in any of them.
    neighbours: float
    p99: float

    @classmethod
    def of(cls, samples: list[Sample]) -> Self:
        rates = [sample.rate for sample in samples]
        return cls(
            rate=median(rates),
            slowest=min(rates),
            fastest=max(rates),
            busy=median(sample.busy for sample in samples),
            per_cpu_second=median(sample.per_cpu_second for sample in samples),
            neighbours=max(sample.neighbours for sample in samples),
            p99=median(sample.p99 for sample in samples),
        )


def wrk(
    server: Server,
    requests: Path,
    seconds: int,
    depth: int = 1,
    tls: bool = False,
    clients: int = 64,
    answer: int = 0,
) -> Sample:
    """Load over HTTP/1.1 with what `write_requests` wrote, `depth` of them at once a connection.
    Every answer has to have a body of at least `answer` bytes."""
    url = _url(server, tls)
    options = ["-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(_SCRIPT)]
    command = ["wrk", *options, url, "--", str(requests), str(depth)]
    output, cpu_seconds, neighbours = _under_load(server, command, seconds)
    result = _result(server, command, output)
    for error in ("connect", "read", "write", "status", "timeout"):
        if result[error]:
            raise BenchError(f"{server.name} had {result[error]} {error} errors under load")
    if result["bytes"] < result["requests"] * answer:
        raise BenchError(f"{server.name} has not sent every answer whole: {output}")
    return Sample(result["requests"], result["microseconds"] / 1e6, cpu_seconds, neighbours)


def handshakes(server: Server, command: list[str], requests: Path, seconds: int) -> Sample:
    """Load with a connection for each request, by `command` of the generator, which ends with an
    error if a handshake is not the one that is measured."""
    command = [*command, str(server.port), str(requests), str(seconds)]
    output, cpu_seconds, neighbours = _under_load(server, command, seconds)
    result = _result(server, command, output)
    return Sample(result["requests"], result["microseconds"] / 1e6, cpu_seconds, neighbours)


def h2load(server: Server, request: Request, body: Path, seconds: int, tls: bool = False) -> Sample:
    """Load over HTTP/2. `body` has that of the request; every request has to get its answer."""
    headers = [f"--header={field}" for field in request.http2()]
    options = ["-t1", f"-c{CLIENTS}", f"-m{_STREAMS}", f"--duration={seconds}"]
    # Its own settings go before those of OpenSSL's file.
    options += [f"--tls13-ciphers={CIPHER}", f"--groups={GROUP}"] if tls else []
    options += [f"--data={body}"] if request.body else []
    command = ["h2load", *options, *headers, _url(server, tls, request.path)]
    output, cpu_seconds, neighbours = _under_load(server, command, seconds)
    if tls and f"\nCipher: {CIPHER}\n" not in output:
        raise BenchError(f"h2load speaks to {server.name} with another cipher: {output[:500]}")
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", output)
    codes = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if not counts or not codes or counts[1] == "0":
        raise BenchError(f"h2load counts no requests to {server.name}")
    done = counts[1]
    # At the end of the time, some responses have a status and lack the rest. They are not done.
    begun = int(codes[1]) - int(done) if codes else -1
    is_sound = counts.groups() == (done, done, "0", "0") and 0 <= begun <= CLIENTS * _STREAMS
    if not is_sound or codes.groups()[1:] != ("0", "0", "0"):
        raise BenchError(f"{server.name} had errors under load: {counts[0]}; {codes[0]}")
    # A call that fails has status 200 as well, but no message.
    data = re.search(r"^traffic: .* \((\d+)\) data$", output, re.MULTILINE)
    if not data or int(data[1]) < int(done) * len(request.answer):
        raise BenchError(f"{server.name} has not sent every answer whole: {output}")
    return Sample(int(done), float(seconds), cpu_seconds, neighbours)


def paced(server: Server, request: Request, rate: float, seconds: int, logs: Path) -> Sample:
    """Load over HTTP/1.1 with so many requests a second, and how long they took. The directory
    `logs` is for the generators' lines of each request: when it was sent, in microseconds, its
    status, and how long it took."""
    headers = [f"--header={field}" for field in request.http2()]
    each = f"--rps={rate / GENERATORS / CLIENTS:.3f}"
    options = ["--h1", "-t1", f"-c{CLIENTS}", f"--duration={seconds}", each]
    files = [logs / str(number) for number in range(GENERATORS)]
    for file in files:
        file.unlink(missing_ok=True)
    script = f'for n in {" ".join(map(str, files))}; do h2load --log-file="$n" "$@" & done; wait'
    h2load = [*options, *headers, _url(server, tls=False, path=request.path)]
    _, cpu_seconds, neighbours = _under_load(server, ["sh", "-c", script, "sh", *h2load], seconds)
    lines = [line.split() for file in files if file.exists() for line in file.open()]
    if any(status != "200" for _, status, _ in lines):
        raise BenchError(f"{server.name} had errors under load, see {logs}")
    if not lines:
        raise BenchError(f"h2load counts no requests to {server.name}")
    times = sorted(int(microseconds) for _, _, microseconds in lines)
    p99 = times[len(times) * 99 // 100] / 1e6
    return Sample(len(lines), float(seconds), cpu_seconds, neighbours, p99)


def _url(server: Server, tls: bool, path: str = traffic.PATH) -> str:
    return f"{'https' if tls else 'http'}://127.0.0.1:{server.port}{path}"


def _result(server: Server, command: list[str], output: str) -> dict[str, int]:
    found = dict(re.findall(r"(\w+)=(\d+)", output.rpartition("RESULT ")[2]))
    result = {name: int(value) for name, value in found.items()}
    if not result.get("requests"):
        raise BenchError(f"{Path(command[0]).name} counts no requests to {server.name}")
    return result


def write_requests(requests: list[Request], file: Path) -> None:
    file.write_bytes(b"".join(request.http1() + b"\0" for request in requests))


def _under_load(server: Server, command: list[str], seconds: int) -> tuple[str, float, float]:
    """The output of `command`, and the CPU time of the server and of neighbours meanwhile."""
    before = server.cpu_seconds()
    neighbours_before = neighbours_cpu_seconds()
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{command[0]} does not end; {server.name} may have stopped") from error
    cpu_seconds = server.cpu_seconds() - before
    if cpu_seconds == 0:
        raise BenchError(f"{server.name} got no CPU time; measure when the machine is quieter")
    neighbours = max(0.0, neighbours_cpu_seconds() - neighbours_before) / seconds
    if run.returncode:
        raise BenchError(f"{command[0]} failed on {server.name}: {run.stderr.strip()[-500:]}")
    return run.stdout, cpu_seconds, neighbours
