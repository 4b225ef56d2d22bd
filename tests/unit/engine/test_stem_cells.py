"""Containers that stand ready: who gets one, when new ones are made, what is left at the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine
from tests.fakes.runtime import serving
from tests.fakes.versions import a_runtime, a_version
from workbench.errors import ContainerLost, ContainerRefused
from workbench.model.container import ContainerOrigin
from workbench.model.environment import EnvironmentState
from workbench.model.runtime import PreloadRule
from workbench.model.settings import Settings, StemSettings
from workbench.model.version import Version

pytestmark = pytest.mark.autojump

RUNTIME = a_runtime(preload=PreloadRule(boot_variables=("PYTHON*",)))
STEM = StemSettings(
    minimum=1, maximum=2, time_to_live_s=100, refill_after_s=0.25, refill_limit_s=2.0
)
SETTINGS = Settings(stem=STEM, keep_alive_s=10_000)


def version(name: str = "orders", code: str = "1", memory_mb: int = 128) -> Version:
    return a_version(name, code=code, memory_mb=memory_mb, runtime=RUNTIME)


async def quiet(engine: Engine) -> None:
    """Let cells be made, and their making take what it takes."""
    await engine.clock.sleep(STEM.refill_limit_s + engine.driver.cell_s * 4)
    await engine.settle()


def origins(engine: Engine) -> list[ContainerOrigin]:
    return [environment.origin for environment in engine.environments]


def ready(engine: Engine) -> int:
    return len(engine.stems.ready)


async def test_first_environment_is_made_plainly_and_the_next_comes_from_a_cell() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        await quiet(engine)
        await engine.call(version("other"))

        assert origins(engine) == [ContainerOrigin.PLAIN, ContainerOrigin.PRELOADED]
        assert engine.driver.cells[0].container.spec.name.startswith("wb-other-")


async def test_a_claimed_cell_says_how_long_the_claim_took_and_nothing_of_creating() -> None:
    async with open_engine(serving(init_s=0.004), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        await quiet(engine)
        record = await engine.record(version("other"))

        assert record.measurements is not None
        split = record.measurements.split
        assert (split.create_ms, split.start_ms) == (None, None)
        assert split.claim_ms == pytest.approx(0, abs=0.01)
        assert record.measurements.init_ms == pytest.approx(4)
        assert record.cold


async def test_runtime_that_cannot_be_preloaded_is_started_in_a_container_that_stood_ready() -> (
    None
):
    custom = a_runtime("provided.al2023")
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(a_version("one", runtime=custom))
        await quiet(engine)
        await engine.call(a_version("two", runtime=custom))

        assert origins(engine) == [ContainerOrigin.PLAIN, ContainerOrigin.PRESTARTED]


async def test_new_code_is_warmed_from_a_cell() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version(code="1"))
        await quiet(engine)
        engine.scheduler.supersede(version(code="2"), warm=True)
        await engine.settle()

        (environment,) = engine.environments
        assert environment.state is EnvironmentState.IDLE
        assert environment.origin is ContainerOrigin.PRELOADED


async def test_cells_are_made_when_it_has_fallen_quiet_and_one_at_a_time() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.driver.cell_s = 0.5
        for number in range(3):
            engine.invoke(version(f"f{number}"))
        await engine.clock.sleep(STEM.refill_after_s - 0.01)
        assert engine.driver.creating_cells == 0
        await quiet(engine)

        assert ready(engine) == STEM.maximum
        assert engine.driver.most_creating_cells == 1


async def test_cells_are_made_even_if_it_never_falls_quiet() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        for number in range(12):
            await engine.call(version(f"f{number}"))
            await engine.clock.sleep(0.2)

        assert engine.driver.cells


async def test_one_that_is_being_made_is_waited_for() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.driver.cell_s = 0.5
        await engine.call(version("orders"))
        await engine.clock.sleep(STEM.refill_after_s + 0.1)
        engine.behave(serving(), create_s=5.0)
        record = await engine.record(version("other"))

        assert origins(engine)[-1] is ContainerOrigin.PRELOADED
        assert record.measurements is not None
        assert record.measurements.queued_ms == pytest.approx(400, abs=1)


async def test_one_that_is_being_made_is_promised_once() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.driver.cell_s = 0.5
        await engine.call(version("orders"))
        await engine.clock.sleep(STEM.refill_after_s + 0.1)
        runs = [engine.invoke(version(name)) for name in ("a", "b")]
        for run in runs:
            assert (await run.outcome()).ok

        assert sorted(origins(engine)) == sorted(
            [ContainerOrigin.PLAIN, ContainerOrigin.PLAIN, ContainerOrigin.PRELOADED]
        )


async def test_burst_takes_what_is_there_and_makes_the_rest() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        for name in ("a", "b"):
            engine.invoke(version(name))
        await quiet(engine)
        assert ready(engine) == 2
        runs = [engine.invoke(version("burst")) for _ in range(5)]
        for run in runs:
            assert (await run.outcome()).ok

        found = [e.origin for e in engine.environments if e.function == "burst"]
        assert found.count(ContainerOrigin.PRELOADED) == 2
        assert found.count(ContainerOrigin.PLAIN) == 3


async def test_no_two_environments_ever_have_one_cell() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        for number in range(8):
            runs = [engine.invoke(version(f"f{number}-{n}")) for n in range(3)]
            for run in runs:
                await run.outcome()
            await engine.clock.sleep(0.3)
        specs = [container.spec.environment_id for container in engine.driver.containers]

        assert len(specs) == len(set(specs))
        assert sum(cell.claimed for cell in engine.driver.cells) > 3


async def test_cell_with_the_right_memory_is_preferred() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.invoke(version("a", memory_mb=128))
        engine.invoke(version("b", memory_mb=128))
        await quiet(engine)
        await engine.call(version("c", memory_mb=512))
        await quiet(engine)
        assert [cell.spec.memory_mb for cell in engine.stems.ready] == [128, 512]
        await engine.call(version("d", memory_mb=512))

        assert [cell.spec.memory_mb for cell in engine.stems.ready] == [128]


async def test_spoiled_cell_is_given_to_nobody_and_replaced() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        await quiet(engine)
        engine.driver.cells[0].container.lose("killed by somebody")
        assert ready(engine) == 0
        await quiet(engine)

        assert ready(engine) == 1
        assert engine.driver.cells[0].container.removed


async def test_claim_that_fails_falls_back_and_nobody_notices() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        engine.driver.coming.append(
            Behaviour(programs=(serving(),), claim_error=ContainerRefused("no"))
        )
        await quiet(engine)
        outcome = await engine.call(version("other"))
        await engine.settle()

        assert outcome.ok
        assert origins(engine)[-1] is ContainerOrigin.PLAIN
        assert engine.driver.cells[0].container.removed


async def test_kind_that_cannot_be_made_is_left_alone_for_a_while() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.driver.cell_error = ContainerLost("the runtime did not come up")
        await engine.call(version("orders"))
        await quiet(engine)
        engine.driver.cell_error = None
        await engine.clock.sleep(10)
        assert engine.driver.cells == []
        await engine.clock.sleep(10)

        assert ready(engine) == 1


async def test_cells_that_nobody_asks_for_any_more_go() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        await quiet(engine)
        assert ready(engine) == 1
        await engine.clock.sleep(STEM.time_to_live_s)
        await engine.settle()

        assert ready(engine) == 0
        assert engine.driver.cells[0].container.removed
        assert engine.stems._demands == {}


async def test_what_cells_were_measured_to_hold_bounds_their_number() -> None:
    settings = replace(SETTINGS, stem=replace(STEM, memory_bytes=100, cell_bytes=10))
    async with open_engine(serving(), settings=settings, stem_cells=True) as engine:
        engine.driver.held_bytes = 60
        for name in ("a", "b"):
            engine.invoke(version(name))
        await quiet(engine)
        engine.invoke(version("c"))
        await quiet(engine)

        assert ready(engine) == 1


async def test_invocation_that_is_stopped_while_its_cell_is_made_leaves_the_cell() -> None:
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        engine.driver.cell_s = 0.5
        await engine.call(version("orders"))
        await engine.clock.sleep(STEM.refill_after_s + 0.1)
        engine.invoke(version("other"))
        await engine.clock.sleep(0.1)
        engine.scheduler.retire(version("other").name)
        for environment in list(engine.scheduler._pool.environments):
            if environment.version.name == "other":
                environment.abandon("not wanted any more")
        await quiet(engine)

        assert ready(engine) >= 1


async def test_shutdown_in_the_middle_of_making_leaves_nothing() -> None:
    """`open_engine` checks it."""
    async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
        await engine.call(version("orders"))
        await quiet(engine)
        engine.driver.cell_s = 5.0
        await engine.call(version("other"))
        await engine.clock.sleep(1)
        assert engine.driver.creating_cells == 1


async def test_shutdown_by_cancellation_removes_every_cell() -> None:
    cells = []

    async def life() -> None:
        async with open_engine(serving(), settings=SETTINGS, stem_cells=True) as engine:
            engine.driver.usual = Behaviour(programs=(serving(),), remove_s=0.5)
            await engine.call(version("orders"))
            await quiet(engine)
            cells.extend(engine.driver.cells)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await life()

    assert cells
    assert all(cell.container.removed for cell in cells)
