"""A whole workbench on containers that never existed: real facade, scheduler, Runtime API and store.

What its functions do is in their events: `{"do": "fail"}`; see `obedient`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.driver import Behaviour, FakeDriver
from tests.fakes.releases import KeepsImages, a_repository, the_layers
from tests.fakes.runtime import Event, FakeRuntime, died
from tests.fakes.versions import a_runtime
from workbench.assembly.keys import key_care
from workbench.assembly.releases import make_deploying, make_releases
from workbench.clock import SystemClock
from workbench.config.events import EventFiles
from workbench.config.scaffold import create_function
from workbench.engine.concurrency import Ledger
from workbench.engine.scheduler import Scheduler
from workbench.engine.surroundings import Surroundings
from workbench.errors import DriverError, WorkbenchError
from workbench.facade.catalog import Catalog
from workbench.facade.concurrency import Concurrency
from workbench.facade.doctor import Doctor, Say
from workbench.facade.environments import Environments
from workbench.facade.events import Events
from workbench.facade.instances import Instances
from workbench.facade.invocations import Invocations
from workbench.facade.keys import SealingKeys
from workbench.facade.workbench import Workbench
from workbench.functions.code import CodeStore
from workbench.functions.hooks import HookDesk
from workbench.functions.invoker import Invoker
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.preparation import Preparation
from workbench.functions.registry import Registry
from workbench.functions.reload import Reload
from workbench.model.container import Mount
from workbench.model.dependencies import StatedDependencies
from workbench.model.doctor import Finding
from workbench.model.function import Function, FunctionConfiguration, Problem, Project
from workbench.model.names import FunctionName, RuntimeName
from workbench.model.runtime import Runtime
from workbench.model.settings import Settings
from workbench.model.version import Image
from workbench.runtime_api.server import Endpoints
from workbench.store.instances import InstanceKind
from workbench.store.opening import open_store
from workbench.telemetry import Bus

ERROR = {"errorMessage": "as asked", "errorType": "ValueError", "stackTrace": ["app.py:1"]}


async def obedient(runtime: FakeRuntime) -> None:
    """Does what each event asks for; anything else is answered with itself."""
    while True:
        event = await runtime.next()
        asked = event.json
        act = str(asked.get("do")) if isinstance(asked, dict) else ""
        await _ACTS.get(act, _echo)(runtime, event)


async def _echo(runtime: FakeRuntime, event: Event) -> None:
    await runtime.respond(event, event.payload)


async def _fail(runtime: FakeRuntime, event: Event) -> None:
    await runtime.fail(event, json.dumps(ERROR).encode())


async def _exit(_runtime: FakeRuntime, event: Event) -> None:
    raise died(int(event.json.get("code", 1)))


async def _hang(runtime: FakeRuntime, _event: Event) -> None:
    await runtime.hang()


async def _wait(runtime: FakeRuntime, event: Event) -> None:
    await runtime.sleep(event.json["seconds"])
    await runtime.respond(event, event.payload)


async def _print(runtime: FakeRuntime, event: Event) -> None:
    for text in event.json["lines"]:
        runtime.print(f"{text}\n")
    await runtime.respond(event, b"null")


async def _headers(runtime: FakeRuntime, event: Event) -> None:
    await runtime.respond(event, json.dumps(event.headers).encode())


async def _size(runtime: FakeRuntime, event: Event) -> None:
    await runtime.respond(event, b"1" * event.json["bytes"])


_ACTS = {
    "fail": _fail,
    "exit": _exit,
    "hang": _hang,
    "wait": _wait,
    "print": _print,
    "headers": _headers,
    "answer": _size,
}


class OneImage(KeepsImages):
    """Every runtime's image is there; `fails` is raised instead."""

    def __init__(self) -> None:
        self.fails: WorkbenchError | None = None

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
        return Image(reference="fake", digest="0" * 64)


class NoDependencies:
    """No function has any."""

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        raise AssertionError(f"{name} was to have no dependencies")


class AlwaysThere:
    """An engine that never goes."""

    async def wait_lost(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def check(self) -> None:
        """It is there."""


class UnchangingFiles:
    """A project whose files nobody edits."""

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project = project
        self._settings = settings

    def read(self) -> Project:
        return self._project

    def read_function(self, folder: Path, manifest: bytes | None = None) -> Function | None:
        return next((f for f in self._project.functions if f.folder == folder), None)

    @property
    def concurrency(self) -> int:
        return self._settings.limits.concurrency


async def _all_well() -> tuple[Finding, ...]:
    return ()


async def _nothing_to_mend(_fixes: tuple[str, ...], _say: Say) -> dict[str, DriverError]:
    return {}


async def _there_is_one(_say: Say) -> None:
    """The fake one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeHouse:
    """The workbench, and what a test can do to what is below it."""

    workbench: Workbench
    driver: FakeDriver
    images: OneImage


def a_function(root: Path, name: str, *, timeout_s: int = 3, broken: str | None = None) -> Function:
    """A function with a folder, and nothing in it."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    if broken is not None:
        problem = Problem(path=folder / "function.toml", line=1, message=broken)
        return Function(
            name=FunctionName(name), folder=folder, configuration=None, problems=(problem,)
        )
    return Function(
        name=FunctionName(name),
        folder=folder,
        configuration=FunctionConfiguration(
            name=FunctionName(name),
            runtime=RuntimeName("python3.13"),
            handler="app.handler",
            timeout_s=timeout_s,
        ),
        events=tuple(sorted(file.stem for file in folder.glob("events/*.json"))),
    )


@asynccontextmanager
async def fake_house(
    root: Path, *functions: Function, settings: Settings | None = None
) -> AsyncIterator[FakeHouse]:
    """All of it, running."""
    settings = settings or Settings()
    clock, bus = SystemClock(), Bus()
    state = root / ".workbench"
    desk = HookDesk()
    driver = FakeDriver(clock, Behaviour(programs=(obedient,)))
    images = OneImage()
    runtimes = {RuntimeName("python3.13"): a_runtime()}
    files = UnchangingFiles(Project(root=root, functions=functions), settings)
    async with open_store(
        state, bus=bus, clock=clock, settings=settings, kind=InstanceKind.CLI
    ) as store:
        surroundings = Surroundings(
            driver=driver,
            endpoints=Endpoints(limits=settings.limits),
            journal=store.journal,
            bus=bus,
            clock=clock,
            settings=settings,
            labels=(),
            hook_reports=desk,
        )

        ledger = Ledger(limit=settings.limits.concurrency)

        @asynccontextmanager
        async def open_engine() -> AsyncIterator[OpenEngine]:
            async with driver.open(), Scheduler(surroundings, ledger=ledger).open() as scheduler:
                yield OpenEngine(
                    kind="fake",
                    version="1",
                    isolated=True,
                    scheduler=scheduler,
                    images=images,
                    dependencies=NoDependencies(),
                    presence=AlwaysThere(),
                )

        registry = Registry(files.read())
        keeper = EngineKeeper(open_engine, bus=bus, clock=clock)
        code = CodeStore(state / "code")
        preparation = Preparation(
            keeper=keeper,
            code=code,
            layers=the_layers(state, code, settings, clock),
            runtimes=runtimes,
        )
        reload = Reload(
            registry=registry,
            preparation=preparation,
            keeper=keeper,
            reader=files,
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
            read_function=files.read_function,
            ledger=ledger,
            history=store.history,
            bus=bus,
            clock=clock,
        )
        invoker = Invoker(
            reload=reload,
            published=releases.published,
            keeper=keeper,
            clock=clock,
            settings=settings,
        )
        workbench = Workbench(
            settings=settings,
            catalog=Catalog(registry=registry, runtimes=runtimes, create=create_function),
            events=Events(registry=registry, files=EventFiles(root, state / "trash")),
            invocations=Invocations(invoker=invoker, keeper=keeper, history=store.history),
            environments=Environments(
                keeper=keeper,
                registry=registry,
                preparation=preparation,
                reload=reload,
                history=store.history,
            ),
            concurrency=Concurrency(
                ledger=ledger,
                registry=registry,
                history=store.history,
                memory_budget_mb=lambda: 1000,
            ),
            instances=Instances(own=store.instance, state=state, clock=clock),
            doctor=Doctor(examine=_all_well, mend=_nothing_to_mend, provide_engine=_there_is_one),
            keys=SealingKeys(lambda: key_care(state)),
            releases=releases,
            deploying=make_deploying(
                releases.repository,
                invoker=invoker,
                keeper=keeper,
                history=store.history,
                desk=desk,
                bus=bus,
                clock=clock,
            ),
            bus=bus,
        )
        async with asyncio.TaskGroup() as tasks:
            recording = tasks.create_task(store.run())
            keeping = tasks.create_task(keeper.run())
            await keeper.ready()
            async with reload.open():
                try:
                    yield FakeHouse(workbench=workbench, driver=driver, images=images)
                finally:
                    keeping.cancel()
            recording.cancel()
