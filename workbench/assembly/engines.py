"""Engines: what runs execution environments, opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.assembly.site import Site
from workbench.config.locations import cache_folder, host_id, runtime_folder
from workbench.config.machine import memory_mb
from workbench.errors import DriverError, EngineUnreachable
from workbench.functions.keeper import OpenEngine
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime
from workbench.model.settings import EngineKind
from workbench.model.starts import default_budget_mb
from workbench.model.telemetry import Swept
from workbench.model.version import Image
from workbench.ports import ContainerDriver
from workbench.store.instances import lock_is_held

if TYPE_CHECKING:
    from workbench.docker.client import EngineClient
    from workbench.docker.driver import Ahead
    from workbench.docker.images import DockerImages
    from workbench.engine.scheduler import Scheduler
    from workbench.engine.stem_cells import StemCells


@asynccontextmanager
async def open_engine(site: Site) -> AsyncIterator[OpenEngine]:
    """The engine that the settings ask for. Raises `DriverError`."""
    kind = site.settings.engine
    async with AsyncExitStack() as stack:
        if kind is EngineKind.PROCESS:
            engine = await stack.enter_async_context(_process_engine(site))
        else:
            try:
                engine = await stack.enter_async_context(_docker_engine(site))
            except EngineUnreachable:
                if kind is EngineKind.DOCKER:
                    raise
                engine = await stack.enter_async_context(_process_engine(site))
        site.store.instance.announce(engine=engine.kind)
        yield engine


@asynccontextmanager
async def _process_engine(site: Site) -> AsyncIterator[OpenEngine]:
    """Local processes, without isolation."""
    import platform

    from workbench.process.dependencies import ProcessDependencies
    from workbench.process.driver import ProcessDriver
    from workbench.process.images import ProcessImages

    programs = ProcessImages(path=os.environ.get("PATH", os.defpath))
    driver = ProcessDriver(
        programs=programs,
        state=runtime_folder() / "processes",
        clock=site.clock,
        timeouts=site.settings.timeouts,
    )
    async with driver.open(), _scheduler(site, driver, machine_mb=memory_mb()) as scheduler:
        yield OpenEngine(
            kind="process",
            version=f"{platform.system()} {platform.release()}",
            isolated=False,
            scheduler=scheduler,
            images=programs,
            dependencies=ProcessDependencies(
                folder=site.state / "dependencies",
                programs=programs,
                environment=os.environ,
                bus=site.bus,
                clock=site.clock,
                timeouts=site.settings.timeouts,
            ),
            presence=_AlwaysThere(),
        )


@asynccontextmanager
async def _docker_engine(site: Site) -> AsyncIterator[OpenEngine]:
    """Containers."""
    from workbench.docker.client import EngineClient
    from workbench.docker.dependencies import DockerDependencies
    from workbench.docker.driver import DockerDriver
    from workbench.docker.files import Files
    from workbench.docker.host import build_host
    from workbench.docker.images import DockerImages
    from workbench.docker.presence import DockerPresence
    from workbench.docker.supervisor import supervisor_path

    client = await EngineClient.connect()
    async with AsyncExitStack() as stack:
        stack.callback(client.close)
        images = await stack.enter_async_context(
            DockerImages.open(
                client,
                bus=site.bus,
                clock=site.clock,
                runtimes=site.runtimes_folder,
                host=build_host(os.environ),
                timeouts=site.settings.timeouts,
            )
        )
        arch = str(client.described.get("Arch"))
        architecture = _ARCHITECTURES.get(arch, arch)
        files = await stack.enter_async_context(Files(client, labels=site.labels).open())
        cache = cache_folder()
        driver = DockerDriver(
            files,
            supervisor=await asyncio.to_thread(
                supervisor_path, cache, site.runtimes_folder, architecture
            ),
            channels=runtime_folder() / site.store.instance.name,
            cells=site.state / "cells" / site.store.instance.name,
            timeouts=site.settings.timeouts,
            ahead=_ahead(site),
        )
        await stack.enter_async_context(driver.open())
        dependencies = await stack.enter_async_context(
            DockerDependencies.open(
                images, files, folder=site.state / "dependencies", labels=site.labels
            )
        )
        await stack.enter_async_context(_sweeping(client, site))
        stems = None
        if _makes_ahead(site):
            from workbench.engine.stem_cells import StemCells  # not for one invocation

            stems = await stack.enter_async_context(
                StemCells(
                    driver, clock=site.clock, settings=site.settings.stem, labels=site.labels
                ).open()
            )
        machine_mb = await _engine_memory_mb(client)
        scheduler = await stack.enter_async_context(
            _scheduler(site, driver, stems, machine_mb=machine_mb)
        )
        yield OpenEngine(
            kind="docker",
            version=str(client.described.get("Version", "unknown")),
            isolated=True,
            scheduler=scheduler,
            images=_SupervisedImages(images, cache=cache, architecture=architecture),
            dependencies=dependencies,
            presence=DockerPresence(
                client,
                clock=site.clock,
                reconcile=partial(driver.reconcile, dict(site.labels)["workbench.instance"]),
            ),
        )


async def _engine_memory_mb(client: EngineClient) -> int:
    """Memory of the machine that containers run on: this one, or wherever the engine is."""
    if client.is_near:
        return memory_mb()  # asking takes 10 ms that a first invocation need not wait
    info = await client.call(client.api.info)
    return int(info["MemTotal"]) // (1024 * 1024)


class _SupervisedImages:
    """Images, and the supervisor that every container of them starts with: by the time there is an
    image there is a supervisor, and on the first day it is made while images are.
    """

    def __init__(self, images: DockerImages, *, cache: Path, architecture: str) -> None:
        self._images = images
        self._cache = cache
        self._architecture = architecture
        self._making = asyncio.Lock()
        self._there = False
        """The supervisor is: every save comes by here, and need not look again."""

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        """See `ports.ImageStore`."""
        made = await self._images.ensure(
            runtime, image=image, architecture=architecture, functions=functions
        )
        await self._supervise()
        return made

    async def pinned(self, image: Image, runtime: Runtime, *, subject: str) -> Image:
        """See `ports.ImageStore`."""
        found = await self._images.pinned(image, runtime, subject=subject)
        await self._supervise()
        return found

    async def _supervise(self) -> None:
        from workbench.docker.supervisor import ensure_supervisor

        async with self._making:
            if not self._there:
                await ensure_supervisor(
                    self._images, cache=self._cache, architecture=self._architecture
                )
                self._there = True


def _makes_ahead(site: Site) -> bool:
    return site.stays and site.settings.stem.maximum > 0


def _ahead(site: Site) -> Ahead | None:
    from workbench.docker.driver import Ahead

    if not _makes_ahead(site):
        return None
    return Ahead(
        clock=site.clock,
        labels=site.labels,
        refill_after_s=site.settings.stem.refill_after_s,
    )


_ARCHITECTURES = {"amd64": "x86_64", "aarch64": "arm64"}
"""The engine's words for what Lambda has its own for."""


def _scheduler(
    site: Site, driver: ContainerDriver, stems: StemCells | None = None, *, machine_mb: int
) -> AbstractAsyncContextManager[Scheduler]:
    from workbench.engine.scheduler import Scheduler
    from workbench.engine.surroundings import Surroundings  # 30 ms that `ls` does not wait for
    from workbench.runtime_api.server import Endpoints

    return Scheduler(
        Surroundings(
            driver=driver,
            endpoints=Endpoints(limits=site.settings.limits),
            journal=site.store.journal,
            bus=site.bus,
            clock=site.clock,
            settings=site.settings,
            labels=site.labels,
            stems=stems,
            hook_reports=site.hook_reports,
        ),
        ledger=site.ledger,
        memory_budget_mb=site.settings.limits.memory_budget_mb or default_budget_mb(machine_mb),
    ).open()


@asynccontextmanager
async def _sweeping(client: EngineClient, site: Site) -> AsyncIterator[None]:
    """Remove what a killed workbench left behind, while others already work."""
    from workbench.docker.sweep import sweep

    async def work() -> None:
        try:
            count = await sweep(client, host=host_id(), lock_is_held=lock_is_held)
        except DriverError:
            return  # what will not go is found by the doctor, and by the next start
        if count:
            site.bus.publish(Swept(count=count))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(), name="sweep")
        yield


class _AlwaysThere:
    """Local processes need nobody else. See `functions.keeper.Presence`."""

    async def wait_lost(self) -> str:
        await asyncio.Event().wait()
        return "The machine is gone."

    async def check(self) -> None:
        """It is there."""
