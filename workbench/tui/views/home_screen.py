"""The screen that everything but overlays stands on."""

from __future__ import annotations

from textual import events
from textual.screen import Screen

from workbench.tui.ink import ink
from workbench.tui.room import SMALLEST
from workbench.tui.widgets.hint import Hint


class HomeScreen(Screen[None], inherit_bindings=False):
    """Textual's own keys for moving about are not ours. Says so when it is too small to be drawn."""

    _seen = False

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """The first time every widget has just been given its styles, by mounting it."""
        if not self._seen:
            self._seen, event.refresh_styles = True, False

    def on_resize(self, event: events.Resize) -> None:
        (width, height), (columns, rows) = event.size, SMALLEST
        self.set_class(width < columns or height < rows, "-tiny")
        tiny = self.query_one("#tiny", Hint)
        said = f"{columns}x{rows} at least; this is {width}x{height}"
        tiny.show([[(said, ink(tiny).text)]])
