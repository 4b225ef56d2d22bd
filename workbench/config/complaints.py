"""Collects what is wrong with the files of a project, as sentences a terminal can show."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Iterable
from pathlib import Path

from workbench.errors import InvalidManifest
from workbench.model.function import Problem, Severity
from workbench.model.terminal_text import plain, safe

_SHOWN_CHARACTERS = 60
_LONGEST = 2000
"""Characters of a complaint; names in it can be as long as their author likes."""


class Complaints:
    """The problems found so far. `path` is the file meant where none is given."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: list[Problem] = []

    def error(self, message: str, *, line: int | None = None, path: Path | None = None) -> None:
        """The function, or the file, cannot be used as it stands."""
        self._add(message, line, path, Severity.ERROR)

    def warn(self, message: str, *, line: int | None = None, path: Path | None = None) -> None:
        """It works, but not as its author may think."""
        self._add(message, line, path, Severity.WARNING)

    def take(self, problems: Iterable[Problem]) -> None:
        """Those that somebody else found."""
        self._found += problems

    def unusable(self, error: InvalidManifest) -> None:
        """A file that could not be read at all."""
        self.error(error.message, line=error.line, path=error.path)

    @property
    def serious(self) -> bool:
        """There is an error among them."""
        return any(problem.severity is Severity.ERROR for problem in self._found)

    def result(self) -> tuple[Problem, ...]:
        """All of them, by file and line."""
        return tuple(sorted(self._found, key=lambda found: (str(found.path), found.line or 0)))

    def _add(self, message: str, line: int | None, path: Path | None, severity: Severity) -> None:
        text = " ".join(plain(safe(message[:_LONGEST])).split("\n"))
        self._found.append(
            Problem(path=path or self._path, line=line, message=text, severity=severity)
        )


def shown(value: object) -> str:
    """A value from a file as a complaint quotes it, named by its TOML type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "an array" if isinstance(value, list) else "a table"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, int | float):
        return f"the number {quoted(value)}"
    if isinstance(value, dt.date | dt.time):
        return f"the date or time {value}"
    return quoted(value)


def quoted(value: object) -> str:
    """A value as JSON writes it, cut where it is long."""
    try:
        text = value if isinstance(value, str) else str(value)
    except ValueError:  # a whole number of more digits than Python will print
        return "with too many digits"
    text = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant; `None` when none is near."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    folded = word.casefold()
    if folded in by_fold:
        return by_fold[folded]
    close = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    if close:
        return by_fold[close[0]]
    beginnings = [c for c in by_fold if len(folded) > 2 and c.startswith(folded)]
    return by_fold[beginnings[0]] if len(beginnings) == 1 else None


def unknown(kind: str, word: str, known: Iterable[str], *, where: str = "") -> str:
    """`Unknown key "memroy_mb"; did you mean memory_mb?`, or what there is to choose from.

    where: ` in [engine]`, with the blank.
    """
    known = sorted(known)
    near = nearest(word, known)
    advice = f"did you mean {near}?" if near is not None else f"allowed: {', '.join(known)}."
    return f"Unknown {kind} {quoted(word)}{where}; {advice}"
