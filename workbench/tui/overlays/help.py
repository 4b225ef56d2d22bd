"""What the focused pane is, and its keys. Any key closes it; the ones that move, move."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.strip import Strip

from workbench.tui.actions import Action
from workbench.tui.help_text import PANES, keys_of, moving_actions, other_actions, pane_actions
from workbench.tui.ink import Ink, ink, signs
from workbench.tui.paint import Piece, Pieces, whole
from workbench.tui.situation import Pane as Place
from workbench.tui.situation import Situation
from workbench.tui.widgets.notice_view import wrapped
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.virtual_list import VirtualList

_KEY_CELLS = 14


class HelpText(VirtualList):
    """Prose, then keys."""

    cursor_shown = False

    def __init__(self, situation: Situation, *, ascii_only: bool, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._situation = situation
        self._ascii_only = ascii_only
        self._rows: list[Pieces] = []

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        drawn, width = ink(self), self.size.width
        if width < _KEY_CELLS:
            return  # it has no place yet
        place = self._situation.pane or Place.FUNCTIONS
        prose = wrapped(PANES[place][1], width - 3)
        rows: list[Pieces] = [[(f" {line}", drawn.text)] for line in prose]
        sections = (
            ("Here", pane_actions(place, self._situation.tab)),
            ("Everywhere", other_actions(self._situation)),
            ("Moving", moving_actions()),
        )
        for title, actions in sections:
            rows += [[], [(f" {title}", drawn.accent_strong)]]
            for action in actions:
                rows += self._rows_of(action, drawn, width)
        self._rows = rows
        self.changed()

    def _rows_of(self, action: Action, drawn: Ink, width: int) -> list[Pieces]:
        keys = keys_of(action, ascii_only=self._ascii_only)
        head: list[Piece] = [(f" {keys:<{_KEY_CELLS}}", drawn.accent)]
        if cell_len(keys) > _KEY_CELLS:
            head = [(f" {keys} ", drawn.accent)]
        texts = wrapped(action.help, max(10, width - _KEY_CELLS - 3))
        rows: list[Pieces] = [[*head, (texts[0], drawn.text)]]
        rows += [[(" " * (_KEY_CELLS + 1) + text, drawn.text)] for text in texts[1:]]
        return rows

    def line_count(self) -> int:
        return len(self._rows)

    def draw(self, line: int) -> Strip:
        return whole(self._rows[line])

    def action_move_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_move_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)


class Help(ModalScreen[None]):
    """See the module."""

    DEFAULT_CSS = """
    Help {
        align: center middle;
        & #help { width: 84; max-width: 96%; height: 90%; }
    }
    """

    def __init__(self, situation: Situation, *, ascii_only: bool) -> None:
        super().__init__(classes="-veil")
        self._situation = situation
        self._ascii_only = ascii_only

    def compose(self) -> ComposeResult:
        yield _HelpPane(self._situation, ascii_only=self._ascii_only)

    def on_mount(self) -> None:
        pane = self.query_one(_HelpPane)
        drawn = ink(pane)
        place = self._situation.pane or Place.FUNCTIONS
        pane.describe(
            [("Help", drawn.strong), (f" {signs(pane).between} {PANES[place][0]}", drawn.text)],
            cost=[("esc closes", drawn.dim)],
        )
        self.set_focus(self.query_one(HelpText))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)


class _HelpPane(Pane):
    def __init__(self, situation: Situation, *, ascii_only: bool) -> None:
        super().__init__(HelpText(situation, ascii_only=ascii_only, id="help-text"), id="help")

    @property
    def scroller(self) -> VirtualList:
        return self.query_one(HelpText)
