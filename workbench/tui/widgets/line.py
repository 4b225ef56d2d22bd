"""One line of text with parts that can be clicked: the top line, the status line, the run bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.ink import ink, signs
from workbench.tui.paint import row
from workbench.values import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Some of its text."""

    text: str
    style: Style
    action: str | None = None
    """The id of the action that clicking it does."""


class Line(Widget):
    """The left parts give way to the right ones, but for as much as `keep` says."""

    DEFAULT_CSS = """
    Line { height: 1; background: $background; }
    """
    ALLOW_SELECT = False

    class Pressed(Message):
        """A part was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    class Resized(Message):
        """There is more room or less: what it says may be another."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._left: Sequence[Part] = ()
        self._right: Sequence[Part] = ()

    def show(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """What it says."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """As it reads, at its present width."""
        return self.render_line(0).text

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - it has one line
        return row(
            self.size.width,
            [(part.text, part.style) for part in self._left],
            [(part.text, part.style) for part in self._right],
            base=ink(self).text,
            mark=signs(self).cut,
        )

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def on_click(self, event: events.Click) -> None:
        action = self._action_at(event.x)
        if action is not None:
            self.post_message(self.Pressed(action))

    def _action_at(self, x: int) -> str | None:
        at = 0
        for part in self._left:
            if at <= x < at + cell_len(part.text):
                return part.action
            at += cell_len(part.text)
        at = self.size.width
        for part in reversed(self._right):
            at -= cell_len(part.text)
            if at <= x < at + cell_len(part.text):
                return part.action
        return None
