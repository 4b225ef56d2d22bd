"""No room on a disk: how it is recognised in what others say, and said."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import DiskFull, DriverError

_FULL = "no space left on device"
"""As the C library, Go, Python, npm and apt all write it."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def tells_full(text: str) -> bool:
    """Whether a tool complains of a full disk."""
    return _FULL in text.lower()


@contextmanager
def own_files() -> Iterator[None]:
    """Where files of this machine are written that a container needs: an `OSError` becomes a
    `DriverError`, which does not go away by being reported as a bug.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(error) from error


def unwritten(error: OSError) -> DriverError:
    """What to raise where such a file could not be written."""
    path = error.filename2 or error.filename
    said = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return DiskFull(said, near="what containers are given" if path is None else str(path))
    where = "" if path is None else f" at {path}"
    return DriverError(f"What containers are given could not be written{where}: {said}.")
