"""A replay as JUnit XML, which every CI system shows. Pure.

Source: the schema that Jenkins and GitLab read: a suite for each function, a case for each event.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from workbench.facade.replay import Verdict
from workbench.model.terminal_text import plain

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Source: XML 1.0, production 2, Char."""


def junit_report(verdicts: Sequence[Verdict]) -> bytes:
    """The whole file."""
    root = ET.Element("testsuites", {"name": "workbench replay", **_counts(verdicts)})
    for function, found in groupby(verdicts, key=lambda verdict: verdict.case.function):
        group = list(found)
        suite = ET.SubElement(root, "testsuite", {"name": function, **_counts(group)})
        for verdict in group:
            _add_case(suite, verdict)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_case(suite: ET.Element, verdict: Verdict) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=verdict.case.function,
        name=verdict.case.event,
        time=f"{_seconds(verdict):.3f}",
    )
    if verdict.error is not None:
        problem = ET.SubElement(
            case, "error", message=_text(str(verdict.error)), type=type(verdict.error).__name__
        )
        problem.text = _text(str(verdict.error))
    elif verdict.mismatches:
        complaints = [str(mismatch) for mismatch in verdict.mismatches]
        failure = ET.SubElement(case, "failure", message=_text(complaints[0]), type="NotAsExpected")
        failure.text = _text("\n".join(complaints))
    if verdict.logs:
        ET.SubElement(case, "system-out").text = _text(
            "\n".join(entry.text for entry in verdict.logs)
        )


def _counts(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {
        "tests": str(len(verdicts)),
        "failures": str(
            sum(verdict.error is None and bool(verdict.mismatches) for verdict in verdicts)
        ),
        "errors": str(sum(verdict.error is not None for verdict in verdicts)),
        "time": f"{sum(map(_seconds, verdicts)):.3f}",
    }


def _seconds(verdict: Verdict) -> float:
    measured = None if verdict.record is None else verdict.record.measurements
    return 0.0 if measured is None else measured.duration_ms / 1000


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", plain(text))
