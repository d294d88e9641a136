#!/usr/bin/env python3
"""Loads corsgate and other gateways side by side, and says how they compare.

    python3 benches/load/run.py            # all of it: about thirty-five minutes
    python3 benches/load/run.py --quick    # short rounds, to see that everything works
    python3 benches/load/run.py --only preflight-one,memory --targets corsgate,nginx
    python3 benches/load/run.py --only forwarding

The result goes to stdout as Markdown, progress to stderr; `--write` keeps the result under
benches/results/. Needs two cores, Debian's wrk, nghttp2-client and openssl (installed if missing),
and PyPI for the peers the first time. Leaves nothing running, and writes nothing outside its
directory.
"""

import sys

# Before the modules beside this file are imported: nothing is written among the sources.
sys.dont_write_bytecode = True

import argparse
import datetime
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import access_log
import certificate
import endpoints
import gateway
import idle
import install
import latency
import report
import transfer
from bench import Bench, run_work
from console import BenchError, say
from process import LOAD_CORE, SERVER_CORE
from targets import TARGETS
from works import WORKS

_ROOT = Path(__file__).resolve().parents[2]
# No targets, but programs that --program can name.
_GENERATOR, _GRPC, _TRANSFER = _OTHERS = ("handshakes", "grpc_backend", "transfer")
# Built here, not installed: where they are, and what builds them.
_BUILT = {
    "corsgate": ("target/release/corsgate", "make build"),
    **{
        name: (f"target/release/examples/{name}", f"cargo build --release --example {name}")
        for name in ("bare", *_OTHERS)
    },
}
# One name for all that says how corsgate forwards, and takes connections.
_FORWARDING = "forwarding"
_FORWARDING_JOBS = [*(work.name for work in WORKS if work.by_cpu_time), "latency"]
_JOBS = [
    *(work.name for work in WORKS),
    "latency",
    "idle",
    "memory",
    "scaling",
    "endpoints",
    "transfer",
    "access-log",
]


def main() -> int:
    # So that servers are stopped on the way out, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    args = _arguments()
    try:
        results = _run(args)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    text = report.markdown(results)
    print(text, end="")
    if args.write:
        file = _ROOT / "benches" / "results" / f"{results.date}-peers.md"
        file.write_text(text)
        say(f"written to {file.relative_to(_ROOT)}")
    if any("corsgate" in result.excluded for result in results.works):
        print("error: corsgate could not be measured, see the result", file=sys.stderr)
        return 1
    return 0


def _run(args: argparse.Namespace) -> report.Results:
    _pin()
    install.tools()
    programs, unavailable = _programs(args)
    backend = programs.get("nginx") or install.peer(TARGETS["nginx"], args.directory / "venv")
    bench = Bench(
        programs,
        backend,
        args.directory,
        args.rounds,
        args.seconds,
        args.patience,
        generator=_program(_GENERATOR, args),
        grpc_program=_program(_GRPC, args),
        transfer_program=_program(_TRANSFER, args),
        certificate=args.directory / "certificate",
    )
    bench.certificate.mkdir(exist_ok=True)
    certificate.make(bench.certificate)
    # For the load generators. Servers don't inherit it.
    os.environ["OPENSSL_CONF"] = str(bench.certificate / certificate.CLIENTS)
    results = report.Results(
        date=datetime.date.today().isoformat(),
        command=shlex.join(["python3", "benches/load/run.py", *sys.argv[1:]]),
        bench=bench,
        versions=install.versions(programs),
        unavailable=unavailable,
    )
    for work in WORKS:
        if work.name in args.only:
            results.works.append(run_work(bench, work))
    if "latency" in args.only:
        results.latency = latency.latency(bench)
    if "idle" in args.only:
        results.idle = idle.idle(bench)
    if "memory" in args.only:
        results.memory = gateway.memory(bench)
    if "scaling" in args.only:
        results.scaling = gateway.scaling(bench)
    if "endpoints" in args.only:
        results.endpoints = endpoints.endpoints(bench)
    if "transfer" in args.only:
        results.transfers = transfer.transfers(bench)
    if "access-log" in args.only:
        results.access_log = access_log.costs(bench)
    return results


def _programs(args: argparse.Namespace) -> tuple[dict[str, Path], dict[str, str]]:
    """The program of each target that there is one for, and why there is none for the others."""
    programs: dict[str, Path] = {}
    unavailable: dict[str, str] = {}
    for name in args.targets:
        try:
            programs[name] = _program(name, args)
        except BenchError as error:
            if name == "corsgate":
                raise
            say(f"{name} is left out: {error}")
            unavailable[name] = str(error)
    return programs, unavailable


def _program(name: str, args: argparse.Namespace) -> Path:
    path: Path
    if name in args.program:
        path, remedy = args.program[name], "correct --program"
    elif name in _BUILT:
        path, remedy = _ROOT / _BUILT[name][0], f"build it: {_BUILT[name][1]}"
    else:
        return install.peer(TARGETS[name], args.directory / "venv")
    if not os.access(path, os.X_OK):
        raise BenchError(f"there is no program {path}; {remedy}")
    return path


def _pin() -> None:
    """This program and what it starts, servers aside, which get their own cores."""
    missing = {SERVER_CORE, LOAD_CORE} - os.sched_getaffinity(0)
    if missing:
        raise BenchError("this needs two cores, 0 and 1; run it where both may be used")
    os.sched_setaffinity(0, {LOAD_CORE})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Load corsgate and its peers side by side.")
    parser.add_argument(
        "--rounds", type=_positive, metavar="N", help="rounds that count (default: 7)"
    )
    parser.add_argument(
        "--seconds", type=_positive, metavar="N", help="how long a turn takes (default: 3)"
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds of 1 s")
    parser.add_argument(
        "--patience",
        type=_positive,
        default=300,
        metavar="SECONDS",
        help="how long each work waits for other programs to be quiet (default: 300)",
    )
    parser.add_argument(
        "--only",
        type=_names([_FORWARDING, *_JOBS]),
        default=_JOBS,
        help=f"some of: {','.join(_JOBS)}; or {_FORWARDING}: {','.join(_FORWARDING_JOBS)}",
    )
    parser.add_argument(
        "--targets",
        type=_names(list(TARGETS)),
        default=list(TARGETS),
        help=f"corsgate and some of: {','.join(TARGETS)}",
    )
    parser.add_argument(
        "--program",
        action="append",
        type=_program_path,
        default=[],
        metavar="NAME=PATH",
        help="the program of a target, instead of the one that is built or installed",
    )
    parser.add_argument(
        "--directory",
        type=lambda text: Path(text).resolve(),
        default=_ROOT / "target" / "bench-peers",
        help="where peers are installed and servers run (default: target/bench-peers)",
    )
    parser.add_argument("--write", action="store_true", help="keep the result in benches/results")
    args = parser.parse_args()
    if _FORWARDING in args.only:
        args.only = [*args.only, *_FORWARDING_JOBS]
    args.program = dict(args.program)
    args.rounds = args.rounds or (2 if args.quick else 7)
    args.seconds = args.seconds or (1 if args.quick else 3)
    if "corsgate" not in args.targets:
        args.targets = ["corsgate", *args.targets]
    return args


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number above zero")
    return int(text)


def _names(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"`{unknown[0]}` is none of {', '.join(known)}")
        return names

    return parse


def _program_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not separator or name not in (*TARGETS, *_OTHERS):
        names = ", ".join((*TARGETS, *_OTHERS))
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=PATH with a NAME of {names}")
    return name, Path(path).resolve()


if __name__ == "__main__":
    sys.exit(main())
