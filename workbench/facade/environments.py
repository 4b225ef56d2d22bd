"""Execution environments, and what they are made of."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from workbench.errors import WorkbenchError
from workbench.functions.keeper import EngineKeeper
from workbench.functions.preparation import Preparation
from workbench.functions.registry import Registry
from workbench.functions.reload import Reload
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.names import EnvironmentId, FunctionName, RuntimeName
from workbench.model.telemetry import EngineStatus
from workbench.model.version import Version
from workbench.store.history import History

K = TypeVar("K")


class Environments:
    """Those of this workbench, and those of others that work on the same project."""

    def __init__(
        self,
        *,
        keeper: EngineKeeper,
        registry: Registry,
        preparation: Preparation,
        reload: Reload,
        history: History,
    ) -> None:
        self._keeper = keeper
        self._preparation = preparation
        self._registry = registry
        self._reload = reload
        self._history = history

    @property
    def engine(self) -> EngineStatus:
        """What runs them, and whether it answers."""
        return self._keeper.status

    def begin(self) -> None:
        """Open the engine now, where that was held back until the first paint."""
        self._keeper.begin()

    async def wait_engine(self) -> EngineStatus:
        """Wait until it is known whether there is one. Raises `DriverError` if there is none."""
        await self._keeper.ready()
        return self._keeper.status

    def retry_engine(self) -> None:
        """Look for it again now."""
        self._keeper.retry_now()

    def mine(self) -> tuple[EnvironmentSnapshot, ...]:
        """Those of this workbench, oldest first."""
        engine = self._keeper.engine
        return () if engine is None else engine.scheduler.snapshots()

    async def all(self) -> tuple[EnvironmentSnapshot, ...]:
        """Those of every workbench that lives and works on this project."""
        return await self._history.environments()

    async def start_idle(self, name: FunctionName, count: int) -> tuple[EnvironmentId, ...]:
        """See that `count` environments are idle; those that are still to come. See `Upkeep`."""
        version = await self._reload.current(name)
        engine = await self._keeper.ready()
        return engine.scheduler.warm(version, count)

    def drain(self, name: FunctionName) -> None:
        """See `Upkeep`. Raises `FunctionNotFound`."""
        self._registry.entry(name)
        if self._keeper.engine is not None:
            self._keeper.engine.scheduler.drain(name)

    def replace(
        self, *, function: FunctionName | None, environment: str | None
    ) -> tuple[tuple[EnvironmentId, ...], tuple[EnvironmentId, ...]]:
        """The old ones, and the new ones, which are started. See `Upkeep`."""
        engine = self._keeper.engine
        if engine is None:
            return (), ()
        return engine.scheduler.recycle(
            lambda each, name: (
                name == function or (environment is not None and each.startswith(environment))
            )
        )

    async def prepare(self, name: FunctionName) -> Version:
        """Make a function ready to be invoked: image, dependencies, code. Progress is telemetry.

        Raises `FunctionNotFound`, `FunctionNotReady`, `DriverError`.
        """
        return await self._reload.current(name)

    async def build_images(self) -> dict[str, WorkbenchError | None]:
        """Make the images that the project's functions need; for each runtime what kept it from
        being there. Progress is telemetry.
        """
        wanted: dict[tuple[RuntimeName, str], list[FunctionName]] = {}
        for entry in self._registry.entries:
            stated = entry.function.configuration
            if stated is not None and not entry.function.broken and stated.image is None:
                key = (stated.runtime, stated.architecture)
                wanted.setdefault(key, []).append(entry.function.name)
        return await _side_by_side(
            {
                runtime: functools.partial(
                    self._preparation.image,
                    runtime,
                    architecture=architecture,
                    functions=tuple(functions),
                )
                for (runtime, architecture), functions in sorted(wanted.items())
            }
        )

    async def stand_by(self) -> None:
        """Let containers stand ready for the project's functions, whose images are made first if
        need be. What keeps one from it is told when it is invoked.
        """
        whole = [
            entry.function
            for entry in self._registry.entries
            if entry.function.configuration is not None and not entry.function.broken
        ]
        await _side_by_side(
            {f.name: functools.partial(self._preparation.stand_by, f) for f in whole[:_FORESEEN]}
        )

    async def build(
        self, names: Iterable[FunctionName] | None = None
    ) -> dict[FunctionName, WorkbenchError | None]:
        """Make functions ready, all of them by default; for each what kept it from being so."""
        wanted = (
            [entry.function.name for entry in self._registry.entries]
            if names is None
            else list(names)
        )
        return await _side_by_side({name: functools.partial(self.prepare, name) for name in wanted})


_FORESEEN = 100
"""Functions that containers stand ready for before they are used; most share a few kinds."""
_SIDE_BY_SIDE = 16
"""Functions made ready at once. How many images are built at once is the engine's own affair."""


async def _side_by_side(
    works: Mapping[K, Callable[[], Awaitable[object]]],
) -> dict[K, WorkbenchError | None]:
    """Do them all; for each what kept it from being done."""
    ended: dict[K, WorkbenchError | None] = dict.fromkeys(works)
    places = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(key: K, work: Callable[[], Awaitable[object]]) -> None:
        async with places:
            try:
                await work()
            except WorkbenchError as error:
                ended[key] = error

    async with asyncio.TaskGroup() as tasks:
        for key, work in works.items():
            tasks.create_task(one(key, work))
    return ended
