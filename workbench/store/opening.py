"""The store as one value, opened and closed in order.

Invariant: it opens on anything. Where the history cannot be had, the bus is told why and so is
whoever asks it; the journal keeps what it can for the next start, and functions run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from workbench.clock import Clock
from workbench.errors import StoreError
from workbench.model.settings import Settings
from workbench.model.telemetry import Fault
from workbench.store.database import Database
from workbench.store.history import History
from workbench.store.instances import Instance, InstanceKind
from workbench.store.intake import KINDS, Intake
from workbench.store.journal import Journal
from workbench.store.recorder import Recorder
from workbench.store.recovery import recover
from workbench.telemetry import Bus
from workbench.values import dataclass

DATABASE = "workbench.db"
PRUNE_EVERY_S = 60.0
"""At full speed the history grows by about 500 MB in this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What assembly hands on."""

    journal: Journal
    """For the engine."""
    history: History
    """For the facade."""
    instance: Instance
    """This workbench: its lock for containers' labels, its entry for other workbenches."""
    recorder: Recorder
    bus: Bus
    clock: Clock
    settings: Settings

    async def run(self) -> None:
        """Record what the bus says, and prune now and then: a task of assembly's, until cancelled.

        What is still on its way then is recorded when the store closes.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.recorder.run(), name="recorder")
            tasks.create_task(self._prune_regularly(), name="pruning")

    async def _prune_regularly(self) -> NoReturn:
        while True:
            await self.clock.sleep(PRUNE_EVERY_S)
            with contextlib.suppress(StoreError):  # said already, by whoever writes
                await self.history.prune(self.settings.retention)


@asynccontextmanager
async def open_store(
    state: Path, *, bus: Bus, clock: Clock, settings: Settings, kind: InstanceKind
) -> AsyncIterator[Store]:
    """The store in the folder `state`, while the context is open.

    Opening waits for the database and for what a killed workbench left (see `recovery`); leaving
    waits until everything is written. Close what publishes before it. Never raises itself.
    """
    high_water = settings.limits.log_backlog
    with (
        Instance.open(state, kind=kind, started_at=clock.now()) as instance,
        bus.subscribe(capacity=None, high_water=high_water, kinds=KINDS) as feed,
    ):
        folder = await asyncio.to_thread(_prepare, state)
        database = Database(state / DATABASE)
        intake = Intake(feed, settings.limits)
        journal = Journal(
            folder, instance.name, database=database, intake=intake, bus=bus, clock=clock
        )
        recorder = Recorder(
            intake=intake, journal=journal, database=database, instance=instance.name, clock=clock
        )
        history = History(database, state=state, clock=clock, settle=recorder.settle)
        try:
            await database.open()
            await recover(state, folder, database, mine=instance.name)
        except (StoreError, OSError) as error:
            bus.publish(Fault(where="history", message=f"{error} Functions run on without it."))
        try:
            yield Store(
                journal=journal,
                history=history,
                instance=instance,
                recorder=recorder,
                bus=bus,
                clock=clock,
                settings=settings,
            )
        finally:
            await recorder.settle()
            await journal.close()
            await _close(database, bus)


async def _close(database: Database, bus: Bus) -> None:
    try:
        await database.close()
    except StoreError as error:
        bus.publish(Fault(where="history", message=str(error)))


def _prepare(state: Path) -> Path:
    """The folders; what cannot be made is complained about by whoever needs it."""
    journal = state / "journal"
    with contextlib.suppress(OSError):
        journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    return journal
