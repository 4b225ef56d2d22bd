"""The journal in front of a real database, when that is well and when it is not."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.store import disks
from tests.integration.store.runs import accept, end, entry, new_id, report, telling, texts, until
from workbench.clock import SystemClock
from workbench.errors import DatabaseReadOnly, InvocationNotFound
from workbench.model.invocation import OutcomeKind
from workbench.store import journal as module
from workbench.store.frames import FrameKind, frames
from workbench.store.segments import IDLE_SEGMENT_BYTES, SEGMENT_BYTES

CLOCK = SystemClock()


def journal_files(state: Path) -> list[Path]:
    return sorted((state / "journal").iterdir())


def frame_kinds(file: Path) -> list[FrameKind]:
    return [frame.kind for frame in frames(file.read_bytes())]


def raw_count(state: Path, table: str) -> int:
    with closing(sqlite3.connect(state / "workbench.db")) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# --- all is well --------------------------------------------------------------------------------------


async def test_an_invocation_can_be_read_at_every_stage(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        history = told.store.history
        acceptance = accept(payload=b'{"a": 1}')

        told.store.journal.accepted(acceptance)
        running = await history.record(acceptance.request_id)
        ended = end(acceptance, kind=OutcomeKind.ERROR)
        told.store.journal.ended(ended)
        over = await history.record(acceptance.request_id)
        told.store.journal.reported(report(ended))
        final = await history.record(acceptance.request_id)

        assert (running.acceptance, running.outcome) == (acceptance, None)
        assert over == ended
        assert final == report(ended)


async def test_figures_are_written_with_what_is_said_next_or_soon_after(state_folder: Path) -> None:
    (state_folder / "workbench.db").mkdir(parents=True)  # so that only the journal has them
    async with telling(state_folder) as told:
        journal = told.store.journal
        first, second = end(accept()), end(accept())
        for record in (first, second):
            journal.accepted(record.acceptance)
        (file,) = journal_files(state_folder)

        journal.ended(first)
        journal.reported(report(first))
        before = frame_kinds(file)
        journal.ended(second)
        journal.reported(report(second))
        with_the_next = frame_kinds(file)
        while len(frame_kinds(file)) == len(with_the_next):
            await CLOCK.sleep(module.LAG_S)

        assert before == [FrameKind.ACCEPTED] * 2 + [FrameKind.ENDED]
        assert with_the_next == [*before, FrameKind.REPORTED, FrameKind.ENDED]
        assert frame_kinds(file) == [*with_the_next, FrameKind.REPORTED]


async def test_what_was_logged_before_the_outcome_is_in_the_file_with_it(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        told.log("a line before the answer", request_id=acceptance.request_id)

        told.store.journal.ended(end(acceptance))

        (path,) = journal_files(state_folder)
        assert b"a line before the answer" in path.read_bytes()


async def test_a_clean_end_leaves_only_the_database(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        for _ in range(300):
            told.run()

    files = {path.name for path in state_folder.rglob("*") if path.is_file()}
    assert files == {"workbench.db", ".gitignore"}
    assert raw_count(state_folder, "invocations") == 300
    assert raw_count(state_folder, "logs") == 900
    assert raw_count(state_folder, "journals") == 0


async def test_files_are_deleted_as_the_database_takes_them(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        for _ in range(10):
            told.run(accept(payload=bytes(SEGMENT_BYTES // 2)), payload=bytes(SEGMENT_BYTES // 2))
            await told.store.journal.flush()
        told.run()
        await told.store.journal.flush()

        (left,) = journal_files(state_folder)
        assert left.stat().st_size < IDLE_SEGMENT_BYTES


async def test_a_payload_of_six_megabytes_comes_back_byte_for_byte(state_folder: Path) -> None:
    large = bytes(range(256)) * (6_291_456 // 256)
    async with telling(state_folder) as told:
        record = told.run(accept(payload=large), payload=large[::-1])

        assert await told.store.history.record(record.request_id) == record


async def test_calls_after_the_end_are_passed_over(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        pass

    told.store.journal.accepted(accept())

    assert raw_count(state_folder, "invocations") == 0
    assert journal_files(state_folder) == []


# --- the database cannot be written -------------------------------------------------------------------


async def test_what_happens_while_the_database_fails_is_in_it_when_it_is_well(
    state_folder: Path,
) -> None:
    obstacle = state_folder / "workbench.db"
    obstacle.mkdir()
    async with telling(state_folder) as told:
        records = [told.run() for _ in range(20)]
        with pytest.raises(DatabaseReadOnly):
            await told.store.history.recent(None, limit=10)
        await until(lambda: len(told.messages()) == 2)  # at the opening, and by the journal
        await CLOCK.sleep(0.2)  # tried again a few times
        obstacle.rmdir()
        await told.until_well()

        for record in records:
            assert await told.store.history.record(record.request_id) == record
        assert len(told.messages()) == 2, told.said


async def test_a_database_that_stays_broken_gets_everything_at_the_next_start(
    state_folder: Path,
) -> None:
    obstacle = state_folder / "workbench.db"
    obstacle.mkdir()
    async with telling(state_folder) as told:
        records = [told.run() for _ in range(20)]
    assert len(journal_files(state_folder)) == 1
    obstacle.rmdir()

    async with telling(state_folder) as told:
        for record in records:
            assert await told.store.history.record(record.request_id) == record
            logs = await told.store.history.logs(record.request_id)
            assert texts(logs) == ["START", "hello", "END"]
        assert told.messages() == []


async def test_memory_is_let_go_when_the_database_is_behind_and_nothing_is_lost(
    state_folder: Path,
) -> None:
    obstacle = state_folder / "workbench.db"
    obstacle.mkdir()
    payload = bytes(module.SPILL_BYTES // 16)
    async with telling(state_folder) as told:
        records = [told.run(accept(payload=payload)) for _ in range(20)]
        assert not told.store.journal._queue, "it is in the files only"
        obstacle.rmdir()
        await told.until_well()
        await until(lambda: not told.store.journal._spilled)
        late = told.run()

        for record in (*records, late):
            assert await told.store.history.record(record.request_id) == record
            logs = await told.store.history.logs(record.request_id)
            assert texts(logs) == ["START", "hello", "END"]
        assert raw_count(state_folder, "invocations") == 21


async def test_another_program_that_locks_the_database_delays_and_loses_nothing(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        told.store.history._database._busy_s = 0.02
        await told.store.history._database.write(lambda one: one.execute("PRAGMA busy_timeout=20"))
        with closing(
            sqlite3.connect(state_folder / "workbench.db", isolation_level=None)
        ) as another:
            another.execute("BEGIN IMMEDIATE")
            records = [told.run() for _ in range(20)]
            await told.until_failing()
            another.execute("ROLLBACK")
        await told.until_well()

        for record in records:
            assert await told.store.history.record(record.request_id) == record
        (said,) = told.messages()
        assert "keeps the history" in said
        assert raw_count(state_folder, "logs") == 60


async def test_log_lines_are_the_first_that_are_not_kept_when_too_much_waits(
    state_folder: Path,
) -> None:
    (state_folder / "workbench.db").mkdir()
    async with telling(state_folder) as told:
        told.store.journal._outstanding_bytes = module.LOGS_BYTES + 1  # as after 256 MB
        told.store.journal.logged([entry("too much")])
        record = told.run()
        told.store.journal._outstanding_bytes = module.FULL_BYTES + 1
        late = accept()
        told.store.journal.accepted(late)

        assert "Log lines of now are not kept: too much waits for the history." in told.messages()
        (state_folder / "workbench.db").rmdir()
        told.store.journal._outstanding_bytes = 0

    async with telling(state_folder) as told:
        assert (await told.store.history.record(record.request_id)).outcome == record.outcome
        assert "too much" not in texts((await told.store.history.follow(after=0))[0])
        with pytest.raises(InvocationNotFound):
            await told.store.history.record(late.request_id)


# --- the journal cannot be written --------------------------------------------------------------------


async def test_a_journal_that_cannot_be_written_is_said_once_and_the_database_goes_on(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        (state_folder / "journal").rmdir()

        records = [told.run() for _ in range(20)]
        await told.store.journal.flush()
        records += [told.run() for _ in range(20)]

        for record in records:
            assert await told.store.history.record(record.request_id) == record
        (said,) = told.messages()
        assert "cannot be written" in said
        assert "Functions run on" in said


async def test_it_is_said_again_when_it_was_well_in_between(state_folder: Path) -> None:
    folder = state_folder / "journal"
    async with telling(state_folder) as told:
        for _ in range(2):
            folder.rmdir()
            told.run()
            folder.mkdir()
            told.run()
            await told.store.history.settle()  # the log lines too, whoever takes them
            told.store.journal._segments.finish()
            for path in folder.iterdir():
                path.unlink()

        assert len(told.messages()) == 2


async def test_a_full_disk_stops_no_invocation_and_is_caught_up_with(tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk", size="8m") as disk:
        async with telling(disk) as told:
            before = told.run()
            await told.store.journal.flush()
            filler = disks.fill(disk)

            during = [told.run(accept(payload=bytes(50_000))) for _ in range(40)]
            await told.until_failing()
            assert await told.store.history.record(before.request_id) == before

            filler.unlink()
            await told.until_well()
            after = told.run()
            for record in (before, *during, after):
                assert await told.store.history.record(record.request_id) == record
            said = told.messages()
            assert len([text for text in said if "The journal in" in text]) == 1, said
            assert len([text for text in said if "No space is left for the history" in text]) == 1


async def test_a_record_half_written_to_a_full_disk_hides_none_after_it(tmp_path: Path) -> None:
    with disks.small_disk(tmp_path / "disk", size="2m") as disk:
        (disk / "workbench.db").mkdir()  # so that only the journal has it
        async with telling(disk) as told:
            first = told.run()
            told.run(accept(payload=bytes(3_000_000)))  # what fits of it is taken off again
            last = told.run()
            await told.store.journal.flush()
            (killed,) = journal_files(disk)
            content = killed.read_bytes()  # what a kill -9 would leave now
        (disk / "workbench.db").rmdir()
        killed.write_bytes(content)

        async with telling(disk) as told:
            for record in (first, last):
                assert await told.store.history.record(record.request_id) == record


# --- how much at once ---------------------------------------------------------------------------------


async def test_thousands_of_invocations_in_a_burst_are_all_there(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        records = [told.run() for _ in range(5_000)]
        recent = await told.store.history.recent(None, limit=10_000)

        assert {run.request_id for run in recent} == {record.request_id for record in records}
        assert all(run.kind is OutcomeKind.SUCCESS for run in recent)


async def test_waiting_for_the_database_can_be_cancelled(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.run()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(told.store.journal.flush())
            await CLOCK.sleep(0)
            waiting.cancel()

        record = told.run()
        assert await told.store.history.record(record.request_id) == record


async def test_an_outcome_whose_acceptance_was_not_kept_is_no_trouble(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.store.journal.ended(end(accept(request_id=new_id())))
        record = told.run()

        assert await told.store.history.record(record.request_id) == record
        assert raw_count(state_folder, "invocations") == 1
