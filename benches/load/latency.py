"""How long requests that are forwarded take at half of the load that nginx can take."""

from contextlib import ExitStack
from dataclasses import dataclass

import measure
import origins
import traffic
import verify
from bench import Bench
from console import BenchError, say
from measure import Sample, Summary
from works import Work

# corsgate's 99th percentile by that of nginx.
EXPECTED = 1.0
# Less of the rate than that, and some requests were sent late, or never: times say too little.
REACHED = 0.95
_NAMES = ("corsgate", "nginx")


@dataclass(frozen=True)
class Latency:
    # What nginx takes at most, in requests/s, and what both got.
    most: float
    paced: float
    summaries: dict[str, Summary]


def latency(bench: Bench) -> Latency:
    say("latency:")
    if "nginx" not in bench.programs:
        raise BenchError("latency is measured beside nginx; name it with --targets")
    work = Work("latency", "", origins.ONE, traffic.get, {})
    (request,) = work.requests()
    file = bench.fresh_directory("requests") / work.name
    measure.write_requests([request], file)
    logs = bench.fresh_directory("latency")
    with ExitStack() as stack:
        backend = stack.enter_context(bench.backend())
        servers = {
            name: stack.enter_context(bench.server(name, work.policy, backend)) for name in _NAMES
        }
        for server in servers.values():
            verify.target(server, work)

        def most(name: str) -> Sample:
            return measure.wrk(servers[name], file, bench.seconds)

        summaries, failed = bench.take_turns(["nginx"], most)
        if failed:
            raise BenchError(f"latency can't be measured: {failed}")
        rate = summaries["nginx"].rate

        def turn(name: str) -> Sample:
            return measure.paced(servers[name], request, rate / 2, bench.seconds, logs)

        summaries, failed = bench.take_turns(list(_NAMES), turn)
    if failed:
        raise BenchError(f"latency can't be measured: {failed}")
    return Latency(rate, rate / 2, summaries)
