"""Results as Markdown: what was measured beside what is expected."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from access_log import ALLOWED, Cost
from bench import Bench, WorkResult
from certificate import CIPHER, GROUP
from endpoints import MANY, Endpoints
from gateway import CONNECTIONS, DEPTH, REQUESTS, Memory
from idle import CONNECTIONS as IDLE_CONNECTIONS
from idle import Idle
from latency import EXPECTED, REACHED, Latency
from measure import CLIENTS, GENERATORS, Summary
from patience import QUIET
from process import LOAD_CORE, SERVER_CORE
from targets import TARGETS
from transfer import FAST, SLOW, TOTAL, Transfer

_MEMORY_MIB = 40
_IDLE_KIB = 12
_SCALING = 1.7
# Requests by CPU second, with many endpoints by those with one.
_ENDPOINTS = 0.98
_TRANSFER_KIB = 64
# corsgate's memory for an idle TLS connection, by a peer's.
_IDLE_RATIOS = {"nginx": 1.0, "envoy": 0.5}
# Less than that of its core, and a server was not what limited the load.
_SATURATED = 0.95

_COLUMNS = (
    "",
    "requests/s",
    "min – max",
    "core busy",
    "requests by CPU second",
    "ratio",
    "by CPU time",
    "expected",
    "met",
)


@dataclass
class Results:
    date: str
    command: str
    bench: Bench
    versions: dict[str, str]
    # Targets that could not be had at all, with the reason.
    unavailable: dict[str, str]
    works: list[WorkResult] = field(default_factory=list)
    latency: Latency | None = None
    idle: Idle | None = None
    memory: Memory | None = None
    scaling: tuple[Summary, Summary] | None = None
    endpoints: Endpoints | None = None
    transfers: list[Transfer] | None = None
    access_log: list[Cost] | None = None


def markdown(results: Results) -> str:
    sections = [_head(results), *map(_work, results.works)]
    if results.latency:
        sections.append(_latency(results.latency))
    if results.idle:
        sections.append(_idle(results.idle))
    if results.memory:
        sections.append(_memory(results.memory))
    if results.scaling:
        sections.append(_scaling(*results.scaling))
    if results.endpoints:
        sections.append(_endpoints(results.endpoints))
    if results.transfers:
        sections.append(_transfers(results.transfers))
    if results.access_log:
        sections.append(_access_log(results.access_log))
    return "\n\n".join(sections) + "\n"


def _head(results: Results) -> str:
    bench = results.bench
    lines = [
        f"# Side by side with other gateways, {results.date}",
        "",
        f"`{results.command}`",
        "",
        f"Machine: {os.cpu_count()} cores of {_cpu_model()}; Linux {platform.release()}.",
        "",
        f"The server under load has core {SERVER_CORE} for itself, with one worker each. The load "
        f"generator and the backend (nginx, one worker) share core {LOAD_CORE}. Without "
        "access logs; connections kept alive, and without TLS, where nothing else is said. The "
        "headers are those of Chrome. Targets "
        f"take turns: {bench.rounds} rounds of {bench.seconds} s each after one to warm up, and "
        "again where other programs disturbed one. Before that each has answered every request of "
        "the load, and origins that are not allowed, as it should; under load no request failed. "
        "All have the same policy, send X-Forwarded-For, -Proto and -Host to the backend, and keep "
        "their connections to it: `benches/load/templates`.",
        "",
        f"All that is over TLS is TLS 1.3 with {CIPHER} and {GROUP}, an ECDSA P-256 key, and "
        "tickets switched on. Each handshake of the generator for connections, "
        "`benches/load/handshakes.rs`, was checked to be that, and full or resumed as the work "
        "says.",
        "",
        "A ratio is corsgate's median by the target's: of requests/s, and of requests by the "
        "server's CPU time. Where one of the two kept clearly less than its core busy, it was not "
        "the limit, but the load generator or the backend was; then the ratio by CPU time is the "
        "one that has to meet what is expected. For GETs, POSTs and connections it always is.",
        "",
        "The peers are the builds in the wheels of `benches/load/requirements.txt`, unless the "
        "command names others with `--program`. nginx's is compiled for size (`-Os`), and slower "
        "for it than one compiled for speed.",
        "",
        *_table(("program", "version"), results.versions.items()),
    ]
    lines += [f"\nNot measured: {name}: {why}" for name, why in results.unavailable.items()]
    return "\n".join(lines)


def _work(result: WorkResult) -> str:
    ours = result.summaries.get("corsgate")
    rows = []
    for name, theirs in result.summaries.items():
        mark = "" if theirs.busy >= _SATURATED else "\\*"
        row = [
            TARGETS[name].title,
            f"{theirs.rate:,.0f}",
            f"{theirs.slowest:,.0f} – {theirs.fastest:,.0f}",
            f"{theirs.busy:.0%}{mark}",
            f"{theirs.per_cpu_second:,.0f}",
        ]
        expected = result.work.expected.get(name)
        if ours and expected:
            ratio = ours.rate / theirs.rate
            by_cpu = ours.per_cpu_second / theirs.per_cpu_second
            saturated = min(ours.busy, theirs.busy) >= _SATURATED
            by_clock = saturated and not result.work.by_cpu_time
            met = (ratio if by_clock else by_cpu) >= expected
            row += [f"{ratio:.2f}", f"{by_cpu:.2f}", f"≥ {expected:.2f}", _yes(met)]
        else:
            row += [""] * 4
        rows.append(row)
    lines = [f"## {result.work.name}", "", result.work.about, "", *_table(_COLUMNS, rows)]
    if any(theirs.busy < _SATURATED for theirs in result.summaries.values()):
        lines += ["", "\\* The server was not the limit."]
    lines += _neighbours(result.summaries.values())
    lines += [f"\nLeft out: {name}: {why}" for name, why in result.excluded.items()]
    return "\n".join(lines)


def _latency(latency: Latency) -> str:
    rows = []
    ours = latency.summaries["corsgate"].p99
    late = any(of.rate < REACHED * latency.paced for of in latency.summaries.values())
    for name, of in latency.summaries.items():
        row = [TARGETS[name].title, f"{of.rate:,.0f}", f"{of.busy:.0%}", f"{of.p99 * 1e3:.2f} ms"]
        ratio = ours / of.p99
        verdict = [f"{ratio:.2f}", f"≤ {EXPECTED:.2f}", _yes(ratio <= EXPECTED and not late)]
        rows.append(row + (verdict if name != "corsgate" else [""] * 3))
    about = (
        "The GETs of `proxied-get` at a rate that does not depend on the answers: half of the "
        f"{latency.most:,.0f} requests/s that nginx took before. {GENERATORS} h2load over HTTP/1.1 "
        f"with {CLIENTS} connections each, `-t1 -c{CLIENTS} --h1 --rps`; those of one send at the "
        "same moment. The time of a request begins when it is written: where the one before it on "
        "its connection took longer than the pause, the wait for that is not counted. "
        "The median of the rounds' 99th percentiles."
    )
    columns = ("", "requests/s", "core busy", "p99", "ratio", "expected", "met")
    lines = ["## latency", "", about, "", *_table(columns, rows)]
    if late:
        lines += ["", f"Not all of the {latency.paced:,.0f} requests/s were sent: no verdict."]
    return "\n".join([*lines, *_neighbours(latency.summaries.values())])


def _idle(idle: Idle) -> str:
    rows = []
    for name, full in idle.grown["full"].items():
        plain = idle.grown["plain"].get(name)
        row = [TARGETS[name].title, "" if plain is None else _kib(plain), _kib(full)]
        ours = idle.grown["full"].get("corsgate")
        most = _IDLE_RATIOS.get(name)
        if ours and most:
            row += [f"{ours / full:.2f}", f"≤ {most:.2f}", _yes(ours <= full * most)]
        else:
            row += ["" if name == "corsgate" or not ours else f"{ours / full:.2f}", "", ""]
        rows.append(row)
    about = (
        f"By how much resident memory grows for each of {IDLE_CONNECTIONS:,} connections that have "
        "served one preflight over HTTP/1.1 and stay open. The ratio is corsgate's by the "
        "target's, with TLS."
    )
    columns = ("", "without TLS", "with TLS", "ratio", "expected", "met")
    lines = ["## idle", "", about, "", *_table(columns, rows)]
    lines += [f"\nLeft out: {name}: {why}" for name, why in idle.excluded.items()]
    return "\n".join(lines)


def _kib(size: float) -> str:
    return f"{size / 2**10:.1f} KiB"


def _memory(memory: Memory) -> str:
    mib, kib = 2**20, 2**10
    rows = [
        ("after start", f"{memory.at_start / mib:.1f} MiB", *_at_most_mib(memory.at_start)),
        (
            f"after {REQUESTS:,} preflights",
            f"{memory.after_requests / mib:.1f} MiB",
            *_at_most_mib(memory.after_requests),
        ),
    ]
    idle = (("preflight", memory.idle_after_preflight), ("GET", memory.idle_after_get))
    for kind, grown in idle:
        rows.append(
            (
                f"growth for each idle connection, after one {kind}",
                f"{grown / kib:.1f} KiB",
                f"≤ {_IDLE_KIB} KiB",
                _yes(grown <= _IDLE_KIB * kib),
            )
        )
    about = (
        "corsgate's resident memory: with 100,000 exact origins; and with one, by how much it "
        f"grows for each of {CONNECTIONS:,} connections that have served one request and stay open."
    )
    return "\n".join(
        ["## memory", "", about, "", *_table(("", "measured", "expected", "met"), rows)]
    )


def _scaling(one: Summary, two: Summary) -> str:
    by_cpu = 2 * two.per_cpu_second / one.per_cpu_second
    by_clock = two.rate / one.rate
    rows = [
        (title, f"{of.rate:,.0f}", f"{of.busy:.2f}", f"{of.per_cpu_second:,.0f}")
        for title, of in (("1 worker", one), ("2 workers", two))
    ]
    columns = ("", "requests/s", "cores busy", "requests by CPU second")
    about = (
        f"corsgate with one worker on core {SERVER_CORE}, and with two on both cores; preflights, "
        f"{DEPTH} written at once on each of 64 connections. With two workers the load generator "
        f"takes its part of core {LOAD_CORE} away from them, so that requests by the clock say "
        "too little. What two cores would do is twice what two workers do by CPU second: what "
        "they cost each other, in caches and locks, is in that."
    )
    verdict = (
        f"By CPU time: {by_cpu:.2f} times one worker; expected ≥ {_SCALING}; "
        f"met: {_yes(by_cpu >= _SCALING)}. "
        f"By the clock, beside the load generator: {by_clock:.2f} times."
    )
    lines = ["## scaling", "", about, "", *_table(columns, rows), "", verdict]
    return "\n".join([*lines, *_neighbours([one, two])])


def _endpoints(endpoints: Endpoints) -> str:
    one, many = endpoints.one, endpoints.many
    ratio = many.per_cpu_second / one.per_cpu_second
    rows = [
        (title, f"{of.rate:,.0f}", f"{of.busy:.0%}", f"{of.per_cpu_second:,.0f}", str(kept))
        for title, of, kept in (
            ("1 endpoint", one, endpoints.kept_by_one),
            (f"{MANY} endpoints", many, endpoints.kept_by_many),
        )
    ]
    columns = (
        "",
        "requests/s",
        "core busy",
        "requests by CPU second",
        "connections kept to the backend",
    )
    about = (
        "corsgate forwarding GETs with an Origin over HTTP/1.1, `wrk -t1 -c64`: to one endpoint, "
        f"and to {MANY} with `health_check: {{ path: /, interval: 5s }}` and "
        f"`outlier_detection: {{}}`. They are {MANY} addresses of this machine, at which the same "
        "nginx listens. Two things more are in the figure: the checks themselves, and that there "
        "are more connections to the backend, of which each is used more seldom."
    )
    verdict = (
        f"By CPU time: {ratio:.3f} of one endpoint; expected ≥ {_ENDPOINTS}; "
        f"met: {_yes(ratio >= _ENDPOINTS)}."
    )
    lines = ["## endpoints", "", about, "", *_table(columns, rows), "", verdict]
    return "\n".join([*lines, *_neighbours([one, many])])


def _transfers(transfers: list[Transfer]) -> str:
    titles = {"get": "downloads", "put": "uploads", "http1": "HTTP/1.1", "http2": "HTTP/2"}
    rows = [
        (
            f"{titles[of.direction]}, {titles[of.protocol]}",
            f"{of.bytes / 1e9:.1f} GB",
            f"{of.bytes / of.seconds / 1e6:,.0f} MB/s",
            _kib(of.grown),
            f"≤ {_TRANSFER_KIB} KiB",
            _yes(of.grown <= _TRANSFER_KIB * 2**10),
        )
        for of in transfers
    ]
    about = (
        f"By how much corsgate's resident memory grows at most while {TOTAL / 1e9:.0f} GB go "
        f"through it, for each stream: {FAST} at once as fast as they can, and {SLOW} without end "
        "beside them whose reader takes 1.6 MB/s, the client of a download and the backend of an "
        "upload. It is compared with what it was after one small body. Both sides have the same "
        "protocol, without TLS; over HTTP/2 the client has one connection for the fast streams, "
        "and one for the slow. Backend and clients are `benches/load/transfer.rs`; the clients "
        "check that the bodies come whole."
    )
    columns = ("", "fast streams", "rate", "growth for each stream", "expected", "met")
    return "\n".join(["## transfer", "", about, "", *_table(columns, rows)])


def _access_log(costs: list[Cost]) -> str:
    rows = []
    for cost in costs:
        off, on = (1e6 / summary.per_cpu_second for summary in (cost.off, cost.on))
        allowed = ALLOWED[cost.requests]
        more = on / off - 1
        row = (f"{off:.2f} µs", f"{on:.2f} µs", f"{more:+.1%}", f"≤ {allowed:+.0%}")
        rows.append((cost.requests, *row, _yes(more <= allowed)))
    about = (
        "The CPU time of a request, of the whole process, without an access log and with "
        "`access_log: { path: access.log }`: JSON, every field. HTTP/1.1, `wrk -t1 -c64`. After "
        "each turn the file was seen to have a line for every request."
    )
    columns = ("", "without", "with", "more", "expected", "met")
    lines = ["## access-log", "", about, "", *_table(columns, rows)]
    return "\n".join([*lines, *_neighbours(s for cost in costs for s in (cost.off, cost.on))])


def _at_most_mib(measured: int) -> tuple[str, str]:
    return f"≤ {_MEMORY_MIB} MiB", _yes(measured <= _MEMORY_MIB * 2**20)


def _neighbours(summaries: Iterable[Summary]) -> list[str]:
    most = max((summary.neighbours for summary in summaries), default=0.0)
    if most <= QUIET:
        return []
    return [
        "",
        f"Programs that are no part of this kept up to {most:.2f} cores busy during a turn: "
        "measure again when the machine is quieter.",
    ]


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
