"""What the terminal can show, as the doctor's findings."""

from __future__ import annotations

import os
import shutil

from workbench.cli.output import Output
from workbench.model.doctor import Finding, Health

_SMALLEST = (80, 24)
"""Columns and lines. Source: docs/design.md; the terminal UI is drawn for it."""


def examine_terminal(output: Output) -> tuple[Finding, ...]:
    """Nothing without a terminal."""
    if not output.stdout.isatty():
        return ()
    columns, lines = shutil.get_terminal_size()
    encoding = (output.stdout.encoding or "ascii").lower().replace("-", "")
    name = os.environ.get("TERM", "no TERM")
    detail = f"{name}, {columns} × {lines}, {encoding}"
    if encoding != "utf8":
        return (
            Finding(
                subject="terminal",
                health=Health.WARNING,
                detail=detail,
                cause="Its encoding is not UTF-8: lines and marks will look wrong.",
                remedy="Set LANG=C.UTF-8, or another UTF-8 locale.",
            ),
        )
    if columns < _SMALLEST[0] or lines < _SMALLEST[1]:
        return (
            Finding(
                subject="terminal",
                health=Health.WARNING,
                detail=detail,
                cause="The terminal UI needs {} × {}.".format(*_SMALLEST),
                remedy="Make the window larger.",
            ),
        )
    if not output.stdout_styled:
        cause = "Colours are turned off (NO_COLOR, or TERM=dumb)."
        return (Finding(subject="terminal", health=Health.GOOD, detail=detail, cause=cause),)
    return (Finding(subject="terminal", health=Health.GOOD, detail=detail),)
