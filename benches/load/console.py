"""What people are told: progress, and errors that are no bugs."""

import sys


class BenchError(Exception):
    """Says what is wrong and, where there is one, the remedy."""


def say(message: str) -> None:
    # Not to stdout, which gets the result alone.
    print(message, file=sys.stderr, flush=True)
