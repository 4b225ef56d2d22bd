"""What each version did of the calls that came through one qualifier, and calls that were throttled."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from workbench.model.alarm import Traffic, percentile
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName, Qualifier
from workbench.store.intake import Throttles
from workbench.store.times import to_us

_OF_OTHERS = (OutcomeKind.STOPPED, OutcomeKind.LOST, OutcomeKind.NOT_STARTED)
"""Not the function's doing: neither calls nor errors of its own."""

_CALLS = f"""
    SELECT version, kind, duration_ms FROM invocations
    WHERE function = ? AND accepted_at >= ? AND target_qualifier = ? AND kind IS NOT NULL
        AND kind NOT IN ({", ".join(f"'{kind}'" for kind in _OF_OTHERS)})
"""  # noqa: S608 - constants


def write_throttles(connection: sqlite3.Connection, throttled: Iterable[Throttles]) -> None:
    """A row for each moment in which calls were refused."""
    connection.executemany(
        "INSERT INTO throttles (at, function, version, target_qualifier, reason, count) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (to_us(one.at), one.function, one.version, one.qualifier, one.reason, one.count)
            for one in throttled
        ],
    )


def by_version(
    connection: sqlite3.Connection,
    *,
    function: FunctionName,
    qualifier: Qualifier,
    since: datetime,
) -> dict[Qualifier, Traffic]:
    """Of the calls accepted since then that named `qualifier`."""
    given = (function, to_us(since), qualifier)
    durations: dict[str, list[float]] = {}
    calls: dict[str, int] = {}
    errors: dict[str, int] = {}
    for version, kind, duration_ms in connection.execute(_CALLS, given):
        calls[version] = calls.get(version, 0) + 1
        if kind != OutcomeKind.SUCCESS:
            errors[version] = errors.get(version, 0) + 1
        if duration_ms is not None:
            durations.setdefault(version, []).append(duration_ms)
    throttles: dict[str, int] = dict(
        connection.execute(
            "SELECT version, sum(count) FROM throttles "
            "WHERE function = ? AND at >= ? AND target_qualifier = ? GROUP BY version",
            given,
        ).fetchall()
    )
    return {
        Qualifier(version): Traffic(
            calls=calls.get(version, 0),
            errors=errors.get(version, 0),
            p50_ms=percentile(durations.get(version, []), 50),
            p95_ms=percentile(durations.get(version, []), 95),
            throttles=throttles.get(version, 0),
        )
        for version in sorted(calls.keys() | throttles.keys())
    }


def forget_throttles(connection: sqlite3.Connection, *, before: datetime) -> None:
    """Those of before then."""
    connection.execute("DELETE FROM throttles WHERE at < ?", (to_us(before),))
