from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.invocation import OutcomeKind
from workbench.model.version_runs import LEAST_ROUNDS, Comparison, Sample, compared, timing

GOOD, BAD = OutcomeKind.SUCCESS, OutcomeKind.ERROR
DURATIONS = st.floats(0.01, 10_000)
ROUNDS = st.lists(st.tuples(DURATIONS, DURATIONS), min_size=LEAST_ROUNDS, max_size=12)


def runs(*values: Any, kind: OutcomeKind = GOOD, ms: float = 10.0) -> list[Sample]:
    return [
        Sample(kind=kind, payload=json.dumps(value).encode(), duration_ms=ms) for value in values
    ]


def paths(found: Comparison) -> list[tuple[str, bool]]:
    return [(each.change.where, each.varies) for each in found.response]


def test_the_same_is_no_change() -> None:
    found = compared(runs(*[{"a": 1}] * 6), runs(*[{"a": 1}] * 6))

    assert not found.changed
    assert found.timing is not None
    assert (found.timing.rounds, found.timing.changed) == (5, False)


def test_an_outcome_that_only_one_has_is_a_change_however_rare() -> None:
    flaky = runs(1, 1) + runs({"errorType": "E"}, kind=BAD)
    found = compared(runs(1, 1, 1), flaky)

    assert found.outcome_changed
    assert (found.a, found.b) == ({GOOD: 3}, {GOOD: 2, BAD: 1})
    assert found.response == ()
    both = compared(flaky, runs(1) + runs({"errorType": "F"}, kind=BAD))
    assert not both.outcome_changed


def test_failures_are_compared_as_responses_are() -> None:
    found = compared(runs({"errorType": "A"}, kind=BAD), runs({"errorType": "B"}, kind=BAD))

    assert (found.outcome_changed, paths(found)) == (False, [("errorType", False)])


def test_what_varies_by_itself_is_a_change_and_said_to_vary() -> None:
    a = runs({"at": 1, "total": 5}, {"at": 2, "total": 5})
    b = runs({"at": 3, "total": 6}, {"at": 4, "total": 6})

    assert paths(compared(a, b)) == [("at", True), ("total", False)]
    assert paths(compared(a, b, ignored=[("at",)])) == [("total", False)]


@given(ROUNDS)
def test_which_comes_first_does_not_matter(rounds: list[tuple[float, float]]) -> None:
    one, other = timing(rounds), timing([(b, a) for a, b in rounds])

    assert one is not None
    assert other is not None
    assert (one.changed, one.a_ms, one.noise_ms) == (other.changed, other.b_ms, other.noise_ms)


@given(ROUNDS, st.floats(1.0, 1.19))
def test_a_small_ratio_is_never_a_change(rounds: list[tuple[float, float]], by: float) -> None:
    found = timing([(a, a * by) for a, _ in rounds])

    assert found is not None
    assert not found.changed


@pytest.mark.parametrize(
    ("a", "b", "changed"),
    [
        ([10, 11, 10, 9, 10], [20, 21, 22, 20, 19], True),
        ([20, 21, 22, 20, 19], [10, 11, 10, 9, 10], True),
        ([10, 11, 10, 9, 10], [11, 12, 11, 10, 11], False),  # a tenth
        ([1, 1, 1, 1, 1], [1.9, 1.9, 1.9, 1.9, 1.9], False),  # less than a millisecond
        ([10, 40, 20, 5, 60], [30, 90, 25, 10, 20], False),  # noise
        ([10, 10, 10, 10, 10], [10, 10, 100, 10, 10], False),  # one that was interrupted
        ([10, 10, 30, 30, 30], [10, 10, 10, 30, 10], False),  # a load that came and went
    ],
)
def test_time_is_a_change_when_it_is_more_than_noise(
    a: list[float], b: list[float], changed: bool
) -> None:
    found = timing(list(zip(a, b, strict=True)))

    assert found is not None
    assert found.changed == changed


def test_too_few_warm_rounds_say_nothing_and_the_first_is_not_one_of_them() -> None:
    assert timing([(1.0, 2.0)] * (LEAST_ROUNDS - 1)) is None
    assert compared(runs(*[1] * LEAST_ROUNDS), runs(*[1] * LEAST_ROUNDS)).timing is None
    cold = Sample(kind=GOOD, payload=b"1", duration_ms=None)
    assert compared([*runs(*[1] * 5), cold], runs(*[1] * 6)).timing is None


@pytest.mark.parametrize("spread", [0.05, 0.2, 1.0])
def test_a_version_held_against_itself_hardly_ever_takes_another_time(spread: float) -> None:
    chance = random.Random(7)

    def comparison() -> bool:
        rounds = [
            (50 * chance.lognormvariate(0, spread), 50 * chance.lognormvariate(0, spread))
            for _ in range(10)
        ]
        found = timing(rounds)
        return found is not None and found.changed

    assert sum(comparison() for _ in range(2000)) <= 20
