"""What was invoked here, by whichever workbench: questions to the database.

Every question sees what this process announced before it was asked. All raise `StoreError` where
the history cannot be read; functions run on without it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workbench.clock import Clock
from workbench.errors import InvalidParameter, InvocationNotFound, StoreError
from workbench.expression import expression
from workbench.model.alarm import Traffic
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.invocation import InvocationRecord, LogEntry, RunSummary
from workbench.model.names import FunctionName, Qualifier
from workbench.model.settings import Retention
from workbench.store import pruning, rows, traffic
from workbench.store.database import Database, Work
from workbench.store.instances import live_instances
from workbench.store.pruning import Pruned
from workbench.store.times import to_us

if TYPE_CHECKING:
    from workbench.store.commits import Commits

_T = TypeVar("_T")

PREFIX_CHARACTERS = 8
"""How much of a request id is enough to name an invocation."""
FOLLOW_LIMIT = 1000
"""Log entries given at once."""

_REQUEST_ID = expression(r"[0-9a-f-]+")


class History:
    """The history as front ends ask for it."""

    def __init__(
        self,
        database: Database,
        *,
        state: Path,
        clock: Clock,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """`settle` waits until everything announced so far is in the database."""
        self._database = database
        self._state = state
        self._clock = clock
        self._settle = settle

    @property
    def problem(self) -> StoreError | None:
        """Why nothing is added to the history at the moment; `None`: all is well."""
        return self._database.problem

    # --- invocations ------------------------------------------------------------------------------

    async def recent(
        self, function: FunctionName | None, *, limit: int, before: datetime | None = None
    ) -> tuple[RunSummary, ...]:
        """The newest first, those in progress among them; `before`: accepted before that time."""
        return await self._read(
            partial(
                _recent,
                function=function,
                limit=limit,
                before_us=None if before is None else to_us(before),
            )
        )

    async def latest(self) -> dict[FunctionName, RunSummary]:
        """The newest of each function."""
        return await self._read(_latest)

    async def record(self, request_id: str) -> InvocationRecord:
        """One invocation, payload and response included; 8 characters of its id are enough.

        Raises `InvocationNotFound`, and `InvalidParameter` when that names several, or is too short.
        """
        return await self._read(partial(_record, request_id=request_id))

    async def logs(self, request_id: str) -> tuple[LogEntry, ...]:
        """An invocation's log, oldest first. Raises as `record`.

        Lines that its environment wrote before it, but after any other invocation, belong to it:
        those of the init phase, when it needed a new environment.
        """
        return await self._read(partial(_logs, request_id=request_id))

    async def traffic(
        self, function: FunctionName, qualifier: Qualifier, *, since: datetime
    ) -> dict[Qualifier, Traffic]:
        """What each version did of the calls accepted since then that named `qualifier`."""
        return await self._read(
            partial(traffic.by_version, function=function, qualifier=qualifier, since=since)
        )

    # --- logs as they come ------------------------------------------------------------------------

    async def position(self, function: FunctionName | None = None, *, back: int = 0) -> int:
        """Where to `follow` from: after everything logged so far but the last `back` entries."""
        return await self._read(partial(_position, function=function, back=back))

    async def follow(
        self, function: FunctionName | None = None, *, after: int
    ) -> tuple[tuple[LogEntry, ...], int]:
        """Entries logged after a position, of all workbenches here, and the position after them.

        At most `FOLLOW_LIMIT` at once. When there are none, wait for one of `changes`.
        """
        return await self._read(partial(_follow, function=function, after=after))

    def changes(self) -> AbstractAsyncContextManager[Commits]:
        """Told when any workbench here has added to the history."""
        from workbench.store.commits import watch_commits  # 10 ms that only who follows waits for

        return watch_commits(self._database.path)

    # --- environments -----------------------------------------------------------------------------

    async def environments(self) -> tuple[EnvironmentSnapshot, ...]:
        """Those of all workbenches that live, oldest first."""
        return await self._read(partial(_environments, state=self._state))

    # --- upkeep -----------------------------------------------------------------------------------

    async def size(self) -> int:
        """Bytes it takes on disk."""
        return await asyncio.to_thread(_size, self._database.path)

    async def prune(self, retention: Retention) -> Pruned:
        """Forget what is older or more than `retention` allows, oldest first.

        Whole invocations with their logs, a few milliseconds at a time; one in progress stays.
        Cancellation: what is forgotten is forgotten.
        """
        used = await self._read(pruning.used_bytes)
        before = await self.size()
        cutoff = self._clock.now() - timedelta(days=retention.max_age_days)
        limit = pruning.Limit(
            before_us=to_us(cutoff),
            target_bytes=int(retention.max_bytes * pruning.TARGET)
            if used > retention.max_bytes
            else None,
        )
        invocations = log_lines = 0
        while True:
            went = await self._database.write(partial(pruning.delete_some, limit=limit))
            if went == (0, 0):
                break
            invocations += went[0]
            log_lines += went[1]
        await self._database.write(partial(traffic.forget_throttles, before=cutoff))
        live = await asyncio.to_thread(live_instances, self._state)
        names = tuple(info.instance for info in live)
        await self._database.write(partial(pruning.forget_environments, live=names))
        free, before_that = await self._database.write(pruning.give_back_some), 0
        while free and free != before_that:
            free, before_that = await self._database.write(pruning.give_back_some), free
        await self._database.maintain(pruning.checkpoint)
        return Pruned(
            invocations=invocations, log_lines=log_lines, bytes=before - await self.size()
        )

    async def settle(self) -> None:
        """Wait until everything this workbench has announced so far can be read, by other processes too.
        At once while the database fails.
        """
        if self._database.problem is None:
            await self._settle()

    async def _read(self, work: Work[_T]) -> _T:
        await self.settle()
        return await self._database.read(work)


# --- in a reader's thread -----------------------------------------------------------------------------


def _recent(
    connection: sqlite3.Connection,
    *,
    function: FunctionName | None,
    limit: int,
    before_us: int | None,
) -> tuple[RunSummary, ...]:
    conditions = {"function = ?": function, "accepted_at < ?": before_us}
    given = {text: value for text, value in conditions.items() if value is not None}
    found = connection.execute(
        f"{rows.SUMMARY_QUERY} WHERE {' AND '.join(given) or 'TRUE'} "
        "ORDER BY accepted_at DESC, id DESC LIMIT ?",
        (*given.values(), limit),
    )
    return tuple(map(rows.summary, found))


# A step or two down an index for each function, however many invocations there are.
_NEWEST_OF_EACH = """
    WITH RECURSIVE names (name) AS (
        SELECT min(function) FROM invocations
        UNION ALL
        SELECT (SELECT min(function) FROM invocations WHERE function > name)
        FROM names WHERE name IS NOT NULL
    )
    SELECT (
        SELECT id FROM invocations WHERE function = name ORDER BY accepted_at DESC, id DESC LIMIT 1
    ) FROM names WHERE name IS NOT NULL
"""


def _latest(connection: sqlite3.Connection) -> dict[FunctionName, RunSummary]:
    found = connection.execute(f"{rows.SUMMARY_QUERY} WHERE id IN ({_NEWEST_OF_EACH})")
    return {summary.function: summary for summary in map(rows.summary, found)}


def _resolve(connection: sqlite3.Connection, request_id: str) -> int:
    """The row of the invocation whose id begins so."""
    wanted = request_id.strip().lower()
    if len(wanted) < PREFIX_CHARACTERS:
        raise InvalidParameter(
            f"{request_id!r} is too short for a request id: give at least its first "
            f"{PREFIX_CHARACTERS} characters.",
            parameter="request_id",
        )
    if not _REQUEST_ID.fullmatch(wanted):
        raise InvocationNotFound(request_id)
    found = connection.execute(
        "SELECT id, request_id FROM invocations WHERE request_id >= ? AND request_id < ? "
        "ORDER BY request_id LIMIT 3",
        (wanted, wanted + "~"),
    ).fetchall()
    if not found:
        raise InvocationNotFound(request_id)
    if len(found) > 1 and found[0][1] != wanted:
        raise InvalidParameter(
            f"{request_id!r} names several invocations: {found[0][1]} and {found[1][1]}, "
            "for example. Give more of the id.",
            parameter="request_id",
        )
    return int(found[0][0])


def _record(connection: sqlite3.Connection, *, request_id: str) -> InvocationRecord:
    invocation = _resolve(connection, request_id)
    query = f"{rows.RECORD_QUERY} WHERE i.id = ?"
    return rows.record(connection.execute(query, (invocation,)).fetchone())


def _logs(connection: sqlite3.Connection, *, request_id: str) -> tuple[LogEntry, ...]:
    invocation = _resolve(connection, request_id)
    stretches = connection.execute(
        "SELECT environment, min(id), max(id) FROM logs WHERE invocation = ? GROUP BY environment "
        "ORDER BY min(id)",
        (invocation,),
    ).fetchall()
    entries: list[LogEntry] = []
    for environment, first, last in stretches:
        (previous,) = connection.execute(
            "SELECT max(id) FROM logs WHERE environment = ? AND id < ? AND invocation IS NOT NULL",
            (environment, first),
        ).fetchone()
        found = connection.execute(
            f"{rows.ENTRY_QUERY} WHERE l.environment = ? AND l.id > ? AND l.id <= ? "
            "AND (l.invocation = ? OR (l.invocation IS NULL AND l.id < ?)) ORDER BY l.id",
            (environment, previous or 0, last, invocation, first),
        )
        entries.extend(map(rows.entry, found))
    return tuple(entries)


def _position(connection: sqlite3.Connection, *, function: FunctionName | None, back: int) -> int:
    if back == 0:
        return _last_entry(connection)
    condition, given = _of(function)
    found = connection.execute(
        f"{rows.ENTRY_QUERY} WHERE {condition} ORDER BY l.id DESC LIMIT 1 OFFSET ?",
        (*given, back),
    ).fetchone()
    return 0 if found is None else int(found[-1])


def _follow(
    connection: sqlite3.Connection, *, function: FunctionName | None, after: int
) -> tuple[tuple[LogEntry, ...], int]:
    condition, given = _of(function)
    found = connection.execute(
        f"{rows.ENTRY_QUERY} WHERE {condition} AND l.id > ? ORDER BY l.id LIMIT ?",
        (*given, after, FOLLOW_LIMIT),
    ).fetchall()
    more = len(found) == FOLLOW_LIMIT
    position = int(found[-1][-1]) if more else max(after, _last_entry(connection))
    return tuple(map(rows.entry, found)), position


def _of(function: FunctionName | None) -> tuple[str, tuple[str, ...]]:
    return ("TRUE", ()) if function is None else ("e.function = ?", (function,))


def _last_entry(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT max(id) FROM logs").fetchone()
    return last or 0


_ALIVE = "state <> 'stopped' AND instance IN (SELECT value FROM json_each(?))"


def _environments(
    connection: sqlite3.Connection, *, state: Path
) -> tuple[EnvironmentSnapshot, ...]:
    live = json.dumps([info.instance for info in live_instances(state)])
    found = connection.execute(
        f"{rows.SNAPSHOT_QUERY} WHERE {_ALIVE} ORDER BY created_at, id", (live,)
    )
    return tuple(map(rows.snapshot, found))


def _size(database: Path) -> int:
    files = (database, Path(f"{database}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
