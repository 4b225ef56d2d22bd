"""What tests of the container driver need besides a driver: a supervisor, an image, things to see.

Nothing here is built with the workbench's own image store: these tests come before it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.conformance.acts import MISSING, Act
from workbench.docker.client import EngineClient
from workbench.docker.driver import Ahead, DockerDriver
from workbench.docker.files import Files
from workbench.errors import DriverError
from workbench.model.container import ContainerSpec, Mount, RuntimeStart
from workbench.model.names import EnvironmentId
from workbench.model.settings import Timeouts
from workbench.model.version import TASK_ROOT
from workbench.ports import Container

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "runtimes/_supervisor/supervisor.c"
LABEL = "workbench.test"


@functools.cache
def supervisor(*more: str) -> Path:
    """The program that is PID 1, compiled from its source, with `more` for the compiler. Skips where
    there is none.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here; the image store's tests use the workbench's own build")
    folder = Path(tempfile.mkdtemp(prefix="wb-supervisor-"))
    folder.chmod(0o755)
    program = folder / "supervisor"
    flags = ["-O2", "-static", "-Wall", "-Wextra", "-Werror", *more]
    subprocess.run([compiler, *flags, "-o", program, SOURCE], check=True)
    return program


@functools.cache
def python_image() -> str:
    """An image with a `python3` in it. Skips where there is none yet."""
    import docker

    client = docker.from_env()
    try:
        for image in client.images.list(filters={"label": "workbench.runtime"}):
            if image.tags and str(image.labels["workbench.runtime"]).startswith("python"):
                return str(image.tags[0])
    finally:
        client.close()
    named = os.environ.get("WB_TEST_PYTHON_IMAGE")
    if named:
        return named
    pytest.skip("no image of a Python runtime is here yet: run `workbench build`")


@dataclass(slots=True)
class DockerSubject:
    """See `tests.integration.conformance.container_driver.Subject`."""

    driver: DockerDriver
    folder: Path
    image: str
    memory_mb: int = 512
    made: list[str] = field(default_factory=list)

    def prepare(self, act: Act, **variables: str) -> tuple[ContainerSpec, RuntimeStart]:
        environment_id = uuid.uuid4().hex
        code = self.folder / environment_id
        code.mkdir()
        spec = ContainerSpec(
            environment_id=EnvironmentId(environment_id),
            name=f"wb-test-{environment_id[:8]}",
            image=self.image,
            architecture="x86_64",
            memory_mb=self.memory_mb,
            cpus=1.0,
            ephemeral_storage_mb=64,
            mounts=(Mount(source=code, target=TASK_ROOT),),
            labels=((LABEL, "1"),),
        )
        self.made.append(spec.name)
        return spec, self.another(spec, act, **variables)

    def another(self, spec: ContainerSpec, act: Act, **variables: str) -> RuntimeStart:
        name = act.name.replace(" ", "-").replace(",", "") + ".py"
        (spec.mounts[0].source / name).write_text(act.program)
        return RuntimeStart(
            command=("/var/task/missing",) if act is MISSING else ("python3", name),
            handler="",
            variables=tuple(
                {
                    "PATH": "/usr/local/bin:/usr/bin:/bin",
                    "LAMBDA_TASK_ROOT": TASK_ROOT,
                    **variables,
                }.items()
            ),
            log_frames=act.log_frames,
        )

    async def take_away(self, container: Container) -> None:
        client = self.driver.client
        await client.call(client.api.remove_container, container.name, force=True)

    async def remains(self, spec: ContainerSpec) -> list[str]:
        client = self.driver.client
        listed = await client.call(client.api.containers, all=True, filters={"name": spec.name})
        folders = await asyncio.to_thread(
            lambda: [str(p) for p in self.driver.channels.glob(f"{spec.environment_id[:12]}*")]
        )
        return [*(str(each["Names"]) for each in listed), *folders]


@asynccontextmanager
async def docker_subject(
    *,
    memory_mb: int = 512,
    ahead: Ahead | None = None,
    attached: bool = False,
    program: Path | None = None,
) -> AsyncIterator[DockerSubject]:
    """A driver that is open; what tests left behind is removed afterwards.

    attached: supervisors are reached through the engine, though they could connect to us.
    program: another supervisor.
    """
    image = python_image()
    program = program or supervisor()
    client = await EngineClient.connect()
    folder = Path(tempfile.mkdtemp(prefix="wb-e2e-"))
    folder.chmod(0o755)
    subject: DockerSubject | None = None
    try:
        files = Files(client, labels=((LABEL, "1"),))
        driver = DockerDriver(
            files,
            supervisor=program,
            channels=folder / "c",
            cells=folder / "cells" / "c",
            timeouts=Timeouts(),
            ahead=ahead,
        )
        driver.near = driver.near and not attached
        async with files.open(), driver.open():
            subject = DockerSubject(driver, folder, image, memory_mb)
            yield subject
    finally:
        for name in subject.made if subject is not None else ():
            with suppress(DriverError):  # gone already, as it should be
                await client.call(client.api.remove_container, name, force=True)
        client.close()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
