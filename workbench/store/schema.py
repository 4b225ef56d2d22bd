"""The database's schema: numbered steps, forward only.

Invariant: a database is at the schema its `user_version` says, because the steps that lead there
and the number itself are one transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import DatabaseCorrupt, DatabaseTooNew
from workbench.store.complaints import primary_code

APPLICATION_ID = 0x776B626E
"""`wkbn`, in the file's header: `file workbench.db` says whose it is, and so do we."""

_FOLDER = Path(__file__).with_name("migrations")
_WAL_ATTEMPTS = 100
_WAL_PAUSE_S = 0.02


def migrations(folder: Path = _FOLDER) -> tuple[str, ...]:
    """The steps: the first one makes an empty database into schema 1."""
    found = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    for number, path in enumerate(found, start=1):
        assert int(path.name[:4]) == number, f"{path.name}: step {number} is missing"
    return tuple(path.read_text(encoding="utf-8") for path in found)


def migrate(
    connection: sqlite3.Connection, path: Path, steps: tuple[str, ...], *, what: str = "history"
) -> None:
    """Bring the database to the schema that `steps` lead to.

    Waits for another process that does the same. Raises `DatabaseTooNew`, and `DatabaseCorrupt`
    for a database that is not ours. `connection` is in autocommit mode; `path` is for the texts.
    """
    if check(connection, path, known=len(steps), what=what) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = check(
            connection, path, known=len(steps), what=what
        )  # another process may have been here
        for step in steps[done:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection, path: Path, *, known: int, what: str = "history") -> int:
    """The schema the database is at. Raises what `migrate` raises."""
    outside = not connection.in_transaction
    if outside:
        connection.execute("BEGIN")  # all of one moment: another process may be making it just now
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    finally:
        if outside and connection.in_transaction:
            connection.execute("ROLLBACK")
    if application != APPLICATION_ID and (application or found or objects):
        raise DatabaseCorrupt(path, detail="it is a database of another program", what=what)
    if found > known:
        raise DatabaseTooNew(path, found=found, known=known, what=what)
    return int(found)


def use_wal(connection: sqlite3.Connection) -> None:
    """Where two processes begin with no file at all, one may find it locked for a moment in a way
    that SQLite's own busy timeout does not wait for.
    """
    pause = threading.Event()
    for _ in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
        else:
            return
        pause.wait(_WAL_PAUSE_S)
    connection.execute("PRAGMA journal_mode = WAL")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script. (`executescript` would commit before it begins.)"""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.startswith("--") for line in statement.splitlines()):
        yield statement
