"""The log of a run, as it grows.

Follows without stealing: as long as the last line is in sight it stays there; once the person looks
at something else, new lines are counted on a label instead. Finding keeps everything in sight,
filtering hides; the platform's own lines always stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry
from workbench.tui import wording
from workbench.tui.ink import ink, signs
from workbench.tui.log_text import SHOWN_CELLS, Filter, LogRow, LogText
from workbench.tui.paint import Piece, over, whole
from workbench.tui.widgets.bindings import own_bindings
from workbench.tui.widgets.virtual_list import VirtualList

_WITH_CLOCK = 72
"""Cells from which on the hour is shown too."""
_SLICE = 5000
_LEVEL_CELLS = 5


class LogView(VirtualList):
    """See the module."""

    cursor_kept = False
    BINDINGS = own_bindings("move.left", "move.right")

    class Changed(Message):
        """What it follows, finds or hides is another."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.zone: tzinfo | None = None
        self.following = True
        self.pattern: re.Pattern[str] | None = None
        """What is being searched for."""
        self._log = LogText(())
        self._unseen = 0

    # --- what it shows --------------------------------------------------------------------------------------

    @property
    def entries(self) -> Sequence[LogEntry]:
        return self._log.entries

    @property
    def shown(self) -> Filter | None:
        """What it shows only."""
        return self._log.shown

    @property
    def left_out(self) -> int:
        """Entries that the filter hides."""
        return self._log.left_out

    @property
    def unseen(self) -> int:
        """New lines below what is in sight."""
        return self._unseen

    def load(self, entries: Sequence[LogEntry], *, growing: bool) -> None:
        """Show another log: one that is growing from its end, others from their beginning."""
        self._log = LogText(entries, self._log.shown)
        self._unseen = 0
        self.cursor = 0
        self.following = growing
        self._log.read(_SLICE)
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.grown()

    def only(self, shown: Filter | None) -> None:
        """Show only what a filter lets through."""
        at = self._log.row(self.cursor).entry if len(self._log) else None
        self._log = LogText(self._log.entries, shown)
        while self._log.behind:
            self._log.read(_SLICE)
        self.cursor = 0
        self.changed(width=self._width)
        kept = (line for line in range(len(self._log)) if self._log.row(line).entry is at)
        self.place(next(kept, 0))
        self.post_message(self.Changed())

    def grown(self) -> None:
        """There may be more entries than it has looked at."""
        before = len(self._log)
        if not self._log.behind:
            self.changed(width=self._width)
            return
        self._log.read(_SLICE)
        if self.following:
            self.changed(width=self._width, follow=True)
        else:
            self._unseen += len(self._log) - before
            self.changed(width=self._width)
        if self._log.behind:
            self.call_later(self.grown)

    def follow(self, *, on: bool) -> None:
        """Stay at the end, or where one is."""
        if on:
            self._unseen = 0
            self.to_end()
        if self.following != on:
            self.following = on
            self.post_message(self.Changed())
        self.refresh()

    def find(self, start: int, step: int) -> int | None:
        """The nearest line that matches what is searched for."""
        return None if self.pattern is None else self._log.find(self.pattern, start, step)

    def matches(self) -> int:
        """How many lines match it."""
        return 0 if self.pattern is None else self._log.matches(self.pattern)

    @property
    def entry_at_cursor(self) -> LogEntry | None:
        return self._log.row(self.cursor).entry if self.cursor < len(self._log) else None

    @property
    def _width(self) -> int:
        return self._log.widest + 24

    # --- moving ---------------------------------------------------------------------------------------------

    def place(self, item: int, *, tell: bool = False) -> None:
        super().place(item, tell=tell)
        self._noticed(item)

    def _noticed(self, item: int) -> None:
        last = item >= self.item_count() - 1
        if last:
            self._unseen = 0
        if last is not self.following:
            self.following = last
            self.post_message(self.Changed())

    def on_mouse_scroll_up(self) -> None:
        self.call_after_refresh(self._looked)

    def on_mouse_scroll_down(self) -> None:
        self.call_after_refresh(self._looked)

    def _looked(self) -> None:
        """Scrolled with the mouse: at the end one follows, elsewhere not."""
        if self.at_end is not self.following:
            self.follow(on=self.at_end)

    def on_resize(self) -> None:
        if self.following:
            self.to_end()

    def action_move_left(self) -> None:
        self.scroll_relative(x=-8, animate=False)

    def action_move_right(self) -> None:
        self.scroll_relative(x=8, animate=False)

    # --- drawing --------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._log)

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if self._unseen and y == self.size.height - 1:
            return self._with_pill(strip)
        return strip

    def _with_pill(self, strip: Strip) -> Strip:
        glyphs = signs(self)
        text = f" {glyphs.down} {wording.counted(self._unseen, 'new line')} {glyphs.between} G follows "
        width, size = self.size.width, cell_len(text)
        if size > width:
            return strip
        at = (width - size) // 2
        return Strip.join(
            [strip.crop(0, at), whole([(text, ink(self).label)]), strip.crop(at + size, width)]
        )

    def draw(self, line: int) -> Strip:
        row = self._log.row(line)
        pieces = [*self._before(row), *self._text(row)]
        strip = whole(pieces)
        return strip if self.pattern is None else self._lit(strip)

    def _before(self, row: LogRow) -> list[Piece]:
        """Time and level, or as many blanks below them."""
        drawn = ink(self)
        stamp = f"{row.entry.at.astimezone(self.zone):%H:%M:%S.%f}"[:-3]
        if self.size.width < _WITH_CLOCK:
            stamp = stamp[3:]
        level = (row.entry.level or "")[:_LEVEL_CELLS].ljust(_LEVEL_CELLS)
        if row.part:
            blank = len(stamp) + 2 + (_LEVEL_CELLS + 1 if self._log.levels else 0)
            return [(" " * blank, drawn.text)]
        pieces: list[Piece] = [(f" {stamp} ", drawn.faint)]
        if self._log.levels:
            pieces.append((f"{level} ", self._level_style(row.entry)))
        return pieces

    def _level_style(self, entry: LogEntry) -> Style:
        drawn = ink(self)
        if entry.level in ("ERROR", "FATAL"):
            return drawn.error
        return drawn.warn if entry.level == "WARN" else drawn.dim

    def _text(self, row: LogRow) -> list[Piece]:
        drawn = ink(self)
        style = drawn.dim if row.entry.stream is LogStream.PLATFORM else drawn.text
        text = row.text
        if "\x1b" in text:
            return self._coloured(text[: SHOWN_CELLS * 2])
        if len(text) > SHOWN_CELLS:
            more = f" {signs(self).cut} {wording.size(len(text) - SHOWN_CELLS)} more"
            return [(text[:SHOWN_CELLS].expandtabs(8), style), (more, drawn.accent)]
        return [(text.expandtabs(8), style)]

    def _coloured(self, text: str) -> list[Piece]:
        base = ink(self).text
        decoded = AnsiDecoder().decode_line(text)
        decoded.expand_tabs(8)
        decoded.truncate(SHOWN_CELLS)
        return [
            (segment.text, base + segment.style if segment.style else base)
            for segment in decoded.render(self.app.console)
            if segment.text
        ]

    def _lit(self, strip: Strip) -> Strip:
        assert self.pattern is not None, "called while something is searched for"
        text = strip.text
        for found in self.pattern.finditer(text[:SHOWN_CELLS]):
            if found.start() == found.end():
                continue
            start = strip.index_to_cell_position(found.start())
            end = strip.index_to_cell_position(found.end())
            strip = over(strip, ink(self).match, start, end)
        return strip
