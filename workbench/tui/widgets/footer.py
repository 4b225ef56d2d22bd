"""The keys that mean something where the focus is, most useful first; what cannot be done is dimmed."""

from __future__ import annotations

from rich.cells import cell_len

from workbench.tui.actions import footer, shown_key
from workbench.tui.ink import ink
from workbench.tui.situation import Situation
from workbench.tui.widgets.line import Line, Part

_PINNED = 90
"""Footer places from here on stand at the right end, and are never cut."""


class KeyFooter(Line):
    """See the module."""

    def describe(self, situation: Situation, *, ascii_only: bool) -> None:
        """Show the keys of a situation."""
        drawn = ink(self)
        left: list[Part] = [Part(" ", drawn.text)]
        right: list[Part] = []
        pinned = [action for action in footer(situation) if action.footer >= _PINNED]
        for action in pinned:
            right += [
                Part(
                    f"{shown_key(action.keys[0], ascii_only=ascii_only)} ", drawn.accent, action.id
                ),
                Part(f"{action.label} ", drawn.dim, action.id),
            ]
        room = self.size.width - sum(cell_len(part.text) for part in right) - 2
        taken = 1
        for action in footer(situation):
            if action in pinned:
                continue
            key = shown_key(action.keys[0], ascii_only=ascii_only)
            refused = action.why_not(situation) is not None
            size = cell_len(key) + cell_len(action.label) + 3
            if taken + size > room:
                break
            taken += size
            left += [
                Part(f"{key} ", drawn.faint if refused else drawn.accent, action.id),
                Part(f"{action.label}  ", drawn.faint if refused else drawn.dim, action.id),
            ]
        self.show(left, right)
