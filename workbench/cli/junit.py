"""A replay as JUnit XML, which every CI system shows. Pure.

Source: the schema that Jenkins and GitLab read: a suite for each function, a case for each event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from workbench.errors import WorkbenchError
from workbench.facade.replay import Verdict
from workbench.model.terminal_text import plain
from workbench.values import dataclass

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: XML 1.0, production 2, Char."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One event."""

    function: str
    event: str
    seconds: float
    failures: Sequence[str] = ()
    """What was wrong, a line each."""
    failure_type: str = "NotAsExpected"
    error: WorkbenchError | None = None
    """What kept it from running."""
    log: Sequence[str] = ()
    """Lines."""


def junit_report(verdicts: Sequence[Verdict]) -> bytes:
    """The whole file for verdicts."""
    return junit_file([_case(verdict) for verdict in verdicts])


def junit_file(cases: Sequence[Case]) -> bytes:
    """The whole file. Those of a function stand together."""
    root = ET.Element("testsuites", {"name": "workbench replay", **_counts(cases)})
    for function, found in groupby(cases, key=lambda case: case.function):
        group = list(found)
        suite = ET.SubElement(root, "testsuite", {"name": function, **_counts(group)})
        for case in group:
            _add_case(suite, case)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(verdict: Verdict) -> Case:
    measured = None if verdict.record is None else verdict.record.measurements
    return Case(
        function=verdict.case.function,
        event=verdict.case.event,
        seconds=0.0 if measured is None else measured.duration_ms / 1000,
        failures=[str(mismatch) for mismatch in verdict.mismatches],
        error=verdict.error,
        log=[entry.text for entry in verdict.logs],
    )


def _add_case(suite: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        classname=case.function,
        name=case.event,
        time=f"{case.seconds:.3f}",
    )
    if case.error is not None:
        problem = ET.SubElement(
            element, "error", message=_text(str(case.error)), type=type(case.error).__name__
        )
        problem.text = _text(str(case.error))
    elif case.failures:
        failure = ET.SubElement(
            element, "failure", message=_text(case.failures[0]), type=case.failure_type
        )
        failure.text = _text("\n".join(case.failures))
    if case.log:
        ET.SubElement(element, "system-out").text = _text("\n".join(case.log))


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.error is None and bool(case.failures) for case in cases)),
        "errors": str(sum(case.error is not None for case in cases)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", plain(text))
