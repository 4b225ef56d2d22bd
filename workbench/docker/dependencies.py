"""What a function's requirements.txt or package.json become: installed inside its own runtime image.

Fits `ports.DependencyStore`. Layout: `<folder>/<digest>/`, the digest over the files that state them,
the image and the way of installing, so that what is there is never installed again.
Invariant: a folder has its digest's name only when it is whole; nothing in it is ever changed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from workbench.docker.files import Files
from workbench.docker.images import DockerImages
from workbench.docker.installer import Installation, install
from workbench.docker.progress import announced
from workbench.docker.shared_work import SharedWork, task_home
from workbench.model.container import Mount
from workbench.model.dependencies import StatedDependencies
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime
from workbench.model.version import Image

_UNFINISHED = ".unfinished-"


class DockerDependencies:
    """All installed dependencies of a project. Make one with `open`."""

    def __init__(
        self,
        images: DockerImages,
        files: Files,
        *,
        folder: Path,
        labels: tuple[tuple[str, str], ...],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._images = images
        self._files = files
        self._folder = folder
        self._labels = labels
        self._work: SharedWork[None] = SharedWork(tasks)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        images: DockerImages,
        files: Files,
        *,
        folder: Path,
        labels: tuple[tuple[str, str], ...],
    ) -> AsyncIterator[DockerDependencies]:
        """Ready while the context is open; leaving it gives up the installations in progress.

        folder: where they are kept. labels: those of the workbench's containers.
        """
        async with task_home() as tasks:
            yield cls(images, files, folder=folder, labels=labels, tasks=tasks)

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        """See `ports.DependencyStore`."""
        digest = stated.digest(image.digest)
        path = self._folder / digest
        if not await asyncio.to_thread(_used_again, path):
            await self._work.result(
                digest, lambda: self._install(name, runtime, stated, image, path)
            )
        return Mount(source=path, target=stated.rule.mount)

    async def _install(
        self,
        name: FunctionName,
        runtime: Runtime,
        stated: StatedDependencies,
        image: Image,
        path: Path,
    ) -> None:
        subject = f"dependencies of {name}"
        async with announced(self._images.bus, self._images.clock, subject, (name,)) as progress:
            progress.step(1, 0, f"Installing what {stated.rule.files[0]} states")
            workshop = await asyncio.to_thread(_open_workshop, self._folder, stated.files)
            try:
                await install(
                    self._images.builder,
                    self._files,
                    Installation(
                        image=image.reference,
                        argv=stated.rule.install,
                        variables=runtime.variables,
                        source=workshop / "source",
                        installed=workshop / "installed",
                        labels=(*self._labels, ("workbench.function", name)),
                    ),
                    progress,
                )
                await asyncio.to_thread(_keep, workshop / "installed", path)
            finally:
                await asyncio.to_thread(shutil.rmtree, workshop, ignore_errors=True)


def _used_again(path: Path) -> bool:
    """It is there; who tidies up learns that it is used."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _open_workshop(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A closed place to install in. The container may write into `installed`."""
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(dir=folder, prefix=_UNFINISHED))  # nobody else may enter
    for name, mode in (("installed", 0o777), ("source", 0o755)):
        (workshop / name).mkdir()
        (workshop / name).chmod(mode)  # whoever the container's user is on this machine
    for name, content in files.items():
        (workshop / "source" / name).write_bytes(content)
        (workshop / "source" / name).chmod(0o644)
    return workshop


def _keep(installed: Path, path: Path) -> None:
    """Make it everybody's to read and nobody's to change, then give it its name."""
    own = os.geteuid() == 0
    for entry in (installed, *installed.rglob("*")):  # links are not followed
        if own:
            os.chown(entry, 0, 0, follow_symlinks=False)
        if not entry.is_symlink():
            execute = 0o111 if entry.is_dir() else 0
            entry.chmod(entry.stat().st_mode & 0o755 | 0o444 | execute)
    try:
        installed.rename(path)
    except OSError:
        if not path.is_dir():  # else another workbench was quicker
            raise
