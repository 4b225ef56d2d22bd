"""Bursts: in turn between functions, within the memory budget, and nothing is started for nobody."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine
from tests.fakes.loop import AutojumpLoop
from tests.fakes.runtime import Event, FakeRuntime, serving
from tests.fakes.versions import a_version
from workbench.engine.run import Run
from workbench.model.environment import EnvironmentState
from workbench.model.names import FunctionName
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import EnvironmentChanged, MemoryShort
from workbench.model.version import Version

pytestmark = pytest.mark.autojump

STARTS = 4
MANY = Settings(limits=Limits(concurrency=1000, parallel_starts=STARTS))


async def works_as_told(runtime: FakeRuntime, event: Event) -> bytes:
    await runtime.sleep(event.json)
    return b"null"


def a_function(name: str = "orders", memory_mb: int = 128) -> Version:
    return a_version(name, memory_mb=memory_mb, timeout_s=900)


def burst(engine: Engine, version: Version, count: int, seconds: float) -> list[Run]:
    return [engine.invoke(version, str(seconds).encode()) for _ in range(count)]


async def all_ended(*runs: Run) -> None:
    for run in runs:
        assert (await run.outcome()).ok
        await run.record()


def started(engine: Engine) -> list[str]:
    """Functions, in the order in which their containers were made."""
    return [
        dict(container.spec.labels)["workbench.function"] for container in engine.driver.containers
    ]


# --- bursts --------------------------------------------------------------------------------------------


async def test_burst_of_fifty_gets_fifty_environments_a_few_started_at_once() -> None:
    async with open_engine(serving(works_as_told), settings=MANY) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=0.1)
        runs = burst(engine, a_function(), 50, 100)
        await all_ended(*runs)
        assert len(engine.states) == 50
        assert set(engine.states) <= {EnvironmentState.IDLE, EnvironmentState.FROZEN}
    assert engine.driver.most_creating == STARTS
    assert len({run.record_now.environment_id for run in runs}) == 50
    assert [run.record_now.measurements is not None for run in runs] == [True] * 50


async def test_burst_of_one_function_does_not_keep_another_one_waiting() -> None:
    async with open_engine(settings=MANY) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=1)
        many = burst(engine, a_function("orders"), 100, 800)
        (single,) = burst(engine, a_function("billing"), 1, 0)
        few = burst(engine, a_function("mail"), 2, 0)
        await single.record()
        assert single.record_now.measurements is not None
        assert single.record_now.measurements.queued_ms == pytest.approx(2000)
        await all_ended(*few, *many)
    order = started(engine)
    assert order[:STARTS] == ["orders"] * STARTS
    assert Counter(order[STARTS : 2 * STARTS]) == Counter(orders=2, billing=1, mail=1)
    assert Counter(order[STARTS:])["mail"] == 2
    assert "mail" in order[2 * STARTS : 3 * STARTS]


async def test_environment_is_not_started_when_nobody_waits_for_it_any_more() -> None:
    async with open_engine(settings=MANY) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=1)
        runs = burst(engine, a_function(), 100, 0)
        await all_ended(*runs)
        await engine.clock.sleep(10)
        assert STARTS <= len(engine.driver.containers) < 3 * STARTS
        assert engine.states == [EnvironmentState.FROZEN] * len(engine.driver.containers)


async def test_environment_that_was_asked_for_by_hand_is_started_all_the_same() -> None:
    async with open_engine(settings=MANY) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=1)
        engine.scheduler.warm(a_function(), 10)
        await all_ended(*burst(engine, a_function(), 8, 0))
        await engine.clock.sleep(10)
        assert len(engine.environments) == 10


async def test_invocation_that_is_stopped_in_line_gives_its_turn_back() -> None:
    async with open_engine(settings=MANY) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=1)
        runs = burst(engine, a_function(), 20, 100)
        await engine.settle()
        for run in runs[STARTS:]:
            engine.scheduler.stop(run.acceptance.request_id)
        await engine.settle()
        assert len(engine.environments) == STARTS
        await all_ended(*runs[:STARTS])
    assert len(engine.driver.containers) == STARTS


# --- memory --------------------------------------------------------------------------------------------


async def test_least_recently_used_idle_environment_of_any_function_goes_first() -> None:
    async with open_engine(serving(works_as_told), memory_budget_mb=512) as engine:
        functions = [a_function(name) for name in ("a", "b", "c", "d")]
        for version in functions:
            await engine.call(version, b"0")
            await engine.clock.sleep(1)
        await engine.call(functions[0], b"0")  # a is the newest now

        await engine.call(a_function("e"), b"0")
        await engine.call(a_function("f", memory_mb=256), b"0")

        left = {environment.function for environment in engine.environments}
    assert left == {"a", "e", "f"}
    causes = [
        (each.environment.function, each.cause)
        for each in engine.heard(EnvironmentChanged)
        if each.cause == "its memory is needed"
        and each.environment.state is EnvironmentState.RETIRING
    ]
    assert [function for function, _ in causes] == ["b", "c", "d"]


async def test_over_the_budget_who_comes_waits_for_memory_and_loses_nothing() -> None:
    async with open_engine(settings=MANY, memory_budget_mb=256) as engine:
        engine.driver.usual = Behaviour(
            programs=(serving(works_as_told),), create_s=0.1, remove_s=0.5
        )
        runs = burst(engine, a_function("orders"), 2, 10)
        late = burst(engine, a_function("billing"), 1, 1)
        await engine.clock.sleep(5)
        assert [run.settled for run in late] == [False]
        assert engine.heard(MemoryShort) == [
            MemoryShort(function=FunctionName("billing"), memory_mb=128, used_mb=256, budget_mb=256)
        ]
        await all_ended(*runs, *late)
        assert len(engine.heard(MemoryShort)) == 1
    waited = late[0].record_now.measurements
    assert waited is not None
    # 10 s of work before it, then one idle one is removed, and its own is made
    assert waited.queued_ms == pytest.approx(10_100 + 500 + 100)


async def test_a_function_that_lacks_memory_again_and_again_says_so_once() -> None:
    async with open_engine(settings=MANY, memory_budget_mb=128) as engine:
        engine.driver.usual = Behaviour(programs=(serving(works_as_told),), create_s=0.1)
        for _ in range(5):
            runs = burst(engine, a_function("orders"), 3, 1)
            await all_ended(*runs)
        assert len(engine.heard(MemoryShort)) == 1

        await engine.clock.sleep(MANY.keep_alive_s + 10)  # it is gone
        await all_ended(*burst(engine, a_function("orders"), 3, 1))
        assert len(engine.heard(MemoryShort)) == 2


async def test_function_that_never_fits_runs_one_at_a_time() -> None:
    async with open_engine(serving(works_as_told), memory_budget_mb=256) as engine:
        await engine.call(a_function("small"), b"0")
        giants = burst(engine, a_function("giant", memory_mb=4096), 3, 10)
        await engine.settle()
        small = burst(engine, a_function("small"), 1, 0)
        await engine.settle()
        assert len(engine.driver.running) == 1
        await all_ended(*giants, *small)
    assert started(engine) == ["small", "giant", "small"]


async def test_large_one_is_not_passed_by_small_ones_for_ever() -> None:
    async with open_engine(settings=MANY, memory_budget_mb=512) as engine:
        engine.behave(serving(works_as_told))
        holding = burst(engine, a_function("holding", memory_mb=256), 1, 1)
        await engine.settle()
        (large,) = burst(engine, a_function("large", memory_mb=512), 1, 0)
        small: list[Run] = []
        for number in range(40):  # two that are always at work, in ever new functions
            small += burst(engine, a_function(f"small{number}"), 1, 0.75)
            await engine.clock.sleep(0.5)
        await all_ended(*holding, *small, large)
    assert "large" in started(engine)[:25]


@settings(max_examples=30, deadline=None)
@given(
    calls=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from((0.0, 0.5, 3.0)), st.booleans()),
        max_size=25,
    ),
    budget_mb=st.sampled_from((128, 300, 700, 2000)),
    at_once=st.integers(1, 3),
)
def test_whatever_comes_everything_runs_in_the_end(
    calls: list[tuple[str, float, bool]], budget_mb: int, at_once: int
) -> None:
    sizes = {"a": 128, "b": 256, "c": 1024}

    async def scene() -> None:
        limits = Limits(concurrency=1000, parallel_starts=at_once)
        async with open_engine(
            settings=Settings(limits=limits), memory_budget_mb=budget_mb
        ) as engine:
            engine.driver.usual = Behaviour(
                programs=(serving(works_as_told),), create_s=0.2, remove_s=0.1
            )
            runs = []
            for name, seconds, pause in calls:
                runs += burst(engine, a_function(name, memory_mb=sizes[name]), 1, seconds)
                if pause:
                    await engine.clock.sleep(0.3)
            await all_ended(*runs)

    loop = AutojumpLoop()
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(scene())
    finally:
        loop.close()
