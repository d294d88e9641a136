"""How servers are started for the benchmark, and how they take turns under load."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import measure
import origins
import verify
from console import BenchError, say
from measure import Sample, Summary
from origins import Policy
from patience import Patience
from process import LOAD_CORE, SERVER_CORE, Server, free_port
from targets import TARGETS, Setting, write_backend
from works import Work


@dataclass(frozen=True)
class Bench:
    programs: dict[str, Path]
    backend_program: Path
    # Everything that a run writes is in here.
    directory: Path
    rounds: int
    seconds: int
    # How long to wait for a quiet machine, in seconds for each work.
    patience: int
    # The generator for connections, handshakes.rs.
    generator: Path
    # The backend for gRPC, grpc_backend.rs.
    grpc_program: Path
    # Server and clients for large bodies, transfer.rs.
    transfer_program: Path
    # The folder with what certificate.py has made.
    certificate: Path

    @contextmanager
    def backend(self, endpoints: int = 1) -> Iterator[Server]:
        port = free_port()
        directory = self.fresh_directory("backend")
        setting = Setting(directory, origins.ONE, port, backend=port, endpoints=endpoints)
        argv = [str(self.backend_program), *write_backend(setting)]
        with Server("backend", argv, str(LOAD_CORE), directory, port) as server:
            yield server

    def grpc_backend(self) -> Server:
        """To be entered with `with`, as the next one."""
        return self._backend_of_ours([str(self.grpc_program)])

    def transfer_backend(self, protocol: str) -> Server:
        return self._backend_of_ours([str(self.transfer_program), "serve", protocol])

    def _backend_of_ours(self, argv: list[str]) -> Server:
        port = free_port()
        directory = self.fresh_directory("backend")
        return Server("backend", [*argv, str(port)], str(LOAD_CORE), directory, port)

    def server(
        self,
        name: str,
        policy: Policy,
        backend: Server,
        threads: int = 1,
        http2: bool = False,
        tls: bool = False,
        h2c: bool = False,
        endpoints: int = 1,
        logs: bool = False,
        pingora: bool = False,
    ) -> Server:
        """To be entered with `with`. It gets as many cores as threads, the first one first."""
        options = {"h2": http2, "tls": tls, "h2c": h2c, f"of-{endpoints}": endpoints > 1}
        options |= {"logs": logs, "pingora": pingora}
        chosen = (option for option in options if options[option])
        directory = self.fresh_directory("-".join([name, policy.name, str(threads), *chosen]))
        setting = Setting(
            directory,
            policy,
            free_port(),
            backend.port,
            threads,
            http2,
            h2c,
            endpoints,
            logs=logs,
            pingora=pingora,
            certificate=self.certificate if tls else None,
        )
        argv = [str(self.programs[name]), *TARGETS[name].write(setting)]
        cores = ",".join(str(SERVER_CORE + n) for n in range(threads))
        return Server(name, argv, cores, directory, setting.port)

    def fresh_directory(self, name: str) -> Path:
        directory = self.directory / "run" / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory

    def take_turns(
        self, names: list[str], turn: Callable[[str], Sample]
    ) -> tuple[dict[str, Summary], dict[str, str]]:
        """What all rounds but the first, which warms up, amount to; and who failed, with the
        reason. Round by round, so that a slow minute of the machine hits all of them."""
        samples: dict[str, list[Sample]] = {name: [] for name in names}
        failed: dict[str, str] = {}
        patience = Patience(self.patience)
        for number in range(self.rounds + 1):
            for name in names:
                if name in failed:
                    continue
                try:
                    patience.wait_until_quiet()
                    sample = turn(name)
                    while patience.allows_repeating(sample.neighbours, self.seconds):
                        patience.wait_until_quiet()
                        sample = turn(name)
                except BenchError as error:
                    say(f"  {name}: {error}")
                    failed[name] = str(error)
                    del samples[name]
                    continue
                rate = f"{sample.rate:,.0f}/s, {sample.busy:.2f} cores busy"
                say(f"  round {number or 'to warm up'}: {name} {rate}")
                if number:
                    samples[name].append(sample)
        return {name: Summary.of(taken) for name, taken in samples.items()}, failed


@dataclass(frozen=True)
class WorkResult:
    work: Work
    summaries: dict[str, Summary]
    # Targets that were not measured, or not to the end, with the reason.
    excluded: dict[str, str]


def run_work(bench: Bench, work: Work) -> WorkResult:
    say(f"{work.name}:")
    excluded: dict[str, str] = {}
    servers: dict[str, Server] = {}
    requests = work.requests()
    with ExitStack() as stack:
        backend = stack.enter_context(bench.grpc_backend() if work.grpc else bench.backend())
        for name in ("corsgate", *work.expected):
            if name not in bench.programs:
                continue
            try:
                server = bench.server(
                    name,
                    work.policy,
                    backend,
                    http2=work.http2,
                    tls=work.tls,
                    h2c=work.grpc,
                    pingora=work.pingora,
                )
                stack.enter_context(server)
                if name == "bare":
                    verify.bare(server, work)
                else:
                    verify.target(server, work)
                servers[name] = server
            except BenchError as error:
                say(f"  {name} is left out: {error}")
                excluded[name] = str(error)
        file = bench.fresh_directory("requests") / work.name
        measure.write_requests(requests, file)
        body = file.with_suffix(".body")
        body.write_bytes(requests[0].body)

        def turn(name: str) -> Sample:
            server = servers[name]
            if work.connections:
                command = [str(bench.generator), "rate", work.connections]
                return measure.handshakes(server, command, file, bench.seconds)
            if work.http2:
                return measure.h2load(server, requests[0], body, bench.seconds, work.tls)
            return measure.wrk(
                server,
                file,
                bench.seconds,
                tls=work.tls,
                clients=work.clients,
                answer=len(requests[0].answer),
            )

        summaries, failed = bench.take_turns(list(servers), turn)
    return WorkResult(work, summaries, excluded | failed)
