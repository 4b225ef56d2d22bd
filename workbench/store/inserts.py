"""Changes into rows: every statement that the journal, the recorder and the recovery write with.

Each is right when it comes a second time: the first outcome of an invocation stays, and the number
of the last change taken from a journal is in the same transaction as the change.

Many rows go in one statement. It is not SQLite that gains from that but the event loop: Python's
lock is let go while a statement runs, and a thread that takes it back every few microseconds keeps
the loop from getting it at all. Measured: with a statement for each row (`executemany`) a call to
the journal took 25 ms now and then; as it is, 1 ms. So rows are also made a chunk at a time.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.model.environment import EnvironmentSnapshot
from workbench.model.invocation import Acceptance, InitSplit, LogEntry, Outcome
from workbench.model.names import EnvironmentId, FunctionName
from workbench.store.changes import Change, Ended, Logged, Reported
from workbench.store.complaints import is_of_one_statement
from workbench.store.times import to_optional_us, to_us


def sequence(connection: sqlite3.Connection, instance: str) -> int:
    """The number of the last change of `instance` that is in the database; 0: none."""
    found = connection.execute(
        "SELECT sequence FROM journals WHERE instance = ?", (instance,)
    ).fetchone()
    return 0 if found is None else int(found[0])


def forget_journal(connection: sqlite3.Connection, *, instance: str) -> None:
    """Its files are gone."""
    connection.execute("DELETE FROM journals WHERE instance = ?", (instance,))


def take(
    connection: sqlite3.Connection, instance: str, changes: Sequence[Change], last: int
) -> list[Exception]:
    """Write changes, in order; `last` is the number of the last one in the journal of `instance`.

    Runs inside a transaction. A change the database cannot hold (a number beyond 64 bits, say) is
    left out and its error given back, so that it does not stand in the way of those after it.
    """
    refused: list[Exception] = []
    if changes and _try(connection, instance, changes) is not None:
        alone = (_try(connection, instance, [change]) for change in changes)
        refused = [error for error in alone if error is not None]
    connection.execute(
        "INSERT INTO journals (instance, sequence) VALUES (?, ?) "
        "ON CONFLICT (instance) DO UPDATE SET sequence = excluded.sequence",
        (instance, last),
    )
    return refused


def _try(
    connection: sqlite3.Connection, instance: str, changes: Sequence[Change]
) -> Exception | None:
    connection.execute("SAVEPOINT changes")
    try:
        _write(connection, instance, changes)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        if not is_of_one_statement(error):
            raise
        connection.execute("ROLLBACK TO changes")
        return error
    finally:
        if connection.in_transaction:
            connection.execute("RELEASE changes")
    return None


def _write(connection: sqlite3.Connection, instance: str, changes: Sequence[Change]) -> None:
    """Kind by kind, which is the order in which the changes of one invocation come."""
    accepted = [change for change in changes if isinstance(change, Acceptance)]
    if accepted:
        _write_acceptances(connection, instance, accepted)
    ended = [change for change in changes if isinstance(change, Ended)]
    if ended:
        _write_outcomes(connection, ended)
    reported = [change for change in changes if isinstance(change, Reported)]
    if reported:
        _execute(connection, _REPORT, map(_report, reported))
    entries = [
        entry for change in changes if isinstance(change, Logged) for entry in change.entries
    ]
    if entries:
        _write_entries(connection, instance, entries)


# --- many rows at once --------------------------------------------------------------------------------

_CHUNK = 64
_REST = (16, 4, 1)
"""Rows in one statement: few sizes, so that SQLite's compiled statements are used again."""


def _execute(
    connection: sqlite3.Connection, statement: str, values: Iterable[tuple[Any, ...]]
) -> None:
    """Run a statement that has `{values}` in it, where a list of rows goes."""
    remaining = iter(values)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        for size in (_CHUNK, *_REST):
            while len(chunk) >= size:
                rows, chunk = chunk[:size], chunk[size:]
                text = _with_places(statement, rows=size, columns=len(rows[0]))
                connection.execute(text, [value for row in rows for value in row])


@functools.lru_cache(maxsize=64)
def _with_places(statement: str, *, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.replace("{values}", f"VALUES {', '.join([row] * rows)}")


# --- invocations --------------------------------------------------------------------------------------

_ACCEPTANCE = """
    INSERT INTO invocations (
        request_id, instance, function, version, target_qualifier, target_region, target_account,
        origin, event, accepted_at, code_digest, memory_mb, timeout_s
    ) {values} ON CONFLICT (request_id) DO NOTHING
"""
_REQUEST = """
    INSERT INTO requests (invocation, payload)
    SELECT i.id, v.column2 FROM ({values}) AS v
        CROSS JOIN invocations AS i ON i.request_id = v.column1
    WHERE TRUE ON CONFLICT (invocation) DO NOTHING
"""
_PLACE = """
    INSERT INTO environments (environment_id, function, instance)
    SELECT v.column1, i.function, i.instance FROM ({values}) AS v
        CROSS JOIN invocations AS i ON i.request_id = v.column2
    WHERE TRUE ON CONFLICT (environment_id) DO NOTHING
"""
_RESPONSE = """
    INSERT INTO responses (invocation, payload)
    SELECT i.id, v.column2 FROM ({values}) AS v
        CROSS JOIN invocations AS i ON i.request_id = v.column1
    WHERE i.kind IS NULL ON CONFLICT (invocation) DO NOTHING
"""
_OUTCOME = """
    UPDATE invocations SET
        kind = v.column2, error_type = v.column3, error_message = v.column4,
        environment = (SELECT id FROM environments WHERE environment_id = v.column5),
        cold = v.column6, ended_at = v.column7, initialization_type = v.column8
    FROM ({values}) AS v WHERE request_id = v.column1 AND kind IS NULL
"""
_LOST = """
    UPDATE invocations SET kind = v.column2, error_type = v.column3, error_message = v.column4
    FROM ({values}) AS v WHERE request_id = v.column1 AND kind IS NULL AND instance = v.column5
"""
_REPORT = """
    UPDATE invocations SET
        queued_ms = v.column2, create_ms = v.column3, init_ms = v.column4,
        duration_ms = v.column5, billed_ms = v.column6, max_memory_bytes = v.column7,
        cpu_ms = v.column8, engine_create_ms = v.column9, engine_start_ms = v.column10,
        boot_ms = v.column11, import_ms = v.column12, claim_ms = v.column13,
        log_lines = v.column14, log_bytes_dropped = v.column15
    FROM ({values}) AS v WHERE request_id = v.column1 AND queued_ms IS NULL
"""


def _write_acceptances(
    connection: sqlite3.Connection, instance: str, accepted: Sequence[Acceptance]
) -> None:
    _execute(connection, _ACCEPTANCE, (_acceptance(instance, one) for one in accepted))
    _execute(connection, _REQUEST, ((one.request_id, one.payload) for one in accepted))


def _acceptance(instance: str, acceptance: Acceptance) -> tuple[Any, ...]:
    target = acceptance.target
    return (
        acceptance.request_id,
        instance,
        acceptance.function,
        acceptance.version,
        target.qualifier,
        target.region,
        target.account,
        acceptance.origin.value,
        _storable(acceptance.event),
        to_us(acceptance.accepted_at),
        acceptance.code_digest,
        acceptance.memory_mb,
        acceptance.timeout_s,
    )


def _write_outcomes(connection: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    places = {one.environment_id: one.request_id for one in ended if one.environment_id is not None}
    _execute(connection, _PLACE, places.items())
    _execute(connection, _RESPONSE, ((one.request_id, one.outcome.payload) for one in ended))
    _execute(connection, _OUTCOME, map(_outcome, ended))


def _outcome(ended: Ended) -> tuple[Any, ...]:
    return (
        ended.request_id,
        ended.outcome.kind.value,
        _storable(ended.outcome.error_type),
        _storable(ended.outcome.error_message),
        ended.environment_id,
        ended.cold,
        to_optional_us(ended.ended_at),
        None if ended.initialization_type is None else ended.initialization_type.value,
    )


def _report(reported: Reported) -> tuple[Any, ...]:
    measured = reported.measurements
    figures: tuple[Any, ...] = (None,) * 12
    if measured is not None:
        figures = (
            measured.queued_ms,
            measured.container_ms,
            measured.init_ms,
            measured.duration_ms,
            measured.billed_ms,
            measured.max_memory_bytes,
            measured.cpu_ms,
            *_split(measured.split),
        )
    return (reported.request_id, *figures, reported.log_lines, reported.log_bytes_dropped)


def _split(split: InitSplit) -> tuple[Any, ...]:
    return split.create_ms, split.start_ms, split.boot_ms, split.import_ms, split.claim_ms


def write_lost(
    connection: sqlite3.Connection, lost: Sequence[tuple[str, Outcome]], instance: str
) -> None:
    """Give invocations of a dead instance, by request id, their outcome."""
    _execute(connection, _RESPONSE, ((one, outcome.payload) for one, outcome in lost))
    _execute(
        connection,
        _LOST,
        (
            (one, outcome.kind.value, outcome.error_type, outcome.error_message, instance)
            for one, outcome in lost
        ),
    )


# --- logs and environments ----------------------------------------------------------------------------

_WRITER = """
    INSERT INTO environments (environment_id, function, instance) {values}
    ON CONFLICT (environment_id) DO NOTHING
"""
_ENTRY = """
    INSERT INTO logs (at, environment, invocation, stream, level, text)
    SELECT
        v.column1, (SELECT id FROM environments WHERE environment_id = v.column2),
        (SELECT id FROM invocations WHERE request_id = v.column3), v.column4, v.column5, v.column6
    FROM ({values}) AS v
"""
_SNAPSHOT = """
    INSERT INTO environments (
        environment_id, function, instance, version, state, container, created_at, changed_at,
        idle_until, invocations, invocation, init_ms, memory_mb, peak_bytes, current_bytes, cpu_ns,
        oom_kills, code_digest, retiring, engine_create_ms, engine_start_ms, boot_ms,
        import_ms, claim_ms, origin, initialization_type
    ) {values}
    ON CONFLICT (environment_id) DO UPDATE SET
        version = excluded.version, state = excluded.state, container = excluded.container,
        created_at = excluded.created_at, changed_at = excluded.changed_at,
        idle_until = excluded.idle_until, invocations = excluded.invocations,
        invocation = excluded.invocation, init_ms = excluded.init_ms,
        memory_mb = excluded.memory_mb, peak_bytes = excluded.peak_bytes,
        current_bytes = excluded.current_bytes, cpu_ns = excluded.cpu_ns,
        oom_kills = excluded.oom_kills, code_digest = excluded.code_digest,
        retiring = excluded.retiring, engine_create_ms = excluded.engine_create_ms,
        engine_start_ms = excluded.engine_start_ms, boot_ms = excluded.boot_ms,
        import_ms = excluded.import_ms, claim_ms = excluded.claim_ms, origin = excluded.origin,
        initialization_type = excluded.initialization_type
"""


def _write_entries(
    connection: sqlite3.Connection, instance: str, entries: Sequence[LogEntry]
) -> None:
    """Measured: 5 µs for each entry, indexes included."""
    writers: dict[EnvironmentId, FunctionName] = {
        entry.environment_id: entry.function for entry in entries
    }
    _execute(
        connection,
        _WRITER,
        ((environment, function, instance) for environment, function in writers.items()),
    )
    _execute(connection, _ENTRY, map(_entry, entries))


def _entry(entry: LogEntry) -> tuple[Any, ...]:
    return (
        to_us(entry.at),
        entry.environment_id,
        entry.request_id,
        entry.stream.value,
        entry.level,
        entry.text,
    )


def write_snapshots(
    connection: sqlite3.Connection, instance: str, snapshots: Iterable[EnvironmentSnapshot]
) -> None:
    """The newest state of each environment."""
    _execute(connection, _SNAPSHOT, (_snapshot(instance, one) for one in snapshots))


def _snapshot(instance: str, one: EnvironmentSnapshot) -> tuple[Any, ...]:
    figures = one.figures
    return (
        one.environment_id,
        one.function,
        instance,
        one.version,
        one.state.value,
        one.container,
        to_us(one.created_at),
        to_us(one.changed_at),
        to_optional_us(one.idle_until),
        one.invocations,
        one.invocation,
        one.init_ms,
        one.memory_mb,
        figures.peak_bytes,
        figures.current_bytes,
        figures.cpu_ns,
        figures.oom_kills,
        one.code_digest,
        one.retiring,
        *_split(one.split),
        one.origin.value,
        one.initialization_type.value,
    )


def _storable(text: str | None) -> str | None:
    """Without lone surrogates, which a message about a file name may have and SQLite refuses."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
