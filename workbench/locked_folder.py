"""A folder that is one driver's while it is open, and those that killed workbenches left beside it.

Invariant: a folder whose lock somebody holds is never touched, nor one that has no lock: that is not
ours.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from workbench.values import dataclass

_LOCK = ".lock"


def _nothing_runs(folder: Path) -> object:
    del folder
    return None


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """One of ours. Everything here blocks, for a few files."""

    path: Path
    lock: int
    """The descriptor that holds it; the kernel lets go of it with the process."""

    @classmethod
    def claim(cls, path: Path, *, end: Callable[[Path], object] = _nothing_runs) -> LockedFolder:
        """`path`, made if need be; those beside it that belong to nobody any more are swept up.

        end: ends what still runs out of such a folder, before it is deleted.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in path.parent.iterdir():
            _sweep(folder, end)
        while True:
            path.mkdir(mode=0o700, exist_ok=True)
            try:
                lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # another driver swept it up before it was locked
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (path / _LOCK).exists():
                return cls(path, lock)
            os.close(lock)

    def close(self) -> None:
        """It is gone, with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def _sweep(folder: Path, end: Callable[[Path], object]) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # being made this very moment, or not ours
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end(folder)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # its driver is open
    finally:
        os.close(lock)
