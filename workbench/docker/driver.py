"""Containers for execution environments: made, given a channel, and made to go.

Fits `ports.ContainerDriver`. A container of ours is unprivileged, sees its code read-only
and nothing else of this machine, and cannot reach another one.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from math import ceil
from pathlib import Path
from typing import Any

from workbench.clock import Clock, SystemClock
from workbench.docker.attached import attach
from workbench.docker.cell import DockerCell
from workbench.docker.channel import Channel
from workbench.docker.channel_socket import listening
from workbench.docker.container import DockerContainer
from workbench.docker.creation import INIT_CPUS, INSIDE_CHANNEL, INSIDE_SUPERVISOR, creation
from workbench.docker.files import Files, bound
from workbench.docker.leaving import Leaving
from workbench.docker.namespaces import Holding, Joined, Namespaces
from workbench.docker.network import ensure_network
from workbench.docker.nobody import nobody
from workbench.docker.room import own_files
from workbench.docker.sweep import find_strays, remove_orphans
from workbench.errors import ContainerLost, ContainerRefused, DriverError
from workbench.locked_folder import LockedFolder
from workbench.model.container import ContainerSpec, Mount, RuntimeStart, place_api
from workbench.model.names import EnvironmentId
from workbench.model.settings import Timeouts
from workbench.model.stem import CellSpec
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.values import dataclass

API_ADDRESS = "127.0.0.1:9001"
"""Source: recorded AWS_LAMBDA_RUNTIME_API."""
HOLDER_MB = 16
"""For the supervisor alone, which has 1 MB."""
_CALM_S = 2.0
_DESCRIPTORS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What making things ahead of need takes."""

    clock: Clock
    labels: tuple[tuple[str, str], ...]
    refill_after_s: float
    """Quiet time before what was used up is made again."""


class DockerDriver:
    """Makes containers. See `ports.ContainerDriver`."""

    def __init__(
        self,
        files: Files,
        *,
        supervisor: Path,
        channels: Path,
        cells: Path,
        timeouts: Timeouts,
        ahead: Ahead | None = None,
    ) -> None:
        """`files`: how containers of its engine get them, open as long as this is. `supervisor` is the
        program that is PID 1; `channels` a short path, private to this user; `cells` one where hard
        links to functions' code can be made. `ahead`: what it needs to make things before they are
        needed; `None`: it does not.
        """
        self.client = files.client
        self.files = files
        self.clock: Clock = SystemClock() if ahead is None else ahead.clock
        self._supervisor = supervisor
        self.channels = channels
        self.cells = cells
        self._timeouts = timeouts
        self._images: dict[str, dict[str, Any]] = {}
        self._making: set[str] = set()
        """Environments whose containers are being made."""
        self._made: set[str] = set()
        """Containers that somebody has."""
        self._background: asyncio.TaskGroup | None = None
        self._creating = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._ahead = ahead
        self.near = self.client.is_near
        """Supervisors can connect to us and pass descriptors, if they are shown where."""
        self.namespaces: Namespaces | None = None
        self._leaving = Leaving(self.client)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[DockerDriver]:
        """Ready to create while the context is open."""
        await ensure_network(self.client)
        if self.near:
            _raise_descriptor_limit()
        with (
            closing(LockedFolder.claim(self.channels)),
            closing(LockedFolder.claim(self.cells)),
        ):
            async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
                self._background = tasks
                if self._ahead is not None:
                    namespaces = Namespaces(
                        self._make_holder,
                        busy=lambda: self._creating > 0,
                        clock=self._ahead.clock,
                        refill_after_s=self._ahead.refill_after_s,
                    )
                    self.namespaces = await stack.enter_async_context(namespaces.open())
                yield self

    async def create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> DockerContainer:
        self._creating += 1
        self._calm.clear()
        try:
            return await self._create(spec, listener, connections)
        finally:
            self._creating -= 1
            if not self._creating:
                self._calm.set()

    async def _create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> DockerContainer:
        holder = None if self.namespaces is None else self.namespaces.take()
        if holder is None:
            return await self.make(spec, listener, connections)
        try:
            container = await self.make(spec, listener, connections, holder=holder)
        except (ContainerRefused, ContainerLost):
            await holder.remove()  # it may be the namespace that has gone
            return await self.make(spec, listener, connections)
        except BaseException:
            await asyncio.shield(holder.remove())
            raise
        joined = Joined(container.channel)
        holder.channel.adopt(joined, nobody)
        if not holder.channel.alive:
            joined.on_lost("It went before this was known.")
        return container

    async def _make_holder(self, holding: Holding) -> DockerContainer:
        assert self._ahead is not None, "only then are there namespaces"
        holder_id = EnvironmentId(uuid.uuid4().hex)
        spec = ContainerSpec(
            environment_id=holder_id,
            name=f"wb-network-{holder_id[:8]}",
            image=next(reversed(self._images)),  # any that is here will do: only ours runs in it
            architecture="",
            memory_mb=HOLDER_MB,
            cpus=INIT_CPUS,
            ephemeral_storage_mb=1,
            mounts=(),
            labels=self._ahead.labels,
        )
        return await self.make(spec, holding, nobody, holds=True)

    async def create_cell(self, spec: CellSpec, spoiled: Callable[[], None]) -> DockerCell:
        """See `ports.CellDriver`."""
        cell = DockerCell(self, spec, self.cells / spec.cell_id, spoiled)
        await cell.make()
        return cell

    async def part(self, container_id: str, *, joined: bool) -> None:
        """Before a container ends: wait for a calm moment, and take it off the network, unless it has
        `joined` another one's.
        """
        await self._wait_calm()
        if not joined:
            await self._leaving.leave(container_id)

    async def _wait_calm(self) -> None:
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
        holder: DockerContainer | None = None,
        holds: bool = False,
    ) -> DockerContainer:
        """As `create`, for something that nobody waits for. `folders` go with the container, which
        joins the network namespace of `holder`, or `holds` one itself.
        """
        try:
            return await self.files.tried(
                lambda: self._make(
                    spec, listener, connections, folders=folders, holder=holder, holds=holds
                ),
                sources=(self._supervisor, *(mount.source for mount in spec.mounts)),
            )
        except BaseException:
            await asyncio.shield(self._clear(folders))
            raise

    async def _make(
        self,
        spec: ContainerSpec,
        listener: ContainerListener,
        connections: ConnectionFactory,
        *,
        folders: tuple[Path, ...],
        holder: DockerContainer | None,
        holds: bool,
    ) -> DockerContainer:
        channel = Channel(listener, connections)
        await self._describe(spec.image)
        near = self.near and self.files.seen
        mounts = [Mount(source=self._supervisor, target=INSIDE_SUPERVISOR), *spec.mounts]
        given = [
            await self.files.given(mount.source, mount.target, image=spec.image) for mount in mounts
        ]
        folder: Path | None = None  # of its channel's socket
        if near:
            folder = self.channels / spec.environment_id[:12]
            folders = (*folders, folder)
        made: list[str] = []
        arguments = creation(
            spec,
            supervisor=given[0].path,
            mounts=[
                *(each.mount for each in given),
                *(() if folder is None else (bound(folder, INSIDE_CHANNEL),)),
            ],
            channel=None if folder is None else f"{INSIDE_CHANNEL}/channel",
            joins=None if holder is None else holder.container_id,
            role="hold" if holds else "pass" if near else "relay",
        )
        api = self.client.api

        self._making.add(spec.environment_id)

        def make() -> None:
            created = api.create_container_from_config(arguments, spec.name)  # type: ignore[no-untyped-call] # the stubs leave it out
            made.append(created["Id"])

        try:
            with nullcontext() if folder is None else _reachable(folder, channel):
                await self.client.complete(make)
                self._made.add(made[0])
                listener.on_created()
                if folder is None:
                    await attach(self.client, made[0], channel)
                await self.client.complete(api.start, made[0])
                await channel.greeted.wait()
        except BaseException:
            channel.end()
            own = () if folder is None else (folder,)
            await asyncio.shield(self.remove(made[0] if made else None, own))
            raise
        finally:
            self._making.discard(spec.environment_id)
        if not channel.alive:
            await self.remove(made[0], () if folder is None else (folder,))
            raise ContainerLost(f"The container of {spec.name} ended as soon as it was started.")
        if self.namespaces is not None:
            self.namespaces.refill()
        return DockerContainer(
            self, spec, channel, container_id=made[0], folders=folders, holder=holder
        )

    async def remove(self, container_id: str | None, folders: tuple[Path, ...]) -> None:
        """Make sure that nothing of it is left. A container removes itself when its channel ends;
        this helps, and waits for it.
        """
        if container_id is not None:
            try:
                async with asyncio.timeout(self._timeouts.stop_s):
                    await self._remove_container(container_id)
            except (DriverError, TimeoutError):
                pass  # gone already, or left to `reconcile`, or to the sweep at the next start
            self._made.discard(container_id)
        await self._clear(folders)

    async def _clear(self, folders: tuple[Path, ...]) -> None:
        for folder in folders:
            await self.files.forget(folder)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _remove_container(self, container_id: str) -> None:
        api = self.client.api
        try:
            await self.client.call(api.remove_container, container_id, force=True, v=True)
        except ContainerRefused:  # it is gone, or going by itself
            await self.client.call(
                api.wait, container_id, condition="removed", timeout=ceil(self._timeouts.stop_s)
            )

    async def reconcile(self, instance: str) -> None:
        """Remove containers of the workbench `instance`, this one, that nobody has: what the engine made
        when nobody waited for it any more. Raises `DriverError`.
        """
        found = await find_strays(
            self.client,
            instance=instance,
            owned=lambda environment, container: (
                environment in self._making or container in self._made
            ),
        )
        await remove_orphans(self.client, found)

    def completed(self, start: RuntimeStart, spec: ContainerSpec) -> RuntimeStart:
        """`start` with what only this driver knows: the API's address, the image's own command."""
        variables = dict(start.variables)
        place_api(variables, API_ADDRESS)
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


@contextmanager
def _reachable(folder: Path, channel: Channel) -> Iterator[None]:
    """A socket in a folder of its own, where a supervisor connects to `channel`."""
    with own_files():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the container's user looks it up; its parents are closed to others
    with listening(folder / "channel", channel):
        yield


def _raise_descriptor_limit() -> None:
    """Up to ten for each environment; systems let programs have more than they give at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _quietly(work: Any) -> None:
    with suppress(DriverError):
        await work
