"""Environments that a person starts, drains and replaces, and invocations that get one of their own."""

from __future__ import annotations

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine
from tests.fakes.runtime import Event, FakeRuntime, failing_to_initialise, serving
from tests.fakes.versions import a_version
from workbench.errors import ContainerLost, ContainerRefused, ThrottledError
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import EnvironmentChanged

pytestmark = pytest.mark.autojump

IDLE, BUSY = EnvironmentState.IDLE, EnvironmentState.BUSY
FROZEN = EnvironmentState.FROZEN


async def works_a_second(runtime: FakeRuntime, event: Event) -> bytes:
    await runtime.sleep(1)
    return event.payload


def ids(engine: Engine) -> list[str]:
    return [environment.environment_id for environment in engine.environments]


# --- an environment of one's own --------------------------------------------------------------------------


async def test_a_cold_invocation_passes_by_an_idle_environment() -> None:
    async with open_engine() as engine:
        warm = await engine.record()
        run = engine.invoke(cold=True)
        cold = await run.record()
        await engine.settle()
        left = ids(engine)
    assert cold.cold is True
    assert cold.environment_id != warm.environment_id
    assert left == [warm.environment_id], "the one it was given goes with it"


async def test_others_do_not_get_the_environment_of_a_cold_invocation() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_a_second, init_s=0.5))
        cold = engine.invoke(cold=True)
        other = engine.invoke()
        records = [await cold.record(), await other.record()]
        assert len(engine.driver.containers) == 2
    assert records[0].environment_id != records[1].environment_id


async def test_a_cold_invocation_whose_container_is_lost_gets_another_new_one() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(lost_while_made=True))
        record = await engine.invoke(cold=True).record()
    assert record.outcome is not None
    assert record.outcome.ok
    assert record.cold is True


async def test_a_cold_invocation_that_gets_no_container_is_told_why() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(create_error=ContainerRefused("no room")))
        run = engine.invoke(cold=True)
        with pytest.raises(ContainerRefused, match="no room"):
            await run.outcome()
        record = await run.record()
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.NOT_STARTED


async def test_a_cold_invocation_is_stopped_while_its_environment_is_started() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), create_s=None)
        run = engine.invoke(cold=True)
        await engine.settle()
        engine.scheduler.stop(run.acceptance.request_id)
        record = await run.record()
        await engine.settle()
        assert ids(engine) == []
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.STOPPED


async def test_a_cold_invocation_outlives_newer_code() -> None:
    async with open_engine() as engine:
        engine.behave(serving(init_s=0.5))
        run = engine.invoke(a_version(code="1"), cold=True)
        await engine.settle()
        engine.scheduler.supersede(a_version(code="2"), warm=False)
        outcome = await run.outcome()
    assert outcome.ok


async def test_a_cold_invocation_is_given_up_when_the_workbench_ends() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), create_s=None)
        run = engine.invoke(cold=True)
        await engine.settle()
    with pytest.raises(ThrottledError):
        await run.outcome()


async def test_a_cold_invocation_fails_as_any_other_where_the_runtime_cannot_initialise() -> None:
    async with open_engine(failing_to_initialise()) as engine:
        record = await engine.invoke(cold=True).record()
        await engine.settle()
        assert ids(engine) == []
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.INIT_ERROR


async def test_a_moved_cold_invocation_is_given_up_in_the_end() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), lost_while_made=True)
        run = engine.invoke(cold=True)
        with pytest.raises(ContainerLost):
            await run.outcome()
        await run.record()


# --- warm -------------------------------------------------------------------------------------------------


async def test_as_many_are_warmed_as_are_missing() -> None:
    async with open_engine() as engine:
        await engine.record()
        coming = engine.scheduler.warm(a_version(), 3)
        assert len(coming) == 2
        await engine.settle()
        assert engine.states == [IDLE, IDLE, IDLE]
        assert engine.scheduler.warm(a_version(), 2) == ()
        assert {each.invocations for each in engine.environments} == {0, 1}


async def test_those_at_work_are_not_counted_as_warm() -> None:
    async with open_engine(serving(works_a_second)) as engine:
        run = engine.invoke()
        await engine.settle()
        assert len(engine.scheduler.warm(a_version(), 2)) == 2
        await engine.settle()
        assert sorted(engine.states) == [BUSY, IDLE, IDLE]
        await run.record()


async def test_a_warmed_environment_serves_and_has_its_init_reported() -> None:
    async with open_engine(serving(init_s=0.5)) as engine:
        engine.scheduler.warm(a_version(), 1)
        await engine.clock.sleep(0.6)
        record = await engine.record()
    assert record.measurements is not None
    assert record.measurements.queued_ms == pytest.approx(0)
    assert record.measurements.init_ms == pytest.approx(500)


# --- drain and recycle ------------------------------------------------------------------------------------


async def test_idle_ones_are_drained_now_and_busy_ones_when_done() -> None:
    async with open_engine(serving(works_a_second)) as engine:
        engine.scheduler.warm(a_version(), 2)
        await engine.settle()
        run = engine.invoke()
        engine.scheduler.drain(a_version().name)
        await engine.settle()
        assert engine.states == [BUSY]
        assert engine.environments[0].retiring
        assert (await run.outcome()).ok
        await run.record()
        await engine.settle()
        assert engine.states == []
        ended = [
            told.cause
            for told in engine.heard(EnvironmentChanged)
            if told.state is EnvironmentState.STOPPED
        ]
        assert ended == ["drained"] * 2
        fresh = await engine.record()
    assert fresh.cold is True


async def test_one_that_is_started_for_somebody_in_line_serves_them_and_goes() -> None:
    async with open_engine(serving(works_a_second, init_s=0.5)) as engine:
        run = engine.invoke()
        await engine.settle()
        engine.scheduler.drain(a_version().name)
        assert (await run.outcome()).ok
        await run.record()
        await engine.settle()
        assert engine.states == []
        (last,) = [
            told.cause
            for told in engine.heard(EnvironmentChanged)
            if told.state is EnvironmentState.STOPPED
        ]
    assert last == "drained"


async def test_draining_one_function_leaves_the_others_alone() -> None:
    async with open_engine() as engine:
        await engine.record(a_version("orders"))
        await engine.record(a_version("payments"))
        engine.scheduler.drain(a_version("orders").name)
        await engine.settle()
        assert [each.function for each in engine.environments] == ["payments"]


async def test_each_environment_is_replaced_by_a_new_one() -> None:
    async with open_engine(serving(works_a_second)) as engine:
        engine.scheduler.warm(a_version(), 2)
        await engine.settle()
        run = engine.invoke()
        before = set(ids(engine))
        old, new = engine.scheduler.recycle(lambda _, name: name == a_version().name)
        assert set(old) == before
        assert len(new) == 2
        assert engine.scheduler.recycle(lambda environment, _: environment in old) == ((), ())
        assert (await run.outcome()).ok
        await run.record()
        await engine.settle()
        assert set(ids(engine)) == set(new)
        assert engine.states == [FROZEN, FROZEN]
        causes = {
            told.environment.environment_id: told.cause
            for told in engine.heard(EnvironmentChanged)
            if told.environment.state is EnvironmentState.STOPPED
        }
    assert [causes[each] for each in old] == ["recycled", "recycled"]


async def test_one_environment_is_replaced() -> None:
    async with open_engine() as engine:
        engine.scheduler.warm(a_version(), 2)
        await engine.settle()
        first, second = ids(engine)
        engine.scheduler.recycle(lambda environment, _: environment == first)
        await engine.settle()
        assert first not in ids(engine)
        assert second in ids(engine)
        assert engine.states == [IDLE, IDLE]
