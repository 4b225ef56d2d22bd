"""Rows of styled text, cut to a width without ever splitting a wide character.

A row has a left part, which gives way, and a right part, which stays: a name and its figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Piece = tuple[str, Style]
Pieces = Sequence[Piece]


def width_of(pieces: Iterable[Piece]) -> int:
    """Cells."""
    return sum(cell_len(text) for text, _ in pieces)


def cut(text: str, width: int, mark: str = "…") -> str:
    """`text`, at most `width` cells of it, ending in `mark` when something was left out."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + mark


def cut_pieces(pieces: Pieces, width: int, mark: str = "…") -> list[Piece]:
    """The same for several: whole pieces as long as they fit, the one at the edge cut."""
    if width_of(pieces) <= width:
        return list(pieces)
    kept: list[Piece] = []
    room = width
    for text, style in pieces:
        size = cell_len(text)
        if size >= room:
            short = cut(text + mark, room, mark) if room > 0 else ""
            if short:
                kept.append((short, style))
            break
        kept.append((text, style))
        room -= size
    return kept


def row(  # noqa: PLR0913 - two parts, and how what lies between is filled
    width: int,
    left: Pieces,
    right: Pieces = (),
    *,
    base: Style,
    fill: str = " ",
    gap: int = 1,
    mark: str = "…",
) -> Strip:
    """One line of exactly `width` cells. The right part goes only when there is no room for both."""
    if width <= 0:
        return Strip([], 0)
    taken = width_of(right)
    gap = gap if left and right else 0
    if right and taken + gap + min(4, width_of(left)) > width:
        right, taken, gap = (), 0, 0
    room = width - taken - gap
    kept = cut_pieces(left, room, mark)
    between = width - width_of(kept) - taken
    segments = [Segment(text, style) for text, style in kept]
    if between > 0:
        segments.append(Segment(fill * between, base))
    segments.extend(Segment(text, style) for text, style in right)
    return Strip(segments, width)


def whole(pieces: Pieces) -> Strip:
    """A line as long as it is, for lists that scroll sideways."""
    return Strip([Segment(text, style) for text, style in pieces], width_of(pieces))


def over(strip: Strip, style: Style, start: int = 0, end: int | None = None) -> Strip:
    """`style` laid over the cells from `start` to `end`."""
    width = strip.cell_length
    stop = width if end is None else min(end, width)
    if start >= stop:
        return strip
    if start == 0 and stop == width:
        return Strip([_laid(segment, style) for segment in strip], width)
    middle = strip.crop(start, stop)
    laid = Strip([_laid(segment, style) for segment in middle], middle.cell_length)
    return Strip.join([strip.crop(0, start), laid, strip.crop(stop, width)])


def _laid(segment: Segment, style: Style) -> Segment:
    return Segment(segment.text, style if segment.style is None else segment.style + style)


def facts(parts: Iterable[str | Piece], between: str, style: Style) -> list[Piece]:
    """`a · b · c`, empty ones left out; plain texts in `style`."""
    found: list[Piece] = []
    for part in parts:
        piece = (part, style) if isinstance(part, str) else part
        if not piece[0]:
            continue
        if found:
            found.append((f" {between} ", style))
        found.append(piece)
    return found


def facts_that_fit(
    parts: Sequence[str | Piece], between: str, style: Style, width: int
) -> list[Piece]:
    """As many of `parts` as fit, from the first: the most telling one stands first."""
    for count in range(len(parts), 0, -1):
        found = facts(parts[:count], between, style)
        if width_of(found) <= width:
            return found
    return []
