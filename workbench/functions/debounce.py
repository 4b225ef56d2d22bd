"""When a burst of changes is over."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from workbench.values import dataclass

HALF_SAVED_S = 0.3
"""Patience with a file that has just become empty or is gone: most who save empty it or move it
away first, and on a busy machine what follows takes its time."""
_LOOKED_AT = 200
"""More files than an editor saves; whoever changes so many replaces them one by one."""


@dataclass(slots=True)
class Burst:
    """Changes that belong together."""

    began_s: float
    last_s: float
    paths: set[Path] = field(default_factory=set)

    def due_s(self, *, quiet_s: float, limit_s: float) -> float:
        """When it is to be taken up: after `quiet_s` without a change, or `limit_s` of changes."""
        return min(self.last_s + quiet_s, self.began_s + limit_s)

    def half_saved(self, folder: Path, before: Path) -> bool:
        """Something that had content in `before`, the folder's last copy, has none in `folder`."""
        return len(self.paths) <= _LOOKED_AT and any(
            has_content(before / path.relative_to(folder)) and not has_content(path)
            for path in self.paths
            if path.is_relative_to(folder)
        )


def has_content(path: Path) -> bool:
    """It is there, and not empty."""
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size > 0
