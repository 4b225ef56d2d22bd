"""Bursts of real containers, in turn between functions and within a memory budget."""

from __future__ import annotations

import uuid

import pytest

from tests.e2e.live import AT_GATE, Live, all_of, done
from tests.e2e.test_concurrency import a_function, at_gates, gates
from workbench.errors import InvalidParameter, ProvisionedConcurrencyNotFound
from workbench.facade.invocations import Run
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import InvokeRequest, Origin, OutcomeKind
from workbench.model.names import LATEST, FunctionName, Target
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


async def test_provisioned_environments_stand_ready_and_the_rest_spills_over(live: Live) -> None:
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    if 'gate' in event:\n"
        "        at_gate(event['gate'])\n"
        "    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
        f"{AT_GATE}# {uuid.uuid4()}\n"
    )
    name = await live.add({"app.py": code}, memory_mb=128, timeout_s=120)
    number = (await live.workbench.versions.publish(name))[0].qualifier
    provisioning = live.workbench.provisioning
    await provisioning.put(name, number, 2)
    put = await provisioning.get(name, number)
    await live.until(lambda: provisioning.kept(name)[0].status == "READY")
    ready = await provisioning.get(name, number)

    async def start(gate: str) -> Run:
        return await live.workbench.invocations.invoke(
            InvokeRequest(
                target=Target(name=name, qualifier=number),
                payload=b'{"gate": "%s"}' % gate.encode(),
                origin=Origin.CLI,
            )
        )

    names = gates(3)
    runs = [await start(gate) for gate in names]
    for run, gate in zip(runs, names, strict=True):
        await live.until_printed(run, f"at gate {gate}")
    for run, gate in zip(runs, names, strict=True):
        await live.let_go(run, gate)
    ended = await all_of(*(done(run) for run in runs))
    (crashed, *_) = live.environments(name)
    live.scheduler.recycle(lambda each, _: each == crashed.environment_id)
    await live.until(
        lambda: crashed.environment_id not in {e.environment_id for e in live.environments(name)}
    )
    await live.until(lambda: provisioning.kept(name)[0].status == "READY")
    assert await provisioning.remove(name, number)
    await live.until(
        lambda: {e.initialization_type for e in live.environments(name)} == {"on-demand"}
    )

    assert (put.status, put.requested, put.allocated) == ("IN_PROGRESS", 2, 0)
    assert (ready.allocated, ready.available, ready.version) == (2, 2, number)
    assert [d.answer for d in ended] == ["provisioned-concurrency"] * 2 + ["on-demand"]
    assert [d.record.initialization_type for d in ended] == [d.answer for d in ended]
    kept = [await live.workbench.invocations.record(d.request_id) for d in ended]
    assert [each.record.initialization_type for each in kept] == [d.answer for d in ended]
    with pytest.raises(ProvisionedConcurrencyNotFound):
        await provisioning.get(name, number)
    with pytest.raises(InvalidParameter, match="cannot be applied to unpublished"):
        await provisioning.put(name, LATEST, 1)
    with pytest.raises(InvalidParameter, match="must be an alias or a published version"):
        await provisioning.get(name, LATEST)
