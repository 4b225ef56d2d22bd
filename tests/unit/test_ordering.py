"""Each worker's part of a run begins with what needs no engine, and ends with nothing slow."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ordering import dealt


class Item:
    """As much of a `pytest.Item` as is looked at."""

    def __init__(self, marks: frozenset[str]) -> None:
        self.marks = marks

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


def parts(items: list[Item], workers: int) -> list[list[Item]]:
    """As pytest-xdist deals them out."""
    left = cast("list[Item]", dealt(cast("list[pytest.Item]", items), workers))
    found = []
    for others in range(workers, 0, -1):
        size = len(left) // others
        found.append(left[:size])
        left = left[size:]
    return found


@given(
    st.lists(st.builds(Item, st.frozensets(st.sampled_from(["docker", "slow"])))),
    st.integers(1, 8),
)
def test_every_test_is_dealt_once(items: list[Item], workers: int) -> None:
    given_out = [item for part in parts(items, workers) for item in part]

    assert Counter(map(id, given_out)) == Counter(map(id, items))


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_parts_are_alike_and_begin_with_what_needs_no_engine(workers: int) -> None:
    kinds: list[Any] = [(), ("slow",), ("docker",), ("docker", "slow")]
    items = [Item(frozenset(kinds[at % 17 if at % 17 < 4 else at % 2 * 2])) for at in range(515)]

    dealt_out = parts(items, workers)

    for part in dealt_out:
        needs = ["docker" in item.marks for item in part]
        assert needs == sorted(needs), "those without an engine, then those with"
        for engine in (False, True):
            slow = ["slow" in item.marks for item in part if ("docker" in item.marks) is engine]
            assert slow == sorted(slow, reverse=True)
        quick = [items.index(item) for item in part if not item.marks]
        assert quick == sorted(quick), "tests of one module stay together"
    for mark in ("docker", "slow"):
        counts = [sum(mark in item.marks for item in part) for part in dealt_out]
        assert max(counts) - min(counts) <= 2
