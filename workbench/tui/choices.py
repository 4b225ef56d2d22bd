"""What overlays are asked with. Apart from them, so that asking is known before an overlay is imported."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.geometry import Offset

from workbench.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Generic[T]):
    """One row."""

    value: T
    group: str
    """Rows of one group stand together, under its name unless that is empty."""
    text: str
    detail: str = ""
    """Dim, behind the text; also searched."""
    key: str = ""
    """At the right end."""
    hint: str = ""
    """Below the list while the cursor is on it."""
    more: str = ""
    """Below the hint."""
    refused: bool = False
    """It cannot be chosen just now; the hint says why."""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Somewhere to go."""

    id: str
    at: Offset
    cells: int
    """Of its letter; it covers what is drawn there."""
