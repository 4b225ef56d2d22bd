"""Functions run for real on whatever driver is given: the engine, and as little else as can be."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.journal import RecordingJournal
from tests.fakes.versions import a_variable, new_request_id
from workbench.clock import SystemClock
from workbench.engine.scheduler import Scheduler
from workbench.engine.stem_cells import StemCells
from workbench.engine.surroundings import Surroundings
from workbench.model.container import LogStream, Mount
from workbench.model.function import FunctionConfiguration
from workbench.model.invocation import Acceptance, InvocationRecord, LogEntry, Origin, Outcome
from workbench.model.names import LATEST, FunctionName, target
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.model.version import Code, Image, Version, version_digest
from workbench.ports import ContainerDriver
from workbench.runtime_api.server import Endpoints
from workbench.telemetry import Bus

NAME = FunctionName("orders")


@dataclass(frozen=True, slots=True)
class Done:
    """One invocation that is over."""

    outcome: Outcome
    record: InvocationRecord
    logs: tuple[LogEntry, ...]

    @property
    def answer(self) -> Any:
        """The body it ended with, parsed."""
        import json

        return json.loads(self.outcome.payload)

    def texts(self, *streams: LogStream) -> list[str]:
        """Its log lines, of some streams only."""
        return [entry.text for entry in self.logs if not streams or entry.stream in streams]


@dataclass(slots=True)
class Stage:
    """Runs functions of one runtime."""

    scheduler: Scheduler
    runtime: Runtime
    image: Image
    folder: Path

    async def invoke(
        self,
        files: Mapping[str, str],
        handler: str,
        payload: bytes = b"{}",
        *,
        variables: Mapping[str, str] | None = None,
        dependencies: Mount | None = None,
        timeout_s: int = 20,
        memory_mb: int = 512,
        client_context: bytes | None = None,
    ) -> Done:
        """Run a function made of `files`; the same function again finds its environment warm."""
        configuration = FunctionConfiguration(
            name=NAME,
            runtime=self.runtime.name,
            handler=handler,
            memory_mb=memory_mb,
            timeout_s=timeout_s,
            variables=tuple(a_variable(name, value) for name, value in (variables or {}).items()),
        )
        code = await asyncio.to_thread(self._written, files, dependencies)
        version = Version(
            configuration=configuration,
            version=LATEST,
            runtime=self.runtime,
            image=self.image,
            code=code,
            dependencies=dependencies,
            digest=version_digest(configuration, code, self.image, dependencies),
        )
        acceptance = Acceptance(
            request_id=new_request_id(),
            target=target(NAME),
            function=NAME,
            version=LATEST,
            origin=Origin.CLI,
            event=None,
            accepted_at=SystemClock().now(),
            payload=payload,
            code_digest=code.digest,
            memory_mb=memory_mb,
            timeout_s=timeout_s,
        )
        run = self.scheduler.invoke(
            version,
            acceptance,
            trace_id="Root=1-5759e988-bd862e3fe1be46a9",
            client_context=client_context,
        )
        outcome = await run.outcome()
        record = await run.record()
        return Done(outcome, record, tuple(run.logs))

    def _written(self, files: Mapping[str, str], dependencies: Mount | None) -> Code:
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        folder = self.folder / digest[:16]
        if not folder.exists():
            for name, text in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                path.chmod(0o755)
            if dependencies is not None and dependencies.target.startswith("/var/task/"):
                (folder / dependencies.target.removeprefix("/var/task/")).mkdir()
        return Code(folder=folder, digest=digest)


@asynccontextmanager
async def a_stage(
    driver: ContainerDriver,
    runtime: Runtime,
    image: Image,
    folder: Path,
    *,
    stems: StemCells | None = None,
) -> AsyncIterator[Stage]:
    """A scheduler over `driver`, open. `folder` takes the functions' code."""
    settings = Settings()
    surroundings = Surroundings(
        driver=driver,
        endpoints=Endpoints(limits=settings.limits),
        journal=RecordingJournal(),
        bus=Bus(),
        clock=SystemClock(),
        settings=settings,
        labels=(("workbench.test", "1"),),
        stems=stems,
    )
    async with Scheduler(surroundings).open() as scheduler:
        yield Stage(scheduler, runtime, image, folder)
