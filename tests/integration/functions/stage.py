"""Everything between the facade and the containers for real: files, file events, code store, reload,
scheduler, Runtime API. Only the containers are fakes, and they run what is in the folder mounted at
/var/task: its `answer` file is the function's answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tests.fakes.driver import Behaviour, FakeContainer, FakeDriver
from tests.fakes.journal import RecordingJournal
from tests.fakes.releases import KeepsImages, a_repository, the_layers
from tests.fakes.runtime import FakeRuntime
from tests.fakes.versions import a_runtime
from workbench.assembly.releases import make_releases
from workbench.clock import SystemClock
from workbench.config.discovery import ProjectReader
from workbench.engine.concurrency import Ledger
from workbench.engine.run import Run
from workbench.engine.scheduler import Scheduler
from workbench.engine.surroundings import Surroundings
from workbench.errors import DriverError
from workbench.facade.releases import Releases
from workbench.functions.code import CodeStore
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.preparation import Preparation
from workbench.functions.registry import Registry
from workbench.functions.reload import Reload
from workbench.functions.watch import watch
from workbench.model.container import Mount
from workbench.model.dependencies import StatedDependencies
from workbench.model.function import Function, FunctionConfiguration, Problem, Project
from workbench.model.invocation import InvokeRequest, Origin
from workbench.model.names import FunctionName, RuntimeName, target
from workbench.model.runtime import DependencyRule, Runtime
from workbench.model.settings import Settings
from workbench.model.telemetry import Telemetry
from workbench.model.version import TASK_ROOT, Image
from workbench.runtime_api.server import Endpoints
from workbench.store.database import Database
from workbench.store.history import History
from workbench.telemetry import Bus, Feed

_T = TypeVar("_T", bound=Telemetry)


async def answer_from_folder(runtime: FakeRuntime) -> None:
    """Answers with its `answer` file, read once, as a module is imported; slow events take a while."""
    container = runtime.host
    assert isinstance(container, FakeContainer)
    code = next(mount.source for mount in container.spec.mounts if mount.target == TASK_ROOT)
    answer = (code / "answer").read_bytes()
    while True:
        event = await runtime.next()
        if event.payload == b'"slow"':
            await runtime.sleep(0.3)
        late = (code / "answer").read_bytes()  # as a lazy import would
        await runtime.respond(event, answer if late == answer else b'"torn"')


class FolderReader:
    """Reads `function.toml` as words: the timeout, and `reserved=` and `keep=` where they are set; or
    something broken. `image` names one of its own.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self) -> Project:
        folders = sorted(path.parent for path in self._root.glob("*/function.toml"))
        functions = (self.read_function(folder) for folder in folders)
        return Project(root=self._root, functions=tuple(f for f in functions if f is not None))

    @property
    def concurrency(self) -> int:
        """What `account.toml` says."""
        stated = self._root / "account.toml"
        return int(stated.read_text()) if stated.exists() else 1000

    def read_function(self, folder: Path, manifest: bytes | None = None) -> Function | None:
        path = folder / "function.toml"
        name = FunctionName(folder.name)
        try:
            text = (path.read_bytes() if manifest is None else manifest).decode().strip()
        except OSError:
            return None
        timeout, *words = text.split() or [""]
        wide = dict(word.split("=") for word in words if "=" in word)
        if not timeout.isdigit() or len(wide) < len(words):
            problem = Problem(path=path, line=1, message=f"{text!r} is no timeout.")
            return Function(name=name, folder=folder, configuration=None, problems=(problem,))
        image = folder / "image"
        return Function(
            name=name,
            folder=folder,
            configuration=FunctionConfiguration(
                name=name,
                runtime=RuntimeName("python3.13"),
                handler="app.handler",
                timeout_s=int(timeout),
                reserved_concurrency=int(wide["reserved"]) if "reserved" in wide else None,
                keep_alive_s=float(wide["keep"]) if "keep" in wide else None,
                image=image.read_text() if image.exists() else None,
            ),
            ignored_paths=("*.md",),
        )


REQUIREMENTS = DependencyRule(
    files=("requirements.txt",), required=(), install=("pip",), mount="/opt/dependencies"
)


RUNTIMES = {RuntimeName("python3.13"): replace(a_runtime(), dependencies=REQUIREMENTS)}


class Images(KeepsImages):
    """One image; `fails` makes the next build fail."""

    def __init__(self) -> None:
        self.fails: DriverError | None = None

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        if self.fails is not None:
            raise self.fails
        return Image(reference=image or "fake", digest="0" * 64, built_for_runtime=image is None)


class Dependencies:
    """`requirements.txt`, if there is one, becomes a folder named after its content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        installed = self._folder / stated.files["requirements.txt"].decode().strip()
        installed.mkdir(parents=True, exist_ok=True)
        return Mount(source=installed, target="/opt/dependencies")


class AlwaysThere:
    """An engine that never goes."""

    async def wait_lost(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def check(self) -> None:
        """It is there."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """What a test does and sees."""

    root: Path
    registry: Registry
    reload: Reload
    invoker: Invoker
    driver: FakeDriver
    images: Images
    feed: Feed
    scheduler: Scheduler
    releases: Releases
    heard: list[Telemetry] = field(default_factory=list)

    async def call(self, name: str = "orders", payload: bytes = b"{}") -> bytes:
        """Invoke and wait for the answer."""
        return (await (await self.start(name, payload)).outcome()).payload

    async def start(self, name: str = "orders", payload: bytes = b"{}") -> Run:
        """Accept an invocation."""
        request = InvokeRequest(target=target(name), payload=payload, origin=Origin.CLI)
        return await self.invoker.invoke(request)

    async def hear(self, kind: type[_T]) -> _T:
        """Wait for the next announcement of a kind."""
        async with asyncio.timeout(10):
            while True:
                for value in self.heard:
                    if isinstance(value, kind):
                        self.heard.remove(value)
                        return value
                self.heard += await self.feed.wait_values()


def write(root: Path, name: str, answer: str, *, manifest: str = "30") -> Path:
    """A function."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "answer").write_text(answer)
    (folder / "function.toml").write_text(manifest)
    return folder


async def _nothing_to_settle() -> None:
    """Nothing is recorded."""


@asynccontextmanager
async def stage(
    root: Path,
    state: Path,
    *,
    roll: Iterator[float] | None = None,
    reader: FolderReader | ProjectReader | None = None,
) -> AsyncIterator[Stage]:
    """All of it, running. roll: what decides which of an alias's versions a call gets. reader: a real
    one, for a test whose function.toml is a real one.
    """
    clock, bus, settings = SystemClock(), Bus(), Settings()
    driver = FakeDriver(clock, Behaviour(programs=(answer_from_folder,)))
    images = Images()
    ledger = Ledger(limit=1000)
    surroundings = Surroundings(
        driver=driver,
        endpoints=Endpoints(limits=settings.limits),
        journal=RecordingJournal(),
        bus=bus,
        clock=clock,
        settings=settings,
        labels=(),
    )

    @asynccontextmanager
    async def open_engine() -> AsyncIterator[OpenEngine]:
        async with driver.open(), Scheduler(surroundings, ledger=ledger).open() as scheduler:
            yield OpenEngine(
                kind="fake",
                version="1",
                isolated=True,
                scheduler=scheduler,
                images=images,
                dependencies=Dependencies(state / "dependencies"),
                presence=AlwaysThere(),
            )

    reader = reader or FolderReader(root)
    registry = Registry(reader.read())
    keeper = EngineKeeper(open_engine, bus=bus, clock=clock)
    code = CodeStore(state / "code")
    preparation = Preparation(
        keeper=keeper,
        code=code,
        layers=the_layers(state, code, settings, clock),
        runtimes=RUNTIMES,
    )
    reload = Reload(
        registry=registry,
        preparation=preparation,
        keeper=keeper,
        reader=reader,
        ledger=ledger,
        bus=bus,
        clock=clock,
        timeouts=settings.timeouts,
    )
    releases = make_releases(
        a_repository(state, code, clock),
        registry=registry,
        preparation=preparation,
        keeper=keeper,
        read_function=reader.read_function,
        ledger=ledger,
        history=History(
            Database(state / "workbench.db"), state=state, clock=clock, settle=_nothing_to_settle
        ),
        bus=bus,
        clock=clock,
        roll=random.random if roll is None else roll.__next__,
    )
    invoker = Invoker(
        reload=reload, published=releases.published, keeper=keeper, clock=clock, settings=settings
    )
    with bus.subscribe() as feed:
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(keeper.run())
            engine = await keeper.ready()
            async with reload.open(), watch(root, reload.noticed, bus) as watched:
                reload.follow(watched)
                try:
                    yield Stage(
                        root=root,
                        registry=registry,
                        reload=reload,
                        invoker=invoker,
                        driver=driver,
                        images=images,
                        feed=feed,
                        scheduler=engine.scheduler,
                        releases=releases,
                    )
                finally:
                    keeping.cancel()
