"""SQLite's errors in our words: what is wrong and what a person can do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from workbench.errors import (
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    StoreError,
)

_OURS = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_TOOBIG,
    }
)


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its extension; `None` where the Python module itself objects."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_of_one_statement(error: Exception) -> bool:
    """The values or the statement are wrong; the database and its disk are not.

    Everything else concerns whatever else is in the same transaction too.
    """
    return not isinstance(error, sqlite3.Error) or primary_code(error) in {None, *_OURS}


def complaint(error: sqlite3.Error | OSError, path: Path, *, what: str = "history") -> StoreError:
    """What to tell a person. `path` is the database, and `what` is in it."""
    if isinstance(error, OSError):
        return DatabaseReadOnly(path, detail=error.strerror or str(error), what=what)
    code = primary_code(error)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return DatabaseLocked(path, what=what)
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFull(path, what=what)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return DatabaseReadOnly(path, detail=str(error), what=what)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DatabaseCorrupt(path, detail=str(error), what=what)
    return StoreError(f"The {what} at {path} could not be used: {error}.")
