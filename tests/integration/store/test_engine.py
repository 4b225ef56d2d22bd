"""The real engine and the real store together: what a run says of itself is what is remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.fakes.driver import Behaviour, FakeDriver
from tests.fakes.runtime import Event, FakeRuntime, Program, died, serving
from tests.fakes.versions import a_version
from tests.integration.store.runs import Told, accept, telling
from workbench.clock import SystemClock
from workbench.engine.run import Run
from workbench.engine.scheduler import Scheduler
from workbench.engine.surroundings import Surroundings
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.settings import Limits, Settings
from workbench.ports import Journal
from workbench.runtime_api.server import Endpoints


def chatty(*, lines: int = 2) -> Program:
    """Prints while it initialises, while it works, and after it has answered."""

    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        for number in range(lines):
            runtime.print(f"working {number}\n")
        if event.payload == b'"die"':
            raise died(7)
        return event.payload

    async def program(runtime: FakeRuntime) -> None:
        runtime.print("importing\nready\n")
        await serving(handler)(runtime)

    return program


@asynccontextmanager
async def engine_on(
    state: Path, program: Program, *, limits: Limits | None = None
) -> AsyncIterator[tuple[Scheduler, Told]]:
    settings = Settings(limits=limits or Limits())
    clock = SystemClock()
    driver = FakeDriver(clock, Behaviour(programs=(program,)))
    async with telling(state, limits=limits) as told:
        journal: Journal = told.store.journal
        scheduler = Scheduler(
            Surroundings(
                driver=driver,
                endpoints=Endpoints(limits=settings.limits),
                journal=journal,
                bus=told.bus,
                clock=clock,
                settings=settings,
                labels=(),
            )
        )
        async with driver.open(), scheduler.open():
            yield scheduler, told


def invoke(scheduler: Scheduler, payload: bytes = b"{}") -> Run:
    version = a_version()
    acceptance = replace(accept(payload=payload), code_digest=version.code.digest)
    return scheduler.invoke(version, acceptance, trace_id="Root=1-2-3")


async def test_records_and_logs_are_those_of_the_runs_themselves(state_folder: Path) -> None:
    async with engine_on(state_folder, chatty()) as (scheduler, told):
        runs = []
        for payload in (b'"a"', b'"die"', b'"b"', b'"c"'):
            runs.append(invoke(scheduler, payload))
            await runs[-1].record()

        for run in runs:
            assert await told.store.history.record(run.acceptance.request_id) == run.record_now
            assert await told.store.history.logs(run.acceptance.request_id) == tuple(run.logs)
            assert run.record_now.log_lines == len(run.logs)
        kinds = [run.record_now.outcome and run.record_now.outcome.kind for run in runs]
        assert kinds == [
            OutcomeKind.SUCCESS,
            OutcomeKind.EXIT,
            OutcomeKind.SUCCESS,
            OutcomeKind.SUCCESS,
        ]
        assert "importing" in [entry.text for entry in runs[0].logs]


async def test_many_at_once_in_many_environments_are_told_apart(state_folder: Path) -> None:
    async with engine_on(state_folder, chatty()) as (scheduler, told):
        runs = [invoke(scheduler, f'"{number}"'.encode()) for number in range(60)]
        for run in runs:
            await run.record()

        for run in runs:
            assert await told.store.history.record(run.acceptance.request_id) == run.record_now
            assert await told.store.history.logs(run.acceptance.request_id) == tuple(run.logs)
        shown = await told.store.history.environments()
        assert {one.environment_id for one in shown} == {
            one.environment_id for one in scheduler.snapshots()
        }
        waiting = {EnvironmentState.IDLE, EnvironmentState.FROZEN}  # the latter soon after
        assert {one.state for one in shown} <= waiting


async def test_a_flood_makes_the_function_wait_and_nothing_is_missing(state_folder: Path) -> None:
    limits = Limits(log_backlog=100)
    async with engine_on(state_folder, chatty(lines=5_000), limits=limits) as (scheduler, told):
        run = invoke(scheduler)
        await run.record()

        assert await told.store.history.logs(run.acceptance.request_id) == tuple(run.logs)
        assert run.record_now.log_lines > 5_000


async def test_after_shutting_down_no_environment_is_left(state_folder: Path) -> None:
    async with engine_on(state_folder, chatty()) as (scheduler, told):
        await invoke(scheduler).record()
        assert len(await told.store.history.environments()) == 1

    async with telling(state_folder) as told:
        assert await told.store.history.environments() == ()
        (run,) = await told.store.history.recent(None, limit=10)
        assert run.kind is OutcomeKind.SUCCESS
