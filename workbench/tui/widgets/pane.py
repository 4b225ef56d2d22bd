"""A framed part of the screen whose frame carries its facts.

Drawn by itself, not by a CSS border: four facts fit a frame (title, facts, note, cost), and the
right side shows where one is in what is scrolled, which costs no column.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.ink import ink, signs
from workbench.tui.paint import Pieces, cut_pieces, row, width_of
from workbench.values import dataclass

_KEPT = 22
"""Cells that what is said at the right may have even when what is said at the left is cut for it."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """The upper or the lower side of a frame."""

    begin: str
    left: Pieces
    right: Pieces
    end: str
    across: str


class Pane(Widget):
    """Its children have a margin of one cell, where the frame is."""

    DEFAULT_CSS = """
    Pane {
        layout: vertical;
        & > * { margin: 1; }
    }
    """
    ALLOW_SELECT = False

    def __init__(self, *children: Widget, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(*children, id=id)
        self._said: tuple[Pieces, Pieces, Pieces, Pieces] = ((), (), (), ())

    def describe(
        self, name: Pieces, *, facts: Pieces = (), note: Pieces = (), cost: Pieces = ()
    ) -> None:
        """What the frame says: name and facts above, note and cost below."""
        now = (name, facts, note, cost)
        if now != self._said:
            self._said = now
            self.refresh()

    @property
    def scroller(self) -> Widget | None:
        """The child whose place the frame shows."""
        return None

    @property
    def focused_within(self) -> bool:
        """It or something in it has the focus."""
        return self.has_focus or self.has_focus_within

    def rethumb(self) -> None:
        """What is in it was scrolled, or grew."""
        self.refresh(Region(self.size.width - 1, 0, 1, self.size.height))

    def on_descendant_focus(self) -> None:
        self.refresh()

    def on_descendant_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        drawn = ink(self)
        focused = self.focused_within
        frame = signs(self).focus if focused else signs(self).frame
        style = drawn.accent if focused else drawn.faint
        mark = signs(self).cut
        name, facts, note, cost = self._said
        if y == 0:
            top = _Edge(frame.top_left, name, facts, frame.top_right, frame.across)
            return _edge(top, style, width, mark)
        if y == height - 1:
            low = _Edge(frame.bottom_left, note, cost, frame.bottom_right, frame.across)
            return _edge(low, style, width, mark)
        side = frame.thumb if self._thumb_at(y) else frame.down
        blank = " " * max(0, width - 2)
        return Strip(
            [Segment(frame.down, style), Segment(blank, drawn.text), Segment(side, style)], width
        )

    def _thumb_at(self, y: int) -> bool:
        scroller = self.scroller
        if scroller is None or not scroller.display:
            return False
        seen, whole = scroller.size.height, scroller.virtual_size.height
        room = self.size.height - 2
        if whole <= seen or seen <= 0 or room <= 0:
            return False
        length = max(1, round(room * seen / whole))
        most = whole - seen
        top = round((room - length) * min(scroller.scroll_offset.y, most) / most)
        return top <= y - 1 < top + length


def _edge(said: _Edge, style: Style, width: int, mark: str) -> Strip:
    """One side of the frame: corner, what it says, corner. Both give way."""
    left = [(f"{said.begin}{said.across}", style), *_spaced(said.left, style)]
    end = (f"{said.across}{said.end}", style)
    room = max(width - width_of(left) - width_of([end]) - 3, min(_KEPT, width // 2))
    right = cut_pieces(said.right, room, mark)
    return row(
        width,
        left,
        [*_spaced(right, style), end],
        base=style,
        fill=said.across,
        gap=0,
        mark=mark,
    )


def _spaced(pieces: Pieces, style: Style) -> Pieces:
    return [(" ", style), *pieces, (" ", style)] if pieces else ()
