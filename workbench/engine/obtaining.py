"""How an environment comes by its container: a stem cell's, else one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from workbench.engine.init_stamps import InitStamps
from workbench.engine.surroundings import Surroundings
from workbench.errors import DriverError
from workbench.model.container import ContainerOrigin, ContainerSpec
from workbench.model.names import EnvironmentId
from workbench.model.report import cpus
from workbench.model.stem import cell_kind
from workbench.model.version import Version
from workbench.ports import ConnectionFactory, Container, ContainerListener


class Obtaining:
    """The container of one environment, until it is there."""

    def __init__(
        self,
        version: Version,
        environment_id: EnvironmentId,
        *,
        surroundings: Surroundings,
        stamps: InitStamps,
    ) -> None:
        self.name = f"wb-{version.name}-{environment_id[:8]}"
        self.origin = ContainerOrigin.PLAIN
        self.took_ms: float | None = None
        """From being asked for until it was there; whoever reports it takes it away."""
        self._version = version
        self._environment_id = environment_id
        self._with = surroundings
        self._stamps = stamps
        self._limit: asyncio.Timeout | None = None
        self._given_up = False

    async def obtain(
        self, listener: ContainerListener, connections: ConnectionFactory
    ) -> Container | None:
        """The container; `None` when it was given up. Raises `DriverError`."""
        spec = self._spec()
        stems = self._with.stems
        container: Container | None = None
        if stems is not None:
            kind = cell_kind(
                self._version.configuration,
                self._version.runtime,
                self._version.image,
                mounts=self._version.mounts,
                settings=self._with.settings,
            )
            container = await self._limited(stems.claim(kind, spec, listener, connections))
            if container is not None:
                self._stamps.claimed()
                plain = kind.preload is None
                self.origin = ContainerOrigin.PRESTARTED if plain else ContainerOrigin.PRELOADED
        if container is None and not self._given_up:
            container = await self._limited(self._with.driver.create(spec, listener, connections))
            self._stamps.greeted()
        return container

    def give_up(self) -> None:
        """Nobody wants it any more."""
        self._given_up = True
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(0.0)  # long past: stop making it

    async def _limited(self, coming: Coroutine[Any, Any, Container | None]) -> Container | None:
        clock, limit_s = self._with.clock, self._with.settings.timeouts.create_s
        began_s = clock.monotonic()
        self._stamps.asked()
        try:
            async with asyncio.timeout(limit_s) as self._limit:
                container = await coming
        except TimeoutError as error:
            if self._given_up:
                return None
            raise DriverError(
                f"No container for {self._version.name} within {limit_s:.0f} s."
            ) from error
        finally:
            self._limit = None
        self.took_ms = (clock.monotonic() - began_s) * 1000
        return container

    def _spec(self) -> ContainerSpec:
        configuration = self._version.configuration
        return ContainerSpec(
            environment_id=self._environment_id,
            name=self.name,
            image=self._version.image.reference,
            architecture=configuration.architecture,
            memory_mb=configuration.memory_mb,
            cpus=cpus(configuration.memory_mb),
            ephemeral_storage_mb=configuration.ephemeral_storage_mb,
            mounts=self._version.mounts,
            labels=(
                *self._with.labels,
                ("workbench.function", self._version.name),
                ("workbench.version", self._version.version),
            ),
            limits=self._with.settings.memory_limits,
        )
