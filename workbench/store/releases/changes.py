"""The journal of changes: what was published, moved and deleted, and taking the last of it back.

Invariant: an entry is written in the transaction that makes the change, and taken back in the
transaction that undoes it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from workbench.errors import ConflictError
from workbench.model.release import Change, ChangeKind
from workbench.store.times import from_optional_us, from_us, to_us

Undoing = Callable[[sqlite3.Connection, Change, datetime], None]
"""Takes one change back, in a transaction. Raises `ConflictError` where that is not possible any more."""

_COLUMNS = "number, at, kind, subject, summary, before, after, undone_at"


def record(connection: sqlite3.Connection, change: Change) -> int:
    """Write an entry; its number."""
    found = connection.execute(
        "INSERT INTO changes (at, kind, subject, summary, before, after) VALUES (?, ?, ?, ?, ?, ?)"
        " RETURNING number",
        (
            to_us(change.at),
            change.kind,
            change.subject,
            change.summary,
            _json(change.before),
            _json(change.after),
        ),
    ).fetchone()
    return int(found[0])


def withdraw(connection: sqlite3.Connection, number: int) -> None:
    """Forget an entry whose change was not made after all."""
    connection.execute("DELETE FROM changes WHERE number = ?", (number,))


def recent(connection: sqlite3.Connection, *, limit: int) -> tuple[Change, ...]:
    """The newest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM changes ORDER BY number DESC LIMIT ?",  # noqa: S608 - a constant
        (limit,),
    )
    return tuple(_change(row) for row in found)


def undo_last(
    connection: sqlite3.Connection, undoings: Mapping[ChangeKind, Undoing], *, at: datetime
) -> Change:
    """Take back the last change that has not been. Raises `ConflictError`."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM changes WHERE undone_at IS NULL"  # noqa: S608 - a constant
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if found is None:
        raise ConflictError("There is nothing to undo.")
    change = _change(found)
    undoings[change.kind](connection, change, at)
    connection.execute(
        "UPDATE changes SET undone_at = ? WHERE number = ?", (to_us(at), change.number)
    )
    return change


def no_row(connection: sqlite3.Connection, change: Change, at: datetime) -> None:
    """The `Undoing` of what is in a file alone, which is for whom `undo_now` calls also."""


def _change(row: tuple[Any, ...]) -> Change:
    number, at, kind, subject, summary, before, after, undone_at = row
    return Change(
        number=number,
        at=from_us(at),
        kind=ChangeKind(kind),
        subject=subject,
        summary=summary,
        before=None if before is None else json.loads(before),
        after=None if after is None else json.loads(after),
        undone_at=from_optional_us(undone_at),
    )


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))
