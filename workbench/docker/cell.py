"""A stem cell in a container: its code's folder is there and empty, until it is known whose code.

Invariant: before the claim nothing of any function is in it, and whatever happens in it spoils it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.docker.nobody import Nobody, nobody
from workbench.docker.room import own_files
from workbench.errors import ContainerLost
from workbench.model.container import (
    ContainerSpec,
    Figures,
    Mount,
    RuntimeExit,
)
from workbench.model.stem import CellSpec, container_spec
from workbench.model.version import TASK_ROOT
from workbench.ports import ConnectionFactory, ContainerListener

if TYPE_CHECKING:
    from workbench.docker.container import DockerContainer
    from workbench.docker.driver import DockerDriver


class DockerCell(Nobody):
    """One cell. See `ports.StemCell`; until it is claimed it listens to its container itself."""

    def __init__(
        self, driver: DockerDriver, spec: CellSpec, task: Path, spoiled: Callable[[], None]
    ) -> None:
        """`task` is what its container will see as /var/task."""
        self._driver = driver
        self._spec = spec
        self._task = task
        self._spoiled = spoiled
        self._container: DockerContainer | None = None
        self._held: int | None = None
        self._over = False
        """It is claimed, spoiled or gone."""

    @property
    def spec(self) -> CellSpec:
        return self._spec

    @property
    def held_bytes(self) -> int | None:
        return self._held

    async def make(self) -> None:
        """See `ports.CellDriver.create_cell`."""
        with own_files():
            await asyncio.to_thread(_make_mount_points, self._task, self._spec)
        whole = container_spec(self._spec)
        task = Mount(source=self._task, target=TASK_ROOT)
        spec = replace(whole, mounts=(task, *whole.mounts))
        container = await self._driver.make(spec, self, nobody, folders=(self._task,))
        self._container = container
        try:
            if self._spec.kind.preload is not None:
                await container.preload_runtime(self._spec.kind.preload)
            container.channel.measure()
        except BaseException:
            self._over = True
            await asyncio.shield(container.remove())
            raise

    async def claim(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> DockerContainer:
        """See `ports.StemCell`."""
        container = self._known()
        if self._over:
            raise ContainerLost(f"{self._spec.name} is no more.")
        self._over = True
        code = next(mount.source for mount in spec.mounts if mount.target == TASK_ROOT)
        files = self._driver.files
        if files.copied(self._task):
            await files.add(code, to=self._task, image=spec.image)
        else:
            with own_files():
                await asyncio.to_thread(_link_files, code, self._task)
        await container.become(spec)
        if not container.channel.alive:
            raise ContainerLost(f"The container of {spec.name} ended before it was used.")
        container.channel.adopt(listener, connections)
        return container

    async def remove(self) -> None:
        """See `ports.StemCell`."""
        self._over = True
        await self._known().remove()

    def _known(self) -> DockerContainer:
        assert self._container is not None, "it was made"
        return self._container

    # --- what its container says before it is anybody's (ContainerListener) -------------------------

    def on_figures(self, figures: Figures) -> None:
        self._held = figures.current_bytes

    def on_exit(self, ended: RuntimeExit) -> None:  # noqa: ARG002 - it ended: how is all the same
        self._spoil()

    def on_lost(self, why: str) -> None:  # noqa: ARG002 - the same
        self._spoil()

    def _spoil(self) -> None:
        if not self._over:
            self._over = True
            self._spoiled()


def _make_mount_points(task: Path, spec: CellSpec) -> None:
    """An empty folder, but for those that something else is mounted on."""
    task.mkdir(mode=0o755)
    for mount in spec.kind.mounts:
        if mount.target.startswith(f"{TASK_ROOT}/"):
            (task / mount.target.removeprefix(f"{TASK_ROOT}/")).mkdir(mode=0o755, parents=True)


def _link_files(source: Path, target: Path) -> None:
    """The tree at `source`, which nobody changes, at `target` too: its files are the same ones."""
    pending = [(str(source), str(target))]
    while pending:
        here, there = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                twin = f"{there}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    Path(twin).mkdir(mode=0o755, exist_ok=True)
                    pending.append((entry.path, twin))
                else:
                    os.link(entry.path, twin, follow_symlinks=False)
