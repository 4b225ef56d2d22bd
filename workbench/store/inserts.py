"""Changes into rows: every statement that the journal, the recorder and the recovery write with.

Each is right when it comes a second time: the first outcome of an invocation stays, and the number
of the last change taken from a journal is in the same transaction as the change.

An invocation that is over by the time it is written, as nearly all are, is one row written once, not
one that is written and changed twice. Measured: 150 µs for each of them, with four log lines, instead of
175.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from workbench.model.environment import EnvironmentSnapshot
from workbench.model.invocation import Acceptance, InitSplit, LogEntry, Outcome
from workbench.model.names import EnvironmentId, FunctionName, RequestId
from workbench.store.changes import Change, Ended, Reported
from workbench.store.complaints import is_of_one_statement
from workbench.store.many_rows import execute, query
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
    """Kind by kind, which is the order in which the changes of one invocation come. The first of two
    counts.
    """
    accepted: dict[RequestId, Acceptance] = {}
    ended: dict[RequestId, Ended] = {}
    reported: dict[RequestId, Reported] = {}
    entries: list[LogEntry] = []
    for change in changes:
        if isinstance(change, Acceptance):
            accepted.setdefault(change.request_id, change)
        elif isinstance(change, Ended):
            ended.setdefault(change.request_id, change)
        elif isinstance(change, Reported):
            reported.setdefault(change.request_id, change)
        else:
            entries += change.entries
    whole = [one for one in accepted if one in ended and one in reported]
    functions = {entry.environment_id: entry.function for entry in entries}
    for one in whole:
        place = ended[one].environment_id
        if place is not None:
            functions[place] = accepted[one].function
    environments = _environments(connection, instance, functions)
    rows = (
        (
            *_acceptance(instance, accepted[one]),
            *_outcome(ended[one], environments),
            *_figures(reported[one]),
        )
        for one in whole
    )
    new = execute(connection, _WHOLE, rows)
    written = set(whole)
    begun = [one for name, one in accepted.items() if name not in written]
    execute(connection, _ACCEPTANCE, (_acceptance(instance, one) for one in begun))
    named = {*accepted, *(entry.request_id for entry in entries if entry.request_id is not None)}
    invocations = _ids(connection, _INVOCATIONS, named)
    payloads = ((invocations[name], one.payload) for name, one in accepted.items())
    execute(connection, _REQUEST, payloads)
    execute(connection, _ANSWER, ((invocations[one], ended[one].outcome.payload) for one in whole))
    if new == len(whole):
        for one in whole:
            del ended[one], reported[one]
    # else some were there already: whatever of them has no end gets it now
    _write_outcomes(connection, ended.values())
    execute(connection, _REPORT, ((one.request_id, *_figures(one)) for one in reported.values()))
    execute(connection, _ENTRY, (_entry(one, environments, invocations) for one in entries))


def _ids(connection: sqlite3.Connection, statement: str, names: Iterable[str]) -> dict[str, int]:
    return dict(query(connection, statement, ((name,) for name in names)))


# --- invocations --------------------------------------------------------------------------------------


def _set(*names: str) -> str:
    """`{values}` has the key first, then these."""
    return ", ".join(f"{name} = v.column{place}" for place, name in enumerate(names, start=2))


_ACCEPTED = (
    "request_id, instance, function, version, target_qualifier, target_region, target_account, "
    "origin, event, accepted_at, code_digest, memory_mb, timeout_s"
)
_ENDED = (
    "kind",
    "error_type",
    "error_message",
    "environment",
    "cold",
    "ended_at",
    "initialization_type",
)
_REPORTED = (
    "queued_ms",
    "create_ms",
    "init_ms",
    "duration_ms",
    "billed_ms",
    "max_memory_bytes",
    "cpu_ms",
    "engine_create_ms",
    "engine_start_ms",
    "boot_ms",
    "import_ms",
    "claim_ms",
    "log_lines",
    "log_bytes_dropped",
)
_ACCEPTANCE = f"""
    INSERT INTO invocations ({_ACCEPTED}) {{values}} ON CONFLICT (request_id) DO NOTHING
"""
_WHOLE = f"""
    INSERT INTO invocations ({", ".join((_ACCEPTED, *_ENDED, *_REPORTED))}) {{values}}
    ON CONFLICT (request_id) DO NOTHING
"""
_INVOCATIONS = """
    SELECT v.column1, i.id FROM ({values}) AS v
        CROSS JOIN invocations AS i ON i.request_id = v.column1
"""
_REQUEST = """
    INSERT INTO requests (invocation, payload) {values} ON CONFLICT (invocation) DO NOTHING
"""
_ANSWER = """
    INSERT INTO responses (invocation, payload) {values} ON CONFLICT (invocation) DO NOTHING
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
_OUTCOME = f"""
    UPDATE invocations SET {_set(*_ENDED)}
    FROM ({{values}}) AS v WHERE request_id = v.column1 AND kind IS NULL
"""  # noqa: S608 - made of the names above
_LOST = f"""
    UPDATE invocations SET {_set("kind", "error_type", "error_message")}
    FROM ({{values}}) AS v WHERE request_id = v.column1 AND kind IS NULL AND instance = v.column5
"""  # noqa: S608 - made of the names above
_REPORT = f"""
    UPDATE invocations SET {_set(*_REPORTED)}
    FROM ({{values}}) AS v WHERE request_id = v.column1 AND queued_ms IS NULL
"""  # noqa: S608 - made of the names above


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


def _write_outcomes(connection: sqlite3.Connection, ended: Collection[Ended]) -> None:
    places = {one.environment_id: one.request_id for one in ended if one.environment_id is not None}
    execute(connection, _PLACE, places.items())
    environments = _ids(connection, _ENVIRONMENTS, places)
    execute(connection, _RESPONSE, ((one.request_id, one.outcome.payload) for one in ended))
    execute(connection, _OUTCOME, ((one.request_id, *_outcome(one, environments)) for one in ended))


def _outcome(ended: Ended, environments: Mapping[str, int]) -> tuple[Any, ...]:
    place, how = ended.environment_id, ended.initialization_type
    return (
        ended.outcome.kind.value,
        _storable(ended.outcome.error_type),
        _storable(ended.outcome.error_message),
        None if place is None else environments.get(place),
        ended.cold,
        to_optional_us(ended.ended_at),
        None if how is None else how.value,
    )


def _figures(reported: Reported) -> tuple[Any, ...]:
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
    return (*figures, reported.log_lines, reported.log_bytes_dropped)


def _split(split: InitSplit) -> tuple[Any, ...]:
    return split.create_ms, split.start_ms, split.boot_ms, split.import_ms, split.claim_ms


def write_lost(
    connection: sqlite3.Connection, lost: Sequence[tuple[str, Outcome]], instance: str
) -> None:
    """Give invocations of a dead instance, by request id, their outcome."""
    execute(connection, _RESPONSE, ((one, outcome.payload) for one, outcome in lost))
    execute(
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
_ENVIRONMENTS = """
    SELECT v.column1, e.id FROM ({values}) AS v
        CROSS JOIN environments AS e ON e.environment_id = v.column1
"""
_ENTRY = "INSERT INTO logs (at, environment, invocation, stream, level, text) {values}"
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


def _environments(
    connection: sqlite3.Connection, instance: str, functions: Mapping[EnvironmentId, FunctionName]
) -> dict[str, int]:
    """The numbers of environments, which are there afterwards."""
    execute(connection, _WRITER, ((name, of, instance) for name, of in functions.items()))
    return _ids(connection, _ENVIRONMENTS, functions)


def _entry(
    entry: LogEntry, environments: Mapping[str, int], invocations: Mapping[str, int]
) -> tuple[Any, ...]:
    """Measured: 5 µs for each entry, indexes included."""
    return (
        to_us(entry.at),
        environments[entry.environment_id],
        None if entry.request_id is None else invocations.get(entry.request_id),
        entry.stream.value,
        entry.level,
        entry.text,
    )


def write_snapshots(
    connection: sqlite3.Connection, instance: str, snapshots: Iterable[EnvironmentSnapshot]
) -> None:
    """The newest state of each environment."""
    execute(connection, _SNAPSHOT, (_snapshot(instance, one) for one in snapshots))


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
