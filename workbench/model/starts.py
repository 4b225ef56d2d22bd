"""Which container is started next, and what has to go before it. Pure.

Laws: a few are started at a time, functions take turns, and of one function who came first is
first. Memory that containers may use stays within the budget: where it would not, the idle
environments that were used longest ago go, as many as it takes, and otherwise whoever is next waits
for those at work. Nothing waits for ever: what can never fit runs alone, and whoever needs much is
not passed by those who need little more than `MAX_PASSED` times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_PASSED = 16
"""How often a start that has no room yet lets another one go first that has."""


def default_budget_mb(machine_mb: int) -> int:
    """What containers may use of a machine's memory where nobody says: three quarters."""
    return machine_mb * 3 // 4


class Want(NamedTuple):
    """A container that somebody wants."""

    memory_mb: int
    passed: int
    """How often others that came later were let go first."""
    pinned: bool = False
    """It would never be idle enough to go: provisioned concurrency."""


class Load(NamedTuple):
    """What there is already. Memory is what containers may use, in MB, not what they do."""

    budget_mb: int
    """What all may use together."""
    used_mb: int
    """Of all containers, those that are being made or removed too."""
    leaving_mb: int
    """Of `used_mb`: of those that are going."""
    pinned_mb: int
    """Of `used_mb`: of those that go for nobody."""
    idle_mb: Sequence[int]
    """Of those that may be told to go, the one used longest ago first."""
    free_starts: int
    """How many more may be started now."""


class Decision(NamedTuple):
    """What to do now. Neither: wait."""

    start: int | None
    """Which of those in line."""
    evict: int
    """How many of the idle, those used longest ago first."""


WAIT = Decision(start=None, evict=0)


def next_start(line: Sequence[Want], load: Load) -> Decision:
    """What to do for those in line, of whom the first is next. To be asked again after each step."""
    if not line or load.free_starts <= 0:
        return WAIT
    first, *others = line
    if _fits(first, load):
        return Decision(start=0, evict=0)
    enough_mb = max(load.budget_mb - first.memory_mb, _never_free(first, load))
    left_mb = load.used_mb - load.leaving_mb
    if left_mb <= enough_mb:
        return WAIT  # what goes is enough
    for count, idle_mb in enumerate(load.idle_mb, start=1):
        left_mb -= idle_mb
        if left_mb <= enough_mb:
            return Decision(start=None, evict=count)
    if first.passed < MAX_PASSED:
        for at, other in enumerate(others, start=1):
            if load.used_mb + other.memory_mb <= load.budget_mb:
                return Decision(start=at, evict=0)
    return WAIT


def _fits(want: Want, load: Load) -> bool:
    return load.used_mb + want.memory_mb <= load.budget_mb or load.used_mb == _never_free(
        want, load
    )


def _never_free(want: Want, load: Load) -> int:
    """What it may stand beside even when that is too much, so that it can run at all."""
    return 0 if want.pinned else load.pinned_mb
