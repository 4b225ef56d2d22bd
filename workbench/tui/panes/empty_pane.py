"""A project without functions: what to press, and the shell line that does the same."""

from __future__ import annotations

from textual.app import ComposeResult

from workbench.tui import wording
from workbench.tui.desk import Desk
from workbench.tui.ink import ink
from workbench.tui.paint import Pieces
from workbench.tui.widgets.hint import Hint
from workbench.tui.widgets.pane import Pane


class EmptyPane(Pane):
    """In place of all others while there is no function."""

    DEFAULT_CSS = """
    EmptyPane { height: 1fr; }
    """

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk

    def compose(self) -> ComposeResult:
        yield Hint(id="empty-hint")

    def on_mount(self) -> None:
        self.show()

    @property
    def hint(self) -> Hint:
        return self.query_one(Hint)

    def show(self) -> None:
        """Say it."""
        desk, drawn = self._desk, ink(self)
        root = wording.one_line(desk.workbench.catalog.root.name)
        lines: list[Pieces] = [[(f"No functions in {root} yet.", drawn.text)], []]
        problems = desk.workbench.catalog.problems()[:5]
        lines += [[(wording.one_line(str(problem)), drawn.error)] for problem in problems]
        lines += [
            [("  a  ", drawn.accent), (" new function from a template", drawn.text)],
            [("  ^q ", drawn.accent), (" leave", drawn.text)],
            [],
            [("Or start one from the shell:", drawn.dim)],
            [("    wb init orders --runtime python3.13", drawn.text)],
        ]
        self.hint.show(lines, table=True)
        self.describe([("Functions", drawn.strong)])
