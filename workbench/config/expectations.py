"""`NAME.expect.toml`: what is expected of the answer to the event beside it."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.config.complaints import Complaints, quoted, shown
from workbench.config.keys import Choice, Keys, Number, Table, Text, TextList, read_keys
from workbench.config.toml_file import Document, read_toml
from workbench.config.toml_lines import KeyPath
from workbench.expression import expression
from workbench.model.expectation import Expectation
from workbench.model.function import Problem
from workbench.model.invocation import OutcomeKind

_OUTCOMES = tuple(
    str(kind)
    for kind in OutcomeKind
    # Nobody can expect what a person or an accident does.
    if kind not in (OutcomeKind.STOPPED, OutcomeKind.LOST, OutcomeKind.NOT_STARTED)
)

EXPECTATION_KEYS: Keys = {
    "outcome": Choice(words=_OUTCOMES),
    "error_type": Text(longest=256, allowed="text of at most 256 characters"),
    "response": Table(allowed="a table of JMESPath expressions"),
    "max_duration_ms": Number(minimum=0, maximum=900_000),
    "logs": Table(),
}
LOGS_KEYS: Keys = {"contain": TextList(), "exclude": TextList()}

_LITERAL = expression(r"""'(?:\\'|[^'])*'|"(?:\\.|[^"])*"|`(?P<json>(?:\\`|[^`])*)`""", re.DOTALL)
"""Quoted parts of an expression. Between backticks stands JSON."""


def read_expectation(path: Path) -> tuple[Expectation | None, tuple[Problem, ...]]:
    """What a file expects, `None` when it is wrong, and its mistakes. Without a file: success."""
    try:
        return parse_expectation(read_toml(path))
    except FileNotFoundError:
        return Expectation(), ()


def parse_expectation(document: Document) -> tuple[Expectation | None, tuple[Problem, ...]]:
    """The same for a file that was read already."""
    complaints = Complaints(document.path)
    complaints.take(document.problems)
    values = read_keys(document, EXPECTATION_KEYS, complaints)
    logs: dict[str, Any] = {}
    if "logs" in values:
        logs = read_keys(document, LOGS_KEYS, complaints, table=("logs",))
    response = tuple(_response(document, values.get("response", {}), complaints))
    outcome = _outcome(document, values, complaints)
    if complaints.serious:
        return None, complaints.result()
    expectation = Expectation(
        outcome=outcome,
        error_type=values.get("error_type"),
        response=response,
        max_duration_ms=values.get("max_duration_ms"),
        logs_contain=tuple(logs.get("contain", ())),
        logs_exclude=tuple(logs.get("exclude", ())),
    )
    return expectation, complaints.result()


def _outcome(document: Document, values: dict[str, Any], complaints: Complaints) -> OutcomeKind:
    """An error type alone means that the handler fails with it."""
    has_type = "error_type" in values
    outcome = OutcomeKind(
        values.get("outcome", OutcomeKind.ERROR if has_type else OutcomeKind.SUCCESS)
    )
    if has_type and outcome is OutcomeKind.SUCCESS:
        complaints.error(
            "A success has no error_type. Remove it, or set outcome to how it fails.",
            line=document.line(("error_type",)),
        )
    return outcome


def _response(
    document: Document, table: dict[str, Any], complaints: Complaints
) -> Iterator[tuple[str, Any]]:
    for asked, expected in table.items():
        key = ("response", asked)
        wrong = _wrong_expression(asked)
        if wrong is not None:
            complaints.error(
                f"{quoted(asked)} is no JMESPath expression: {wrong}", line=document.line(key)
            )
        elif not _complain_of_values(document, key, expected, complaints):
            yield asked, expected


def _wrong_expression(asked: str) -> str | None:
    import jmespath  # 20 ms that only a replay needs

    try:
        for match in _LITERAL.finditer(asked):
            if match["json"] is not None:  # jmespath would take it for text, and warn
                json.loads(match["json"].replace("\\`", "`"))
        jmespath.compile(asked)
    except (jmespath.exceptions.JMESPathError, RecursionError, ValueError) as error:
        return str(error).split("\n")[0]
    return None


def _complain_of_values(
    document: Document, key: KeyPath, value: Any, complaints: Complaints
) -> bool:
    """Complain about what TOML has and JSON has not; was there any?"""
    found = list(_not_json(key, value))
    for place, stray in found:
        complaints.error(
            f"JSON has no value like {shown(stray)}. Write it in quotes if it is text.",
            line=document.line(place),
        )
    return bool(found)


def _not_json(key: KeyPath, value: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Dates and numbers that are none, and where they stand. tomli bounds how deep it goes."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _not_json((*key, name), member)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _not_json((*key, index), element)
    elif isinstance(value, dt.date | dt.time) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        yield key, value
