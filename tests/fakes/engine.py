"""The real engine and the real Runtime API, on a fake driver, a journal that remembers, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.fakes.clock import LoopClock
from tests.fakes.driver import Behaviour, FakeDriver
from tests.fakes.journal import RecordingJournal
from tests.fakes.loop import virtual
from tests.fakes.runtime import Program
from tests.fakes.versions import a_version, an_acceptance
from workbench.engine.run import Run
from workbench.engine.scheduler import Scheduler
from workbench.engine.stem_cells import StemCells
from workbench.engine.surroundings import Surroundings
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import InvocationRecord, Outcome
from workbench.model.names import RequestId
from workbench.model.settings import Settings
from workbench.model.telemetry import Fault, Telemetry
from workbench.model.version import Version
from workbench.runtime_api.server import Endpoints
from workbench.telemetry import Bus, Feed

_T = TypeVar("_T", bound=Telemetry)


@dataclass(slots=True, kw_only=True)
class Engine:
    """One engine of a test, and what can be seen of it."""

    clock: LoopClock
    bus: Bus
    journal: RecordingJournal
    driver: FakeDriver
    scheduler: Scheduler
    stems: StemCells
    feed: Feed
    faults_expected: bool = False
    _heard: list[Telemetry] = field(default_factory=list)

    # --- what a test does ------------------------------------------------------------------------------

    def invoke(
        self,
        version: Version | None = None,
        payload: bytes = b"{}",
        *,
        qualifier: str | None = None,
        cold: bool = False,
    ) -> Run:
        """Accept an invocation."""
        version = version or a_version()
        acceptance = replace(
            an_acceptance(version, payload=payload, qualifier=qualifier),
            accepted_at=self.clock.now(),
        )
        return self.scheduler.invoke(version, acceptance, trace_id="Root=1-2-3", cold=cold)

    async def call(self, version: Version | None = None, payload: bytes = b"{}") -> Outcome:
        """Invoke, and wait until the environment is ready again."""
        run = self.invoke(version, payload)
        await run.record()
        return await run.outcome()

    async def record(
        self, version: Version | None = None, payload: bytes = b"{}"
    ) -> InvocationRecord:
        """Invoke, and wait for the final record."""
        return await self.invoke(version, payload).record()

    async def settle(self) -> None:
        """Let happen what can happen without time passing."""
        await virtual().settle()

    def behave(self, *programs: Program, **others: object) -> None:
        """What containers made from now on do."""
        self.driver.usual = Behaviour(programs=programs, **others)  # type: ignore[arg-type] # named

    # --- what it sees ----------------------------------------------------------------------------------

    @property
    def announced(self) -> list[Telemetry]:
        """Everything from the bus, in order."""
        self._heard += self.feed.take_nowait()
        return self._heard

    @property
    def environments(self) -> tuple[EnvironmentSnapshot, ...]:
        return self.scheduler.snapshots()

    @property
    def states(self) -> list[EnvironmentState]:
        """Of every environment, oldest first."""
        return [environment.state for environment in self.environments]

    def heard(self, kind: type[_T]) -> list[_T]:
        """What was announced of one kind, in order."""
        return [value for value in self.announced if isinstance(value, kind)]


def lines(run: Run, *streams: LogStream) -> list[str]:
    """The log of a run, of some streams or of all."""
    return [entry.text for entry in run.logs if not streams or entry.stream in streams]


def platform_lines(run: Run) -> list[str]:
    """START, END, REPORT and the like, with the request id replaced by `<id>`."""
    request_id: RequestId = run.acceptance.request_id
    return [line.replace(request_id, "<id>") for line in lines(run, LogStream.PLATFORM)]


@asynccontextmanager
async def open_engine(
    *programs: Program,
    settings: Settings | None = None,
    clock: LoopClock | None = None,
    stem_cells: bool = False,
    memory_budget_mb: int | None = None,
) -> AsyncIterator[Engine]:
    """An engine while the context is open. Leaving it shuts it down, and checks that nothing leaks:
    no task, no timer, no container, no invocation without its end, no fault that nobody expected.
    """
    settings = settings or Settings()
    clock = clock or LoopClock()
    bus, journal = Bus(), RecordingJournal()
    others = asyncio.all_tasks()
    timers = set(virtual().timers)
    driver = FakeDriver(clock, Behaviour(programs=programs) if programs else None)
    labels = (("workbench.instance", "test"),)
    stems = StemCells(driver, clock=clock, settings=settings.stem, labels=labels)
    surroundings = Surroundings(
        driver=driver,
        endpoints=Endpoints(limits=settings.limits),
        journal=journal,
        bus=bus,
        clock=clock,
        settings=settings,
        labels=labels,
        stems=stems if stem_cells else None,
    )
    scheduler = Scheduler(surroundings, memory_budget_mb=memory_budget_mb)
    with bus.subscribe(capacity=None) as feed:
        engine = Engine(
            clock=clock,
            bus=bus,
            journal=journal,
            driver=driver,
            scheduler=scheduler,
            feed=feed,
            stems=stems,
        )
        async with driver.open():
            async with stems.open() if stem_cells else nullcontext(), scheduler.open():
                yield engine
            assert driver.running == [], "the scheduler leaves containers behind"
        await virtual().settle()
        assert engine.environments == ()
        assert scheduler.in_progress == 0
        assert scheduler._pool._shelves == {}
        assert scheduler._ledger.total == 0
        assert scheduler._pool.starts.held_mb == 0
        assert scheduler._pool.starts.in_line == ()
        assert journal.broken == []
        assert journal.unfinished == []
        assert asyncio.all_tasks() - others == set(), "tasks are left"
        left = set(virtual().timers) - timers
        assert left == set(), f"timers are left: {left}"
        assert bool(engine.heard(Fault)) is engine.faults_expected, engine.heard(Fault)
