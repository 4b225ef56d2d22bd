"""Containers for execution environments: made, given a channel, and made to go.

Fits `ports.ContainerDriver`. A container of ours is unprivileged, sees its code read-only
and nothing else of this machine, and cannot reach another one.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, cast

from workbench.docker.cell import DockerCell
from workbench.docker.channel import Channel
from workbench.docker.client import EngineClient
from workbench.docker.locked_folder import locked_folder
from workbench.docker.network import NETWORK, ensure_network
from workbench.errors import ContainerLost, ContainerRefused, DriverError
from workbench.model.container import ContainerSpec, RuntimeStart
from workbench.model.settings import Timeouts
from workbench.model.stem import CellSpec
from workbench.model.version import TASK_ROOT
from workbench.ports import ConnectionFactory, ContainerListener

USER = "993:990"
"""sbx_user1051, as in Lambda's sandbox. Source: recorded from AWS (uid and gid unsure)."""
API_ADDRESS = "127.0.0.1:9001"
"""Source: recorded AWS_LAMBDA_RUNTIME_API."""
CPU_PERIOD_US = 20_000
"""Lambda's scheduling period; Docker's own 100 ms would make small functions stutter."""
MIN_CPU_QUOTA_US = 1_000
"""The kernel takes no less."""
INIT_CPUS = 1.0
"""At least this much while initialising. Source: Lambda, "burst of CPU during init" (size unsure)."""
CLAIM_FD = 63
"""As in supervisor.c."""
PIDS = 1024
"""Source: Lambda quotas, 1,024 processes and threads."""
NOFILE = 1024
"""Source: Lambda quotas, 1,024 file descriptors."""

_INSIDE_CHANNEL = "/run/workbench"
_INSIDE_SUPERVISOR = "/.workbench-supervisor"
_INSIDE_TMP = "/tmp"  # noqa: S108 - the container's, of the size that the function asks for


_CALM_S = 2.0


class _Refuse(asyncio.Protocol):
    """Whoever connects to a channel's socket after the supervisor did."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


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
    ) -> None:
        """`folders` of this machine go with it."""
        self._driver = driver
        self._spec = spec
        self.channel = channel
        self._id = container_id
        self._folders = folders
        self._removed = False

    @property
    def name(self) -> str:
        return self._spec.name

    async def become(self, spec: ContainerSpec) -> None:
        """Take the limits and the name of `spec`. Raises `DriverError`."""
        before, self._spec = self._spec, spec
        api = self._driver.client.api
        if spec.limits and (before.memory_mb, before.cpus) != (spec.memory_mb, spec.cpus):
            await self._driver.client.call(
                api.update_container,
                self._id,
                mem_limit=memory_bytes(spec),
                memswap_limit=memory_bytes(spec),
                cpu_quota=cpu_quota(max(spec.cpus, INIT_CPUS)),
            )
        self._driver.in_background(self._driver.client.call(api.rename, self._id, spec.name))

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
            self._driver.client.api.update_container, self._id, cpu_quota=quota
        )

    async def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        await self._driver.calm()
        self.channel.end()
        await self._driver.remove(self._id, self._folders)


class DockerDriver:
    """Makes containers. See `ports.ContainerDriver`."""

    def __init__(
        self,
        client: EngineClient,
        *,
        supervisor: Path,
        channels: Path,
        cells: Path,
        timeouts: Timeouts,
    ) -> None:
        """`supervisor` is the program that is PID 1; `channels` a short path, private to this user;
        `cells` one where hard links to functions' code can be made.
        """
        self.client = client
        self._supervisor = supervisor
        self.channels = channels
        self.cells = cells
        self._timeouts = timeouts
        self._images: dict[str, dict[str, Any]] = {}
        self._background: asyncio.TaskGroup | None = None
        self._creating = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DockerDriver]:
        """Ready to create while the context is open."""
        await ensure_network(self.client)
        with locked_folder(self.channels), locked_folder(self.cells):
            async with asyncio.TaskGroup() as tasks:
                self._background = tasks
                yield self

    async def create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> DockerContainer:
        self._creating += 1
        self._calm.clear()
        try:
            return await self.make(spec, listener, connections)
        finally:
            self._creating -= 1
            if not self._creating:
                self._calm.set()

    async def create_cell(self, spec: CellSpec, spoiled: Callable[[], None]) -> DockerCell:
        """See `ports.CellDriver`."""
        cell = DockerCell(self, spec, self.cells / spec.cell_id, spoiled)
        await cell.make()
        return cell

    async def calm(self) -> None:
        """Until nobody waits for a container, but not for long: the engine takes as much time for
        removing one as for starting one, and after a save both are wanted at once.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_CALM_S):
                await self._calm.wait()

    async def make(
        self,
        spec: ContainerSpec,
        listener: ContainerListener,
        connections: ConnectionFactory,
        *,
        folders: tuple[Path, ...] = (),
    ) -> DockerContainer:
        """As `create`, for something that nobody waits for. `folders` go with the container."""
        channel = Channel(listener, connections)
        folder = self.channels / spec.environment_id[:12]  # its channel's socket
        folders = (*folders, folder)
        await self._describe(spec.image)
        made: list[str] = []
        arguments = self._creation(spec, folder)
        api = self.client.api

        def make() -> None:
            created = api.create_container_from_config(arguments, spec.name)  # type: ignore[no-untyped-call] # the stubs leave it out
            made.append(created["Id"])

        try:
            async with _listening(folder, channel):
                await self.client.complete(make)
                listener.on_created()
                await self.client.complete(api.start, made[0])
                await channel.greeted.wait()
        except BaseException:
            channel.end()
            await asyncio.shield(self.remove(made[0] if made else None, folders))
            raise
        if not channel.alive:
            await self.remove(made[0], folders)
            raise ContainerLost(f"The container of {spec.name} ended as soon as it was started.")
        return DockerContainer(self, spec, channel, container_id=made[0], folders=folders)

    async def remove(self, container_id: str | None, folders: tuple[Path, ...]) -> None:
        """Make sure that nothing of it is left. A container removes itself when its channel ends;
        this helps, and waits for it.
        """
        if container_id is not None:
            try:
                async with asyncio.timeout(self._timeouts.stop_s):
                    await self._remove_container(container_id)
            except (DriverError, TimeoutError):
                pass  # gone already, or left to the sweep at the next start
        for folder in folders:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _remove_container(self, container_id: str) -> None:
        api = self.client.api
        try:
            await self.client.call(api.remove_container, container_id, force=True, v=True)
        except ContainerRefused:  # it is gone, or going by itself
            await self.client.call(
                api.wait, container_id, condition="removed", timeout=ceil(self._timeouts.stop_s)
            )

    def completed(self, start: RuntimeStart, spec: ContainerSpec) -> RuntimeStart:
        """`start` with what only this driver knows: the API's address, the image's own command."""
        variables = dict(start.variables) | {"AWS_LAMBDA_RUNTIME_API": API_ADDRESS}
        command = start.command
        if not command:
            config = self._images[spec.image].get("Config") or {}
            own = dict(word.split("=", 1) for word in config.get("Env") or () if "=" in word)
            variables = own | variables
            arguments = [start.handler] if start.handler else list(config.get("Cmd") or ())
            command = (*(config.get("Entrypoint") or ()), *arguments)
        if start.log_frames:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = "62"
        return RuntimeStart(
            command=command,
            handler=start.handler,
            variables=tuple(variables.items()),
            log_frames=start.log_frames,
        )

    def in_background(self, work: Any) -> None:
        """Run something that nobody waits for; its failure is not worth an environment."""
        if self._background is not None:
            self._background.create_task(_quietly(work))

    # --- inside -----------------------------------------------------------------------------------------

    async def _describe(self, image: str) -> None:
        if image not in self._images:
            self._images[image] = await self.client.call(self.client.api.inspect_image, image)

    def _creation(self, spec: ContainerSpec, channel_folder: Path) -> dict[str, Any]:
        binds = [
            f"{channel_folder}:{_INSIDE_CHANNEL}:ro",
            f"{self._supervisor}:{_INSIDE_SUPERVISOR}:ro",
            *(f"{mount.source}:{mount.target}:ro" for mount in spec.mounts),
        ]
        memory = memory_bytes(spec)
        limits: dict[str, Any] = {}
        if spec.limits:
            limits = {
                "Memory": memory,
                "MemorySwap": memory,
                "CpuPeriod": CPU_PERIOD_US,
                "CpuQuota": cpu_quota(max(spec.cpus, INIT_CPUS)),
            }
        return {
            "Image": spec.image,
            "Entrypoint": [_INSIDE_SUPERVISOR],
            "Cmd": [f"{_INSIDE_CHANNEL}/channel"],
            "Env": [],
            "User": USER,
            "WorkingDir": TASK_ROOT,
            "Labels": dict(spec.labels) | {"workbench.environment": spec.environment_id},
            "HostConfig": {
                "AutoRemove": True,
                "Binds": binds,
                "CapDrop": ["ALL"],
                "IpcMode": "none",  # no /dev/shm: only /tmp can be written to, as in Lambda
                "LogConfig": {"Type": "none"},
                "NetworkMode": NETWORK,
                "PidsLimit": PIDS,
                "ReadonlyRootfs": True,
                "SecurityOpt": ["no-new-privileges"],
                "Tmpfs": {
                    _INSIDE_TMP: f"rw,nosuid,nodev,exec,mode=1777,size={spec.ephemeral_storage_mb}m"
                },
                "Ulimits": [{"Name": "nofile", "Soft": NOFILE, "Hard": NOFILE}],
                **limits,
            },
        }


def memory_bytes(spec: ContainerSpec) -> int:
    """Its limit."""
    return spec.memory_mb * 1024 * 1024


def cpu_quota(cpus: float) -> int:
    """Microseconds of CPU in each period."""
    return max(MIN_CPU_QUOTA_US, round(cpus * CPU_PERIOD_US))


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the container's user looks it up; its parents are closed to others


@asynccontextmanager
async def _listening(folder: Path, channel: Channel) -> AsyncIterator[None]:
    """A socket that only the container will see, for exactly one connection."""
    path = folder / "channel"
    _make_folder(folder)
    taken = iter([channel])
    server = await asyncio.get_running_loop().create_unix_server(
        lambda: next(taken, None) or _Refuse(), str(path), start_serving=False
    )
    try:
        path.chmod(0o666)
        await server.start_serving()
        yield
    finally:
        server.close()


async def _quietly(work: Any) -> None:
    with suppress(DriverError):
        await work
