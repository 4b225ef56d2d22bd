"""Aliases: rows, the rules that need other rows, and how each change is taken back.

Functions of a transaction: deployments move an alias and write their own step in one.
Source of the rules: Lambda API reference, CreateAlias, UpdateAlias, DeleteAlias; recorded answers.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from workbench.errors import AliasExists, AliasNotFound, ConflictError, FunctionNotFound
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.release import Alias, Change, ChangeKind
from workbench.store.releases import changes

_COLUMNS = "function, name, version, description, revision_id, additional, weight"


def all_of(connection: sqlite3.Connection, function: FunctionName) -> tuple[Alias, ...]:
    """Sorted by name."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM aliases WHERE function = ? ORDER BY name",  # noqa: S608 - a constant
        (function,),
    )
    return tuple(_alias(row) for row in found)


def find(connection: sqlite3.Connection, function: FunctionName, name: str) -> Alias | None:
    """One alias, if it exists."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM aliases WHERE function = ? AND name = ?",  # noqa: S608 - a constant
        (function, name),
    ).fetchone()
    return None if found is None else _alias(found)


def get(connection: sqlite3.Connection, function: FunctionName, name: str) -> Alias:
    """One alias. Raises `AliasNotFound`."""
    found = find(connection, function, name)
    if found is None:
        known = tuple(alias.name for alias in all_of(connection, function))
        raise AliasNotFound(function, name, known=known)
    return found


def using(
    connection: sqlite3.Connection, function: FunctionName, version: Qualifier
) -> tuple[Qualifier, ...]:
    """Names of the aliases that lead to a version."""
    return tuple(alias.name for alias in all_of(connection, function) if version in alias.versions)


def create(connection: sqlite3.Connection, alias: Alias, *, at: datetime) -> int:
    """Add one; the number of the change. Raises `AliasExists`, `FunctionNotFound` for its versions."""
    if find(connection, alias.function, alias.name) is not None:
        raise AliasExists(alias.function, alias.name)
    _check_versions(connection, alias)
    put(connection, alias)
    return changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.CREATE_ALIAS,
            subject=f"{alias.function}:{alias.name}",
            summary=f"Alias {alias.name} of {alias.function} made: {told(alias)}.",
            after=to_json(alias),
        ),
    )


def update(
    connection: sqlite3.Connection,
    alias: Alias,
    *,
    at: datetime,
    kind: ChangeKind = ChangeKind.UPDATE_ALIAS,
) -> int:
    """Make the alias of that name what `alias` says; the number of the change.

    Raises `AliasNotFound`, `FunctionNotFound` for its versions.
    """
    before = get(connection, alias.function, alias.name)
    _check_versions(connection, alias)
    put(connection, alias)
    return changes.record(
        connection,
        Change(
            at=at,
            kind=kind,
            subject=f"{alias.function}:{alias.name}",
            summary=f"Alias {alias.name} of {alias.function} moved from {told(before)} to {told(alias)}.",
            before=to_json(before),
            after=to_json(alias),
        ),
    )


def delete(
    connection: sqlite3.Connection, function: FunctionName, name: str, *, at: datetime
) -> int | None:
    """Remove one and what is provisioned on it; the number of the change, `None`: there was none.

    Source: DeleteAlias is idempotent.
    """
    before = find(connection, function, name)
    if before is None:
        return None
    connection.execute("DELETE FROM aliases WHERE function = ? AND name = ?", (function, name))
    connection.execute(
        "DELETE FROM provisioned WHERE function = ? AND qualifier = ?", (function, name)
    )
    return changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.DELETE_ALIAS,
            subject=f"{function}:{name}",
            summary=f"Alias {name} of {function} deleted; it led to {told(before)}.",
            before=to_json(before),
        ),
    )


def put(connection: sqlite3.Connection, alias: Alias) -> None:
    """Write the row, without looking."""
    connection.execute(
        f"INSERT OR REPLACE INTO aliases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            alias.function,
            alias.name,
            alias.version,
            alias.description,
            alias.revision_id,
            alias.additional,
            alias.weight,
        ),
    )


def told(alias: Alias) -> str:
    """Where it leads, in words."""
    if alias.additional is None:
        return alias.version
    return f"{alias.version} and {alias.weight:.0%} {alias.additional}"


# --- taking back -------------------------------------------------------------------------------------


def undo_create(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The alias goes again."""
    alias = _unchanged(connection, change)
    connection.execute(
        "DELETE FROM aliases WHERE function = ? AND name = ?", (alias.function, alias.name)
    )
    del at


def undo_update(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The alias is again what it was."""
    _unchanged(connection, change)
    before = from_json(change.before)
    _check_versions(connection, before)
    put(connection, before)
    del at


def undo_delete(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The alias is back."""
    before = from_json(change.before)
    if find(connection, before.function, before.name) is not None:
        raise ConflictError(f"{change.subject} exists again: delete it first.")
    _check_versions(connection, before)
    put(connection, before)
    del at


def _unchanged(connection: sqlite3.Connection, change: Change) -> Alias:
    after = from_json(change.after)
    if find(connection, after.function, after.name) != after:
        raise ConflictError(
            f"{change.subject} has been changed since, so that this cannot be undone: "
            f"{change.summary}"
        )
    return after


# --- rows ----------------------------------------------------------------------------------------------


def _check_versions(connection: sqlite3.Connection, alias: Alias) -> None:
    for version in alias.versions:
        if version == LATEST:
            continue
        found = connection.execute(
            "SELECT 1 FROM versions WHERE function = ? AND number = ? AND deleted_at IS NULL",
            (alias.function, int(version)),
        ).fetchone()
        if found is None:
            raise FunctionNotFound(alias.function, qualifier=version)


def to_json(alias: Alias) -> dict[str, Any]:
    """As the journal of changes keeps it."""
    return {
        "function": alias.function,
        "name": alias.name,
        "version": alias.version,
        "description": alias.description,
        "revision_id": alias.revision_id,
        "additional": alias.additional,
        "weight": alias.weight,
    }


def from_json(value: dict[str, Any] | None) -> Alias:
    """The inverse of `to_json`."""
    assert value is not None, "such changes have one"
    return Alias(**value)


def _alias(row: tuple[Any, ...]) -> Alias:
    function, name, version, description, revision_id, additional, weight = row
    return Alias(
        function=FunctionName(function),
        name=Qualifier(name),
        version=Qualifier(version),
        description=description,
        revision_id=revision_id,
        additional=None if additional is None else Qualifier(additional),
        weight=weight,
    )
