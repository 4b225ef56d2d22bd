"""The folder of one driver's channel sockets, and those that killed workbenches left beside it.

Invariant: a folder whose lock somebody holds is never touched, nor one that has no lock: that is not
ours.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """`path` is there, and ours, while the context is open. Blocks for a few files."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in path.parent.iterdir():
        _sweep(folder)
    lock = _claim(path)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _claim(path: Path) -> int:
    while True:
        path.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # another driver swept it up before it was locked
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (path / _LOCK).exists():
            return lock
        os.close(lock)


def _sweep(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # being made this very moment, or not ours
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # its driver is open
    finally:
        os.close(lock)
