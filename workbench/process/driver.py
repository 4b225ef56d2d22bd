"""Environments as plain local processes. Fits `ports.ContainerDriver`, and isolates nothing.

A "container" is a launcher, a folder for temporary files, and at most one runtime process with its
own Runtime API listener on loopback. It has no CPU or disk limit, and of memory one that is looked
after, not enforced (`launcher.py`); it sees this machine as the workbench does, and can reach the
listener of another environment if it tries: docs/compatibility.md says what that means. Its code is
not write-protected.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from workbench.clock import Clock
from workbench.errors import ContainerLost, ContainerRefused
from workbench.locked_folder import LockedFolder
from workbench.model.container import ContainerSpec, Mount, RuntimeExit, RuntimeStart, place_api
from workbench.model.layer import LAYERS_ROOT
from workbench.model.settings import Timeouts
from workbench.model.version import TASK_ROOT
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.process.control import Control
from workbench.process.figures import Meter
from workbench.process.launcher import FRAMED_FD
from workbench.process.program import Program
from workbench.process.running import RunningRuntime
from workbench.process.stragglers import kill_marked
from workbench.process.variables import DEPENDENCIES, LAYERS, local_variables
from workbench.runtime_streams.turns import TURNS, after_turns

RUNTIME_DIR = "/var/runtime"


class Programs(Protocol):
    """Who found the interpreters: `process/images.py`."""

    @property
    def path(self) -> str:
        """PATH, as the workbench has it."""
        ...

    def program(self, image: str) -> Program:
        """How what is called `image` is started. Raises `ImageMissing`."""
        ...


class ProcessContainer:
    """One environment. See `ports.Container`."""

    def __init__(
        self,
        driver: ProcessDriver,
        spec: ContainerSpec,
        listener: ContainerListener,
        connections: ConnectionFactory,
    ) -> None:
        """Starts its launcher. Raises `OSError`."""
        self._driver = driver
        self._spec = spec
        self._listener = listener
        self._connections = connections
        self._program = driver.programs.program(spec.image)
        self._folder = driver.folder(spec)
        self._running: RunningRuntime | None = None
        self._ended: RuntimeExit | None = None
        """How the runtime ended, until that was told."""
        self._paused = False
        self.gone = False
        self._removal: asyncio.Future[None] | None = None
        (self._folder / "tmp").mkdir(mode=0o700, parents=True)
        self.control = Control(self)
        self._meter = Meter(launcher=self.control.pid)

    @property
    def name(self) -> str:
        return self._spec.name

    # --- Container --------------------------------------------------------------------------------

    def start_runtime(self, start: RuntimeStart) -> None:
        if self.gone:
            return
        try:
            running = self._running = RunningRuntime(
                self._listener,
                self._connections,
                framed=start.log_frames,
                clock=self._driver.clock,
                measure=self._measure,
            )
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            after_turns(1, lambda: self._tell_end(RuntimeExit(code=None, start_error=reason)))
            return
        self.control.start(
            self._program.argv(code=self._code, layers=self._layers, handler=start.handler),
            cwd=self._code,
            variables=self._variables(start, running.address),
            descriptors=running.theirs,
            memory_bytes=self._spec.memory_mb * 1024 * 1024 if self._spec.limits else None,
        )
        running.started()
        if not self._paused:
            running.resume()

    def kill_runtime(self) -> None:
        self.control.kill()

    def freeze(self) -> None:
        self.control.freeze()

    def thaw(self) -> None:
        self.control.thaw()

    def pause_reading(self) -> None:
        self._paused = True
        if self._running is not None:
            self._running.pause()

    def resume_reading(self) -> None:
        self._paused = False
        if self._running is not None:
            self._running.resume()
        self._finish()

    def settle(self) -> None:
        """There is no CPU limit to set."""

    async def remove(self) -> None:
        if self._removal is not None:
            await asyncio.wait([self._removal])
            return
        self._removal = asyncio.get_running_loop().create_future()
        try:
            self._leave()
            await self._driver.clear(self.control, self._folder)
        finally:
            self._removal.set_result(None)

    # --- what its launcher says ---------------------------------------------------------------------

    def on_ended(
        self, ended: RuntimeExit, *, cpu_ns: int, peak_bytes: int | None, out_of_memory: bool
    ) -> None:
        if self.gone or self._running is None or self._ended is not None:
            return
        self._meter.ended(cpu_ns=cpu_ns, peak_bytes=peak_bytes, out_of_memory=out_of_memory)
        self._ended = ended
        self._finish()

    def on_launcher_gone(self, why: str) -> None:
        if not self.gone:
            self._leave()
            kill_marked(self._folder)
            self._listener.on_lost(why)

    # --- inside ---------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Tell the runtime's end when all that it left was handed over, which waits while paused."""
        ended, running = self._ended, self._running
        if ended is None or running is None or self._paused:
            return
        self._ended = self._running = None
        running.take_the_rest()
        self._measure()
        running.close()
        after_turns(TURNS + 1, lambda: self._tell_end(ended))

    def _tell_end(self, ended: RuntimeExit) -> None:
        if not self.gone:
            self._listener.on_exit(ended)

    def _measure(self) -> None:
        if not self.gone:
            self._listener.on_figures(self._meter.read())

    def _leave(self) -> None:
        """Nothing is told from here on."""
        self.gone = True
        self.control.close()
        if self._running is not None:
            self._running.close()
            self._running = None

    @property
    def _code(self) -> Path:
        return next(m.source for m in self._spec.mounts if m.target == TASK_ROOT)

    @property
    def _layers(self) -> Path | None:
        return next((m.source for m in self._spec.mounts if m.target == LAYERS_ROOT), None)

    def _variables(self, start: RuntimeStart, address: str) -> dict[str, str]:
        runtime = self._program.runtime
        mounts = (*self._spec.mounts, Mount(source=runtime.folder, target=RUNTIME_DIR))
        variables = local_variables(
            start.variables,
            mounts=mounts,
            image_only=dict(runtime.variables),
            path=self._program.path(self._driver.programs.path),
        )
        place_api(variables, address)
        variables["TMPDIR"] = str(self._folder / "tmp")
        if start.log_frames:
            variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(FRAMED_FD)
        for mount in self._spec.mounts:
            if mount.target == LAYERS_ROOT:
                variables[LAYERS] = str(mount.source)
            elif mount.target != TASK_ROOT:
                variables[DEPENDENCIES] = str(mount.source)
        return variables


class ProcessDriver:
    """Makes them. See `ports.ContainerDriver`."""

    def __init__(
        self, *, programs: Programs, state: Path, clock: Clock, timeouts: Timeouts
    ) -> None:
        """`state` is a folder of the workbench's own for temporary files of environments."""
        self.programs = programs
        self.clock = clock
        self._state = state
        self._timeouts = timeouts
        self._instance: LockedFolder | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ProcessDriver]:
        """Ready to create while the context is open. What a workbench that was killed left behind
        is swept up first.
        """
        own = self._state / uuid.uuid4().hex[:8]
        self._instance = await asyncio.to_thread(LockedFolder.claim, own, end=kill_marked)
        try:
            yield self
        finally:
            instance, self._instance = self._instance, None
            await asyncio.to_thread(instance.close)

    async def create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> ProcessContainer:
        try:
            container = ProcessContainer(self, spec, listener, connections)
        except OSError as error:
            shutil.rmtree(self.folder(spec), ignore_errors=True)
            raise ContainerRefused(f"no process could be started: {error}") from error
        listener.on_created()
        try:
            await container.control.up.wait()
        except BaseException:
            await asyncio.shield(container.remove())
            raise
        if container.gone:
            await container.remove()
            raise ContainerLost(f"The process that looks after {spec.name} did not start.")
        return container

    def folder(self, spec: ContainerSpec) -> Path:
        """An environment's own."""
        assert self._instance is not None, "the driver is not open"
        return self._instance.path / spec.environment_id[:12]

    async def clear(self, control: Control, folder: Path) -> None:
        """Wait for a launcher that was let go, and take its folder away."""
        await asyncio.to_thread(control.wait, self._timeouts.stop_s)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
