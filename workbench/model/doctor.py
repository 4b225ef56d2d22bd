"""What `workbench doctor` finds."""

from __future__ import annotations

from enum import StrEnum

from workbench.values import dataclass


class Health(StrEnum):
    """How a subject is."""

    GOOD = "good"
    WARNING = "warning"
    """Works, but something will be slower, less faithful or unexpected."""
    BAD = "bad"
    """Functions cannot run as they should."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    """`engine`, `storage`, `image python3.13`, …"""
    health: Health
    detail: str
    """What was seen: versions, sizes, ages."""
    cause: str | None = None
    """Why it is not good."""
    remedy: str | None = None
    """What to do about it."""
    fix: str | None = None
    """A key that `doctor --fix` knows how to act on; `None`: a person must."""
