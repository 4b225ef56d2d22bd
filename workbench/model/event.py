"""Saved events: plain JSON files, and what is expected of the answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from workbench.model.names import FunctionName
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFile:
    """One saved event. Its bytes are sent as they are."""

    function: FunctionName
    name: str
    """Without `.json`."""
    path: Path
    size_bytes: int
    changed_at: datetime
    expected: bool
    """A `NAME.expect.toml` stands beside it."""
