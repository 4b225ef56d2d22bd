"""The report of a run: figures, identity, and the stack with the function's own frames bright."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message
from textual.strip import Strip

from workbench.tui.ink import ink
from workbench.tui.paint import Piece, whole
from workbench.tui.report_rows import ReportRow
from workbench.tui.stack import StackLine
from workbench.tui.widgets.bindings import own_bindings
from workbench.tui.widgets.virtual_list import VirtualList

_LABEL_CELLS = 13


class ReportView(VirtualList):
    """See the module."""

    cursor_kept = False
    BINDINGS = own_bindings("move.left", "move.right", "open")

    class FrameOpened(Message):
        """A stack frame in the function's own code is to be opened in an editor."""

        def __init__(self, frame: StackLine) -> None:
            super().__init__()
            self.frame = frame

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.rows: Sequence[ReportRow] = ()

    def load(self, rows: Sequence[ReportRow], *, same: bool) -> None:
        """Show other rows; `same`: of the run that was shown before, so the cursor stays."""
        if rows == self.rows:
            return
        self.rows = rows
        if not same:
            self.cursor = 0
        widest = max((len(row.text) for row in rows), default=0)
        self.changed(width=widest + 4)

    @property
    def text(self) -> str:
        """All of it, as it would stand in a file."""
        return "".join(f"{row.text}\n" for row in self.rows)

    @property
    def value(self) -> str:
        """What the row under the cursor says."""
        if not self.rows:
            return ""
        row = self.rows[self.cursor]
        return row.copied or "".join(text for text, _ in row.said).strip()

    @property
    def frame(self) -> StackLine | None:
        """The stack frame under the cursor."""
        return self.rows[self.cursor].frame if self.rows else None

    def find(self, wanted: str, start: int, step: int) -> int | None:
        """The nearest row with `wanted` in it, from `start` on, going round once."""
        count = len(self.rows)
        for distance in range(count):
            item = (start + step * distance) % count
            if wanted.lower() in self.rows[item].text.lower():
                return item
        return None

    def can_rest(self, item: int) -> bool:
        return super().can_rest(item) and bool(self.rows[item].said)

    def action_open(self) -> None:
        frame = self.frame
        if frame is not None:
            self.post_message(self.FrameOpened(frame))

    def action_move_left(self) -> None:
        self.scroll_relative(x=-8, animate=False)

    def action_move_right(self) -> None:
        self.scroll_relative(x=8, animate=False)

    def line_count(self) -> int:
        return len(self.rows)

    def draw(self, line: int) -> Strip:
        drawn, row = ink(self), self.rows[line]
        pieces: list[Piece] = [(" ", drawn.text)]
        if row.label:
            pieces.append((f"{row.label:<{_LABEL_CELLS}}", drawn.dim))
        elif not row.wide:
            pieces.append((" " * _LABEL_CELLS, drawn.text))
        pieces += [(text, getattr(drawn, name)) for text, name in row.said]
        return whole(pieces)
