"""Containers that never existed. Fits `ports.ContainerDriver`; passes its conformance suite.

Each container keeps the promises of `ports.ContainerListener`: what it says comes in order, log
bytes before the request that followed them, figures before every request and before the end,
the end of the runtime last; nothing comes while reading is paused, nothing after it is lost or
removed. Like the real ones it never calls back from within a call made to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.runtime import Died, FakeRuntime, Program, Refused, serving
from tests.fakes.wire import Connection, HungUp
from workbench.clock import Clock
from workbench.docker.nobody import Nobody
from workbench.errors import ContainerLost
from workbench.model.container import (
    ContainerSpec,
    Figures,
    Interrupted,
    LogStream,
    RuntimeExit,
    RuntimeStart,
)
from workbench.model.stem import CellSpec, container_spec
from workbench.ports import ConnectionFactory, ContainerListener

SIGKILL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a container does, and what happens to it."""

    programs: tuple[Program, ...] = (serving(),)
    """What its runtime is at the first start, the second, …; the last stays."""
    create_s: float | None = 0.0
    """How long making it takes; `None`: for ever."""
    start_s: float = 0.0
    """How long starting it takes, once it is made."""
    create_error: Exception | None = None
    """Raised instead of making it."""
    lost_while_made: bool = False
    """It ends as soon as it is started."""
    lost_unnoticed: bool = False
    """The same, but the driver does not notice before it hands the container over."""
    lost_after_s: float | None = None
    """It is lost this long after it was made."""
    kill_s: float | None = 0.0
    """How long its runtime takes to die when killed; `None`: its supervisor never says."""
    remove_s: float = 0.0
    """How long making it go takes."""
    claim_error: Exception | None = None
    """Raised when it is a stem cell and claimed."""


class FakeContainer:
    """One container; its name is its spec's."""

    def __init__(
        self,
        driver: FakeDriver,
        spec: ContainerSpec,
        listener: ContainerListener,
        connections: ConnectionFactory,
        behaviour: Behaviour,
    ) -> None:
        self.spec = spec
        self.behaviour = behaviour
        self.figures = Figures(peak_bytes=0, current_bytes=0, cpu_ns=0, oom_kills=0)
        self.starts: list[RuntimeStart] = []
        self.settled = 0
        """Calls of `settle`."""
        self.paused = False
        self.frozen = False
        """It says nothing, whatever is said to it."""
        self.interrupts: Interrupted | None = None
        """What a freeze interrupts."""
        self.removed = False
        self.driver = driver
        self._listener = listener
        self._connections = connections
        self._open: list[Connection] = []
        self._said: deque[Callable[[], None]] = deque()
        self._process: asyncio.Task[None] | None = None
        self._killed: asyncio.Event | None = None
        self._loss: asyncio.TimerHandle | None = None
        self._gone = False

    # --- Container ------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.spec.name

    def adopt(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> None:
        """It was a stem cell's, and is somebody's now."""
        self.spec = spec
        self._listener = listener
        self._connections = connections

    def start_runtime(self, start: RuntimeStart) -> None:
        assert self._killed is None, "at most one runtime process at a time"
        assert not self._gone, "the container is gone"
        self._killed = asyncio.Event()
        programs = self.behaviour.programs
        program = programs[min(len(self.starts), len(programs) - 1)]
        self.starts.append(start)
        self.driver.spawn(self._live(program, start, self._killed))

    def kill_runtime(self) -> None:
        if self._killed is not None:
            self._killed.set()

    def freeze(self) -> None:
        assert not self.frozen, "it is frozen already"
        self.frozen = True
        work = self.interrupts
        if work is not None:
            asyncio.get_running_loop().call_soon(self._listener.on_interrupted, work)

    def thaw(self) -> None:
        assert self.frozen, "nothing to thaw"
        self.frozen = False
        asyncio.get_running_loop().call_soon(self._catch_up)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        asyncio.get_running_loop().call_soon(self._catch_up)

    def settle(self) -> None:
        self.settled += 1

    async def remove(self) -> None:
        if not self.removed:
            self._end()
            await self.driver.clock.sleep(self.behaviour.remove_s)
            self.removed = True

    # --- Host: what the process in it sees ----------------------------------------------------------------

    def connect(self) -> Connection:
        connection = Connection(self._connections, self.say)
        self._open = [known for known in self._open if not known.lost]
        self._open.append(connection)
        return connection

    def write_log(self, stream: LogStream, chunk: bytes) -> None:
        at_us = int(self.driver.clock.now().timestamp() * 1_000_000)
        self.say(lambda: self._listener.on_log(stream, at_us, chunk))

    def measure(self, figures: Figures) -> None:
        self.say(lambda: self._listener.on_figures(figures))

    def lose(self, why: str) -> None:
        """The container is no more, at this very moment."""
        if not self._gone:
            self._end()
            self._listener.on_lost(why)

    def lose_at(self, at_s: float) -> None:
        """The same, at another moment."""
        self._loss = self.driver.clock.call_at(at_s, lambda: self.lose("The container went away."))

    def say(self, action: Callable[[], None]) -> None:
        """Tell the workbench, in order, as soon as it listens."""
        if self._gone:
            return
        if self.paused or self.frozen or self._said:
            self._said.append(action)
        else:
            action()

    # --- inside -------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        while self._said and not (self.paused or self.frozen or self._gone):
            self._said.popleft()()

    def _end(self) -> None:
        """Everything in it is dead, and nothing it says is heard any more."""
        self._gone = True
        if self._loss is not None:
            self._loss.cancel()
        self._said.clear()
        for connection in self._open:
            connection.drop()
        if self._process is not None:
            self._process.cancel()
        if self._killed is not None:
            self._killed.set()

    async def _live(self, program: Program, start: RuntimeStart, kill: asyncio.Event) -> None:
        await self.driver.clock.sleep(0)  # it has not happened yet when `start_runtime` returns
        ends: list[RuntimeExit] = []
        runtime = FakeRuntime(self, start, self.driver.clock)
        async with asyncio.TaskGroup() as inside:
            process = self._process = inside.create_task(_execute(program, runtime, ends))
            process.add_done_callback(lambda _: kill.set())
            await kill.wait()
            if not process.done() and not self._gone and self.behaviour.kill_s:
                await self.driver.clock.sleep(self.behaviour.kill_s)
            process.cancel()
        for connection in self._open:
            connection.close()
        if self.behaviour.kill_s is None and not ends:
            return
        self._process = self._killed = None
        ended = ends[0] if ends else RuntimeExit(code=None, signal=SIGKILL)
        self.frozen = False
        self._catch_up()
        self.measure(self.figures)
        self.say(lambda: self._listener.on_exit(ended))


async def _execute(program: Program, runtime: FakeRuntime, ends: list[RuntimeExit]) -> None:
    """Run `program` to its end, of which there is one unless it is killed first."""
    try:
        await program(runtime)
    except Died as end:
        ends.append(end.ended)
    except (HungUp, Refused):
        ends.append(RuntimeExit(code=1))
    else:
        ends.append(RuntimeExit(code=0))


class FakeCell(Nobody):
    """A stem cell that never existed. Fits `ports.StemCell`."""

    def __init__(self, driver: FakeDriver, spec: CellSpec, spoiled: Callable[[], None]) -> None:
        self.container = FakeContainer(
            driver, container_spec(spec), self, _no_connection, driver.behaviour()
        )
        self.held_bytes: int | None = driver.held_bytes
        self.claimed = False
        self._spec = spec
        self._spoiled = spoiled
        self._over = False

    @property
    def spec(self) -> CellSpec:
        return self._spec

    async def claim(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> FakeContainer:
        if self._over:
            raise ContainerLost(f"{self._spec.name} is no more.")
        self._over = True
        await self.container.driver.clock.sleep(0)
        if self.container.behaviour.claim_error is not None:
            raise self.container.behaviour.claim_error
        self.claimed = True
        self.container.adopt(spec, listener, connections)
        return self.container

    async def remove(self) -> None:
        self._over = True
        if not self.claimed:
            await self.container.remove()

    def on_lost(self, why: str) -> None:
        del why
        if not self._over:
            self._over = True
            self._spoiled()


def _no_connection() -> asyncio.Protocol:
    raise AssertionError("nobody's container has no Runtime API")


class FakeDriver:
    """Makes them."""

    def __init__(self, clock: Clock, behaviour: Behaviour | None = None) -> None:
        self.clock = clock
        self.usual = behaviour or Behaviour()
        """What containers are like."""
        self.coming: deque[Behaviour] = deque()
        """What the next ones are like instead, in order."""
        self.containers: list[FakeContainer] = []
        """All that were ever made."""
        self.left_behind: list[FakeContainer] = []
        """Those that were not removed when the driver was closed."""
        self.creating = 0
        """Being made now."""
        self.most_creating = 0
        """At once, ever."""
        self.cells: list[FakeCell] = []
        """All stem cells that were ever made."""
        self.cell_s = 0.0
        """How long making one takes."""
        self.cell_error: Exception | None = None
        """Raised instead of making one."""
        self.held_bytes: int | None = None
        """What one is measured to hold."""
        self.creating_cells = self.most_creating_cells = 0
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def running(self) -> list[FakeContainer]:
        """Those not removed."""
        return [container for container in self.containers if not container.removed]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FakeDriver]:
        """Ready to create while the context is open; what is left then is no more."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                self.left_behind = self.running
                for container in self.left_behind:
                    await container.remove()

    async def create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> FakeContainer:
        behaviour = self.behaviour()
        self.creating += 1
        self.most_creating = max(self.most_creating, self.creating)
        try:
            await self._take_time(behaviour)
            listener.on_created()
            if behaviour.start_s:
                await self.clock.sleep(behaviour.start_s)
        finally:
            self.creating -= 1
        container = FakeContainer(self, spec, listener, connections, behaviour)
        self.containers.append(container)
        if behaviour.lost_while_made or behaviour.lost_unnoticed:
            container.lose("The container went away.")
        if behaviour.lost_while_made:
            await container.remove()
            raise ContainerLost(f"The container of {spec.name} ended as soon as it was started.")
        if behaviour.lost_after_s is not None:
            container.lose_at(self.clock.monotonic() + behaviour.lost_after_s)
        return container

    def behaviour(self) -> Behaviour:
        """Of the next container."""
        return self.coming.popleft() if self.coming else self.usual

    async def create_cell(self, spec: CellSpec, spoiled: Callable[[], None]) -> FakeCell:
        if self.cell_error is not None:
            raise self.cell_error
        self.creating_cells += 1
        self.most_creating_cells = max(self.most_creating_cells, self.creating_cells)
        try:
            await self.clock.sleep(self.cell_s)
        finally:
            self.creating_cells -= 1
        cell = FakeCell(self, spec, spoiled)
        self.containers.append(cell.container)
        self.cells.append(cell)
        return cell

    async def _take_time(self, behaviour: Behaviour) -> None:
        if behaviour.create_s is None:
            await asyncio.Event().wait()
        elif behaviour.create_s:
            await self.clock.sleep(behaviour.create_s)
        if behaviour.create_error is not None:
            raise behaviour.create_error

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a process."""
        assert self._tasks is not None, "the driver is not open"
        self._tasks.create_task(work)
