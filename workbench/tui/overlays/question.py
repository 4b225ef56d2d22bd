"""A question on the status line. `y` is yes; every other key, and ten seconds of silence, is no."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from workbench.tui.ink import ink
from workbench.tui.widgets.line import Line, Part

_WAITS_S = 10.0


class Question(ModalScreen[bool]):
    """Lies over the status line only; the rest of the screen stays in sight."""

    DEFAULT_CSS = """
    Question {
        & Line { dock: bottom; margin-bottom: 1; }
    }
    """

    def __init__(self, text: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._said = (text, yes, no)

    def compose(self) -> ComposeResult:
        yield Line(id="question")

    def on_mount(self) -> None:
        drawn = ink(self.query_one(Line))
        text, yes, no = self._said
        self.query_one(Line).show(
            [
                Part(f" {text}  ", drawn.strong),
                Part(" y ", drawn.accent, "yes"),
                Part(yes, drawn.dim, "yes"),
                Part("   N ", drawn.accent_strong, "no"),
                Part(no, drawn.text, "no"),
            ]
        )
        self.set_timer(_WAITS_S, lambda: self.dismiss(result=False))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(result=event.key in ("y", "Y"))

    def on_line_pressed(self, event: Line.Pressed) -> None:
        event.stop()
        self.dismiss(result=event.action == "yes")

    def on_click(self) -> None:
        self.dismiss(result=False)
