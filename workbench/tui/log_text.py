"""Log entries as lines: numbered, filtered and searched without ever copying their text.

Invariant: entries are only ever added at the end of the sequence this looks at (a run's own log, or
one from the history); `read` takes up what is new, a slice at a time.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence

from workbench.expression import expression
from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry
from workbench.model.terminal_text import plain
from workbench.values import dataclass

SHOWN_CELLS = 4096
"""Of one line. The rest is kept, copied and paged, but not drawn."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of an entry."""

    entry: LogEntry
    part: int
    """0 for the first line of the entry."""
    text: str
    """With its colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries are shown. The platform's own lines give the rest its place, and stay."""

    pattern: re.Pattern[str]
    inverted: bool = False

    def shows(self, entry: LogEntry) -> bool:
        if entry.stream is LogStream.PLATFORM:
            return True
        return (
            any(_matches(self.pattern, line) for line in entry.text.split("\n"))
            is not self.inverted
        )


_RUNAWAY = expression(r"\)[*+{?]|(?:[*+}].*){3}")
"""A repeated group, or many repetitions: on a long line they could take for ever."""


def pattern_of(text: str, *, literal: bool = False) -> re.Pattern[str]:
    """What was typed: a regular expression if it is one that surely ends, else as it stands.

    Small letters find capitals too.
    """
    flags = 0 if any(character.isupper() for character in text) else re.IGNORECASE
    if not literal and not _RUNAWAY.search(text):
        try:
            return re.compile(text, flags)
        except re.error:
            pass
    return re.compile(re.escape(text), flags)


def filter_of(text: str) -> Filter | None:
    """`!` in front inverts; nothing typed is no filter."""
    inverted = text.startswith("!")
    wanted = text[1:] if inverted else text
    return Filter(pattern=pattern_of(wanted), inverted=inverted) if wanted else None


class LogText:
    """The lines of a log that may still be growing."""

    def __init__(self, entries: Sequence[LogEntry], shown: Filter | None = None) -> None:
        self.entries = entries
        self.shown = shown
        self.widest = 0
        """Characters of the longest line, as far as it is drawn."""
        self.levels = False
        """Some entry says its level."""
        self._read = 0
        self._entry_of = array("I")
        self._part_of = array("I")

    def __len__(self) -> int:
        return len(self._entry_of)

    @property
    def behind(self) -> bool:
        """There are entries it has not looked at."""
        return self._read < len(self.entries)

    @property
    def left_out(self) -> int:
        """Entries that the filter hides."""
        if self.shown is None:
            return 0
        kept = len(set(self._entry_of))
        return self._read - kept

    def read(self, limit: int = 5000) -> None:
        """Take up at most `limit` new entries."""
        stop = min(len(self.entries), self._read + limit)
        for index in range(self._read, stop):
            entry = self.entries[index]
            if self.shown is not None and not self.shown.shows(entry):
                continue
            self._add(index, entry)
        self._read = stop

    def _add(self, index: int, entry: LogEntry) -> None:
        text = entry.text
        self.levels = self.levels or entry.level is not None
        if "\n" not in text:
            self._entry_of.append(index)
            self._part_of.append(0)
            self.widest = max(self.widest, min(len(text), SHOWN_CELLS))
            return
        for part, line in enumerate(text.rstrip("\n").split("\n")):
            self._entry_of.append(index)
            self._part_of.append(part)
            self.widest = max(self.widest, min(len(line), SHOWN_CELLS))

    def row(self, line: int) -> LogRow:
        """One line."""
        entry = self.entries[self._entry_of[line]]
        part = self._part_of[line]
        text = entry.text
        if "\n" in text:
            text = text.rstrip("\n").split("\n")[part]
        return LogRow(entry, part, text)

    def find(self, pattern: re.Pattern[str], start: int, step: int) -> int | None:
        """The nearest line from `start` on, in the direction of `step`, going round once."""
        count = len(self)
        for distance in range(count):
            line = (start + step * distance) % count
            if _matches(pattern, self.row(line).text):
                return line
        return None

    def matches(self, pattern: re.Pattern[str]) -> int:
        """How many lines match."""
        return sum(_matches(pattern, self.row(line).text) for line in range(len(self)))


def _matches(pattern: re.Pattern[str], text: str) -> bool:
    return bool(pattern.search(plain(text)[:SHOWN_CELLS]))


def whole_text(entries: Sequence[LogEntry]) -> str:
    """All of it, without colours, as it would stand in a file."""
    return "".join(f"{plain(entry.text).rstrip()}\n" for entry in entries)
