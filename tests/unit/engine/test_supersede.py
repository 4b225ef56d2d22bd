"""Newer code: accepted before, an invocation runs the old; accepted after, the new; none is lost."""

from __future__ import annotations

import pytest

from tests.fakes.driver import Behaviour, FakeContainer
from tests.fakes.engine import Engine, open_engine
from tests.fakes.runtime import Event, FakeRuntime, died, ending, serving
from tests.fakes.versions import a_version
from workbench.engine.run import Run
from workbench.model.environment import EnvironmentState
from workbench.model.telemetry import EnvironmentChanged

pytestmark = pytest.mark.autojump

OLD, NEW = a_version(code="1"), a_version(code="2")


async def sleepy(runtime: FakeRuntime, event: Event) -> bytes:
    """Takes as long as the event says, and answers with the folder its code came from."""
    await runtime.sleep(event.json)
    container = runtime.host
    assert isinstance(container, FakeContainer)
    (code,) = container.spec.mounts
    return f'"{code.source.name}"'.encode()


async def answers(runs: list[Run]) -> list[bytes]:
    return [(await run.outcome()).payload for run in runs]


async def test_accepted_before_runs_the_old_code_accepted_after_the_new() -> None:
    async with open_engine(serving(sleepy)) as engine:
        before = [engine.invoke(OLD, b"1") for _ in range(3)]
        await engine.clock.sleep(0.5)
        before += [engine.invoke(OLD, b"0.1") for _ in range(3)]
        engine.scheduler.supersede(NEW, warm=True)
        after = [engine.invoke(NEW, b"0.1") for _ in range(3)]
        assert await answers(before) == [b'"1"'] * 6
        assert await answers(after) == [b'"2"'] * 3


async def test_idle_environments_of_the_old_code_go_at_once() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(OLD, b"0")
        (old,) = engine.environments
        engine.scheduler.supersede(NEW, warm=False)
        await engine.settle()
        assert engine.environments == ()
        changes = [
            change
            for change in engine.heard(EnvironmentChanged)
            if change.environment.environment_id == old.environment_id
        ]
    assert changes[-1].environment.state is EnvironmentState.STOPPED
    assert changes[-1].cause == "newer code"


async def test_a_busy_one_finishes_and_then_goes() -> None:
    async with open_engine(serving(sleepy)) as engine:
        run = engine.invoke(OLD, b"2")
        await engine.clock.sleep(1)
        engine.scheduler.supersede(NEW, warm=False)
        (environment,) = engine.environments
        assert environment.retiring
        assert environment.state is EnvironmentState.BUSY
        assert (await run.outcome()).payload == b'"1"'
        await run.record()
        await engine.settle()
        assert engine.environments == ()


async def test_one_that_answered_and_is_not_ready_again_goes_when_it_is() -> None:
    async def tidying(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event)
        await runtime.sleep(1)
        await runtime.next()

    async with open_engine(tidying) as engine:
        run = engine.invoke(OLD)
        await run.outcome()
        engine.scheduler.supersede(NEW, warm=False)
        assert engine.states == [EnvironmentState.RESPONDED]
        record = await run.record()
        await engine.settle()
        assert engine.environments == ()
    assert record.measurements is not None
    assert record.measurements.duration_ms == pytest.approx(1000)


async def test_a_busy_one_that_crashes_goes_too() -> None:
    async def crash(runtime: FakeRuntime, _: Event) -> bytes:
        await runtime.sleep(1)
        raise died(1)

    async with open_engine(serving(crash)) as engine:
        run = engine.invoke(OLD)
        await engine.clock.sleep(0.5)
        engine.scheduler.supersede(NEW, warm=False)
        await run.record()
        await engine.settle()
        assert engine.environments == ()


async def test_those_in_line_keep_an_environment_and_it_goes_after_the_last() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=1)
        waiting = [engine.invoke(OLD, b"0.1") for _ in range(2)]
        engine.scheduler.supersede(NEW, warm=False)
        assert await answers(waiting) == [b'"1"'] * 2
        for run in waiting:
            await run.record()
        await engine.settle()
        assert engine.environments == ()


async def test_those_in_line_survive_a_container_lost_after_the_reload() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=1)
        engine.driver.coming.append(Behaviour(create_s=1, lost_while_made=True))
        waiting = engine.invoke(OLD, b"0.1")
        engine.scheduler.supersede(NEW, warm=True)
        assert await answers([waiting]) == [b'"1"']
        await waiting.record()


async def test_those_in_line_survive_an_init_that_fails_after_the_reload() -> None:
    async with open_engine() as engine:
        engine.behave(ending(died(1), after_s=1), serving(sleepy))
        waiting = engine.invoke(OLD, b"0.1")
        engine.scheduler.supersede(NEW, warm=False)
        assert await answers([waiting]) == [b'"1"']
        await waiting.record()
        await engine.settle()
        assert engine.environments == ()


async def test_what_was_started_for_nobody_in_line_is_not_kept() -> None:
    """Two were started, one is enough for who waits; the one that is further on stays."""
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(OLD, b"0")
        engine.driver.coming.extend([Behaviour(create_s=1, programs=(serving(sleepy),))])
        engine.driver.coming.extend([Behaviour(create_s=9, programs=(serving(sleepy),))])
        holding = engine.invoke(OLD, b"2")
        await engine.settle()
        first, second = (engine.invoke(OLD, b"0") for _ in range(2))
        await engine.settle()
        engine.scheduler.stop(first.acceptance.request_id)
        engine.scheduler.supersede(NEW, warm=False)
        await second.record()
        assert engine.clock.monotonic() == pytest.approx(1)
        await holding.record()
        await engine.settle()
        assert engine.environments == ()
        assert len(engine.driver.containers) == 2


async def test_an_old_function_in_use_is_warmed_in_its_new_form() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy, init_s=0.5), create_s=0.2)
        await engine.call(OLD, b"0")
        engine.scheduler.supersede(NEW, warm=True)
        await engine.clock.sleep(1)
        (environment,) = engine.environments
        assert environment.code_digest == NEW.code.digest
        assert environment.state is EnvironmentState.FROZEN
        run = engine.invoke(NEW, b"0")
        assert (await run.outcome()).payload == b'"2"'
        record = await run.record()
    assert record.measurements is not None
    assert record.measurements.queued_ms == 0
    assert record.measurements.init_ms == pytest.approx(500)


async def test_one_not_in_use_is_not_warmed() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(a_version("billing"), b"0")
        engine.scheduler.supersede(NEW, warm=True)
        await engine.settle()
        assert [environment.function for environment in engine.environments] == ["billing"]


async def test_an_invocation_right_after_a_reload_takes_the_environment_being_warmed() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=1)
        await engine.call(OLD, b"0")
        engine.scheduler.supersede(NEW, warm=True)
        await engine.clock.sleep(0.5)
        record = await engine.record(NEW, b"0")
        assert len(engine.driver.containers) == 2
    assert record.measurements is not None
    assert record.measurements.queued_ms == pytest.approx(500)


async def test_undoing_an_edit_brings_the_old_code_back() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(OLD, b"0")
        engine.scheduler.supersede(NEW, warm=True)
        engine.scheduler.supersede(OLD, warm=True)
        await engine.clock.sleep(1)
        assert engine.states == [EnvironmentState.FROZEN]
        run = engine.invoke(OLD, b"0")
        assert (await run.outcome()).payload == b'"1"'
        await run.record()
        await engine.clock.sleep(1)
        assert [environment.code_digest for environment in engine.environments] == [OLD.code.digest]
        assert engine.states == [EnvironmentState.FROZEN]


async def test_the_same_code_again_changes_nothing() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(OLD, b"0")
        engine.scheduler.supersede(OLD, warm=True)
        await engine.settle()
        assert len(engine.driver.containers) == 1
        assert (await engine.record(OLD, b"0")).cold is False


async def test_code_that_is_warm_already_is_not_warmed_twice() -> None:
    async with open_engine(serving(sleepy)) as engine:
        holding = engine.invoke(OLD, b"2")
        await engine.settle()
        for _ in range(5):
            engine.scheduler.supersede(NEW, warm=True)
        await engine.clock.sleep(1)
        assert len(engine.driver.containers) == 2
        await holding.record()


async def test_numbered_versions_and_other_functions_are_left_alone() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(a_version(code="1", qualifier="7"), b"0")
        await engine.call(a_version("billing"), b"0")
        before = engine.environments
        engine.scheduler.supersede(NEW, warm=True)
        await engine.settle()
        assert engine.environments == before


async def test_told_to_go_while_busy_it_goes_even_if_its_code_is_wanted_again() -> None:
    async with open_engine(serving(sleepy)) as engine:
        run = engine.invoke(OLD, b"1")
        await engine.settle()
        (environment,) = engine.scheduler._pool.environments
        environment.retire("told to")
        assert (await run.outcome()).ok
        await run.record()
        await engine.settle()
        assert engine.environments == ()


async def test_a_function_that_is_removed_finishes_what_it_has() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=0.5)
        running, waiting = engine.invoke(OLD, b"1"), engine.invoke(OLD, b"1")
        await engine.clock.sleep(0.2)
        engine.scheduler.retire(OLD.name)
        assert await answers([running, waiting]) == [b'"1"'] * 2
        for run in (running, waiting):
            await run.record()
        await engine.settle()
        assert engine.environments == ()


async def save_again_and_again(engine: Engine) -> list[tuple[Run, bytes]]:
    """Invoke all the time while the code changes every 70 ms."""
    runs: list[tuple[Run, bytes]] = []
    for edit in range(30):
        version = a_version(code=chr(ord("A") + edit))
        engine.scheduler.supersede(version, warm=True)
        for _ in range(7):
            code = version.code.folder.name
            runs.append((engine.invoke(version, b"0.15"), f'"{code}"'.encode()))
            await engine.clock.sleep(0.01)
    return runs


async def test_under_a_stream_of_edits_every_invocation_runs_the_code_it_was_accepted_for() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy, init_s=0.03), create_s=0.04)
        runs = await save_again_and_again(engine)
        for run, expected in runs:
            assert (await run.outcome()).payload == expected
            await run.record()
        await engine.clock.sleep(1)
        assert {environment.code_digest[0] for environment in engine.environments} == {"^"}
