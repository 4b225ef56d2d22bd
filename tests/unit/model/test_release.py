from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConstraintViolated, InvalidParameter
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias, alias_name, is_number, new_revision, routing

ONE, TWO = Qualifier("1"), Qualifier("2")
LIVE = Alias(function=FunctionName("orders"), name=Qualifier("live"), version=ONE)
SHARES = st.floats(min_value=0, max_value=1)
ROLLS = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(ROLLS)
def test_without_a_second_version_there_is_nothing_to_choose(roll: float) -> None:
    assert LIVE.pick(roll) == ONE
    assert LIVE.versions == (ONE,)


@given(SHARES, ROLLS, ROLLS)
def test_the_second_version_has_the_lower_rolls_and_no_others(
    share: float, roll: float, other: float
) -> None:
    shared = replace(LIVE, additional=TWO, weight=share)
    low, high = sorted((roll, other))
    assert shared.pick(low) in (ONE, TWO)
    if shared.pick(high) == TWO:
        assert shared.pick(low) == TWO
    assert (shared.pick(roll) == TWO) == (roll < share)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_ten_thousand_calls_are_shared_out_as_asked_for(share: float) -> None:
    shared = replace(LIVE, additional=TWO, weight=share)
    rolls = random.Random(2026)
    got = sum(shared.pick(rolls.random()) == TWO for _ in range(10_000))
    # four standard deviations: a seed is chosen, so that this says the same each time
    assert abs(got - 10_000 * share) <= 4 * (10_000 * share * (1 - share)) ** 0.5


def test_no_weights_end_the_sharing() -> None:
    assert routing(ONE, {}) == (None, 0.0)
    assert routing(ONE, {"2": 0.1}) == (TWO, 0.1)


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        (ONE, {"2": 0.1, "3": 0.1}, "AdditionalVersionWeights cannot be greater than 1"),
        (ONE, {"1": 0.1}, "Function version 1 is already included in routing configuration."),
        (LATEST, {"1": 0.1}, r"\$LATEST is not supported for an alias pointing to more than 1"),
    ],
)
def test_what_lambda_refuses_it_refuses_in_its_words(
    version: Qualifier, weights: dict[str, float], message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message):
        routing(version, weights)


@pytest.mark.parametrize("weights", [{"2": 1.1}, {"2": -0.1}, {"$LATEST": 0.5}, {"live": 0.5}])
def test_weights_keep_the_constraints_of_the_api_model(weights: dict[str, float]) -> None:
    with pytest.raises(ConstraintViolated, match="additionalVersionWeights"):
        routing(ONE, weights)


def test_not_a_number_is_no_share() -> None:
    with pytest.raises(ConstraintViolated):
        routing(ONE, {"2": float("nan")})


@pytest.mark.parametrize("name", ["live", "7a", "a" * 128, "with-dash_and_7"])
def test_names_of_aliases(name: str) -> None:
    assert alias_name(name) == name


@pytest.mark.parametrize("name", ["", "7", "007", "$LATEST", "a" * 129, "a b", "a:b", "ä", "1\n"])
def test_what_cannot_be_the_name_of_an_alias(name: str) -> None:
    with pytest.raises(ConstraintViolated, match="regular expression pattern"):
        alias_name(name)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", True), ("10", True), ("0", False), ("01", False), ("", False), ("1a", False)],
)
def test_what_is_the_number_of_a_version(text: str, number: bool) -> None:
    assert is_number(text) == number


def test_revisions_differ() -> None:
    assert new_revision() != new_revision()
