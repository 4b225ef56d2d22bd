"""Provisioned concurrency that was asked for, kept in force: in every workbench that stays.

Invariant: what the engine keeps is what the release store says, a moment after any process has changed
it: an alias that moved takes its environments along.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from workbench.clock import Clock
from workbench.errors import DriverError, StoreError, WorkbenchError
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.published import Published
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.telemetry import Fault
from workbench.store.releases.provisioned import Wanted
from workbench.store.releases.release_store import ReleaseStore
from workbench.telemetry import Bus

LOOK_S = 1.0
"""Between looks whether another process has changed anything: 10 µs each."""

_Key = tuple[FunctionName, Qualifier]


class Provisioner:
    """Keeps one engine as the store says."""

    def __init__(
        self,
        *,
        store: ReleaseStore,
        published: Published,
        keeper: EngineKeeper,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._store = store
        self._published = published
        self._keeper = keeper
        self._bus = bus
        self._clock = clock
        self._in_force: dict[_Key, Wanted] = {}
        self._engine: OpenEngine | None = None
        """That `_in_force` is about."""
        self._told: dict[_Key, str] = {}

    async def run(self) -> NoReturn:
        """Keep it so, until cancelled."""
        seen = 0
        while True:
            with suppress(StoreError, DriverError):  # said by whoever asks for a version
                now, engine = self._store.look(), self._keeper.engine
                if engine is not None and (now != seen or engine is not self._engine):
                    seen = now
                    await self.apply()
            await self._clock.sleep(LOOK_S)

    async def apply(self) -> None:
        """Make it so now. What cannot be is told, once. Raises `StoreError`, `DriverError`."""
        engine = await self._keeper.ready()
        if engine is not self._engine:
            self._engine, self._in_force = engine, {}
        wanted = {
            (each.function, each.qualifier): each
            for each in await self._store.provisioned()
            if each.version != LATEST
        }
        for key in self._in_force.keys() - wanted.keys():
            engine.scheduler.provisioning.remove(*key)
            del self._in_force[key]
            self._told.pop(key, None)
        for key, each in wanted.items():
            if self._in_force.get(key) != each:
                await self._put(engine, key, each)

    async def _put(self, engine: OpenEngine, key: _Key, wanted: Wanted) -> None:
        try:
            version = await self._published.ready(wanted.function, wanted.version)
            engine.scheduler.provisioning.put(version, wanted.qualifier, wanted.requested)
        except WorkbenchError as error:
            if self._told.get(key) != str(error):
                self._told[key] = str(error)
                where = f"provisioned concurrency of {wanted.function}:{wanted.qualifier}"
                self._bus.publish(Fault(where=where, message=str(error)))
        else:
            self._in_force[key] = wanted
            self._told.pop(key, None)
