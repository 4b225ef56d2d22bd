"""Labels in a row, one of them chosen; two lines high it underlines the chosen one with a heavy rule."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, Pieces, row
from workbench.values import dataclass

_UNDERLINED = Style(underline=True)


@dataclass(frozen=True, slots=True)
class Label:
    """One of them."""

    id: str
    text: str
    extra: str = ""
    """A count, or a mark; dim."""


class TabRow(Widget):
    """See the module."""

    DEFAULT_CSS = """
    TabRow { height: 1; background: $background; }
    """
    ALLOW_SELECT = False

    class Chosen(Message):
        """A label was clicked."""

        def __init__(self, sender: TabRow, chosen: str) -> None:
            super().__init__()
            self.row = sender
            self.chosen = chosen

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._labels: Sequence[Label] = ()
        self._chosen = ""
        self._aside: Pieces = ()

    def show(self, labels: Sequence[Label], chosen: str, aside: Pieces = ()) -> None:
        """What there is, which one is chosen, and what stands at the right."""
        now = (labels, chosen, aside)
        if now != (self._labels, self._chosen, self._aside):
            self._labels, self._chosen, self._aside = now
            self.refresh()

    def spans(self) -> list[tuple[Label, int, int]]:
        """Where each one in sight stands: first cell, and the one after its last."""
        at = 1
        found: list[tuple[Label, int, int]] = []
        for label in self._labels[self._begin() :]:
            size = _size(label)
            found.append((label, at, at + size))
            at += size + 3
        return found

    def render_line(self, y: int) -> Strip:
        drawn, width = ink(self), self.size.width
        if y == 1:
            return self._rule(width)
        pieces: list[Piece] = [(" ", drawn.text)]
        for index, (label, _, _) in enumerate(self.spans()):
            if index:
                pieces.append(("   ", drawn.text))
            chosen = label.id == self._chosen
            style = drawn.accent_strong if chosen else drawn.dim
            if chosen and self.size.height == 1:
                style += _UNDERLINED
            pieces.append((label.text, style))
            if label.extra:
                pieces.append((f" {label.extra}", drawn.text if chosen else drawn.dim))
        return row(width, pieces, self._aside, base=drawn.text, mark=signs(self).cut)

    def _rule(self, width: int) -> Strip:
        drawn, glyphs = ink(self), signs(self)
        span = next(((a, b) for label, a, b in self.spans() if label.id == self._chosen), None)
        thin = glyphs.frame.across
        if span is None or span[0] >= width:
            return row(width, [(thin * width, drawn.faint)], base=drawn.text)
        start, end = span[0], min(span[1], width)
        pieces = [
            (thin * start, drawn.faint),
            (glyphs.heavy * (end - start), drawn.accent),
            (thin * (width - end), drawn.faint),
        ]
        return row(width, pieces, base=drawn.text)

    def _begin(self) -> int:
        """The first label in sight, so that the chosen one is."""
        width = self.size.width
        chosen = next((i for i, each in enumerate(self._labels) if each.id == self._chosen), 0)
        for begin in range(chosen + 1):
            sizes = [_size(each) + 3 for each in self._labels[begin : chosen + 1]]
            if 1 + sum(sizes) <= width:
                return begin
        return chosen

    def on_click(self, event: events.Click) -> None:
        for label, start, end in self.spans():
            if start <= event.x < end:
                self.post_message(self.Chosen(self, label.id))


def _size(label: Label) -> int:
    return cell_len(label.text) + (cell_len(label.extra) + 1 if label.extra else 0)
