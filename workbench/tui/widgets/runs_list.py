"""The runs of the selected function, newest first; a failed one says why on a line of its own."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, tzinfo
from itertools import accumulate

from textual.strip import Strip

from workbench.model.invocation import Origin, OutcomeKind, RunSummary
from workbench.model.names import RequestId
from workbench.tui import wording
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, row
from workbench.tui.widgets.virtual_list import VirtualList
from workbench.values import dataclass

_WITH_TIME = 28
"""Cells from which on there is room for the time of day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One of them, ready to be drawn."""

    summary: RunSummary
    running_ms: float | None = None
    """Since it was accepted; `None` when it is over."""

    @property
    def failure(self) -> str | None:
        return wording.failure(self.summary)

    @property
    def what(self) -> str:
        """The event it was run with, else who asked."""
        if self.summary.event is not None:
            return wording.one_line(self.summary.event)
        return "unsaved" if self.summary.origin is Origin.TUI else str(self.summary.origin)


class RunsList(VirtualList):
    """See the module."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: Sequence[RunRow] = ()
        self._starts: list[int] = [0]
        """The first line of each row, and after the last one the number of lines."""
        self._now: datetime | None = None
        self._zone: tzinfo | None = None
        self._turn = 0

    def show(
        self,
        rows: Sequence[RunRow],
        shown: RequestId | None,
        *,
        now: datetime,
        zone: tzinfo | None,
        turn: int,
    ) -> None:
        """What there is, which one the result pane shows, and how far the spinner has turned."""
        self._rows, self._now, self._zone, self._turn = rows, now, zone, turn
        heights = (2 if each.failure else 1 for each in rows)
        self._starts = list(accumulate(heights, initial=0))
        at = next((i for i, each in enumerate(rows) if each.summary.request_id == shown), 0)
        moved = at != self.cursor
        self.cursor = at
        self.changed()
        if moved:
            self.place(at)

    def run_at(self, item: int) -> RequestId | None:
        return self._rows[item].summary.request_id if 0 <= item < len(self._rows) else None

    @property
    def near_end(self) -> bool:
        """The cursor is on one of the oldest."""
        return bool(self._rows) and self.cursor >= len(self._rows) - 5

    def find(self, wanted: str, start: int, step: int) -> int | None:
        """The nearest run whose line has `wanted` in it, from `start` on, going round once."""
        count = len(self._rows)
        for distance in range(count):
            item = (start + step * distance) % count
            each = self._rows[item]
            text = f"{each.what} {each.failure or ''} {each.summary.request_id}"
            if wanted.lower() in text.lower():
                return item
        return None

    def line_count(self) -> int:
        return self._starts[-1]

    def item_count(self) -> int:
        return len(self._rows)

    def item_at(self, line: int) -> int:
        return bisect_right(self._starts, line) - 1

    def lines_of(self, item: int) -> tuple[int, int]:
        return self._starts[item], self._starts[item + 1] - 1

    def draw(self, line: int) -> Strip:
        item = self.item_at(line)
        each = self._rows[item]
        if line > self._starts[item]:
            return self._draw_failure(each)
        return self._draw_run(each)

    def _draw_failure(self, each: RunRow) -> Strip:
        drawn, width = ink(self), self.size.width
        indent = 12 if width >= _WITH_TIME else 3
        text = each.failure or ""
        return row(
            width,
            [(" " * indent, drawn.text), (text, drawn.dim)],
            base=drawn.text,
            mark=signs(self).cut,
        )

    def _draw_run(self, each: RunRow) -> Strip:
        drawn, glyphs, width = ink(self), signs(self), self.size.width
        found = each.summary
        left: list[Piece] = [(" ", drawn.text), self._sign(each), (" ", drawn.text)]
        if width >= _WITH_TIME and self._now is not None:
            stamp = wording.moment(found.accepted_at, self._now, self._zone)
            left.append((f"{stamp} ", drawn.dim))
        left.append((each.what, drawn.text))
        cold = f" {glyphs.cold}" if found.cold else "  "
        return row(
            width,
            left,
            [(self._took(each), drawn.text), (cold, drawn.number)],
            base=drawn.text,
            mark=glyphs.cut,
        )

    def _sign(self, each: RunRow) -> Piece:
        drawn, glyphs = ink(self), signs(self)
        kind = each.summary.kind
        if kind is None:
            spinner = glyphs.spinner
            turning = each.running_ms is not None
            return (spinner[self._turn % len(spinner)] if turning else glyphs.busy, drawn.accent)
        if kind is OutcomeKind.STOPPED:
            return glyphs.outcome(kind), drawn.dim
        return glyphs.outcome(kind), drawn.of(kind is OutcomeKind.SUCCESS)

    def _took(self, each: RunRow) -> str:
        if each.running_ms is not None:
            return f"{wording.seconds(each.running_ms / 1000)}{signs(self).cut}"
        found = each.summary
        if found.kind is None:
            return "elsewhere"
        if found.duration_ms is None or found.kind is OutcomeKind.NOT_STARTED:
            return wording.outcome(found.kind)
        return wording.milliseconds(found.duration_ms)
