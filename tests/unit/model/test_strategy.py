"""Strategies as people type them, and the shares they give."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter
from workbench.model.strategy import (
    PREDEFINED,
    Strategy,
    StrategyKind,
    parse_span,
    parse_strategy,
)


def test_all_of_codedeploys_are_known() -> None:
    assert list(PREDEFINED) == [
        "CodeDeployDefault.LambdaAllAtOnce",
        "CodeDeployDefault.LambdaCanary10Percent5Minutes",
        "CodeDeployDefault.LambdaCanary10Percent10Minutes",
        "CodeDeployDefault.LambdaCanary10Percent15Minutes",
        "CodeDeployDefault.LambdaCanary10Percent30Minutes",
        "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
        "CodeDeployDefault.LambdaLinear10PercentEvery2Minutes",
        "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes",
        "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes",
    ]


@pytest.mark.parametrize("name", PREDEFINED)
def test_a_predefined_one_is_known_in_every_form(name: str) -> None:
    forms = (name, name.removeprefix("CodeDeployDefault."), name.partition("Lambda")[2])
    for form in forms:
        for text in (form, form.lower(), form.upper(), f" {form} "):
            assert parse_strategy(text) is PREDEFINED[name]
    assert str(PREDEFINED[name]) == name


@pytest.mark.parametrize(
    ("text", "kind", "percent", "interval_s"),
    [
        ("canary:25%:90s", StrategyKind.CANARY, 25, 90),
        ("Canary:25:1.5m", StrategyKind.CANARY, 25, 90),
        ("linear:20%:1m", StrategyKind.LINEAR, 20, 60),
        ("linear:12.5%:1h30m", StrategyKind.LINEAR, 12.5, 5400),
    ],
)
def test_one_of_ones_own(text: str, kind: StrategyKind, percent: float, interval_s: float) -> None:
    strategy = parse_strategy(text)

    assert strategy == Strategy(kind=kind, percent=percent, interval_s=interval_s)
    assert parse_strategy(str(strategy)) == strategy


def test_one_of_ones_own_that_is_predefined_has_its_name() -> None:
    assert str(parse_strategy("canary:10%:5m")) == "CodeDeployDefault.LambdaCanary10Percent5Minutes"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary",
        "canary20percent5minutes",
        "canary:100%:5m",
        "canary:0%:5m",
        "canary:10%:0s",
        "canary:10%:5",
        "linear:10%",
        "linear:1%:12h",
        "canary:10%:3000m",
        "blue:10%:5m",
    ],
)
def test_anything_else_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"Canary10Percent5Minutes|above 0%|two days"):
        parse_strategy(text)


def test_the_shares_of_a_canary_and_of_a_linear_one() -> None:
    canary = parse_strategy("canary10percent5minutes")
    linear = parse_strategy("linear:30%:1m")

    assert [canary.weight(step) for step in range(1, canary.steps + 1)] == [0.1, 1.0]
    assert [linear.weight(step) for step in range(1, linear.steps + 1)] == [0.3, 0.6, 0.9, 1.0]
    assert linear.duration_s == 180
    assert parse_strategy("allatonce").steps == 1


@given(
    st.sampled_from(["canary", "linear"]),
    st.decimals("0.01", "99.99", places=2),
    st.integers(1, 20),
)
def test_shares_grow_until_they_are_all(word: str, percent: object, seconds: int) -> None:
    try:
        strategy = parse_strategy(f"{word}:{percent}%:{seconds}s")
    except InvalidParameter as refused:
        assert "two days" in str(refused)  # noqa: PT017 - the one reason there may be
        return
    shares = [strategy.weight(step) for step in range(1, strategy.steps + 1)]

    assert all(0 < one < two for one, two in pairwise(shares))
    assert shares[-1] == 1.0


def test_spans_of_time() -> None:
    assert [parse_span(text) for text in ("90s", "2m", "1h2m3s", "0.5s")] == [90, 120, 3723, 0.5]
    assert [parse_span(text) for text in ("", "5", "m5", "5m 3s")] == [None] * 4
