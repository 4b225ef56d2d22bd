"""Which functions there are."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from workbench.model.function import Function
from workbench.tui import wording
from workbench.tui.desk import Desk, FunctionState
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, row
from workbench.tui.widgets.functions_list import FunctionRow, FunctionsList
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.virtual_list import VirtualList


class Legend(Widget):
    """What the signs mean."""

    DEFAULT_CSS = """
    Legend { height: 3; background: $background; }
    """
    ALLOW_SELECT = False

    def render_line(self, y: int) -> Strip:
        drawn, glyphs, width = ink(self), signs(self), self.size.width
        lines: tuple[list[Piece], ...] = (
            [(glyphs.rule * width, drawn.faint)],
            [
                (f" {glyphs.busy}", drawn.accent),
                (" busy  ", drawn.dim),
                (glyphs.starting, drawn.accent),
                (" starting  ", drawn.dim),
                (glyphs.idle, drawn.dim),
                (" idle", drawn.dim),
            ],
            [
                (f" {glyphs.broken}", drawn.error),
                (" broken  ", drawn.dim),
                (glyphs.ok, drawn.ok),
                (" ok  ", drawn.dim),
                (glyphs.failed, drawn.error),
                (" failed", drawn.dim),
            ],
        )
        return row(width, lines[y], base=drawn.text, mark=glyphs.cut)


class FunctionsPane(Pane):
    """See the module."""

    DEFAULT_CSS = """
    FunctionsPane {
        & > FunctionsList { margin: 1 1 0 1; }
        & > Legend { margin: 0 1 1 1; }
        &.-bare > FunctionsList { margin: 1; }
        &.-bare > Legend { display: none; }
    }
    """

    def compose(self) -> ComposeResult:
        yield FunctionsList(id="functions-list")
        yield Legend()

    @property
    def names(self) -> FunctionsList:
        return self.query_one(FunctionsList)

    @property
    def scroller(self) -> VirtualList:
        return self.names

    def show(self, desk: Desk) -> None:
        """Show the desk's functions."""
        rows = tuple(_rows(desk))
        self.names.show(rows, desk.selected)
        drawn = ink(self)
        at = next((i + 1 for i, each in enumerate(rows) if each.name == desk.selected), 0)
        self.describe(
            [("Functions", drawn.strong if self.focused_within else drawn.text)],
            note=self._note(desk),
            cost=[(f"{at} of {len(rows)}", drawn.dim)] if rows else (),
        )

    def _note(self, desk: Desk) -> list[Piece]:
        """The selected function's state in words."""
        function, drawn = desk.function, ink(self)
        if function is None:
            return []
        state = desk.state_of(function)
        warm, busy = desk.environments_of(function.name)
        if state is FunctionState.BROKEN:
            return [("broken", drawn.error)]
        if desk.rejection(function.name) is not None:
            served = function.name in desk.served
            return [("edit not taken up" if served else "not ready", drawn.warn)]
        if state is FunctionState.STARTING and not busy:
            return [("starting", drawn.accent)]
        said = [f"{busy} busy" if busy else "", f"{warm} warm" if warm else ""]
        text = f" {signs(self).between} ".join(part for part in said if part)
        return [(text or "idle", drawn.dim)]


def _rows(desk: Desk) -> Iterator[FunctionRow]:
    for function in desk.functions:
        last = desk.last_of(function.name)
        yield FunctionRow(
            name=function.name,
            state=desk.state_of(function),
            runtime=_runtime(function),
            last=None if last is None else last.kind,
            edited=desk.rejection(function.name) is not None,
        )


def _runtime(function: Function) -> str:
    configuration = function.configuration
    return "" if configuration is None else wording.runtime(configuration.runtime)
