"""Hot reload: from a noticed change to `$LATEST` meaning the new code.

Invariant: every invocation accepted after an entry is settled runs the new code, every one accepted
before runs the old code to its end, and none is refused or lost because of a save. A broken edit
is announced, and what was there before keeps serving.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from workbench.clock import Clock
from workbench.engine.concurrency import Ledger
from workbench.errors import (
    BuildFailed,
    DriverError,
    FunctionNotFound,
    ImageMissing,
    InvalidManifest,
    WorkbenchError,
)
from workbench.functions.debounce import HALF_SAVED_S, Burst, has_content
from workbench.functions.keeper import EngineKeeper
from workbench.functions.preparation import Preparation, runnable
from workbench.functions.registry import Entry, Registry
from workbench.functions.sources import IgnoredPaths
from workbench.model.function import Function, Problem, Project
from workbench.model.names import FunctionName
from workbench.model.settings import Timeouts
from workbench.model.telemetry import CodeReloaded, EventsChanged, ProjectChanged, ReloadRejected
from workbench.model.version import Version
from workbench.telemetry import Bus
from workbench.values import dataclass

MANIFEST = "function.toml"
EVENTS = "events"
AGAIN_S = 2.0
"""Between attempts to take up an edit that something else than itself kept out; more after one that
took long: an installation that a full disk broke is not begun every other second."""
_AGAIN_FACTOR = 4


class ProjectReader(Protocol):
    """Reads the project's files. Blocking; called in a thread."""

    def read(self) -> Project:
        """All of it."""
        ...

    def read_function(self, folder: Path) -> Function | None:
        """One function; `None` when the folder has no manifest any more."""
        ...

    @property
    def concurrency(self) -> int:
        """The account's limit, as last read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What one path means."""

    entry: Entry | None = None
    code: bool = False
    events: bool = False
    project: bool = False


class Watched(Protocol):
    """What is watched."""

    async def also(self, paths: Iterable[Path]) -> None:
        """These folders and files too, from now on, wherever they are, whether they exist or not."""
        ...


class Reload:
    """Keeps every entry's version true to its files."""

    def __init__(  # noqa: PLR0913 - where the rooms below the facade meet
        self,
        *,
        registry: Registry,
        preparation: Preparation,
        keeper: EngineKeeper,
        reader: ProjectReader,
        ledger: Ledger,
        bus: Bus,
        clock: Clock,
        timeouts: Timeouts,
    ) -> None:
        self._registry = registry
        self._preparation = preparation
        self._keeper = keeper
        self._reader = reader
        self._ledger = ledger
        self._bus = bus
        self._clock = clock
        self._timeouts = timeouts
        self._project_burst: Burst | None = None
        self._reading_project = 0
        self._read_while_watched = False
        """Nothing can have changed unnoticed since the project was read."""
        self._event_bursts: dict[FunctionName, Burst] = {}
        self._watched: Watched | None = None
        self._stirred = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._children: set[asyncio.Task[None]] = set()
        self._reserve()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Reload]:
        """Take up changes while the context is open; what is being made at its end is given up."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            loop = tasks.create_task(self._run(), name="reload")
            try:
                yield self
            finally:
                self._tasks = None
                for task in (loop, *self._children):
                    task.cancel()  # it may wait for an engine that nobody opens any more

    def follow(self, watched: Watched) -> None:
        """From now on layers are watched, too; only while open."""
        self._watched = watched
        if any(entry.function.layers for entry in self._registry.entries):
            self._child(self._watch_layers(), "watch layers")

    async def _watch_layers(self) -> None:
        if self._watched is not None:
            functions = [entry.function for entry in self._registry.entries]
            await self._watched.also(
                path for each in functions for layer in each.layers for path in layer.candidates
            )

    # --- asked by the invoker ------------------------------------------------------------------------

    def current_nowait(self, name: FunctionName) -> Version | None:
        """The version an invocation gets, if nothing has to be waited for."""
        entry = self._registry.entry(name)
        return entry.version if entry.settled.is_set() else None

    async def current(self, name: FunctionName) -> Version:
        """The version an invocation gets, made first if need be.

        Raises `FunctionNotFound`, `FunctionNotReady`, `DriverError`. Cancellation: what is being
        made is finished all the same.
        """
        asked = False
        while True:
            entry = self._registry.entry(name)
            if not entry.settled.is_set():
                await entry.settled.wait()
            elif entry.version is not None:
                return entry.version
            elif entry.failure is not None and asked:
                raise entry.failure
            else:
                runnable(entry.function)
                self._start(entry)
            asked = True

    # --- told by the watcher ---------------------------------------------------------------------------

    def noticed(self, path: Path) -> None:
        """A path changed. Synchronous: the entry it concerns is unsettled when this returns."""
        now_s = self._clock.monotonic()
        if path == self._registry.project.root:
            self._everything(now_s)
            return
        using, inside = self._registry.with_layer(path)
        for entry in using:
            entry.burst = _stretched(entry.burst, now_s)
            entry.burst.paths.add(path)
            entry.settled.clear()
            self._stirred.set()
        change = _Change() if inside else self._classify(path)
        if change.project:
            self._project_burst = _stretched(self._project_burst, now_s)
        if change.entry is not None and change.events:
            name = change.entry.function.name
            self._event_bursts[name] = _stretched(self._event_bursts.get(name), now_s)
        if change.entry is not None and change.code:
            change.entry.burst = _stretched(change.entry.burst, now_s)
            change.entry.burst.paths.add(path)
            change.entry.settled.clear()
        if change.project or change.code or change.events:
            self._stirred.set()

    def _everything(self, now_s: float) -> None:
        """More changed than could be said: look at all that is in use."""
        self._project_burst = _stretched(self._project_burst, now_s)
        for entry in self._registry.entries:
            if entry.version is not None:
                entry.burst = _stretched(entry.burst, now_s)
                entry.settled.clear()
        self._stirred.set()

    def _classify(self, path: Path) -> _Change:
        root = self._registry.project.root
        if not path.is_relative_to(root) or path.is_relative_to(root / ".workbench"):
            return _Change()
        entry = self._registry.at(path)
        if entry is None:
            # A manifest, a project file, or a folder that may hold functions came or went.
            return _Change(project=path.suffix in (".toml", ".env") or not path.suffix)
        relative = path.relative_to(entry.function.folder).as_posix()
        if relative == MANIFEST or path.suffix == ".env":
            return _Change(entry=entry, code=True)
        if relative == ".":
            return _Change(entry=entry, code=True, project=True)
        if relative == EVENTS or relative.startswith(f"{EVENTS}/"):
            return _Change(entry=entry, events=True)
        ignored = IgnoredPaths(entry.function.ignored_paths)
        code = not (ignored.matches(relative) or ignored.matches(f"{relative}/"))
        return _Change(entry=entry, code=code)

    # --- the loop ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._stirred.clear()
            due_s = self._take_what_is_due()
            try:
                async with asyncio.timeout(
                    None if due_s is None else max(0.0, due_s - self._clock.monotonic())
                ):
                    await self._stirred.wait()
            except TimeoutError:
                pass

    def _take_what_is_due(self) -> float | None:
        """Start whatever has fallen quiet; when the next one will have, if there is one."""
        now_s = self._clock.monotonic()
        coming: list[float] = []

        def due(burst: Burst, quiet_s: float | None = None) -> bool:
            quiet_s = self._timeouts.debounce_s if quiet_s is None else quiet_s
            at_s = burst.due_s(quiet_s=quiet_s, limit_s=self._timeouts.debounce_limit_s)
            if at_s > now_s:
                coming.append(at_s)
            return at_s <= now_s

        if self._project_burst is not None and due(self._project_burst):
            self._project_burst = None
            self._child(self._take_project(), "reload project")
        for name, burst in list(self._event_bursts.items()):
            if due(burst):
                del self._event_bursts[name]
                self._child(self._take_events(name), f"events {name}")
        for entry in self._registry.entries:
            if not entry.busy and _is_due(entry, due):
                self._start(entry)
        return min(coming, default=None)

    def _start(self, entry: Entry) -> None:
        """Take the entry's change up, or make its first version."""
        if entry.busy:
            return
        entry.busy = True
        entry.again_s = None
        entry.settled.clear()
        known = self._known_as_it_is(entry)
        began_s = self._clock.monotonic() if entry.burst is None else entry.burst.began_s
        entry.burst = None
        self._child(self._take_function(entry, began_s, known), f"reload {entry.function.name}")

    def _known_as_it_is(self, entry: Entry) -> bool:
        """Nobody has noticed a change of the function since it was read: it need not be read again
        before its first version is made. Measured: 1.6 ms of a cold call.
        """
        return (
            self._read_while_watched
            and (entry.version, entry.burst, entry.failure) == (None, None, None)
            and self._project_burst is None
            and not self._reading_project
        )

    def _child(self, work: Coroutine[object, object, None], name: str) -> None:
        assert self._tasks is not None, "changes are taken up while open"
        task = self._tasks.create_task(work, name=name)
        self._children.add(task)
        task.add_done_callback(self._children.discard)

    # --- taking up -----------------------------------------------------------------------------------------

    async def _take_function(self, entry: Entry, began_s: float, known: bool) -> None:  # noqa: FBT001
        tried_s = self._clock.monotonic()
        try:
            await self._update(entry, began_s, known)
        except WorkbenchError as error:
            told = entry.failure is not None and str(entry.failure) == str(error)
            entry.failure = error
            if _passing(error) and entry.version is not None:
                now_s = self._clock.monotonic()
                entry.again_s = now_s + max(AGAIN_S, _AGAIN_FACTOR * (now_s - tried_s))
                self._stirred.set()
            if not told or entry.again_s is None:
                self._bus.publish(
                    ReloadRejected(
                        function=entry.function.name, problems=_problems(entry.function, error)
                    )
                )
        finally:
            entry.busy = False
            if entry.burst is None:
                entry.settled.set()
            else:
                self._stirred.set()  # changed again meanwhile: once more

    async def _update(self, entry: Entry, began_s: float, known: bool) -> None:  # noqa: FBT001
        """known: it need not be read again."""
        function: Function | None = entry.function
        if not known:
            function = await asyncio.to_thread(self._reader.read_function, entry.function.folder)
        if function is None or function.name != entry.function.name:
            self._project_burst = _stretched(self._project_burst, self._clock.monotonic())
            self._stirred.set()
            return
        if function != entry.function:
            layers = entry.function.layers
            self._registry.replace_function(function)
            # what another function reserves, or has as a layer, can be told of this one too
            if self._reserve() or function.layers != layers:
                self._project_burst = _stretched(self._project_burst, self._clock.monotonic())
                self._stirred.set()
            self._bus.publish(ProjectChanged(functions=(function.name,)))
        await self._watch_layers()
        runnable(function)
        old = entry.version
        version = await self._preparation.prepare(function)
        if entry.function != function:  # the project was read meanwhile: once more
            entry.burst = _stretched(entry.burst, self._clock.monotonic())
        entry.failure = None
        entry.version = version
        engine = self._keeper.engine
        if old is None or engine is None:
            return
        if old.digest == version.digest:
            engine.scheduler.reconfigure(version)
            return
        engine.scheduler.supersede(version, warm=True)
        self._bus.publish(
            CodeReloaded(
                function=function.name,
                old_digest=old.code.digest,
                new_digest=version.code.digest,
                took_ms=(self._clock.monotonic() - began_s) * 1000,
            )
        )

    async def _take_project(self) -> None:
        watched = self._watched is not None
        self._reading_project += 1
        try:
            project = await asyncio.to_thread(self._reader.read)
        finally:
            self._reading_project -= 1
        self._read_while_watched = self._read_while_watched or watched
        before = {entry.function.name for entry in self._registry.entries}
        changed = self._registry.adopt(project)
        self._reserve()
        await self._watch_layers()
        engine = self._keeper.engine
        for name in changed:
            try:
                entry = self._registry.entry(name)
            except FunctionNotFound:
                if engine is not None:
                    engine.scheduler.retire(name)
                continue
            if name in before and entry.version is not None:
                self._start(entry)
        if changed:
            self._bus.publish(ProjectChanged(functions=changed))

    def _reserve(self) -> bool:
        """What functions reserve is theirs from now on. True: that is something else than before."""
        before = self._ledger.shared_out
        after = self._ledger.reserve(self._registry.reservations(), limit=self._reader.concurrency)
        return before != after

    async def _take_events(self, name: FunctionName) -> None:
        try:
            entry = self._registry.entry(name)
        except FunctionNotFound:
            return
        function = await asyncio.to_thread(self._reader.read_function, entry.function.folder)
        if function is not None and function.name == name:
            self._registry.replace_function(function)
        self._bus.publish(EventsChanged(function=name))


def _stretched(burst: Burst | None, now_s: float) -> Burst:
    if burst is None:
        return Burst(began_s=now_s, last_s=now_s)
    burst.last_s = now_s
    return burst


def _is_due(entry: Entry, due: Callable[..., bool]) -> bool:
    if entry.burst is None:
        return entry.again_s is not None and due(_at(entry.again_s), 0.0)
    half = due(entry.burst) and _half_saved(entry, entry.burst)
    return due(entry.burst, HALF_SAVED_S if half else None)


def _at(moment_s: float) -> Burst:
    return Burst(began_s=moment_s, last_s=moment_s)


def _half_saved(entry: Entry, burst: Burst) -> bool:
    if entry.version is None:
        return False
    folder = entry.function.folder
    manifest = folder / MANIFEST
    if manifest in burst.paths and not has_content(manifest):
        return True
    if burst.half_saved(folder, entry.version.code.folder):
        return True
    before = entry.version.layers
    layers = [path for layer in entry.function.layers for path in layer.candidates]
    return before is not None and any(
        (path in burst.paths and not has_content(path)) or burst.half_saved(path, before.source)
        for path in layers
    )


def _passing(error: WorkbenchError) -> bool:
    """Not of the function's making: it may go away while nobody changes anything."""
    if isinstance(error, DriverError):
        return not isinstance(error, BuildFailed | ImageMissing)
    return isinstance(error.__cause__, OSError)


def _problems(function: Function, error: WorkbenchError) -> tuple[Problem, ...]:
    if function.problems:
        return function.problems
    if isinstance(error, InvalidManifest):
        return (Problem(path=error.path, line=error.line, message=error.message),)
    return (Problem(path=function.folder, line=None, message=str(error)),)
