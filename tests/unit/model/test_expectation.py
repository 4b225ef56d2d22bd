from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.container import LogStream
from workbench.model.expectation import Expectation, like
from workbench.model.invocation import (
    Acceptance,
    InvocationRecord,
    LogEntry,
    Measurements,
    Origin,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import LATEST, EnvironmentId, FunctionName, RequestId, Target

AT = datetime(2026, 11, 20, tzinfo=UTC)
NAME = FunctionName("orders")
REQUEST = RequestId("00000000-0000-0000-0000-000000000001")


def a_record(
    payload: bytes = b"{}",
    *,
    kind: OutcomeKind | None = OutcomeKind.SUCCESS,
    error_type: str | None = None,
    message: str | None = None,
    duration_ms: float | None = 12.5,
) -> InvocationRecord:
    outcome = (
        None
        if kind is None
        else Outcome(kind=kind, payload=payload, error_type=error_type, error_message=message)
    )
    return InvocationRecord(
        acceptance=Acceptance(
            request_id=REQUEST,
            target=Target(name=NAME),
            function=NAME,
            version=LATEST,
            origin=Origin.REPLAY,
            event="created",
            accepted_at=AT,
            payload=b"{}",
            code_digest="0" * 64,
            memory_mb=128,
            timeout_s=3,
        ),
        outcome=outcome,
        measurements=None if duration_ms is None else Measurements(duration_ms=duration_ms),
    )


def a_log(*texts: str) -> list[LogEntry]:
    return [
        LogEntry(
            at=AT + timedelta(seconds=index),
            function=NAME,
            environment_id=EnvironmentId("0" * 32),
            request_id=REQUEST,
            stream=LogStream.STDOUT,
            text=text,
        )
        for index, text in enumerate(texts)
    ]


def mismatches(expectation: Expectation, record: InvocationRecord, *logs: str) -> list[str]:
    return [str(mismatch) for mismatch in expectation.check(record, a_log(*logs))]


def test_nothing_said_means_success() -> None:
    assert mismatches(Expectation(), a_record(b"not even JSON")) == []
    assert mismatches(
        Expectation(),
        a_record(kind=OutcomeKind.ERROR, error_type="ValueError", message="no\nsku\x1b[2J"),
    ) == ["outcome: expected success, found error (ValueError: no sku)."]


def test_failure_can_be_what_is_expected() -> None:
    expectation = Expectation(outcome=OutcomeKind.TIMEOUT, error_type="Sandbox.Timedout")

    assert (
        mismatches(expectation, a_record(kind=OutcomeKind.TIMEOUT, error_type="Sandbox.Timedout"))
        == []
    )
    assert mismatches(expectation, a_record()) == [
        "outcome: expected timeout, found success.",
        "error type: expected Sandbox.Timedout, found none.",
    ]


def test_error_type_may_have_a_wildcard() -> None:
    expectation = Expectation(outcome=OutcomeKind.ERROR, error_type="Runtime.*")

    assert (
        mismatches(expectation, a_record(kind=OutcomeKind.ERROR, error_type="Runtime.MarshalError"))
        == []
    )


def test_run_that_goes_on_meets_nothing() -> None:
    assert mismatches(Expectation(), a_record(kind=None)) == [
        "outcome: expected success, found none yet: it runs."
    ]


def test_response_is_compared_by_expression() -> None:
    record = a_record(b'{"items": [{"sku": "A-1", "qty": 3}], "total": 28.5, "note": null}')
    good = Expectation(
        response=(
            ("items[0].sku", "A-*"),
            ("length(items)", 1),
            ("total", 28.5),
            ("note == `null`", True),
            ("@", {"items": [{"qty": 3.0}]}),
        )
    )
    bad = Expectation(response=(("items[0].qty", 4), ("missing.deep", "*"), ("length(total)", 1)))

    assert mismatches(good, record) == []
    assert mismatches(bad, record) == [
        "response items[0].qty: expected 4, found 3.",
        'response missing.deep: expected "*", found null.',
        (
            "response length(total): expected 1, found an error (In function length(), invalid type for "
            "value: 28.5, expected one of: ['string', 'array', 'object'], received: \"number\")."
        ),
    ]


@pytest.mark.parametrize(
    ("payload", "found"), [(b"oops\x1b[2J", "oops"), (b"", "nothing"), (b"\xff", "\ufffd")]
)
def test_response_that_is_no_json_is_said_once(payload: bytes, found: str) -> None:
    expectation = Expectation(response=(("a", 1), ("b", 2)))

    assert mismatches(expectation, a_record(payload)) == [
        f"response: expected JSON, found {found}."
    ]


def test_long_values_are_cut() -> None:
    (text,) = mismatches(Expectation(response=(("@", 1),)), a_record(b'"' + b"x" * 10_000 + b'"'))

    assert len(text) < 300


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (99.99, []),
        (100.0, []),
        (100.01, ["duration: expected at most 100 ms, found 100.01 ms."]),
        (None, ["duration: expected at most 100 ms, found none measured."]),
    ],
)
def test_duration_has_a_limit(measured: float | None, expected: list[str]) -> None:
    assert mismatches(Expectation(max_duration_ms=100), a_record(duration_ms=measured)) == expected


def test_logs_must_and_must_not_contain() -> None:
    expectation = Expectation(
        logs_contain=("order * accepted", "never"), logs_exclude=("Traceback", "debug")
    )

    assert mismatches(
        expectation, a_record(), "\x1b[32morder 8812 accepted\x1b[0m", "2 debug lines", "done"
    ) == [
        'logs: expected a line with "never", found none in 3 entries.',
        'logs: expected no line with "debug", found "2 debug lines".',
    ]


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        (1, 1.0, True),
        (1.0, 1, True),
        (0, False, False),
        (1, True, False),
        (True, True, True),
        (True, 1, False),
        ("1", 1, False),
        (1, "1", False),
        ("", "", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("a*", "a", True),
        ("*b*d", "abcd", True),
        ("*", "anything\nat all", True),
        ("*", 0, True),
        ("*", False, True),
        ("*", [], True),
        ("*", None, False),
        ("**", 1, False),
        (r"\*", "*", True),
        (r"\*", "x", False),
        (r"a\*b*", "a*bc", True),
        ("a.c", "abc", False),
        ("[x]", "[x]", True),
        ("\\", "\\", True),
        (r"\\*", r"\*", True),
        ([], [], True),
        ([1, "*"], [1, {}], True),
        ([1], [1, 2], False),
        ([1, 2], [2, 1], False),
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": "*"}, {"b": 1}, False),
        ({"a": "*"}, {"a": None}, False),
        ({}, [], False),
        ([], {}, False),
        ({"a": 1}, None, False),
        (1, [1], False),
    ],
)
def test_values_are_compared_as_json(expected: Any, found: Any, same: bool) -> None:
    assert like(expected, found) is same


json_values = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_every_value_is_like_itself(value: Any) -> None:
    assert like(value, value)


@given(st.text(), st.text())
def test_text_without_a_star_is_like_nothing_else(expected: str, found: str) -> None:
    if "*" not in expected:
        assert like(expected, found) is (expected == found)


@given(st.text("ab[]{}()@.*:-0123456789|&?=!\"', ", max_size=12), json_values.map(json.dumps))
def test_any_expression_on_any_answer_is_checked_without_an_exception(
    expression: str, answer: str
) -> None:
    found = Expectation(response=((expression, 1),)).check(a_record(answer.encode()), [])

    assert all(isinstance(str(mismatch), str) for mismatch in found)
