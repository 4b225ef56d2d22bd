"""A list to choose from by typing a few letters: the palette, and every other choice there is.

Everything comes in as values, texts from outside already safe; what is chosen goes out as an id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input

from workbench.tui.choices import Choice
from workbench.tui.fuzzy import matched, score
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, row
from workbench.tui.widgets.line import Line, Part
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.virtual_list import VirtualList
from workbench.values import dataclass

T = TypeVar("T")
_MOST = 500
"""Rows shown of one search; more letters find the rest."""


@dataclass(frozen=True, slots=True)
class _Heading:
    text: str


class ChoiceList(VirtualList, can_focus=False):
    """What matches, under the names of the groups."""

    cursor_lit = True

    def __init__(self) -> None:
        super().__init__(id="choices")
        self.rows: list[_Heading | Choice[object]] = []
        self.wanted = ""

    def show(self, rows: list[_Heading | Choice[object]], wanted: str) -> None:
        self.rows, self.wanted = rows, wanted
        self.cursor = next((i for i in range(len(rows)) if self.can_rest(i)), 0)
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self.changed()

    @property
    def current(self) -> Choice[object] | None:
        row = self.rows[self.cursor] if self.cursor < len(self.rows) else None
        return row if isinstance(row, Choice) else None

    def can_rest(self, item: int) -> bool:
        return super().can_rest(item) and isinstance(self.rows[item], Choice)

    def line_count(self) -> int:
        return len(self.rows)

    def draw(self, line: int) -> Strip:
        drawn, glyphs, width, each = ink(self), signs(self), self.size.width, self.rows[line]
        if isinstance(each, _Heading):
            return row(width, [(f"  {each.text}", drawn.faint)], base=drawn.text)
        here = line == self.cursor
        left: list[Piece] = [(f" {glyphs.here if here else ' '} ", drawn.accent)]
        if each.mark:
            left.append((f"{each.mark} ", drawn.dim))
        lit = matched(self.wanted, each.text)
        plain_style = drawn.dim if each.refused else drawn.text
        for index, character in enumerate(each.text):
            left.append((character, drawn.accent_strong if index in lit else plain_style))
        if each.detail:
            left.append((f"  {each.detail}", drawn.dim))
        right: list[Piece] = [(f"{each.key} ", drawn.dim if each.refused else drawn.accent)]
        return row(width, left, right if each.key else (), base=drawn.text, mark=glyphs.cut)


class Picker(ModalScreen[T | None], Generic[T]):
    """`look` is told what the cursor is on, for a preview."""

    DEFAULT_CSS = """
    Picker {
        align-horizontal: center;
        & #picker { width: 78; max-width: 96%; height: auto; max-height: 84%; margin-top: 2; }
        & Vertical { height: auto; }
        & Input { border: none; height: 1; padding: 0 1; background: $background; }
        & Input:focus { border: none; }
        & ChoiceList { height: auto; max-height: 16; }
        & #picker-more { display: none; }
    }
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[T]],
        *,
        placeholder: str = "",
        look: Callable[[T], None] | None = None,
        current: T | None = None,
    ) -> None:
        super().__init__(classes="-veil")
        self._heading = title
        self._choices = choices
        self._placeholder = placeholder
        self._look = look
        self._current = current

    def compose(self) -> ComposeResult:
        field = Input(placeholder=self._placeholder, compact=True)
        field.cursor_blink = False
        with Pane(id="picker"), Vertical():
            yield field
            yield _Rule(id="picker-rule")
            yield ChoiceList()
            yield _Rule(id="picker-hint-rule")
            yield Line(id="picker-hint")
            yield Line(id="picker-more")

    @property
    def list(self) -> ChoiceList:
        return self.query_one(ChoiceList)

    def on_mount(self) -> None:
        drawn = ink(self.list)
        pane = self.query_one("#picker", Pane)
        pane.describe([(self._heading, drawn.strong)])
        self.set_focus(self.query_one(Input))
        self.query_one("#picker-more").display = any(each.more for each in self._choices)
        self._search("")
        if self._current is not None:
            rows = self.list.rows
            at = [
                i for i, r in enumerate(rows) if isinstance(r, Choice) and r.value == self._current
            ]
            self.list.place(at[0] if at else self.list.cursor)
            self._tell()

    def on_resize(self) -> None:
        self.list.styles.max_height = max(3, self.size.height * 8 // 10 - 7)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._search(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._choose()

    def on_key(self, event: events.Key) -> None:
        moves = {
            "down": self.list.action_move_down,
            "up": self.list.action_move_up,
            "ctrl+n": self.list.action_move_down,
            "ctrl+p": self.list.action_move_up,
            "pagedown": self.list.action_move_page_down,
            "pageup": self.list.action_move_page_up,
        }
        if event.key == "escape":
            event.stop()
            self.dismiss(None)
        elif event.key in moves:
            event.stop()
            event.prevent_default()
            moves[event.key]()
            self._tell()

    def on_virtual_list_moved(self, event: VirtualList.Moved) -> None:
        event.stop()
        self._tell()

    def on_virtual_list_opened(self, event: VirtualList.Opened) -> None:
        event.stop()
        self._choose()

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def _search(self, wanted: str) -> None:
        found = ranked(self._choices, wanted)
        rows: list[_Heading | Choice[object]] = []
        group = ""
        for each in found:
            if each.group != group:
                group = each.group
                if group:
                    rows.append(_Heading(group))
            rows.append(each)  # type: ignore[arg-type] # shown here, never changed
        self.list.show(rows, wanted)
        self._tell()

    def _tell(self) -> None:
        current = self.list.current
        hint = self.query_one("#picker-hint", Line)
        drawn = ink(hint)
        if current is None:
            hint.show([Part(" nothing matches", drawn.dim)])
            return
        hint.show([Part(f" {current.hint}", drawn.warn if current.refused else drawn.dim)])
        self.query_one("#picker-more", Line).show([Part(f" {current.more}", drawn.faint)])
        if self._look is not None:
            self._look(current.value)  # type: ignore[arg-type] # it came from our own choices

    def _choose(self) -> None:
        current = self.list.current
        if current is not None and not current.refused:
            self.dismiss(current.value)  # type: ignore[arg-type] # it came from our own choices


class _Rule(Line):
    """A thin line across."""

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - it has one line
        drawn, frame = ink(self), signs(self).focus
        text = frame.across * self.size.width
        return row(self.size.width, [(text, drawn.faint)], base=drawn.text)


def ranked(choices: Sequence[Choice[T]], wanted: str) -> list[Choice[T]]:
    """Those that match, group by group as they come; in a group the best first.

    What cannot be done just now comes last in its group.
    """
    groups: dict[str, list[tuple[float, int, Choice[T]]]] = {}
    for index, each in enumerate(choices):
        fits = 0.0 if not wanted.strip() else score(wanted, f"{each.text} {each.detail}")
        if fits is not None:
            fits -= 1000.0 if each.refused and not wanted.strip() else 0.0
            groups.setdefault(each.group, []).append((-fits, index, each))
    found: list[Choice[T]] = []
    ordered = list(groups.values())
    if wanted.strip():  # the group with the best match first
        ordered = sorted(ordered, key=lambda group: min(entry[0] for entry in group))
    for group in ordered:
        found += [each for _, _, each in sorted(group, key=lambda entry: entry[:2])]
    return found[:_MOST]
