"""Forgetting: the oldest invocations with all that belongs to them, a little at a time.

Each step is a transaction of a few milliseconds, so that what is recorded meanwhile never waits
long. Invariant: an invocation goes whole, and never while it runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from workbench.values import dataclass

STEP_ROWS = 2_000
"""Rows deleted in one transaction, at most about; a page of a payload counts as one."""
STEP_PAGES = 512
"""Free pages given back to the file system in one transaction: 2 MiB."""
TARGET = 0.9
"""When the history is too large, it is brought down to this share of what it may be."""
_LINES_AT_ONCE = 100
"""Then it is looked at whether that was enough."""
_NEVER_US = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was forgotten."""

    invocations: int = 0
    log_lines: int = 0
    bytes: int = 0
    """How much smaller the file became; less than 0 when it grew meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What is to go: what was accepted or logged before a time, and the oldest while it is too much."""

    before_us: int
    target_bytes: int | None
    """`None`: it is not too much."""


@dataclass(slots=True)
class _Step:
    """One transaction's work."""

    connection: sqlite3.Connection
    limit: Limit
    rows: int = 0
    invocations: int = 0
    log_lines: int = 0

    @property
    def room(self) -> int:
        return STEP_ROWS - self.rows

    def too_large(self) -> bool:
        target = self.limit.target_bytes
        return target is not None and used_bytes(self.connection) > target


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the file would take without its free pages."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * page_bytes)


def delete_some(connection: sqlite3.Connection, limit: Limit) -> tuple[int, int]:
    """One step: how many invocations and how many log lines went. Both 0: there is no more to do."""
    step = _Step(connection, limit)
    _delete_lines_outside(step, before_us=limit.before_us)
    for invocation, accepted_at, pages in _oldest(step):
        if step.room <= 0:
            break
        _delete_lines_outside(step, before_us=accepted_at)
        _delete_lines_of(step, invocation)
        if step.room <= 0:
            break
        connection.execute("DELETE FROM invocations WHERE id = ?", (invocation,))
        step.invocations += 1
        step.rows += 1 + pages
    while step.room > 0 and step.too_large():  # although no invocation is left that may go
        if not _delete_lines_outside(step, before_us=_NEVER_US, most=_LINES_AT_ONCE):
            break
    return step.invocations, step.log_lines


def _oldest(step: _Step) -> Iterator[tuple[int, int, int]]:
    """Finished invocations that have to go: id, time, and pages their payloads take."""
    while True:
        found = step.connection.execute(
            """
            SELECT i.id, i.accepted_at,
                (coalesce((SELECT length(payload) FROM requests WHERE invocation = i.id), 0)
                + coalesce((SELECT length(payload) FROM responses WHERE invocation = i.id), 0))
                    / 4096
            FROM invocations AS i WHERE i.kind IS NOT NULL
            ORDER BY i.accepted_at, i.id LIMIT 1
            """
        ).fetchone()
        if found is None:
            return
        if found[1] >= step.limit.before_us and not step.too_large():
            return
        yield found


def _delete_lines_of(step: _Step, invocation: int) -> None:
    deleted = step.connection.execute(
        "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE invocation = ? LIMIT ?)",
        (invocation, max(0, step.room)),
    ).rowcount
    step.rows += deleted
    step.log_lines += deleted


def _delete_lines_outside(step: _Step, *, before_us: int, most: int = STEP_ROWS) -> int:
    """Lines of no invocation, the oldest first. How many went."""
    deleted = step.connection.execute(
        "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE invocation IS NULL AND at < ? "
        "ORDER BY at LIMIT ?)",
        (before_us, max(0, min(step.room, most))),
    ).rowcount
    step.rows += deleted
    step.log_lines += deleted
    return deleted


def forget_environments(connection: sqlite3.Connection, live: tuple[str, ...]) -> None:
    """Those that are gone, and that nothing mentions any more. `live` are instances."""
    connection.execute(
        """
        DELETE FROM environments
        WHERE (
            state IS NULL OR state = 'stopped'
            OR instance NOT IN (SELECT value FROM json_each(?))
        )
            AND NOT EXISTS (SELECT 1 FROM logs WHERE environment = environments.id)
            AND NOT EXISTS (SELECT 1 FROM invocations WHERE environment = environments.id)
        """,
        (json.dumps(live),),
    )


def give_back_some(connection: sqlite3.Connection) -> int:
    """Shrink the file by some of its free pages. How many are still free."""
    connection.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})").fetchall()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(free)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Bring the file itself up to date, as far as readers allow without waiting for them."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
