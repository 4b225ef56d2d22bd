from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from tests.integration.store.runs import (
    accept,
    end,
    entry,
    report,
    snapshot,
    telling,
    texts,
)
from workbench.errors import InvalidParameter, InvocationNotFound
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind, summary
from workbench.model.names import EnvironmentId, FunctionName, RequestId
from workbench.store.history import FOLLOW_LIMIT

ORDERS, INVOICES = FunctionName("orders"), FunctionName("invoices")
OTHER = EnvironmentId("cd" * 16)


# --- invocations --------------------------------------------------------------------------------------


async def test_recent_ones_come_newest_first_page_by_page(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        runs = [
            summary(told.run(accept(name, at=EPOCH + timedelta(seconds=second))))
            for second, name in enumerate(["orders", "invoices"] * 10)
        ]
        runs.reverse()
        history = told.store.history

        assert await history.recent(None, limit=100) == tuple(runs)
        page = await history.recent(None, limit=7)
        assert page == tuple(runs[:7])
        assert await history.recent(None, limit=7, before=page[-1].accepted_at) == tuple(runs[7:14])
        mine = [run for run in runs if run.function == ORDERS]
        assert await history.recent(ORDERS, limit=3) == tuple(mine[:3])
        assert await history.recent(ORDERS, limit=99, before=mine[2].accepted_at) == tuple(mine[3:])
        assert await history.recent(FunctionName("nobody"), limit=9) == ()


async def test_those_in_progress_are_among_them(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)

        (run,) = await told.store.history.recent(ORDERS, limit=10)

        assert (run.request_id, run.kind) == (acceptance.request_id, None)


async def test_the_latest_of_each_function(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        assert await told.store.history.latest() == {}
        names = [f"function-{number}" for number in range(30)]
        for second in range(3):
            for name in names:
                told.run(accept(name, at=EPOCH + timedelta(seconds=second)))

        latest = await told.store.history.latest()

        assert sorted(latest) == sorted(names)
        assert {run.accepted_at for run in latest.values()} == {EPOCH + timedelta(seconds=2)}


async def test_what_another_function_ran_later_does_not_hide_the_latest(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        late = told.run(accept("orders", at=EPOCH + timedelta(days=1)))
        told.run(accept("orders", at=EPOCH))
        told.run(accept("invoices", at=EPOCH + timedelta(days=2)))

        latest = await told.store.history.latest()

        assert latest[ORDERS] == summary(late)


async def test_eight_characters_name_an_invocation(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        record = told.run()
        told.run()

        for given in (record.request_id, record.request_id[:8], record.request_id[:20].upper()):
            assert await told.store.history.record(given) == record


@pytest.mark.parametrize("given", ["", "1234567", "   1234567   "])
async def test_fewer_are_too_few(state_folder: Path, given: str) -> None:
    async with telling(state_folder) as told:
        with pytest.raises(InvalidParameter, match="at least its first 8 characters"):
            await told.store.history.record(given)


@pytest.mark.parametrize("given", ["12345678", "not an id at all", "%%%%%%%%", "________"])
async def test_an_id_that_nothing_has_is_not_found(state_folder: Path, given: str) -> None:
    async with telling(state_folder) as told:
        told.run()
        with pytest.raises(InvocationNotFound):
            await told.store.history.record(given)
        with pytest.raises(InvocationNotFound):
            await told.store.history.logs(given)


async def test_a_beginning_that_several_have_is_refused_and_both_are_named(
    state_folder: Path,
) -> None:
    one = RequestId("12345678-0000-4000-8000-000000000001")
    two = RequestId("12345678-0000-4000-8000-000000000002")
    async with telling(state_folder) as told:
        told.run(accept(request_id=one))
        told.run(accept(request_id=two))

        with pytest.raises(InvalidParameter, match="several") as refused:
            await told.store.history.record("12345678")

        assert one in str(refused.value)
        assert two in str(refused.value)
        assert (await told.store.history.record(one)).request_id == one


# --- the log of an invocation -------------------------------------------------------------------------


async def test_the_init_phase_belongs_to_the_invocation_that_came_after_it(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        told.log("INIT_START", "importing")
        first = told.run()
        second = told.run()
        told.log("between the two")
        third = told.run()

        history = told.store.history
        lines = ["START", "hello", "END"]
        assert texts(await history.logs(first.request_id)) == ["INIT_START", "importing", *lines]
        assert texts(await history.logs(second.request_id)) == lines
        assert texts(await history.logs(third.request_id)) == ["between the two", *lines]


async def test_lines_of_other_environments_do_not_mix_in(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        told.store.journal.logged(
            [
                entry("mine: init"),
                entry("other: init", environment_id=OTHER),
                entry("mine", acceptance.request_id),
                entry("other", environment_id=OTHER),
            ]
        )
        told.store.journal.ended(end(acceptance))

        logs = await told.store.history.logs(acceptance.request_id)

        assert texts(logs) == ["mine: init", "mine"]
        assert [one.request_id for one in logs] == [None, acceptance.request_id]


async def test_an_invocation_that_moved_has_its_lines_of_both_environments(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as told:
        acceptance = accept()
        told.store.journal.accepted(acceptance)
        told.store.journal.logged(
            [
                entry("first try", acceptance.request_id, environment_id=OTHER),
                entry("init of the second"),
                entry("second try", acceptance.request_id),
            ]
        )

        logs = await told.store.history.logs(acceptance.request_id[:8])

        assert texts(logs) == ["first try", "init of the second", "second try"]


async def test_an_invocation_without_lines_has_none(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.log("of nobody")
        acceptance = accept()
        told.store.journal.accepted(acceptance)

        assert await told.store.history.logs(acceptance.request_id) == ()


# --- logs as they come --------------------------------------------------------------------------------


async def test_following_gives_what_came_since(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        history = told.store.history
        told.log("old 1", "old 2", "old 3")
        now = await history.position()
        assert await history.follow(after=now) == ((), now)

        told.log("new 1", "new 2")
        entries, position = await history.follow(after=now)

        assert texts(entries) == ["new 1", "new 2"]
        assert await history.follow(after=position) == ((), position)
        entries, _ = await history.follow(after=await history.position(back=3))
        assert texts(entries) == ["old 3", "new 1", "new 2"]
        entries, _ = await history.follow(after=await history.position(back=99))
        assert len(entries) == 5


async def test_following_one_function_passes_over_the_others(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        history = told.store.history
        told.store.journal.logged(
            [
                entry("mine 1"),
                entry("other 1", name="invoices", environment_id=OTHER),
                entry("mine 2"),
                entry("other 2", name="invoices", environment_id=OTHER),
            ]
        )

        entries, position = await history.follow(INVOICES, after=0)

        assert texts(entries) == ["other 1", "other 2"]
        assert position == await history.position()
        entries, _ = await history.follow(ORDERS, after=await history.position(ORDERS, back=1))
        assert texts(entries) == ["mine 2"]


async def test_a_long_log_is_followed_in_stretches(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        lines = [str(number) for number in range(FOLLOW_LIMIT * 2 + 1)]
        told.store.journal.logged([entry(text) for text in lines])

        seen: list[str] = []
        position = 0
        while True:
            entries, position = await told.store.history.follow(after=position)
            if not entries:
                break
            assert len(entries) <= FOLLOW_LIMIT
            seen += texts(entries)

        assert seen == lines


async def test_a_follower_is_told_of_lines_that_another_workbench_adds(state_folder: Path) -> None:
    async with telling(state_folder) as one, telling(state_folder) as two:
        history = two.store.history
        position = await history.position()
        async with history.changes() as changes:
            one.log("from the other side")
            async with asyncio.timeout(10):
                entries: tuple[object, ...] = ()
                while not entries:
                    entries, position = await history.follow(after=position)
                    if not entries:
                        await changes.wait()

        assert len(entries) == 1


# --- environments -------------------------------------------------------------------------------------


async def test_environments_of_all_living_workbenches_are_shown_in_their_newest_state(
    state_folder: Path,
) -> None:
    async with telling(state_folder) as one, telling(state_folder) as two:
        one.change(snapshot(EnvironmentState.CREATED))
        one.change(snapshot(EnvironmentState.BUSY))
        two.change(snapshot(environment_id=OTHER, created_at=EPOCH + timedelta(seconds=1)))
        await one.store.recorder.settle()
        await two.store.recorder.settle()

        expected = (
            snapshot(EnvironmentState.BUSY),
            snapshot(environment_id=OTHER, created_at=EPOCH + timedelta(seconds=1)),
        )
        assert await one.store.history.environments() == expected
        assert await two.store.history.environments() == expected

        one.change(snapshot(EnvironmentState.STOPPED))
        assert [env.environment_id for env in await one.store.history.environments()] == [OTHER]


async def test_environments_of_a_workbench_that_is_gone_are_not_shown(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.change(snapshot())
        assert await told.store.history.environments() == (snapshot(),)

    async with telling(state_folder) as told:
        assert await told.store.history.environments() == ()


async def test_an_environment_known_from_its_log_only_is_not_shown(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        told.run()

        assert await told.store.history.environments() == ()


# --- how it asks --------------------------------------------------------------------------------------


async def test_lists_are_answered_from_indexes(state_folder: Path) -> None:
    """What is slow with a million rows shows in SQLite's plan."""
    from workbench.store import history, rows

    plans = {
        f"{rows.SUMMARY_QUERY} WHERE TRUE ORDER BY accepted_at DESC, id DESC LIMIT 9": "SCAN",
        f"{rows.SUMMARY_QUERY} WHERE function = 'f' ORDER BY accepted_at DESC, id DESC": "SEARCH",
        f"{rows.SUMMARY_QUERY} WHERE id IN ({history._NEWEST_OF_EACH})": "SEARCH",
        f"{rows.RECORD_QUERY} WHERE i.id = 1": "SEARCH",
        f"{rows.ENTRY_QUERY} WHERE e.function = 'f' AND l.id > 7 ORDER BY l.id": "SEARCH",
    }
    async with telling(state_folder):
        pass
    with closing(sqlite3.connect(state_folder / "workbench.db")) as connection:
        for query, how in plans.items():
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert not any("TEMP B-TREE" in step for step in plan), (query, plan)
            table = [
                step for step in plan if "invocations" in step or "logs" in step or " i" in step
            ]
            assert table[0].startswith(how), (query, plan)
            assert "USING" in table[0], (query, plan)


async def test_lists_read_no_payloads(state_folder: Path) -> None:
    """They are in tables of their own, and no list opens those."""
    async with telling(state_folder) as told:
        acceptance = accept(payload=bytes(1_000_000))
        told.run(acceptance, payload=bytes(1_000_000))
        statements: list[str] = []

        await told.store.history.recent(None, limit=10)  # so that there is a reader to look at
        told.store.history._database._idle_readers[0].set_trace_callback(statements.append)
        await told.store.history.recent(None, limit=10)
        await told.store.history.latest()
        await told.store.history.follow(after=0)

        assert len(statements) > 3
        assert not any("requests" in text or "responses" in text for text in statements)


async def test_figures_and_times_are_exact(state_folder: Path) -> None:
    async with telling(state_folder) as told:
        acceptance = accept(at=EPOCH + timedelta(microseconds=1))
        told.store.journal.accepted(acceptance)
        record = report(end(acceptance, kind=OutcomeKind.TIMEOUT))
        told.store.journal.ended(record)
        told.store.journal.reported(record)

        assert await told.store.history.record(acceptance.request_id) == record


async def test_nothing_of_an_environments_variables_can_be_in_the_history(
    state_folder: Path,
) -> None:
    """There is no column, and no value the store is given, that could hold one."""
    async with telling(state_folder):
        pass
    with closing(sqlite3.connect(state_folder / "workbench.db")) as connection:
        tables = [row[0] for row in connection.execute("SELECT sql FROM sqlite_schema") if row[0]]

    assert tables
    assert not any("variable" in sql.lower() for sql in tables)
