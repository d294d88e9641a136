"""What the access log costs corsgate: JSON to a file, every field."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

import measure
import origins
import traffic
import verify
from bench import Bench
from console import BenchError, say
from measure import Sample, Summary
from targets import LOG
from works import Work

# What is logged, and the most that it may cost: a part of the CPU time of a request.
ALLOWED = {"preflights": 0.08, "proxied GETs": 0.05}
_REQUESTS = {"preflights": traffic.preflight, "proxied GETs": traffic.get}


@dataclass(frozen=True)
class Cost:
    """The same requests without the log and with it."""

    requests: str
    off: Summary
    on: Summary


def costs(bench: Bench) -> list[Cost]:
    return [_cost(bench, requests) for requests in ALLOWED]


def _cost(bench: Bench, requests: str) -> Cost:
    say(f"access log, {requests}:")
    work = Work(requests, "", origins.ONE, _REQUESTS[requests], {})
    file = bench.fresh_directory("requests") / "access-log"
    measure.write_requests(work.requests(), file)
    with ExitStack() as stack:
        backend = stack.enter_context(bench.backend())
        servers = {
            state: stack.enter_context(
                bench.server("corsgate", origins.ONE, backend, logs=state == "on")
            )
            for state in ("off", "on")
        }
        for server in servers.values():
            verify.target(server, work)
        log = servers["on"].directory / LOG

        def turn(state: str) -> Sample:
            # So that the file does not grow from turn to turn.
            log.write_bytes(b"")
            sample = measure.wrk(servers[state], file, bench.seconds)
            # The last lines wait a little for others.
            time.sleep(0.1)
            lines = log.read_bytes().count(b"\n")
            if state == "on" and lines < sample.requests:
                raise BenchError(f"{lines} lines were logged of {sample.requests} requests")
            return sample

        summaries, failed = bench.take_turns(list(servers), turn)
    if failed:
        raise BenchError(f"the cost of the access log can't be measured: {failed}")
    return Cost(requests, summaries["off"], summaries["on"])
