"""Bursts of real containers, in turn between functions and within a memory budget."""

from __future__ import annotations

import uuid

import pytest

from tests.e2e.live import Live, all_of, done
from tests.e2e.test_concurrency import a_function, at_gates, gates
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName
from workbench.model.telemetry import EnvironmentChanged, MemoryShort

pytestmark = [pytest.mark.docker, pytest.mark.asyncio(loop_scope="module")]

BURST = 12
BUDGET_MB = BURST * 128
SETTINGS = {"account": {"concurrency": BURST}, "engine": {"memory_budget_mb": BUDGET_MB}}


async def brief(live: Live, memory_mb: int) -> FunctionName:
    """Answers at once, with the memory it may use."""
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    return os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']\n"
    )
    return await live.add(
        {"app.py": f"{code}# {uuid.uuid4()}\n"}, memory_mb=memory_mb, timeout_s=60
    )


async def test_burst_of_twelve_gets_twelve_environments(live: Live) -> None:
    name = await a_function(live, memory_mb=128)
    names = gates(BURST)

    async with at_gates(live, name, *names) as runs:
        states = [environment.state for environment in live.environments(name)]
    ended = await all_of(*(done(run) for run in runs))

    assert states == [EnvironmentState.BUSY] * BURST
    assert {d.outcome.kind for d in ended} == {OutcomeKind.SUCCESS}
    assert len({d.answer["host"] for d in ended}) == BURST


async def test_more_than_fits_runs_in_turn_and_idle_ones_make_room(live: Live) -> None:
    large, small = await brief(live, 512), await brief(live, 128)
    giant = await brief(live, 2 * BUDGET_MB)
    alive = {each.environment_id: each.memory_mb for each in live.workbench.environments.mine()}
    with live.workbench.subscribe() as feed:
        ended = await live.invoke_all(
            *[(large, {})] * 6, *[(giant, {})] * 2, *[(small, {})] * (BURST - 8)
        )
        heard = feed.take_nowait()

    assert [d.outcome.kind for d in ended] == [OutcomeKind.SUCCESS] * BURST
    assert [d.answer for d in ended] == ["512"] * 6 + [str(2 * BUDGET_MB)] * 2 + ["128"] * 4
    assert any(isinstance(value, MemoryShort) for value in heard)
    # at no moment did more containers exist than may, but for the one that never fits
    for value in heard:
        if not isinstance(value, EnvironmentChanged):
            continue
        environment = value.environment
        if environment.state is EnvironmentState.STOPPED:
            alive.pop(environment.environment_id, None)
        elif environment.state is EnvironmentState.INITIALIZING:
            alive[environment.environment_id] = environment.memory_mb
        assert sum(alive.values()) <= BUDGET_MB or len(alive) == 1
    (warning,) = live.workbench.catalog.function(giant).problems
    assert "it runs one at a time" in warning.message
