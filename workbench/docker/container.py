"""One container of ours, and what can be asked of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.docker.channel import Channel
from workbench.docker.creation import INIT_CPUS, cpu_quota, memory_bytes
from workbench.errors import ContainerLost
from workbench.model.container import ContainerSpec, RuntimeStart
from workbench.model.version import TASK_ROOT

if TYPE_CHECKING:
    from workbench.docker.driver import DockerDriver

CLAIM_FD = 63
"""As in supervisor.c."""
NAMED_AFTER_S = 0.2
"""From becoming another container until the engine is told its name: that takes the engine and its client
5 ms of processor time, which are wanted for the call that the container was claimed for.
"""


class DockerContainer:
    """One container. See `ports.Container`."""

    def __init__(
        self,
        driver: DockerDriver,
        spec: ContainerSpec,
        channel: Channel,
        *,
        container_id: str,
        folders: tuple[Path, ...],
        holder: DockerContainer | None = None,
    ) -> None:
        """`folders` of this machine go with it, and so does the `holder` of its network namespace."""
        self._driver = driver
        self._spec = spec
        self.channel = channel
        self.container_id = container_id
        self._holder = holder
        self._folders = folders
        self._removed = False
        self._naming: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        return self._spec.name

    async def become(self, spec: ContainerSpec) -> None:
        """Take the limits of `spec`, and its name soon. Raises `DriverError`."""
        before, self._spec = self._spec, spec
        api = self._driver.client.api
        if spec.limits and (before.memory_mb, before.cpus) != (spec.memory_mb, spec.cpus):
            await self._driver.client.call(
                api.update_container,
                self.container_id,
                mem_limit=memory_bytes(spec),
                memswap_limit=memory_bytes(spec),
                cpu_quota=cpu_quota(max(spec.cpus, INIT_CPUS)),
            )
        clock = self._driver.clock
        self._naming = clock.call_at(clock.monotonic() + NAMED_AFTER_S, self._tell_name)

    def _tell_name(self) -> None:
        client = self._driver.client
        self._driver.in_background(client.call(client.api.rename, self.container_id, self.name))

    async def preload_runtime(self, start: RuntimeStart) -> None:
        """Start a runtime that waits for `start_runtime`, until it does. Raises `ContainerLost`."""
        variables = (*start.variables, ("_WORKBENCH_CLAIM_FD", str(CLAIM_FD)))
        waiting = replace(start, variables=variables)
        self.channel.preload_runtime(self._driver.completed(waiting, self._spec), cwd=TASK_ROOT)
        await self.channel.preloaded.wait()
        if not self.channel.waits:
            raise ContainerLost(f"The runtime that was to wait in {self.name} did not come up.")

    def start_runtime(self, start: RuntimeStart) -> None:
        self.channel.start_runtime(self._driver.completed(start, self._spec), cwd=TASK_ROOT)

    def kill_runtime(self) -> None:
        self.channel.kill_runtime()

    def freeze(self) -> None:
        self.channel.freeze()

    def thaw(self) -> None:
        self.channel.thaw()

    def pause_reading(self) -> None:
        self.channel.pause_reading()

    def resume_reading(self) -> None:
        self.channel.resume_reading()

    def settle(self) -> None:
        if self._spec.limits and self._spec.cpus < INIT_CPUS:
            self._driver.in_background(self._set_cpus())

    async def _set_cpus(self) -> None:
        quota = cpu_quota(self._spec.cpus)
        await self._driver.client.call(
            self._driver.client.api.update_container, self.container_id, cpu_quota=quota
        )

    async def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        if self._naming is not None:
            self._naming.cancel()
        await self._driver.part(self.container_id, joined=self._holder is not None)
        self.channel.end()
        await self._driver.remove(self.container_id, self._folders)
        if self._holder is not None:
            await self._holder.remove()
