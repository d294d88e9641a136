"""The policies of the benchmark, as data, and the origins that are sent to them."""

import random
import re
from dataclasses import dataclass

# As many different origins as one run sends. Few enough to be prepared beforehand, many enough that
# no gateway answers them all from its nearest cache.
SAMPLES = 4096


@dataclass(frozen=True)
class Policy:
    """What is allowed. Regexes are without anchors; each gateway gets them in its own notation."""

    name: str
    exact: tuple[str, ...]
    regexes: tuple[str, ...] = ()


ONE = Policy("one", ("https://app.example.com",))
MANY = Policy(
    "many",
    tuple(f"https://tenant-{n:05}.example.com" for n in range(1, 10_001)),
    tuple(rf"https://pr-[0-9]+\.team-{n:04}\.example\.org" for n in range(1, 1_001)),
)
# For the gateway's memory, where regexes would only blur what an exact origin takes.
HUGE = Policy("huge", tuple(f"https://tenant-{n:06}.example.com" for n in range(1, 100_001)))

# What no policy above allows, though it looks nearly like what one of them does.
UNKNOWN = (
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "https://tenant-00000.example.com",
    "https://tenant-00001.example.com:8443",
    "https://pr-7.team-0000.example.org",
    "https://pr-x.team-0001.example.org",
    "https://pr-7.team-0001.example.org.evil.example",
    "https://pr-7-team-0001.example.org",
)


def samples(policy: Policy) -> list[str]:
    """Origins that `policy` allows, in the order in which they are sent: half of them exact and
    half for the regexes where there are both, spread evenly over all patterns, and shuffled. The
    shuffle is the same each time."""
    patterns = len(policy.exact) + len(policy.regexes)
    if patterns == 1:
        return list(policy.exact)
    exact_count = SAMPLES // 2 if policy.regexes else SAMPLES
    origins = [_spread(policy.exact, n, exact_count) for n in range(exact_count)]
    regex_count = SAMPLES - exact_count
    for n in range(regex_count):
        regex = _spread(policy.regexes, n, regex_count)
        origins.append(re.sub(r"\\(.)", r"\1", regex.replace("[0-9]+", str(1_000 + n))))
    random.Random(0).shuffle(origins)
    return origins


def _spread(items: tuple[str, ...], n: int, count: int) -> str:
    return items[n * len(items) // count]
