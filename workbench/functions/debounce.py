"""When a burst of changes is over. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Burst:
    """Changes that belong together."""

    began_s: float
    last_s: float

    def due_s(self, *, quiet_s: float, limit_s: float) -> float:
        """When it is to be taken up: after `quiet_s` without a change, or `limit_s` of changes."""
        return min(self.last_s + quiet_s, self.began_s + limit_s)
