"""What this machine has."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_MB = 1024 * 1024
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where a container that we run in ourselves says what it may use."""


@cache
def memory_mb() -> int:
    """Memory that everything on this machine can use together, in MB."""
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min((has, *_allowed())) // _MB


def _allowed() -> list[int]:
    found = []
    for path in _LIMITS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # it is not there, or says `max`
            continue
    return found
