"""The functions of the project: how each one is, its name, its runtime, how its last run ended."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.tui import wording
from workbench.tui.desk import FunctionState
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, row
from workbench.tui.widgets.virtual_list import VirtualList
from workbench.values import dataclass

_RUNTIME_CELLS = 10
_WITH_RUNTIME = 28
"""Cells from which on there is room for the runtime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRow:
    """One of them."""

    name: FunctionName
    state: FunctionState
    runtime: str
    last: OutcomeKind | None
    """How its last run ended; `None`: it never ran."""
    edited: bool = False
    """An edit of it was not taken up."""


class FunctionsList(VirtualList):
    """See the module."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: Sequence[FunctionRow] = ()

    def show(self, rows: Sequence[FunctionRow], selected: FunctionName | None) -> None:
        """What there is, and which one is selected."""
        self._rows = rows
        at = next((index for index, each in enumerate(rows) if each.name == selected), 0)
        moved = at != self.cursor
        self.cursor = at
        self.changed()
        if moved:
            self.place(at)

    def name_at(self, item: int) -> FunctionName | None:
        return self._rows[item].name if 0 <= item < len(self._rows) else None

    def line_count(self) -> int:
        return len(self._rows)

    def find(self, wanted: str, start: int, step: int) -> int | None:
        """The nearest function whose name has `wanted` in it, from `start` on, going round once."""
        count = len(self._rows)
        for distance in range(count):
            item = (start + step * distance) % count
            if wanted.lower() in self._rows[item].name.lower():
                return item
        return None

    def draw(self, line: int) -> Strip:
        each, width = self._rows[line], self.size.width
        drawn, glyphs = ink(self), signs(self)
        here = line == self.cursor
        sign, style = {
            FunctionState.BROKEN: (glyphs.broken, drawn.error),
            FunctionState.BUSY: (glyphs.busy, drawn.accent),
            FunctionState.STARTING: (glyphs.starting, drawn.accent),
            FunctionState.IDLE: (glyphs.idle, drawn.dim),
        }[each.state]
        if each.edited and each.state is not FunctionState.BROKEN:
            sign, style = glyphs.broken, drawn.warn
        name = drawn.strong if here else drawn.text
        left: list[Piece] = [
            (f"{glyphs.here if here else ' '}", drawn.accent),
            (f"{sign} ", style),
            (wording.one_line(each.name), name),
        ]
        right: list[Piece] = []
        if width >= _WITH_RUNTIME:
            right.append((f"{each.runtime[:_RUNTIME_CELLS]:<{_RUNTIME_CELLS}}", drawn.dim))
        right.append(
            (f" {self._last(each)}", drawn.of(self._good(each)) if each.last else drawn.dim)
        )
        return row(width, left, right, base=drawn.text, mark=glyphs.cut)

    def _last(self, each: FunctionRow) -> str:
        glyphs = signs(self)
        return glyphs.never if each.last is None else glyphs.outcome(each.last)

    @staticmethod
    def _good(each: FunctionRow) -> bool | None:
        return None if each.last is None else each.last is OutcomeKind.SUCCESS
