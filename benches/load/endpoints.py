"""What it costs corsgate that an upstream has many endpoints, which it checks and watches."""

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
from works import Work

MANY = 100
# Load before anything counts, for the connections to all endpoints, and their first checks.
_WARM_UP_SECONDS = 6


@dataclass(frozen=True)
class Endpoints:
    one: Summary
    many: Summary
    # Connections to the backend that are open after the load.
    kept_by_one: int
    kept_by_many: int


def endpoints(bench: Bench) -> Endpoints:
    say("endpoints:")
    work = Work("endpoints", "", origins.ONE, traffic.get, {})
    file = bench.fresh_directory("requests") / "endpoints"
    measure.write_requests(work.requests(), file)
    with ExitStack() as stack:
        backend = stack.enter_context(bench.backend(MANY))
        servers = {
            str(count): stack.enter_context(
                bench.server("corsgate", origins.ONE, backend, endpoints=count)
            )
            for count in (1, MANY)
        }
        idle = {}
        for count, server in servers.items():
            idle[count] = server.sockets()
            verify.target(server, work, int(count))
            measure.wrk(server, file, _WARM_UP_SECONDS)

        def turn(count: str) -> Sample:
            return measure.wrk(servers[count], file, bench.seconds)

        summaries, failed = bench.take_turns(list(servers), turn)
        # For the clients' connections, which the load generator has just closed.
        time.sleep(1)
        kept = {count: server.sockets() - idle[count] for count, server in servers.items()}
    if failed:
        raise BenchError(f"endpoints can't be measured: {failed}")
    return Endpoints(summaries["1"], summaries[str(MANY)], kept["1"], kept[str(MANY)])
