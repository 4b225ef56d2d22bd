"""A few words in the middle of a part that has nothing else to show: what to press, or what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.ink import ink, signs
from workbench.tui.paint import Pieces, row, width_of


class Hint(Widget, can_focus=True):
    """Lines, each in the middle; `table` ones begin where the widest of them would."""

    DEFAULT_CSS = """
    Hint { height: 1fr; background: $background; }
    """
    ALLOW_SELECT = False

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._lines: Sequence[Pieces] = ()
        self._table = False

    def show(self, lines: Sequence[Pieces], *, table: bool = False) -> None:
        """What to say."""
        if (lines, table) != (self._lines, self._table):
            self._lines, self._table = lines, table
            self.refresh()

    def render_line(self, y: int) -> Strip:
        drawn, (width, height) = ink(self), self.size
        at = y - max(0, (height - len(self._lines)) // 2)
        if not 0 <= at < len(self._lines):
            return Strip.blank(width, drawn.text)
        pieces = self._lines[at]
        widest = max(width_of(line) for line in self._lines) if self._table else width_of(pieces)
        before = max(1, (width - widest) // 2)
        return row(
            width, [(" " * before, drawn.text), *pieces], base=drawn.text, mark=signs(self).cut
        )
