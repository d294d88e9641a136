"""Servers: started on given cores, watched by what the kernel says about them, and stopped."""

import os
import re
import resource
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from console import BenchError

# The server under load has the first core for itself. The load generator, the backend and this
# program share the second.
SERVER_CORE = 0
LOAD_CORE = 1

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def allow_files(count: int) -> None:
    """Lets this program, and the servers and generators that it starts, open so many files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(f"only {hard} open files are allowed; allow {count}: ulimit -Hn {count}")
    soft = count if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def neighbours_cpu_seconds() -> float:
    """CPU time of everything on the machine but this program, its servers and what it has run. Only
    the difference between two moments means something, with the same servers running at both."""
    _, *ticks = Path("/proc/stat").read_text().splitlines()[0].split()
    # Programs and the kernel; then come idling, waiting, interrupts.
    everything = sum(int(ticks[n]) for n in (0, 1, 2, 5, 6)) / _TICKS
    this_and_its_children = sum(os.times()[:4])
    return everything - this_and_its_children - _cpu_seconds(Server.running)


def _cpu_seconds(sessions: set[int]) -> float:
    return sum(int(stat[11]) + int(stat[12]) for stat in _stats(sessions)) / _TICKS


def _stats(sessions: set[int]) -> list[list[str]]:
    """/proc/PID/stat of every process of these sessions, from its third field on."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before it is in parentheses, and may have some itself.
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) in sessions:
            stats.append(fields)
    return stats


class Server:
    """A server and all that it starts, until the `with` block ends."""

    # The sessions of all of them.
    running: ClassVar[set[int]] = set()

    def __init__(self, name: str, argv: list[str], cores: str, directory: Path, port: int) -> None:
        self.name = name
        self.port = port
        self.directory = directory
        self._log = directory / "log"
        # Go programs ask for their number of threads here. The others don't know these variables;
        # HOME keeps what a program would store for its user inside the directory.
        env = {"PATH": os.defpath, "HOME": str(directory), "GOMAXPROCS": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "--cpu-list", cores, *argv],
                cwd=directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own, by which its children are found and ended.
                start_new_session=True,
            )
        Server.running.add(self._process.pid)

    def __enter__(self) -> Self:
        try:
            self._wait_until_it_listens()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def cpu_seconds(self) -> float:
        return _cpu_seconds({self._process.pid})

    def resident_bytes(self) -> int:
        pages = sum(int(stat[21]) for stat in _stats({self._process.pid}))
        return pages * os.sysconf("SC_PAGE_SIZE")

    def forget_peak(self) -> None:
        """Begins a new peak of resident memory, at what it is now: proc_pid_clear_refs(5)."""
        self._proc("clear_refs").write_text("5")

    def peak_bytes(self) -> int:
        """The most resident memory since then, of the server without its children."""
        found = re.search(r"^VmHWM:\s*(\d+) kB$", self._proc("status").read_text(), re.MULTILINE)
        if not found:
            raise BenchError("this kernel does not tell the peak of a program's memory")
        return int(found[1]) * 1024

    def sockets(self) -> int:
        """Open sockets of the server without its children, those that it listens on included."""
        count = 0
        for file in self._proc("fd").iterdir():
            # It may be closed by now.
            with suppress(FileNotFoundError):
                count += os.readlink(file).startswith("socket:")
        return count

    def _proc(self, name: str) -> Path:
        # taskset has become the server.
        return Path(f"/proc/{self._process.pid}/{name}")

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BenchError(f"{self.name} ended while starting; its log: {self._tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise BenchError(f"{self.name} does not listen after a minute; its log: {self._tail()}")

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip() or "(empty)"

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        # Whatever is left: a server that drains for longer, or a child that outlived it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        Server.running.discard(self._process.pid)
