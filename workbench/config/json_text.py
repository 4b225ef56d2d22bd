"""What is wrong with a saved event that is not JSON. Only a warning: it is the person's to send."""

from __future__ import annotations

import json
import re
from pathlib import Path

from workbench.config.complaints import Complaints, quoted
from workbench.config.files import decode
from workbench.errors import InvalidManifest
from workbench.expression import expression
from workbench.model.function import Problem

_REFUSED = "Lambda refuses it as an event."
_CONSTANT = expression(r'"(?:\\.|[^"\\])*"|(?P<constant>-?Infinity|NaN)', re.DOTALL)


def json_problem(content: bytes, path: Path) -> Problem | None:
    """What keeps `content`, which stands in `path`, from being JSON; `None` when it is.

    Empty is well: Lambda delivers it as `{}`.
    """
    complaints = Complaints(path)
    try:
        text, mark = decode(content, path)
    except InvalidManifest as error:
        complaints.warn(f"{error.message} {_REFUSED}", line=error.line)
    else:
        if mark is not None:
            complaints.warn(f"{mark} {_REFUSED}", line=1)
        elif text.strip(" \t\r\n"):
            _parse(text, complaints)
    return next(iter(complaints.result()), None)


def _parse(text: str, complaints: Complaints) -> None:
    try:
        # Numbers stay text: some have more digits than Python will convert.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        complaints.warn(
            f"Not JSON: {error.msg[:1].lower()}{error.msg[1:]}, column {error.colno}. {_REFUSED}",
            line=error.lineno,
        )
    except _Constant as constant:
        at = next(m.start() for m in _CONSTANT.finditer(text) if m["constant"] is not None)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        complaints.warn(
            f"Not JSON: there is no number {quoted(str(constant))}, column {column}. {_REFUSED}",
            line=line,
        )
    except RecursionError:
        complaints.warn(f"It is nested too deeply to be read as JSON. {_REFUSED}")


class _Constant(Exception):
    """Python would read it; JSON does not have it."""


def _refuse(constant: str) -> object:
    raise _Constant(constant)
