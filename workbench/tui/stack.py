"""Where a function failed: the stack its runtime posted, each frame with its file if there is one.

Every runtime writes them as it likes: lists of strings, of multi-line strings, `trace` or
`stackTrace`. What looks like a path and a line is one; nothing else is assumed.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from workbench.expression import expression
from workbench.model.terminal_text import plain, safe
from workbench.model.version import TASK_ROOT
from workbench.values import dataclass

_PLACE = expression(r"(?:file://)?(?P<path>/[^\s:\"'()]+)(?:\", line |:)(?P<line>\d{1,7})")
_DEPENDENCIES = ("node_modules", "site-packages", "dist-packages")
_MOST = 200
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StackLine:
    """One line of it."""

    text: str
    own: bool
    """It is in the function's own code."""
    file: PurePosixPath | None = None
    """Relative to the function's folder, when it is."""
    line: int | None = None


def stack_of(payload: bytes, code: Path | None = None) -> list[StackLine]:
    """The stack in an error's payload; empty when it has none.

    code: the folder the code was run from, where that is not /var/task (no container).
    """
    if len(payload) > _MOST_BYTES:
        return []
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    trace = found.get("stackTrace") or found.get("trace")
    if isinstance(trace, str):
        trace = trace.splitlines()
    if not isinstance(trace, list):
        return []
    texts = [text for text in trace if isinstance(text, str)]
    return _lines("\n".join(text.rstrip("\n") for text in texts), code)


def _lines(text: str, code: Path | None) -> list[StackLine]:
    lines: list[StackLine] = []
    own = False
    for raw in text.split("\n")[:_MOST]:
        line = plain(safe(raw)).rstrip().expandtabs(4)
        if not line:
            continue
        place = _PLACE.search(line)
        if place is None:
            # a line of source belongs to the frame above it; a headline to none
            lines.append(StackLine(text=line, own=own and line.startswith(" ")))
            continue
        file = _own_file(place["path"], code)
        own = file is not None
        lines.append(StackLine(text=line, own=own, file=file, line=int(place["line"])))
    return lines


def _own_file(path: str, code: Path | None) -> PurePosixPath | None:
    for root in (TASK_ROOT, None if code is None else str(code)):
        if root is None or not path.startswith(f"{root}/"):
            continue
        relative = PurePosixPath(path).relative_to(root)
        if any(part in _DEPENDENCIES or part == ".." for part in relative.parts):
            return None
        return relative
    return None
