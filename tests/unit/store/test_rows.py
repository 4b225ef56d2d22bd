"""Values into rows and back, through a real database in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import EPOCH
from tests.fakes.versions import an_acceptance
from tests.unit.store import strategies as values
from workbench.model import invocation as model
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.failures import lost
from workbench.model.invocation import (
    InvocationRecord,
    LogEntry,
    Measurements,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import EnvironmentId
from workbench.store import inserts, rows, schema
from workbench.store.changes import Change, Ended, Logged, Reported, ended, reported

MINE = "0a1b2c3d"


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection, Path("workbench.db"), schema.migrations())
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def take(connection: sqlite3.Connection, *changes: Change) -> list[Exception]:
    connection.execute("BEGIN")
    last = inserts.sequence(connection, MINE) + len(changes)
    refused = inserts.take(connection, MINE, list(changes), last)
    connection.execute("COMMIT")
    return refused


def take_record(connection: sqlite3.Connection, record: InvocationRecord) -> list[Exception]:
    changes: list[Change] = [record.acceptance]
    if record.outcome is not None:
        changes += [ended(record), reported(record)]
    return take(connection, *changes)


def the_record(connection: sqlite3.Connection) -> InvocationRecord:
    (row,) = connection.execute(rows.RECORD_QUERY).fetchall()
    return rows.record(row)


def the_summary(connection: sqlite3.Connection) -> model.RunSummary:
    (row,) = connection.execute(rows.SUMMARY_QUERY).fetchall()
    return rows.summary(row)


def all_entries(connection: sqlite3.Connection) -> list[LogEntry]:
    found = connection.execute(f"{rows.ENTRY_QUERY} ORDER BY l.id")
    return [rows.entry(row) for row in found]


@given(values.records())
def test_a_record_comes_back_as_it_went(record: InvocationRecord) -> None:
    with database() as connection:
        assert take_record(connection, record) == []

        assert the_record(connection) == record
        assert the_summary(connection) == model.summary(record)


@given(st.lists(values.entries(), max_size=6, unique_by=lambda one: one.environment_id))
def test_log_entries_come_back_as_they_went(entries: list[LogEntry]) -> None:
    with database() as connection:
        assert take(connection, Logged(entries)) == []

        assert all_entries(connection) == entries


@given(values.acceptances(), st.data())
def test_an_entry_belongs_to_its_invocation(
    acceptance: model.Acceptance, data: st.DataObject
) -> None:
    entry = data.draw(values.entries(request_id=acceptance.request_id))
    with database() as connection:
        take(connection, acceptance, Logged([entry]))

        assert all_entries(connection) == [entry]


@given(values.snapshots, values.snapshots)
def test_an_environment_comes_back_in_its_newest_state(
    older: EnvironmentSnapshot, newer: EnvironmentSnapshot
) -> None:
    older = replace(older, environment_id=newer.environment_id, function=newer.function)
    with database() as connection:
        for snapshot in (older, newer):
            inserts.write_snapshots(connection, MINE, [snapshot])

        (row,) = connection.execute(rows.SNAPSHOT_QUERY).fetchall()
        assert rows.snapshot(row) == newer


@given(values.records().filter(lambda record: record.outcome is not None), values.outcomes)
def test_the_first_outcome_stays(record: InvocationRecord, another: Outcome) -> None:
    with database() as connection:
        take_record(connection, record)

        take_record(connection, replace(record, outcome=another, environment_id=None))

        assert the_record(connection).outcome == record.outcome


@given(values.records())
def test_taking_a_change_twice_is_taking_it_once(record: InvocationRecord) -> None:
    with database() as connection:
        take_record(connection, record)
        take_record(connection, record)

        assert the_record(connection) == record


def test_an_outcome_that_was_lost_is_replaced_by_none() -> None:
    acceptance = an_acceptance()
    gone = lost(acceptance.request_id, "The workbench was killed while it ran.")
    with database() as connection:
        take(connection, acceptance)

        inserts.write_lost(connection, [(acceptance.request_id, gone)], MINE)
        inserts.write_lost(connection, [(acceptance.request_id, gone)], MINE)

        assert the_record(connection).outcome == gone


def test_only_invocations_of_the_dead_instance_are_lost() -> None:
    acceptance = an_acceptance()
    gone = lost(acceptance.request_id, "The workbench was killed while it ran.")
    with database() as connection:
        take(connection, acceptance)

        inserts.write_lost(connection, [(acceptance.request_id, gone)], "ffff0000")

        assert the_record(connection).outcome is None


def test_an_outcome_without_an_acceptance_is_passed_over() -> None:
    acceptance = an_acceptance()
    with database() as connection:
        outcome = Outcome(kind=OutcomeKind.SUCCESS, payload=b"1")
        refused = take(
            connection,
            Ended(acceptance.request_id, outcome, EnvironmentId("ab" * 16), True, EPOCH),
            Reported(acceptance.request_id, Measurements(), 1, 0),
        )

        assert refused == []
        assert connection.execute(rows.RECORD_QUERY).fetchall() == []


def test_a_change_that_does_not_fit_hides_no_other() -> None:
    first, second = an_acceptance(), an_acceptance()
    monstrous = replace(an_acceptance(), memory_mb=2**70)
    with database() as connection:
        refused = take(connection, first, monstrous, second)

        assert [type(error) for error in refused] == [OverflowError]
        found = {rows.record(row).request_id for row in connection.execute(rows.RECORD_QUERY)}
        assert found == {first.request_id, second.request_id}
        assert inserts.sequence(connection, MINE) == 3


def test_a_message_with_a_lone_surrogate_is_kept_without_it() -> None:
    acceptance = an_acceptance()
    outcome = Outcome(
        kind=OutcomeKind.NOT_STARTED,
        payload=b"{}",
        error_type="Workbench.NotStarted",
        error_message="no such file: caf\udce9.py",
    )
    with database() as connection:
        refused = take(
            connection, acceptance, Ended(acceptance.request_id, outcome, None, None, EPOCH)
        )

        assert refused == []
        kept = the_record(connection).outcome
        assert kept is not None
        assert kept.error_message == "no such file: caf?.py"


def test_a_list_shows_the_beginning_of_an_endless_message() -> None:
    acceptance = an_acceptance()
    outcome = Outcome(
        kind=OutcomeKind.ERROR, payload=b"{}", error_type="E", error_message="x" * 1_000_000
    )
    with database() as connection:
        take(connection, acceptance, Ended(acceptance.request_id, outcome, None, None, EPOCH))

        assert the_summary(connection).error_message == "x" * 4096
        assert the_record(connection).outcome == outcome


def test_a_position_in_the_journal_is_kept_for_each_instance() -> None:
    with database() as connection:
        inserts.take(connection, MINE, [an_acceptance()], 7)
        inserts.take(connection, "ffff0000", [an_acceptance()], 3)
        inserts.take(connection, MINE, [], 9)

        assert inserts.sequence(connection, MINE) == 9
        assert inserts.sequence(connection, "ffff0000") == 3

        inserts.forget_journal(connection, instance=MINE)
        assert inserts.sequence(connection, MINE) == 0
