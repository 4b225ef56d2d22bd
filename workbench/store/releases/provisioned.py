"""Provisioned concurrency that was asked for: rows, and how each change is taken back.

Functions of a transaction, as in `aliases`. Source: Lambda API reference,
PutProvisionedConcurrencyConfig.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from workbench.errors import AliasNotFound, FunctionNotFound
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Change, ChangeKind, is_number
from workbench.store.releases import aliases, changes, versions
from workbench.store.times import to_us
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One configuration."""

    function: FunctionName
    qualifier: Qualifier
    """A number or an alias."""
    version: Qualifier
    """What that means now."""
    requested: int


def all_of(connection: sqlite3.Connection) -> tuple[Wanted, ...]:
    """Sorted by function and qualifier. An alias that leads to `$LATEST` has none of it in force."""
    found = connection.execute(
        "SELECT function, qualifier, requested FROM provisioned ORDER BY function, qualifier"
    ).fetchall()
    return tuple(
        Wanted(
            function=FunctionName(function),
            qualifier=Qualifier(qualifier),
            version=_meant(connection, FunctionName(function), Qualifier(qualifier)),
            requested=requested,
        )
        for function, qualifier, requested in found
    )


def put(
    connection: sqlite3.Connection,
    function: FunctionName,
    qualifier: Qualifier,
    count: int | None,
    *,
    at: datetime,
) -> bool:
    """Ask for `count` environments, or for none any more; False: none were asked for.

    Raises `FunctionNotFound`, `AliasNotFound`.
    """
    _meant(connection, function, qualifier)
    before = _requested(connection, function, qualifier)
    if before == count:
        return count is not None
    _write(connection, function, qualifier, count, at)
    subject = f"{function}:{qualifier}"
    told = "no provisioned concurrency any more" if count is None else f"{count} provisioned"
    changes.record(
        connection,
        Change(
            at=at,
            kind=ChangeKind.PROVISION,
            subject=subject,
            summary=f"{subject} has {told}.",
            before=_to_json(function, qualifier, before),
            after=_to_json(function, qualifier, count),
        ),
    )
    return True


def undo(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """As many are asked for as before."""
    assert change.before is not None, "such changes have one"
    function, qualifier = change.before["function"], change.before["qualifier"]
    _meant(connection, FunctionName(function), Qualifier(qualifier))
    _write(
        connection,
        FunctionName(function),
        Qualifier(qualifier),
        change.before["requested"],
        at,
    )


def _meant(
    connection: sqlite3.Connection, function: FunctionName, qualifier: Qualifier
) -> Qualifier:
    if not is_number(qualifier):
        try:
            return aliases.get(connection, function, qualifier).version
        except AliasNotFound:
            raise FunctionNotFound(function, qualifier=qualifier) from None
    if versions.find(connection, function, int(qualifier)) is None:
        raise FunctionNotFound(function, qualifier=qualifier)
    return qualifier


def _requested(
    connection: sqlite3.Connection, function: FunctionName, qualifier: Qualifier
) -> int | None:
    found = connection.execute(
        "SELECT requested FROM provisioned WHERE function = ? AND qualifier = ?",
        (function, qualifier),
    ).fetchone()
    return None if found is None else int(found[0])


def _write(
    connection: sqlite3.Connection,
    function: FunctionName,
    qualifier: Qualifier,
    count: int | None,
    at: datetime,
) -> None:
    if count is None:
        connection.execute(
            "DELETE FROM provisioned WHERE function = ? AND qualifier = ?", (function, qualifier)
        )
        return
    connection.execute(
        "INSERT OR REPLACE INTO provisioned (function, qualifier, requested, changed_at)"
        " VALUES (?, ?, ?, ?)",
        (function, qualifier, count, to_us(at)),
    )


def _to_json(function: FunctionName, qualifier: Qualifier, count: int | None) -> dict[str, Any]:
    return {"function": function, "qualifier": qualifier, "requested": count}
