"""A function that was imported: all of its rows at once, and taken back at once.

Functions of a transaction, as in `aliases`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workbench.clock import Clock
from workbench.errors import AlreadyExists, ConflictError
from workbench.model.names import FunctionName
from workbench.model.release import Alias, Change, ChangeKind, PublishedVersion
from workbench.store.releases import aliases, changes, versions
from workbench.store.releases.database import ReleaseDatabase
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRows:
    """All that is written of one."""

    function: FunctionName
    last_version: int
    """The highest number it ever had; 0: nothing of it was published."""
    versions: Sequence[PublishedVersion]
    aliases: Sequence[Alias]
    details: dict[str, Any]
    """For the journal of changes: JSON that whoever takes it back needs."""


class Imports:
    """Whole functions of a project's releases. All raise `StoreError`."""

    def __init__(self, database: ReleaseDatabase, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def last_number(self, function: FunctionName) -> int:
        """The highest number that a version of it ever had; 0: none was published."""
        return await self._database.read(lambda connection: last_number(connection, function))

    def known_now(self, function: FunctionName) -> bool:
        """Something of it was published here, were it deleted since. Blocks for the disk."""
        return self._database.read_now(lambda connection: known(connection, function))

    def import_now(self, rows: ImportedRows) -> None:
        """Write all of a function at once. Raises `AlreadyExists`. Blocks for the disk."""
        at = self._clock.now()
        self._database.write_now(lambda connection: insert(connection, rows, at=at))


def known(connection: sqlite3.Connection, function: FunctionName) -> bool:
    """Something was published of it here, were it deleted since."""
    return any(
        connection.execute(
            f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1",  # noqa: S608 - constants
            (function,),
        ).fetchone()
        for table, column in (
            ("functions", "name"),
            ("versions", "function"),
            ("aliases", "function"),
        )
    )


def last_number(connection: sqlite3.Connection, function: FunctionName) -> int:
    """The highest number it ever had; 0: none."""
    found = connection.execute(
        "SELECT last_version FROM functions WHERE name = ?", (function,)
    ).fetchone()
    return 0 if found is None else int(found[0])


def insert(connection: sqlite3.Connection, rows: ImportedRows, *, at: datetime) -> None:
    """Write all of it. Raises `AlreadyExists`."""
    if known(connection, rows.function):
        raise AlreadyExists(
            f"{rows.function} has versions or aliases here already. Import it under another name: "
            "--as NAME."
        )
    if rows.last_version:
        connection.execute(
            "INSERT INTO functions (name, last_version) VALUES (?, ?)",
            (rows.function, rows.last_version),
        )
    for version in rows.versions:
        versions.put(connection, version)
    for alias in rows.aliases:
        aliases.put(connection, alias)
    count = len(rows.versions)
    changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.IMPORT,
            subject=rows.function,
            summary=f"{rows.function} imported, with {count} version{'' if count == 1 else 's'}.",
            after={
                "function": rows.function,
                "versions": {str(each.number): each.revision_id for each in rows.versions},
                "aliases": {each.name: each.revision_id for each in rows.aliases},
                **rows.details,
            },
        ),
    )


def undo_import(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """All of its rows go, if they are those that were imported."""
    del at
    assert change.after is not None, "it made some"
    function = FunctionName(change.after["function"])
    live = versions.all_of(connection, function)
    found = (
        {str(each.number): each.revision_id for each in live},
        {each.name: each.revision_id for each in aliases.all_of(connection, function)},
    )
    if found != (change.after["versions"], change.after["aliases"]):
        raise ConflictError(
            f"{function} has been changed since it was imported, so that this cannot be undone: "
            f"{change.summary}"
        )
    from workbench.store.releases import deployments  # 5 ms that the first paint does without

    for version in live:
        deployments.check_unused(connection, function, version.qualifier)
    for table in ("versions", "aliases", "provisioned"):
        connection.execute(f"DELETE FROM {table} WHERE function = ?", (function,))  # noqa: S608
    connection.execute("DELETE FROM functions WHERE name = ?", (function,))
