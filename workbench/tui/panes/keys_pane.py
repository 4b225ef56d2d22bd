"""The keys of the focused pane, beside it for as long as one wants them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.strip import Strip

from workbench.tui.actions import Action
from workbench.tui.help_text import PANES, keys_of, moving_actions, other_actions, pane_actions
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Pieces, row
from workbench.tui.situation import Pane as Place
from workbench.tui.situation import Situation
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.virtual_list import VirtualList

_KEY_CELLS = 9


class KeysList(VirtualList, can_focus=False):
    """A key and a word or two in each row."""

    cursor_shown = False

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._rows: list[Pieces] = []

    def load(self, sections: list[tuple[str, list[Action]]], *, ascii_only: bool) -> None:
        """What can be pressed, under headings."""
        drawn = ink(self)
        rows: list[Pieces] = []
        for title, actions in sections:
            rows += [[(f" {title}", drawn.strong)]]
            for action in actions:
                keys = keys_of(action, ascii_only=ascii_only)
                rows.append([(f" {keys:<{_KEY_CELLS}} ", drawn.accent), (action.label, drawn.text)])
            rows.append([])
        self._rows = rows[:-1]
        self.changed()

    def line_count(self) -> int:
        return len(self._rows)

    def draw(self, line: int) -> Strip:
        drawn = ink(self)
        return row(self.size.width, self._rows[line], base=drawn.text, mark=signs(self).cut)


class KeysPane(Pane):
    """See the module."""

    DEFAULT_CSS = """
    KeysPane { width: 30; height: 1fr; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._asked: tuple[Situation, bool] | None = None

    def compose(self) -> ComposeResult:
        yield KeysList(id="keys-list")

    def on_mount(self) -> None:
        self._show()

    @property
    def scroller(self) -> VirtualList:
        return self.query_one(KeysList)

    def show(self, situation: Situation, *, ascii_only: bool) -> None:
        """Show those of a situation, once it is there at all."""
        self._asked = situation, ascii_only
        if self.display and self.is_mounted:
            self._show()

    def _show(self) -> None:
        if self._asked is None:
            return
        situation, ascii_only = self._asked
        place = situation.pane or Place.FUNCTIONS
        drawn = ink(self)
        here = Situation(pane=place, tab=situation.tab)
        sections = [
            (PANES[place][0], pane_actions(place, situation.tab)),
            ("Everywhere", other_actions(here)),
            ("Moving", moving_actions()),
        ]
        self.query_one(KeysList).load(sections, ascii_only=ascii_only)
        self.describe([("Keys", drawn.text)], cost=[("f8 hides", drawn.dim)])
