"""An invocation that comes while an environment has answered and not asked for more yet."""

from __future__ import annotations

import pytest

from tests.fakes.engine import open_engine
from tests.fakes.runtime import FakeRuntime, Program, died
from workbench.engine.pool import PATIENCE_S
from workbench.model.invocation import OutcomeKind

pytestmark = pytest.mark.autojump


def slow_to_ask(seconds: float) -> Program:
    """Answers, and asks for more so much later."""

    async def program(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            await runtime.respond(event, event.payload)
            await runtime.sleep(seconds)

    return program


async def test_one_caller_after_the_other_needs_one_environment() -> None:
    async with open_engine(slow_to_ask(PATIENCE_S / 2)) as engine:
        for _ in range(5):
            assert (await engine.invoke().outcome()).ok
        assert len(engine.driver.containers) == 1


async def test_patience_ends() -> None:
    async with open_engine(slow_to_ask(2)) as engine:
        await engine.invoke().outcome()
        began_s = engine.clock.monotonic()
        assert (await engine.invoke().outcome()).ok
        assert len(engine.driver.containers) == 2
        assert engine.clock.monotonic() - began_s < 1


async def test_only_as_many_wait_as_there_are_environments_to_wait_for() -> None:
    async with open_engine(slow_to_ask(PATIENCE_S / 2)) as engine:
        await engine.invoke().outcome()
        runs = [engine.invoke() for _ in range(3)]
        await engine.settle()
        assert all([(await run.outcome()).ok for run in runs])
        assert len(engine.driver.containers) == 3


@pytest.mark.parametrize("seconds", [0.0, PATIENCE_S / 2])
async def test_one_that_dies_instead_of_asking_serves_all_the_same(seconds: float) -> None:
    async def dies_once(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event, event.payload)
        await runtime.sleep(seconds)
        raise died(1)

    async with open_engine(dies_once) as engine:
        await engine.invoke().outcome()
        assert (await engine.invoke().outcome()).kind is OutcomeKind.SUCCESS
