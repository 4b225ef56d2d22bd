"""The lines of a notice, wrapped to its width; a progress bar where one is meant."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells
from textual.strip import Strip

from workbench.tui.glyphs import Glyphs
from workbench.tui.ink import Ink, ink, signs
from workbench.tui.notices import Notice, NoticeLine, Role
from workbench.tui.paint import Piece, Pieces, whole
from workbench.tui.widgets.virtual_list import VirtualList

_LABEL_CELLS = 8


class NoticeView(VirtualList):
    """See the module."""

    cursor_shown = False

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._notice: Notice | None = None
        self._rows: list[Pieces] = []
        self._turn = 0

    def load(self, notice: Notice | None, turn: int = 0) -> None:
        """Show it; `turn` moves what has no end that is known."""
        self._turn = turn
        new = notice is None or self._notice is None or notice.key != self._notice.key
        self._notice = notice
        self._arrange()
        if new:
            self.cursor = 0
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)

    def height_for(self, width: int) -> int:
        """How many rows it would like at a width."""
        return len(self._laid_out(width))

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        self._rows = self._laid_out(self.size.width)
        widest = max((sum(cell_len(text) for text, _ in row) for row in self._rows), default=0)
        self.changed(width=widest)

    def _laid_out(self, width: int) -> list[Pieces]:
        if self._notice is None or width < 10:
            return []
        drawn, rows = ink(self), []
        styles = {
            Role.TEXT: drawn.text,
            Role.STRONG: drawn.strong,
            Role.DIM: drawn.dim,
            Role.OUTPUT: drawn.text,
        }
        for line in self._notice.lines:
            if line.role is Role.BAR:
                rows.append(self._bar(line, width, drawn, signs(self)))
                continue
            label = f" {line.label:<{_LABEL_CELLS}}" if line.label else " "
            texts = (
                [line.text]
                if line.role is Role.OUTPUT
                else wrapped(line.text, width - cell_len(label) - 1)
            )
            for index, text in enumerate(texts):
                start = label if not index else " " * cell_len(label)
                rows.append([(start, drawn.dim), (text.expandtabs(4), styles[line.role])])
        return rows

    def _bar(self, line: NoticeLine, width: int, drawn: Ink, glyphs: Glyphs) -> Pieces:
        """As long as the step's words leave room for; a block goes to and fro while nobody knows how
        far it is.
        """
        room = max(8, width - cell_len(line.text) - 5)
        share = self._notice.share if self._notice is not None else None
        if share is None:
            block = max(2, room // 6)
            way = room - block
            at = way - abs(self._turn % (2 * way) - way)
            return [
                (" ", drawn.text),
                (glyphs.empty * at, drawn.faint),
                (glyphs.full * block, drawn.accent),
                (glyphs.empty * (way - at), drawn.faint),
                (f"  {line.text}", drawn.text),
            ]
        full = round(room * share)
        pieces: list[Piece] = [
            (" ", drawn.text),
            (glyphs.full * full, drawn.accent),
            (glyphs.empty * (room - full), drawn.faint),
            (f"  {line.text}", drawn.text),
        ]
        return pieces

    def line_count(self) -> int:
        return len(self._rows)

    def draw(self, line: int) -> Strip:
        return whole(self._rows[line])

    def action_move_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_move_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)


def wrapped(text: str, width: int) -> list[str]:
    """Broken between words, and inside one only when it is wider than all there is."""
    lines: list[str] = []
    line, width = "", max(1, width)
    for word in text.split(" "):
        if cell_len(line) + cell_len(word) + bool(line) <= width:
            line = f"{line} {word}" if line else word
            continue
        if line:
            lines.append(line)
        *chopped, line = chop_cells(word, width) if word else [""]
        lines.extend(chopped)
    return [*lines, line]
