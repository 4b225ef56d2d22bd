"""The releases' file. Every write is one transaction, on the disk before its caller goes on; what any
process commits is seen by the next look of every other.

Invariant: nothing is made before something is published: without a file there are no releases.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from workbench.store import schema
from workbench.store.complaints import complaint

_T = TypeVar("_T")
Work = Callable[[sqlite3.Connection], _T]
"""Statements to run. It may raise; what it wrote is then taken back."""

WHAT = "releases"
BUSY_S = 10.0
"""How long another process may write before we say so."""
_FOLDER = Path(__file__).with_name("migrations")
_NO_FILE = -1


class ReleaseDatabase:
    """One file, used from any thread. Opened at its first use."""

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self.path = path
        self._busy_s = busy_s
        self._writing = threading.Lock()
        self._reading = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._seen = _NO_FILE

    async def write(self, work: Work[_T]) -> _T:
        """Run `work` in one transaction, alone among all processes; it is on the disk then.

        Raises `StoreError`, or what `work` raised. Cancellation: stops waiting; it is written.
        """
        return await asyncio.to_thread(self.write_now, work)

    def write_now(self, work: Work[_T]) -> _T:
        """The same, blocking."""
        with self._writing:
            try:
                if self._writer is None:
                    self._writer = self._open()
                connection = self._writer
                connection.execute("BEGIN IMMEDIATE")
                try:
                    result = work(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                if self._writer is not None:
                    with suppress(sqlite3.Error):
                        self._writer.close()
                    self._writer = None
                raise complaint(error, self.path, what=WHAT) from error
            return result

    async def read(self, work: Work[_T]) -> _T:
        """Run `work`, which only reads, in another thread. Raises as `write`."""
        return await asyncio.to_thread(self.read_now, work)

    def read_now(self, work: Work[_T]) -> _T:
        """The same, blocking: for what takes microseconds."""
        with self._reading:
            try:
                return work(self._connection())
            except sqlite3.Error as error:
                self._drop_reader()
                raise complaint(error, self.path, what=WHAT) from error

    def changed(self) -> bool:
        """Whether any process has committed since the last call. Microseconds. Raises `StoreError`.

        Source: SQLite, PRAGMA data_version: differs when another connection has committed.
        """
        with self._reading:
            if self._reader is None and not self.path.exists():
                seen = _NO_FILE
            else:
                try:
                    (seen,) = self._connection().execute("PRAGMA data_version").fetchone()
                except sqlite3.Error as error:
                    self._drop_reader()
                    raise complaint(error, self.path, what=WHAT) from error
            changed = seen != self._seen
            self._seen = seen
            return changed

    def close(self) -> None:
        """Idempotent; it can be used again afterwards."""
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
        with self._reading:
            self._drop_reader()

    def _connection(self) -> sqlite3.Connection:
        """That of those who read; of nothing at all, while there is no file."""
        if self._reader is not None:
            return self._reader
        steps = schema.migrations(_FOLDER)
        if not self.path.exists():
            empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            schema.migrate(empty, self.path, steps, what=WHAT)
            return empty
        connection = self._connect("rw")  # one that only reads cannot use a WAL nobody has open
        try:
            if schema.check(connection, self.path, known=len(steps), what=WHAT) != len(steps):
                _prepare(connection)
                schema.migrate(connection, self.path, steps, what=WHAT)
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        self._reader = connection
        return connection

    def _drop_reader(self) -> None:
        if self._reader is not None:
            with suppress(sqlite3.Error):
                self._reader.close()
        self._reader = None
        self._seen = _NO_FILE

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # for its owner only
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = self._connect("rw")
        try:
            _prepare(connection)
            schema.migrate(connection, self.path, schema.migrations(_FOLDER), what=WHAT)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=self._busy_s,
        )


def _prepare(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        schema.use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
