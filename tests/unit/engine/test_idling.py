"""Idle environments: frozen after a grace, thawed with the next event, gone when nobody comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.engine import Engine, lines, open_engine
from tests.fakes.runtime import Event, FakeRuntime, serving
from tests.fakes.versions import a_version
from workbench.engine.idling import in_words
from workbench.model.container import Interrupted, LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.settings import Settings
from workbench.model.telemetry import BackgroundFrozen, EnvironmentChanged

pytestmark = pytest.mark.autojump

IDLE, FROZEN = EnvironmentState.IDLE, EnvironmentState.FROZEN
LATE = Settings(freeze_after_s=5, keep_alive_s=60)

TIMERS = b"\xa5\x5a\x80\x01" + bytes(4)


def frozen(engine: Engine) -> list[bool]:
    return [container.frozen for container in engine.driver.containers]


async def test_an_idle_environment_is_frozen_after_the_grace_and_thawed_for_the_next_event() -> (
    None
):
    async with open_engine(settings=LATE) as engine:
        await engine.call()
        await engine.clock.sleep(4.9)
        assert (engine.states, frozen(engine)) == ([IDLE], [False])
        await engine.clock.sleep(0.2)
        assert (engine.states, frozen(engine)) == ([FROZEN], [True])

        run = engine.invoke(payload=b'"next"')
        assert frozen(engine) == [False]
        assert (await run.outcome()).payload == b'"next"'
        record = await run.record()
        assert engine.states == [IDLE]
        assert len(engine.driver.containers) == 1
    assert record.cold is False
    assert record.measurements is not None
    assert record.measurements.duration_ms == 0


async def test_invocations_in_quick_succession_freeze_nothing() -> None:
    async with open_engine(settings=LATE) as engine:
        for _ in range(5):
            await engine.call()
            await engine.clock.sleep(4)
        states = {change.state for change in engine.heard(EnvironmentChanged)}
    assert FROZEN not in states


async def test_the_idle_time_that_is_left_goes_on_while_it_is_frozen() -> None:
    async with open_engine(settings=LATE) as engine:
        await engine.call()
        ends_at = engine.clock.now() + timedelta(seconds=60)
        await engine.clock.sleep(30)
        (environment,) = engine.environments
        assert (environment.state, environment.idle_until) == (FROZEN, ends_at)
        await engine.clock.sleep(31)
        assert engine.environments == ()
    causes = {change.cause for change in engine.heard(EnvironmentChanged) if change.cause}
    assert causes == {"idle for 60 s"}


async def test_one_that_would_go_before_it_was_frozen_is_not_frozen() -> None:
    async with open_engine(settings=Settings(freeze_after_s=5, keep_alive_s=5)) as engine:
        await engine.call()
        await engine.clock.sleep(6)
        assert engine.environments == ()
        assert FROZEN not in {change.state for change in engine.heard(EnvironmentChanged)}


async def test_one_that_initialised_for_nobody_yet_is_frozen_too() -> None:
    async with open_engine(settings=LATE) as engine:
        engine.scheduler.warm(a_version(), 1)
        await engine.clock.sleep(6)
        assert engine.states == [FROZEN]
        assert (await engine.call()).ok


async def test_the_project_and_the_function_may_switch_it_off_and_on_again() -> None:
    async with open_engine(settings=replace(LATE, freeze=False)) as engine:
        usual = a_version("orders")
        freezing = replace(usual, configuration=replace(usual.configuration, freeze=True))
        await engine.call(usual)
        await engine.clock.sleep(6)
        assert frozen(engine) == [False]

        engine.scheduler.reconfigure(freezing)
        await engine.clock.sleep(6)
        assert (engine.states, frozen(engine)) == ([FROZEN], [True])

        engine.scheduler.reconfigure(usual)
        await engine.settle()
        assert (engine.states, frozen(engine)) == ([IDLE], [False])
        await engine.clock.sleep(6)
        assert frozen(engine) == [False]
        assert (await engine.call(usual)).ok
        assert len(engine.driver.containers) == 1


@pytest.mark.parametrize("how", ["drain", "lost", "recycle", "supersede"])
async def test_a_frozen_one_goes_like_any_other(how: str) -> None:
    async with open_engine(settings=LATE) as engine:
        await engine.call()
        await engine.clock.sleep(6)
        (old,) = engine.environments
        if how == "drain":
            engine.scheduler.drain(old.function)
        elif how == "recycle":
            engine.scheduler.recycle(lambda *_: True)
        elif how == "lost":
            engine.driver.containers[0].lose("The container went away.")
        else:
            engine.scheduler.supersede(a_version(code="2"), warm=False)
        await engine.settle()
        assert old.environment_id not in {each.environment_id for each in engine.environments}
        assert engine.driver.containers[0].removed
        assert (await engine.call()).ok


async def test_what_was_certainly_interrupted_is_said_with_the_next_invocation() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        runtime.host.write_log(LogStream.FRAMED, TIMERS + event.json.to_bytes(8, "big"))
        return b"null"

    async with open_engine(serving(handler), settings=LATE) as engine:
        await engine.call(payload=b"2")
        engine.driver.containers[0].interrupts = Interrupted(computing=1, waiting=3)
        await engine.clock.sleep(45)
        run = engine.invoke(payload=b"0")
        await run.record()
        engine.driver.containers[0].interrupts = None
        await engine.clock.sleep(45)
        silent = engine.invoke(payload=b"0")
        await silent.record()
        (told,) = engine.heard(BackgroundFrozen)
    what = "2 timers, and code that was running"
    assert (told.function, told.what) == ("orders", what)
    assert told.frozen_s == pytest.approx(40)
    first = run.logs[0]
    assert first.text == f"Background work was frozen for 40.0 s: {what}."
    assert (first.stream, first.request_id) == (LogStream.PLATFORM, None)
    assert first.text.encode() not in run.log_tail()
    assert lines(silent)[0].startswith("START")


async def test_timers_of_a_runtime_that_is_gone_are_forgotten() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        if event.json == 1:
            runtime.host.write_log(LogStream.FRAMED, TIMERS + (1).to_bytes(8, "big"))
            runtime.killed_for_memory()
        return b"null"

    async with open_engine(serving(handler), settings=LATE) as engine:
        await engine.call(payload=b"1")
        await engine.call(payload=b"0")
        await engine.clock.sleep(6)
        assert engine.states == [FROZEN]
        await engine.call(payload=b"0")
        assert engine.heard(BackgroundFrozen) == []


@pytest.mark.parametrize(
    ("work", "timers", "words"),
    [
        (Interrupted(), 0, ""),
        (Interrupted(), 1, "1 timer"),
        (Interrupted(waiting=2), 0, "a sleep or a wait with a timeout"),
        (Interrupted(computing=1, waiting=2), 0, "code that was running"),
        (Interrupted(waiting=1), 3, "3 timers, and a sleep or a wait with a timeout"),
    ],
)
def test_work_in_words(work: Interrupted, timers: int, words: str) -> None:
    assert in_words(work, timers=timers) == words


async def test_provisioned_ones_are_frozen_and_stay() -> None:
    async with open_engine(settings=LATE) as engine:
        version = a_version(qualifier="1")
        engine.scheduler.provisioning.put(version, version.version, 1)
        await engine.clock.sleep(1000)
        (environment,) = engine.environments
        assert (environment.state, environment.idle_until) == (FROZEN, None)
        assert (await engine.call(version)).ok
        assert len(engine.driver.containers) == 1
