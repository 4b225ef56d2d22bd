"""Letters on panes and tabs: pressing one goes there. Works while typing."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.choices import Target
from workbench.tui.ink import ink
from workbench.tui.paint import row
from workbench.tui.widgets.line import Line, Part

LETTERS = "asdfghjkl"
"""The home row first; panes in the order of `tab`, then the tabs."""


class _Letter(Widget):
    DEFAULT_CSS = """
    _Letter { height: 1; position: absolute; layer: letters; }
    """

    def __init__(self, letter: str, target: Target) -> None:
        super().__init__()
        self.letter = letter
        self.styles.width = target.cells
        self.styles.offset = (target.at.x, target.at.y)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - it has one line
        style = ink(self).label
        width = self.size.width
        text = f" {self.letter} " if width > 2 else f"{self.letter} "
        return row(width, [(text, style)], base=style)


class Jump(ModalScreen[str | None]):
    """Answers with the id of a target; `None`: stay."""

    DEFAULT_CSS = """
    Jump {
        layers: base letters;
        & Line { dock: bottom; margin-bottom: 1; }
    }
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            yield _Letter(letter, target)
        yield Line(id="jump-hint")

    def on_mount(self) -> None:
        line = self.query_one(Line)
        drawn = ink(line)
        line.show(
            [
                Part(" press a letter to go there   ", drawn.text),
                Part("esc", drawn.accent),
                Part(" stays", drawn.dim),
            ]
        )

    def on_key(self, event: events.Key) -> None:
        event.stop()
        target = self._targets.get(event.key)
        self.dismiss(None if target is None else target.id)

    def on_click(self) -> None:
        self.dismiss(None)
