"""Images for runtimes: found by name, else built; and a function's own, found or pulled.

Fits `ports.ImageStore`. A runtime's image is named after what went into it
(`workbench/python3.13:3f2a1b7c9d0e`), so that what is here never needs asking again, and a changed
Dockerfile is another image.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from workbench.clock import Clock
from workbench.docker.bases import Bases
from workbench.docker.builder import Builder, BuildOrder, only_digest
from workbench.docker.client import EngineClient
from workbench.docker.context import BuildContext, read_context
from workbench.docker.host import BuildHost
from workbench.docker.progress import announced
from workbench.docker.pulls import pull
from workbench.docker.shared_work import SharedWork, task_home
from workbench.errors import DiskFull, DriverError, ImageMissing
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime
from workbench.model.settings import Timeouts
from workbench.model.version import Image
from workbench.telemetry import Bus

PARALLEL_BUILDS = 2
"""More than this only make each other slower on a small machine."""
_RECIPE = "1"
"""To be changed with what we do to an image beside its Dockerfile (labels, arguments)."""
_REGISTRY_S = 30.0
"""For a registry to begin to answer about an image that a person named."""


class DockerImages:
    """All images that functions run in. Make one with `open`."""

    def __init__(
        self, builder: Builder, *, bus: Bus, clock: Clock, runtimes: Path, tasks: asyncio.TaskGroup
    ) -> None:
        self.builder = builder
        self.bus = bus
        self.clock = clock
        self.runtimes = runtimes
        self.bases = Bases(builder, bus=bus, clock=clock, runtimes=runtimes, tasks=tasks)
        self._work: SharedWork[Image] = SharedWork(tasks)
        self._pulls: SharedWork[str] = SharedWork(tasks)
        self._known: dict[tuple[str, str], Image] = {}
        self._places = asyncio.Semaphore(PARALLEL_BUILDS)
        self._lanes: dict[str, asyncio.Lock] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        client: EngineClient,
        *,
        bus: Bus,
        clock: Clock,
        runtimes: Path,
        host: BuildHost,
        timeouts: Timeouts,
    ) -> AsyncIterator[DockerImages]:
        """Ready while the context is open; leaving it gives up the builds in progress."""
        builder = Builder(client, host=host, timeouts=timeouts)
        async with task_home() as tasks:
            yield cls(builder, bus=bus, clock=clock, runtimes=runtimes, tasks=tasks)

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        """See `ports.ImageStore`."""
        if image is not None:
            return await self._own(image, architecture, functions)
        key = (runtime.name, architecture)
        known = self._known.get(key)
        if known is None:
            known = await self._work.result(
                key, lambda: self._ensure(runtime, architecture, functions)
            )
            self._known[key] = known
        return known

    async def pinned(self, image: Image, runtime: Runtime, *, subject: str) -> Image:
        """See `ports.ImageStore`. Under its name while that means it, so that containers which stand
        ready for others of the same image serve too; else by its id.
        """
        del runtime
        identity = f"sha256:{image.digest}"
        for reference in dict.fromkeys((image.reference, identity)):
            found = await self.builder.find(reference)
            if found is not None and only_digest(found) == image.digest:
                return replace(image, reference=reference)
        raise ImageMissing(
            image.reference,
            remedy=f"{subject} was published with it ({identity[:19]}), and it has been removed from "
            "the container engine since. Load it again, or publish anew.",
        )

    async def find(self, runtime: Runtime, architecture: str) -> Image | None:
        """The runtime's image if it is here already; nothing is built."""
        base = await self.bases.find(runtime.base, architecture)
        if base is None:
            return None
        order = await self._order(runtime, architecture, base)
        found = await self.builder.find(order.tag)
        return None if found is None else Image(reference=order.tag, digest=only_digest(found))

    def forget(self) -> None:
        """Look again at the next `ensure`: somebody may have removed images."""
        self._known.clear()
        self.bases.forget()

    # --- of a runtime ----------------------------------------------------------------------------------

    async def _order(self, runtime: Runtime, architecture: str, base: str) -> BuildOrder:
        context = await asyncio.to_thread(
            read_context, runtime.folder.parent, (runtime.folder.name, *runtime.context)
        )
        return BuildOrder(
            tag=f"workbench/{runtime.name}:{_digest(context, base)[:12]}",
            label=f"image {runtime.name}",
            runtime=runtime.name,
            dockerfile=f"{runtime.folder.name}/Dockerfile",
            context=context,
            architecture=architecture,
            arguments=(("BASE", base),),
        )

    async def _ensure(
        self, runtime: Runtime, architecture: str, functions: tuple[FunctionName, ...]
    ) -> Image:
        base = await self.bases.ensure(runtime.base, architecture, functions)
        order = await self._order(runtime, architecture, base)
        found = await self.builder.find(order.tag)
        if found is None:
            found = await self._build(order, runtime, functions)
        return Image(reference=order.tag, digest=only_digest(found))

    async def _build(
        self, order: BuildOrder, runtime: Runtime, functions: tuple[FunctionName, ...]
    ) -> str:
        subject = f"image {runtime.name}"
        async with (
            announced(self.bus, self.clock, subject, functions) as progress,
            AsyncExitStack() as lanes,
        ):
            # Runtimes that share a folder share the steps made from it: built one after the other,
            # the second finds them in the builder's cache.
            for folder in sorted(runtime.context):
                await lanes.enter_async_context(self._lanes.setdefault(folder, asyncio.Lock()))
            await lanes.enter_async_context(self._places)
            image = await self.builder.build(order, progress)
            progress.image = order.tag
            return image

    # --- of a function ---------------------------------------------------------------------------------

    async def _own(
        self, reference: str, architecture: str, functions: tuple[FunctionName, ...]
    ) -> Image:
        """A function's own image: what its name means now, pulled when it is not here.

        Containers are made from its id, so that a name that moves on does not change a version.
        """
        found = await self.builder.find(reference)
        if found is None:
            found = await self._pulls.result(
                (reference, architecture),
                lambda: self._pull(reference, architecture, functions),
            )
        return Image(reference=found, digest=only_digest(found), built_for_runtime=False)

    async def _pull(
        self, reference: str, architecture: str, functions: tuple[FunctionName, ...]
    ) -> str:
        platform = self.builder.platform(architecture)
        async with announced(self.bus, self.clock, f"image {reference}", functions) as progress:
            progress.step(1, 0, f"Pulling {reference}")
            try:
                image = await pull(
                    self.builder.client,
                    reference,
                    progress,
                    platform=platform,
                    first_answer_s=_REGISTRY_S,
                    timeouts=self.builder.timeouts,
                )
            except DiskFull:
                raise
            except DriverError as error:
                raise ImageMissing(
                    reference,
                    remedy=f"It could not be pulled: {error} Build or load it under that name, or "
                    "take `image` out of function.toml to use the one built for the runtime.",
                ) from error
            progress.image = reference
            return image


def _digest(context: BuildContext, base: str) -> str:
    return hashlib.sha256(f"{_RECIPE}\0{context.digest}\0{base}".encode()).hexdigest()
