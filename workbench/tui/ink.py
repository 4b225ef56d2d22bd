"""Colours by what they mean.

Widgets draw with these styles and never name a colour. Invariant: whatever a colour says, a sign
or a word beside it says too; without colour nothing is lost but comfort.
"""

from __future__ import annotations

from typing import Protocol, cast

from rich.style import Style
from textual.color import Color
from textual.theme import Theme
from textual.widget import Widget

from workbench.tui.glyphs import Glyphs
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """One theme's styles, background included."""

    text: Style
    strong: Style
    dim: Style
    faint: Style
    """Frames and rules."""
    accent: Style
    """The one accent: what has the focus, what can be pressed."""
    accent_strong: Style
    ok: Style
    warn: Style
    error: Style
    number: Style
    """Numbers and literals in JSON."""
    key: Style
    string: Style
    cursor: Style
    """Background of the row the cursor is on, in the pane that has the focus. Laid over others."""
    cursor_away: Style
    """The same in every other pane."""
    match: Style
    """What was searched for. Laid over others."""
    selection: Style
    button: Style
    chip: Style
    """A label that must not be missed: `no isolation`."""
    label: Style
    """A letter to press, over anything."""

    def of(self, ok: bool | None) -> Style:  # noqa: FBT001 - the outcome itself
        """The style of an outcome: good, bad, not known yet."""
        if ok is None:
            return self.accent
        return self.ok if ok else self.error


def ink_of(theme: Theme) -> Ink:
    """The styles of a theme: ours say all of them, the others' are mixed from what they do say."""
    return _terminal_ink(theme) if theme.ansi else _mixed_ink(theme)


def _mixed_ink(theme: Theme) -> Ink:
    said = theme.to_color_system().generate()
    own = theme.variables
    back, fore = Color.parse(said["background"]), Color.parse(said["foreground"])
    accent = Color.parse(own.get("ink-accent", said["accent"]))

    def colour(name: str, otherwise: Color) -> Color:
        return Color.parse(own[name]) if name in own else otherwise

    def style(colour: Color, *, bold: bool = False, on: Color = back) -> Style:
        return Style(color=colour.rich_color, bgcolor=on.rich_color, bold=bold or None)

    def under(colour: Color) -> Style:
        return Style(bgcolor=colour.rich_color)

    warn = Color.parse(said["warning"])
    number = colour("ink-number", Color.parse(said["secondary"]).blend(fore, 0.45))
    cursor = colour("ink-cursor", back.blend(accent, 0.20))
    return Ink(
        text=style(fore),
        strong=style(fore, bold=True),
        dim=style(colour("ink-dim", fore.blend(back, 0.42))),
        faint=style(colour("ink-faint", fore.blend(back, 0.74))),
        accent=style(accent),
        accent_strong=style(accent, bold=True),
        ok=style(Color.parse(said["success"])),
        warn=style(warn),
        error=style(Color.parse(said["error"])),
        number=style(number),
        key=style(colour("ink-key", accent)),
        string=style(fore),
        cursor=under(cursor),
        cursor_away=under(colour("ink-cursor-away", back.blend(fore, 0.09))),
        match=Style(bgcolor=accent.rich_color, color=back.rich_color),
        selection=under(colour("ink-selection", back.blend(accent, 0.35))),
        button=style(accent, bold=True),
        chip=style(back, bold=True, on=warn),
        label=style(back, bold=True, on=accent),
    )


def _terminal_ink(theme: Theme) -> Ink:
    """For people who own their terminal's colours: its sixteen, and its default ground."""

    def style(name: str | None, *, bold: bool = False, dim: bool = False) -> Style:
        colour = None if name is None else Color.parse(name).rich_color
        return Style(color=colour, bold=bold or None, dim=dim or None)

    accent = theme.accent or theme.primary
    return Ink(
        text=style(None),
        strong=style(None, bold=True),
        dim=style(None, dim=True),
        faint=style("ansi_bright_black"),
        accent=style(accent),
        accent_strong=style(accent, bold=True),
        ok=style(theme.success),
        warn=style(theme.warning),
        error=style(theme.error),
        number=style(theme.secondary),
        key=style(theme.primary),
        string=style(None),
        cursor=Style(color="default", bgcolor="default", reverse=True),
        cursor_away=Style(bold=True),
        match=Style(reverse=True, bold=True),
        selection=Style(reverse=True),
        button=style(accent, bold=True),
        chip=Style(reverse=True, bold=True),
        label=Style(reverse=True, bold=True),
    )


class Drawn(Protocol):
    """An app that has ink and glyphs."""

    @property
    def ink(self) -> Ink: ...

    @property
    def glyphs(self) -> Glyphs: ...


def ink(widget: Widget) -> Ink:
    """What `widget` draws with."""
    return cast("Drawn", widget.app).ink


def signs(widget: Widget) -> Glyphs:
    """The set `widget` draws with."""
    return cast("Drawn", widget.app).glyphs
