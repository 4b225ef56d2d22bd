"""One line to type, on the status line: a name, something to search for."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input

from workbench.tui.ink import ink, signs
from workbench.tui.widgets.line import Line, Part


class Prompt(ModalScreen[str | None]):
    """`check` says why a text will not do, `tell` hears every change; esc answers with `None`."""

    DEFAULT_CSS = """
    Prompt {
        & Horizontal { dock: bottom; height: 1; margin-bottom: 1; background: $background; }
        & #prompt-label { width: auto; }
        & Input { width: 1fr; border: none; height: 1; padding: 0; background: $background; }
        & Input:focus { border: none; }
        & #prompt-note { width: 38; }
    }
    """

    def __init__(
        self,
        label: str,
        *,
        text: str = "",
        done: str = "ok",
        check: Callable[[str], str | None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._label, self._text, self._done = label, text, done
        self._check, self._tell = check, tell

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Line(id="prompt-label")
            field = Input(self._text, select_on_focus=True, compact=True)
            field.cursor_blink = False
            yield field
            yield Line(id="prompt-note")

    @property
    def field(self) -> Input:
        return self.query_one(Input)

    def on_mount(self) -> None:
        label = self.query_one("#prompt-label", Line)
        drawn = ink(label)
        label.show([Part(f" {self._label} ", drawn.strong)])
        label.styles.width = cell_len(self._label) + 2
        self.set_focus(self.field)
        self._note(None)

    def _note(self, wrong: str | None) -> None:
        note = self.query_one("#prompt-note", Line)
        drawn = ink(note)
        if wrong is not None:
            note.styles.width = min(cell_len(wrong) + 2, self.size.width * 2 // 3)
            note.show([Part(wrong, drawn.error)])
            return
        said = [
            Part(f"{signs(note).enter} ", drawn.accent),
            Part(f"{self._done}  ", drawn.dim),
            Part("esc ", drawn.accent),
            Part("keep ", drawn.dim),
        ]
        note.styles.width = sum(cell_len(part.text) for part in said)
        note.show([], said)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._note(self._wrong(event.value) if event.value else None)
        if self._tell is not None:
            self._tell(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        wrong = self._wrong(event.value)
        if wrong is None:
            self.dismiss(event.value)
        else:
            self._note(wrong)

    def _wrong(self, text: str) -> str | None:
        return None if self._check is None else self._check(text)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)
