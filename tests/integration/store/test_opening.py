"""A store opens on anything, and says what is wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.store import disks
from tests.integration.store.runs import accept, end, telling, texts
from workbench.errors import DatabaseCorrupt, DatabaseReadOnly, DatabaseTooNew, StoreError
from workbench.model.invocation import OutcomeKind
from workbench.store.instances import InstanceKind, live_instances, lock_is_held


async def test_a_new_project_has_an_empty_history(project_folder: Path) -> None:
    state = project_folder / ".workbench"
    async with telling(state) as told:
        assert await told.store.history.recent(None, limit=10) == ()
        assert await told.store.history.latest() == {}
        assert await told.store.history.environments() == ()
        assert await told.store.history.position() == 0
        assert told.store.history.problem is None
        assert told.messages() == []

    assert (state / ".gitignore").read_text() == "*\n"


async def test_what_one_workbench_told_the_next_one_knows(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        record = told.run()
    async with telling(state_folder) as told:
        assert await told.store.history.record(record.request_id) == record
        assert texts(await told.store.history.logs(record.request_id)) == ["START", "hello", "END"]


async def test_a_workbench_says_that_it_lives(state_folder: Path) -> None:
    async with telling(state_folder, kind=InstanceKind.SERVE) as told:
        told.store.instance.announce(address="http://127.0.0.1:9100", engine="docker")

        (info,) = live_instances(state_folder)

        assert (info.kind, info.address) == (InstanceKind.SERVE, "http://127.0.0.1:9100")
        assert lock_is_held(told.store.instance.lock)
        assert told.store.instance.lock.is_absolute()


async def test_a_damaged_history_is_told_and_functions_run_on(state_folder: Path) -> None:
    database = state_folder / "workbench.db"
    database.write_bytes(b"not a database at all" * 1000)
    async with telling(state_folder) as told:
        told.run()
        with pytest.raises(DatabaseCorrupt, match="Move the file away"):
            await told.store.history.recent(None, limit=10)
        assert isinstance(told.store.history.problem, DatabaseCorrupt)
        assert "Functions run on without it." in told.messages()[0]
    assert database.read_bytes().startswith(b"not a database"), "it is not ours to delete"


async def test_when_the_damaged_file_is_moved_away_nothing_is_missing(state_folder: Path) -> None:
    database = state_folder / "workbench.db"
    database.write_bytes(b"not a database at all" * 1000)
    async with telling(state_folder) as told:
        record = told.run()
    database.unlink()

    async with telling(state_folder) as told:
        assert await told.store.history.record(record.request_id) == record


async def test_a_history_of_a_newer_workbench_is_told_and_untouched(state_folder: Path) -> None:
    database = state_folder / "workbench.db"
    async with telling(state_folder):
        pass
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 4711")
    before = database.read_bytes()

    async with telling(state_folder) as told:
        told.run()
        with pytest.raises(DatabaseTooNew, match="Update workbench"):
            await told.store.history.latest()
    assert database.read_bytes() == before


async def test_a_folder_that_may_not_be_written_leaves_functions_running(tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk", size="1m") as disk:
        disks.make_read_only(disk)
        async with telling(disk / ".workbench") as told:
            told.run()
            told.log("a line")
            await told.until_failing()
            assert isinstance(told.store.history.problem, DatabaseReadOnly)
            with pytest.raises(StoreError):
                await told.store.history.record("12345678")
            assert lock_is_held(told.store.instance.lock), "sweeps must know that it lives"
            assert sum("cannot be written" in text for text in told.messages()) >= 2


async def test_a_disk_that_is_full_from_the_start_leaves_functions_running(tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk", size="1m") as disk:
        filler = disks.fill(disk)
        async with telling(disk) as told:
            records = [told.run() for _ in range(20)]
            await told.until_failing()
            filler.unlink()
            await told.until_well()

            for record in records:
                assert await told.store.history.record(record.request_id) == record


async def test_what_a_killed_workbench_left_half_done_has_an_end(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        running, over = accept(), accept()
        told.store.journal.accepted(running)
        told.store.journal.accepted(over)
        told.store.journal.ended(end(over))
        await told.store.journal.flush()
    assert not list((state_folder / "journal").iterdir())

    async with telling(state_folder) as told:
        lost = (await told.store.history.record(running.request_id)).outcome
        kept = (await told.store.history.record(over.request_id)).outcome

    assert lost is not None
    assert lost.kind is OutcomeKind.LOST
    assert lost.error_message == (
        f"RequestId: {running.request_id} Error: The workbench was killed while it ran."
    )
    assert kept is not None
    assert kept.kind is OutcomeKind.SUCCESS


async def test_a_journal_of_a_newer_format_is_left_for_the_workbench_that_knows_it(
    state_folder: Path,
) -> None:
    (state_folder / "journal").mkdir()
    newer = state_folder / "journal" / "0a1b2c3d-1"
    newer.write_bytes(b"workbench journal 2\n...")

    async with telling(state_folder) as told:
        assert told.messages() == []

    assert newer.exists()


async def test_leftovers_of_every_sort_do_not_keep_it_from_opening(state_folder: Path) -> None:
    journal = state_folder / "journal"
    instances = state_folder / "instances"
    journal.mkdir()
    instances.mkdir()
    (journal / "0a1b2c3d-1").write_bytes(b"workbench jour")
    (journal / "0a1b2c3d-2").write_bytes(b"workbench journal 1\n" + b"\xff" * 100)
    (journal / "README").write_text("hello")
    (instances / "0a1b2c3d.json").write_text("{")
    (instances / "ffff0000.lock").touch()

    async with telling(state_folder) as told:
        assert told.messages() == []
        told.run()

    assert [path.name for path in journal.iterdir()] == ["README"]
    assert list(instances.iterdir()) == []


async def test_an_error_of_the_body_is_not_hidden_by_closing(state_folder: Path) -> None:
    async def fail() -> None:
        async with telling(state_folder) as told:
            told.run()
            raise KeyError("mine")

    with pytest.raises(ExceptionGroup) as raised:
        await fail()

    assert raised.group_contains(KeyError, match="mine")
    async with telling(state_folder) as told:
        assert len(await told.store.history.recent(None, limit=10)) == 1


async def test_the_size_is_what_is_on_disk(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.run(accept(payload=bytes(2_000_000)))
        await told.store.journal.flush()

        assert await told.store.history.size() > 2_000_000
