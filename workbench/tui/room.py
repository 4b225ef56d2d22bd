"""How much of the view there is room for: decided from numbers alone.

Designed at 80x24; below that one pane at a time, from 140 columns on the log beside the answer.
"""

from __future__ import annotations

from workbench.tui.situation import Pane
from workbench.values import dataclass

LEGEND_ROWS = 3
LEGEND_CELLS = 30
CHROME_ROWS = 3
"""First line, status line, footer."""
SMALLEST = (40, 10)
"""Columns and rows below which nothing useful can be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What fits."""

    left: int
    """Columns of the left side."""
    single: bool
    """One pane at a time: list, then detail."""
    beside: bool
    """The log stands beside the answer."""
    tall: bool
    """Rows enough for labels and legends."""
    too_small: bool = False


def room_for(width: int, height: int) -> Room:
    """What fits into a terminal of that size."""
    single = width < 80 or height < 20
    return Room(
        left=44 if width >= 160 else 34 if width >= 100 else 24,
        single=single,
        beside=width >= 140 and not single,
        tall=height >= 30,
        too_small=width < SMALLEST[0] or height < SMALLEST[1],
    )


def in_sight(room: Room, at: Pane, *, zoomed: bool, notice: bool) -> frozenset[Pane]:
    """The panes to show while `at` is the one in use. `notice`: there is something to say."""
    if zoomed:
        return frozenset({at})
    everything = frozenset(Pane) if notice else frozenset(Pane) - {Pane.NOTICE}
    if not room.single:
        return everything
    if at in (Pane.FUNCTIONS, Pane.RUNS):
        return frozenset({Pane.FUNCTIONS, Pane.RUNS})
    if at is Pane.EVENT:
        return frozenset({Pane.EVENT})
    return everything & {Pane.NOTICE, Pane.RESULT}


def list_rows(room: Room, functions: int, height: int) -> int:
    """Rows of the functions' pane, frame included, out of `height` for the left side.

    As many as it has functions, but never so many that the runs have none.
    """
    legend = LEGEND_ROWS if room.tall and room.left >= LEGEND_CELLS else 0
    return max(6, min(functions + 2 + legend, height * 11 // 20))


def notice_rows(wanted: int, height: int) -> int:
    """Rows of a notice that would like `wanted`, out of `height` for the right side."""
    return max(3, min(wanted, height * 2 // 5))
