"""A payload as pretty, foldable JSON lines; as plain lines when it is not JSON.

Shown at once whatever its size: what is in sight is read first, the rest a few milliseconds at a
time. The text is never changed, decoded or measured as a whole.
"""

from __future__ import annotations

import re

from rich.style import Style
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from workbench.expression import expression
from workbench.model.terminal_text import safe
from workbench.tui import wording
from workbench.tui.ink import Ink, ink, signs
from workbench.tui.json_lines import Folds, JsonLines, Kind, Line
from workbench.tui.paint import Piece, cut_pieces, whole
from workbench.tui.widgets.bindings import own_bindings
from workbench.tui.widgets.virtual_list import VirtualList

_SLICE_TOKENS = 5000
"""Measured: about 6 ms, which no key press feels."""
_EVERY_S = 0.01
_SHOWN = 4096
"""Characters of one line that are drawn."""
_PLAIN_CUT = 1000
"""A line of plain text is broken after so many characters."""
_PIECE = expression(
    r'(?P<string>"(?:[^"\\]|\\.)*+"?)|(?P<punctuation>[\[\]{},:])|(?P<blank>[ \t\n\r]+)|(?P<other>[^\s"\[\]{},:]+)'
)
_COLON = expression(r"[ \t\n\r]*:")


_PREVIEW_CELLS = 40


class JsonView(VirtualList):
    """See the module."""

    cursor_kept = False
    BINDINGS = own_bindings("move.left", "move.right", "open", "fold.all", "fold.none")

    class Changed(Message):
        """Where the cursor is, or how much was read, is another."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.stale = False
        """It belongs to an older run, and is dimmed."""
        self._text = ""
        self._json: JsonLines | None = None
        self._folds = Folds()
        self._plain: list[tuple[int, int]] = []
        self._widest = 0
        self._reader: Timer | None = None

    # --- what it shows --------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """All of it, as it came."""
        return self._text

    @property
    def is_json(self) -> bool:
        """It is JSON as far as it was read."""
        return self._json is not None

    @property
    def reading(self) -> bool:
        """The rest is still being read."""
        return self._json is not None and not self._json.done

    def load(self, payload: bytes, *, stale: bool = False) -> None:
        """Show a payload from its beginning."""
        self._text = payload.decode("utf-8", errors="replace")
        self.stale = stale
        self._json = JsonLines(self._text) if self._text.strip() else None
        self._folds, self._plain, self._widest = Folds(), [], 0
        self.cursor = 0
        self._stop()
        if self._json is None:
            self._read_plain()
        else:
            self._read_on()
            if self.reading:
                self._reader = self.set_interval(_EVERY_S, self._read_on)
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.changed(width=self._widest)
        self.post_message(self.Changed())

    def _read_on(self) -> None:
        if self._json is not None and self._json.read(_SLICE_TOKENS):
            self._stop()
            if self._json.problem is not None:
                self._json = None
                self._folds = Folds()
                self._read_plain()
            self.post_message(self.Changed())
        self.changed(width=self._widest)

    def _stop(self) -> None:
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def _read_plain(self) -> None:
        at = 0
        for line in self._text.split("\n"):
            for cut in range(0, max(1, len(line)), _PLAIN_CUT):
                self._plain.append((at + cut, at + min(cut + _PLAIN_CUT, len(line))))
            at += len(line) + 1
        if self._plain and self._plain[-1][0] == self._plain[-1][1] and len(self._plain) > 1:
            self._plain.pop()

    # --- the cursor -----------------------------------------------------------------------------------------

    @property
    def path(self) -> str | None:
        """Where the cursor stands in the document; `None` in plain text."""
        if self._json is None or not len(self._json):
            return None
        return wording.one_line(self._json.path(self._line_at_cursor())[:500])

    @property
    def value(self) -> str:
        """What the cursor is on: a value, or a line of plain text."""
        if self._json is None or not len(self._json):
            return self._plain_text(self.cursor) if self._plain else ""
        return self._json.value(self._line_at_cursor())

    def _line_at_cursor(self) -> int:
        return self._folds.line_of(self.cursor)

    def find(self, pattern: re.Pattern[str], start: int, step: int) -> int | None:
        """The nearest row with a match, from `start` on, going round once; unfolds what hides it."""
        from_offset = self._offset_of(start)
        found = self._find_forward(pattern, from_offset) if step > 0 else None
        if step < 0:
            found = self._find_backward(pattern, from_offset)
        if found is None:
            return None
        if self._json is None:
            return next(i for i, (first, last) in enumerate(self._plain) if first <= found <= last)
        line = self._json.at_offset(found)
        self._folds.unfold(self._json.parents(line))
        self.changed(width=self._widest)
        return self._folds.row_of(line)

    def _offset_of(self, start: int) -> int:
        rows = self.line_count()
        if not rows:
            return 0
        if self._json is None:
            return self._plain[start % rows][0]
        return self._json.line(self._folds.line_of(start % rows)).start

    def _find_forward(self, pattern: re.Pattern[str], at: int) -> int | None:
        found = pattern.search(self._text, at) or pattern.search(self._text)
        return None if found is None else found.start()

    def _find_backward(self, pattern: re.Pattern[str], at: int) -> int | None:
        last: int | None = None
        for found in pattern.finditer(self._text):
            if found.start() > at and last is not None:
                break
            last = found.start()
        return last

    # --- folding --------------------------------------------------------------------------------------------

    def action_move_left(self) -> None:
        """Fold; what is folded already, or cannot be, gives the cursor to what holds it."""
        line = self._current()
        if line is None or self._json is None:
            self.scroll_relative(x=-8, animate=False)
            return
        opener = line.partner if line.kind is Kind.CLOSE else line.index
        if opener is not None and self._foldable(opener) and opener not in self._folds:
            self._fold(opener)
            return
        parents = self._json.parents(line.index)
        if parents:
            self.place(self._folds.row_of(parents[-1]), tell=True)

    def action_move_right(self) -> None:
        """Unfold; what is not folded gives the cursor to its first member."""
        line = self._current()
        if line is None:
            self.scroll_relative(x=8, animate=False)
        elif line.index in self._folds:
            self._folds.unfold([line.index])
            self._refolded(line.index)
        elif line.kind is Kind.OPEN:
            self.place(self.cursor + 1, tell=True)
        else:
            self.scroll_relative(x=8, animate=False)

    def action_open(self) -> None:
        line = self._current()
        if line is None:
            return
        opener = line.partner if line.kind is Kind.CLOSE else line.index
        if opener is None:
            return
        if opener in self._folds:
            self._folds.unfold([opener])
            self._refolded(opener)
        elif self._foldable(opener):
            self._fold(opener)

    def action_fold_all(self) -> None:
        """Everything below the first level, two levels deep: what is in there opens one by one."""
        if self._json is None or not len(self._json):
            return
        here = self._line_at_cursor()
        top = self._json.parents(here)
        self._folds.fold(self._json.pairs(range(1, 3)))
        self._refolded(top[1] if len(top) > 1 else here)

    def action_fold_none(self) -> None:
        line = self._line_at_cursor()
        self._folds.unfold()
        self._refolded(line)

    def _current(self) -> Line | None:
        if self._json is None or not len(self._json):
            return None
        return self._json.line(self._line_at_cursor())

    def _foldable(self, opener: int) -> bool:
        if self._json is None:
            return False
        line = self._json.line(opener)
        return line.kind is Kind.OPEN and line.partner is not None

    def _fold(self, opener: int) -> None:
        if self._json is not None:
            partner = self._json.line(opener).partner
            assert partner is not None, "it was asked whether it can be folded"
            self._folds.fold({opener: partner})
            self._refolded(opener)

    def _refolded(self, line: int) -> None:
        self.changed(width=self._widest)
        self.place(self._folds.row_of(line))
        self.post_message(self.Changed())

    # --- drawing --------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        if self._json is None:
            return len(self._plain)
        return len(self._json) - self._folds.hidden

    def draw(self, line: int) -> Strip:
        pieces = self._draw_plain(line) if self._json is None else self._draw_json(line)
        if self.stale:
            pieces = [(text, ink(self).dim) for text, _ in pieces]
        strip = whole(pieces)
        if strip.cell_length > self._widest:
            self._widest = strip.cell_length
            self.call_later(self.changed, width=self._widest)
        return strip

    def _plain_text(self, row: int) -> str:
        start, end = self._plain[row]
        return safe(self._text[start:end])

    def _draw_plain(self, row: int) -> list[Piece]:
        return [(" ", ink(self).text), (self._plain_text(row).expandtabs(4), ink(self).text)]

    def _draw_json(self, row: int) -> list[Piece]:
        assert self._json is not None, "called for JSON only"
        drawn, glyphs = ink(self), signs(self)
        line = self._json.line(self._folds.line_of(row))
        folded = line.index in self._folds
        digits = max(2, len(str(len(self._json))))
        fold = " "
        if line.kind is Kind.OPEN:
            fold = glyphs.closed if folded else glyphs.opened
        number = drawn.dim if row == self.cursor else drawn.faint
        pieces: list[Piece] = [
            (f"{line.index + 1:>{digits}} ", number),
            (f"{fold} ", drawn.dim),
            ("  " * line.depth, drawn.text),
        ]
        pieces += self._value_pieces(line, drawn)
        if folded:
            pieces += self._preview(line, drawn)
        elif line.comma:
            pieces.append((",", drawn.dim))
        return pieces

    def _preview(self, line: Line, drawn: Ink) -> list[Piece]:
        """The beginning of what a fold hides, and how much it is."""
        closing = "}" if self._text[line.end - 1] == "{" else "]"
        many = wording.counted(line.children, "member" if closing == "}" else "element")
        source = self._text[line.end : line.end + 4 * _PREVIEW_CELLS]
        inside = [(text, drawn.dim) for text, _ in coloured(source, drawn, spaced=False)]
        blank = [(" ", drawn.dim)]
        shown = cut_pieces(inside, _PREVIEW_CELLS, signs(self).cut)
        return [*blank, *shown, (f" {closing}", drawn.dim), (f"  {many}", drawn.faint)]

    def _value_pieces(self, line: Line, drawn: Ink) -> list[Piece]:
        text = self._text[line.start : min(line.end, line.start + _SHOWN)]
        pieces = coloured(text, drawn, spaced=line.kind is Kind.INLINE)
        rest = line.end - line.start - len(text)
        if rest > 0:
            more = f"{signs(self).cut} {wording.size(rest)} more"
            pieces.append((more, drawn.accent))
        return pieces


def coloured(text: str, drawn: Ink, *, spaced: bool) -> list[Piece]:
    """A stretch of JSON with one blank where a person would put one; `spaced`: inside braces too."""
    pieces: list[Piece] = []
    for found in _PIECE.finditer(text):
        kind, part = found.lastgroup, safe(found.group())
        if kind == "blank":
            continue
        if kind == "punctuation":
            pieces += _punctuation(part, drawn, spaced=spaced and len(text) > 2)
            continue
        style: Style
        if kind == "string":
            style = drawn.key if _COLON.match(text, found.end()) else drawn.string
        else:
            style = drawn.number
        pieces.append((part, style))
    return pieces


def _punctuation(part: str, drawn: Ink, *, spaced: bool) -> list[Piece]:
    if part in ":,":
        return [(f"{part} ", drawn.dim)]
    if spaced and part == "{":
        return [("{ ", drawn.dim)]
    if spaced and part == "}":
        return [(" }", drawn.dim)]
    return [(part, drawn.dim)]
