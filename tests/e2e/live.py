"""A project on the real engine whose workbench stays open for all tests of a module.

Each test brings functions of its own, so that none sees what another did.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.acting import ACTORS
from workbench.assembly.workbench import open_workbench
from workbench.clock import SystemClock
from workbench.config.settings import Overrides
from workbench.engine.scheduler import Scheduler
from workbench.facade.invocations import Run
from workbench.facade.workbench import Workbench
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.function import FUNCTION_WIDE
from workbench.model.invocation import InvocationRecord, InvokeRequest, LogEntry, Origin, Outcome
from workbench.model.names import FunctionName, RequestId, target
from workbench.model.settings import EngineKind
from workbench.model.telemetry import ProjectChanged, Telemetry
from workbench.telemetry import Feed

T = TypeVar("T")

PATIENCE_S = 90.0
"""For anything that must happen; on a busy machine a container takes seconds."""


@dataclass(frozen=True, slots=True)
class Done:
    """One invocation that is over."""

    record: InvocationRecord
    logs: tuple[LogEntry, ...]

    @property
    def outcome(self) -> Outcome:
        assert self.record.outcome is not None
        return self.record.outcome

    @property
    def request_id(self) -> RequestId:
        return self.record.request_id

    @property
    def answer(self) -> Any:
        """The body it ended with, parsed."""
        return json.loads(self.outcome.payload)

    def texts(self, *streams: LogStream) -> list[str]:
        """Its log entries, of some streams only."""
        return [entry.text for entry in self.logs if not streams or entry.stream in streams]

    @property
    def own(self) -> list[str]:
        """What the function wrote, while it had the event."""
        return [
            entry.text
            for entry in self.logs
            if entry.stream is not LogStream.PLATFORM and entry.request_id is not None
        ]

    @property
    def report(self) -> dict[str, str]:
        """The REPORT line, taken apart."""
        (line,) = (text for text in self.texts(LogStream.PLATFORM) if text.startswith("REPORT "))
        parts = line.removeprefix("REPORT ").split("\t")
        return dict(part.split(": ", 1) for part in parts if part)


@dataclass(slots=True)
class Live:
    """An open workbench and its project."""

    root: Path
    workbench: Workbench
    _numbers: count[int] = field(default_factory=count)
    _actors: dict[str, FunctionName] = field(default_factory=dict)

    async def add(
        self,
        files: Mapping[str, str],
        *,
        runtime: str = "python3.13",
        handler: str = "app.handler",
        name: str | None = None,
        **manifest: Any,
    ) -> FunctionName:
        """A new function, known to the workbench when this returns. `manifest` are more of its keys."""
        name = name or f"f{next(self._numbers)}"
        folder = Path(tempfile.mkdtemp(dir=self.root.parent)) / name
        written(folder, files, {"runtime": runtime, "handler": handler, **manifest})
        with self.workbench.subscribe() as feed:
            folder.rename(self.root / name)
            await told(feed, lambda v: isinstance(v, ProjectChanged) and name in v.functions)
        folder.parent.rmdir()
        return FunctionName(name)

    async def reconfigure(self, name: str, **wide: Any) -> None:
        """Other values for what is the function's and no version's, known when this returns."""
        manifest = self.root / name / "function.toml"
        before = self.workbench.catalog.function(name)
        kept = [
            line
            for line in manifest.read_text().splitlines()
            if line.split(" =")[0] not in FUNCTION_WIDE
        ]
        more = [f"{key} = {json.dumps(value)}" for key, value in wide.items()]
        manifest.write_text("\n".join([*kept, *more]) + "\n")
        await self.until(lambda: self.workbench.catalog.function(name) != before)

    async def actor(self, runtime: str, **manifest: Any) -> FunctionName:
        """The function of `acting`, shared by all tests that want it with the same `manifest`."""
        key = f"{runtime} {sorted(manifest.items())}"
        if key not in self._actors:
            self._actors[key] = await self.own_actor(runtime, **manifest)
        return self._actors[key]

    async def own_actor(self, runtime: str, **manifest: Any) -> FunctionName:
        """The same for one test alone, whose state it is then."""
        actor = ACTORS[runtime]
        keys = {"memory_mb": 1024, "timeout_s": 60, **manifest}
        return await self.add(actor.files, runtime=runtime, handler=actor.handler, **keys)

    async def start(self, name: str, event: object = None) -> Run:
        """Begin an invocation. `event` is sent as JSON, bytes as they are."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        request = InvokeRequest(target=target(name), payload=payload, origin=Origin.API)
        return await self.workbench.invocations.invoke(request)

    async def invoke(self, name: str, event: object = None) -> Done:
        """An invocation to its end."""
        return await done(await self.start(name, event))

    async def invoke_all(self, *asked: tuple[str, object]) -> list[Done]:
        """Several at once; answers in their order."""
        async with asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(self.invoke(name, event)) for name, event in asked]
        return [each.result() for each in going]

    def environments(self, name: str) -> tuple[EnvironmentSnapshot, ...]:
        """Those of a function, oldest first."""
        return tuple(each for each in self.workbench.environments.mine() if each.function == name)

    @property
    def scheduler(self) -> Scheduler:
        """The engine itself, for what no front end can ask for yet."""
        engine = self.workbench.environments._keeper.engine
        assert engine is not None
        return engine.scheduler

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that telemetry goes with."""
        with self.workbench.subscribe() as feed:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    await feed.wait_values()

    async def start_idle(self, name: str, count: int) -> None:
        """See that so many environments have initialised and wait."""
        await self.workbench.environments.start_idle(FunctionName(name), count)
        await self.until(lambda: sum(e.state in _WAITING for e in self.environments(name)) >= count)

    async def until_passed(self, moment: datetime, seconds: float) -> None:
        """Wait until so many seconds have passed since then."""
        clock = SystemClock()
        await clock.sleep(max(0.0, seconds - (clock.now() - moment).total_seconds()))

    async def until_printed(self, run: Run, text: str) -> None:
        """Wait until an invocation in progress has written a line with `text` in it."""
        await self.until(lambda: any(text in entry.text for entry in run.logs))

    async def let_go(self, run: Run, gate: str) -> None:
        """Open a gate that a handler waits at: a file that appears in its /var/task."""
        await asyncio.to_thread((self.code_of(run) / gate).touch)

    def code_of(self, run: Run) -> Path:
        """The copy of the function's folder that an invocation runs from."""
        return self.root / ".workbench" / "code" / run.acceptance.code_digest


_WAITING = {EnvironmentState.IDLE, EnvironmentState.FROZEN}

AT_GATE = """
import os, time
def at_gate(name):
    print("at gate", name, flush=True)
    while not os.path.exists("/var/task/" + name):
        time.sleep(0.005)
"""
"""For Python handlers that must be held until a test says so; see `Live.let_go`."""


async def done(run: Run) -> Done:
    """The end of an invocation."""
    async with asyncio.timeout(PATIENCE_S):
        record = await run.record()
    return Done(record=record, logs=tuple(run.logs))


async def told(feed: Feed, wanted: Callable[[Telemetry], bool]) -> Telemetry:
    """Wait until something is announced."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for value in await feed.wait_values():
                if wanted(value):
                    return value


def written(folder: Path, files: Mapping[str, str], manifest: Mapping[str, Any]) -> None:
    """A function's folder. Files are executable, for those that must be."""
    for name, text in {**files, "function.toml": toml(manifest)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)


def toml(values: Mapping[str, Any]) -> str:
    """Keys first, then tables: what TOML and JSON write alike."""
    flat = [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, Mapping)]
    tables = [f"[{k}]\n{toml(v)}" for k, v in values.items() if isinstance(v, Mapping)]
    return "\n".join([*flat, *tables, ""])


@asynccontextmanager
async def a_live_project(
    settings: Mapping[str, Any] | None = None,
    *,
    engine: EngineKind = EngineKind.DOCKER,
    kind: str = "cli",
) -> AsyncIterator[Live]:
    """An empty project, opened. `settings` become its workbench.toml; `kind` is what it is opened as."""
    folder = Path(tempfile.mkdtemp(prefix="wb-live-"))
    root = folder / "project"
    root.mkdir()
    (root / "workbench.toml").write_text(toml(settings or {}))
    try:
        async with open_workbench(root, overrides=Overrides(engine=engine), kind=kind) as workbench:
            await workbench.environments.wait_engine()
            yield Live(root=root, workbench=workbench)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@asynccontextmanager
async def held(opening: Callable[[], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
    """A context for a fixture of a module: entered and left in one task, as a task group must be,
    where the two halves of an async fixture run in different ones.
    """
    opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def live() -> None:
        async with opening() as value:
            opened.set_result(value)
            await over.wait()

    living = asyncio.create_task(live())  # noqa: TID251 - its parent is this fixture
    either: list[asyncio.Future[Any]] = [opened, living]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not opened.done():
            await living  # raises what kept it from opening
        yield opened.result()
    finally:
        over.set()
        await living


async def all_of(*waits: Awaitable[T]) -> list[T]:
    """Wait for several at once."""

    async def one(wait: Awaitable[T]) -> T:
        return await wait

    async with asyncio.TaskGroup() as tasks:
        going = [tasks.create_task(one(wait)) for wait in waits]
    return [each.result() for each in going]
