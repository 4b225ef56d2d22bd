"""Environments as plain processes, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.conformance.acts import MISSING, Act
from workbench.clock import SystemClock
from workbench.model.container import ContainerSpec, Mount, RuntimeStart
from workbench.model.names import EnvironmentId, RuntimeName
from workbench.model.runtime import HandlerRule, ProcessRule, Runtime
from workbench.model.settings import Timeouts
from workbench.model.version import TASK_ROOT
from workbench.ports import Container
from workbench.process.driver import ProcessContainer, ProcessDriver
from workbench.process.images import ProcessImages

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def a_runtime(name: str, *command: str, folder: Path = Path("/nowhere/runtimes/x")) -> Runtime:
    """One that has nothing but a command."""
    return Runtime(
        name=RuntimeName(name),
        folder=folder,
        language="any",
        summary="",
        base="",
        context=(),
        command=(),
        log_frames=True,
        execution_env=None,
        variables=(),
        handler=HandlerRule(default="", files=(), symbol=None),
        dependencies=None,
        process=ProcessRule(
            interpreters=("python3",) if "{interpreter}" in command else (),
            version_argv=("--version",),
            version_prefix="Python 3.",
            command=command,
        ),
        preload=None,
        template=None,
    )


@dataclass(slots=True)
class ProcessSubject:
    """See `tests.integration.conformance.container_driver.Subject`."""

    driver: ProcessDriver
    folder: Path

    def prepare(self, act: Act, **variables: str) -> tuple[ContainerSpec, RuntimeStart]:
        environment_id = uuid.uuid4().hex
        code = self.folder / "code" / environment_id
        code.mkdir(parents=True)
        spec = ContainerSpec(
            environment_id=EnvironmentId(environment_id),
            name=f"wb-test-{environment_id[:8]}",
            image="missing" if act is MISSING else "python",
            architecture="x86_64",
            memory_mb=128,
            cpus=1.0,
            ephemeral_storage_mb=512,
            mounts=(Mount(source=code, target=TASK_ROOT),),
            labels=(),
        )
        return spec, self.another(spec, act, **variables)

    def another(self, spec: ContainerSpec, act: Act, **variables: str) -> RuntimeStart:
        (spec.mounts[0].source / "main.py").write_text(act.program)
        return RuntimeStart(
            command=("/var/runtime/bootstrap",),
            handler="main.py",
            variables=tuple(
                {"PATH": SYSTEM_PATH, "LAMBDA_TASK_ROOT": TASK_ROOT, **variables}.items()
            ),
            log_frames=act.log_frames,
        )

    async def take_away(self, container: Container) -> None:
        assert isinstance(container, ProcessContainer)
        os.kill(container.control.pid, signal.SIGKILL)

    async def remains(self, spec: ContainerSpec) -> list[str]:
        """Its folder, and processes that have it in their variables."""
        folder = self.driver.folder(spec)
        left = [str(folder)] if folder.exists() else []
        return left + processes_of(folder)


def processes_of(folder: Path) -> list[str]:
    """Living processes whose variables name a path inside `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(f"={folder}/") in (process / "environ").read_bytes():
                found.append(f"{process.name}: {(process / 'cmdline').read_text()[:80]}")
        except OSError:
            continue
    return found


@asynccontextmanager
async def process_subject() -> AsyncIterator[ProcessSubject]:
    """A driver that is open."""
    folder = Path(tempfile.mkdtemp(prefix="wb-process-"))
    programs = ProcessImages(path=f"{Path(sys.executable).resolve().parent}:{SYSTEM_PATH}")
    python = a_runtime("python", "{interpreter}", "{code}/{handler}")
    await programs.ensure(python, image=None, architecture="x86_64")
    missing = a_runtime("missing", "{code}/bootstrap")
    await programs.ensure(missing, image=None, architecture="x86_64")
    driver = ProcessDriver(
        programs=programs, state=folder / "state", clock=SystemClock(), timeouts=Timeouts()
    )
    try:
        async with driver.open():
            yield ProcessSubject(driver, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
