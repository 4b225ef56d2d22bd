from __future__ import annotations

import pytest
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from workbench.tui.ink import Ink, ink_of
from workbench.tui.themes import OURS


def contrast(style: Style, ground: Style) -> float:
    """Source: WCAG 2.2, "contrast ratio"."""
    assert style.color is not None
    assert ground.bgcolor is not None

    def luminance(colour: Color) -> float:
        parts = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (colour.r / 255, colour.g / 255, colour.b / 255)
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    front, back = Color.from_rich_color(style.color), Color.from_rich_color(ground.bgcolor)
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", OURS, ids=lambda theme: theme.name)
def test_our_themes_can_be_read(theme: Theme) -> None:
    ink = ink_of(theme)

    assert contrast(ink.text, ink.text) >= 12
    for name in (
        "dim",
        "accent",
        "ok",
        "warn",
        "error",
        "number",
        "key",
        "string",
        "chip",
        "label",
    ):
        style = getattr(ink, name)
        ground = style if name in ("chip", "label") else ink.text
        assert contrast(style, ground) >= 4.5, name
    for under in (ink.cursor, ink.cursor_away, ink.selection):
        for name in ("text", "accent", "error", "ok"):
            assert contrast(getattr(ink, name), under) >= 4.0, name


@pytest.mark.parametrize("theme", BUILTIN_THEMES.values(), ids=lambda theme: theme.name)
def test_every_theme_of_textuals_has_every_ink(theme: Theme) -> None:
    ink = ink_of(theme)

    for name in Ink.__slots__:
        assert isinstance(getattr(ink, name), Style)


def test_a_terminals_own_colours_are_left_alone() -> None:
    ink = ink_of(BUILTIN_THEMES["ansi-dark"])

    assert ink.text.bgcolor is None
    assert ink.text.color is None or ink.text.color.is_default
