"""The event that a run sends, and the person edits.

The editor is imported and mounted with the first event, or right after the first paint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from workbench.model.names import FunctionName
from workbench.tui import wording
from workbench.tui.desk import Desk
from workbench.tui.drafts import Draft, Flaw, flaw_of
from workbench.tui.ink import ink, signs
from workbench.tui.paint import Piece, cut, facts_that_fit
from workbench.tui.widgets.pane import Pane
from workbench.tui.widgets.tab_row import Label, TabRow

if TYPE_CHECKING:
    from textual.widgets import TextArea

    from workbench.tui.widgets.editor import Editor
    from workbench.tui.widgets.json_view import JsonView

_CHECKED_AT_ONCE = 32 * 1024
"""Characters; a longer text is checked when typing pauses."""
_PAUSE_S = 0.15


class EventPane(Pane, can_focus=True):
    """The pane itself has the focus when letters are commands, the editor in it when they are letters."""

    DEFAULT_CSS = """
    EventPane {
        & > TabRow { margin: 1 1 0 1; }
        & > Editor { margin: 0 1 1 1; height: 1fr; }
        & > JsonView { margin: 0 1 1 1; }
        &.-bare > TabRow { display: none; }
        &.-bare > Editor { margin: 1; }
        &.-bare > JsonView { margin: 1; }
    }
    """

    class Typed(Message):
        """The text is another, or the cursor is elsewhere."""

    def __init__(self, desk: Desk, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._desk = desk
        self._loaded: tuple[FunctionName | None, str | None, bytes | None] | None = None
        self._unchanged = ""
        """What the editor made of the saved text."""
        self._loading = False
        self._checker: Timer | None = None
        self._editor: Editor | None = None
        self._big: JsonView | None = None
        self.flaw: Flaw | None = None

    def compose(self) -> ComposeResult:
        yield TabRow(id="event-tabs")

    @property
    def editor(self) -> Editor:
        """Mounted when it is first asked for."""
        if self._editor is None:
            from workbench.tui.widgets.editor import Editor

            self._editor = Editor(id="editor")
            self.mount(self._editor)
        return self._editor

    def complete(self) -> None:
        """Have the editor there."""
        _ = self.editor

    @property
    def editable(self) -> bool:
        """The text is in sight, in the editor."""
        return self._editor is not None and self._editor.display

    @property
    def big(self) -> JsonView:
        """For what is too large for the editor; mounted with the first such event."""
        if self._big is None:
            from workbench.tui.widgets.json_view import JsonView

            self._big = JsonView(id="event-big")
            self.mount(self._big)
        return self._big

    @property
    def tabs(self) -> TabRow:
        return self.query_one(TabRow)

    @property
    def scroller(self) -> Widget | None:
        return self._editor if self.editable or self._big is None else self._big

    @property
    def typing(self) -> bool:
        return self._editor is not None and self._editor.has_focus

    @property
    def draft(self) -> Draft | None:
        """What it shows."""
        name = self._desk.selected
        return None if name is None else self._desk.drafts.current(name)

    # --- showing --------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the selected function's draft; what is being typed is left alone."""
        name, draft = self._desk.selected, self.draft
        if name is not None and not self._desk.drafts.knows(name):
            return  # it is being read
        key = (name, None if draft is None else draft.event, None if draft is None else draft.saved)
        if key != self._loaded:
            self._loaded = key
            self._load(draft)
        self._show_tabs(draft)
        self.frame()

    def reload(self) -> None:
        """Take the draft up again, also where only its text is another."""
        self._loaded = None
        self.show()

    def _load(self, draft: Draft | None) -> None:
        shown = "" if draft is None else draft.shown
        if draft is not None or self._editor is not None:
            self.editor.display = shown is not None
        if self._big is not None:
            self._big.display = shown is None
        if draft is None:
            if self._editor is not None:
                self._fill("", read_only=True)
        elif shown is None:
            self.big.load(draft.payload)
            self.flaw = flaw_of(draft.payload)
        else:
            clean = Draft(event=draft.event, saved=draft.saved).shown
            self._fill("" if clean is None else clean)
            self._unchanged = self.editor.text
            if draft.text is not None:
                self._fill(draft.text)
            self.editor.move_cursor(draft.cursor)
            self._check()

    def _fill(self, text: str, *, read_only: bool = False) -> None:
        self._loading = True
        self.editor.load_text(text)
        self.editor.read_only = read_only
        self._loading = False

    def _show_tabs(self, draft: Draft | None) -> None:
        function = self._desk.function
        names = () if function is None else function.events
        current = None if draft is None else draft.event
        mark = signs(self).unsaved
        labels: list[Label] = []
        for event in names:
            kept = None if function is None else self._desk.drafts.get(function.name, event)
            dirty = kept is not None and kept.dirty
            labels.append(Label(event, wording.one_line(event), mark if dirty else ""))
        if current is None or current not in names:
            labels.append(Label(current or "", wording.one_line(current or "new"), mark))
        self.tabs.show(labels, current or "")

    def repaint(self) -> None:
        """The theme is another."""
        if self._editor is not None:
            self._editor.repaint()

    def frame(self) -> None:
        """Say in the frame how it stands."""
        draft, drawn, glyphs = self.draft, ink(self), signs(self)
        if draft is None or self._loaded is None:  # or it is being read
            self.describe([("Event", drawn.text)])
            return
        title: list[Piece] = [
            ("Event", drawn.strong if self.focused_within else drawn.text),
            (f" {glyphs.between} ", drawn.text),
            (wording.one_line(draft.event) if draft.event else "new", drawn.text),
        ]
        if draft.dirty or draft.event is None:
            title.append((f" {glyphs.unsaved}", drawn.accent))
        row, column = self.editor.cursor_location
        place: list[Piece] = []
        if self.editable:
            place = [(f"{row + 1}:{column + 1}", drawn.accent if self.typing else drawn.dim)]
        note = [("^s saves it", drawn.dim)] if draft.event is None else []
        self.describe(title, facts=place, note=note, cost=self._cost(draft))

    def _cost(self, draft: Draft) -> list[Piece]:
        drawn, between = ink(self), signs(self).between
        room = self.size.width - 8
        size = wording.size(len(draft.payload))
        parts: list[str | Piece]
        if self.flaw is not None:
            return [(cut(f"not JSON: {self.flaw}", room, signs(self).cut), drawn.error)]
        if not self.editable:
            parts = [("too large to type in", drawn.warn), "f4 edits it", size]
        else:
            lines = wording.counted(self.editor.document.line_count, "line")
            parts = [("JSON ok", drawn.dim), lines, size]
        return facts_that_fit(parts, between, drawn.dim, room)

    # --- typing ---------------------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._loading or self.draft is None or self.editor.read_only:
            return
        self._keep()
        if len(self.editor.text) <= _CHECKED_AT_ONCE:
            self._check()
        else:
            self._check_soon()
        self._show_tabs(self.draft)
        self.frame()
        self.post_message(self.Typed())

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        if self._loading or self.draft is None:
            return
        self._keep()
        self.frame()

    def _keep(self) -> None:
        name, draft = self._desk.selected, self.draft
        loaded = self._loaded
        if name is None or draft is None or loaded is None or not self.editable:
            return
        if loaded[:2] != (name, draft.event):
            return  # another function's event is on its way
        typed = draft.typed(self.editor.text, unchanged=self._unchanged)
        if draft.saved is None and typed.text == self._unchanged and draft.text is None:
            typed = draft  # a new event that nobody has touched
        self._desk.drafts.put(name, _at(typed, self.editor.cursor_location))

    def _check(self) -> None:
        text = self.editor.text
        # an empty payload is sent as {}: Lambda takes it
        self.flaw = flaw_of(text) if text.strip() else None

    def _check_soon(self) -> None:
        if self._checker is not None:
            self._checker.stop()
        self._checker = self.set_timer(_PAUSE_S, self._check_now)

    def _check_now(self) -> None:
        self._checker = None
        self._check()
        self.frame()
        self.post_message(self.Typed())


def _at(draft: Draft, cursor: tuple[int, int]) -> Draft:
    return Draft(event=draft.event, saved=draft.saved, text=draft.text, cursor=cursor)
