"""A list of any length that draws only what is in sight.

The one list of the screen: functions, runs, logs, JSON, reports, palettes. Subclasses say how many
lines there are and draw one; an item may have several lines. Measured: a million lines cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from workbench.tui.ink import ink, signs
from workbench.tui.paint import over, whole
from workbench.tui.widgets.bindings import own_bindings
from workbench.tui.widgets.pane import Pane

_MOST_SELECTED = 100_000
"""Lines that one selection may copy."""


class VirtualList(ScrollView, can_focus=True):
    """See the module."""

    DEFAULT_CSS = """
    VirtualList {
        height: 1fr;
        scrollbar-size: 0 0;
        background: $background;
    }
    """
    BINDINGS = own_bindings(
        "move.down",
        "move.up",
        "move.first",
        "move.last",
        "move.half_down",
        "move.half_up",
        "move.page_down",
        "move.page_up",
    )

    class Moved(Message):
        """The cursor is on another item."""

        def __init__(self, sender: VirtualList, item: int) -> None:
            super().__init__()
            self.list = sender
            self.item = item

    class Opened(Message):
        """An item was clicked twice."""

        def __init__(self, sender: VirtualList, item: int) -> None:
            super().__init__()
            self.list = sender
            self.item = item

    cursor_shown = True
    cursor_lit = False
    """The cursor is drawn as if the list had the focus: keys for it come from elsewhere."""
    cursor_kept = True
    """The cursor is also shown while something else has the focus."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.tell: Callable[[int], None] | None = None
        """Called at once when the person moves the cursor, so that the next key finds it so."""
        self._pane: Pane | None = None

    # --- what a subclass says -----------------------------------------------------------------------------

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def draw(self, line: int) -> Strip:
        """One line, as long as it is, and at least as wide as the widget when it has parts at the right."""
        raise NotImplementedError

    def item_count(self) -> int:
        return self.line_count()

    def item_at(self, line: int) -> int:
        """The item a line belongs to."""
        return line

    def lines_of(self, item: int) -> tuple[int, int]:
        """First and last line of an item."""
        return item, item

    def can_rest(self, item: int) -> bool:
        """The cursor may stop there."""
        return 0 <= item < self.item_count()

    # --- what it shows --------------------------------------------------------------------------------------

    def changed(self, *, width: int = 0, follow: bool = False) -> None:
        """Its content is another. `width` is that of the widest line when it scrolls sideways."""
        self.cursor = max(0, min(self.cursor, self.item_count() - 1))
        size = Size(max(width, 1), self.line_count())
        if self.virtual_size != size:
            self.virtual_size = size
        if follow:
            self.to_end()
        else:
            self._clamp()
        self.refresh()
        self._tell_pane()

    def to_end(self) -> None:
        """Show the last lines."""
        self.cursor = max(0, self.item_count() - 1)
        self._scroll_now(self.line_count() - self.size.height)

    @property
    def at_end(self) -> bool:
        """The last line is in sight."""
        return self.scroll_offset.y + self.size.height >= self.line_count()

    def place(self, item: int, *, tell: bool = False) -> None:
        """Put the cursor on an item and show it."""
        if not self.item_count():
            self.cursor = 0
            return
        item = max(0, min(item, self.item_count() - 1))
        before, self.cursor = self.cursor, item
        self._reveal()
        self.refresh()
        if tell and before != item:
            if self.tell is not None:
                self.tell(item)
            self.post_message(self.Moved(self, item))

    def _reveal(self) -> None:
        if not self.item_count() or not self.size.height:
            return
        first, last = self.lines_of(self.cursor)
        top, height = self.scroll_offset.y, self.size.height
        if first < top:
            self._scroll_now(first)
        elif last >= top + height:
            self._scroll_now(min(first, last - height + 1))

    def _clamp(self) -> None:
        most = max(0, self.line_count() - self.size.height)
        if self.scroll_offset.y > most:
            self._scroll_now(most)

    def _scroll_now(self, y: int) -> None:
        self.scroll_to(y=max(0, y), animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        self._clamp()
        self._reveal()
        self._tell_pane()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell_pane()

    def _tell_pane(self) -> None:
        if self._pane is None and self.is_attached:
            self._pane = next((each for each in self.ancestors if isinstance(each, Pane)), None)
        if self._pane is not None:
            self._pane.rethumb()

    # --- drawing --------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        scroll_x, scroll_y = self.scroll_offset
        line, width = scroll_y + y, self.size.width
        drawn = ink(self)
        if line >= self.line_count():
            return Strip.blank(width, drawn.text)
        strip = self.draw(line)
        selection = self.text_selection
        if selection is not None:
            strip = self._selected(strip, line, selection)
        longer = strip.cell_length > scroll_x + width
        strip = strip.crop_extend(scroll_x, scroll_x + width, drawn.text)
        if longer and width > 1:
            mark = whole([(signs(self).cut, drawn.dim)])
            strip = Strip.join([strip.crop(0, width - 1), mark])
        if self.item_at(line) == self.cursor and self.cursor_shown:
            if self.has_focus or self.cursor_lit:
                strip = over(strip, drawn.cursor)
            elif self.cursor_kept:
                strip = over(strip, drawn.cursor_away)
        return strip.apply_offsets(scroll_x, line)

    def _selected(self, strip: Strip, line: int, selection: Selection) -> Strip:
        span = selection.get_span(line)
        if span is None:
            return strip
        start, end = span
        text = strip.text
        from_cell = strip.index_to_cell_position(min(start, len(text)))
        to_cell = None if end == -1 else strip.index_to_cell_position(min(end, len(text)))
        return over(strip, ink(self).selection, from_cell, to_cell)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        first = 0 if selection.start is None else selection.start.y
        last = self.line_count() - 1 if selection.end is None else selection.end.y
        last = min(last, self.line_count() - 1, first + _MOST_SELECTED)
        texts: list[str] = []
        for line in range(max(0, first), last + 1):
            span = selection.get_span(line)
            if span is not None:
                start, end = span
                text = self.draw(line).text
                texts.append(text[start : None if end == -1 else end].rstrip())
        return ("\n".join(texts), "\n") if texts else None

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - as Textual calls it
        self.refresh()

    # --- moving ---------------------------------------------------------------------------------------------

    def move(self, to: int, step: int) -> None:
        """Put the cursor on the next item it may rest on, from `to` on in the direction of `step`."""
        count = self.item_count()
        item = max(0, min(to, count - 1))
        while 0 <= item < count and not self.can_rest(item):
            item += step
        if 0 <= item < count:
            self.place(item, tell=True)

    def action_move_down(self) -> None:
        self.move(self.cursor + 1, 1)

    def action_move_up(self) -> None:
        self.move(self.cursor - 1, -1)

    def action_move_first(self) -> None:
        self.move(0, 1)

    def action_move_last(self) -> None:
        self.move(self.item_count() - 1, -1)

    def action_move_half_down(self) -> None:
        self._page(self.size.height // 2)

    def action_move_half_up(self) -> None:
        self._page(-(self.size.height // 2))

    def action_move_page_down(self) -> None:
        self._page(self.size.height)

    def action_move_page_up(self) -> None:
        self._page(-self.size.height)

    def _page(self, lines: int) -> None:
        if not self.item_count():
            return
        at, _ = self.lines_of(self.cursor)
        to = max(0, min(at + lines, self.line_count() - 1))
        self.move(self.item_at(to), 1 if lines > 0 else -1)

    def on_click(self, event: events.Click) -> None:
        line = event.y + self.scroll_offset.y
        if line >= self.line_count():
            return
        item = self.item_at(line)
        if self.can_rest(item):
            self.place(item, tell=True)
            if event.chain == 2:
                self.post_message(self.Opened(self, item))
