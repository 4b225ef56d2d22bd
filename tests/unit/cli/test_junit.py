from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from tests.unit.cli.test_values import a_record, an_entry
from workbench.cli.commands.replay import exit_of_verdicts
from workbench.cli.exits import Exit
from workbench.cli.junit import junit_report
from workbench.errors import DriverError, FunctionNotReady
from workbench.facade.replay import ReplayCase, Verdict
from workbench.model.expectation import Mismatch
from workbench.model.invocation import Outcome, OutcomeKind
from workbench.model.names import FunctionName

RECORD = a_record(Outcome(kind=OutcomeKind.SUCCESS, payload=b"1"))


def a_verdict(event: str = "small", function: str = "orders") -> Verdict:
    case = ReplayCase(function=FunctionName(function), event=event)
    return Verdict(case=case, record=RECORD, logs=(an_entry("one \x1b[31m<&>\x00"),))


GOOD = a_verdict()
WRONG = replace(
    a_verdict("big"),
    mismatches=(
        Mismatch(subject="outcome", expected="success", found="error"),
        Mismatch(subject="duration", expected="at most 1 ms", found='2 "ms"'),
    ),
)
BROKEN = replace(
    a_verdict("any", "payments"),
    record=None,
    logs=(),
    error=FunctionNotReady("payments", reason="its \ufffe\x0b manifest is broken"),
)
UNABLE = replace(BROKEN, error=DriverError("no engine"))


def parse(*verdicts: Verdict) -> ET.Element:
    return ET.fromstring(junit_report(verdicts))


def test_there_is_a_suite_for_each_function_and_a_case_for_each_event() -> None:
    root = parse(GOOD, WRONG, BROKEN)

    assert [suite.get("name") for suite in root] == ["orders", "payments"]
    assert [case.get("name") for case in root.iter("testcase")] == ["small", "big", "any"]
    assert {case.get("classname") for case in root[0].iter("testcase")} == {"orders"}


def test_figures_are_counted_for_all_and_for_each() -> None:
    root = parse(GOOD, WRONG, BROKEN)

    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert [root[0].get(key) for key in ("tests", "failures", "errors")] == ["2", "1", "0"]
    assert root[0].get("time") == "0.025"


def test_what_was_not_as_expected_is_a_failure() -> None:
    failure = parse(WRONG).find(".//failure")

    assert failure is not None
    assert failure.get("message") == "outcome: expected success, found error."
    assert failure.text is not None
    assert 'found 2 "ms"' in failure.text


def test_what_could_not_run_is_an_error() -> None:
    error = parse(BROKEN).find(".//error")

    assert error is not None
    assert error.get("type") == "FunctionNotReady"
    assert error.get("message") == "payments cannot run: its \ufffd manifest is broken"


def test_logs_are_kept_as_far_as_xml_can_hold_them() -> None:
    out = parse(GOOD).find(".//system-out")

    assert out is not None
    assert out.text == "one <&>"


def test_the_exit_code_is_the_worst_of_all() -> None:
    assert exit_of_verdicts([]) is Exit.SUCCESS
    assert exit_of_verdicts([GOOD]) is Exit.SUCCESS
    assert exit_of_verdicts([GOOD, WRONG]) is Exit.FUNCTION_FAILED
    assert exit_of_verdicts([WRONG, BROKEN]) is Exit.BAD_REQUEST
    assert exit_of_verdicts([UNABLE, BROKEN, WRONG]) is Exit.COULD_NOT
