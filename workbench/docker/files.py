"""How containers get files of this machine: mounted, or copied where the engine does not see them.

An engine on another computer sees none of our folders, one in a virtual machine those that are shared with
it. What it does not see is copied through its API into volumes: one for each folder, or file, filled by a
container that has it mounted and never runs.
Invariant: a volume is there as long as this workbench is open at most; after kill -9 the sweep takes it.
"""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from workbench.clock import SystemClock
from workbench.docker import file_archive
from workbench.docker.client import EngineClient
from workbench.docker.shared_work import SharedWork, task_home
from workbench.errors import ContainerRefused, DriverError, FolderNotShared
from workbench.values import dataclass

if TYPE_CHECKING:
    import docker

T = TypeVar("T")

_LET_GO_S = 3.0
_LOOK_EVERY_S = 0.02
_FILLED = "filled"
"""Where a volume is in the container that fills it. The archive is unpacked above it: engines leave the
owner and the mode of the folder alone in which they unpack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One folder or file as a container has it."""

    mount: dict[str, Any]
    """For the engine's create call."""
    path: str
    """Where it is inside."""


class Files:
    """Those of one workbench, for the containers of one engine."""

    def __init__(self, client: EngineClient, *, labels: tuple[tuple[str, str], ...]) -> None:
        """`labels` are those of the workbench's containers."""
        self.client = client
        self._labels = dict(labels)
        self.seen = True
        """The engine sees this machine's folders, as far as is known."""
        self._volumes: dict[Path, str] = {}
        self._copying: SharedWork[str] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Files]:
        """Copies may be made while the context is open, and are gone after it."""
        try:
            async with task_home() as tasks:
                self._copying = SharedWork(tasks)
                yield self
        finally:
            for source in list(self._volumes):
                await self.forget(source)

    async def tried(self, work: Callable[[], Awaitable[T]], *, sources: Iterable[Path]) -> T:
        """What `work` comes to, which gives a container `sources`; it is done once more when the engine
        turns out to see no folders.
        """
        if self.seen:
            try:
                return await work()
            except FolderNotShared as error:
                if not await asyncio.to_thread(_are_there, tuple(sources)):
                    raise ContainerRefused(error.detail) from error  # nobody could see them
                self.seen = False
        return await work()

    async def given(
        self, source: Path, target: str, *, image: str, writable: bool = False
    ) -> Given:
        """A folder at `target`; a file there too, or, copied, in a folder there.

        image: any that is there. Raises `DriverError`.
        """
        if self.seen:
            return Given(mount=bound(source, target, writable=writable), path=target)
        name = await self._volume(source, image)
        is_file = await asyncio.to_thread(source.is_file)
        return Given(
            mount=_of_volume(name, target, writable=writable),
            path=f"{target}/{source.name}" if is_file else target,
        )

    def copied(self, source: Path) -> bool:
        """Containers have a copy of it, not itself."""
        return source in self._volumes

    async def add(self, source: Path, *, to: Path, image: str) -> None:
        """Copy what is in the folder `source` into the copy of the folder `to`. Raises `DriverError`."""
        await self._fill(self._volumes[to], source, image)

    async def fetch(self, container: str, inside: str, into: Path) -> None:
        """Copy what is in a folder of a container into a folder of this machine. Raises `DriverError`."""
        with tempfile.TemporaryFile() as file:
            await self.client.call(_take_out, self.client.api, container, inside, file)
            await asyncio.to_thread(file_archive.unpack, file, into)

    async def forget(self, source: Path) -> None:
        """There is no use for its copy any more, and no container has it."""
        name = self._volumes.pop(source, None)
        if name is not None:
            await remove_volume(self.client, name)

    # --- inside -----------------------------------------------------------------------------------------

    async def _volume(self, source: Path, image: str) -> str:
        name = self._volumes.get(source)
        if name is None:
            assert self._copying is not None, "it is open"
            name = await self._copying.result(source, lambda: self._copy(source, image))
        return name

    async def _copy(self, source: Path, image: str) -> str:
        name = f"workbench-{uuid.uuid4().hex[:16]}"
        api = self.client.api
        try:
            await self.client.complete(api.create_volume, name, labels=self._labels)
            await self._fill(name, source, image)
        except BaseException:
            await asyncio.shield(remove_volume(self.client, name))
            raise
        self._volumes[source] = name
        return name

    async def _fill(self, volume: str, source: Path, image: str) -> None:
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(file_archive.pack, source, file, under=_FILLED)
            mount = _of_volume(volume, f"/{_FILLED}", writable=True)
            await self.client.complete(_put_in, self.client.api, image, mount, self._labels, file)


async def remove_volume(client: EngineClient, name: str) -> None:
    """Never fails: one that does not go is left to the sweep at the next start."""
    clock = SystemClock()
    until_s = clock.monotonic() + _LET_GO_S
    while True:
        try:
            await client.call(client.api.remove_volume, name)
        except ContainerRefused as error:
            if "in use" not in error.detail or clock.monotonic() > until_s:
                return
        except DriverError:
            return
        else:
            return
        # A container lets go of it a moment after it has gone, of which nobody is told.
        await clock.sleep(_LOOK_EVERY_S)


def _are_there(sources: tuple[Path, ...]) -> bool:
    return all(source.exists() for source in sources)


def bound(source: Path, target: str, *, writable: bool = False) -> dict[str, Any]:
    """Of this kind, a source that the engine does not see is an error; else it would make a folder."""
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": not writable}


def _of_volume(name: str, target: str, *, writable: bool) -> dict[str, Any]:
    return {
        "Type": "volume",
        "Source": name,
        "Target": target,
        "ReadOnly": not writable,
        "VolumeOptions": {"NoCopy": True},  # of what the image has there
    }


def _put_in(
    api: docker.APIClient,
    image: str,
    mount: dict[str, Any],
    labels: dict[str, str],
    archive: IO[bytes],
) -> None:
    """Unpack an archive into a volume."""
    arguments = {
        "Image": image,
        "Cmd": ["nothing"],
        "Labels": labels,
        "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
    }
    created: Any = api.create_container_from_config(arguments)  # type: ignore[no-untyped-call] # the stubs leave it out
    try:
        api.put_archive(created["Id"], "/", archive)
    finally:
        api.remove_container(created["Id"], force=True)


def _take_out(api: docker.APIClient, container: str, inside: str, file: IO[bytes]) -> None:
    blocks, _ = api.get_archive(container, inside)
    for block in blocks:
        file.write(block)
    file.seek(0)
