from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest

from tests.integration.store import disks
from workbench.errors import (
    DatabaseCorrupt,
    DatabaseFull,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseTooNew,
    StoreError,
)
from workbench.store import database as module
from workbench.store import schema
from workbench.store.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "workbench.db"


@asynccontextmanager
async def opened(path: Path, *, busy_s: float = 5.0) -> AsyncIterator[Database]:
    database = Database(path, busy_s=busy_s)
    try:
        await database.open()
        yield database
    finally:
        await database.close()


def note(connection: sqlite3.Connection, *, instance: str = "a") -> str:
    """Write something. (The table is of no matter here.)"""
    connection.execute(
        "INSERT INTO journals (instance, sequence) VALUES (?, 1) "
        "ON CONFLICT DO UPDATE SET sequence = sequence + 1",
        (instance,),
    )
    return instance


def noted(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT instance, sequence FROM journals").fetchall())


def pragma(connection: sqlite3.Connection, *, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def break_off(connection: sqlite3.Connection) -> None:
    note(connection, instance="broken off")
    raise ValueError("changed my mind")


# --- what it is ---------------------------------------------------------------------------------------


async def test_a_new_database_is_made_as_it_should_be(path: Path) -> None:
    async with opened(path) as database:
        for name, expected in {
            "journal_mode": "wal",
            "synchronous": 1,
            "foreign_keys": 1,
            "auto_vacuum": 2,
            "user_version": len(schema.migrations()),
        }.items():
            assert await database.write(partial(pragma, name=name)) == expected, name


async def test_every_file_of_it_is_for_its_owner_only(path: Path) -> None:
    async with opened(path) as database:
        await database.write(note)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(("workbench.db", "workbench.db-wal", "workbench.db-shm"), 0o600)


async def test_an_older_file_that_others_may_read_is_made_private(path: Path) -> None:
    async with opened(path):
        pass
    path.chmod(0o644)

    async with opened(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- writing ------------------------------------------------------------------------------------------


async def test_a_write_is_in_the_file_when_its_caller_goes_on(path: Path) -> None:
    async with opened(path) as database:
        assert await database.write(note) == "a"

        with closing(sqlite3.connect(path)) as another:
            assert noted(another) == {"a": 1}


async def test_writes_that_come_together_are_one_transaction(path: Path) -> None:
    commits: list[str] = []
    async with opened(path) as database:
        await database.write(lambda connection: connection.set_trace_callback(commits.append))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(500):
                tasks.create_task(database.write(note))

        assert await database.read(noted) == {"a": 500}
    assert commits.count("COMMIT") < 50


async def test_a_write_that_fails_is_taken_back_alone(path: Path) -> None:
    async with opened(path) as database:
        async with asyncio.TaskGroup() as tasks:
            before = tasks.create_task(database.write(note))
            failing = tasks.create_task(_outcome(database.write(break_off)))
            after = tasks.create_task(database.write(partial(note, instance="b")))

        assert (before.result(), after.result()) == ("a", "b")
        assert isinstance(failing.result(), ValueError)
        assert await database.read(noted) == {"a": 1, "b": 1}
        assert database.problem is None


async def test_a_wrong_statement_is_taken_back_alone_and_told_in_our_words(path: Path) -> None:
    async with opened(path) as database:
        async with asyncio.TaskGroup() as tasks:
            wrong = tasks.create_task(
                _outcome(database.write(lambda one: one.execute("SELECT * FROM nowhere")))
            )
            right = tasks.create_task(database.write(note))

        assert right.result() == "a"
        assert isinstance(wrong.result(), StoreError)
        assert "no such table: nowhere" in str(wrong.result())


async def _outcome(work: object) -> object:
    try:
        return await work  # type: ignore[misc] # whatever can be awaited
    except Exception as error:  # noqa: BLE001 - it is what is looked at
        return error


async def test_what_nobody_awaits_is_written_all_the_same(path: Path) -> None:
    settled: asyncio.Future[tuple[str | None, Exception | None]] = asyncio.Future()
    committed: list[tuple[str, str]] = []
    async with opened(path) as database:
        database.submit(
            note,
            committed=lambda result: committed.append((result, threading.current_thread().name)),
            settled=lambda result, error: settled.set_result((result, error)),
        )

        assert await settled == ("a", None)
        assert committed == [("a", "history")]


async def test_a_caller_that_goes_away_does_not_take_its_write_along(path: Path) -> None:
    async with opened(path) as database:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(database.write(note))
            await asyncio.sleep(0)  # noqa: TID251 - lets the task begin
            task.cancel()

        assert task.cancelled()
        await database.write(partial(note, instance="b"))
        assert await database.read(noted) == {"a": 1, "b": 1}


# --- reading ------------------------------------------------------------------------------------------


async def test_a_reader_cannot_write(path: Path) -> None:
    async with opened(path) as database:
        with pytest.raises(DatabaseReadOnly):
            await database.read(note)


async def test_a_read_sees_one_state_of_the_database(path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def look_twice(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
        first = noted(connection)
        begun.set()
        go_on.wait(10)
        return first, noted(connection)

    async with opened(path) as database:
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(database.read(look_twice))
            await asyncio.to_thread(begun.wait, 10)
            await database.write(note)
            go_on.set()

        assert looking.result() == ({}, {})
        assert await database.read(noted) == {"a": 1}


async def test_many_reads_at_once_use_few_connections(path: Path) -> None:
    async with opened(path) as database:
        await database.write(note)
        async with asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(database.read(noted)) for _ in range(50)]

        assert all(read.result() == {"a": 1} for read in reads)
        assert 1 <= len(database._idle_readers) <= module.READERS


# --- closing ------------------------------------------------------------------------------------------


async def test_closing_writes_what_was_asked_for_and_ends_the_thread(path: Path) -> None:
    async with opened(path) as database:
        for _ in range(100):
            database.submit(note, settled=lambda _, error: None)
        await database.close()

        assert not database._thread.is_alive()
    with closing(sqlite3.connect(path)) as another:
        assert noted(another) == {"a": 100}
    assert [file.name for file in path.parent.iterdir()] == ["workbench.db"]


async def test_closing_twice_is_closing_once_and_later_work_is_refused(path: Path) -> None:
    async with opened(path) as database:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(database.close())
            tasks.create_task(database.close())
        await database.close()

        with pytest.raises(StoreError, match="closed"):
            await database.write(note)
        with pytest.raises(StoreError, match="closed"):
            await database.read(noted)
        database.submit(note, settled=lambda _, error: pytest.fail("nothing was to be done"))


async def test_closing_waits_for_a_write_only_so_long_and_says_so(path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def dawdle(connection: sqlite3.Connection) -> None:
        begun.set()
        go_on.wait(10)
        note(connection)

    database = Database(path, close_s=0.05)
    await database.open()
    database.submit(dawdle, settled=lambda _, error: None)
    await asyncio.to_thread(begun.wait, 10)

    with pytest.raises(StoreError, match="still being written"):
        await database.close()

    go_on.set()
    database._thread.join(10)
    await database.close()
    with closing(sqlite3.connect(path)) as another:
        assert noted(another) == {"a": 1}


# --- what can be wrong with it ------------------------------------------------------------------------


async def test_a_file_that_is_no_database_is_refused_with_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This was a text once. " * 1000)
    database = Database(path)
    try:
        with pytest.raises(DatabaseCorrupt, match="Move the file away"):
            await database.open()
        assert isinstance(database.problem, DatabaseCorrupt)

        path.unlink()

        assert await database.write(note) == "a", "it is tried again at the next write"
        assert database.problem is None
    finally:
        await database.close()


async def test_a_damaged_database_is_told_from_a_bug(path: Path) -> None:
    async with opened(path) as database:
        for number in range(3000):
            database.submit(partial(note, instance=f"{number:064}"), settled=lambda _, error: None)
    content = bytearray(path.read_bytes())
    page = 4096
    for at in range(2 * page, len(content), page):
        content[at : at + page // 2] = b"\xa5" * (page // 2)
    path.write_bytes(content)

    database = Database(path)
    try:
        with pytest.raises(DatabaseCorrupt):  # noqa: PT012 - wherever it is noticed
            await database.open()
            await database.read(noted)
    finally:
        await database.close()


async def test_a_newer_database_is_refused_and_untouched(path: Path) -> None:
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 4711")
    before = path.read_bytes()

    database = Database(path)
    try:
        with pytest.raises(DatabaseTooNew, match="schema 4711"):
            await database.open()
        with pytest.raises(DatabaseTooNew):
            await database.read(noted)
    finally:
        await database.close()
    assert path.read_bytes() == before


async def test_a_database_that_another_keeps_locked_is_waited_for_then_told(path: Path) -> None:
    async with opened(path, busy_s=0.05) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseLocked, match="Close it"):
                await database.write(note)
            assert isinstance(database.problem, DatabaseLocked)
            assert await database.read(noted) == {}, "reading goes on"
            another.execute("ROLLBACK")

        assert await database.write(note) == "a"
        assert database.problem is None


async def test_a_full_disk_is_told_and_gone_when_there_is_room(tmp_path: Path) -> None:
    def much(connection: sqlite3.Connection) -> None:
        for number in range(200):
            note(connection, instance=f"{number}{'x' * 10_000}")

    with disks.small_disk(tmp_path / "disk", size="1m") as disk:
        async with opened(disk / "workbench.db") as database:
            await database.write(note)
            filler = disks.fill(disk)

            with pytest.raises(DatabaseFull, match="Free some"):
                await database.write(much)
            assert await database.read(noted) == {"a": 1}

            filler.unlink()
            assert await database.write(note) == "a"
            assert await database.read(noted) == {"a": 2}


async def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk", size="1m") as disk:
        disks.make_read_only(disk)
        database = Database(disk / "state" / "workbench.db")
        try:
            with pytest.raises(DatabaseReadOnly, match="Make the folder and its files writable"):
                await database.open()
            with pytest.raises(StoreError):
                await database.read(noted)
        finally:
            await database.close()


async def test_a_path_with_odd_characters_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a ?b#c%20d" / "workbench.db"
    async with opened(path) as database:
        await database.write(note)

        assert await database.read(noted) == {"a": 1}
    assert path.exists()
