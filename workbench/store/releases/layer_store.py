"""Layer versions, as the rooms above ask for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from workbench.clock import Clock
from workbench.model.layer import LayerVersionId
from workbench.model.layer_version import LayerVersion
from workbench.model.names import FunctionName
from workbench.store.releases import layers
from workbench.store.releases.database import ReleaseDatabase


class LayerStore:
    """Those of one project, in the releases' file. Everything raises `StoreError`."""

    def __init__(self, database: ReleaseDatabase, *, clock: Clock) -> None:
        """Nothing is read or made yet."""
        self._database = database
        self._clock = clock

    async def publish(self, version: LayerVersion) -> LayerVersion:
        """Add a version under the next number, whatever is in it; `version` with that number."""
        return await self._database.write(lambda connection: layers.insert(connection, version))

    async def all(self, name: str | None = None) -> tuple[LayerVersion, ...]:
        """Those of a layer, or all: by name, oldest first."""
        return await self._database.read(lambda connection: layers.all_of(connection, name))

    async def find(
        self, asked: LayerVersionId, *, user: FunctionName | None = None
    ) -> LayerVersion | None:
        """One that exists; for a function that has it already, also one that was deleted."""
        return await self._database.read(lambda c: layers.find(c, asked, user=user))

    def find_now(self, asked: LayerVersionId) -> LayerVersion | None:
        """One that exists; blocks for microseconds."""
        if not self._database.path.exists():
            return None
        return self._database.read_now(lambda connection: layers.find(connection, asked))

    async def delete(self, asked: LayerVersionId) -> bool:
        """What uses it goes on. False: there is none."""
        at = self._clock.now()
        return await self._database.write(lambda c: layers.delete(c, asked, at=at))

    async def use(self, function: FunctionName, has: Iterable[LayerVersionId]) -> None:
        """Remember what `$LATEST` of a function has, so that it keeps it. Writes a difference only."""
        if not self._database.path.exists():
            return
        wanted = {(each.name, each.number) for each in has}

        def work(connection: sqlite3.Connection) -> None:
            layers.use(connection, function, wanted)

        if await self._database.read(lambda c: layers.uses(c, function)) != wanted:
            await self._database.write(work)
