"""The runtime clients for where there is no container keep to what AWS's own do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.conformance.runtimes import NodeSuite, PythonSuite
from tests.integration.conformance.stage import Stage, a_stage
from workbench.clock import SystemClock
from workbench.config.runtimes import load_runtimes, runtimes_folder
from workbench.errors import RuntimeMissing
from workbench.model.names import RuntimeName
from workbench.model.settings import Timeouts
from workbench.process.driver import ProcessDriver
from workbench.process.images import ProcessImages

RUNTIMES = load_runtimes(runtimes_folder())


@asynccontextmanager
async def a_process_stage(*names: str) -> AsyncIterator[Stage]:
    """Of the first of `names` that has an interpreter here."""
    images = ProcessImages(path=os.environ["PATH"])
    for name in names:
        runtime = RUNTIMES[RuntimeName(name)]
        try:
            image = await images.ensure(runtime, image=None, architecture="x86_64")
        except RuntimeMissing:
            continue
        with tempfile.TemporaryDirectory(prefix="wb-") as folder:
            driver = ProcessDriver(
                programs=images,
                state=Path(folder) / "s",
                clock=SystemClock(),
                timeouts=Timeouts(),
            )
            async with driver.open(), a_stage(driver, runtime, image, Path(folder)) as stage:
                yield stage
        return
    pytest.skip(f"no interpreter for any of {', '.join(names)} is on PATH")


class TestPythonProcessClient(PythonSuite):
    """See the suite."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        return a_process_stage("python3.13", "python3.11")


class TestNodeProcessClient(NodeSuite):
    """See the suite."""

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        return a_process_stage("nodejs22.x", "nodejs20.x")
