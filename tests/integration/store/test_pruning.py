from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.integration.store.runs import (
    PLACE,
    Told,
    accept,
    end,
    entry,
    snapshot,
    telling,
    until,
)
from workbench.clock import SystemClock
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import InvocationRecord
from workbench.model.names import EnvironmentId
from workbench.model.settings import Retention
from workbench.store import pruning
from workbench.store.pruning import Pruned

NOW = SystemClock().now()
FOR_EVER = 1000.0
ENDLESS = 10**12


def aged(told: Told, *, days: float, payload: bytes = b"{}", lines: int = 0) -> InvocationRecord:
    """A finished invocation of so many days ago."""
    at = NOW - timedelta(days=days)
    acceptance = accept(payload=payload, at=at)
    told.store.journal.accepted(acceptance)
    told.store.journal.logged([entry("a line", acceptance.request_id, at=at) for _ in range(lines)])
    record = end(acceptance, payload=payload)
    told.store.journal.ended(record)
    return record


async def kept(told: Told) -> list[str]:
    return [run.request_id for run in await told.store.history.recent(None, limit=100_000)]


def counts(state: Path) -> dict[str, int]:
    with closing(sqlite3.connect(state / "workbench.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("invocations", "requests", "responses", "logs", "environments")
        }


async def test_what_is_too_old_goes_with_all_that_belongs_to_it(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        old = [aged(told, days=40 - number, lines=3) for number in range(5)]
        young = [aged(told, days=20 - number, lines=3) for number in range(5)]

        pruned = await told.store.history.prune(Retention(max_age_days=30, max_bytes=ENDLESS))

        assert (pruned.invocations, pruned.log_lines) == (len(old), 15)
        assert await kept(told) == [record.request_id for record in reversed(young)]
    assert counts(state_folder) == {
        "invocations": 5,
        "requests": 5,
        "responses": 5,
        "logs": 15,
        "environments": 1,
    }


async def test_when_it_is_too_large_the_oldest_go_and_the_file_shrinks(state_folder: Path) -> None:
    megabyte = bytes(1024 * 1024)
    limit = 8 * len(megabyte)
    async with telling(state_folder) as told:
        records = [aged(told, days=20 - number, payload=megabyte) for number in range(12)]
        await told.store.journal.flush()
        await told.store.history._database.maintain(pruning.checkpoint)
        assert (state_folder / "workbench.db").stat().st_size > 3 * limit

        pruned = await told.store.history.prune(Retention(max_age_days=FOR_EVER, max_bytes=limit))

        left = await kept(told)
        assert left == [record.request_id for record in reversed(records)][: len(left)]
        assert 2 <= len(left) <= 4
        assert pruned.invocations == 12 - len(left)
        assert pruned.bytes > limit
        assert (state_folder / "workbench.db").stat().st_size < limit
        for record in records[-len(left) :]:
            assert await told.store.history.record(record.request_id) == record


async def test_a_history_that_is_small_and_young_is_left_alone(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        record = aged(told, days=1, lines=3)

        pruned = await told.store.history.prune(Retention())

        assert replace(pruned, bytes=0) == Pruned()
        assert await kept(told) == [record.request_id]


async def test_one_in_progress_is_never_forgotten(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        running = accept(at=NOW - timedelta(days=99), payload=bytes(1_000_000))
        told.store.journal.accepted(running)
        told.store.journal.logged([entry("so far", running.request_id, at=NOW)])
        aged(told, days=98)

        await told.store.history.prune(Retention(max_age_days=1, max_bytes=1))

        assert await kept(told) == [running.request_id]
        assert len(await told.store.history.logs(running.request_id)) == 1


async def test_lines_outside_invocations_are_forgotten_too(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.store.journal.logged(
            [entry("old", at=NOW - timedelta(days=40)), entry("young", at=NOW)]
        )

        pruned = await told.store.history.prune(Retention(max_age_days=30, max_bytes=ENDLESS))

        assert pruned.log_lines == 1
        entries, _ = await told.store.history.follow(after=0)
        assert [one.text for one in entries] == ["young"]


async def test_lines_outside_invocations_go_by_size_when_nothing_else_is_left(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        told.store.journal.logged([entry("x" * 1000, at=NOW) for _ in range(3000)])

        pruned = await told.store.history.prune(
            Retention(max_age_days=FOR_EVER, max_bytes=1_000_000)
        )

        assert 2000 < pruned.log_lines < 3000
        assert await told.store.history.size() < 6_000_000


async def test_a_long_log_goes_in_many_small_steps(state_folder: Path) -> None:
    lines = pruning.STEP_ROWS * 5 + 17
    async with telling(state_folder) as told:
        aged(told, days=40, lines=lines)
        await told.store.journal.flush()
        database = told.store.history._database
        limit = pruning.Limit(before_us=2**60, target_bytes=None)

        steps = []
        while (went := await database.write(lambda one: pruning.delete_some(one, limit))) != (0, 0):
            steps.append(went)

        assert len(steps) == 6
        assert all(log_lines <= pruning.STEP_ROWS for _, log_lines in steps)
        assert sum(log_lines for _, log_lines in steps) == lines
        assert [invocations for invocations, _ in steps] == [0, 0, 0, 0, 0, 1]


async def test_what_is_told_while_it_prunes_is_kept(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        for number in range(3000):
            aged(told, days=100 - number / 1000, lines=2)
        pruned = told.store.history.prune(Retention(max_age_days=30, max_bytes=ENDLESS))
        recorded = []

        async def keep_telling() -> None:
            for _ in range(50):
                recorded.append(told.run().request_id)
                await SystemClock().sleep(0.001)

        async with asyncio.TaskGroup() as tasks:
            pruning_ = tasks.create_task(pruned)
            tasks.create_task(keep_telling())

        assert pruning_.result().invocations == 3000
        assert sorted(await kept(told)) == sorted(recorded)


async def test_a_store_that_runs_prunes_by_itself(state_folder: Path) -> None:
    async with telling(state_folder, retention=Retention(max_age_days=30)) as told:
        aged(told, days=40)
        young = aged(told, days=20)
        await told.store.journal.flush()

        await until(lambda: counts(state_folder)["invocations"] == 1)

        assert await kept(told) == [young.request_id]


async def test_a_history_that_cannot_be_pruned_stops_nothing(state_folder: Path) -> None:
    (state_folder / "workbench.db").mkdir()
    async with telling(state_folder, retention=Retention(max_age_days=30)) as told:
        await SystemClock().sleep(0.2)  # a few attempts
        (state_folder / "workbench.db").rmdir()
        record = told.run()
        await told.until_well()

        assert await told.store.history.record(record.request_id) == record


async def test_environments_that_nothing_mentions_are_forgotten(state_folder: Path) -> None:
    places = [EnvironmentId(f"{number:032x}") for number in range(3)]
    async with telling(state_folder) as told:
        told.change(snapshot(EnvironmentState.STOPPED, environment_id=places[0]))
        told.change(snapshot(EnvironmentState.IDLE, environment_id=places[1]))
        told.run()

        await told.store.history.prune(Retention())
        await told.store.recorder.settle()
        await told.store.history.prune(Retention())

        with closing(sqlite3.connect(state_folder / "workbench.db")) as connection:
            rows = connection.execute("SELECT environment_id FROM environments").fetchall()
        assert {place for (place,) in rows} == {places[1], PLACE}


async def test_a_position_stays_good_when_everything_before_it_is_forgotten(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        history = told.store.history
        aged(told, days=40, lines=5)
        position = await history.position()
        await history.prune(Retention(max_age_days=1, max_bytes=ENDLESS))
        told.log("after it")

        entries, _ = await history.follow(after=position)

        assert [one.text for one in entries] == ["after it"]
