"""In which order tests run: what needs no container engine first, and of each kind the slow ones first.

So the images are made while tests run that need none (`setting_up.py`), and at the end nobody waits for
a long test that was begun last. pytest-xdist gives each worker a part of the list as it stands, and
lets those who are done take from the ends of others' parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest


def needs_engine(item: pytest.Item) -> bool:
    return item.get_closest_marker("docker") is not None


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The same tests, so that each worker's part of the list has its share of each kind.

    Quick ones stay as they follow each other: those of one module share what they stand on.
    """
    slow = [each for each in items if is_slow(each)]
    quick = [each for each in items if not is_slow(each)]
    sizes = _shares(len(items), workers)
    alone = _shares(sum(not needs_engine(each) for each in items), workers)
    parts: list[list[pytest.Item]] = [[] for _ in sizes]
    for engine, totals in ((False, alone), (True, sizes)):
        for number, each in enumerate(each for each in slow if needs_engine(each) is engine):
            parts[number % workers].append(each)
        rest = iter(each for each in quick if needs_engine(each) is engine)
        for part, total in zip(parts, totals, strict=True):
            part.extend(each for _, each in zip(range(total - len(part)), rest, strict=False))
        parts[-1].extend(rest)
    return [each for part in parts for each in part]


def _shares(total: int, workers: int) -> list[int]:
    """How pytest-xdist's `worksteal` parts a list of so many."""
    shares: list[int] = []
    for left in range(workers, 0, -1):
        shares.append((total - sum(shares)) // left)
    return shares
