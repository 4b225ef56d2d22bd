from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import DatabaseCorrupt, DatabaseTooNew
from workbench.model.invocation import NO_SPLIT
from workbench.store import rows, schema

PATH = Path("workbench.db")
STEPS = schema.migrations()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def described(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    return connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name"
    ).fetchall()


def version(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


@pytest.mark.parametrize("earlier", range(len(STEPS)))
def test_every_earlier_schema_becomes_the_present_one(earlier: int) -> None:
    with (
        sqlite3.connect(":memory:", isolation_level=None) as old,
        sqlite3.connect(":memory:", isolation_level=None) as fresh,
    ):
        if earlier:
            schema.migrate(old, PATH, STEPS[:earlier])
        schema.migrate(old, PATH, STEPS)
        schema.migrate(fresh, PATH, STEPS)

        assert described(old) == described(fresh)
        assert version(old) == len(STEPS)
    old.close()
    fresh.close()


def test_runs_from_before_the_split_of_a_start_stay_and_leave_it_unknown(
    connection: sqlite3.Connection,
) -> None:
    schema.migrate(connection, PATH, STEPS[:1])
    connection.execute(
        "INSERT INTO invocations (request_id, instance, function, version, origin, accepted_at, "
        "code_digest, memory_mb, timeout_s, kind, queued_ms, create_ms, init_ms, duration_ms, "
        "billed_ms) VALUES ('old', 'i', 'hello', '$LATEST', 'cli', 0, '', 128, 3, 'success', "
        "0.5, 190.0, 60.0, 12.5, 73)"
    )

    schema.migrate(connection, PATH, STEPS)

    found = rows.record(connection.execute(rows.RECORD_QUERY).fetchone())
    assert found.measurements is not None
    assert found.measurements.container_ms == 190.0
    assert found.measurements.init_ms == 60.0
    assert found.measurements.split == NO_SPLIT
    assert rows.summary(connection.execute(rows.SUMMARY_QUERY).fetchone()).split == NO_SPLIT


def test_a_present_database_is_left_alone(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, PATH, STEPS)
    before = connection.total_changes

    schema.migrate(connection, PATH, STEPS)

    assert connection.total_changes == before
    assert schema.check(connection, PATH, known=len(STEPS)) == len(STEPS)


def test_a_step_that_fails_leaves_nothing_behind(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, PATH, STEPS)
    before = described(connection)
    step = "CREATE TABLE extra (a INTEGER);\nINSERT INTO missing VALUES (1);\n"

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        schema.migrate(connection, PATH, (*STEPS, step))

    assert described(connection) == before
    assert version(connection) == len(STEPS)


def test_statements_may_span_lines_and_hold_semicolons(connection: sqlite3.Connection) -> None:
    step = (
        "-- a comment; with a semicolon\n"
        "CREATE TABLE notes (\n    text TEXT DEFAULT 'a;b'\n);\n"
        "CREATE TRIGGER no_more AFTER INSERT ON notes BEGIN\n"
        "    UPDATE notes SET text = 'x';\n"
        "    SELECT 1;\n"
        "END;\n"
        "-- the end\n"
    )

    schema.migrate(connection, PATH, (*STEPS, step))
    connection.execute("INSERT INTO notes DEFAULT VALUES")

    assert connection.execute("SELECT text FROM notes").fetchall() == [("x",)]


def test_a_newer_database_is_refused_with_what_to_do(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, PATH, (*STEPS, "CREATE TABLE later (a INTEGER);"))

    with pytest.raises(DatabaseTooNew, match="made by a newer workbench") as refused:
        schema.migrate(connection, PATH, STEPS)

    assert (refused.value.found, refused.value.known) == (len(STEPS) + 1, len(STEPS))


def test_a_database_of_another_program_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE bookmarks (url TEXT)")

    with pytest.raises(DatabaseCorrupt, match="another program"):
        schema.migrate(connection, PATH, STEPS)

    assert [row[1] for row in described(connection)] == ["bookmarks"]


def test_the_file_says_whose_it_is(connection: sqlite3.Connection) -> None:
    schema.migrate(connection, PATH, STEPS)

    (found,) = connection.execute("PRAGMA application_id").fetchone()

    assert found.to_bytes(4, "big") == b"wkbn"


def test_a_database_that_is_made_while_it_is_looked_at_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    steps = schema.migrations()
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as one,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        schema.use_wal(one)

        def meanwhile(statement: str) -> None:
            if "user_version" in statement:
                one.set_trace_callback(None)
                schema.migrate(other, path, steps)

        one.set_trace_callback(meanwhile)

        assert schema.check(one, path, known=len(steps)) == 0
        assert schema.check(one, path, known=len(steps)) == len(steps)
