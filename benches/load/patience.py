"""Waiting for the machine to be quiet: with two cores, a neighbour's compiler is half of it."""

import time

from console import say
from process import neighbours_cpu_seconds

# In cores. Kernel threads and the like take a little less.
QUIET = 0.05
_LOOK_SECONDS = 0.3
_PAUSE_SECONDS = 5.0


class Patience:
    """How long is left to wait. Without any, measuring goes on, and the result says so."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds

    def wait_until_quiet(self) -> None:
        while self._left > 0:
            before = neighbours_cpu_seconds()
            time.sleep(_LOOK_SECONDS)
            neighbours = (neighbours_cpu_seconds() - before) / _LOOK_SECONDS
            # One tick of the kernel's clock alone is more than QUIET in so short a time.
            if neighbours <= 2 * QUIET:
                return
            say(f"  waiting: other programs keep {neighbours:.2f} cores busy")
            time.sleep(_PAUSE_SECONDS)
            self._left -= _LOOK_SECONDS + _PAUSE_SECONDS

    def allows_repeating(self, neighbours: float, seconds: float) -> bool:
        """Whether a turn of `seconds`, with so many cores busy elsewhere, is to be taken again."""
        if neighbours <= QUIET or self._left <= 0:
            return False
        self._left -= seconds
        return True
