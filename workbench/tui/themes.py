"""Our two themes: near-black with one soft amber accent, and the paper that goes with it.

Every other theme of Textual's stays available; `ink.py` mixes what they do not say.
Contrast on its ground, both: text above 12:1, dim text and every colour that carries a word above 4.5:1
(tests/unit/tui/test_ink.py).
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="workbench-dark",
    primary="#e0a65c",
    secondary="#8fb3c9",
    accent="#e0a65c",
    success="#93b877",
    warning="#e08a4a",
    error="#e8786b",
    foreground="#dcd7ce",
    background="#0f0f0e",
    surface="#0f0f0e",
    panel="#171614",
    boost="#171614",
    dark=True,
    variables={
        "ink-dim": "#908a80",
        "ink-faint": "#474440",
        "ink-key": "#d3b489",
        "ink-number": "#8fb3c9",
        "ink-cursor": "#33291b",
        "ink-cursor-away": "#1e1d1a",
        "ink-selection": "#40321c",
        "input-cursor-background": "#e0a65c",
        "input-cursor-foreground": "#0f0f0e",
        "input-selection-background": "#40321c",
    },
)

LIGHT = Theme(
    name="workbench-light",
    primary="#8f5200",
    secondary="#2b617e",
    accent="#8f5200",
    success="#3c7327",
    warning="#a34a0c",
    error="#b3261e",
    foreground="#292724",
    background="#faf9f6",
    surface="#faf9f6",
    panel="#f1efe9",
    boost="#f1efe9",
    dark=False,
    variables={
        "ink-dim": "#6c675f",
        "ink-faint": "#cbc5ba",
        "ink-key": "#6f4a16",
        "ink-number": "#2b617e",
        "ink-cursor": "#f3e4c8",
        "ink-cursor-away": "#efece5",
        "ink-selection": "#efd8ac",
        "input-cursor-background": "#8f5200",
        "input-cursor-foreground": "#faf9f6",
        "input-selection-background": "#efd8ac",
    },
)

OURS = (DARK, LIGHT)
