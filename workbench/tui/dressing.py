"""The part of the app that has colours and signs."""

from __future__ import annotations

from textual.app import App

from workbench.tui.glyphs import Glyphs, glyphs
from workbench.tui.ink import Ink, ink_of
from workbench.tui.themes import OURS


class DressedApp(App[None], inherit_bindings=False):
    """Wears a theme, and draws with one of the two sets of signs."""

    ascii_only = False

    def __init__(self) -> None:
        super().__init__()
        self._ink: tuple[str, Ink] | None = None
        for theme in OURS:
            self.register_theme(theme)
        self.dress(OURS[0].name)

    def dress(self, theme: str) -> None:
        """Begin in a theme: before the first paint, for which a change would style everything twice."""
        self.set_reactive(App.theme, theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self._refresh_truecolor_filter(self.ansi_theme)

    @property
    def ink(self) -> Ink:
        if self._ink is None or self._ink[0] != self.theme:
            self._ink = (self.theme, ink_of(self.current_theme))
        return self._ink[1]

    @property
    def glyphs(self) -> Glyphs:
        return glyphs(ascii_only=self.ascii_only, colour=not self.no_color)

    def available(self) -> list[str]:
        ours = [theme.name for theme in OURS]
        return [*ours, *sorted(name for name in self.available_themes if name not in ours)]

    @property
    def theme_name(self) -> str:
        return self.theme

    def wear(self, theme: str) -> None:
        self.theme = theme

    def draw_ascii(self, *, on: bool) -> None:
        self.ascii_only = on
        self.repaint()

    def repaint(self) -> None:
        """Draw everything again: colours or signs are others."""
        for screen in self.screen_stack:
            for widget in screen.walk_children():
                widget.refresh()
