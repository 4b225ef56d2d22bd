"""The runs of the selected function."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult

from workbench.tui import wording
from workbench.tui.desk import Desk
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece
from workbench.tui.widgets.hint import Hint
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.runs_list import RunRow, RunsList
from workbench.tui.widgets.virtual_list import VirtualList


class RunsPane(Pane):
    """See the module."""

    def compose(self) -> ComposeResult:
        yield RunsList(id="runs-list")
        yield Hint(id="runs-hint")

    @property
    def runs(self) -> RunsList:
        return self.query_one(RunsList)

    @property
    def hint(self) -> Hint:
        return self.query_one(Hint)

    @property
    def scroller(self) -> VirtualList:
        return self.runs

    def show(self, desk: Desk, turn: int) -> None:
        """Show the selected function's."""
        drawn, name = ink(self), desk.selected
        rows = [] if name is None else list(_rows(desk))
        shown = desk.shown()
        self.runs.show(
            rows,
            None if shown is None else shown.summary.request_id,
            now=desk.clock.now(),
            zone=desk.zone,
            turn=turn,
        )
        self.runs.display = bool(rows)
        self.hint.display = not rows
        if not rows:
            self._say_why(desk)
        title: list[Piece] = [("Runs", drawn.strong if self.focused_within else drawn.text)]
        if name is not None:
            title.append((f" {signs(self).between} {wording.one_line(name)}", drawn.dim))
        note: list[Piece] = []
        if desk.history_error is not None and rows:
            note = [("history unavailable", drawn.warn)]
        more = "" if name is None or desk.book.whole(name) else "+"
        cost: list[Piece] = [(f"{wording.number(len(rows))}{more}", drawn.dim)] if rows else []
        self.describe(title, note=note, cost=cost)

    def _say_why(self, desk: Desk) -> None:
        drawn = ink(self)
        if desk.history_error is not None:
            self.hint.show(
                [
                    [("The history is unavailable.", drawn.warn)],
                    [(wording.one_line(desk.history_error), drawn.dim)],
                ]
            )
        elif desk.selected is None:
            self.hint.show([])
        elif not desk.book.loaded(desk.selected):
            self.hint.show([[("reading the history", drawn.dim)]])
        else:
            self.hint.show([[("No runs yet.", drawn.dim)]])


def _rows(desk: Desk) -> Iterator[RunRow]:
    now = desk.clock.now()
    assert desk.selected is not None, "called for a selected function"
    for found in desk.rows(desk.selected):
        live = desk.live.get(found.request_id)
        running_ms = None if live is None else live.elapsed_s(now) * 1000
        yield RunRow(summary=found, running_ms=running_ms)
