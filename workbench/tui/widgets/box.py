"""Boxes that lay out others and are wholly covered by them: nothing is drawn that nobody sees."""

from __future__ import annotations

from textual.containers import Horizontal, Vertical


class Row(Horizontal):
    """Side by side."""

    BLANK = True


class Column(Vertical):
    """One below another."""

    BLANK = True
