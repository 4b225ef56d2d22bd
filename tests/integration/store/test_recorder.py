"""Everything the bus says about logs and environments, at any rate, in bounded memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.store.runs import (
    PLACE,
    accept,
    end,
    entry,
    snapshot,
    telling,
    texts,
    until,
)
from workbench.clock import SystemClock
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import InvocationRecord
from workbench.model.names import EnvironmentId
from workbench.model.settings import Limits
from workbench.model.telemetry import LogLine, Report
from workbench.store import journal as journal_module
from workbench.store.intake import BATCH

CLOCK = SystemClock()
LINES = 50_000


async def test_fifty_thousand_lines_in_a_burst_are_all_kept_in_order(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        lines = [f"line {number}" for number in range(LINES)]

        told.log(*lines, request_id=acceptance.request_id)

        assert texts(await told.store.history.logs(acceptance.request_id)) == lines


async def test_a_line_is_in_the_history_soon_without_anybody_asking(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.log("hello")
        with closing(sqlite3.connect(state_folder / "workbench.db")) as connection:
            await until(
                lambda: connection.execute("SELECT text FROM logs").fetchall() == [("hello",)]
            )


async def test_the_engine_has_its_turn_in_the_middle_of_a_flood(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.log(*("x" * 80 for _ in range(LINES)))
        taken = []
        while before := told.store.recorder._intake.backlog:
            await CLOCK.sleep(0)
            taken.append(before - told.store.recorder._intake.backlog)

        assert max(taken) <= 2 * BATCH


async def test_those_who_log_too_much_wait_and_go_on_when_there_is_room(
    state_folder: Path,
) -> None:
    """As an environment does: it stops when the bus is congested, until it is told to go on."""
    limits = Limits(log_backlog=1000, invocation_log_bytes=10**9)
    text = "x" * 2000
    async with telling(state_folder, limits=limits) as told:
        with closing(
            sqlite3.connect(state_folder / "workbench.db", isolation_level=None)
        ) as another:
            another.execute("BEGIN IMMEDIATE")  # nothing can be written for the moment
            published = 0
            for _ in range(3 * journal_module.ROOM_BYTES // len(text)):
                if told.bus.congested:
                    await CLOCK.sleep(0.1)
                if told.bus.congested:
                    break  # and it stays so while the database is held up
                told.bus.publish(LogLine(entry=entry(text)))
                published += 1
            assert told.bus.congested
            assert told.store.recorder._intake.backlog == limits.log_backlog
            assert told.store.journal._outstanding_bytes < 2 * journal_module.ROOM_BYTES
            another.execute("ROLLBACK")

        resumed: list[bool] = []
        told.bus.when_relieved(lambda: resumed.append(True))
        await until(lambda: bool(resumed))
        entries, position = await told.store.history.follow(after=0)
        count = 0
        while entries:
            count += len(entries)
            entries, position = await told.store.history.follow(after=position)
        assert count == published
        assert told.messages() == []


async def test_a_database_that_fails_holds_nobody_up(state_folder: Path) -> None:
    (state_folder / "workbench.db").mkdir()
    async with telling(state_folder, limits=Limits(log_backlog=1000)) as told:
        text = "x" * 2000
        for _ in range(2 * journal_module.ROOM_BYTES // len(text)):
            while told.bus.congested:
                await CLOCK.sleep(0)
            told.log(text)
        await until(lambda: not told.store.recorder._intake.backlog)
        (state_folder / "workbench.db").rmdir()


async def test_only_the_newest_of_many_states_is_written(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        for number in range(10_000):
            busy = number % 2 == 0
            told.change(snapshot(EnvironmentState.BUSY if busy else EnvironmentState.IDLE))
        told.change(snapshot(EnvironmentState.RESPONDED))

        assert await told.store.history.environments() == (snapshot(EnvironmentState.RESPONDED),)


def states(state: Path) -> list[str]:
    """As another process would see them."""
    with closing(sqlite3.connect(state / "workbench.db")) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT state FROM environments")]
        except sqlite3.OperationalError:
            return []  # there are no tables yet


async def test_the_last_state_is_written_when_nothing_follows_it(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        told.change(snapshot(EnvironmentState.BUSY))
        told.store.journal.ended(end(acceptance))  # which takes the change along
        await until(lambda: states(state_folder) == ["busy"])


async def test_a_state_that_could_not_be_written_is_written_when_it_is_well(
    state_folder: Path,
) -> None:
    (state_folder / "workbench.db").mkdir()
    async with telling(state_folder) as told:
        told.change(snapshot(EnvironmentState.IDLE))
        await CLOCK.sleep(0.2)
        (state_folder / "workbench.db").rmdir()

        await until(lambda: states(state_folder) == ["idle"])


async def test_a_log_beyond_what_is_kept_is_cut_and_what_it_says_is_the_records_affair(
    state_folder: Path,
) -> None:
    async with telling(state_folder, limits=Limits(invocation_log_bytes=100)) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        told.log("x" * 60, "y" * 60, "z", request_id=acceptance.request_id)
        told.store.journal.ended(end(acceptance))

        assert texts(await told.store.history.logs(acceptance.request_id)) == ["x" * 60]


async def test_what_is_published_until_the_very_end_is_kept(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        record = told.run()
        told.change(snapshot(EnvironmentState.STOPPED))
        told.log("the last line")

    async with telling(state_folder) as told:
        entries, _ = await told.store.history.follow(after=0)
        assert texts(entries)[-1] == "the last line"
        assert await told.store.history.record(record.request_id) == record


@pytest.mark.parametrize("count", [1, 30])
async def test_memory_for_limits_is_given_back(state_folder: Path, count: int) -> None:
    async with telling(state_folder) as told:
        for _ in range(count):
            told.run()
        told.log("outside")
        told.change(snapshot(EnvironmentState.STOPPED))
        told.bus.publish(Report(record=InvocationRecord(acceptance=accept(), outcome=None)))
        await told.store.recorder.settle()

        assert told.store.recorder._intake._room_bytes == {}


async def test_environments_are_told_apart(state_folder: Path) -> None:
    places = [EnvironmentId(f"{number:032x}") for number in range(100)]
    async with telling(state_folder) as told:
        for place in places:
            told.change(snapshot(environment_id=place))

        found = await told.store.history.environments()

        assert {one.environment_id for one in found} == set(places)
        assert PLACE not in places
