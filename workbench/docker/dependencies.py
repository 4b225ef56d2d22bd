"""What a function's requirements.txt or package.json become: installed inside its own runtime image.

Fits `ports.DependencyStore`. Layout: `<folder>/<digest>/`, the digest over the files that state them,
the image and the way of installing, so that what is there is never installed again.
Invariant: a folder has its digest's name only when it is whole; nothing in it is ever changed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from workbench.docker.images import DockerImages
from workbench.docker.installer import Installation, install
from workbench.docker.progress import announced
from workbench.docker.shared_work import SharedWork, task_home
from workbench.errors import InvalidManifest
from workbench.model.container import Mount
from workbench.model.names import FunctionName
from workbench.model.runtime import DependencyRule, Runtime
from workbench.model.version import TASK_ROOT, Image

MAX_BYTES = 16 * 1024 * 1024
"""No lock file comes near this."""
_UNFINISHED = ".unfinished-"


class DockerDependencies:
    """All installed dependencies of a project. Make one with `open`."""

    def __init__(
        self,
        images: DockerImages,
        *,
        folder: Path,
        labels: tuple[tuple[str, str], ...],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._images = images
        self._folder = folder
        self._labels = labels
        self._work: SharedWork[None] = SharedWork(tasks)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, images: DockerImages, *, folder: Path, labels: tuple[tuple[str, str], ...]
    ) -> AsyncIterator[DockerDependencies]:
        """Ready while the context is open; leaving it gives up the installations in progress.

        folder: where they are kept. labels: those of the workbench's containers.
        """
        async with task_home() as tasks:
            yield cls(images, folder=folder, labels=labels, tasks=tasks)

    async def ensure(
        self, name: FunctionName, folder: Path, runtime: Runtime, image: Image
    ) -> Mount | None:
        """See `ports.DependencyStore`.

        A function with an image of its own has its dependencies in there, or in its folder.
        """
        rule = runtime.dependencies
        if rule is None or not image.built_for_runtime:
            return None
        files = await asyncio.to_thread(_stated, rule, folder)
        if files is None:
            return None
        digest = _digest(rule, files, image)
        path = self._folder / digest
        if not await asyncio.to_thread(_used_again, path):
            await self._work.result(
                digest, lambda: self._install(name, runtime, rule, files, image, path)
            )
        return Mount(source=path, target=rule.mount)

    async def _install(
        self,
        name: FunctionName,
        runtime: Runtime,
        rule: DependencyRule,
        files: Mapping[str, bytes],
        image: Image,
        path: Path,
    ) -> None:
        subject = f"dependencies of {name}"
        async with announced(self._images.bus, self._images.clock, subject, (name,)) as progress:
            progress.step(1, 0, f"Installing what {rule.files[0]} states")
            workshop = await asyncio.to_thread(_open_workshop, self._folder, files)
            try:
                await install(
                    self._images.builder,
                    Installation(
                        image=image.reference,
                        argv=rule.install,
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


def _stated(rule: DependencyRule, folder: Path) -> dict[str, bytes] | None:
    """The files that state dependencies; `None` when there are none to install."""
    first = folder / rule.files[0]
    files: dict[str, bytes] = {}
    try:
        for name in rule.files:
            path = folder / name
            if path.is_file():
                if path.stat().st_size > MAX_BYTES:
                    raise InvalidManifest(f"It has more than {MAX_BYTES:,} bytes.", path=path)
                files[name] = path.read_bytes()
    except OSError as error:
        raise InvalidManifest(f"It cannot be read: {error.strerror}.", path=first) from error
    if not rule.stated_in(files.get(rule.files[0], b"").decode("utf-8", errors="replace")):
        return None
    missing = [name for name in rule.required if name not in files]
    if not missing:
        return files
    if _brought_along(rule, folder):
        return None
    raise InvalidManifest(
        f"{first.name} states dependencies, and {missing[0]} is missing beside it. Let the package "
        "manager write it, so that every installation is the same.",
        path=first,
    )


def _brought_along(rule: DependencyRule, folder: Path) -> bool:
    """They are in the function's folder already, where its runtime looks for them."""
    if not rule.mount.startswith(f"{TASK_ROOT}/"):
        return False
    there = folder / rule.mount.removeprefix(f"{TASK_ROOT}/")
    return there.is_dir() and any(there.iterdir())


def _digest(rule: DependencyRule, files: Mapping[str, bytes], image: Image) -> str:
    whole = hashlib.sha256("\0".join((image.digest, rule.mount, *rule.install)).encode())
    for name, content in sorted(files.items()):
        whole.update(f"\0{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


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
