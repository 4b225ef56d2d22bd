"""The image store of the product on the real engine, and functions run in what it builds."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.conformance.stage import Stage, a_stage
from workbench.clock import SystemClock
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.docker.client import EngineClient
from workbench.docker.driver import DockerDriver
from workbench.docker.files import Files
from workbench.docker.host import build_host
from workbench.docker.images import DockerImages
from workbench.docker.supervisor import ensure_supervisor
from workbench.engine.stem_cells import StemCells
from workbench.model.names import RuntimeName
from workbench.model.settings import StemSettings, Timeouts
from workbench.model.telemetry import Telemetry
from workbench.model.version import Image
from workbench.telemetry import Bus, Feed

ARCHITECTURE = {"aarch64": "arm64"}.get(os.uname().machine, "x86_64")
RUNTIMES = load_runtimes(runtimes_folder())
TEST_LABELS = (("workbench.test", "1"),)


@dataclass(slots=True)
class Workshop:
    """An open image store and what it announced."""

    client: EngineClient
    images: DockerImages
    bus: Bus
    _feed: Feed

    def told(self) -> list[Telemetry]:
        """What was announced since the last time."""
        return self._feed.take_nowait()

    async def image(self, name: str) -> Image:
        """The image of a runtime, built if need be."""
        runtime = RUNTIMES[RuntimeName(name)]
        return await self.images.ensure(runtime, image=None, architecture=ARCHITECTURE)

    async def run(self, image: str, *argv: str, user: str = "") -> str:
        """What a command prints in a container of `image` that has nothing else."""
        api = self.client.api

        def run() -> str:
            created = api.create_container(
                image, command=list(argv), entrypoint=[], user=user, labels=dict(TEST_LABELS)
            )
            try:
                api.start(created)
                api.wait(created)
                printed: bytes = api.logs(created, stdout=True, stderr=True)
                return printed.decode()
            finally:
                api.remove_container(created, force=True)

        return await self.client.call(run)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that the engine brings about without telling."""
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)  # noqa: TID251 - see above


@asynccontextmanager
async def a_workshop(runtimes: Path | None = None) -> AsyncIterator[Workshop]:
    """Over the product's own runtimes, or those in another folder."""
    client = await EngineClient.connect()
    bus = Bus()
    try:
        with bus.subscribe(capacity=None) as feed:
            async with DockerImages.open(
                client,
                bus=bus,
                clock=SystemClock(),
                runtimes=runtimes or runtimes_folder(),
                host=build_host(os.environ),
                timeouts=Timeouts(),
            ) as images:
                yield Workshop(client, images, bus, feed)
    finally:
        client.close()


@asynccontextmanager
async def a_docker_stage(
    name: str, cache: Path, *, stem_cells: bool = False
) -> AsyncIterator[Stage]:
    """Functions of one runtime in containers. `cache` keeps the supervisor between tests."""
    folder = Path(tempfile.mkdtemp(prefix="wb-e2e-"))
    folder.chmod(0o755)
    try:
        async with a_workshop() as workshop:
            supervisor = await ensure_supervisor(
                workshop.images, cache=cache, architecture=ARCHITECTURE
            )
            image = await workshop.image(name)
            files = Files(workshop.client, labels=TEST_LABELS)
            driver = DockerDriver(
                files,
                supervisor=supervisor,
                channels=folder / "c",
                cells=folder / "cells" / "c",
                timeouts=Timeouts(),
            )
            runtime = RUNTIMES[RuntimeName(name)]
            stems = StemCells(
                driver, clock=SystemClock(), settings=StemSettings(), labels=TEST_LABELS
            )
            async with files.open(), driver.open(), stems.open():
                chosen = stems if stem_cells else None
                async with a_stage(driver, runtime, image, folder, stems=chosen) as stage:
                    yield stage
    finally:
        shutil.rmtree(folder, ignore_errors=True)
