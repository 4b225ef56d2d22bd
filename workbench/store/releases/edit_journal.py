"""Edits of files in the journal of changes, and the lock of who edits.

The files are not ours: who edits writes them, and puts them back.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.model.release import Change
from workbench.store.complaints import complaint
from workbench.store.releases import changes
from workbench.store.releases.database import WHAT, ReleaseDatabase

LOCK = "configure.lock"


class EditJournal:
    """Entries of edits. Everything blocks for the disk, and raises `StoreError`."""

    def __init__(self, database: ReleaseDatabase) -> None:
        self._database = database

    def record(self, change: Change) -> int:
        """Write an entry; its number."""
        return self._database.write_now(lambda connection: changes.record(connection, change))

    def withdraw(self, number: int) -> None:
        """Forget an entry whose edit was not made after all."""
        self._database.write_now(lambda connection: changes.withdraw(connection, number))


@contextmanager
def editing(state: Path) -> Iterator[None]:
    """While the context is open, no other process edits or takes an edit back. Waits for those that
    do. Take it before a transaction, never inside of one. Raises `StoreError`.
    """
    path = state / LOCK
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise complaint(error, path, what=WHAT) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
